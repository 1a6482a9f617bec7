// What commands about a running planner print.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "planner/report/table.h"

namespace capacity::report {

// A node of the live fleet. Times are milliseconds since 1970-01-01 UTC, by the planner's clock.
struct NodeRow {
  std::string node_id;
  std::string name;
  std::string health;                       // fresh, late, lost, waiting
  std::string machine;                      // catalogue id; empty: not identified
  std::string chip;                         // catalogue id; empty: not identified
  std::string omitted;                      // why plans leave it out; empty: they do not
  std::optional<std::int64_t> heard_ms;     // age of the last message
  std::optional<std::int64_t> reported_ms;  // age of the last report
  std::optional<std::int64_t> skew_ms;      // the node's clock minus the planner's
  std::optional<std::uint64_t> available_memory_bytes;
  std::optional<double> load_average;
  std::string agent_version;
  std::vector<std::string> warnings;
};

std::string NodesJson(const std::vector<NodeRow>& nodes);
std::string NodesText(const std::vector<NodeRow>& nodes, const Style& style);

// The live fleet as an inventory.
struct LeftOut {
  std::string name;
  std::string reason;
};
std::string InventoryExportJson(const std::string& yaml, const std::vector<LeftOut>& omitted);

// What `planner store check` found.
struct StoreState {
  std::string path;
  int schema = 0;
  std::int64_t nodes = 0;
  std::int64_t reports = 0;
  std::int64_t measurements = 0;
  std::vector<std::string> findings;
};
std::string StoreCheckJson(const StoreState& state);

// A certificate of a reader or admin. Times are milliseconds since 1970-01-01 UTC.
struct CredentialRow {
  std::string name;
  std::string role;      // reader, admin
  std::string serial;    // hex
  std::string standing;  // good, expired, revoked
  std::int64_t issued_at_unix_ms = 0;
  std::int64_t expires_at_unix_ms = 0;
};
std::string CredentialsJson(const std::vector<CredentialRow>& credentials);
std::string CredentialsText(const std::vector<CredentialRow>& credentials, const Style& style);

// One thing that `planner doctor` looked at.
struct Finding {
  enum class Grade { kGood, kCaution, kBad };
  Grade grade = Grade::kGood;
  std::string about;   // "certificates"
  std::string words;   // what was found
  std::string remedy;  // what to do; empty: nothing
};
std::string DoctorJson(const std::vector<Finding>& findings);
std::string DoctorText(const std::vector<Finding>& findings, const Style& style);

// "forgotten", "renamed", "backed-up", with what it was about.
std::string DoneJson(const std::string& done,
                     const std::vector<std::pair<std::string, std::string>>& facts);

}  // namespace capacity::report
