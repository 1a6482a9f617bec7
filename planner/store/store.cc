#include "planner/store/store.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/store/group_commit.h"
#include "planner/store/limits.h"
#include "planner/store/location.h"
#include "planner/store/readers.h"
#include "planner/store/schema.h"
#include "planner/store/tables.h"

namespace capacity::store {
namespace {

// What a row costs besides its bytes: indexes, and the pages they touch.
constexpr std::size_t kRowBytes = 512;

std::size_t SizeOf(const std::vector<Measurement>& measurements) {
  std::size_t bytes = 0;
  for (const Measurement& measurement : measurements) bytes += measurement.bytes.size() + kRowBytes;
  return bytes;
}

std::int64_t FileBytes(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 ? static_cast<std::int64_t>(status.st_size) : 0;
}

// The one of a list that has at most one.
template <class Record>
absl::StatusOr<Record> OnlyOne(absl::StatusOr<std::vector<Record>> found, std::string missing) {
  if (!found.ok()) return found.status();
  if (found->empty()) return absl::NotFoundError(missing);
  return std::move(found->front());
}

// Puts the value in its place and gives the status.
template <class Value>
absl::Status Keep(const absl::StatusOr<Value>& answer, Value& place) {
  if (answer.ok()) place = *answer;
  return answer.status();
}

// Heartbeats and counters on their way to the disk.
class WriteBehind {
 public:
  // Where the heartbeat stands against the newest, of which `written` is on disk.
  Outcome Keep(const NewHeartbeat& heartbeat, const std::optional<Stamp>& written,
               std::int64_t now_unix_ms) {
    const std::lock_guard lock(mutex_);
    const auto it = heartbeats_.find(heartbeat.node_id);
    std::optional<Stamp> newest = written;
    if (it != heartbeats_.end()) newest = std::max(newest, std::optional(it->second.stamp));
    if (newest && heartbeat.stamp <= *newest) {
      return heartbeat.stamp == *newest ? Outcome::kDuplicate : Outcome::kStale;
    }
    heartbeats_[heartbeat.node_id] = {heartbeat.stamp, heartbeat.node_clock_unix_ms, now_unix_ms,
                                      heartbeat.bytes};
    return Outcome::kStored;
  }

  void Count(std::string_view counter, std::int64_t by) {
    const std::lock_guard lock(mutex_);
    counts_[std::string(counter)] += by;
  }

  void Show(NodeRecord& node) const {
    const std::lock_guard lock(mutex_);
    const auto it = heartbeats_.find(node.node_id);
    if (it == heartbeats_.end()) return;
    if (!node.heartbeat || node.heartbeat->stamp < it->second.stamp) node.heartbeat = it->second;
  }

  std::map<std::string, std::int64_t> counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
  }

  // What is here now goes to the disk, and leaves memory when it has arrived.
  Write ToDisk() {
    const std::lock_guard lock(mutex_);
    if (heartbeats_.empty() && counts_.empty()) return {};
    return {.apply =
                [heartbeats = heartbeats_, counts = counts_](Database& database,
                                                             std::set<std::string>&) {
                  for (const auto& [id, newest] : heartbeats) WriteHeartbeat(database, id, newest);
                  for (const auto& [name, by] : counts) AddToCounter(database, name, by);
                },
            .finish =
                [this, heartbeats = heartbeats_, counts = counts_](const absl::Status& committed) {
                  if (committed.ok()) Forget(heartbeats, counts);
                }};
  }

 private:
  void Forget(const std::map<std::string, StoredHeartbeat>& heartbeats,
              const std::map<std::string, std::int64_t>& counts) {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, written] : heartbeats) {
      const auto it = heartbeats_.find(id);
      if (it != heartbeats_.end() && it->second.stamp == written.stamp) heartbeats_.erase(it);
    }
    for (const auto& [name, by] : counts) {
      if ((counts_[name] -= by) == 0) counts_.erase(name);
    }
  }

  mutable std::mutex mutex_;
  std::map<std::string, StoredHeartbeat> heartbeats_;  // by node id; newest not yet on disk
  std::map<std::string, std::int64_t> counts_;         // not yet on disk
};

}  // namespace

std::int64_t SystemClock() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

