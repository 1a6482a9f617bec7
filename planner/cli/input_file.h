// A file, or standard input, as text.
#pragma once

#include <optional>
#include <string>

namespace capacity::cli {

// "-" is standard input. Reads no more than `limit` bytes; nullopt after printing why not to
// stderr.
std::optional<std::string> ReadInputOrPrint(const std::string& file, std::size_t limit);

}  // namespace capacity::cli
