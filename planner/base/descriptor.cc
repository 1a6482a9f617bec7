#include "planner/base/descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace capacity {
namespace {

absl::Status Failed(const std::string& path, const char* what) {
  return absl::UnavailableError(
      absl::StrCat(path, " cannot be ", what, ": ", std::generic_category().message(errno)));
}

}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) close(number_);
}

bool Descriptor::Close() { return close(Release()) == 0; }

absl::StatusOr<std::string> ReadRegularFile(const std::string& path, std::size_t most_bytes) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.open() && errno == ENOENT) return absl::NotFoundError(absl::StrCat(path, " is gone"));
  struct stat facts = {};
  if (!file.open() || fstat(file.number(), &facts) != 0) return Failed(path, "opened");
  if (!S_ISREG(facts.st_mode)) return absl::DataLossError(absl::StrCat(path, " is no file"));
  if (static_cast<std::uint64_t>(facts.st_size) > most_bytes) {
    return absl::DataLossError(absl::StrCat(path, " has more than ", most_bytes, " bytes"));
  }
  std::string bytes(static_cast<std::size_t>(facts.st_size), '\0');
  std::size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t part = read(file.number(), bytes.data() + size, bytes.size() - size);
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) return Failed(path, "read");
    if (part == 0) break;
    size += static_cast<std::size_t>(part);
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace capacity