class Store::Impl {
 public:
  Impl(Options given, std::unique_ptr<ServingLock> serving, std::unique_ptr<Database> writer)
      : options(std::move(given)),
        limits{options.measurements_per_node, options.links_per_node},
        serving_(std::move(serving)),
        readers(options.directory),
        commits(std::move(writer), {.waiting_writes = options.waiting_writes,
                                    .period = std::chrono::milliseconds(options.write_behind_ms),
                                    .periodic = [this] { return behind.ToDisk(); },
                                    .changed = options.changed}) {}

  ~Impl() { readers.Close(); }

  std::int64_t Now() const { return options.clock(); }

  // Submits a delivery of a node; `add(database)` gives its Outcome.
  template <class Add>
  void Deliver(std::string node_id, std::size_t bytes, Add add, Done done) {
    auto outcome = std::make_shared<absl::StatusOr<Outcome>>(absl::InternalError("not applied"));
    commits.Submit({.apply =
                        [outcome, add = std::move(add), node_id = std::move(node_id)](
                            Database& database, std::set<std::string>& changed) {
                          *outcome = add(database);
                          if (outcome->ok() && **outcome == Outcome::kStored) {
                            changed.insert(node_id);
                          }
                        },
                    .finish =
                        [outcome, done = std::move(done)](const absl::Status& committed) {
                          done(committed.ok() ? *outcome : committed);
                        },
                    .bytes = bytes});
  }

  // Waits for a change that a person made; `change(database)` gives its Status.
  template <class Change>
  absl::Status Wait(std::string_view changed_node_id, Change change) {
    absl::Status answer;
    const absl::Status committed =
        commits.Run([&](Database& database, std::set<std::string>& changed) {
          answer = change(database);
          if (answer.ok() && !changed_node_id.empty()) changed.emplace(changed_node_id);
        });
    return committed.ok() ? answer : committed;
  }

  const Options options;
  const Limits limits;

 private:
  std::unique_ptr<ServingLock> serving_;  // null beside a server

 public:
  mutable Readers readers;
  WriteBehind behind;
  GroupCommit commits;  // last: its thread uses the others
};

namespace {

absl::StatusOr<std::unique_ptr<Database>> OpenCurrent(const std::string& directory) {
  auto writer = OpenForWriting(directory);
  if (!writer.ok()) return writer;
  const absl::Status migrated = Migrate(**writer, AllMigrations(), DatabasePath(directory));
  if (!migrated.ok()) return migrated;
  return writer;
}

// True when the store can be used as it is.
absl::StatusOr<bool> IsCurrent(const std::string& directory) {
  auto database = Database::Open(DatabasePath(directory), Database::Access::kReadWrite);
  if (!database.ok()) return database.status();
  const auto schema = SchemaOf(**database);
  if (!schema.ok()) return schema.status();
  return *schema == CurrentSchema();
}

}  // namespace

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

absl::StatusOr<std::unique_ptr<Store>> Store::Open(Options options) {
  if (absl::Status prepared = Prepare(options.directory); !prepared.ok()) return prepared;
  auto serving = ServingLock::Take(options.directory);
  if (!serving.ok()) return serving.status();
  auto writer = OpenCurrent(options.directory);
  if (!writer.ok()) return writer.status();
  return std::unique_ptr<Store>(new Store(
      std::make_unique<Impl>(std::move(options), *std::move(serving), *std::move(writer))));
}

absl::StatusOr<std::unique_ptr<Store>> Store::OpenBeside(Options options) {
  if (absl::Status prepared = Prepare(options.directory); !prepared.ok()) return prepared;
  const auto current = IsCurrent(options.directory);
  if (!current.ok()) return current.status();
  std::unique_ptr<ServingLock> migrating;
  if (!*current) {
    auto taken = ServingLock::Take(options.directory);
    if (!taken.ok()) return taken.status();
    migrating = *std::move(taken);
  }
  auto writer = OpenCurrent(options.directory);
  if (!writer.ok()) return writer.status();
  return std::unique_ptr<Store>(
      new Store(std::make_unique<Impl>(std::move(options), nullptr, *std::move(writer))));
}

// ---------------------------------------------------------------- deliveries

