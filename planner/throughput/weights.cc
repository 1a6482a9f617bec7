#include "planner/throughput/weights.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace capacity::throughput {

absl::StatusOr<ActiveParameters> ActiveParametersOf(const catalog::Model& model) {
  const catalog::ParameterCounts& counts = model.parameters;
  if (!counts.decode_read || !counts.head) {
    return absl::FailedPreconditionError(
        absl::StrCat("model ", model.id, " has no count of the parameters read per token"));
  }
  ActiveParameters active;
  active.head = *counts.head;
  if (model.architecture.is_moe()) {
    if (!counts.routed_experts) {
      return absl::FailedPreconditionError(
          absl::StrCat("model ", model.id, " has no count of its expert parameters"));
    }
    active.routed =
        *counts.routed_experts * model.architecture.experts_per_token / model.architecture.experts;
  }
  active.dense = std::max(0.0, *counts.decode_read - active.head - active.routed);
  return active;
}

absl::StatusOr<WeightBytes> WeightsOf(const catalog::Model& model,
                                      const catalog::Quantization& quant, catalog::Engine engine,
                                      const catalog::Artifact* artifact) {
  absl::StatusOr<ActiveParameters> active = ActiveParametersOf(model);
  if (!active.ok()) return active.status();
  const catalog::TensorBits* bits = quant.BitsFor(engine);
  if (bits == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("quantization ", quant.id, " has no bits per weight for ", Name(engine)));
  }
  const double routed_all = model.parameters.routed_experts.value_or(0);
  WeightBytes bytes{
      .routed = active->routed * bits->experts / 8,
      .routed_all = routed_all * bits->experts / 8,
      .dense = active->dense * bits->dense / 8,
      .head = active->head * bits->head / 8,
  };
  if (artifact != nullptr && artifact->exact) {
    const bool tied = model.architecture.tied_embeddings.value_or(false);
    const double embedding =
        tied ? 0 : model.parameters.embedding.value_or(0) * bits->embedding / 8;
    const double scale = static_cast<double>(artifact->bytes.count) /
                         (bytes.routed_all + bytes.dense + bytes.head + embedding);
    bytes.routed *= scale;
    bytes.routed_all *= scale;
    bytes.dense *= scale;
    bytes.head *= scale;
  }
  return bytes;
}

double ExpertCoverage(double experts, double experts_per_token, double tokens, double exponent) {
  if (experts <= 0 || tokens <= 1) return 1;
  const double most = experts / experts_per_token;
  const double independent = std::pow(tokens, exponent);
  return std::clamp(most * (1 - std::pow(1 - 1 / most, independent)), 1.0, most);
}

}  // namespace capacity::throughput
