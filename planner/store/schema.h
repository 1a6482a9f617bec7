// The shape of the database, and the way there from every older one.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "planner/store/sqlite.h"

namespace capacity::store {

// PRAGMA application_id of a store: "CPst".
inline constexpr int kApplicationId = 0x43507374;

// migrations[i] makes schema i + 1 of schema i. A released one never changes.
using Migrations = std::vector<const char*>;
const Migrations& AllMigrations();

// The version that this program reads and writes.
int CurrentSchema();

// 0 for an empty database. InvalidArgument when the file is a database of something else.
absl::StatusOr<int> SchemaOf(Database& database);

// FailedPrecondition: the schema is newer than `current`; says what to do.
absl::Status RefuseNewerSchema(int schema, int current, const std::string& path);

// Brings the database to the newest of `migrations`, all of it or none.
absl::Status Migrate(Database& database, const Migrations& migrations, const std::string& path);

}  // namespace capacity::store
