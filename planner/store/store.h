// The fleet's memory: which nodes there are, what each reported last, what was measured, who may
// speak. One SQLite database in a directory of its own (docs/adr/0006-the-fleets-memory.md).
//
// Promises:
//   - What was answered with OK survives kill -9 and loss of power, except heartbeats and counters,
//     which are written behind (Options::write_behind): a sign of life is not a fact to keep.
//   - The newest (boot, sequence) of a node wins. Replays and reordering change nothing and are
//     answered kDuplicate or kStale.
//   - A full or broken disk is Unavailable, changes nothing, leaves reading possible, and is tried
//     again with every write: no restart is needed when there is space again.
//   - Everything is in one file of mode 0600, below a directory of mode 0700.
//
// Errors, unless a function says otherwise: Unavailable (the disk refuses, or the queue of writes
// is full; try again), DataLoss (the database is damaged; `planner store check` says how),
// InvalidArgument (a value outside the limits of records.h), NotFound (no such node, token,
// certificate).
//
// Threads: every function may be called from any thread at any time. A callback runs in the
// store's writer thread, or in the caller's before the function returns; it must be short and must
// not call a function of the store that waits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "planner/store/records.h"

namespace capacity::store {

inline constexpr std::size_t kMaxReportBytes = std::size_t{256} << 10;
inline constexpr std::size_t kMaxHeartbeatBytes = 1024;

// Milliseconds since 1970-01-01 UTC.
using Clock = std::function<std::int64_t()>;

// The computer's own.
std::int64_t SystemClock();

struct Options {
  std::string directory;       // made with mode 0700 when absent; the file in it is fleet.sqlite
  Clock clock = &SystemClock;  // for received_at, expiry and the like

  // Limits. At each of them the oldest goes and is counted, except for waiting writes, where the
  // newest is refused with Unavailable.
  std::int64_t measurements_per_node = 4096;
  std::int64_t links_per_node = 1024;  // as `from`
  std::size_t waiting_writes = 65'536;

  // How long heartbeats and counters may stay in memory only, ms. They also go with any other
  // write.
  std::int64_t write_behind_ms = 5'000;

  // Called after a commit with the ids of the nodes whose record, report or links changed, sorted,
  // each once; in the writer thread. Not for changes made by another process. May be empty.
  std::function<void(const std::vector<std::string>& node_ids)> changed;
};

// 1 to 63 letters, digits, '-', '_' and '.', the first one a letter or digit. InvalidArgument says
// what is wrong otherwise.
absl::Status ValidateNodeName(std::string_view name);

class Store {
 public:
  // Opens the store for serving; makes it when it is absent and migrates it when an older planner
  // wrote it. FailedPrecondition when another planner serves from this directory, or when a newer
  // planner wrote it.
  static absl::StatusOr<std::unique_ptr<Store>> Open(Options options);

  // Opens the store for a command beside a planner that may be serving from it: the same
  // functions, durable in the same way, seen by the server at once. FailedPrecondition when the
  // store is not of this version and a planner is serving; otherwise made or migrated like Open.
  static absl::StatusOr<std::unique_ptr<Store>> OpenBeside(Options options);

  // Completes every write that was accepted, and calls its callback.
  ~Store();

  // --- What nodes deliver. `done` is called exactly once, after the commit. NotFound: no such
  // node; PermissionDenied: it is revoked.

  using Done = std::function<void(absl::StatusOr<Outcome>)>;
  void PutReport(NewReport report, Done done);

  // kStored: at least one was new.
  void PutMeasurements(NewMeasurements measurements, Done done);

  // Does not wait for the disk; `done` is called before this returns.
  void PutHeartbeat(NewHeartbeat heartbeat,
                    std::function<void(absl::StatusOr<HeartbeatAnswer>)> done);

  // Of two of one (from, to, path) the one with the newer stamp wins. NotFound when either node is
  // unknown.
  void PutLink(Link link, Done done);

  // --- Nodes. These wait for the commit.

