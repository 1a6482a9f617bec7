// Files that hold keys and certificates: complete on disk or not there at all, mode 0600.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace capacity::pki {

// Larger ones are refused: no key, certificate or token is that large.
inline constexpr std::size_t kMaxSecretFileBytes = std::size_t{64} << 10;

// Writes a file that must not exist yet (AlreadyExists: nothing is changed), mode 0600. The
// directory is made with mode 0700 when it is absent. Unavailable: the disk refuses.
absl::Status WriteNewFile(const std::string& path, std::string_view text);

// The same, in place of what is there.
absl::Status ReplaceFile(const std::string& path, std::string_view text);

// NotFound; InvalidArgument when too large; Unavailable when it cannot be read.
absl::StatusOr<std::string> ReadFile(const std::string& path);

// The same for a file with a private key: PermissionDenied when others than its owner could read
// it, with the command that mends it.
absl::StatusOr<std::string> ReadSecretFile(const std::string& path);

}  // namespace capacity::pki
