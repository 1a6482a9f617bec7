#include "planner/store/location.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace capacity::store {
namespace {

namespace fs = std::filesystem;

absl::Status Failed(const std::string& path, std::string_view what) {
  return absl::UnavailableError(absl::StrCat(path, " cannot be ", std::string(what), ": ",
                                             std::generic_category().message(errno)));
}

// Pages of the write-ahead log after which a commit also moves them into the database: 16 MiB of
// 4 KiB pages. At the default of 1,000 the log is emptied several times a second under load.
constexpr const char* kWriterSettings =
    "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 4000;"
    "PRAGMA journal_size_limit = 67108864";

absl::Status MakeDirectory(const std::string& directory) {
  std::error_code error;
  const fs::path path(directory);
  if (fs::is_directory(path, error)) return absl::OkStatus();
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), error);
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return Failed(directory, "made");
  return absl::OkStatus();
}

// "1234" out of the lock file; "" when it says nothing.
std::string HolderOf(int descriptor) {
  char text[32] = {};
  const ssize_t size = pread(descriptor, text, sizeof text - 1, 0);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : "";
}

}  // namespace

std::string DatabasePath(const std::string& directory) {
  return (fs::path(directory) / "fleet.sqlite").string();
}

absl::Status Prepare(const std::string& directory) {
  if (absl::Status made = MakeDirectory(directory); !made.ok()) return made;
  const std::string path = DatabasePath(directory);
  // SQLite would make it readable for others; its log and index take the mode of the database.
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return Failed(path, "opened");
  struct stat status{};
  const bool closed_to_others =
      fstat(file, &status) == 0 && ((status.st_mode & 077) == 0 || fchmod(file, 0600) == 0);
  const absl::Status result = closed_to_others ? absl::OkStatus() : Failed(path, "made private");
  close(file);
  return result;
}

absl::StatusOr<std::unique_ptr<ServingLock>> ServingLock::Take(const std::string& directory) {
  const std::string path = (fs::path(directory) / "planner.lock").string();
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return Failed(path, "opened");
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const bool taken = errno == EWOULDBLOCK;
    const std::string holder = HolderOf(descriptor);
    const absl::Status failed = Failed(path, "locked");
    close(descriptor);
    if (!taken) return failed;
    return absl::FailedPreconditionError(
        absl::StrCat("another planner", holder.empty() ? "" : " (process " + holder + ")",
                     " serves from ", directory, ": stop it, or use another directory"));
  }
  // Who holds it is only for that message, so that a full disk does not matter here.
  const std::string self = absl::StrCat(getpid());
  if (ftruncate(descriptor, 0) != 0 ||
      pwrite(descriptor, self.data(), self.size(), 0) != static_cast<ssize_t>(self.size())) {
    errno = 0;
  }
  return std::unique_ptr<ServingLock>(new ServingLock(descriptor));
}

ServingLock::~ServingLock() { close(descriptor_); }

absl::StatusOr<std::unique_ptr<Database>> OpenForWriting(const std::string& directory) {
  auto database = Database::Open(DatabasePath(directory), Database::Access::kReadWrite);
  if (!database.ok()) return database;
  (*database)->RunScript(kWriterSettings);
  if (absl::Status error = (*database)->TakeError(); !error.ok()) return error;
  return database;
}

absl::StatusOr<std::unique_ptr<Database>> OpenForReading(const std::string& directory) {
  return Database::Open(DatabasePath(directory), Database::Access::kReadOnly);
}

}  // namespace capacity::store
