#include "planner/report/service.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "planner/base/calendar.h"
#include "planner/report/json.h"

namespace capacity::report {
namespace {

using Json = nlohmann::ordered_json;

template <class T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json OrNull(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

std::string Document(const char* kind, const Json& rest) {
  Json out = {{"schema_version", kSchemaVersion}, {"kind", kind}};
  out.update(rest);
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

constexpr std::int64_t kSecondMs = 1000;
constexpr std::int64_t kMinuteMs = 60 * kSecondMs;
constexpr std::int64_t kHourMs = 60 * kMinuteMs;
constexpr std::int64_t kDayMs = 24 * kHourMs;

// "12 s", "3 min", "5 h", "2 d".
std::string Age(const std::optional<std::int64_t>& ms) {
  if (!ms) return "never";
  if (*ms < 2 * kMinuteMs) return absl::StrCat(*ms / kSecondMs, " s");
  if (*ms < 2 * kHourMs) return absl::StrCat(*ms / kMinuteMs, " min");
  if (*ms < 2 * kDayMs) return absl::StrCat(*ms / kHourMs, " h");
  return absl::StrCat(*ms / kDayMs, " d");
}

std::string Skew(const std::optional<std::int64_t>& ms) {
  if (!ms) return "";
  const char* sign = *ms < 0 ? "-" : "+";
  const std::int64_t size = std::abs(*ms);
  return size < 10 * kSecondMs ? absl::StrCat(sign, size, " ms")
                               : absl::StrCat(sign, size / kSecondMs, " s");
}

const char* Name(Finding::Grade grade) {
  switch (grade) {
    case Finding::Grade::kGood:
      return "good";
    case Finding::Grade::kCaution:
      return "caution";
    case Finding::Grade::kBad:
      return "bad";
  }
  return "";
}

}  // namespace

std::string NodesJson(const std::vector<NodeRow>& nodes) {
  Json rows = Json::array();
  for (const NodeRow& node : nodes) {
    rows.push_back({{"node_id", node.node_id},
                    {"name", node.name},
                    {"health", node.health},
                    {"machine", OrNull(node.machine)},
                    {"chip", OrNull(node.chip)},
                    {"omitted_because", OrNull(node.omitted)},
                    {"last_heard_ms_ago", OrNull(node.heard_ms)},
                    {"last_report_ms_ago", OrNull(node.reported_ms)},
                    {"clock_skew_ms", OrNull(node.skew_ms)},
                    {"available_memory_bytes", OrNull(node.available_memory_bytes)},
                    {"load_average", OrNull(node.load_average)},
                    {"agent_version", OrNull(node.agent_version)},
                    {"warnings", node.warnings}});
  }
  return Document("nodes", {{"nodes", rows}});
}

std::string NodesText(const std::vector<NodeRow>& nodes, const Style& style) {
  if (nodes.empty()) {
    return "No node has joined yet. `planner token create` makes a token that lets one in.\n";
  }
  Table table({{"node", Align::kLeft, true, 12},
               {"machine", Align::kLeft, true, 12},
               {"health"},
               {"heard", Align::kRight},
               {"report", Align::kRight},
               {"skew", Align::kRight},
               {"free", Align::kRight}});
  std::string notes;
  for (const NodeRow& node : nodes) {
    constexpr double kGiB = 1073741824.0;
    table.Add(
        {node.name, node.machine.empty() ? "?" : node.machine, node.health, Age(node.heard_ms),
         Age(node.reported_ms), Skew(node.skew_ms),
         node.available_memory_bytes
             ? absl::StrCat(FormatNumber(static_cast<double>(*node.available_memory_bytes) / kGiB),
                            " GiB")
             : ""});
    if (!node.omitted.empty()) {
      absl::StrAppend(
          &notes,
          Wrap(absl::StrCat(node.name, " is left out of plans: ", node.omitted), style.width, 4),
          "\n");
    }
    for (const std::string& warning : node.warnings) {
      absl::StrAppend(&notes, Wrap(absl::StrCat(node.name, ": ", warning), style.width, 4), "\n");
    }
  }
  return absl::StrCat(table.Render(style), notes.empty() ? "" : "\n", notes);
}

std::string CredentialsJson(const std::vector<CredentialRow>& credentials) {
  Json rows = Json::array();
  for (const CredentialRow& row : credentials) {
    rows.push_back({{"name", row.name},
                    {"role", row.role},
                    {"serial", row.serial},
                    {"standing", row.standing},
                    {"issued_at_unix_ms", row.issued_at_unix_ms},
                    {"expires_at_unix_ms", row.expires_at_unix_ms}});
  }
  return Document("credentials", {{"credentials", rows}});
}

std::string CredentialsText(const std::vector<CredentialRow>& credentials, const Style& style) {
  if (credentials.empty()) {
    return "Nobody has a credential. `planner credential create` makes one.\n";
  }
  Table table({{"name", Align::kLeft, true, 12}, {"role"}, {"standing"}, {"until"}, {"serial"}});
  for (const CredentialRow& row : credentials) {
    table.Add({row.name, row.role, row.standing, CalendarDay(row.expires_at_unix_ms), row.serial});
  }
  return table.Render(style);
}

std::string InventoryExportJson(const std::string& yaml, const std::vector<LeftOut>& omitted) {
  Json rows = Json::array();
  for (const LeftOut& node : omitted) {
    rows.push_back({{"name", node.name}, {"reason", node.reason}});
  }
  return Document("inventory-export", {{"yaml", yaml}, {"omitted", rows}});
}

std::string StoreCheckJson(const StoreState& state) {
  return Document("store-check", {{"path", state.path},
                                  {"ok", state.findings.empty()},
                                  {"schema", state.schema},
                                  {"nodes", state.nodes},
                                  {"reports", state.reports},
                                  {"measurements", state.measurements},
                                  {"findings", state.findings}});
}

std::string DoctorJson(const std::vector<Finding>& findings) {
  Json rows = Json::array();
  bool ok = true;
  for (const Finding& finding : findings) {
    ok = ok && finding.grade != Finding::Grade::kBad;
    rows.push_back({{"grade", Name(finding.grade)},
                    {"about", finding.about},
                    {"words", finding.words},
                    {"remedy", OrNull(finding.remedy)}});
  }
  return Document("doctor", {{"ok", ok}, {"findings", rows}});
}

std::string DoctorText(const std::vector<Finding>& findings, const Style& style) {
  std::string out;
  for (const Finding& finding : findings) {
    const std::string grade = Name(finding.grade);
    std::string line = absl::StrCat(finding.about, ": ", finding.words);
    if (!finding.remedy.empty()) absl::StrAppend(&line, "; ", finding.remedy);
    const std::string mark =
        finding.grade == Finding::Grade::kGood ? style.Good(grade) : style.Caution(grade);
    constexpr int kGradeWidth = 9;
    absl::StrAppend(&out, mark, std::string(kGradeWidth - grade.size(), ' '),
                    Wrap(line, style.width - kGradeWidth, kGradeWidth), "\n");
  }
  return out;
}

std::string DoneJson(const std::string& done,
                     const std::vector<std::pair<std::string, std::string>>& facts) {
  Json out = {{"done", done}};
  for (const auto& [name, value] : facts) out[name] = value;
  return Document("done", out);
}

}  // namespace capacity::report
