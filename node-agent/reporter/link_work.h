// One end of one link measurement, when the planner asks for it, in a thread of its own: heartbeats
// go on meanwhile.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "node-agent/report.h"
#include "node-agent/reporter/connection.h"

namespace capacity::reporter {

// Is this a moment to measure, and under what conditions would it be?
struct Readiness {
  agent::Conditions conditions;
  std::string refusal;  // why nothing should be measured now; empty: it may
};

class LinkWork {
 public:
  struct Surroundings {
    std::function<Readiness()> readiness;  // called in the work's thread
    std::function<std::int64_t()> clock;   // Unix ms
    std::function<void(const std::string&)> log;
    std::uint64_t boot_id = 0;
    // The next number of a message of measurements in this boot; from any thread.
    std::function<std::uint64_t()> next_sequence;
  };

  explicit LinkWork(Surroundings surroundings);
  ~LinkWork();  // ends what runs, within a tenth of a second but for a call to the planner
  LinkWork(const LinkWork&) = delete;
  LinkWork& operator=(const LinkWork&) = delete;

  // Asks the planner what to do, and does it; returns at once. Nothing when it is at work already.
  void Begin(std::shared_ptr<Connection> connection, const std::string& node_id);

  bool busy() const { return busy_; }

 private:
  void Work(Connection& connection, const std::string& node_id);
  void Listen(Connection& connection, const std::string& node_id, const Task& task);
  void Connect(Connection& connection, const std::string& node_id, const Task& task,
               const agent::Conditions& conditions);
  bool Sleep(std::chrono::milliseconds time);
  void Say(const std::string& what, const absl::Status& status) const;

  const Surroundings surroundings_;
  std::atomic<bool> busy_{false};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace capacity::reporter
