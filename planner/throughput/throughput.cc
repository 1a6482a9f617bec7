#include "planner/throughput/throughput.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "planner/throughput/cluster.h"
#include "planner/throughput/interval.h"
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

absl::Status Check(const Query& query) {
  if (query.model == nullptr || query.quant == nullptr) {
    return absl::InvalidArgumentError("a query without model or quantization");
  }
  if (query.batch < 1 || query.context_tokens < 0 || !(query.kv_bits > 0)) {
    return absl::InvalidArgumentError(
        "a query needs at least one stream, no negative context and a positive cache width");
  }
  return absl::OkStatus();
}

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
  if (absl::Status status = Check(query); !status.ok()) return status;
  absl::StatusOr<Step> step = DecodeOnCluster(query, calibration.coefficients);
  if (!step.ok()) return step.status();
  absl::StatusOr<WeightBytes> weights =
      WeightsOf(*query.model, *query.quant, query.engine, query.artifact);
  if (!weights.ok()) return weights.status();
  const auto group = static_cast<std::size_t>(DecodeGroup(query, weights->read()));
  return IntervalAround(step->tokens_per_second, calibration.interval_table[group]);
}

absl::StatusOr<Estimate> PredictPrefill(const Query& query, const Calibration& calibration) {
  if (absl::Status status = Check(query); !status.ok()) return status;
  absl::StatusOr<Prompt> prompt = PrefillOnCluster(query, calibration.coefficients);
  if (!prompt.ok()) return prompt.status();
  const auto group = static_cast<std::size_t>(PrefillGroup(query));
  return IntervalAround(prompt->tokens_per_second, calibration.interval_table[group]);
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
  const double coverage =
      ExpertCoverage(model.architecture.experts, std::max(1, model.architecture.experts_per_token),
                     batch, Coefficients().routing_exponent);
  return Bytes{std::llround(bytes->dense + bytes->head + bytes->routed * coverage)};
}

}  // namespace capacity::throughput
