// What servers said about the versions last fetched, kept beside the store.
#pragma once

#include <map>
#include <string>

#include "absl/status/status.h"
#include "planner/http/fetch.h"

namespace capacity::prices {

// By URL.
using KnownVersions = std::map<std::string, http::Validators>;

// The file that belongs to `store`.
std::string VersionsFile(const std::string& store);

// Empty when the file is absent or unreadable: then everything is fetched anew.
KnownVersions LoadVersions(const std::string& file);

absl::Status SaveVersions(const std::string& file, const KnownVersions& versions);

}  // namespace capacity::prices
