-- A store of schema 1, as the planner that introduced it wrote it: sqlite3 fleet.sqlite .dump
PRAGMA application_id = 1129345908;
PRAGMA user_version = 1;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE planner (
  planner_id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
INSERT INTO planner VALUES('2e4726c06aec02f65e15e18fc7cd380b');
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
INSERT INTO node VALUES('id-1','spark-1','key-1',1790000000000,NULL,3,159,1789999999500,1790000000000,X'62656174',1,0);
INSERT INTO node VALUES('id-2','studio','',1790000000000,NULL,NULL,NULL,NULL,NULL,NULL,0,0);
CREATE TABLE report (
  node_id TEXT PRIMARY KEY REFERENCES node ON DELETE CASCADE,
  boot_id INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  taken_at_unix_ms INTEGER NOT NULL,
  received_at_unix_ms INTEGER NOT NULL,
  bytes BLOB NOT NULL
) STRICT;
INSERT INTO report VALUES('id-1',3,14,1789999999000,1790000000000,X'007265706f7274ff');
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
INSERT INTO measurement VALUES('id-1','memory-bandwidth','cpu',1789999998000,1790000000000,3,14,X'7472696164');
CREATE TABLE link (
  from_node_id TEXT NOT NULL REFERENCES node ON DELETE CASCADE,
  to_node_id TEXT NOT NULL REFERENCES node ON DELETE CASCADE,
  path TEXT NOT NULL,
  taken_at_unix_ms INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (from_node_id, to_node_id, path)
) STRICT;
INSERT INTO link VALUES('id-1','id-2','10.0.0.1 > 10.0.0.2',1789999998500,X'6c696e6b');
CREATE TABLE token (
  hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
  node_name TEXT NOT NULL,
  created_at_unix_ms INTEGER NOT NULL,
  expires_at_unix_ms INTEGER NOT NULL,
  used_at_unix_ms INTEGER,
  used_by_node_id TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
INSERT INTO token VALUES(X'6868686868686868686868686868686868686868686868686868686868686868','spark-1',1790000000000,1790000900000,1790000000000,'id-1');
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
INSERT INTO certificate VALUES('0A','node','id-1','f','key-1',1789999700000,1792592000000,1790000000000,NULL);
CREATE TABLE counter (
  name TEXT PRIMARY KEY,
  count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counter VALUES('refused.expired',2);
CREATE UNIQUE INDEX node_by_key ON node (key_fingerprint) WHERE key_fingerprint <> '';
CREATE INDEX link_by_to ON link (to_node_id);
CREATE INDEX certificate_by_subject ON certificate (subject);
CREATE INDEX certificate_by_key ON certificate (key_fingerprint);
CREATE INDEX certificate_by_end ON certificate (not_after_unix_ms);
COMMIT;