void Store::PutReport(NewReport report, Done done) {
  if (absl::Status invalid = Validate(report); !invalid.ok()) return done(invalid);
  const std::size_t bytes = report.bytes.size() + kRowBytes + SizeOf(report.measurements);
  std::string node_id = report.node_id;
  impl_->Deliver(
      std::move(node_id), bytes,
      [impl = impl_.get(), report = std::move(report)](Database& database) {
        return AddReport(database, report, impl->limits, impl->Now());
      },
      std::move(done));
}

void Store::PutMeasurements(NewMeasurements measurements, Done done) {
  if (absl::Status invalid = Validate(measurements); !invalid.ok()) return done(invalid);
  const std::size_t bytes = SizeOf(measurements.measurements);
  std::string node_id = measurements.node_id;
  impl_->Deliver(
      std::move(node_id), bytes,
      [impl = impl_.get(), measurements = std::move(measurements)](Database& database) {
        return AddMeasurements(database, measurements, impl->limits, impl->Now());
      },
      std::move(done));
}

void Store::PutLink(Link link, Done done) {
  if (absl::Status invalid = Validate(link); !invalid.ok()) return done(invalid);
  const std::size_t bytes = link.bytes.size() + kRowBytes;
  std::string node_id = link.from_node_id;
  impl_->Deliver(
      std::move(node_id), bytes,
      [impl = impl_.get(), link = std::move(link)](Database& database) {
        return AddLink(database, link, impl->limits, impl->Now());
      },
      std::move(done));
}

void Store::PutHeartbeat(NewHeartbeat heartbeat,
                         std::function<void(absl::StatusOr<HeartbeatAnswer>)> done) {
  if (absl::Status invalid = Validate(heartbeat); !invalid.ok()) return done(invalid);
  const auto context = impl_->readers.Read([&heartbeat](Database& database) {
    return ReadHeartbeatContext(database, heartbeat.node_id);
  });
  if (!context.ok()) return done(context.status());
  const absl::Status may = MayDeliver(context->known, context->revoked, heartbeat.node_id);
  if (!may.ok()) return done(may);
  const Outcome outcome = impl_->behind.Keep(heartbeat, context->heartbeat, impl_->Now());
  done(HeartbeatAnswer{.outcome = outcome, .report = context->report});
}

void Store::Count(std::string_view counter, std::int64_t by) { impl_->behind.Count(counter, by); }

// ---------------------------------------------------------------- membership

absl::StatusOr<NodeRecord> Store::Enroll(const Enrollment& enrollment) {
  if (absl::Status invalid = Validate(enrollment); !invalid.ok()) return invalid;
  absl::StatusOr<std::string> node_id = absl::InternalError("not applied");
  const absl::Status committed =
      impl_->commits.Run([&](Database& database, std::set<std::string>& changed) {
        node_id = EnrollNode(database, enrollment, impl_->Now());
        if (node_id.ok()) changed.insert(*node_id);
      });
  if (!committed.ok()) return committed;
  if (!node_id.ok()) return node_id.status();
  return GetNode(*node_id);
}

absl::Status Store::Rename(std::string_view node_id, std::string_view name) {
  if (absl::Status invalid = ValidateNodeName(name); !invalid.ok()) return invalid;
  return impl_->Wait(node_id,
                     [&](Database& database) { return RenameNode(database, node_id, name); });
}

absl::StatusOr<std::int64_t> Store::Forget(std::string_view node_id) {
  std::int64_t revoked = 0;
  const absl::Status done = impl_->Wait(node_id, [&](Database& database) {
    return Keep(ForgetNode(database, node_id, impl_->Now()), revoked);
  });
  if (!done.ok()) return done;
  return revoked;
}

absl::StatusOr<std::int64_t> Store::RevokeNode(std::string_view node_id) {
  std::int64_t revoked = 0;
  const absl::Status done = impl_->Wait(node_id, [&](Database& database) {
    return Keep(store::RevokeNode(database, node_id, impl_->Now()), revoked);
  });
  if (!done.ok()) return done;
  return revoked;
}

absl::Status Store::AddToken(const TokenRecord& token) {
  if (absl::Status invalid = Validate(token); !invalid.ok()) return invalid;
  return impl_->Wait(
      "", [&](Database& database) { return store::AddToken(database, token, impl_->Now()); });
}

