#include "planner/placement/measured.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "planner/base/parse.h"
#include "planner/placement/legality.h"

namespace capacity::placement {
namespace {

using throughput::Strategy;

std::string NameOf(const fleet::Fleet& fleet, const fleet::SpeedMeasurement& measured) {
  std::vector<std::string> nodes;
  for (int index : measured.nodes) {
    nodes.push_back(fleet.nodes()[static_cast<std::size_t>(index)].name);
  }
  return absl::StrCat(absl::StrJoin(nodes, "+"), ": ", measured.model->id, " ", measured.quant->id,
                      " ", catalog::Name(measured.engine), measured.as_of.empty() ? "" : " of ",
                      measured.as_of);
}

// The measured run as a query. Nullopt when it says too little to be compared with anything.
std::optional<throughput::SpeedMeasurement> AsQuery(const fleet::Fleet& fleet,
                                                    const fleet::SpeedMeasurement& measured) {
  const std::optional<Strategy> strategy = throughput::ParseStrategy(measured.strategy);
  if (!strategy || measured.model == nullptr || measured.quant == nullptr) return std::nullopt;
  throughput::SpeedMeasurement out;
  out.query.model = measured.model;
  out.query.quant = measured.quant;
  out.query.engine = measured.engine;
  out.query.strategy = *strategy;
  out.query.link = measured.link;
  out.query.context_tokens = measured.context_tokens;
  if (measured.prompt_tokens > 0) out.query.prompt_tokens = measured.prompt_tokens;
  out.query.batch = std::max(1, measured.batch);
  for (int index : measured.nodes) {
    const fleet::Node& node = fleet.nodes()[static_cast<std::size_t>(index)];
    out.query.nodes.push_back({
        .chip = node.chip,
        .accelerators = *strategy == Strategy::kSingle ? 1 : DevicesOf(node),
        .bandwidth = node.bandwidth(),
        .layer_share = 1.0 / static_cast<double>(measured.nodes.size()),
    });
  }
  out.machines = MachinesOf(fleet, measured.nodes);
  out.decode = measured.decode;
  out.prefill = measured.prefill;
  out.name = NameOf(fleet, measured);
  return out;
}

// Years that each measurement is older than the newest; those without a date count as the newest.
std::vector<double> Ages(const std::vector<fleet::SpeedMeasurement>& measurements) {
  double newest = 0;
  for (const fleet::SpeedMeasurement& measured : measurements) {
    newest = std::max(newest, CalendarYear(measured.as_of).value_or(0));
  }
  std::vector<double> ages;
  for (const fleet::SpeedMeasurement& measured : measurements) {
    ages.push_back(newest - CalendarYear(measured.as_of).value_or(newest));
  }
  return ages;
}

}  // namespace

std::vector<std::string> MachinesOf(const fleet::Fleet& fleet, const std::vector<int>& nodes) {
  std::vector<std::string> machines;
  machines.reserve(nodes.size());
  for (int index : nodes) {
    const fleet::Node& node = fleet.nodes()[static_cast<std::size_t>(index)];
    machines.push_back(absl::StrCat(node.machine->id, " ", node.chip->id));
  }
  return machines;
}

std::vector<throughput::SpeedMeasurement> MeasuredOn(const fleet::Fleet& fleet) {
  const std::vector<double> ages = Ages(fleet.measurements());
  std::vector<throughput::SpeedMeasurement> runs;
  for (std::size_t i = 0; i < ages.size(); ++i) {
    if (auto run = AsQuery(fleet, fleet.measurements()[i])) {
      run->age_years = ages[i];
      runs.push_back(*std::move(run));
    }
  }
  return runs;
}

Judgements JudgeMeasurements(const throughput::Calibration& calibration,
                             const fleet::Fleet& fleet) {
  Judgements out;
  const std::vector<double> ages = Ages(fleet.measurements());
  std::vector<std::optional<throughput::SpeedMeasurement>> runs;
  for (std::size_t i = 0; i < ages.size(); ++i) {
    runs.push_back(AsQuery(fleet, fleet.measurements()[i]));
    if (runs.back()) runs.back()->age_years = ages[i];
  }
  for (std::size_t i = 0; i < runs.size(); ++i) {
    Judged judged;
    judged.measurement = &fleet.measurements()[i];
    const auto speed = runs[i] ? throughput::Predict(runs[i]->query, calibration)
                               : absl::InvalidArgumentError("it says too little of what ran");
    if (!speed.ok()) {
      judged.why_not = std::string(speed.status().message());
      out.measurements.push_back(std::move(judged));
      continue;
    }
    std::vector<throughput::SpeedMeasurement> others;
    for (std::size_t j = 0; j < runs.size(); ++j) {
      if (j != i && runs[j]) others.push_back(*runs[j]);
    }
    const throughput::Speed after = throughput::Evidence(std::move(others), calibration)
                                        .Adjust(runs[i]->query, runs[i]->machines, *speed);
    if (runs[i]->decode) {
      judged.decode_before = speed->decode_tps;
      judged.decode_after = after.decode_tps;
    }
    if (runs[i]->prefill) {
      judged.prefill_before = speed->prefill_tps;
      judged.prefill_after = after.prefill_tps;
    }
    out.measurements.push_back(std::move(judged));
  }
  out.remarks = throughput::Evidence(MeasuredOn(fleet), calibration).remarks();
  return out;
}

}  // namespace capacity::placement
