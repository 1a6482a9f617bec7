#include "node-agent/reporter/inbox.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "node-agent/reporter/wire.h"
#include "planner/base/descriptor.h"

namespace capacity::reporter {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kWaiting = ".speed";
constexpr std::string_view kRefused = ".speed.refused";
constexpr std::string_view kUnfinished = ".new";
constexpr std::size_t kTimeDigits = 20;  // of the largest 64-bit number
constexpr std::size_t kIdDigits = 32;
constexpr std::time_t kAbandonedSeconds = 3'600;  // nobody writes one file for so long

absl::Status Failed(const std::string& path, std::string_view what) {
  return absl::UnavailableError(absl::StrCat(path, " cannot be ", std::string(what), ": ",
                                             std::generic_category().message(errno)));
}

bool IsId(std::string_view text) {
  return text.size() == kIdDigits && text.find_first_not_of("0123456789abcdef") == text.npos;
}

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// "TIME-ID" and one of the endings.
bool IsNamed(std::string_view name, std::string_view ending) {
  constexpr std::size_t kStem = kTimeDigits + 1 + kIdDigits;
  return name.size() == kStem + ending.size() && EndsWith(name, ending) &&
         name.substr(0, kTimeDigits).find_first_not_of("0123456789") == name.npos &&
         name[kTimeDigits] == '-' && IsId(name.substr(kTimeDigits + 1, kIdDigits));
}

// Sorts by time.
std::string NameOf(const agent::SpeedMeasurement& measurement) {
  const std::string digits = std::to_string(measurement.taken_at_unix_ms);
  return absl::StrCat(std::string(kTimeDigits - digits.size(), '0'), digits, "-", measurement.id,
                      std::string(kWaiting));
}

struct File {
  std::string name;
  std::uint64_t bytes = 0;
  std::time_t changed = 0;
};

// Everything in a directory, by name; nothing when it cannot be read. `directory` stays open.
std::vector<File> FilesIn(int directory) {
  std::vector<File> files;
  Descriptor again(openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR* const listing = again.open() ? fdopendir(again.number()) : nullptr;
  if (listing == nullptr) return files;
  again.Release();  // closedir closes it
  while (const dirent* const entry = readdir(listing)) {
    struct stat facts = {};
    if (fstatat(directory, entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (!S_ISREG(facts.st_mode)) continue;
    files.push_back({entry->d_name, static_cast<std::uint64_t>(facts.st_size), facts.st_mtime});
  }
  closedir(listing);
  std::sort(files.begin(), files.end(),
            [](const File& a, const File& b) { return a.name < b.name; });
  return files;
}

// What root makes in somebody's directory is theirs.
bool GiveTo(int file, const struct stat& owner) {
  return geteuid() != 0 || fchown(file, owner.st_uid, owner.st_gid) == 0;
}

// `path`/inbox, made when it is absent. Nothing below `path` is followed out of it.
absl::StatusOr<Descriptor> OpenOrMake(const std::string& path, const std::string& inbox) {
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return Failed(path, "made");
  const Descriptor state(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat owner = {};
  if (!state.open() || fstat(state.number(), &owner) != 0) return Failed(path, "opened");
  const bool made = mkdirat(state.number(), "inbox", 0700) == 0;
  if (!made && errno != EEXIST) return Failed(inbox, "made");
  Descriptor directory(
      openat(state.number(), "inbox", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.open()) return Failed(inbox, "opened");
  if (made && (!GiveTo(directory.number(), owner) || fsync(state.number()) != 0)) {
    return Failed(inbox, "made");
  }
  return directory;
}

bool WriteAll(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// Complete under `name` or not there at all.
absl::Status WriteInto(int directory, const std::string& inbox, const std::string& name,
                       std::string_view bytes) {
  const std::string beside = absl::StrCat(name, std::string(kUnfinished));
  unlinkat(directory, beside.c_str(), 0);  // of a process that was killed while it wrote
  struct stat owner = {};
  Descriptor out(openat(directory, beside.c_str(),
                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  const bool written = out.open() && fstat(directory, &owner) == 0 && GiveTo(out.number(), owner) &&
                       WriteAll(out.number(), bytes) && fsync(out.number()) == 0 && out.Close();
  if (!written || renameat(directory, beside.c_str(), directory, name.c_str()) != 0 ||
      fsync(directory) != 0) {
    const absl::Status failed = Failed(inbox, "written");
    unlinkat(directory, beside.c_str(), 0);
    return failed;
  }
  return absl::OkStatus();
}

// What was said before of the same measurement, perhaps at another time: the newest counts. Not
// what is just being written.
void RemoveOlder(int directory, std::vector<File>& files, const std::string& newest) {
  const std::string id = newest.substr(kTimeDigits + 1, kIdDigits);
  const auto older = [&](const File& file) {
    return file.name != newest && (IsNamed(file.name, kWaiting) || IsNamed(file.name, kRefused)) &&
           file.name.compare(kTimeDigits + 1, kIdDigits, id) == 0 &&
           unlinkat(directory, file.name.c_str(), 0) == 0;
  };
  std::erase_if(files, older);
}

void RemoveAbandoned(int directory, const std::vector<File>& files) {
  for (const File& file : files) {
    if (!EndsWith(file.name, kUnfinished)) continue;
    if (std::time(nullptr) - file.changed < kAbandonedSeconds) continue;
    unlinkat(directory, file.name.c_str(), 0);
  }
}

// Of the inbox's own files those that may go, first the one that may go first.
std::vector<File> Expendable(const std::vector<File>& files, const std::string& newest) {
  std::vector<File> own;
  for (const std::string_view ending : {kRefused, kWaiting}) {
    for (const File& file : files) {
      if (IsNamed(file.name, ending) && file.name != newest) own.push_back(file);
    }
  }
  return own;
}

// How many went.
int KeepWithin(const Inbox::Limits& limits, int directory, const std::vector<File>& files,
               const std::string& newest) {
  const std::vector<File> expendable = Expendable(files, newest);
  std::size_t entries = 1 + expendable.size();
  std::uint64_t bytes = 0;
  for (const File& file : files) bytes += file.name == newest ? file.bytes : 0;
  for (const File& file : expendable) bytes += file.bytes;
  int gone = 0;
  for (const File& file : expendable) {
    if (entries <= limits.entries && bytes <= limits.bytes) break;
    if (unlinkat(directory, file.name.c_str(), 0) == 0) ++gone;
    --entries;
    bytes -= file.bytes;
  }
  return gone;
}

}  // namespace

std::string IdOfContent(std::string_view content) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(content.data()), content.size(), digest);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), kIdDigits / 2));
}

Inbox::Inbox(const std::string& state_directory) : Inbox(state_directory, Limits{}) {}

Inbox::Inbox(const std::string& state_directory, Limits limits)
    : state_directory_(state_directory),
      directory_((fs::path(state_directory) / "inbox").string()),
      limits_(limits) {}

absl::StatusOr<int> Inbox::Put(const agent::SpeedMeasurement& measurement) const {
  if (!IsId(measurement.id)) {
    return absl::InvalidArgumentError("a measurement's id has 32 hexadecimal digits");
  }
  if (measurement.taken_at_unix_ms < 0) {
    return absl::InvalidArgumentError("a measurement was taken before 1970");
  }
  const std::string bytes = Serialize(measurement);
  if (bytes.size() > kMaxSpeedBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a measurement has ", bytes.size(), " bytes, more than is kept of one"));
  }
  const auto directory = OpenOrMake(state_directory_, directory_);
  if (!directory.ok()) return directory.status();
  const std::string name = NameOf(measurement);
  if (absl::Status written = WriteInto(directory->number(), directory_, name, bytes);
      !written.ok()) {
    return written;
  }
  std::vector<File> files = FilesIn(directory->number());
  RemoveAbandoned(directory->number(), files);
  RemoveOlder(directory->number(), files, name);
  return KeepWithin(limits_, directory->number(), files, name);
}

std::vector<std::string> Inbox::Waiting() const {
  std::vector<std::string> names;
  const Descriptor directory(open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.open()) return names;
  for (const File& file : FilesIn(directory.number())) {
    if (IsNamed(file.name, kWaiting)) names.push_back(file.name);
  }
  return names;
}

absl::StatusOr<std::string> Inbox::Read(const std::string& name) const {
  auto bytes = ReadRegularFile(PathOf(name), kMaxSpeedBytes);
  if (!absl::IsDataLoss(bytes.status())) return bytes;
  return absl::InvalidArgumentError(absl::StrCat(PathOf(name), " is no measurement"));
}

absl::Status Inbox::RemoveIf(const std::string& name, std::string_view bytes) const {
  const absl::StatusOr<std::string> now = Read(name);
  return now.ok() && *now != bytes ? absl::OkStatus() : Remove(name);
}

absl::Status Inbox::Remove(const std::string& name) const {
  if (unlink(PathOf(name).c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return Failed(PathOf(name), "removed");
}

absl::Status Inbox::SetAside(const std::string& name) const {
  const std::string to = PathOf(name.substr(0, name.size() - kWaiting.size())).append(kRefused);
  if (rename(PathOf(name).c_str(), to.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return Failed(PathOf(name), "renamed");
}

std::string Inbox::PathOf(const std::string& name) const {
  return (fs::path(directory_) / name).string();
}

}  // namespace capacity::reporter
