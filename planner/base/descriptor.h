// A file descriptor that closes itself, and what is read of small files with one.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace capacity {

class Descriptor {
 public:
  // What open() returned; negative: it failed, and errno says why.
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : number_(other.Release()) {}
  Descriptor& operator=(Descriptor&&) = delete;

  int number() const { return number_; }
  bool open() const { return number_ >= 0; }
  // For whom closing is somebody else's.
  int Release() { return std::exchange(number_, -1); }
  // True when closing reported no late write error.
  bool Close();

 private:
  int number_;
};

// All of a file of at most `most_bytes`; no link is followed at its end. NotFound: it is not there.
// DataLoss: it is no file, or larger. Unavailable: the disk does not give it now.
absl::StatusOr<std::string> ReadRegularFile(const std::string& path, std::size_t most_bytes);

}  // namespace capacity
