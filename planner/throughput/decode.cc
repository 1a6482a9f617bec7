#include "planner/throughput/decode.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace capacity::throughput {
namespace {

std::size_t At(EngineClass engine) { return static_cast<std::size_t>(engine); }
std::size_t At(EngineGroup engine) { return static_cast<std::size_t>(engine); }

Packing PackingOf(const catalog::Quantization& quant, const catalog::TensorBits& bits) {
  if (bits.experts >= 16 && bits.dense >= 16) return Packing::kUnpacked;
  if (quant.family == "mlx") return Packing::kMlx;
  const bool super_blocks = quant.family == "gguf" &&
                            (absl::StrContains(quant.id, "_k") || absl::StartsWith(quant.id, "iq"));
  return super_blocks ? Packing::kSuperBlocks : Packing::kPlain;
}

LaunchClass LaunchOf(EngineClass engine, EngineBuild build) {
  switch (engine) {
    case EngineClass::kLlamaMetal:
      if (build == EngineBuild::kBefore2025) return LaunchClass::kLlamaMetal2024;
      return build == EngineBuild::kUndated ? LaunchClass::kLlamaMetalUndated
                                            : LaunchClass::kLlamaMetal;
    case EngineClass::kLlamaCuda:
      return build == EngineBuild::kBefore2025 ? LaunchClass::kLlamaCuda2024
                                               : LaunchClass::kLlamaCuda;
    case EngineClass::kLlamaOther:
      return LaunchClass::kLlamaOther;
    case EngineClass::kMlx:
      return LaunchClass::kMlx;
    case EngineClass::kVllm:
      return LaunchClass::kVllm;
  }
  return LaunchClass::kLlamaCuda;
}

void CountBlocks(const catalog::Architecture& a, DecodeProfile& profile) {
  const double full = a.full_attention_layers.value_or(a.layers);
  profile.recurrent_blocks = a.recurrent_layers.value_or(0);
  profile.attention_blocks = a.is_hybrid() ? full : a.layers;
  profile.moe_blocks = MoeBlocks(a);
  profile.mlp_blocks = DenseMlpBlocks(a);
}

// Equation 4.6: what each cached token costs to read and to walk.
absl::Status CountCache(const catalog::Model& model, DecodeProfile& profile) {
  const catalog::Architecture& a = model.architecture;
  const catalog::KvCache& cache = model.kv_cache;
  profile.window = a.sliding_window.value_or(0);
  profile.state = cache.recurrent_state_bytes;
  constexpr double kBytes = 2;  // at 16 bits
  if (a.is_mla()) {
    if (!a.kv_lora_rank || !a.qk_rope_head_dim) {
      return absl::FailedPreconditionError(
          absl::StrCat("model ", model.id, " has no latent cache width in the catalogue"));
    }
    const double width = kBytes * a.layers * (*a.kv_lora_rank + *a.qk_rope_head_dim);
    profile.cache_global = width;
    profile.walk_global = width * a.heads;
    profile.kv_heads = 1;
    profile.index_top_k = a.index_top_k.value_or(0);
    const double key = kBytes * a.layers * a.index_head_dim.value_or(0);
    profile.index_cache = key;
    profile.index_walk = key * a.index_heads.value_or(0);
    return absl::OkStatus();
  }
  if (!cache.global_bytes_per_token_bf16) {
    return absl::FailedPreconditionError(
        absl::StrCat("model ", model.id, " has no KV-cache bytes per token"));
  }
  profile.cache_global =
      cache.decode_traffic_global_bytes_per_token_bf16.value_or(*cache.global_bytes_per_token_bf16);
  profile.cache_window =
      cache.decode_traffic_window_bytes_per_token_bf16.value_or(cache.window_bytes_per_token_bf16);
  profile.kv_heads = std::max(1, a.kv_heads);
  const double head = a.head_dim.value_or(0);
  const double wide = a.global_head_dim.value_or(a.head_dim.value_or(0));
  const double full = a.full_attention_layers.value_or(a.layers);
  const double windowed = a.is_hybrid() || profile.window <= 0 ? 0 : a.layers - full;
  profile.walk_global = 2 * kBytes * full * a.heads * wide;
  profile.walk_window = 2 * kBytes * windowed * a.heads * head;
  profile.wide_heads = wide > 256;
  return absl::OkStatus();
}

// Equation 4.4, in dense transformer layers. A layer is half mixer, half MLP.
double LayerEquivalents(const DecodeProfile& profile, const Device& device, bool index_selects,
                        const Coefficients& c) {
  double n = 0.5 * profile.attention_blocks * (profile.mla ? c.mla_block : 1) +
             0.5 * profile.mlp_blocks + 0.5 * profile.recurrent_blocks * c.recurrent_block;
  if (profile.moe) {
    n += 0.5 * profile.moe_blocks * c.moe_block[At(GroupOf(profile.engine))] *
         std::pow(profile.experts_per_token / 4, c.moe_block_growth);
  }
  if (index_selects) n += 0.5 * profile.attention_blocks * c.sparse_attention_block;
  if (profile.extra_norms) n += profile.attention_blocks * c.extra_norms;
  return device.family == ChipFamily::kAppleUltra ? n * c.ultra_launch : n;
}

// Equation 4.5, right: milliseconds to unpack the weights on Apple M1 to M3. Newer chips never
// wait.
double UnpackMs(const DecodeProfile& profile, const Device& device, double ranks,
                const Coefficients& c) {
  const int generation = device.apple_generation;
  if (profile.packing == Packing::kUnpacked || generation < 1 || generation > 3 ||
      device.gpu_cores <= 0) {
    return 0;
  }
  double rate = 1e9 * c.unpack_rate[static_cast<std::size_t>(generation - 1)] * device.gpu_cores;
  if (profile.packing == Packing::kPlain) rate *= c.unpack_plain;
  if (profile.packing == Packing::kMlx) rate *= c.unpack_mlx;
  return 1e3 * profile.active_parameters / ranks / rate;
}

// (a^4 + b^4)^(1/4): two limits that overlap, but not perfectly.
double SmoothMax4(double a, double b) {
  if (b <= 0) return a;
  const double a2 = a * a;
  const double b2 = b * b;
  return std::sqrt(std::sqrt(a2 * a2 + b2 * b2));
}

double SmoothMax3(double a, double b) {
  if (b <= 0) return a;
  return std::cbrt(a * a * a + b * b * b);
}

double CacheMs(const DecodeProfile& profile, const Device& device, const DecodeLoad& load,
               const Coefficients& c) {
  const bool metal = device.platform == catalog::Platform::kMetal;
  double held = 0;
  double walked = 0;
  if (profile.index_top_k > 0 && load.context > profile.index_top_k) {
    held = profile.cache_global * profile.index_top_k + profile.index_cache * load.context;
    walked = profile.walk_global * profile.index_top_k + profile.index_walk * load.context;
  } else {
    const double windowed =
        profile.window > 0 ? std::min(load.context, profile.window) : load.context;
    held = profile.cache_global * load.context + profile.cache_window * windowed;
    walked = profile.walk_global * load.context + profile.walk_window * windowed;
  }
  const double share = load.ranks > 1 ? std::max(1 / load.ranks, 1 / profile.kv_heads) : 1;
  const double read_ms = 1e3 * load.kv_scale * held * share /
                         ((metal ? c.cache_share_metal : c.cache_share_cuda) * device.bandwidth);
  double walk_rate = c.cache_walk[At(profile.engine)] * device.bandwidth;
  if (profile.mla && !metal) walk_rate *= c.cache_walk_mla_cuda;
  const double walk_ms = 1e3 * load.kv_scale * walked / load.ranks / walk_rate;
  double ms = SmoothMax3(read_ms, walk_ms);
  if (profile.wide_heads) ms /= c.wide_head[At(GroupOf(profile.engine))];
  if (profile.before_2025) ms /= metal ? c.old_cache_metal : c.old_cache_cuda;
  return ms;
}

double WeightShare(const Device& device, const Coefficients& c) {
  double share = c.bandwidth_share[static_cast<std::size_t>(device.family)];
  if (device.apple_generation >= 1 && device.apple_generation <= 5) {
    share *= c.generation_share[static_cast<std::size_t>(device.apple_generation - 1)];
  }
  return share;
}

}  // namespace

