#include "planner/throughput/decode.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace capacity::throughput {
namespace {

DecodeProfile::Packing PackingOf(const catalog::Quantization& quant) {
  if (quant.family == "mlx") return DecodeProfile::Packing::kMlx;
  if (quant.id == "q4_0" || quant.id == "q8_0" || quant.id == "mxfp4") {
    return DecodeProfile::Packing::kLegacy;
  }
  return DecodeProfile::Packing::kKQuant;
}

// Milliseconds to unpack the weights on Apple M1 to M3; newer chips and 16-bit weights never wait.
double UnpackMs(const DecodeProfile& profile, const Device& device, double ranks,
                const Coefficients& c) {
  const int generation = device.apple_generation;
  if (!profile.quantised || generation < 1 || generation > 3 || device.gpu_cores <= 0) return 0;
  double rate = c.dequantise_per_core[static_cast<std::size_t>(generation - 1)] * device.gpu_cores;
  if (profile.packing == DecodeProfile::Packing::kLegacy) rate *= c.dequantise_legacy;
  if (profile.packing == DecodeProfile::Packing::kMlx) rate *= c.dequantise_mlx;
  return 1e3 * profile.active_parameters / ranks / rate;
}

// Equation 4.3: reading and unpacking overlap, but not perfectly.
double SmoothMax(double a, double b) {
  if (b <= 0) return a;
  const double a2 = a * a;
  const double b2 = b * b;
  return std::sqrt(std::sqrt(a2 * a2 + b2 * b2));
}

double CacheMs(const DecodeProfile& profile, const Device& device, const DecodeLoad& load,
               const Coefficients& c) {
  const double windowed =
      profile.window > 0 ? std::min(load.context, profile.window) : load.context;
  const double bytes =
      (profile.kv_global * load.context + profile.kv_window * windowed) * load.kv_scale;
  const double share = profile.mla                                    ? c.kv_share_mla
                       : device.platform == catalog::Platform::kMetal ? c.kv_share_metal
                                                                      : c.kv_share_cuda;
  const double held =
      profile.mla ? 1 : std::max(1 / load.ranks, 1 / std::max(1.0, profile.kv_heads));
  return 1e3 * bytes * held / (share * device.bandwidth);
}

}  // namespace

absl::StatusOr<DecodeProfile> MakeDecodeProfile(const catalog::Model& model,
                                                const catalog::Quantization& quant,
                                                catalog::Engine engine, catalog::Platform platform,
                                                const catalog::Artifact* artifact) {
  absl::StatusOr<WeightBytes> weights = WeightsOf(model, quant, engine, artifact);
  if (!weights.ok()) return weights.status();
  absl::StatusOr<ActiveParameters> active = ActiveParametersOf(model);
  if (!active.ok()) return active.status();
  const catalog::KvCache& cache = model.kv_cache;
  if (!cache.global_bytes_per_token_bf16) {
    return absl::FailedPreconditionError(
        absl::StrCat("model ", model.id, " has no KV-cache bytes per token"));
  }
  DecodeProfile profile;
  profile.engine = ClassOf(engine, platform, quant);
  profile.layers = model.architecture.layers;
  profile.hidden = model.architecture.hidden_size;
  profile.moe = model.architecture.is_moe();
  profile.mla = model.architecture.is_mla();
  profile.hybrid = model.architecture.is_hybrid();
  profile.weights = *weights;
  profile.active_parameters = active->all();
  profile.quantised = quant.BitsFor(engine)->dense < 16 || quant.BitsFor(engine)->experts < 16;
  profile.packing = PackingOf(quant);
  profile.experts = model.architecture.experts;
  profile.experts_per_token = std::max(1, model.architecture.experts_per_token);
  profile.kv_global =
      cache.decode_traffic_global_bytes_per_token_bf16.value_or(*cache.global_bytes_per_token_bf16);
  profile.kv_window =
      cache.decode_traffic_window_bytes_per_token_bf16.value_or(cache.window_bytes_per_token_bf16);
  profile.window = model.architecture.sliding_window.value_or(0);
  profile.state = cache.recurrent_state_bytes;
  profile.kv_heads = model.architecture.kv_heads;
  return profile;
}

DecodeTerms DecodeStep(const DecodeProfile& profile, const Device& device, const DecodeLoad& load,
                       const Coefficients& c) {
  const auto engine = static_cast<std::size_t>(profile.engine);
  DecodeTerms terms;
  terms.fixed = c.step_ms;
  terms.layers = profile.layers * c.layer_ms[engine] *
                 (1 + (profile.moe ? c.moe_layer[engine] : 0) +
                  (profile.hybrid ? c.recurrent_layer : 0) + (profile.mla ? c.mla_layer : 0));

  const double coverage =
      ExpertCoverage(profile.experts, profile.experts_per_token, load.batch, c.routing_exponent);
  const double touched =
      profile.weights.dense + profile.weights.head + profile.weights.routed * coverage;
  const double share =
      device.efficiency * c.bandwidth_share[static_cast<std::size_t>(device.family)];
  const double read_ms = 1e3 * touched / load.ranks / (share * device.bandwidth);
  terms.weights = SmoothMax(read_ms, UnpackMs(profile, device, load.ranks, c));

  if (load.batch > 1 && device.fp16_flops > 0) {
    const double compute_ms = 1e3 * load.batch * 2 * profile.active_parameters / load.ranks /
                              (c.batch_compute_share * device.fp16_flops);
    const double longer = std::max(terms.weights, compute_ms);
    const double shorter = std::min(terms.weights, compute_ms);
    terms.compute = longer + 0.5 * shorter - terms.weights;
  }
  terms.cache = load.batch * CacheMs(profile, device, load, c);
  terms.state = load.batch * 1e3 * 2 * profile.state / load.ranks / (share * device.bandwidth);
  terms.streams = c.batch_stream_ms[engine] * (load.batch - 1);
  return terms;
}

}  // namespace capacity::throughput
