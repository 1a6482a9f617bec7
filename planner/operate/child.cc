#include "planner/operate/child.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "planner/launch/answers_json.h"

extern char** environ;

namespace capacity::operate {
namespace {

std::string Words(int error) { return std::error_code(error, std::generic_category()).message(); }

// posix_spawn's two helpers, freed whatever happens.
class Spawning {
 public:
  Spawning() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~Spawning() {
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
  }
  Spawning(const Spawning&) = delete;
  Spawning& operator=(const Spawning&) = delete;

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Child>> Child::Start(const std::vector<std::string>& argv,
                                                    const std::string& log) {
  const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return absl::UnavailableError(absl::StrCat(log, ": ", Words(errno)));
  std::vector<std::string> words = argv;
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  Spawning spawning;
  posix_spawn_file_actions_addopen(&spawning.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&spawning.actions, file, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&spawning.actions, file, STDERR_FILENO);
  sigset_t defaults;
  sigemptyset(&defaults);
  for (int signal : {SIGINT, SIGTERM, SIGPIPE, SIGHUP}) sigaddset(&defaults, signal);
  posix_spawnattr_setsigdefault(&spawning.attributes, &defaults);
  posix_spawnattr_setflags(&spawning.attributes,
                           static_cast<short>(POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF));
  pid_t id = 0;
  const int error = posix_spawnp(&id, pointers[0], &spawning.actions, &spawning.attributes,
                                 pointers.data(), environ);
  close(file);
  if (error == ENOENT) {
    return absl::NotFoundError(absl::StrCat(argv[0], " is not there, or not in PATH"));
  }
  if (error == EACCES) {
    return absl::PermissionDeniedError(absl::StrCat(argv[0], " is no program, or not yours"));
  }
  if (error != 0) return absl::UnavailableError(absl::StrCat(argv[0], ": ", Words(error)));
  return std::unique_ptr<Child>(new Child(id));
}

Child::~Child() {
  constexpr std::chrono::seconds kGrace{10};
  if (!released_) Stop(kGrace, nullptr);
}

std::optional<int> Child::Ended() {
  if (code_) return code_;
  int status = 0;
  const pid_t waited = waitpid(id_, &status, WNOHANG);
  if (waited == id_) code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  if (waited < 0 && errno == ECHILD) code_ = -1;  // somebody else waited for it
  return code_;
}

void Child::Stop(std::chrono::milliseconds grace, const std::atomic<bool>* hurry) {
  constexpr std::chrono::milliseconds kNap{20};
  if (Ended()) return;
  kill(id_, SIGTERM);
  const auto end = std::chrono::steady_clock::now() + grace;
  while (!Ended() && std::chrono::steady_clock::now() < end && !(hurry != nullptr && *hurry)) {
    std::this_thread::sleep_for(kNap);
  }
  if (Ended()) return;
  kill(-id_, SIGKILL);  // and whatever it started
  kill(id_, SIGKILL);
  while (!Ended()) std::this_thread::sleep_for(kNap);
}

std::vector<std::string> LastLines(const std::string& log, std::size_t most) {
  constexpr std::streamoff kTail = 64 << 10;  // bytes looked at
  std::ifstream in(log, std::ios::binary | std::ios::ate);
  if (!in) return {};
  const std::streamoff size = in.tellg();
  in.seekg(size > kTail ? size - kTail : 0);
  const std::string tail{std::istreambuf_iterator<char>(in), {}};
  std::vector<std::string> lines;
  for (const auto& line : absl::StrSplit(tail, '\n')) {
    if (!line.empty()) lines.push_back(launch::Clean(std::string_view(line.data(), line.size())));
  }
  if (lines.size() > most) {
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(most));
  }
  return lines;
}

}  // namespace capacity::operate
