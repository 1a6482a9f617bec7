// One program at a time.
#pragma once

#include <string>

namespace capacity {

// While it lives, no other program holds the lock of this file, which is made where it is missing
// and stays. Waits for it. Where the file cannot be made nothing is locked: writing there will say
// why.
class FileLock {
 public:
  explicit FileLock(const std::string& file);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  const int descriptor_;  // negative: not locked
};

}  // namespace capacity
