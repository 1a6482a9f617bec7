#include "planner/base/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace capacity {
namespace {

absl::Status Failed(const std::string& file, const char* what) {
  return absl::UnavailableError(
      absl::StrCat(file, ": ", what, ": ", std::generic_category().message(errno)));
}

}  // namespace

absl::StatusOr<FileLock> FileLock::Acquire(const std::string& file) {
  FileLock lock(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (lock.descriptor_ < 0) return Failed(file, "cannot be created");
  while (flock(lock.descriptor_, LOCK_EX) != 0) {
    if (errno != EINTR) return Failed(file, "cannot be locked");
  }
  return lock;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace capacity
