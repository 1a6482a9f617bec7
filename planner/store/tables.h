// The store's statements. Each function is one step of a transaction, or one question; what the
// database itself refuses is the connection's error (sqlite.h), not these functions' answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "planner/store/records.h"
#include "planner/store/sqlite.h"

namespace capacity::store {

struct Limits {
  std::int64_t measurements_per_node;
  std::int64_t links_per_node;
};

// --- What nodes deliver.

// NotFound or PermissionDenied, in words.
absl::Status MayDeliver(bool known, bool revoked, std::string_view node_id);

absl::StatusOr<Outcome> AddReport(Database& database, const NewReport& report, const Limits& limits,
                                  std::int64_t now_unix_ms);
absl::StatusOr<Outcome> AddMeasurements(Database& database, const NewMeasurements& measurements,
                                        const Limits& limits, std::int64_t now_unix_ms);
absl::StatusOr<Outcome> AddLink(Database& database, const Link& link, const Limits& limits,
                                std::int64_t now_unix_ms);

// Nothing happens when the node has gone on to a later heartbeat, or is forgotten.
void WriteHeartbeat(Database& database, std::string_view node_id, const StoredHeartbeat& heartbeat);

// What is needed to judge a heartbeat.
struct HeartbeatContext {
  bool known = false;  // the node
  bool revoked = false;
  std::optional<Stamp> heartbeat;  // newest on disk
  std::optional<Stamp> report;     // newest
};
HeartbeatContext ReadHeartbeatContext(Database& database, std::string_view node_id);

// --- Nodes.

absl::StatusOr<std::string> EnrollNode(Database& database, const Enrollment& enrollment,
                                       std::int64_t now_unix_ms);  // the node's id
absl::Status RenameNode(Database& database, std::string_view node_id, std::string_view name);
// Both: how many certificates were revoked by it.
absl::StatusOr<std::int64_t> ForgetNode(Database& database, std::string_view node_id,
                                        std::int64_t now_unix_ms);
absl::StatusOr<std::int64_t> RevokeNode(Database& database, std::string_view node_id,
                                        std::int64_t now_unix_ms);

// --- Tokens, certificates, counters.

absl::Status AddToken(Database& database, const TokenRecord& token, std::int64_t now_unix_ms);
absl::Status RemoveToken(Database& database, std::string_view hash);
absl::Status AddCertificate(Database& database, const CertificateRecord& certificate,
                            std::int64_t now_unix_ms);
absl::Status RevokeCertificate(Database& database, std::string_view serial,
                               std::int64_t now_unix_ms);
void AddToCounter(Database& database, std::string_view name, std::int64_t by);

// --- Questions.

// Boot and sequence in this column and the next; absent when they are NULL.
std::optional<Stamp> OptionalStamp(const Row& row, int column);

std::string ReadPlannerId(Database& database);
std::vector<NodeRecord> ReadNodes(Database& database);                           // by name
std::vector<NodeRecord> ReadNode(Database& database, std::string_view node_id);  // at most one
std::vector<NodeRecord> ReadNodeByName(Database& database, std::string_view name);
std::vector<StoredReport> ReadReports(Database& database);
std::vector<StoredReport> ReadReport(Database& database, std::string_view node_id);
std::vector<StoredMeasurement> ReadMeasurements(Database& database, std::string_view node_id,
                                                std::string_view kind, std::int64_t limit);
std::vector<Link> ReadLinks(Database& database);
std::vector<TokenRecord> ReadTokens(Database& database);
std::vector<CertificateRecord> ReadCertificates(Database& database);
Standing ReadStanding(Database& database, std::string_view serial, std::int64_t now_unix_ms);
std::vector<Counter> ReadCounters(Database& database);

}  // namespace capacity::store
