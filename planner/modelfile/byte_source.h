// Where the bytes of a model file come from: a file on disk, or memory in tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace capacity::modelfile {

// Random access to bytes that do not change. Reads are the caller's to bound: nothing here maps a
// file or holds more than it was asked for.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  // How a person knows it: the path.
  virtual const std::string& name() const = 0;
  virtual std::uint64_t size() const = 0;
  // Exactly `count` bytes from `offset` into `out`. OutOfRange beyond the end, DataLoss when the
  // disk fails.
  virtual absl::Status Read(std::uint64_t offset, char* out, std::size_t count) = 0;
};

// A regular file. InvalidArgument for a directory, a pipe or a device (none of which is opened),
// NotFound, PermissionDenied; the message names the path.
absl::StatusOr<std::unique_ptr<ByteSource>> OpenFile(const std::string& path);

// Bytes that outlive the source.
class MemorySource : public ByteSource {
 public:
  MemorySource(std::string name, std::string_view bytes) : name_(std::move(name)), bytes_(bytes) {}

  const std::string& name() const override { return name_; }
  std::uint64_t size() const override { return bytes_.size(); }
  absl::Status Read(std::uint64_t offset, char* out, std::size_t count) override;

 private:
  std::string name_;
  std::string_view bytes_;
};

}  // namespace capacity::modelfile
