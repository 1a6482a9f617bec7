#include "planner/placement/measured.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "planner/base/parse.h"
#include "planner/fit/fit.h"
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

Bytes MemoryOf(const fleet::Node& node) {
  return node.has_cards() ? node.vram_per_card() * node.cards() : node.memory();
}

// Who took part, and how, where the measurement leaves it open.
Strategy StrategyOf(const fleet::Fleet& fleet, const fleet::SpeedMeasurement& measured,
                    const std::optional<Bytes>& weights) {
  if (const auto stated = throughput::ParseStrategy(measured.strategy)) return *stated;
  const fleet::Node& node = fleet.nodes()[static_cast<std::size_t>(measured.nodes.front())];
  if (measured.nodes.size() > 1) return Strategy::kPipeline;
  if (DevicesOf(node) == 1) return Strategy::kSingle;
  if (measured.engine == catalog::Engine::kVllm) {
    return weights && *weights > node.vram_per_card() ? Strategy::kTensor : Strategy::kSingle;
  }
  return Strategy::kPipeline;
}

// The measured run as a query.
absl::StatusOr<throughput::SpeedMeasurement> AsQuery(const catalog::Catalog& catalog,
                                                     const fleet::Fleet& fleet,
                                                     const fleet::SpeedMeasurement& measured) {
  if (measured.model == nullptr || measured.quant == nullptr || measured.nodes.empty()) {
    return absl::InvalidArgumentError("it says too little of what ran");
  }
  const auto computed =
      fit::ModelWeightBytes(catalog, *measured.model, *measured.quant, measured.engine);
  const std::optional<Bytes> weights =
      computed.ok() ? std::optional<Bytes>(computed->bytes) : std::nullopt;
  const Strategy strategy = StrategyOf(fleet, measured, weights);
  const bool one_card = strategy == Strategy::kSingle;
  throughput::SpeedMeasurement out;
  out.query.model = measured.model;
  out.query.quant = measured.quant;
  out.query.engine = measured.engine;
  out.query.strategy = strategy;
  out.query.link = measured.link;
  out.query.context_tokens = measured.context_tokens;
  if (measured.prompt_tokens > 0) out.query.prompt_tokens = measured.prompt_tokens;
  out.query.batch = std::max(1, measured.batch);
  Bytes memory;
  for (int index : measured.nodes) {
    const fleet::Node& node = fleet.nodes()[static_cast<std::size_t>(index)];
    out.query.nodes.push_back({
        .chip = node.chip,
        .accelerators = one_card ? 1 : DevicesOf(node),
        .bandwidth = node.bandwidth(),
        .layer_share = 1.0 / static_cast<double>(measured.nodes.size()),
    });
    memory += one_card && node.has_cards() ? node.vram_per_card() : MemoryOf(node);
  }
  if (measured.nodes.size() == 1 && !one_card && out.query.link == nullptr) {
    out.query.link = catalog.FindLink("pcie");
  }
  if (weights && memory.count > 0 && *weights > memory) {
    return absl::InvalidArgumentError(
        absl::StrFormat("its weights of %.0f GB do not fit into the %.0f GB of memory there",
                        weights->gb(), memory.gb()));
  }
  out.machines = MachinesOf(fleet, measured.nodes);
  out.decode = measured.decode;
  out.prefill = measured.prefill;
  out.name = NameOf(fleet, measured);
  return out;
}

// When the catalogue was last looked after: the newest date of what it says of hardware and models.
double NewestFact(const catalog::Catalog& catalog) {
  double newest = 0;
  const auto look = [&newest](const auto& entries) {
    for (const auto& entry : entries) {
      newest = std::max(newest, CalendarYear(entry.provenance.as_of).value_or(0));
    }
  };
  look(catalog.models);
  look(catalog.chips);
  look(catalog.machines);
  return newest;
}

// Years that each measurement is older than the newest of them and of the catalogue's facts; those
// without a date count as the newest. Not the clock's today: a plan does not change overnight.
std::vector<double> Ages(const catalog::Catalog& catalog,
                         const std::vector<fleet::SpeedMeasurement>& measurements) {
  if (measurements.empty()) return {};
  double newest = NewestFact(catalog);
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

std::vector<throughput::SpeedMeasurement> MeasuredOn(const catalog::Catalog& catalog,
                                                     const fleet::Fleet& fleet) {
  const std::vector<double> ages = Ages(catalog, fleet.measurements());
  std::vector<throughput::SpeedMeasurement> runs;
  for (std::size_t i = 0; i < ages.size(); ++i) {
    auto run = AsQuery(catalog, fleet, fleet.measurements()[i]);
    if (!run.ok()) continue;
    run->age_years = ages[i];
    runs.push_back(*std::move(run));
  }
  return runs;
}

Judgements JudgeMeasurements(const catalog::Catalog& catalog,
                             const throughput::Calibration& calibration,
                             const fleet::Fleet& fleet) {
  Judgements out;
  const throughput::Evidence evidence(MeasuredOn(catalog, fleet), calibration);
  const std::vector<throughput::Expectation> by_others = evidence.WithoutEach();
  std::size_t used = 0;  // of those that MeasuredOn took
  for (const fleet::SpeedMeasurement& measured : fleet.measurements()) {
    Judged judged;
    judged.measurement = &measured;
    const auto run = AsQuery(catalog, fleet, measured);
    const throughput::Expectation others = run.ok() ? by_others[used++] : throughput::Expectation();
    const auto speed = run.ok() ? throughput::Predict(run->query, calibration) : run.status();
    judged.strategy =
        run.ok()
            ? run->query.strategy
            : throughput::ParseStrategy(measured.strategy).value_or(throughput::Strategy::kSingle);
    if (!speed.ok()) {
      judged.why_not = std::string(speed.status().message());
    } else {
      if (measured.decode) {
        judged.decode_before = speed->decode_tps;
        judged.decode_after = others.decode.value_or(speed->decode_tps);
      }
      if (measured.prefill) {
        judged.prefill_before = speed->prefill_tps;
        judged.prefill_after = others.prefill.value_or(speed->prefill_tps);
      }
    }
    out.measurements.push_back(std::move(judged));
  }
  out.remarks = evidence.remarks();
  return out;
}

}  // namespace capacity::placement
