#include "planner/pki/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/base/descriptor.h"

namespace capacity::pki {
namespace {

namespace fs = std::filesystem;

std::string Because(int error) { return std::generic_category().message(error); }

absl::Status Failed(const std::string& path, std::string_view what) {
  return absl::UnavailableError(
      absl::StrCat(path, " cannot be ", std::string(what), ": ", Because(errno)));
}

// Removes its file unless told that the file has found its place.
class Temporary {
 public:
  explicit Temporary(std::string path) : path_(std::move(path)) {}
  ~Temporary() {
    if (!path_.empty()) unlink(path_.c_str());
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  const std::string& path() const { return path_; }
  void Keep() { path_.clear(); }

 private:
  std::string path_;
};

bool WriteAll(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

std::string DirectoryOf(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

absl::Status MakeDirectory(const std::string& directory) {
  std::error_code error;
  if (fs::is_directory(directory, error)) return absl::OkStatus();
  const std::string above = DirectoryOf(directory);
  if (above != directory && !fs::is_directory(above, error)) {
    if (absl::Status made = MakeDirectory(above); !made.ok()) return made;
  }
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return Failed(directory, "made");
  return absl::OkStatus();
}

// A name that was just linked or renamed is durable only when its directory is.
absl::Status SyncDirectory(const std::string& directory) {
  const Descriptor handle(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!handle.open() || fsync(handle.number()) != 0) return Failed(directory, "written to disk");
  return absl::OkStatus();
}

absl::Status WriteDurably(const std::string& path, std::string_view text) {
  Descriptor out(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out.open()) return Failed(path, "made");
  if (!WriteAll(out.number(), text) || fsync(out.number()) != 0 || !out.Close()) {
    return Failed(path, "written");
  }
  return absl::OkStatus();
}

// Writes a complete file beside `path` and lets `place` give it the name.
template <class Place>
absl::Status WriteBeside(const std::string& path, std::string_view text, Place place) {
  const std::string directory = DirectoryOf(path);
  if (absl::Status made = MakeDirectory(directory); !made.ok()) return made;
  Temporary temporary(absl::StrCat(path, ".new-", getpid()));
  unlink(temporary.path().c_str());  // left by a process of the same number that was killed
  if (absl::Status written = WriteDurably(temporary.path(), text); !written.ok()) return written;
  if (absl::Status placed = place(temporary); !placed.ok()) return placed;
  return SyncDirectory(directory);
}

}  // namespace

absl::Status WriteNewFile(const std::string& path, std::string_view text) {
  return WriteBeside(path, text, [&path](Temporary& temporary) {
    // Unlike rename, link never replaces.
    if (link(temporary.path().c_str(), path.c_str()) == 0) return absl::OkStatus();
    if (errno == EEXIST) return absl::AlreadyExistsError(absl::StrCat(path, " exists already"));
    return Failed(path, "made");
  });
}

absl::Status ReplaceFile(const std::string& path, std::string_view text) {
  return WriteBeside(path, text, [&path](Temporary& temporary) {
    if (rename(temporary.path().c_str(), path.c_str()) != 0) return Failed(path, "replaced");
    temporary.Keep();
    return absl::OkStatus();
  });
}

namespace {

absl::StatusOr<std::string> ReadDescriptor(const Descriptor& in, const std::string& path) {
  std::string text(kMaxSecretFileBytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(in.number(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed(path, "read");
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > kMaxSecretFileBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is larger than ", kMaxSecretFileBytes, " bytes"));
  }
  text.resize(size);
  return text;
}

absl::Status NotOpened(const std::string& path) {
  if (errno == ENOENT) return absl::NotFoundError(absl::StrCat(path, " does not exist"));
  if (errno == EACCES) {
    return absl::PermissionDeniedError(absl::StrCat(path, " may not be read by this user"));
  }
  return Failed(path, "opened");
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const Descriptor in(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in.open()) return NotOpened(path);
  return ReadDescriptor(in, path);
}

absl::StatusOr<std::string> ReadSecretFile(const std::string& path) {
  const Descriptor in(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in.open()) return NotOpened(path);
  struct stat status{};
  if (fstat(in.number(), &status) != 0) return Failed(path, "examined");
  if ((status.st_mode & 077) != 0) {
    return absl::PermissionDeniedError(absl::StrCat(
        path, " holds a private key and others may use it; make it private: chmod 600 ", path));
  }
  return ReadDescriptor(in, path);
}

}  // namespace capacity::pki
