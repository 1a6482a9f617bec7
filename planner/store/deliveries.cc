// What nodes deliver: reports, measurements, links, signs of life.
#include <optional>

#include "absl/strings/str_cat.h"
#include "planner/store/tables.h"

namespace capacity::store {
namespace {

// A node as a delivery finds it.
struct Receiver {
  bool known = false;
  bool revoked = false;
  std::optional<Stamp> report;  // newest
};

Receiver ReadReceiver(Database& database, std::string_view node_id) {
  Receiver receiver;
  database.Query(
      "SELECT n.revoked_at_unix_ms, r.boot_id, r.sequence "
      "FROM node n LEFT JOIN report r USING (node_id) WHERE n.node_id = ?1",
      [&receiver](const Row& row) {
        receiver.known = true;
        receiver.revoked = !row.IsNull(0);
        receiver.report = OptionalStamp(row, 1);
      },
      node_id);
  return receiver;
}

Outcome Judge(const Stamp& stamp, const std::optional<Stamp>& newest) {
  if (!newest || stamp > *newest) return Outcome::kStored;
  return stamp == *newest ? Outcome::kDuplicate : Outcome::kStale;
}

void WriteReport(Database& database, const NewReport& report, std::int64_t now_unix_ms) {
  database.Run(
      "INSERT INTO report (node_id, boot_id, sequence, taken_at_unix_ms, received_at_unix_ms, "
      "bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (node_id) DO UPDATE SET "
      "boot_id = ?2, sequence = ?3, taken_at_unix_ms = ?4, received_at_unix_ms = ?5, bytes = ?6",
      report.node_id, static_cast<std::int64_t>(report.stamp.boot_id),
      static_cast<std::int64_t>(report.stamp.sequence), report.taken_at_unix_ms, now_unix_ms,
      Blob{report.bytes});
}

// What became of measurements.
struct Kept {
  std::int64_t rows = 0;  // more than before
  bool changed = false;   // something is new, or says something new
};

void InsertMeasurement(Database& database, std::string_view node_id, const Stamp& stamp,
                       const Measurement& measurement, std::int64_t now_unix_ms, Kept& kept) {
  database.Run(
      "INSERT INTO measurement (node_id, kind, subject, taken_at_unix_ms, received_at_unix_ms, "
      "boot_id, sequence, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
      "ON CONFLICT (node_id, taken_at_unix_ms, kind, subject) DO NOTHING",
      node_id, measurement.kind, measurement.subject, measurement.taken_at_unix_ms, now_unix_ms,
      static_cast<std::int64_t>(stamp.boot_id), static_cast<std::int64_t>(stamp.sequence),
      Blob{measurement.bytes});
  kept.rows += database.changes();
  kept.changed |= database.changes() > 0;
}

// Where the measurement of this id stands already.
struct Standing {
  std::int64_t taken_at_unix_ms = 0;
  Stamp stamp;
  std::string bytes;
};

std::vector<Standing> ReadStanding(Database& database, std::string_view node_id,
                                   const Measurement& measurement) {
  std::vector<Standing> standing;
  database.Query(
      "SELECT taken_at_unix_ms, boot_id, sequence, bytes FROM measurement "
      "WHERE node_id = ?1 AND kind = ?2 AND subject = ?3 ORDER BY boot_id DESC, sequence DESC",
      [&standing](const Row& row) {
        standing.push_back({row.Int(0), *OptionalStamp(row, 1), std::string(row.Text(3))});
      },
      node_id, measurement.kind, measurement.subject);
  return standing;
}

// One row for each subject, of the newest stamp. The same stamp may say something new: a sender
// that was not answered sends what it knows now.
void ReplaceMeasurement(Database& database, std::string_view node_id, const Stamp& stamp,
                        const Measurement& measurement, std::int64_t now_unix_ms, Kept& kept) {
  const std::vector<Standing> standing = ReadStanding(database, node_id, measurement);
  if (!standing.empty()) {
    const Standing& newest = standing.front();
    const bool same = newest.taken_at_unix_ms == measurement.taken_at_unix_ms &&
                      newest.bytes == measurement.bytes;
    if (stamp < newest.stamp || (same && standing.size() == 1)) return;
    database.Run("DELETE FROM measurement WHERE node_id = ?1 AND kind = ?2 AND subject = ?3",
                 node_id, measurement.kind, measurement.subject);
    kept.rows -= database.changes();
  }
  InsertMeasurement(database, node_id, stamp, measurement, now_unix_ms, kept);
}

Kept WriteMeasurements(Database& database, std::string_view node_id, const Stamp& stamp,
                       const std::vector<Measurement>& measurements, std::int64_t now_unix_ms) {
  Kept kept;
  for (const Measurement& measurement : measurements) {
    if (measurement.known_by_subject) {
      ReplaceMeasurement(database, node_id, stamp, measurement, now_unix_ms, kept);
    } else {
      InsertMeasurement(database, node_id, stamp, measurement, now_unix_ms, kept);
    }
  }
  return kept;
}

void DropOldestMeasurements(Database& database, std::string_view node_id, const Limits& limits) {
  const std::int64_t excess =
      database.QueryInt("SELECT measurements FROM node WHERE node_id = ?1", node_id) -
      limits.measurements_per_node;
  if (excess <= 0) return;
  database.Run(
      "DELETE FROM measurement WHERE rowid IN (SELECT rowid FROM measurement WHERE node_id = ?1 "
      "ORDER BY received_at_unix_ms, rowid LIMIT ?2)",
      node_id, excess);
  database.Run(
      "UPDATE node SET measurements = measurements - ?2, "
      "dropped_measurements = dropped_measurements + ?2 WHERE node_id = ?1",
      node_id, excess);
}

// True when at least one was new, or says something new.
bool KeepMeasurements(Database& database, std::string_view node_id, const Stamp& stamp,
                      const std::vector<Measurement>& measurements, const Limits& limits,
                      std::int64_t now_unix_ms) {
  if (measurements.empty()) return false;
  const Kept kept = WriteMeasurements(database, node_id, stamp, measurements, now_unix_ms);
  if (kept.rows != 0) {
    database.Run("UPDATE node SET measurements = measurements + ?2 WHERE node_id = ?1", node_id,
                 kept.rows);
    DropOldestMeasurements(database, node_id, limits);
  }
  return kept.changed;
}

}  // namespace

absl::Status MayDeliver(bool known, bool revoked, std::string_view node_id) {
  if (!known) {
    return absl::NotFoundError(absl::StrCat("no node has the id ", std::string(node_id)));
  }
  if (revoked) {
    return absl::PermissionDeniedError(
        absl::StrCat("the node ", std::string(node_id), " is revoked"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Outcome> AddReport(Database& database, const NewReport& report, const Limits& limits,
                                  std::int64_t now_unix_ms) {
  const Receiver receiver = ReadReceiver(database, report.node_id);
  const absl::Status may = MayDeliver(receiver.known, receiver.revoked, report.node_id);
  if (!may.ok()) return may;
  const Outcome outcome = Judge(report.stamp, receiver.report);
  if (outcome == Outcome::kStored) WriteReport(database, report, now_unix_ms);
  KeepMeasurements(database, report.node_id, report.stamp, report.measurements, limits,
                   now_unix_ms);
  return outcome;
}

absl::StatusOr<Outcome> AddMeasurements(Database& database, const NewMeasurements& measurements,
                                        const Limits& limits, std::int64_t now_unix_ms) {
  const Receiver receiver = ReadReceiver(database, measurements.node_id);
  const absl::Status may = MayDeliver(receiver.known, receiver.revoked, measurements.node_id);
  if (!may.ok()) return may;
  const bool any_new = KeepMeasurements(database, measurements.node_id, measurements.stamp,
                                        measurements.measurements, limits, now_unix_ms);
  return any_new ? Outcome::kStored : Outcome::kDuplicate;
}

absl::StatusOr<Outcome> AddLink(Database& database, const Link& link, const Limits& limits,
                                std::int64_t now_unix_ms) {
  for (const std::string& node_id : {link.from_node_id, link.to_node_id}) {
    const Receiver receiver = ReadReceiver(database, node_id);
    const bool revoked = node_id == link.from_node_id && receiver.revoked;
    if (absl::Status may = MayDeliver(receiver.known, revoked, node_id); !may.ok()) return may;
  }
  std::optional<Stamp> newest;
  database.Query(
      "SELECT boot_id, sequence FROM link "
      "WHERE from_node_id = ?1 AND to_node_id = ?2 AND path = ?3",
      [&newest](const Row& row) { newest = OptionalStamp(row, 0); }, link.from_node_id,
      link.to_node_id, link.path);
  const Outcome outcome = Judge(link.stamp, newest);
  if (outcome != Outcome::kStored) return outcome;
  database.Run(
      "INSERT INTO link (from_node_id, to_node_id, path, taken_at_unix_ms, bytes, boot_id, "
      "sequence, received_at_unix_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) "
      "ON CONFLICT (from_node_id, to_node_id, path) DO UPDATE SET taken_at_unix_ms = ?4, "
      "bytes = ?5, boot_id = ?6, sequence = ?7, received_at_unix_ms = ?8",
      link.from_node_id, link.to_node_id, link.path, link.taken_at_unix_ms, Blob{link.bytes},
      static_cast<std::int64_t>(link.stamp.boot_id), static_cast<std::int64_t>(link.stamp.sequence),
      now_unix_ms);
  database.Run(
      "DELETE FROM link WHERE rowid IN (SELECT rowid FROM link WHERE from_node_id = ?1 "
      "ORDER BY received_at_unix_ms DESC, rowid DESC LIMIT -1 OFFSET ?2)",
      link.from_node_id, limits.links_per_node);
  return Outcome::kStored;
}

void WriteHeartbeat(Database& database, std::string_view node_id,
                    const StoredHeartbeat& heartbeat) {
  database.Run(
      "UPDATE node SET heartbeat_boot_id = ?2, heartbeat_sequence = ?3, "
      "heartbeat_node_clock_unix_ms = ?4, heartbeat_received_at_unix_ms = ?5, heartbeat_bytes = ?6 "
      "WHERE node_id = ?1 AND (heartbeat_boot_id IS NULL OR "
      "(heartbeat_boot_id, heartbeat_sequence) < (?2, ?3))",
      node_id, static_cast<std::int64_t>(heartbeat.stamp.boot_id),
      static_cast<std::int64_t>(heartbeat.stamp.sequence), heartbeat.node_clock_unix_ms,
      heartbeat.received_at_unix_ms, Blob{heartbeat.bytes});
}

HeartbeatContext ReadHeartbeatContext(Database& database, std::string_view node_id) {
  HeartbeatContext context;
  database.Query(
      "SELECT n.revoked_at_unix_ms, n.heartbeat_boot_id, n.heartbeat_sequence, r.boot_id, "
      "r.sequence FROM node n LEFT JOIN report r USING (node_id) WHERE n.node_id = ?1",
      [&context](const Row& row) {
        context.known = true;
        context.revoked = !row.IsNull(0);
        context.heartbeat = OptionalStamp(row, 1);
        context.report = OptionalStamp(row, 3);
      },
      node_id);
  return context;
}

}  // namespace capacity::store
