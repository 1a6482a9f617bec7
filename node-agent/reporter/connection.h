// The agent's side of capacity.v1.Agents (proto/capacity/v1/planner.proto), in plain values.
//
// Errors are the planner's, as planner.proto lists them; Unavailable also when nobody answers.
// Every call ends within ten seconds. Every function may be called from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "node-agent/report.h"
#include "node-agent/reporter/first_contact.h"
#include "node-agent/reporter/spool.h"
#include "node-agent/reporter/state.h"

namespace capacity::reporter {

// How long the planner asks to wait before the next try; absent when it does not say.
std::optional<std::chrono::milliseconds> RetryDelayOf(const absl::Status& status);

// There was a connection and it ended under the call, as when the planner is restarted.
bool ConnectionBroke(const absl::Status& status);

struct EnrolRequest {
  std::string join_token;  // as it was printed; empty: plaintext on loopback
  std::string node_name;
  std::string signing_request_pem;  // empty with the token
  std::string agent_version;
};

// What the node does now, beside that it lives.
struct Pulse {
  std::uint64_t boot_id = 0;
  std::uint64_t sequence = 0;
  std::int64_t sent_at_unix_ms = 0;
  std::optional<std::uint64_t> available_memory_bytes;
  std::optional<double> load_average;  // one minute, over all cores
  std::uint64_t report_boot_id = 0;    // newest acknowledged report; 0: none
  std::uint64_t report_sequence = 0;
  std::uint64_t spooled_reports = 0;
  std::uint64_t dropped_reports = 0;
  bool busy = false;  // would refuse to measure now
};

struct PulseAnswer {
  std::int64_t received_at_unix_ms = 0;  // the planner's clock
  bool report_wanted = false;
  bool task_waiting = false;
  std::chrono::milliseconds next{0};  // when the next one is wanted; 0: as now
};

// One end of one link measurement, as the planner wants it.
struct Task {
  enum class Role { kListen, kConnect };
  std::string task_id;
  Role role = Role::kListen;
  std::string peer_node_id;
  std::string peer_name;
  std::vector<std::string> addresses;  // of this node (listen), of the peer (connect)
  int port = 0;                        // connect only
  std::string secret;                  // 32 bytes
  std::chrono::milliseconds lease{0};
  int round_trips = 0;
  std::chrono::milliseconds transfer{0};
  std::uint64_t transfer_limit_bytes = 0;
};

enum class TaskState { kListening, kDone, kRefused, kFailed };

// One way to a peer, as capacity.v1.LinkMeasurement says.
struct LinkResult {
  std::string task_id;
  std::string peer_node_id;
  std::string local_address;
  std::string peer_address;
  std::optional<double> round_trip_best_us;
  std::optional<double> round_trip_median_us;
  std::uint32_t round_trips = 0;
  std::optional<double> send_bits_per_second;
  std::optional<double> receive_bits_per_second;
  std::uint64_t transferred_bytes = 0;
  std::int64_t taken_at_unix_ms = 0;
  agent::Conditions conditions;
  std::string failure;
};

class Connection {
 public:
  // Without TLS: for loopback only.
  static std::unique_ptr<Connection> Plaintext(const Address& address);

  // TLS with whoever the authority says is the planner. `certificate_pem` and `key_pem` are this
  // node's; both empty before it has a certificate.
  static std::unique_ptr<Connection> Secured(const Address& address,
                                             const std::string& authority_pem,
                                             const std::string& certificate_pem,
                                             const std::string& key_pem);
  ~Connection();

  absl::StatusOr<Membership> Enrol(const EnrolRequest& request);

  // The new certificate and authority; the rest is as before.
  absl::StatusOr<Membership> Renew(const Membership& membership,
                                   const std::string& signing_request_pem);

  // OK: it need not be sent again. Gives the planner's clock, Unix ms.
  absl::StatusOr<std::int64_t> SendReport(const std::string& node_id, const Entry& entry);

  absl::StatusOr<PulseAnswer> SendPulse(const std::string& node_id, const Pulse& pulse);

  // nullopt: nothing to do. With a `refusal` the planner asks again later.
  absl::StatusOr<std::optional<Task>> PollTask(const std::string& node_id,
                                               const std::string& refusal);

  // True when the task is over. `port` with kListening, `reason` with kRefused and kFailed.
  absl::StatusOr<bool> UpdateTask(const std::string& node_id, const std::string& task_id,
                                  TaskState state, int port, const std::string& reason);

  absl::Status SendMeasurements(const std::string& node_id, std::uint64_t boot_id,
                                std::uint64_t sequence, const std::vector<LinkResult>& results);

  // One capacity.v1.SpeedMeasurement, serialized. InvalidArgument also when the bytes are none.
  absl::Status SendSpeed(const std::string& node_id, std::uint64_t boot_id, std::uint64_t sequence,
                         const std::string& bytes);

  // The calls that run now, and every later one, end at once with Cancelled.
  void Cancel();

 private:
  class Impl;
  explicit Connection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace capacity::reporter
