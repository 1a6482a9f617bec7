#include "planner/purchase/files.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "planner/economics/economics.h"
#include "planner/fit/fit.h"
#include "planner/placement/legality.h"
#include "planner/throughput/cluster.h"

namespace capacity::purchase {
namespace {

constexpr double kMillisecondsPerSecond = 1e3;
constexpr Seconds kNoTime{1e-9};  // a measured all-reduce of zero would read as not measured

// Engines that split layers across machines (docs/model.md section 3).
bool SplitsLayers(catalog::Engine engine) {
  return engine != catalog::Engine::kLlamaCpp && engine != catalog::Engine::kOllama;
}

ByBaseline<std::optional<UsdPerMtok>> SavedBy(const catalog::Catalog& catalog,
                                              const fleet::Workload& workload,
                                              const catalog::Model& model) {
  ByBaseline<std::optional<UsdPerMtok>> saved;
  for (std::size_t b = 0; b < saved.size(); ++b) {
    const auto price = economics::PriceFor(catalog, workload, model, fleet::kBaselines[b]);
    if (price.ok()) saved[b] = economics::SavedPerOutputMtok(workload, *price);
  }
  return saved;
}

bool Measured(const fleet::Fleet& fleet, const catalog::Model& model,
              const catalog::Quantization& quant) {
  return std::any_of(fleet.measurements().begin(), fleet.measurements().end(),
                     [&](const fleet::SpeedMeasurement& measurement) {
                       return measurement.model == &model && measurement.quant == &quant;
                     });
}

int Streams(const placement::Load& load) { return std::max(1, load.concurrency); }

// What one node must hold to run the job alone; infinite when a fact is missing.
double HeldBytes(const placement::Job& job) {
  if (!job.memory.ok()) return std::numeric_limits<double>::infinity();
  const fit::Stage all{.layers = job.memory->layers()};
  const Bytes held = job.memory->Devices(all, job.sequences()).total();
  return static_cast<double>(held.count);
}

}  // namespace

std::vector<File> FilesFor(const catalog::Catalog& catalog, const fleet::Scenario& scenario,
                           const fleet::Workload& workload, double min_nominal_bits) {
  std::vector<File> files;
  const placement::Load load = placement::LoadOf(workload);
  // A workload that accepts several models has one price for all of them (PriceFor).
  const bool one_price = !workload.models.empty() || !workload.min_tier.empty();
  std::optional<ByBaseline<std::optional<UsdPerMtok>>> known;
  for (const catalog::Model& model : catalog.models) {
    if (!economics::Accepts(catalog, workload, model)) continue;
    if (!known || !one_price) known = SavedBy(catalog, workload, model);
    const ByBaseline<std::optional<UsdPerMtok>>& saved = *known;
    const bool priced = std::any_of(saved.begin(), saved.end(),
                                    [](const auto& price) { return price.has_value(); });
    if (!priced) continue;
    for (const catalog::Quantization& quant : catalog.quantizations) {
      if (!placement::Proposable(quant, model, min_nominal_bits)) continue;
      File file{.model = &model, .quant = &quant, .saved = saved};
      file.held_bytes = std::numeric_limits<double>::infinity();
      for (catalog::Engine engine : quant.engines) {
        placement::Reasons reasons(placement::Reasons::Detail::kFirstOnly);
        placement::CheckFormat(model, quant, engine, reasons);
        if (reasons.any()) continue;
        file.jobs.push_back(placement::MakeJob(catalog, model, quant, engine, load));
        file.held_bytes = std::min(file.held_bytes, HeldBytes(file.jobs.back()));
      }
      if (!std::isfinite(file.held_bytes)) continue;
      file.measured = Measured(scenario.fleet, model, quant);
      files.push_back(std::move(file));
    }
  }
  std::stable_sort(files.begin(), files.end(),
                   [](const File& a, const File& b) { return a.held_bytes < b.held_bytes; });
  return files;
}

SpeedBounds::SpeedBounds(const throughput::Calibration& calibration, const fleet::Fleet& fleet,
                         std::vector<int> nodes, const std::vector<File>& files)
    : calibration_(calibration),
      fleet_(fleet),
      nodes_(std::move(nodes)),
      files_(files),
      alone_(files.size() * nodes_.size()) {}

bool SpeedBounds::Legal(const placement::Job& job, std::size_t kind) const {
  const std::vector<int> nodes = {nodes_[kind]};
  const placement::Joint none;
  placement::Reasons reasons(placement::Reasons::Detail::kFirstOnly);
  placement::CheckCombination(
      {&fleet_, &nodes, job.model, job.quant, job.engine, throughput::Strategy::kSingle, &none},
      reasons);
  return !reasons.any();
}

// One accelerator of a node of the kind.
throughput::Query SpeedBounds::QueryFor(const placement::Job& job, std::size_t kind) const {
  const fleet::Node& node = fleet_.nodes()[static_cast<std::size_t>(nodes_[kind])];
  throughput::Query query;
  query.model = job.model;
  query.quant = job.quant;
  query.engine = job.engine;
  query.nodes = {{.chip = node.chip, .accelerators = 1, .bandwidth = node.bandwidth()}};
  query.context_tokens = job.load.context_tokens;
  query.prompt_tokens = job.load.prompt_tokens;
  query.batch = Streams(job.load);
  query.kv_bits = job.load.kv_bits;
  query.artifact = job.artifact;
  return query;
}

const NodeSpeed& SpeedBounds::Alone(std::size_t file, std::size_t kind) {
  std::optional<NodeSpeed>& speed = alone_[file * nodes_.size() + kind];
  if (speed) return *speed;
  speed.emplace();
  const fleet::Node& node = fleet_.nodes()[static_cast<std::size_t>(nodes_[kind])];
  const double devices = node.cards();
  for (const placement::Job& job : files_[file].jobs) {
    if (!Legal(job, kind)) continue;
    const auto prepared = throughput::Prepared::Of(QueryFor(job, kind));
    if (!prepared.ok()) continue;
    const throughput::Coefficients& coefficients = calibration_.coefficients;
    speed->decode =
        std::max(speed->decode, devices * prepared->Decode(coefficients).tokens_per_second);
    if (!prepared->MissingForPrefill().ok()) continue;
    speed->prefill =
        std::max(speed->prefill, devices * prepared->Prefill(coefficients).tokens_per_second);
  }
  return *speed;
}

double SpeedBounds::HopSeconds(const throughput::Calibration& calibration,
                               const catalog::Link& link) {
  double least = std::numeric_limits<double>::infinity();
  for (throughput::EngineClass engine :
       {throughput::EngineClass::kLlamaMetal, throughput::EngineClass::kMlx}) {
    const auto hop = static_cast<std::size_t>(throughput::HopOf(engine, &link));
    least = std::min(least, calibration.coefficients.hop_ms[hop]);
  }
  return least / kMillisecondsPerSecond;
}

double SpeedBounds::Shared(std::size_t file, std::size_t kind, int ranks,
                           const catalog::Link* link) {
  std::vector<double>& known = shared_[{ranks, link}];
  if (known.empty()) known.assign(alone_.size(), -1);
  double& fastest = known[file * nodes_.size() + kind];
  if (fastest >= 0) return fastest;
  fastest = 0;
  for (const placement::Job& job : files_[file].jobs) {
    if (!SplitsLayers(job.engine) || !Legal(job, kind)) continue;
    throughput::Query query = QueryFor(job, kind);
    const throughput::NodeDevices node = query.nodes.front();
    query.nodes.assign(static_cast<std::size_t>(ranks), node);
    query.strategy = throughput::Strategy::kTensor;
    query.link = link;
    if (link == nullptr) query.all_reduce = kNoTime;
    const auto prepared = throughput::Prepared::Of(query);
    if (!prepared.ok()) continue;
    fastest = std::max(fastest, prepared->Decode(calibration_.coefficients).tokens_per_second);
  }
  return fastest;
}

}  // namespace capacity::purchase
