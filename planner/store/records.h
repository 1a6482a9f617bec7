// What the store keeps, as plain values. Reports and measurements are opaque bytes here: the store
// knows no protobuf.
//
// Times ending in _unix_ms are milliseconds since 1970-01-01 UTC by the planner's clock, unless the
// field says that the clock is the node's. Clocks of nodes order nothing: order is boot and
// sequence.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace capacity::store {

// Where something stands in a node's own order of events of one kind (reports, heartbeats,
// measurements): of two, the larger is newer, the boot counting first.
struct Stamp {
  std::uint64_t boot_id = 0;   // counts starts of the agent; at most 2^63 - 1
  std::uint64_t sequence = 0;  // within the boot; at most 2^63 - 1

  friend auto operator<=>(const Stamp&, const Stamp&) = default;
};

// What became of something that a node delivered. All three are durable answers: the sender need
// not send it again.
enum class Outcome {
  kStored,     // it is now the newest
  kDuplicate,  // exactly this was there already
  kStale,      // something newer was there already; kept as it was
};

// One measured fact, kept in the node's history. Of two with the same node, kind, subject and time
// the first is kept, so that delivering one again changes nothing. Of one that is known by its
// subject alone, the one with the newer stamp is kept, whatever its time: a correction.
struct Measurement {
  std::string kind;     // "memory-bandwidth", "link", ...; 1 to 64 bytes
  std::string subject;  // what was measured: "cpu", "gpu 0", a peer's node id; at most 256 bytes
  std::int64_t taken_at_unix_ms = 0;  // by the node's clock
  std::string bytes;                  // opaque, at most kMaxReportBytes
  bool known_by_subject = false;      // the subject is an id; not kept
};

// A measurement as the history has it.
struct StoredMeasurement {
  std::string node_id;
  Measurement measurement;
  Stamp stamp;  // of the delivery that brought it
  std::int64_t received_at_unix_ms = 0;
};

// A full report on its way into the store.
struct NewReport {
  std::string node_id;
  Stamp stamp;
  std::int64_t taken_at_unix_ms = 0;      // by the node's clock
  std::string bytes;                      // opaque, at most kMaxReportBytes
  std::vector<Measurement> measurements;  // enter the history even when the report is stale
};

// Measurements without a report.
struct NewMeasurements {
  std::string node_id;
  Stamp stamp;
  std::vector<Measurement> measurements;
};

// The newest report of a node.
struct StoredReport {
  std::string node_id;
  Stamp stamp;
  std::int64_t taken_at_unix_ms = 0;  // by the node's clock
  std::int64_t received_at_unix_ms = 0;
  std::string bytes;
};

// A sign of life.
struct NewHeartbeat {
  std::string node_id;
  Stamp stamp;
  std::int64_t node_clock_unix_ms = 0;  // what the node's clock showed when it sent this
  std::string bytes;                    // opaque, at most kMaxHeartbeatBytes
};

struct HeartbeatAnswer {
  Outcome outcome = Outcome::kStored;
  std::optional<Stamp> report;  // of the newest report that is here; absent: none yet
};

// The newest heartbeat of a node.
struct StoredHeartbeat {
  Stamp stamp;
  std::int64_t node_clock_unix_ms = 0;   // by the node's clock
  std::int64_t received_at_unix_ms = 0;  // the difference of both is the node's clock skew,
                                         // give or take the time on the wire
  std::string bytes;                     // as the heartbeat brought them
};

// What is known of a node without its report.
struct NodeRecord {
  std::string node_id;          // given at enrolment, never changes
  std::string name;             // unique; people may change it
  std::string key_fingerprint;  // SHA-256 of its newest public key, hex; empty: it has none
  std::int64_t enrolled_at_unix_ms = 0;
  std::optional<std::int64_t> revoked_at_unix_ms;
  std::optional<Stamp> report;                  // stamp of the newest report
  std::int64_t report_taken_at_unix_ms = 0;     // 0 without a report; by the node's clock
  std::int64_t report_received_at_unix_ms = 0;  // 0 without a report
  std::optional<StoredHeartbeat> heartbeat;
  std::int64_t measurements = 0;          // in the history now
  std::int64_t dropped_measurements = 0;  // oldest ones, at the limit, since enrolment
  // When the last of its certificates that are not revoked expires; absent: it has none.
  std::optional<std::int64_t> certificate_expires_at_unix_ms;
};

// A node asks to be one of the fleet.
struct Enrollment {
  std::string token_hash;       // SHA-256 of the join token, 32 bytes; empty: the caller vouches
  std::string name;             // the name that the node asks for; ValidateNodeName
  std::string key_fingerprint;  // SHA-256 of its public key, hex; empty: no key (loopback only)
  std::string new_node_id;      // 1 to 128 bytes, used when the node is new
};

// A join token. The token itself is never stored.
struct TokenRecord {
  std::string hash;       // SHA-256, 32 bytes
  std::string node_name;  // the only name that may use it; empty: any
  std::int64_t created_at_unix_ms = 0;
  std::int64_t expires_at_unix_ms = 0;
  std::optional<std::int64_t> used_at_unix_ms;
  std::string used_by_node_id;  // empty until used
};

// A certificate that the planner's authority issued.
struct CertificateRecord {
  std::string serial;           // hex, upper case, unique
  std::string role;             // "node", "reader", "admin", "server"
  std::string subject;          // node id, or the name of a reader or admin
  std::string fingerprint;      // SHA-256 of the certificate, hex
  std::string key_fingerprint;  // SHA-256 of its public key, hex
  std::int64_t not_before_unix_ms = 0;
  std::int64_t not_after_unix_ms = 0;
  std::int64_t issued_at_unix_ms = 0;  // filled in by the store
  std::optional<std::int64_t> revoked_at_unix_ms;
};

// May the holder of a certificate be served?
enum class Standing {
  kGood,
  kUnknown,  // not issued from this store, or forgotten
  kExpired,
  kRevoked,  // the certificate, or the node that it names
};

// A link between two nodes as one of them measured it over one pair of addresses.
struct Link {
  std::string from_node_id;  // who measured
  std::string to_node_id;
  std::string path;                      // "10.0.0.1 > 10.0.0.2"; at most 256 bytes
  std::int64_t taken_at_unix_ms = 0;     // by from's clock
  std::string bytes;                     // opaque, at most kMaxReportBytes
  Stamp stamp;                           // of the delivery that brought it
  std::int64_t received_at_unix_ms = 0;  // filled in by the store
};

// Counted things that outlive a restart: refusals, drops. Name to count.
struct Counter {
  std::string name;  // at most 128 bytes
  std::int64_t count = 0;
};

}  // namespace capacity::store
