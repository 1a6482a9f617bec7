// One connection to an SQLite database, for this folder only.
//
// The first statement that fails makes the connection's error; until it is taken, every further
// statement does nothing and queries have no rows. A transaction can therefore be written down
// straight and judged at its end.
//
// A connection is used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct sqlite3;
struct sqlite3_stmt;

namespace capacity::store {

// Bytes that are not text.
struct Blob {
  std::string_view bytes;
};

// The row that a query stands on. Columns count from 0.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  bool IsNull(int column) const;
  std::int64_t Int(int column) const;
  std::optional<std::int64_t> OptionalInt(int column) const;
  std::string Text(int column) const;  // also bytes

 private:
  sqlite3_stmt* statement_;
};

class Database {
 public:
  enum class Access { kReadOnly, kReadWrite };

  // Opens a file that exists. Unavailable or DataLoss.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path, Access access);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // One statement; `arguments` take the places of ?1, ?2, ... in order. `sql` must be a literal:
  // statements are prepared once and found again by it.
  template <class... Arguments>
  void Run(const char* sql, const Arguments&... arguments) {
    Query(sql, [](const Row&) {}, arguments...);
  }

  // Calls `on_row` for every row.
  template <class OnRow, class... Arguments>
  void Query(const char* sql, OnRow on_row, const Arguments&... arguments) {
    sqlite3_stmt* const statement = Prepare(sql);
    if (statement == nullptr) return;
    int index = 0;
    (Bind(statement, ++index, arguments), ...);
    while (Step(statement)) on_row(Row(statement));
    Reset(statement);
  }

  // Several statements, separated by semicolons, without arguments or rows.
  void RunScript(const char* sql);

  // Of the one row and column that the statement gives; 0 when it gives none.
  template <class... Arguments>
  std::int64_t QueryInt(const char* sql, const Arguments&... arguments) {
    std::int64_t value = 0;
    Query(sql, [&value](const Row& row) { value = row.Int(0); }, arguments...);
    return value;
  }

  // Rows that the latest INSERT, UPDATE or DELETE changed.
  std::int64_t changes() const;

  // A transaction that writes. Commit answers with the connection's error when there was one, and
  // then everything since Begin is undone; the error is taken.
  void Begin();
  absl::Status Commit();
  void RollBack();

  // The error so far, OK when there is none; and forgets it.
  absl::Status TakeError();
  bool failed() const { return !error_.ok(); }

  sqlite3* handle() { return handle_; }

 private:
  explicit Database(sqlite3* handle) : handle_(handle) {}
  sqlite3_stmt* Prepare(const char* sql);
  void Bind(sqlite3_stmt* statement, int index, std::int64_t value);
  void Bind(sqlite3_stmt* statement, int index, std::string_view text);
  void Bind(sqlite3_stmt* statement, int index, Blob blob);
  bool Step(sqlite3_stmt* statement);
  void Reset(sqlite3_stmt* statement);
  void Fail(int code, std::string_view doing);

  sqlite3* handle_;
  absl::Status error_;
  std::map<const char*, sqlite3_stmt*> prepared_;
};

// What an SQLite result code means to a caller of the store.
absl::Status StatusOf(int code, std::string_view message);

}  // namespace capacity::store
