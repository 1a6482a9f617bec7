#include "planner/modelfile/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace capacity::modelfile {
namespace {

std::string Words(int error) { return std::error_code(error, std::generic_category()).message(); }

absl::Status Beyond(const ByteSource& source, std::uint64_t offset, std::size_t count) {
  return absl::OutOfRangeError(absl::StrCat(source.name(), ": byte ", offset, ": ", count,
                                            " more bytes are needed; the file has ", source.size(),
                                            " and ends too early (a truncated download?)"));
}

bool Contains(const ByteSource& source, std::uint64_t offset, std::size_t count) {
  return offset <= source.size() && count <= source.size() - offset;
}

class File : public ByteSource {
 public:
  File(std::string name, int descriptor, std::uint64_t size)
      : name_(std::move(name)), descriptor_(descriptor), size_(size) {}
  ~File() override { close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const std::string& name() const override { return name_; }
  std::uint64_t size() const override { return size_; }

  absl::Status Read(std::uint64_t offset, char* out, std::size_t count) override {
    if (!Contains(*this, offset, count)) return Beyond(*this, offset, count);
    while (count > 0) {
      const ssize_t got = pread(descriptor_, out, count, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) {
        return absl::DataLossError(
            absl::StrCat(name_, ": byte ", offset, ": reading failed: ", Words(errno)));
      }
      if (got == 0) return Beyond(*this, offset, count);  // it shrank meanwhile
      out += got;
      offset += static_cast<std::uint64_t>(got);
      count -= static_cast<std::size_t>(got);
    }
    return absl::OkStatus();
  }

 private:
  std::string name_;
  int descriptor_;
  std::uint64_t size_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ByteSource>> OpenFile(const std::string& path) {
  // O_NONBLOCK: opening a pipe that nobody writes to must not wait.
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    const int error = errno;
    const std::string message = absl::StrCat(path, ": ", Words(error));
    if (error == ENOENT) return absl::NotFoundError(message);
    if (error == EACCES) return absl::PermissionDeniedError(message);
    return absl::InvalidArgumentError(message);
  }
  struct stat info{};
  if (fstat(descriptor, &info) != 0) {
    const int error = errno;
    close(descriptor);
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", Words(error)));
  }
  if (!S_ISREG(info.st_mode)) {
    close(descriptor);
    return absl::InvalidArgumentError(absl::StrCat(
        path, S_ISDIR(info.st_mode) ? ": is a directory; name the file in it, or use --model-dir"
                                    : ": is no regular file (a pipe or a device)"));
  }
  return std::make_unique<File>(path, descriptor, static_cast<std::uint64_t>(info.st_size));
}

absl::Status MemorySource::Read(std::uint64_t offset, char* out, std::size_t count) {
  if (!Contains(*this, offset, count)) return Beyond(*this, offset, count);
  if (count > 0) std::memcpy(out, bytes_.data() + offset, count);
  return absl::OkStatus();
}

}  // namespace capacity::modelfile
