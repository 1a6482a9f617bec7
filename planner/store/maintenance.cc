#include "planner/store/maintenance.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "planner/store/location.h"
#include "planner/store/schema.h"

namespace capacity::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFindings = 100;

absl::Status Failed(const std::string& path, std::string_view what) {
  return absl::UnavailableError(absl::StrCat(path, " cannot be ", std::string(what), ": ",
                                             std::generic_category().message(errno)));
}

// ---------------------------------------------------------------- backup

absl::Status MakeEmptyFile(const std::string& path) {
  unlink(path.c_str());  // left by a process of the same number that was killed
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return Failed(path, "made");
  close(file);
  return absl::OkStatus();
}

absl::Status CopyPages(Database& from, Database& to) {
  sqlite3_backup* const backup = sqlite3_backup_init(to.handle(), "main", from.handle(), "main");
  if (backup == nullptr) {
    return StatusOf(sqlite3_errcode(to.handle()), sqlite3_errmsg(to.handle()));
  }
  const int step = sqlite3_backup_step(backup, -1);
  const int finish = sqlite3_backup_finish(backup);
  if (finish != SQLITE_OK) return StatusOf(finish, sqlite3_errstr(finish));
  return step == SQLITE_DONE ? absl::OkStatus() : StatusOf(step, sqlite3_errstr(step));
}

absl::Status CopyInto(const std::string& directory, const std::string& path) {
  auto from = OpenForReading(directory);
  if (!from.ok()) return from.status();
  auto to = Database::Open(path, Database::Access::kReadWrite);
  if (!to.ok()) return to.status();
  if (absl::Status copied = CopyPages(**from, **to); !copied.ok()) return copied;
  // The copy is one file: no log beside it.
  (*to)->RunScript("PRAGMA journal_mode = DELETE");
  return (*to)->TakeError();
}

absl::Status SyncPath(const std::string& path, int flags) {
  const int file = open(path.c_str(), flags | O_CLOEXEC);
  if (file < 0) return Failed(path, "opened");
  const bool synced = fsync(file) == 0;
  const absl::Status result = synced ? absl::OkStatus() : Failed(path, "written to disk");
  close(file);
  return result;
}

absl::Status GiveName(const std::string& temporary, const std::string& destination) {
  if (absl::Status synced = SyncPath(temporary, O_RDONLY); !synced.ok()) return synced;
  if (std::rename(temporary.c_str(), destination.c_str()) != 0) {
    return Failed(destination, "replaced");
  }
  const fs::path parent = fs::path(destination).parent_path();
  return SyncPath(parent.empty() ? "." : parent.string(), O_RDONLY | O_DIRECTORY);
}

// ---------------------------------------------------------------- check

void Find(CheckReport& report, std::string finding) {
  if (report.findings.size() < kMaxFindings) report.findings.push_back(std::move(finding));
}

void CheckIntegrity(Database& database, CheckReport& report) {
  database.Query("PRAGMA integrity_check(100)", [&report](const Row& row) {
    const std::string text = row.Text(0);
    if (text != "ok") Find(report, absl::StrCat("SQLite: ", text));
  });
  database.Query("PRAGMA foreign_key_check", [&report](const Row& row) {
    Find(report, absl::StrCat("a row of ", row.Text(0), " belongs to a row of ", row.Text(2),
                              " that does not exist"));
  });
}

// Each query gives the names of nodes of which the sentence is true.
struct Rule {
  const char* sentence;
  const char* query;
};

constexpr Rule kRules[] = {
    {"counts other measurements than it has",
     "SELECT name FROM node n WHERE measurements <> "
     "(SELECT count(*) FROM measurement m WHERE m.node_id = n.node_id)"},
    {"has a negative sequence number",
     "SELECT name FROM node n LEFT JOIN report r USING (node_id) "
     "WHERE r.sequence < 0 OR n.heartbeat_sequence < 0"},
    {"is revoked and has a certificate that is not",
     "SELECT DISTINCT name FROM node n JOIN certificate c ON c.subject = n.node_id AND "
     "c.role = 'node' WHERE n.revoked_at_unix_ms IS NOT NULL AND c.revoked_at_unix_ms IS NULL"},
};

void CheckRules(Database& database, CheckReport& report) {
  for (const Rule& rule : kRules) {
    database.Query(rule.query, [&](const Row& row) {
      Find(report, absl::StrCat("node \"", row.Text(0), "\" ", rule.sentence));
    });
  }
}

std::string FileOf(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error) ? DatabasePath(path) : path;
}

}  // namespace

absl::Status BackUp(const std::string& directory, const std::string& destination) {
  const std::string source = DatabasePath(directory);
  std::error_code error;
  if (!fs::exists(source, error)) {
    return absl::NotFoundError(absl::StrCat(directory, " holds no store"));
  }
  if (fs::equivalent(source, destination, error)) {
    return absl::InvalidArgumentError(absl::StrCat(destination, " is the store itself"));
  }
  const std::string temporary = absl::StrCat(destination, ".new-", getpid());
  absl::Status status = MakeEmptyFile(temporary);
  if (status.ok()) status = CopyInto(directory, temporary);
  if (status.ok()) status = GiveName(temporary, destination);
  if (!status.ok()) unlink(temporary.c_str());
  return status;
}

absl::StatusOr<CheckReport> Check(const std::string& path) {
  const std::string file = FileOf(path);
  std::error_code error;
  if (!fs::exists(file, error)) return absl::NotFoundError(absl::StrCat(file, " does not exist"));
  auto database = Database::Open(file, Database::Access::kReadOnly);
  if (!database.ok()) return database.status();
  const auto schema = SchemaOf(**database);
  if (!schema.ok()) return schema.status();
  if (absl::Status newer = RefuseNewerSchema(*schema, CurrentSchema(), file); !newer.ok()) {
    return newer;
  }
  if (*schema == 0)
    return absl::InvalidArgumentError(absl::StrCat(file, " is empty: no planner used it yet"));
  CheckReport report;
  report.schema = *schema;
  CheckIntegrity(**database, report);
  if (*schema == CurrentSchema()) CheckRules(**database, report);
  report.nodes = (*database)->QueryInt("SELECT count(*) FROM node");
  report.reports = (*database)->QueryInt("SELECT count(*) FROM report");
  report.measurements = (*database)->QueryInt("SELECT count(*) FROM measurement");
  // Damage can stop the reading itself; that is a finding too.
  if (absl::Status damage = (*database)->TakeError(); !damage.ok()) {
    Find(report, std::string(damage.message()));
  }
  return report;
}

}  // namespace capacity::store