  // A token, when given, is checked and used up in the same transaction: PermissionDenied when it
  // is unknown, expired, used by another key, or bound to another name. A node that lost the answer
  // may ask again with the same token and key and gets the same id. AlreadyExists: the name belongs
  // to a node with another key. PermissionDenied: the node with this name is revoked. Returns the
  // node as it is now; its id is new_node_id unless it was known.
  absl::StatusOr<NodeRecord> Enroll(const Enrollment& enrollment);

  // AlreadyExists when another node has the name.
  absl::Status Rename(std::string_view node_id, std::string_view name);

  // Deletes the node with all that it delivered, and revokes its certificates. The name is free.
  // Returns how many certificates were revoked by this.
  absl::StatusOr<std::int64_t> Forget(std::string_view node_id);

  // Keeps the node and what it delivered, but refuses it from now on, and revokes its certificates.
  // Returns how many certificates were revoked by this.
  absl::StatusOr<std::int64_t> RevokeNode(std::string_view node_id);

  // --- Tokens and certificates. These wait for the commit.

  // `token.created_at` is filled in by the store. AlreadyExists for a hash that is there.
  absl::Status AddToken(const TokenRecord& token);

  // The token can no longer be used. NotFound when there is none, or it was used.
  absl::Status RemoveToken(std::string_view hash);

  // A node's certificate makes its key one of the node's keys, by which Enroll knows it again.
  // AlreadyExists for a serial that is there, or when the key is another node's; NotFound for a
  // node that is not there.
  absl::Status AddCertificate(const CertificateRecord& certificate);
  absl::Status RevokeCertificate(std::string_view serial);

  // --- Counters, written behind. Never fails: a counter that cannot be written is kept in memory.
  void Count(std::string_view counter, std::int64_t by = 1);

  // --- Reading. Never waits for a write.

  // Of this store, random, 32 hex digits: another one when the store was made anew.
  absl::StatusOr<std::string> PlannerId() const;

  absl::StatusOr<NodeRecord> GetNode(std::string_view node_id) const;
  absl::StatusOr<NodeRecord> FindNode(std::string_view name) const;
  absl::StatusOr<std::vector<NodeRecord>> ListNodes() const;  // by name

  // NotFound when there is no such node, or it reported nothing yet.
  absl::StatusOr<StoredReport> GetReport(std::string_view node_id) const;
  absl::StatusOr<std::vector<StoredReport>> ListReports() const;  // newest of each node, by node id

  // The newest `limit` of a node, newest first; all kinds when `kind` is empty.
  absl::StatusOr<std::vector<StoredMeasurement>> ListMeasurements(std::string_view node_id,
                                                                  std::string_view kind,
                                                                  std::int64_t limit) const;
  absl::StatusOr<std::vector<Link>> ListLinks() const;  // by from, to, path

  absl::StatusOr<std::vector<TokenRecord>> ListTokens() const;  // oldest first; also used ones
  absl::StatusOr<std::vector<CertificateRecord>> ListCertificates() const;  // oldest first

  // Of the certificate with this serial at this moment. A node's certificate is kRevoked when its
  // node is, and kUnknown when it is forgotten.
  absl::StatusOr<Standing> CertificateStanding(std::string_view serial) const;

  absl::StatusOr<std::vector<Counter>> Counters() const;  // by name, memory and disk together

  // --- How the store does, for metrics.

  struct Health {
    absl::Status last_write;            // OK, or why the latest commit failed
    std::size_t waiting_writes = 0;     // in the queue now
    std::int64_t commits = 0;           // since the store was opened
    std::int64_t committed_writes = 0;  // by these commits; the ratio is the size of a group
    std::int64_t failed_commits = 0;
    double commit_seconds = 0;  // time spent in all commits
    double last_commit_seconds = 0;
    std::int64_t database_bytes = 0;  // fleet.sqlite and its write-ahead log
  };
  Health GetHealth() const;

 private:
  class Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace capacity::store
