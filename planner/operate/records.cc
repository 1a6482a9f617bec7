#include "planner/operate/records.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "planner/base/file_lock.h"

namespace capacity::operate {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargest = 1 << 20;  // bytes of the record

std::string RecordFile(const std::string& directory) { return directory + "/launches.json"; }

absl::Status Failed(const std::string& path) {
  return absl::UnavailableError(
      absl::StrCat(path, ": ", std::error_code(errno, std::generic_category()).message()));
}

absl::Status MakeDirectory(const std::string& directory) {
  if (directory.empty()) {
    return absl::FailedPreconditionError("neither XDG_STATE_HOME nor HOME says where to keep it");
  }
  std::error_code error;
  fs::create_directories(fs::path(directory).parent_path(), error);
  if (mkdir(directory.c_str(), S_IRWXU) != 0 && errno != EEXIST) return Failed(directory);
  return absl::OkStatus();
}

// Whole or not at all.
absl::Status Replace(const std::string& file, const std::string& text) {
  std::string temporary = file + ".XXXXXX";
  const int number = mkstemp(temporary.data());
  if (number < 0) return Failed(file);
  const bool written =
      write(number, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      fsync(number) == 0;
  absl::Status status = written ? absl::OkStatus() : Failed(file);
  close(number);
  if (status.ok() && std::rename(temporary.c_str(), file.c_str()) != 0) status = Failed(file);
  if (!status.ok()) unlink(temporary.c_str());
  return status;
}

// No other planner changes the record meanwhile.
std::string LockFile(const std::string& directory) { return directory + "/launches.lock"; }

// Ended, and not yet waited for by whoever inherited it (proc(5)); only known on Linux.
bool IsZombie(int process) {
  std::ifstream in(absl::StrCat("/proc/", process, "/stat"));
  const std::string stat{std::istreambuf_iterator<char>(in), {}};
  const std::size_t name_end = stat.rfind(") ");  // a name may hold anything
  return name_end != std::string::npos && stat.compare(name_end, 3, ") Z") == 0;
}

}  // namespace

std::string HostName() {
  constexpr std::size_t kLongest = 256;  // bytes
  char name[kLongest] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

ProcessState ProcessOf(const launch::Record& record) {
  if (record.process <= 0 || record.host.empty() || record.host != HostName()) {
    return ProcessState::kUnknown;
  }
  if (kill(record.process, 0) != 0 && errno == ESRCH) return ProcessState::kEnded;
  return IsZombie(record.process) ? ProcessState::kEnded : ProcessState::kRuns;
}

std::string DefaultLaunchDirectory() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  const std::string state = variable("XDG_STATE_HOME");
  const std::string home = variable("HOME");
  // The XDG specification has relative paths ignored.
  if (fs::path(state).is_absolute()) return state + "/capacity-planner";
  return home.empty() ? "" : home + "/.local/state/capacity-planner";
}

absl::StatusOr<std::vector<launch::Record>> LoadRecords(const std::string& directory) {
  const std::string file = RecordFile(directory);
  std::ifstream in(file, std::ios::binary);
  if (directory.empty() || !in) return std::vector<launch::Record>{};
  std::string text(kLargest + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kLargest) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": longer than 1 MiB; remove it"));
  }
  absl::StatusOr<std::vector<launch::Record>> records = launch::ReadRecords(text);
  if (!records.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, ": ", std::string(records.status().message()), "; remove it"));
  }
  return records;
}

absl::Status KeepRecord(const std::string& directory, const launch::Record& record) {
  if (absl::Status made = MakeDirectory(directory); !made.ok()) return made;
  const absl::StatusOr<FileLock> lock = FileLock::Acquire(LockFile(directory));
  if (!lock.ok()) return lock.status();
  absl::StatusOr<std::vector<launch::Record>> records = LoadRecords(directory);
  if (!records.ok()) return records.status();
  return Replace(RecordFile(directory),
                 launch::RecordsJson(launch::WithRecord(*std::move(records), record)));
}

absl::Status ForgetRecord(const std::string& directory, const std::string& url,
                          const std::string& model) {
  std::error_code error;
  if (!fs::exists(RecordFile(directory), error)) return absl::OkStatus();
  const absl::StatusOr<FileLock> lock = FileLock::Acquire(LockFile(directory));
  if (!lock.ok()) return lock.status();
  absl::StatusOr<std::vector<launch::Record>> records = LoadRecords(directory);
  if (!records.ok()) return records.status();
  const auto removed = std::erase_if(*records, [&](const launch::Record& record) {
    return record.url == url && record.model == model;
  });
  return removed == 0 ? absl::OkStatus()
                      : Replace(RecordFile(directory), launch::RecordsJson(*records));
}

absl::StatusOr<std::string> LogFile(const std::string& directory, const std::string& model,
                                    int port) {
  if (absl::Status made = MakeDirectory(directory); !made.ok()) return made;
  std::string name = model;
  std::replace(name.begin(), name.end(), '/', '-');
  return absl::StrCat(directory, "/", name, "-", port, ".log");
}

}  // namespace capacity::operate