absl::StatusOr<DecodeProfile> MakeDecodeProfile(const Query& query, catalog::Platform platform) {
  const catalog::Model& model = *query.model;
  const catalog::Architecture& a = model.architecture;
  absl::StatusOr<WeightBytes> weights =
      WeightsOf(model, *query.quant, query.engine, query.artifact);
  if (!weights.ok()) return weights.status();
  absl::StatusOr<ActiveParameters> active = ActiveParametersOf(model);
  if (!active.ok()) return active.status();
  DecodeProfile profile;
  profile.engine = ClassOf(query.engine, platform, *query.quant);
  profile.launch = LaunchOf(profile.engine, query.build);
  profile.before_2025 = query.build == EngineBuild::kBefore2025;
  profile.layers = a.layers;
  profile.hidden = a.hidden_size;
  profile.vocab = a.vocab;
  CountBlocks(a, profile);
  profile.moe = a.is_moe();
  profile.mla = a.is_mla();
  profile.extra_norms = a.norms_per_layer > 2;
  profile.balanced_routing = a.balanced_routing;
  profile.experts = a.experts;
  profile.experts_per_token = std::max(1, a.experts_per_token);
  profile.weights = *weights;
  profile.active_parameters = active->all();
  profile.packing = PackingOf(*query.quant, *query.quant->BitsFor(query.engine, a));
  if (absl::Status status = CountCache(model, profile); !status.ok()) return status;
  return profile;
}

