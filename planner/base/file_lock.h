// One program at a time.
#pragma once

#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace capacity {

// While it lives, no other program holds the lock of this file, which is made where it is missing
// and stays.
class FileLock {
 public:
  // Waits for it. Unavailable: the file cannot be made or locked.
  static absl::StatusOr<FileLock> Acquire(const std::string& file);
  ~FileLock();
  FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace capacity