absl::Status Store::RemoveToken(std::string_view hash) {
  return impl_->Wait("", [&](Database& database) { return store::RemoveToken(database, hash); });
}

absl::Status Store::AddCertificate(const CertificateRecord& certificate) {
  if (absl::Status invalid = Validate(certificate); !invalid.ok()) return invalid;
  return impl_->Wait("", [&](Database& database) {
    return store::AddCertificate(database, certificate, impl_->Now());
  });
}

absl::Status Store::RevokeCertificate(std::string_view serial) {
  return impl_->Wait("", [&](Database& database) {
    return store::RevokeCertificate(database, serial, impl_->Now());
  });
}

// ---------------------------------------------------------------- reading

absl::StatusOr<std::string> Store::PlannerId() const { return impl_->readers.Read(&ReadPlannerId); }

absl::StatusOr<NodeRecord> Store::GetNode(std::string_view node_id) const {
  auto node =
      OnlyOne(impl_->readers.Read([&](Database& database) { return ReadNode(database, node_id); }),
              absl::StrCat("no node has the id ", std::string(node_id)));
  if (node.ok()) impl_->behind.Show(*node);
  return node;
}

absl::StatusOr<NodeRecord> Store::FindNode(std::string_view name) const {
  auto node = OnlyOne(
      impl_->readers.Read([&](Database& database) { return ReadNodeByName(database, name); }),
      absl::StrCat("no node is named \"", std::string(name), "\""));
  if (node.ok()) impl_->behind.Show(*node);
  return node;
}

absl::StatusOr<std::vector<NodeRecord>> Store::ListNodes() const {
  auto nodes = impl_->readers.Read(&ReadNodes);
  if (nodes.ok()) {
    for (NodeRecord& node : *nodes) impl_->behind.Show(node);
  }
  return nodes;
}

absl::StatusOr<StoredReport> Store::GetReport(std::string_view node_id) const {
  return OnlyOne(
      impl_->readers.Read([&](Database& database) { return ReadReport(database, node_id); }),
      absl::StrCat("no report of a node with the id ", std::string(node_id)));
}

absl::StatusOr<std::vector<StoredReport>> Store::ListReports() const {
  return impl_->readers.Read(&ReadReports);
}

absl::StatusOr<std::vector<StoredMeasurement>> Store::ListMeasurements(std::string_view node_id,
                                                                       std::string_view kind,
                                                                       std::int64_t limit) const {
  return impl_->readers.Read(
      [&](Database& database) { return ReadMeasurements(database, node_id, kind, limit); });
}

absl::StatusOr<std::vector<Link>> Store::ListLinks() const {
  return impl_->readers.Read(&ReadLinks);
}

absl::StatusOr<std::vector<TokenRecord>> Store::ListTokens() const {
  return impl_->readers.Read(&ReadTokens);
}

absl::StatusOr<std::vector<CertificateRecord>> Store::ListCertificates() const {
  return impl_->readers.Read(&ReadCertificates);
}

absl::StatusOr<Standing> Store::CertificateStanding(std::string_view serial) const {
  return impl_->readers.Read(
      [&](Database& database) { return ReadStanding(database, serial, impl_->Now()); });
}

absl::StatusOr<std::vector<Counter>> Store::Counters() const {
  auto counts = impl_->behind.counts();
  const auto written = impl_->readers.Read(&ReadCounters);
  if (!written.ok()) return written.status();
  for (const Counter& counter : *written) counts[counter.name] += counter.count;
  std::vector<Counter> counters;
  for (const auto& [name, count] : counts) counters.push_back({.name = name, .count = count});
  return counters;
}

Store::Health Store::GetHealth() const {
  const GroupCommit::Figures figures = impl_->commits.GetFigures();
  const std::string path = DatabasePath(impl_->options.directory);
  return {.last_write = figures.last,
          .waiting_writes = figures.waiting,
          .commits = figures.commits,
          .committed_writes = figures.writes,
          .failed_commits = figures.failed,
          .commit_seconds = figures.seconds,
          .last_commit_seconds = figures.last_seconds,
          .database_bytes = FileBytes(path) + FileBytes(absl::StrCat(path, "-wal"))};
}

}  // namespace capacity::store
