#include "planner/throughput/weights.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace capacity::throughput {

namespace {

// Dense and shared-expert MLPs. Architectures whose layers double an MLP have fewer fields than
// blocks; there the attention is taken to be 30 % of what is neither head nor routed.
double MlpParameters(const catalog::Architecture& a, double shared) {
  const double matrices =
      a.expert_matrices.value_or(a.attention == catalog::AttentionKind::kHybridMamba2 ? 2 : 3);
  const double blocks = DenseMlpBlocks(a) * a.ffn_size.value_or(0) +
                        MoeBlocks(a) * (a.shared_experts > 0 ? a.shared_expert_ffn.value_or(0) : 0);
  const double parameters = matrices * a.hidden_size * blocks;
  constexpr double kUsualMlpShare = 0.7;
  return parameters > shared ? kUsualMlpShare * shared : parameters;
}

}  // namespace

double MoeBlocks(const catalog::Architecture& a) {
  if (!a.is_moe()) return 0;
  return a.moe_layers.value_or(a.layers - a.first_dense_layers.value_or(0));
}

double DenseMlpBlocks(const catalog::Architecture& a) {
  if (a.mlp_layers) return *a.mlp_layers;
  return a.layers - MoeBlocks(a);
}

absl::StatusOr<ActiveParameters> ActiveParametersOf(const catalog::Model& model) {
  const catalog::ParameterCounts& counts = model.parameters;
  const catalog::Architecture& a = model.architecture;
  if (!counts.decode_read || !counts.head) {
    return absl::FailedPreconditionError(
        absl::StrCat("model ", model.id, " has no count of the parameters read per token"));
  }
  ActiveParameters active;
  active.head = *counts.head;
  if (a.is_moe()) {
    if (!counts.routed_experts || a.experts_per_token <= 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("model ", model.id, " has no count of its expert parameters"));
    }
    active.routed = *counts.routed_experts * a.experts_per_token / a.experts;
  }
  const double shared = std::max(0.0, *counts.decode_read - active.head - active.routed);
  active.mlp = MlpParameters(a, shared);
  active.mixer = shared - active.mlp;
  return active;
}

absl::StatusOr<WeightBytes> WeightsOf(const catalog::Model& model,
                                      const catalog::Quantization& quant, catalog::Engine engine,
                                      const catalog::Artifact* artifact) {
  absl::StatusOr<ActiveParameters> active = ActiveParametersOf(model);
  if (!active.ok()) return active.status();
  const bool own_bits = artifact != nullptr && artifact->exact && artifact->bits;
  const std::optional<catalog::TensorBits> bits =
      own_bits ? artifact->bits : quant.BitsFor(engine, model.architecture);
  if (!bits) {
    return absl::FailedPreconditionError(
        absl::StrCat("quantization ", quant.id, " has no bits per weight for ", Name(engine)));
  }
  const double routed_all = model.parameters.routed_experts.value_or(0);
  WeightBytes bytes{
      .routed = active->routed * bits->experts / 8,
      .routed_all = routed_all * bits->experts / 8,
      .dense = (active->mlp * bits->dense + active->mixer * bits->mixer.value_or(bits->dense)) / 8,
      .head = active->head * bits->head / 8,
  };
  if (artifact != nullptr && artifact->exact && !own_bits) {
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

double ExpertCoverage(double experts, double experts_per_token, double tokens, double shape) {
  if (experts <= 0 || tokens <= 1) return 1;
  const double most = experts / experts_per_token;
  const auto touched = [&](double b) { return 1 - std::pow(1 + b / (most * shape), -shape); };
  return std::clamp(touched(tokens) / touched(1), 1.0, most);
}

double ExpectedExperts(double experts, double experts_per_token, double tokens) {
  if (experts <= 0) return 0;
  return experts * (1 - std::pow(1 - experts_per_token / experts, tokens));
}

}  // namespace capacity::throughput
