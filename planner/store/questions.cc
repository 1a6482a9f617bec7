// Reading the store's tables.
#include "planner/store/tables.h"

namespace capacity::store {
namespace {

NodeRecord NodeOf(const Row& row) {
  NodeRecord node;
  node.node_id = row.Text(0);
  node.name = row.Text(1);
  node.key_fingerprint = row.Text(2);
  node.enrolled_at_unix_ms = row.Int(3);
  node.revoked_at_unix_ms = row.OptionalInt(4);
  if (const auto stamp = OptionalStamp(row, 5)) {
    node.heartbeat = StoredHeartbeat{.stamp = *stamp,
                                     .node_clock_unix_ms = row.Int(7),
                                     .received_at_unix_ms = row.Int(8),
                                     .bytes = row.Text(9)};
  }
  node.measurements = row.Int(10);
  node.dropped_measurements = row.Int(11);
  node.report = OptionalStamp(row, 12);
  node.report_taken_at_unix_ms = row.Int(14);
  node.report_received_at_unix_ms = row.Int(15);
  node.certificate_expires_at_unix_ms = row.OptionalInt(16);
  return node;
}

#define CAPACITY_NODE_COLUMNS                                                                    \
  "SELECT n.node_id, n.name, n.key_fingerprint, n.enrolled_at_unix_ms, n.revoked_at_unix_ms, "   \
  "n.heartbeat_boot_id, n.heartbeat_sequence, n.heartbeat_node_clock_unix_ms, "                  \
  "n.heartbeat_received_at_unix_ms, n.heartbeat_bytes, n.measurements, n.dropped_measurements, " \
  "r.boot_id, r.sequence, r.taken_at_unix_ms, r.received_at_unix_ms, "                           \
  "(SELECT max(not_after_unix_ms) FROM certificate c WHERE c.subject = n.node_id AND "           \
  "c.role = 'node' AND c.revoked_at_unix_ms IS NULL) "                                           \
  "FROM node n LEFT JOIN report r USING (node_id) "

StoredReport ReportOf(const Row& row) {
  return {.node_id = row.Text(0),
          .stamp = *OptionalStamp(row, 1),
          .taken_at_unix_ms = row.Int(3),
          .received_at_unix_ms = row.Int(4),
          .bytes = row.Text(5)};
}

// Collects what `of` makes of every row.
template <class Record, class Of, class... Arguments>
std::vector<Record> Collect(Database& database, const char* sql, Of of,
                            const Arguments&... arguments) {
  std::vector<Record> records;
  database.Query(sql, [&](const Row& row) { records.push_back(of(row)); }, arguments...);
  return records;
}

Link LinkOf(const Row& row) {
  return {.from_node_id = row.Text(0),
          .to_node_id = row.Text(1),
          .path = row.Text(2),
          .taken_at_unix_ms = row.Int(3),
          .bytes = row.Text(4),
          .stamp = {static_cast<std::uint64_t>(row.Int(5)), static_cast<std::uint64_t>(row.Int(6))},
          .received_at_unix_ms = row.Int(7)};
}

TokenRecord TokenOf(const Row& row) {
  return {.hash = row.Text(0),
          .node_name = row.Text(1),
          .created_at_unix_ms = row.Int(2),
          .expires_at_unix_ms = row.Int(3),
          .used_at_unix_ms = row.OptionalInt(4),
          .used_by_node_id = row.Text(5)};
}

CertificateRecord CertificateOf(const Row& row) {
  return {.serial = row.Text(0),
          .role = row.Text(1),
          .subject = row.Text(2),
          .fingerprint = row.Text(3),
          .key_fingerprint = row.Text(4),
          .not_before_unix_ms = row.Int(5),
          .not_after_unix_ms = row.Int(6),
          .issued_at_unix_ms = row.Int(7),
          .revoked_at_unix_ms = row.OptionalInt(8)};
}

}  // namespace

std::optional<Stamp> OptionalStamp(const Row& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return Stamp{static_cast<std::uint64_t>(row.Int(column)),
               static_cast<std::uint64_t>(row.Int(column + 1))};
}

std::string ReadPlannerId(Database& database) {
  std::string id;
  database.Query("SELECT planner_id FROM planner", [&id](const Row& row) { id = row.Text(0); });
  return id;
}

std::vector<NodeRecord> ReadNodes(Database& database) {
  return Collect<NodeRecord>(database, CAPACITY_NODE_COLUMNS "ORDER BY n.name", &NodeOf);
}

std::vector<NodeRecord> ReadNode(Database& database, std::string_view node_id) {
  return Collect<NodeRecord>(database, CAPACITY_NODE_COLUMNS "WHERE n.node_id = ?1", &NodeOf,
                             node_id);
}

std::vector<NodeRecord> ReadNodeByName(Database& database, std::string_view name) {
  return Collect<NodeRecord>(database, CAPACITY_NODE_COLUMNS "WHERE n.name = ?1", &NodeOf, name);
}

std::vector<StoredReport> ReadReports(Database& database) {
  return Collect<StoredReport>(database,
                               "SELECT node_id, boot_id, sequence, taken_at_unix_ms, "
                               "received_at_unix_ms, bytes FROM report ORDER BY node_id",
                               &ReportOf);
}

std::vector<StoredReport> ReadReport(Database& database, std::string_view node_id) {
  return Collect<StoredReport>(database,
                               "SELECT node_id, boot_id, sequence, taken_at_unix_ms, "
                               "received_at_unix_ms, bytes FROM report WHERE node_id = ?1",
                               &ReportOf, node_id);
}

std::vector<StoredMeasurement> ReadMeasurements(Database& database, std::string_view node_id,
                                                std::string_view kind, std::int64_t limit) {
  const auto of = [&node_id](const Row& row) {
    return StoredMeasurement{.node_id = std::string(node_id),
                             .measurement = {.kind = row.Text(0),
                                             .subject = row.Text(1),
                                             .taken_at_unix_ms = row.Int(2),
                                             .bytes = row.Text(3)},
                             .stamp = *OptionalStamp(row, 4),
                             .received_at_unix_ms = row.Int(6)};
  };
  return Collect<StoredMeasurement>(
      database,
      "SELECT kind, subject, taken_at_unix_ms, bytes, boot_id, sequence, received_at_unix_ms "
      "FROM measurement WHERE node_id = ?1 AND (?2 = '' OR kind = ?2) "
      "ORDER BY received_at_unix_ms DESC, rowid DESC LIMIT ?3",
      of, node_id, kind, limit);
}

std::vector<Link> ReadLinks(Database& database) {
  return Collect<Link>(database,
                       "SELECT from_node_id, to_node_id, path, taken_at_unix_ms, bytes, "
                       "boot_id, sequence, received_at_unix_ms FROM link "
                       "ORDER BY from_node_id, to_node_id, path",
                       &LinkOf);
}

std::vector<TokenRecord> ReadTokens(Database& database) {
  return Collect<TokenRecord>(
      database,
      "SELECT hash, node_name, created_at_unix_ms, expires_at_unix_ms, used_at_unix_ms, "
      "used_by_node_id FROM token ORDER BY created_at_unix_ms, hash",
      &TokenOf);
}

std::vector<CertificateRecord> ReadCertificates(Database& database) {
  return Collect<CertificateRecord>(
      database,
      "SELECT serial, role, subject, fingerprint, key_fingerprint, not_before_unix_ms, "
      "not_after_unix_ms, issued_at_unix_ms, revoked_at_unix_ms FROM certificate ORDER BY "
      "issued_at_unix_ms, serial",
      &CertificateOf);
}

void AddToCounter(Database& database, std::string_view name, std::int64_t by) {
  database.Run(
      "INSERT INTO counter (name, count) VALUES (?1, ?2) "
      "ON CONFLICT (name) DO UPDATE SET count = count + ?2",
      name, by);
}

std::vector<Counter> ReadCounters(Database& database) {
  return Collect<Counter>(
      database, "SELECT name, count FROM counter ORDER BY name",
      [](const Row& row) { return Counter{.name = row.Text(0), .count = row.Int(1)}; });
}

}  // namespace capacity::store
