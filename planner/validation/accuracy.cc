#include "planner/validation/accuracy.h"

#include <map>
#include <set>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "planner/throughput/cluster.h"
#include "planner/throughput/weights.h"
#include "planner/validation/calibrate.h"
#include "planner/validation/learning.h"

namespace capacity::validation {
namespace {

constexpr double kNaiveBandwidthShare = 0.55;
constexpr double kNaiveFlopsShare = 0.5;

// What a rule of thumb says of a row; absent where it lacks a fact.
struct Naive {
  std::optional<double> decode;
  std::optional<double> prefill;
};

Naive NaiveOf(const throughput::Query& query) {
  Naive naive;
  double bandwidth = 0;
  double flops = 0;
  for (const throughput::NodeDevices& node : query.nodes) {
    // One stream walks through the stages of a pipeline, so that only tensor ranks add up.
    const bool adds = query.strategy == throughput::Strategy::kTensor;
    const int ranks = adds ? node.accelerators : 1;
    if (!adds && bandwidth > 0) break;
    bandwidth += ranks * node.chip->memory_bandwidth.value_or(BytesPerSecond{0}).value;
    flops += ranks * node.chip->fp16_dense.value_or(FlopsPerSecond{0}).value;
  }
  const auto weights = throughput::WeightsOf(*query.model, *query.quant, query.engine, nullptr);
  if (weights.ok() && bandwidth > 0) {
    naive.decode = query.batch * kNaiveBandwidthShare * bandwidth / weights->read();
  }
  const auto active = throughput::ActiveParametersOf(*query.model);
  if (active.ok() && flops > 0) naive.prefill = kNaiveFlopsShare * flops / (2 * active->all());
  return naive;
}

// The scores of the same groups by the rules of thumb.
std::map<std::string, Score> NaiveScores(const catalog::Catalog& catalog,
                                         std::vector<ValidatedRow> rows,
                                         const std::string& metric) {
  Resolver resolver(catalog);
  for (ValidatedRow& row : rows) {
    const std::variant<Case, std::string> resolved = resolver.Resolve(row.measurement);
    const Naive naive =
        std::holds_alternative<Case>(resolved) ? NaiveOf(std::get<Case>(resolved).query) : Naive();
    const auto replace = [](std::optional<Estimate>& estimate, std::optional<double> value) {
      if (!estimate) return;
      estimate.reset();
      if (value) estimate = Estimate{*value, *value, *value};
    };
    replace(row.decode, naive.decode);
    replace(row.prefill, naive.prefill);
  }
  std::map<std::string, Score> scores;
  for (const GroupScore& group : Summarize(rows)) {
    if (group.metric == metric) scores[group.group] = group.score;
  }
  return scores;
}

bool IsShown(const std::string& group) {
  if (group == "all") return true;
  for (const char* kind : {"task: ", "chip family: ", "engine: ", "strategy: "}) {
    if (absl::StartsWith(group, kind)) return true;
  }
  return false;
}

constexpr int kFewest = 5;  // rows; a quantile of fewer says nothing

std::string Table(const std::vector<GroupScore>& summary, const std::string& metric,
                  const std::map<std::string, Score>& naive) {
  std::string out = absl::StrCat(
      "| ", metric,
      " | rows | median error | within 20 % | p90 error | bias | in the 80 % interval | mean width "
      "| naive median | naive within 20 % |\n|---|---|---|---|---|---|---|---|---|---|\n");
  for (const GroupScore& group : summary) {
    if (group.metric != metric || !IsShown(group.group) || group.score.n < kFewest) continue;
    const Score& s = group.score;
    absl::StrAppendFormat(&out,
                          "| %s | %d | %.1f %% | %.0f %% | %.0f %% | %+.1f %% | %.0f %% | x%.2f |",
                          group.group, s.n, 100 * s.median_ape, 100 * s.within_20, 100 * s.p90_ape,
                          100 * s.bias, 100 * s.coverage_80, 1 + s.mean_width);
    auto rule = naive.find(group.group);
    if (rule == naive.end()) {
      out += " – | – |\n";
    } else {
      absl::StrAppendFormat(&out, " %.0f %% | %.0f %% |\n", 100 * rule->second.median_ape,
                            100 * rule->second.within_20);
    }
  }
  return out;
}

constexpr int kMeasured = 3;  // models

std::string LearningTable(const std::vector<Learned>& machines) {
  std::string out =
      absl::StrCat("| after measuring ", kMeasured,
                   " models | | rows | models | median error before | after | within 20 % before | "
                   "after | in the "
                   "80 % interval before | after |\n|---|---|---|---|---|---|---|---|---|---|\n");
  for (const Learned& machine : machines) {
    const Score& b = machine.before;
    const Score& a = machine.after;
    absl::StrAppendFormat(
        &out,
        "| %s | %s | %d | %s | %.1f %% | %.1f %%%s | %.0f %% | %.0f %% | %.0f %% | %.0f %% |\n",
        machine.machine, machine.metric, machine.rows,
        machine.models > 0 ? absl::StrCat(machine.models) : "", 100 * b.median_ape,
        100 * a.median_ape, a.median_ape > b.median_ape ? " (worse)" : "", 100 * b.within_20,
        100 * a.within_20, 100 * b.coverage_80, 100 * a.coverage_80);
  }
  return out;
}

}  // namespace

absl::StatusOr<std::string> AccuracyTables(const catalog::Catalog& catalog,
                                           const std::vector<Measurement>& measurements) {
  absl::StatusOr<std::vector<ValidatedRow>> rows = LeaveOneSourceOut(catalog, measurements);
  if (!rows.ok()) return rows.status();
  std::set<std::string> labs;
  int skipped = 0;
  for (const ValidatedRow& row : *rows) {
    labs.insert(row.measurement.lab);
    if (!row.skipped.empty()) ++skipped;
  }
  const std::vector<GroupScore> summary = Summarize(*rows);
  const absl::StatusOr<Fitted> fitted = Calibrate(catalog, measurements);
  if (!fitted.ok()) return fitted.status();
  return absl::StrCat(
      rows->size(), " measurements of ", labs.size(), " labs, ", skipped,
      " of them not predictable.\n\n",
      Table(summary, "decode", NaiveScores(catalog, *rows, "decode")), "\n",
      Table(summary, "prefill", NaiveScores(catalog, *rows, "prefill")), "\n",
      LearningTable(AfterMeasuring(catalog, fitted->calibration, *rows, kMeasured)));
}

}  // namespace capacity::validation
