// The agent's side of capacity.v1.Agents (proto/capacity/v1/planner.proto), in plain values.
//
// Errors are the planner's, as planner.proto lists them; Unavailable also when nobody answers.
// Every call ends within ten seconds. One thread at a time, except Cancel.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "node-agent/reporter/first_contact.h"
#include "node-agent/reporter/spool.h"
#include "node-agent/reporter/state.h"

namespace capacity::reporter {

// How long the planner asks to wait before the next try; absent when it does not say.
std::optional<std::chrono::milliseconds> RetryDelayOf(const absl::Status& status);

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
};

struct PulseAnswer {
  std::int64_t received_at_unix_ms = 0;  // the planner's clock
  bool report_wanted = false;
  std::chrono::milliseconds next{0};  // when the next one is wanted; 0: as now
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

  // From any thread: the call that runs now, and every later one, ends at once with Cancelled.
  void Cancel();

 private:
  class Impl;
  explicit Connection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace capacity::reporter
