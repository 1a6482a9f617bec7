#include "planner/throughput/throughput.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "planner/throughput/cluster.h"
#include "planner/throughput/weights.h"

namespace capacity::throughput {
namespace {

constexpr std::pair<Strategy, const char*> kStrategyNames[] = {
    {Strategy::kSingle, "single"},
    {Strategy::kReplicas, "replicas"},
    {Strategy::kTensor, "tensor"},
    {Strategy::kPipeline, "pipeline"},
    {Strategy::kDisaggregated, "disaggregated"},
};

}  // namespace

const char* Name(Strategy strategy) {
  for (const auto& [value, name] : kStrategyNames) {
    if (value == strategy) return name;
  }
  return "unknown";
}

std::optional<Strategy> ParseStrategy(std::string_view name) {
  for (const auto& [value, candidate] : kStrategyNames) {
    if (name == candidate) return value;
  }
  return std::nullopt;
}

absl::StatusOr<Estimate> PredictDecode(const Query& query, const Calibration& calibration) {
  absl::StatusOr<Prepared> prepared = Prepared::Of(query);
  if (!prepared.ok()) return prepared.status();
  return prepared->DecodeEstimate(calibration);
}

absl::StatusOr<Estimate> PredictPrefill(const Query& query, const Calibration& calibration) {
  absl::StatusOr<Prepared> prepared = Prepared::Of(query);
  if (!prepared.ok()) return prepared.status();
  if (!prepared->MissingForPrefill().ok()) return prepared->MissingForPrefill();
  return prepared->PrefillEstimate(calibration);
}

absl::StatusOr<Speed> Predict(const Query& query, const Calibration& calibration) {
  absl::StatusOr<Estimate> decode = PredictDecode(query, calibration);
  if (!decode.ok()) return decode.status();
  absl::StatusOr<Estimate> prefill = PredictPrefill(query, calibration);
  if (!prefill.ok()) return prefill.status();
  return Speed{.decode_tps = *decode, .prefill_tps = *prefill};
}

absl::StatusOr<Bytes> WeightBytesRead(const catalog::Model& model,
                                      const catalog::Quantization& quant, catalog::Engine engine,
                                      int batch) {
  absl::StatusOr<WeightBytes> bytes = WeightsOf(model, quant, engine, nullptr);
  if (!bytes.ok()) return bytes.status();
  const Coefficients priors;
  const double shape =
      model.architecture.balanced_routing ? priors.routing_balanced : priors.routing_softmax;
  const double coverage = ExpertCoverage(
      model.architecture.experts, std::max(1, model.architecture.experts_per_token), batch, shape);
  return Bytes{std::llround(bytes->dense + bytes->head + bytes->routed * coverage)};
}

}  // namespace capacity::throughput
