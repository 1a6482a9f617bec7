#include "planner/store/sqlite.h"

#include <sqlite3.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace capacity::store {
namespace {

constexpr int kBusyTimeoutMs = 5'000;

}  // namespace

absl::Status StatusOf(int code, std::string_view message) {
  const std::string text = absl::StrCat("store: ", std::string(message));
  switch (code & 0xFF) {
    case SQLITE_OK:
      return absl::OkStatus();
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(absl::StrCat(text, "; `planner store check` says more"));
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_PROTOCOL:
      return absl::UnavailableError(text);
    default:
      return absl::InternalError(text);
  }
}

bool Row::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::int64_t Row::Int(int column) const { return sqlite3_column_int64(statement_, column); }

std::optional<std::int64_t> Row::OptionalInt(int column) const {
  if (IsNull(column)) return std::nullopt;
  return Int(column);
}

std::string Row::Text(int column) const {
  const void* const bytes = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  if (bytes == nullptr) return "";
  return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path, Access access) {
  const int flags = (access == Access::kReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
                    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  std::unique_ptr<Database> database(new Database(handle));
  if (code != SQLITE_OK) {
    return StatusOf(code, absl::StrCat(path, " cannot be opened: ", sqlite3_errstr(code)));
  }
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  database->RunScript(
      "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;"
      "PRAGMA synchronous = FULL");
  if (absl::Status error = database->TakeError(); !error.ok()) return error;
  return database;
}

Database::~Database() {
  for (const auto& [sql, statement] : prepared_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

sqlite3_stmt* Database::Prepare(const char* sql) {
  if (failed()) return nullptr;
  sqlite3_stmt*& statement = prepared_[sql];
  if (statement != nullptr) return statement;
  const int code =
      sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) Fail(code, "preparing");
  return statement;
}

void Database::Bind(sqlite3_stmt* statement, int index, std::int64_t value) {
  if (const int code = sqlite3_bind_int64(statement, index, value)) Fail(code, "binding");
}

// The bytes outlive the statement's steps, so that none are copied. A null pointer would bind NULL.
void Database::Bind(sqlite3_stmt* statement, int index, std::string_view text) {
  const char* const data = text.data() != nullptr ? text.data() : "";
  if (const int code =
          sqlite3_bind_text(statement, index, data, static_cast<int>(text.size()), SQLITE_STATIC)) {
    Fail(code, "binding");
  }
}

void Database::Bind(sqlite3_stmt* statement, int index, Blob blob) {
  const char* const data = blob.bytes.data() != nullptr ? blob.bytes.data() : "";
  if (const int code = sqlite3_bind_blob(statement, index, data,
                                         static_cast<int>(blob.bytes.size()), SQLITE_STATIC)) {
    Fail(code, "binding");
  }
}

bool Database::Step(sqlite3_stmt* statement) {
  if (failed()) return false;
  const int code = sqlite3_step(statement);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) Fail(code, "running");
  return false;
}

void Database::Reset(sqlite3_stmt* statement) {
  sqlite3_reset(statement);  // repeats the error of the step, which is known
  sqlite3_clear_bindings(statement);
}

void Database::RunScript(const char* sql) {
  if (failed()) return;
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) Fail(code, "running");
}

std::int64_t Database::changes() const { return sqlite3_changes64(handle_); }

void Database::Begin() { Run("BEGIN IMMEDIATE"); }

absl::Status Database::Commit() {
  Run("COMMIT");
  if (failed()) RollBack();
  return TakeError();
}

void Database::RollBack() {
  absl::Status error = TakeError();
  // Many failures undo the transaction by themselves.
  if (sqlite3_get_autocommit(handle_) == 0) Run("ROLLBACK");
  if (!error.ok()) error_ = std::move(error);
}

absl::Status Database::TakeError() { return std::exchange(error_, absl::OkStatus()); }

void Database::Fail(int code, std::string_view doing) {
  if (failed()) return;
  error_ = StatusOf(code, absl::StrCat(std::string(doing), ": ", sqlite3_errmsg(handle_)));
}

}  // namespace capacity::store
