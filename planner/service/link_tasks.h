// Who measures which link, and when: one measurement at a time in the whole fleet, so that no two
// share a wire, a switch or a processor.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "capacity/v1/planner.pb.h"

namespace capacity::service {

// A node as far as measuring goes.
struct Measurable {
  std::string node_id;
  std::string name;
  std::vector<std::string> addresses;  // of ports that are up, Wi-Fi aside
  bool busy = false;                   // would refuse now
};

class LinkTasks {
 public:
  // Decides what to do next: ends what took too long, and, when nothing runs, starts the pair whose
  // last measurement (`measured`: ids in order, newest time by the planner's clock) is the oldest
  // and older than a day. Pairs that were tried or refused are left alone for a while.
  void Tick(std::int64_t now_unix_ms, const std::vector<Measurable>& nodes,
            const std::map<std::pair<std::string, std::string>, std::int64_t>& measured);

  // Is something to do for this node?
  bool Waiting(const std::string& node_id) const;

  // The node's end of the running task; nullopt: nothing to do. A node that refuses gives its pair
  // back.
  std::optional<v1::Task> Poll(const std::string& node_id, const std::string& refusal,
                               std::int64_t now_unix_ms);

  // What an end says. Returns true when the task is over or unknown.
  bool Update(const v1::UpdateTaskRequest& update, std::int64_t now_unix_ms);

  // Is a measurement under way?
  bool running() const;

 private:
  using Pair = std::pair<std::string, std::string>;  // ids, first < second
  struct Running {
    std::string task_id;
    std::string secret;
    Measurable listener;
    Measurable connector;
    std::uint32_t port = 0;  // 0: not listening yet
    std::int64_t ends_at_unix_ms = 0;
    bool listener_has_it = false;
    bool connector_has_it = false;
  };
  void EndWithPause(std::int64_t now_unix_ms, std::int64_t pause_ms);

  mutable std::mutex mutex_;
  std::optional<Running> running_;
  std::map<Pair, std::int64_t> not_before_unix_ms_;
};

// Addresses of `to` that `from` can be expected to reach: those on a network that both are on.
std::vector<std::string> ReachableAddresses(const Measurable& from, const Measurable& to);

}  // namespace capacity::service
