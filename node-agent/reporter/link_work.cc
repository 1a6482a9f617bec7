#include "node-agent/reporter/link_work.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "node-agent/link/link.h"

namespace capacity::reporter {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLookEvery{1'000};  // whether the planner has ended the task
constexpr milliseconds kRetryDelivery{2'000};
constexpr int kDeliveries = 5;  // tries; then it will be measured again another day

link::Secret SecretOf(const Task& task) {
  link::Secret secret = {};
  std::copy_n(task.secret.begin(), std::min(task.secret.size(), secret.size()), secret.begin());
  return secret;
}

LinkResult ResultOf(const link::Measurement& measured, const Task& task, std::int64_t taken_at,
                    const agent::Conditions& conditions) {
  return {.task_id = task.task_id,
          .peer_node_id = task.peer_node_id,
          .local_address = measured.local_address,
          .peer_address = measured.peer_address,
          .round_trip_best_us = measured.round_trip_best_us,
          .round_trip_median_us = measured.round_trip_median_us,
          .round_trips = static_cast<std::uint32_t>(measured.round_trips),
          .send_bits_per_second = measured.send_bits_per_second,
          .receive_bits_per_second = measured.receive_bits_per_second,
          .transferred_bytes = measured.transferred_bytes,
          .taken_at_unix_ms = taken_at,
          .conditions = conditions,
          .failure = measured.failure};
}

// One a millisecond: the time is part of what tells measurements apart.
std::vector<LinkResult> ResultsOf(const std::vector<link::Measurement>& measured, const Task& task,
                                  std::int64_t first_unix_ms, const agent::Conditions& conditions) {
  std::vector<LinkResult> results;
  for (const link::Measurement& one : measured) {
    results.push_back(ResultOf(one, task, first_unix_ms++, conditions));
  }
  return results;
}

}  // namespace

LinkWork::LinkWork(Surroundings surroundings) : surroundings_(std::move(surroundings)) {}

LinkWork::~LinkWork() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void LinkWork::Begin(std::shared_ptr<Connection> connection, const std::string& node_id) {
  if (busy_.exchange(true)) return;
  if (thread_.joinable()) thread_.join();  // it has ended, or is about to
  thread_ = std::thread([this, connection = std::move(connection), node_id] {
    Work(*connection, node_id);
    busy_ = false;
  });
}

void LinkWork::Work(Connection& connection, const std::string& node_id) {
  const Readiness readiness = surroundings_.readiness();
  const auto task = connection.PollTask(node_id, readiness.refusal);
  if (!task.ok()) return Say("asking what to measure", task.status());
  if (!readiness.refusal.empty()) {
    return surroundings_.log(absl::StrCat("no link is measured now: ", readiness.refusal));
  }
  if (!*task) return;
  if ((*task)->secret.size() != link::kSecretBytes) {
    return Say("measuring a link", absl::InvalidArgumentError("the task's secret is not one"));
  }
  if ((*task)->role == Task::Role::kListen) {
    Listen(connection, node_id, **task);
  } else {
    Connect(connection, node_id, **task, readiness.conditions);
  }
}

void LinkWork::Listen(Connection& connection, const std::string& node_id, const Task& task) {
  const auto listener = link::Listener::Open(task.addresses, SecretOf(task), task.lease);
  if (!listener.ok()) {
    const std::string why(listener.status().message());
    Say("telling the planner",
        connection.UpdateTask(node_id, task.task_id, TaskState::kFailed, 0, why).status());
    return Say("listening for a measurement", listener.status());
  }
  while (!(*listener)->expired()) {
    const auto over = connection.UpdateTask(node_id, task.task_id, TaskState::kListening,
                                            (*listener)->port(), "");
    if (!over.ok() || *over || !Sleep(kLookEvery)) return;
  }
}

void LinkWork::Connect(Connection& connection, const std::string& node_id, const Task& task,
                       const agent::Conditions& conditions) {
  const link::Effort effort = {.round_trips = task.round_trips,
                               .transfer = task.transfer,
                               .transfer_limit = task.transfer_limit_bytes};
  const std::int64_t start = surroundings_.clock();
  const auto measured =
      link::Measure(task.addresses, task.port, SecretOf(task), effort, task.lease, &stopping_);
  if (stopping_) return;
  const std::vector<LinkResult> results = ResultsOf(measured, task, start, conditions);
  const std::uint64_t sequence = surroundings_.next_sequence();
  absl::Status sent = absl::UnknownError("not sent");
  for (int i = 0; i < kDeliveries && !sent.ok(); ++i) {
    if (i > 0 && !Sleep(kRetryDelivery)) return;
    sent = connection.SendMeasurements(node_id, surroundings_.boot_id, sequence, results);
    if (absl::IsInvalidArgument(sent)) break;
  }
  const TaskState state = sent.ok() ? TaskState::kDone : TaskState::kFailed;
  const auto over =
      connection.UpdateTask(node_id, task.task_id, state, 0, std::string(sent.message()));
  if (!sent.ok()) return Say("sending a link's measurement", sent);
  surroundings_.log(absl::StrCat("measured the link to ", task.peer_name));
  if (!over.ok()) Say("telling the planner", over.status());
}

// False when it is time to end.
bool LinkWork::Sleep(milliseconds time) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, time, [this] { return stopping_.load(); });
}

void LinkWork::Say(const std::string& what, const absl::Status& status) const {
  if (status.ok() || stopping_) return;
  surroundings_.log(absl::StrCat(what, ": ", std::string(status.message())));
}

}  // namespace capacity::reporter
