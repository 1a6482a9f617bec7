// Text of strangers in what a person reads: file names, names of tensors, keys of metadata.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace capacity::modelfile {

// `text` with everything that a terminal could obey put as '?': control characters of ASCII and
// Unicode (U+0080 to U+009F), marks that turn the direction of writing round, line and paragraph
// separators, and bytes that are no UTF-8.
std::string Shown(std::string_view text);
// The first `most` bytes of `text` without what is no printable ASCII: a word of a file that
// becomes a name or part of one, in YAML too.
std::string Printable(std::string_view text, std::size_t most);
// The same status with its message shown.
absl::Status Shown(const absl::Status& status);

}  // namespace capacity::modelfile
