// Many writes, one commit: a thread that takes everything that waits into one transaction, so that
// they share the one wait for the disk.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "planner/store/sqlite.h"

namespace capacity::store {

struct Write {
  // Inside the transaction; adds the ids of nodes that it changed. May run more than once when the
  // transaction had to be tried again, each time from the same state.
  std::function<void(Database& database, std::set<std::string>& changed)> apply;
  // Afterwards, once: OK when it is durable, otherwise it has changed nothing.
  std::function<void(const absl::Status& committed)> finish;
  std::size_t bytes = 0;  // about how much it writes
};

class GroupCommit {
 public:
  struct Options {
    std::size_t waiting_writes;
    // Asked every `period` for a write of what had no hurry; the write may have no `apply`: there
    // is nothing.
    std::chrono::milliseconds period;
    std::function<Write()> periodic;
    std::function<void(const std::vector<std::string>& node_ids)> changed;  // may be empty
  };
  struct Figures {
    absl::Status last;  // of the latest commit
    std::size_t waiting = 0;
    std::int64_t commits = 0;
    std::int64_t writes = 0;
    std::int64_t failed = 0;
    double seconds = 0;
    double last_seconds = 0;
  };

  GroupCommit(std::unique_ptr<Database> database, Options options);
  // Commits what waits, asks `periodic` a last time, and ends the thread.
  ~GroupCommit();

  // Calls write.finish with Unavailable at once when too many wait already.
  void Submit(Write write);
  // Submits and waits. Not from a `finish`.
  absl::Status Run(std::function<void(Database&, std::set<std::string>&)> apply);
  Figures GetFigures() const;

 private:
  using Group = std::vector<Write>;
  void Loop();
  Group NextGroup();
  bool PeriodicIsDue() const;
  void Commit(Group group);
  absl::Status TryCommit(const Group& group, std::set<std::string>& changed);
  void Record(const absl::Status& status, std::size_t writes, double seconds);
  void Finish(const Group& group, const absl::Status& status,
              const std::set<std::string>& changed) const;

  std::unique_ptr<Database> database_;
  const Options options_;
  std::chrono::steady_clock::time_point next_periodic_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Write> waiting_;  // guarded by mutex_
  Figures figures_;            // guarded by mutex_
  bool ending_ = false;        // guarded by mutex_
  std::thread thread_;         // last: starts when everything else is there
};

}  // namespace capacity::store
