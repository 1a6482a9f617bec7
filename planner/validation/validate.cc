#include "planner/validation/validate.h"

#include <algorithm>
#include <map>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "planner/throughput/cluster.h"

namespace capacity::validation {
namespace {

std::string TaskOf(const throughput::Query& query) {
  if (query.strategy == throughput::Strategy::kSingle && query.batch > 1) return "batch";
  return Name(query.strategy);
}

void PredictInto(const Case& found, const throughput::Calibration& calibration, ValidatedRow& row) {
  absl::StatusOr<throughput::Prepared> prepared = throughput::Prepared::Of(found.query);
  if (!prepared.ok()) {
    row.skipped = std::string(prepared.status().message());
    return;
  }
  row.bytes_read = prepared->bytes_read();
  const throughput::Step step = prepared->Decode(calibration.coefficients);
  const double seen = MeasuredSpeed(step, found.wall_clock_tokens, calibration.coefficients);
  const double to_measured = seen / step.tokens_per_second;
  Estimate decode = prepared->DecodeEstimate(calibration);
  row.decode = Estimate{decode.low * to_measured, seen, decode.high * to_measured, decode.source};
  if (!found.prefill_unusable.empty()) {
    row.prefill_skipped = found.prefill_unusable;
    return;
  }
  if (!prepared->MissingForPrefill().ok()) {
    row.prefill_skipped = std::string(prepared->MissingForPrefill().message());
    return;
  }
  row.prefill = prepared->PrefillEstimate(calibration);
}

constexpr double kLargeRead = 2e9;  // bytes a token, the project's accuracy goals

// Every group a row belongs to, under one metric.
std::vector<std::string> GroupsOf(const ValidatedRow& row) {
  const Measurement& m = row.measurement;
  std::vector<std::string> groups = {"all"};
  const auto add = [&](const char* kind, const std::string& name) {
    if (!name.empty()) groups.push_back(absl::StrCat(kind, ": ", name));
  };
  add("task", row.task);
  if (row.old_build) {
    add("task", row.task + ", old builds");
  } else {
    add("task", row.task + ", current builds");
  }
  if (row.task == "single" && row.bytes_read >= kLargeRead) {
    add("task", "single, 2 GB or more read a token");
  }
  add("chip family", m.chip_family);
  add("chip", m.chip);
  add("engine", m.engine_family);
  add("quant", m.quant);
  add("strategy", m.strategy.empty() ? "single" : m.strategy);
  add("batch", absl::StrCat(m.batch.value_or(1)));
  add("lab", m.lab);
  return groups;
}

}  // namespace

double MeasuredSpeed(const throughput::Step& step, std::optional<double> wall_clock_tokens,
                     const throughput::Coefficients& coefficients) {
  if (!wall_clock_tokens) return step.tokens_per_second;
  const double streams = step.tokens_per_second * step.terms.total() / 1e3;
  const double seconds = step.terms.total() / 1e3;
  return streams / (seconds + (coefficients.request_s + seconds) / *wall_clock_tokens);
}

std::vector<GroupScore> Summarize(const std::vector<ValidatedRow>& rows) {
  std::map<std::pair<std::string, std::string>, std::vector<Scored>> by_group;
  for (const ValidatedRow& row : rows) {
    const auto collect = [&](const char* metric, const std::optional<Estimate>& estimate,
                             const std::optional<double>& measured) {
      if (!estimate || !measured) return;
      for (const std::string& group : GroupsOf(row)) {
        by_group[{metric, group}].push_back(
            {estimate->low, estimate->mid, estimate->high, *measured});
      }
    };
    collect("decode", row.decode, row.measurement.decode_tps);
    collect("prefill", row.prefill, row.measurement.prefill_tps);
  }
  std::vector<GroupScore> summary;
  for (const auto& [key, scored] : by_group) {
    summary.push_back({key.second, key.first, ScoreOf(scored)});
  }
  return summary;
}

ValidationReport Validate(const catalog::Catalog& catalog,
                          const throughput::Calibration& calibration,
                          const std::vector<Measurement>& measurements) {
  Resolver resolver(catalog);
  ValidationReport report;
  for (const Measurement& measurement : measurements) {
    ValidatedRow row{.measurement = measurement};
    row.old_build = !measurement.engine_era.empty();
    std::variant<Case, std::string> resolved = resolver.Resolve(measurement);
    if (std::holds_alternative<std::string>(resolved)) {
      row.skipped = std::get<std::string>(resolved);
    } else {
      Case& found = std::get<Case>(resolved);
      row.assumed = std::move(found.assumed);
      row.task = TaskOf(found.query);
      PredictInto(found, calibration, row);
    }
    if (!row.skipped.empty()) ++report.skipped;
    report.rows.push_back(std::move(row));
  }
  report.summary = Summarize(report.rows);
  return report;
}

}  // namespace capacity::validation
