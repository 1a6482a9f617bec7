#include "planner/store/schema.h"

#include "absl/strings/str_cat.h"

namespace capacity::store {
namespace {

// Booleans of time are nullable times. Opaque bytes are BLOB, everything else is STRICT.
constexpr const char* kSchema1 = R"sql(
CREATE TABLE planner (
  planner_id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
INSERT INTO planner VALUES (lower(hex(randomblob(16))));

CREATE TABLE node (
  node_id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  key_fingerprint TEXT NOT NULL,
  enrolled_at_unix_ms INTEGER NOT NULL,
  revoked_at_unix_ms INTEGER,
  heartbeat_boot_id INTEGER,                    -- NULL: none written yet
  heartbeat_sequence INTEGER,
  heartbeat_node_clock_unix_ms INTEGER,
  heartbeat_received_at_unix_ms INTEGER,
  heartbeat_bytes BLOB,
  measurements INTEGER NOT NULL DEFAULT 0,      -- rows in measurement
  dropped_measurements INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX node_by_key ON node (key_fingerprint) WHERE key_fingerprint <> '';

-- The newest report of a node.
CREATE TABLE report (
  node_id TEXT PRIMARY KEY REFERENCES node ON DELETE CASCADE,
  boot_id INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  taken_at_unix_ms INTEGER NOT NULL,
  received_at_unix_ms INTEGER NOT NULL,
  bytes BLOB NOT NULL
) STRICT;

CREATE TABLE measurement (
  node_id TEXT NOT NULL REFERENCES node ON DELETE CASCADE,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  taken_at_unix_ms INTEGER NOT NULL,
  received_at_unix_ms INTEGER NOT NULL,
  boot_id INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  UNIQUE (node_id, taken_at_unix_ms, kind, subject)
) STRICT;

CREATE TABLE link (
  from_node_id TEXT NOT NULL REFERENCES node ON DELETE CASCADE,
  to_node_id TEXT NOT NULL REFERENCES node ON DELETE CASCADE,
  path TEXT NOT NULL,
  taken_at_unix_ms INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (from_node_id, to_node_id, path)
) STRICT;
CREATE INDEX link_by_to ON link (to_node_id);

CREATE TABLE token (
  hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
  node_name TEXT NOT NULL,
  created_at_unix_ms INTEGER NOT NULL,
  expires_at_unix_ms INTEGER NOT NULL,
  used_at_unix_ms INTEGER,
  used_by_node_id TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

CREATE TABLE certificate (
  serial TEXT PRIMARY KEY,
  role TEXT NOT NULL,
  subject TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  key_fingerprint TEXT NOT NULL,
  not_before_unix_ms INTEGER NOT NULL,
  not_after_unix_ms INTEGER NOT NULL,
  issued_at_unix_ms INTEGER NOT NULL,
  revoked_at_unix_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX certificate_by_subject ON certificate (subject);
CREATE INDEX certificate_by_key ON certificate (key_fingerprint);
CREATE INDEX certificate_by_end ON certificate (not_after_unix_ms);

CREATE TABLE counter (
  name TEXT PRIMARY KEY,
  count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

// Links in the order of their sender, and when they came by the planner's clock. What an older
// planner kept counts as older than anything that comes.
constexpr const char* kSchema2 = R"sql(
ALTER TABLE link ADD COLUMN boot_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE link ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0;
ALTER TABLE link ADD COLUMN received_at_unix_ms INTEGER NOT NULL DEFAULT 0;
UPDATE link SET received_at_unix_ms =
    min(taken_at_unix_ms, CAST(strftime('%s', 'now') AS INTEGER) * 1000);
)sql";

void SetUserVersion(Database& database, int version) {
  database.RunScript(absl::StrCat("PRAGMA user_version = ", version).c_str());
}

}  // namespace

const Migrations& AllMigrations() {
  static const Migrations* const kAll = new Migrations{kSchema1, kSchema2};
  return *kAll;
}

int CurrentSchema() { return static_cast<int>(AllMigrations().size()); }

absl::StatusOr<int> SchemaOf(Database& database) {
  const std::int64_t application = database.QueryInt("PRAGMA application_id");
  const std::int64_t schema = database.QueryInt("PRAGMA user_version");
  const std::int64_t tables = database.QueryInt("SELECT count(*) FROM sqlite_schema");
  if (absl::Status error = database.TakeError(); !error.ok()) return error;
  if (application == kApplicationId) return static_cast<int>(schema);
  if (application == 0 && schema == 0 && tables == 0) return 0;
  return absl::InvalidArgumentError("the file is an SQLite database, but not a planner's store");
}

absl::Status RefuseNewerSchema(int schema, int current, const std::string& path) {
  if (schema <= current) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      path, " was written by a newer planner (schema ", schema, "; this one knows up to ", current,
      "): use that planner, or restore a backup that is older"));
}

absl::Status Migrate(Database& database, const Migrations& migrations, const std::string& path) {
  const int newest = static_cast<int>(migrations.size());
  database.Begin();
  // Read inside the transaction: another process may have migrated a moment ago.
  const auto schema = SchemaOf(database);
  absl::Status problem = schema.ok() ? RefuseNewerSchema(*schema, newest, path) : schema.status();
  if (!problem.ok()) {
    database.RollBack();
    return problem;
  }
  for (int version = *schema; version < newest; ++version) {
    database.RunScript(migrations[static_cast<std::size_t>(version)]);
    SetUserVersion(database, version + 1);
  }
  database.RunScript(absl::StrCat("PRAGMA application_id = ", kApplicationId).c_str());
  return database.Commit();
}

}  // namespace capacity::store
