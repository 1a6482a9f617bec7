// Where a store lies on disk, who may open it, and who serves from it.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "planner/store/sqlite.h"

namespace capacity::store {

// DIRECTORY/fleet.sqlite
std::string DatabasePath(const std::string& directory);

// Makes the directory (0700) and an empty database file (0600) where they are absent, and takes
// from others what rights they have to the file. Unavailable.
absl::Status Prepare(const std::string& directory);

// The right to serve from a directory, held until this is destroyed or the process ends.
class ServingLock {
 public:
  // FailedPrecondition when another process has it; says which.
  static absl::StatusOr<std::unique_ptr<ServingLock>> Take(const std::string& directory);
  ~ServingLock();
  ServingLock(const ServingLock&) = delete;
  ServingLock& operator=(const ServingLock&) = delete;

 private:
  explicit ServingLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

// A connection that writes, in WAL mode.
absl::StatusOr<std::unique_ptr<Database>> OpenForWriting(const std::string& directory);

// A connection that reads.
absl::StatusOr<std::unique_ptr<Database>> OpenForReading(const std::string& directory);

}  // namespace capacity::store
