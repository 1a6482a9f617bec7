// A few connections that read, lent to one thread at a time.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/store/sqlite.h"

namespace capacity::store {

class Readers {
 public:
  explicit Readers(std::string directory) : directory_(std::move(directory)) {}

  // The answer of `ask(Database&)`, or the database's error. Waits while all connections are lent.
  template <class Ask>
  auto Read(Ask ask) -> absl::StatusOr<decltype(ask(std::declval<Database&>()))> {
    auto database = Borrow();
    if (!database.ok()) return database.status();
    auto answer = ask(**database);
    absl::Status error = (*database)->TakeError();
    Return(*std::move(database));
    if (!error.ok()) return error;
    return answer;
  }

  // Closes the connections that nobody has. The last one to close a database that can write also
  // empties its log, so that readers should go first.
  void Close();

 private:
  absl::StatusOr<std::unique_ptr<Database>> Borrow();
  void Return(std::unique_ptr<Database> database);

  const std::string directory_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Database>> free_;  // guarded by mutex_
  int lent_ = 0;                                 // guarded by mutex_
};

}  // namespace capacity::store
