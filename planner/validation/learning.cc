#include "planner/validation/learning.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "planner/throughput/node_calibration.h"

namespace capacity::validation {
namespace {

constexpr std::size_t kMostChoices = 24;

// A row that takes part: what ran, what was predicted, what was measured.
struct Run {
  throughput::Query query;
  Estimate predicted;
  double measured = 0;
};
using Half = std::optional<Estimate> ValidatedRow::*;
using Figure = std::optional<double> Measurement::*;

std::string MachineOf(const Measurement& m) {
  std::string name;
  if (m.world.value_or(1) > 1) absl::StrAppend(&name, *m.world, " x ");
  absl::StrAppend(&name, m.chip);
  if (m.world.value_or(1) > 1) absl::StrAppend(&name, ", ", m.interconnect);
  return absl::StrCat(name, " (", m.lab, ")");
}

// Every choice of `size` of the numbers below `count`, ascending, thinned out evenly.
std::vector<std::vector<int>> Choices(int count, int size) {
  std::vector<std::vector<int>> all;
  std::vector<int> choice(static_cast<std::size_t>(size));
  for (int i = 0; i < size; ++i) choice[static_cast<std::size_t>(i)] = i;
  while (true) {
    all.push_back(choice);
    int i = size - 1;
    while (i >= 0 && choice[static_cast<std::size_t>(i)] == count - size + i) --i;
    if (i < 0) break;
    ++choice[static_cast<std::size_t>(i)];
    for (int j = i + 1; j < size; ++j) {
      choice[static_cast<std::size_t>(j)] = choice[static_cast<std::size_t>(j) - 1] + 1;
    }
  }
  if (all.size() <= kMostChoices) return all;
  std::vector<std::vector<int>> some;
  for (std::size_t i = 0; i < kMostChoices; ++i) {
    some.push_back(all[i * all.size() / kMostChoices]);
  }
  return some;
}

// One machine's runs under one metric.
class Machine {
 public:
  Machine(std::vector<Run> runs,
          std::optional<TokensPerSecond> throughput::SpeedMeasurement::* half,
          Estimate throughput::Speed::* answer, const throughput::Calibration& calibration)
      : runs_(std::move(runs)), half_(half), answer_(answer), calibration_(calibration) {
    std::set<std::string> models;
    for (const Run& run : runs_) models.insert(run.query.model->id);
    models_.assign(models.begin(), models.end());
  }

  int models() const { return static_cast<int>(models_.size()); }

  void Try(int measured_models, std::vector<Scored>& before, std::vector<Scored>& after) const {
    for (const std::vector<int>& choice : Choices(models(), measured_models)) {
      std::set<std::string> known;
      for (int i : choice) known.insert(models_[static_cast<std::size_t>(i)]);
      TryKnowing(known, before, after);
    }
  }

 private:
  void TryKnowing(const std::set<std::string>& known, std::vector<Scored>& before,
                  std::vector<Scored>& after) const {
    const std::vector<std::string> here = {"here"};
    std::vector<throughput::SpeedMeasurement> measured;
    for (const Run& run : runs_) {
      const auto expected = Expected(run);
      if (known.count(run.query.model->id) == 0 || !expected) continue;
      throughput::SpeedMeasurement measurement{.query = run.query, .machines = here};
      // As far from what `calibration_` expects as it was from the prediction.
      measurement.*half_ = TokensPerSecond{(*expected).mid * run.measured / run.predicted.mid};
      measured.push_back(std::move(measurement));
    }
    const throughput::Evidence evidence(std::move(measured), calibration_);
    for (const Run& run : runs_) {
      const auto expected = Expected(run);
      if (known.count(run.query.model->id) > 0 || !expected) continue;
      throughput::Speed speed;
      speed.*answer_ = *expected;
      const Estimate moved = evidence.Adjust(run.query, here, speed).*answer_;
      const double mid = run.predicted.mid * moved.mid / expected->mid;
      // The prediction's own width, as much narrower as the evidence made the other's.
      const double narrower =
          std::log(moved.high / moved.mid) / std::log(expected->high / expected->mid);
      const double half = std::log(run.predicted.high / run.predicted.mid) * narrower;
      before.push_back({run.predicted.low, run.predicted.mid, run.predicted.high, run.measured});
      after.push_back({mid * std::exp(-half), mid, mid * std::exp(half), run.measured});
    }
  }

  std::optional<Estimate> Expected(const Run& run) const {
    const auto estimate = half_ == &throughput::SpeedMeasurement::decode
                              ? throughput::PredictDecode(run.query, calibration_)
                              : throughput::PredictPrefill(run.query, calibration_);
    if (!estimate.ok()) return std::nullopt;
    return *estimate;
  }

  std::vector<Run> runs_;
  std::vector<std::string> models_;
  std::optional<TokensPerSecond> throughput::SpeedMeasurement::* half_;
  Estimate throughput::Speed::* answer_;
  const throughput::Calibration& calibration_;
};

}  // namespace

std::vector<Learned> AfterMeasuring(const catalog::Catalog& catalog,
                                    const throughput::Calibration& calibration,
                                    const std::vector<ValidatedRow>& rows, int measured_models) {
  Resolver resolver(catalog);
  std::map<std::string, std::vector<Run>> decode;
  std::map<std::string, std::vector<Run>> prefill;
  for (const ValidatedRow& row : rows) {
    if (row.old_build || row.task == "batch" || row.task == "replicas") continue;
    std::variant<Case, std::string> resolved = resolver.Resolve(row.measurement);
    const Case* found = std::get_if<Case>(&resolved);
    if (found == nullptr || found->wall_clock_tokens) continue;
    const std::string machine = MachineOf(row.measurement);
    if (row.decode && row.measurement.decode_tps) {
      decode[machine].push_back({found->query, *row.decode, *row.measurement.decode_tps});
    }
    if (row.prefill && row.measurement.prefill_tps) {
      prefill[machine].push_back({found->query, *row.prefill, *row.measurement.prefill_tps});
    }
  }
  std::vector<Learned> out;
  const auto learn = [&](const std::map<std::string, std::vector<Run>>& machines,
                         const char* metric, auto half, auto answer) {
    const std::size_t first = out.size();
    out.push_back({"all machines", metric, 0, 0, {}, {}});
    std::vector<Scored> all_before;
    std::vector<Scored> all_after;
    for (const auto& [name, runs] : machines) {
      const Machine machine(runs, half, answer, calibration);
      if (machine.models() <= measured_models) continue;
      std::vector<Scored> before;
      std::vector<Scored> after;
      machine.Try(measured_models, before, after);
      out.push_back({name, metric, static_cast<int>(runs.size()), machine.models(), ScoreOf(before),
                     ScoreOf(after)});
      out[first].rows += static_cast<int>(runs.size());
      all_before.insert(all_before.end(), before.begin(), before.end());
      all_after.insert(all_after.end(), after.begin(), after.end());
    }
    out[first].before = ScoreOf(all_before);
    out[first].after = ScoreOf(all_after);
  };
  learn(decode, "decode", &throughput::SpeedMeasurement::decode, &throughput::Speed::decode_tps);
  learn(prefill, "prefill", &throughput::SpeedMeasurement::prefill,
        &throughput::Speed::prefill_tps);
  return out;
}

}  // namespace capacity::validation
