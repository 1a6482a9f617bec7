// A server that runs as a process of this machine.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace capacity::operate {

// In a session of its own: neither Ctrl-C nor a closed terminal reaches it; the planner ends it.
class Child {
 public:
  // Everything that it says is in the file `log`, made anew, which only its owner can read.
  // `argv[0]` is looked for in PATH where it has no slash. NotFound, PermissionDenied, Unavailable.
  static absl::StatusOr<std::unique_ptr<Child>> Start(const std::vector<std::string>& argv,
                                                      const std::string& log);
  // Ends it as Stop does, unless it was released.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t id() const { return id_; }
  // Nullopt while it runs; then its exit code, 128 + signal when a signal ended it.
  std::optional<int> Ended();
  // SIGTERM, and SIGKILL after `grace`, or as soon as `hurry` (may be null) is true; returns when
  // it has ended.
  void Stop(std::chrono::milliseconds grace, const std::atomic<bool>* hurry);
  // It may outlive this object.
  void Release() { released_ = true; }

 private:
  explicit Child(pid_t id) : id_(id) {}

  const pid_t id_;
  std::optional<int> code_;
  bool released_ = false;
};

// The last lines of a log, at most `most`, printable.
std::vector<std::string> LastLines(const std::string& log, std::size_t most);

}  // namespace capacity::operate
