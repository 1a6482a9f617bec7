#include "planner/throughput/prefill.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace capacity::throughput {
namespace {

double SustainedFlops(const PrefillProfile& profile, const Device& device, const Coefficients& c) {
  double share = c.flops_share[static_cast<std::size_t>(profile.engine)];
  if (device.family == ChipFamily::kGb10) share *= c.flops_gb10;
  if (profile.engine == EngineClass::kLlamaCuda && device.family == ChipFamily::kRtx) {
    share *= c.flops_rtx_llama;
  }
  if (profile.engine == EngineClass::kMlx) {
    if (device.family == ChipFamily::kAppleUltra) share *= c.flops_ultra_mlx;
    if (device.apple_generation == 5) share *= c.flops_m5;
  }
  return share * device.fp16_flops;
}

// Pairs of query and key of a prompt after `depth` cached tokens, at most `window` keys a query.
double AttentionPairs(double prompt, double depth, double window) {
  if (window <= 0) return prompt * (depth + prompt / 2);
  const double growing = std::clamp(window - depth, 0.0, prompt);
  const double start = std::min(depth, window);
  return growing * (start + growing / 2) + (prompt - growing) * window;
}

}  // namespace

double MicroBatch(EngineClass engine) {
  return engine == EngineClass::kLlamaMetal || engine == EngineClass::kLlamaCuda ? 512 : 2048;
}

absl::StatusOr<PrefillProfile> MakePrefillProfile(const catalog::Model& model,
                                                  const catalog::Quantization& quant,
                                                  catalog::Engine engine,
                                                  catalog::Platform platform,
                                                  const catalog::Artifact* artifact) {
  absl::StatusOr<WeightBytes> weights = WeightsOf(model, quant, engine, artifact);
  if (!weights.ok()) return weights.status();
  absl::StatusOr<ActiveParameters> active = ActiveParametersOf(model);
  if (!active.ok()) return active.status();
  const catalog::Architecture& a = model.architecture;
  PrefillProfile profile;
  profile.engine = ClassOf(engine, platform, quant);
  profile.layers = a.layers;
  profile.full_layers = a.full_attention_layers.value_or(a.layers);
  profile.window = a.sliding_window.value_or(0);
  profile.window_layers =
      profile.window > 0 && !a.is_hybrid() ? profile.layers - profile.full_layers : 0;
  profile.hidden = a.hidden_size;
  profile.heads = a.heads;
  if (a.is_mla() && a.kv_lora_rank && a.qk_rope_head_dim) {
    profile.score_width = *a.kv_lora_rank + *a.qk_rope_head_dim / 2.0;
  } else if (a.head_dim) {
    profile.score_width = *a.head_dim;
  } else {
    return absl::FailedPreconditionError(
        absl::StrCat("model ", model.id, " has no head dimension in the catalogue"));
  }
  profile.moe = a.is_moe();
  profile.experts = a.experts;
  profile.experts_per_token = std::max(1, a.experts_per_token);
  profile.parameters = *active;
  profile.weights = *weights;
  return profile;
}

PrefillTerms PrefillPrompt(const PrefillProfile& profile, const Device& device, double prompt,
                           double depth, const Coefficients& c) {
  const auto engine = static_cast<std::size_t>(profile.engine);
  const double flops = SustainedFlops(profile, device, c);
  const double micro = MicroBatch(profile.engine);
  PrefillTerms terms;
  terms.fixed = c.prefill_fixed_ms[engine];
  for (double done = 0; done < prompt; done += micro) {
    const double tokens = std::min(micro, prompt - done);
    const double padded = tokens + c.padding_tokens[engine];
    const double compute =
        2 * (profile.parameters.dense + profile.parameters.routed / c.moe_flops[engine]) * padded /
        flops;
    const double touched =
        profile.weights.dense + profile.weights.routed * ExpertCoverage(profile.experts,
                                                                        profile.experts_per_token,
                                                                        tokens, 1.0);
    const double read = touched / (c.prefill_weight_share * device.bandwidth);
    terms.products += 1e3 * std::hypot(compute, read);
  }
  const double pairs = profile.full_layers * AttentionPairs(prompt, depth, 0) +
                       profile.window_layers * AttentionPairs(prompt, depth, profile.window);
  terms.attention = 1e3 * 4 * profile.heads * profile.score_width * pairs /
                    (c.attention_flops_share * device.fp16_flops);
  return terms;
}

}  // namespace capacity::throughput
