#include "node-agent/host/live.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <utility>

namespace capacity::host {
namespace {

using Clock = std::chrono::steady_clock;

// WSL keeps nvidia-smi, and NixOS everything, in directories which a service's PATH does not have.
constexpr std::array kSystemDirectories = {"/usr/bin",          "/bin",
                                           "/usr/sbin",         "/sbin",
                                           "/usr/local/bin",    "/usr/local/sbin",
                                           "/opt/homebrew/bin", "/opt/mellanox/bin",
                                           "/usr/lib/wsl/lib",  "/run/current-system/sw/bin"};
// How long a reader waits between looks at whether the program has ended.
constexpr int kPollMs = 50;
constexpr int kReadsPerLook = 64;
// How long a program that was killed has to end. One that hangs in the kernel, as nvidia-smi does
// where the driver does (NVIDIA Xid 45), may never.
constexpr std::chrono::seconds kTimeToDie{2};
// Kept of standard error: it only explains failures.
constexpr std::size_t kLongestError = 64 << 10;

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { Close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  void Reset(int fd) {
    Close();
    fd_ = fd;
  }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

struct Pipe {
  Descriptor reader;
  Descriptor writer;
  bool Open() {
    int ends[2];
    if (pipe(ends) != 0) return false;
    reader.Reset(ends[0]);
    writer.Reset(ends[1]);
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return true;
  }
};

std::vector<std::string> SearchPath() {
  std::vector<std::string> directories;
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    const std::string_view directory = rest.substr(0, colon);
    // Relative entries depend on where the agent happens to stand.
    if (!directory.empty() && directory[0] == '/') directories.emplace_back(directory);
    rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
  }
  for (const char* directory : kSystemDirectories) {
    if (std::find(directories.begin(), directories.end(), directory) == directories.end()) {
      directories.emplace_back(directory);
    }
  }
  return directories;
}

// Where the program is; empty when nowhere.
std::string Find(const std::string& program) {
  const auto runs = [](const std::string& path) {
    struct stat info{};
    return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
           access(path.c_str(), X_OK) == 0;
  };
  if (program.find('/') != std::string::npos) return runs(program) ? program : "";
  for (const std::string& directory : SearchPath()) {
    const std::string path = directory + "/" + program;
    if (runs(path)) return path;
  }
  return "";
}

std::vector<std::string> Environment() {
  std::string path = "PATH=";
  for (const std::string& directory : SearchPath()) {
    if (path.size() > 5) path += ':';
    path += directory;
  }
  std::vector<std::string> environment = {path, "LC_ALL=C", "LANG=C", "TERM=dumb"};
  if (const char* home = std::getenv("HOME")) environment.push_back(std::string("HOME=") + home);
  return environment;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Reads what is there, keeping the first `most` bytes. False at the end of the stream.
bool Drain(int fd, std::string& text, std::size_t most, bool& cut) {
  std::array<char, 1 << 16> buffer;
  // Bounded, so that a program that never stops talking does not keep us here.
  for (int round = 0; round < kReadsPerLook; ++round) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    const std::size_t room = most - std::min(most, text.size());
    const std::size_t kept = std::min(room, static_cast<std::size_t>(got));
    text.append(buffer.data(), kept);
    if (kept < static_cast<std::size_t>(got)) cut = true;
  }
  return true;
}

int Spawn(const std::string& path, std::vector<std::string> arguments, const Pipe& out,
          const Pipe& err, pid_t& child) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out.writer.get(), 1);
  posix_spawn_file_actions_adddup2(&actions, err.writer.get(), 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<std::string> environment = Environment();
  const int error = posix_spawn(&child, path.c_str(), &actions, &attributes,
                                Pointers(arguments).data(), Pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

// Process groups of the commands that run now, for a signal handler. As many as ever run at once.
std::array<std::atomic<pid_t>, 16> running_groups{};
static_assert(std::atomic<pid_t>::is_always_lock_free);

// A command that KillRunning finds while this lives.
class Registered {
 public:
  explicit Registered(pid_t group) : group_(group) {
    for (auto& slot : running_groups) {
      pid_t none = 0;
      if (slot.compare_exchange_strong(none, group)) return;
    }
  }
  ~Registered() {
    for (auto& slot : running_groups) {
      pid_t ours = group_;
      if (slot.compare_exchange_strong(ours, 0)) return;
    }
  }
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;

 private:
  const pid_t group_;
};

// Programs that were killed and did not end: none is started again beside one.
class Undead {
 public:
  bool Has(const std::string& path) {
    const std::lock_guard lock(mutex_);
    const auto ended = [](const auto& entry) {
      return waitpid(entry.second, nullptr, WNOHANG) != 0;
    };
    children_.erase(std::remove_if(children_.begin(), children_.end(), ended), children_.end());
    return std::any_of(children_.begin(), children_.end(),
                       [&path](const auto& entry) { return entry.first == path; });
  }
  void Add(const std::string& path, pid_t child) {
    const std::lock_guard lock(mutex_);
    children_.emplace_back(path, child);
  }

 private:
  std::mutex mutex_;
  std::vector<std::pair<std::string, pid_t>> children_;  // guarded by mutex_
};

Undead& TheUndead() {
  static Undead* const undead = new Undead;  // outlives every thread
  return *undead;
}

void KillAndEnd(int signal) {
  KillRunning();
  std::signal(signal, SIG_DFL);
  raise(signal);
}

class LiveHost : public Host {
 public:
  std::vector<Output> Run(const Command& command) override { return {RunOne(command)}; }
  std::optional<std::string> Read(std::string_view path) override;
  std::vector<std::string> List(std::string_view path) override;

 private:
  static Output RunOne(const Command& command);
};

Output LiveHost::RunOne(const Command& command) {
  Output output;
  output.arguments = command.arguments;
  output.how = Output::How::kAbsent;
  if (command.arguments.empty()) return output;
  const std::string path = Find(command.arguments[0]);
  if (path.empty()) return output;
  if (TheUndead().Has(path)) {
    output.how = Output::How::kTimedOut;
    return output;
  }

  output.how = Output::How::kFailed;
  Pipe out;
  Pipe err;
  pid_t child = 0;
  if (!out.Open() || !err.Open()) return output;
  const int error = Spawn(path, command.arguments, out, err, child);
  if (error != 0) {
    if (error == ENOENT) output.how = Output::How::kAbsent;
    return output;
  }
  const Registered registered(child);
  out.writer.Close();
  err.writer.Close();

  Clock::time_point deadline = Clock::now() + command.timeout;
  std::string error_text;
  bool error_cut = false;
  bool out_open = true;
  bool err_open = true;
  bool killed = false;
  bool ended = false;
  int status = 0;
  // Ends with the program, also when a grandchild keeps its pipes open.
  while (!ended) {
    const bool stopped = command.stop != nullptr && *command.stop;
    if (killed && Clock::now() >= deadline) {
      TheUndead().Add(path, child);
      break;
    }
    if (!killed && (Clock::now() >= deadline || stopped || output.truncated)) {
      kill(-child, SIGKILL);
      killed = true;
      deadline = Clock::now() + kTimeToDie;
    }
    pollfd watched[2] = {{out_open ? out.reader.get() : -1, POLLIN, 0},
                         {err_open ? err.reader.get() : -1, POLLIN, 0}};
    // With both streams closed only the end of the program is awaited.
    poll(watched, 2, out_open || err_open ? kPollMs : 1);
    ended = waitpid(child, &status, WNOHANG) == child;
    if (out_open) out_open = Drain(out.reader.get(), output.text, kLongestText, output.truncated);
    if (err_open) err_open = Drain(err.reader.get(), error_text, kLongestError, error_cut);
  }
  if (killed && (!output.truncated || !ended)) {
    output.how = Output::How::kTimedOut;
    return output;
  }
  if (!output.truncated && !WIFEXITED(status)) {
    output.text += error_text;
    return output;
  }
  output.how = Output::How::kRan;
  output.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  if (output.exit_code != 0) output.text += error_text;
  return output;
}

std::optional<std::string> LiveHost::Read(std::string_view path) {
  // Non-blocking: a FIFO or a device must not hold the agent.
  const Descriptor file(open(std::string(path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info{};
  if (file.get() < 0 || fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return std::nullopt;
  }
  std::string text;
  std::array<char, 1 << 16> buffer;
  while (text.size() < kLongestText) {
    const ssize_t got =
        read(file.get(), buffer.data(), std::min(buffer.size(), kLongestText - text.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;  // /sys/class/net/lo/speed: Invalid argument
    if (got == 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

std::vector<std::string> LiveHost::List(std::string_view path) {
  std::vector<std::string> names;
  DIR* directory = opendir(std::string(path).c_str());
  if (directory == nullptr) return names;
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  closedir(directory);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::unique_ptr<Host> Live() { return std::make_unique<LiveHost>(); }

void KillRunning() {
  for (const auto& slot : running_groups) {
    if (const pid_t group = slot; group > 0) kill(-group, SIGKILL);
  }
}

void EndWithCommands() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    // nohup, and shells in the background, ignore some for good.
    if (std::signal(signal, &KillAndEnd) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
}

}  // namespace capacity::host
