#include "planner/prices/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/base/descriptor.h"
#include "planner/base/file_lock.h"

namespace capacity::prices {
namespace {

namespace fs = std::filesystem;

std::string Because(int error) { return std::generic_category().message(error); }

absl::Status Failed(std::string_view what, const std::string& file) {
  return absl::UnavailableError(absl::StrCat(file, ": ", std::string(what), ": ", Because(errno)));
}

absl::Status WriteAll(const Descriptor& out, std::string_view text, const std::string& file) {
  while (!text.empty()) {
    const ssize_t written = write(out.number(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed("cannot be written", file);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return absl::OkStatus();
}

// A rename is on disk when its directory is.
absl::Status SyncDirectory(const std::string& directory) {
  const Descriptor handle(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!handle.open() || fsync(handle.number()) != 0) return Failed("cannot be synced", directory);
  return absl::OkStatus();
}

std::string DirectoryOf(const std::string& file) {
  const fs::path parent = fs::path(file).parent_path();
  return parent.empty() ? "." : parent.string();
}

// The whole file; an absent one is empty.
absl::StatusOr<std::string> ReadWhole(const std::string& file) {
  const Descriptor in(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in.open()) {
    if (errno == ENOENT) return std::string();
    return Failed("cannot be read", file);
  }
  std::string text;
  char buffer[1 << 16];
  while (true) {
    const ssize_t got = read(in.number(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("cannot be read", file);
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.size() > kMaxStoreBytes) {
      return absl::OutOfRangeError(
          absl::StrCat(file, ": larger than ", kMaxStoreBytes >> 20, " MiB"));
    }
  }
}

}  // namespace

ReadHistory LoadHistory(const std::string& file) {
  const absl::StatusOr<std::string> text = ReadWhole(file);
  if (text.ok()) return ParseHistory(file, *text);
  ReadHistory out;
  std::string what(text.status().message());
  if (what.rfind(file + ": ", 0) == 0) what.erase(0, file.size() + 2);
  out.problems.push_back({file, 0, 0, std::move(what), ""});
  return out;
}

absl::Status ReplaceFile(const std::string& file, const std::string& text) {
  // A link is followed, so that the file it leads to changes and the link stays.
  std::error_code error;
  const fs::path real = fs::weakly_canonical(file, error);
  const std::string target = error ? file : real.string();
  std::string temporary = target + ".XXXXXX";
  Descriptor out(mkostemp(temporary.data(), O_CLOEXEC));
  if (!out.open()) return Failed("cannot be created", temporary);
  struct stat old{};
  const mode_t mode = stat(target.c_str(), &old) == 0 ? old.st_mode & 0777 : 0644;
  absl::Status status = WriteAll(out, text, temporary);
  if (status.ok() && fchmod(out.number(), mode) != 0)
    status = Failed("cannot be written", temporary);
  if (status.ok() && fsync(out.number()) != 0) status = Failed("cannot be synced", temporary);
  if (status.ok() && !out.Close()) status = Failed("cannot be written", temporary);
  if (status.ok() && std::rename(temporary.c_str(), target.c_str()) != 0) {
    status = Failed("cannot be replaced", target);
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  return SyncDirectory(DirectoryOf(target));
}

absl::StatusOr<StoreChange> ChangeStore(const std::string& file,
                                        const std::function<void(History&)>& change) {
  std::error_code error;
  fs::create_directories(DirectoryOf(file), error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat(DirectoryOf(file), ": cannot be created: ", error.message()));
  }
  const absl::StatusOr<FileLock> lock = FileLock::Acquire(file + ".lock");
  if (!lock.ok()) return lock.status();
  const absl::StatusOr<std::string> before = ReadWhole(file);
  if (!before.ok()) return before.status();
  ReadHistory read = ParseHistory(file, *before);
  StoreChange out;
  if (!read.history) {
    out.problems = std::move(read.problems);
    return out;
  }
  change(*read.history);
  const std::string after = ToText(*read.history);
  if (after == *before || (before->empty() && read.history->records.empty())) return out;
  if (absl::Status status = ReplaceFile(file, after); !status.ok()) return status;
  out.written = true;
  return out;
}

}  // namespace capacity::prices
