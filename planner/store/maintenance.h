// Looking after a store from outside: beside a planner that serves from it, or without one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace capacity::store {

// Copies the store in `directory` as it is at one moment into the file `destination` (mode 0600),
// complete on disk before it takes the name; what was there is replaced. To restore, stop the
// planner and put the copy in an empty directory as fleet.sqlite. NotFound: there is no store.
// Unavailable: the disk refuses. InvalidArgument: `destination` is the store itself.
absl::Status BackUp(const std::string& directory, const std::string& destination);

// What a look at a store found.
struct CheckReport {
  int schema = 0;                     // version that the file has
  std::vector<std::string> findings;  // in words, one for everything wrong; empty: sound
  std::int64_t nodes = 0;
  std::int64_t reports = 0;
  std::int64_t measurements = 0;
};

// Reads all of a store or of a backup, changing nothing: SQLite's own integrity check, foreign
// keys, and that what the store keeps twice agrees (counts, boots, stamps). `path` is a store's
// directory or a database file. NotFound: there is none; InvalidArgument: not a store;
// FailedPrecondition: written by a newer planner; DataLoss: not a database, or none any more.
absl::StatusOr<CheckReport> Check(const std::string& path);

}  // namespace capacity::store
