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
constexpr double kMillisecondsPerMicrosecond = 1e-3;
constexpr double kAllReducesPerLayer = 2;  // docs/model.md equation 4.8

// Engines that split layers across machines (docs/model.md section 3).
bool SplitsLayers(catalog::Engine engine) {
  return engine != catalog::Engine::kLlamaCpp && engine != catalog::Engine::kOllama;
}

constexpr catalog::Platform kPlatforms[] = {catalog::Platform::kMetal, catalog::Platform::kCuda,
                                            catalog::Platform::kRocm, catalog::Platform::kCpu};

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
  if (!job.weights.ok() || !job.cache_per_sequence.ok()) {
    return std::numeric_limits<double>::infinity();
  }
  const int streams = Streams(job.load);
  const Bytes held = *job.weights + *job.cache_per_sequence * streams +
                     fit::ComputeBufferBytes(*job.model, job.engine, streams) +
                     fit::EngineBaseBytes(job.engine);
  return static_cast<double>(held.count);
}

}  // namespace

placement::Load LoadOf(const fleet::Workload& workload) {
  placement::Load load;
  load.context_tokens = workload.context_tokens;
  load.prompt_tokens = workload.prompt_tokens;
  load.concurrency = workload.concurrency;
  return load;
}

std::vector<File> FilesFor(const catalog::Catalog& catalog, const fleet::Scenario& scenario,
                           const fleet::Workload& workload, double min_nominal_bits) {
  std::vector<File> files;
  const placement::Load load = LoadOf(workload);
  for (const catalog::Model& model : catalog.models) {
    if (!economics::Accepts(catalog, workload, model)) continue;
    const auto saved = SavedBy(catalog, workload, model);
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
    : coefficients_(calibration.coefficients),
      fleet_(fleet),
      nodes_(std::move(nodes)),
      files_(files),
      profiles_(files.size()),
      alone_(files.size() * nodes_.size()) {
  for (int index : nodes_) {
    const fleet::Node& node = fleet.nodes()[static_cast<std::size_t>(index)];
    const auto device =
        throughput::DeviceOf({.chip = node.chip, .accelerators = 1, .bandwidth = node.bandwidth()});
    devices_.push_back(device.ok() ? std::optional(*device) : std::nullopt);
  }
}

const std::vector<SpeedBounds::Profile>& SpeedBounds::ProfilesOf(std::size_t file) {
  std::optional<std::vector<Profile>>& profiles = profiles_[file];
  if (profiles) return *profiles;
  profiles.emplace();
  const File& here = files_[file];
  for (std::size_t j = 0; j < here.jobs.size(); ++j) {
    const placement::Job& job = here.jobs[j];
    for (catalog::Platform platform : kPlatforms) {
      const bool present = std::any_of(devices_.begin(), devices_.end(), [&](const auto& device) {
        return device && device->platform == platform;
      });
      if (!present) continue;
      const throughput::Query query{
          .model = job.model, .quant = job.quant, .engine = job.engine, .artifact = job.artifact};
      const auto decode = throughput::MakeDecodeProfile(query, platform);
      if (!decode.ok()) continue;
      Profile profile{.decode = *decode, .platform = platform, .job = j};
      const auto prefill = throughput::MakePrefillProfile(query, platform);
      if (prefill.ok()) profile.prefill = *prefill;
      profiles->push_back(std::move(profile));
    }
  }
  return *profiles;
}

bool SpeedBounds::Legal(const placement::Job& job, std::size_t kind) const {
  const std::vector<int> nodes = {nodes_[kind]};
  const placement::Joint none;
  placement::Reasons reasons(placement::Reasons::Detail::kFirstOnly);
  placement::CheckCombination(
      {&fleet_, &nodes, job.model, job.quant, job.engine, throughput::Strategy::kSingle, &none},
      reasons);
  return !reasons.any();
}

const NodeSpeed& SpeedBounds::Alone(std::size_t file, std::size_t kind) {
  std::optional<NodeSpeed>& speed = alone_[file * nodes_.size() + kind];
  if (speed) return *speed;
  speed.emplace();
  if (!devices_[kind]) return *speed;
  const throughput::Device& device = *devices_[kind];
  const fleet::Node& node = fleet_.nodes()[static_cast<std::size_t>(nodes_[kind])];
  for (const Profile& profile : ProfilesOf(file)) {
    if (profile.platform != device.platform) continue;
    const placement::Job& job = files_[file].jobs[profile.job];
    if (!Legal(job, kind)) continue;
    const double streams = Streams(job.load);
    const throughput::DecodeTerms step =
        throughput::DecodeStep(profile.decode, device,
                               {.context = static_cast<double>(job.load.context_tokens),
                                .batch = streams,
                                .kv_scale = job.load.kv_bits / 16},
                               coefficients_);
    speed->decode = std::max(speed->decode, streams * kMillisecondsPerSecond / step.total() *
                                                node.machine->accelerators);
    if (!profile.prefill || device.fp16_flops <= 0) continue;
    const throughput::PrefillLoad prompts{
        .prompt = static_cast<double>(std::max(1, job.load.prompt_tokens)), .sequences = streams};
    const throughput::PrefillTerms terms =
        throughput::PrefillOnDevice(*profile.prefill, device, prompts, coefficients_);
    speed->prefill = std::max(speed->prefill, prompts.tokens() * kMillisecondsPerSecond /
                                                  terms.total() * node.machine->accelerators);
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
  if (!devices_[kind]) return fastest;
  const throughput::Device& device = *devices_[kind];
  for (const Profile& profile : ProfilesOf(file)) {
    const placement::Job& job = files_[file].jobs[profile.job];
    if (profile.platform != device.platform || !SplitsLayers(job.engine)) continue;
    const double streams = Streams(job.load);
    throughput::DecodeTerms step =
        throughput::DecodeStep(profile.decode, device,
                               {.context = static_cast<double>(job.load.context_tokens),
                                .batch = streams,
                                .kv_scale = job.load.kv_bits / 16,
                                .ranks = static_cast<double>(ranks)},
                               coefficients_);
    if (link != nullptr) {
      const auto kind_of_sum = static_cast<std::size_t>(throughput::AllReduceOf(job.engine, link));
      step.all_reduce = kAllReducesPerLayer * profile.decode.layers *
                        coefficients_.all_reduce_us[kind_of_sum] * kMillisecondsPerMicrosecond *
                        (1 + coefficients_.all_reduce_growth * std::log2(ranks / 2.0));
    }
    fastest = std::max(fastest, streams * kMillisecondsPerSecond / step.total());
  }
  return fastest;
}

}  // namespace capacity::purchase