DecodeTerms DecodeStep(const DecodeProfile& profile, const Device& device, const DecodeLoad& load,
                       const Coefficients& c) {
  const bool index_selects = profile.index_top_k > 0 && load.context > profile.index_top_k;
  DecodeTerms terms;
  terms.fixed = c.step_ms;
  terms.layers = c.layer_ms[static_cast<std::size_t>(profile.launch)] *
                 LayerEquivalents(profile, device, index_selects, c);

  const double shape = profile.balanced_routing ? c.routing_balanced : c.routing_softmax;
  const double coverage =
      ExpertCoverage(profile.experts, profile.experts_per_token, load.batch, shape);
  const double touched =
      profile.weights.dense + profile.weights.head + profile.weights.routed * coverage;
  const double read_ms = 1e3 * touched / load.ranks / (WeightShare(device, c) * device.bandwidth);
  terms.weights = SmoothMax4(read_ms, UnpackMs(profile, device, load.ranks, c));

  terms.cache = load.batch * CacheMs(profile, device, load, c);
  terms.state = load.batch * 1e3 * 2 * profile.state / (c.state_share * device.bandwidth);
  if (load.batch <= 1) return terms;
  // A batch multiplies more than it reads; the products hide behind the reading, but not wholly.
  if (device.fp16_flops > 0) {
    const double compute_ms = 1e3 * load.batch * 2 * profile.active_parameters / load.ranks /
                              (c.batch_flops_share * device.fp16_flops);
    terms.compute = std::max(terms.weights, compute_ms) +
                    0.5 * std::min(terms.weights, compute_ms) - terms.weights;
  }
  const bool llama = GroupOf(profile.engine) == EngineGroup::kLlama;
  constexpr double kLogitBytes = 4;
  terms.streams = (load.batch - 1) * (llama ? c.stream_ms_llama
                                            : 1e3 * c.sampling_passes * kLogitBytes *
                                                  profile.vocab / device.bandwidth);
  return terms;
}

}  // namespace capacity::throughput
