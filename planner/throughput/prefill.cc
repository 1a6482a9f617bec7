#include "planner/throughput/prefill.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace capacity::throughput {
namespace {

bool IsLlama(EngineClass engine) { return GroupOf(engine) == EngineGroup::kLlama; }

// Tokens an engine processes at once unless told otherwise: llama.cpp's -ub, MLX's prefill step,
// vLLM's max-num-batched-tokens.
double DefaultMicroBatch(EngineClass engine) {
  if (IsLlama(engine)) return 512;
  return engine == EngineClass::kMlx ? 2048 : 8192;
}

PrefillFormat FormatOf(const catalog::Model& model, const catalog::Quantization& quant,
                       const catalog::TensorBits& bits) {
  if (bits.experts >= 16 && bits.dense >= 16) return PrefillFormat::kSixteenBit;
  if (quant.id == "fp8") {
    return model.fp8_block_scales ? PrefillFormat::kFp8Block : PrefillFormat::kFp8;
  }
  if (quant.id == "nvfp4" || absl::StartsWith(quant.id, "mxfp4")) return PrefillFormat::kFp4;
  return PrefillFormat::kQuantised;
}

IntegerFormat IntegerFormatOf(const catalog::Quantization& quant) {
  if (quant.id == "q4_0" || quant.id == "iq4_nl") return IntegerFormat::kQ4_0;
  if (quant.id == "q8_0") return IntegerFormat::kQ8_0;
  return quant.id == "mxfp4" ? IntegerFormat::kMxfp4 : IntegerFormat::kSuperBlocks;
}

absl::Status CountAttention(const catalog::Model& model, PrefillProfile& profile) {
  const catalog::Architecture& a = model.architecture;
  profile.heads = a.heads;
  profile.full_layers = a.full_attention_layers.value_or(a.layers);
  profile.window = a.sliding_window.value_or(0);
  if (profile.window > 0 && !a.is_hybrid()) {
    profile.window_layers = profile.layers - profile.full_layers;
  }
  constexpr double kStateBytes = 4;
  if (a.is_hybrid()) profile.state_elements = model.kv_cache.recurrent_state_bytes / kStateBytes;
  profile.mla = a.is_mla();
  if (profile.mla) {
    if (!a.kv_lora_rank || !a.qk_rope_head_dim || !a.qk_nope_head_dim || !a.v_head_dim) {
      return absl::FailedPreconditionError(
          absl::StrCat("model ", model.id, " has no latent attention widths in the catalogue"));
    }
    // llama.cpp multiplies the latent vectors themselves, the others expand them into heads first.
    const double absorbed = 2.0 * *a.kv_lora_rank + *a.qk_rope_head_dim;
    const double expanded = *a.qk_nope_head_dim + *a.qk_rope_head_dim + *a.v_head_dim;
    profile.pair_flops_full = 2.0 * a.heads * (IsLlama(profile.engine) ? absorbed : expanded);
    profile.pair_flops_index = 2.0 * a.index_heads.value_or(0) * a.index_head_dim.value_or(0);
    return absl::OkStatus();
  }
  if (!a.head_dim) {
    return absl::FailedPreconditionError(
        absl::StrCat("model ", model.id, " has no head dimension in the catalogue"));
  }
  profile.window_head = *a.head_dim;
  profile.full_head = a.global_head_dim.value_or(*a.head_dim);
  profile.pair_flops_full = 4.0 * a.heads * profile.full_head;
  profile.pair_flops_window = 4.0 * a.heads * profile.window_head;
  return absl::OkStatus();
}

bool IsMetal(const Device& device) { return device.platform == catalog::Platform::kMetal; }
bool IsM5(const Device& device) { return device.apple_generation == 5; }

// Equation 4.15, NVIDIA: a card whose power limit is low for its tensor cores clocks down.
double PowerFactor(const Device& device, const Coefficients& c) {
  constexpr double kUsualWattsPerTflops = 1.5;
  const double supplied =
      device.watts_per_tflops > 0 ? device.watts_per_tflops : kUsualWattsPerTflops;
  const double ratio = c.power_wall / supplied;
  const double squared = ratio * ratio;
  return 1 / std::sqrt(std::sqrt(1 + squared * squared));
}

double AppleFactor(const Device& device, const Coefficients& c) {
  double factor = 1;
  if (device.apple_generation >= 1 && device.apple_generation <= 5) {
    factor = c.generation_flops[static_cast<std::size_t>(device.apple_generation - 1)];
  }
  return device.family == ChipFamily::kAppleUltra ? factor * c.ultra_flops : factor;
}

double Share(MatrixKernel kernel, const Coefficients& c) {
  return c.flops_share[static_cast<std::size_t>(kernel)];
}

double MetalFlops(const PrefillProfile& profile, const Device& device, const Coefficients& c) {
  const double rate = device.fp16_flops * AppleFactor(device, c);
  if (!IsLlama(profile.engine)) return rate * Share(MatrixKernel::kMlx, c);
  double share = Share(MatrixKernel::kLlamaMetal, c);
  const bool quantised = profile.format != PrefillFormat::kSixteenBit;
  if (quantised) share *= c.metal_quantised;
  if (profile.before_2025) share *= c.old_metal * (quantised ? c.old_metal_quantised : 1);
  return rate * share;
}

double LlamaCudaFlops(const PrefillProfile& profile, const Device& device, const Coefficients& c) {
  const bool quantised = profile.format != PrefillFormat::kSixteenBit;
  if (!quantised || profile.before_2025) {
    return device.fp16_accumulate_flops * Share(MatrixKernel::kLlamaCuda16, c) *
           (quantised ? c.old_cuda_quantised : 1);
  }
  IntegerFormat format = profile.integer_format;
  if (format == IntegerFormat::kMxfp4 && !device.has_fp4) format = IntegerFormat::kSuperBlocks;
  return device.int8_ops * Share(MatrixKernel::kLlamaCudaInteger, c) *
         c.integer_format[static_cast<std::size_t>(format)];
}

double VllmFlops(const PrefillProfile& profile, const Device& device, const Coefficients& c) {
  double share = Share(MatrixKernel::kVllm, c);
  if (profile.format == PrefillFormat::kFp8 && device.has_fp8) share *= c.vllm_fp8;
  if (profile.format == PrefillFormat::kFp8Block && device.has_fp8) share *= c.vllm_fp8_block;
  if (profile.format == PrefillFormat::kFp4 && device.has_fp4) share *= c.vllm_fp4;
  return device.fp16_flops * share;
}

// Equations 4.14 and 4.15: FLOP/s of large dense products.
double DenseFlops(const PrefillProfile& profile, const Device& device, const Coefficients& c) {
  if (IsMetal(device)) return MetalFlops(profile, device, c);
  double rate = profile.engine == EngineClass::kVllm ? VllmFlops(profile, device, c)
                                                     : LlamaCudaFlops(profile, device, c);
  rate *= PowerFactor(device, c);
  if (device.family == ChipFamily::kGb10) rate *= c.gb10_flops;
  // RDNA multiplies matrices on its vector units; no measurement informs this half.
  constexpr double kAssumedForOthers = 0.5;
  return device.family == ChipFamily::kOther ? rate * kAssumedForOthers : rate;
}

std::size_t KernelOf(const PrefillProfile& profile, const Device& device) {
  if (IsMetal(device)) return static_cast<std::size_t>(PromptKernel::kApple);
  return static_cast<std::size_t>(profile.engine == EngineClass::kVllm ? PromptKernel::kVllm
                                                                       : PromptKernel::kLlamaCuda);
}

double PaddingOf(const Device& device, const Coefficients& c) {
  constexpr double kCudaTokens = 25;  // assumed: no measurement resolves it
  if (!IsMetal(device)) return kCudaTokens;
  return IsM5(device) ? c.padding_m5 : c.padding_apple;
}

// Equation 4.16: seconds for one micro-batch, products and weight reads overlapping imperfectly.
double MicroBatchSeconds(const PrefillProfile& profile, const Device& device, double flops,
                         double tokens, const Coefficients& c) {
  double compute = 2 * profile.dense_parameters * (tokens + PaddingOf(device, c)) / flops;
  double bytes = profile.weights.dense;
  if (profile.experts > 0) {
    const double touched = ExpectedExperts(profile.experts, profile.experts_per_token, tokens);
    const double padding = IsMetal(device) ? c.expert_padding_apple : c.expert_padding_cuda;
    double moe_flops = flops * c.moe_flops[KernelOf(profile, device)];
    if (IsM5(device)) moe_flops *= c.moe_m5;
    compute += 2 * profile.expert_parameters / profile.experts *
               (tokens * profile.experts_per_token + touched * padding) *
               (1 + c.narrow_expert / profile.expert_width) / moe_flops;
    bytes += profile.weights.routed_all * touched / profile.experts;
  }
  return std::hypot(compute, bytes / (c.prefill_weight_share * device.bandwidth));
}

double ProductSeconds(const PrefillProfile& profile, const Device& device, double tokens,
                      const Coefficients& c) {
  const double flops = DenseFlops(profile, device, c);
  const double full = std::floor(tokens / profile.micro_batch);
  const double rest = tokens - full * profile.micro_batch;
  double seconds = 0;
  if (full > 0) {
    seconds += full * MicroBatchSeconds(profile, device, flops, profile.micro_batch, c);
  }
  if (rest > 0) seconds += MicroBatchSeconds(profile, device, flops, rest, c);
  return seconds;
}

// Pairs of query and key of a prompt after `depth` cached tokens, at most `window` keys a query.
double WindowPairs(double prompt, double depth, double window) {
  const double growing = std::clamp(window - depth, 0.0, prompt);
  return growing * (std::min(depth, window) + growing / 2) + (prompt - growing) * window;
}

// Attention kernels are tuned for heads of 128.
double HeadFactor(const PrefillProfile& profile, double head, const Coefficients& c) {
  constexpr double kTuned = 128;
  if (head == kTuned) return 1;
  if (head < kTuned) return std::pow(c.narrow_attention, std::log2(kTuned / head));
  return std::pow(profile.engine == EngineClass::kVllm ? c.wide_attention_vllm : c.wide_attention,
                  std::log2(head / kTuned));
}

// Equation 4.17: seconds of attention for one sequence.
double AttentionSeconds(const PrefillProfile& profile, const Device& device,
                        const PrefillLoad& load, const Coefficients& c) {
  const double pairs = load.prompt * (load.depth + load.prompt / 2);
  if (profile.before_2025 && IsLlama(profile.engine)) {
    const double layers = profile.full_layers + profile.window_layers;
    return c.score_bytes_2024 * profile.heads * layers * pairs / device.bandwidth;
  }
  double flops = c.attention_share[KernelOf(profile, device)] * device.fp16_flops;
  flops *= IsMetal(device) ? AppleFactor(device, c) : PowerFactor(device, c);
  if (IsM5(device)) flops *= c.attention_m5;
  const double kernel = profile.mla ? c.mla_attention : HeadFactor(profile, profile.full_head, c);
  double seconds = profile.pair_flops_full * profile.full_layers * pairs / (flops * kernel);
  if (profile.pair_flops_index > 0) {
    seconds += profile.pair_flops_index * profile.layers * pairs / (flops * c.index_attention);
  }
  if (profile.window_layers > 0) {
    seconds += profile.pair_flops_window * profile.window_layers *
               WindowPairs(load.prompt, load.depth, profile.window) /
               (flops * HeadFactor(profile, profile.window_head, c));
  }
  return seconds;
}

double FixedMs(EngineClass engine, const Coefficients& c) {
  constexpr double kLlamaMs = 2;  // llama-bench times the evaluation alone
  if (engine == EngineClass::kMlx) return c.prefill_fixed_mlx_ms;
  return engine == EngineClass::kVllm ? c.prefill_fixed_vllm_ms : kLlamaMs;
}

}  // namespace

absl::StatusOr<PrefillProfile> MakePrefillProfile(const Query& query, catalog::Platform platform) {
  const catalog::Model& model = *query.model;
  const catalog::Architecture& a = model.architecture;
  absl::StatusOr<WeightBytes> weights =
      WeightsOf(model, *query.quant, query.engine, query.artifact);
  if (!weights.ok()) return weights.status();
  absl::StatusOr<ActiveParameters> active = ActiveParametersOf(model);
  if (!active.ok()) return active.status();
  PrefillProfile profile;
  profile.engine = ClassOf(query.engine, platform, *query.quant);
  profile.format = FormatOf(model, *query.quant, *query.quant->BitsFor(query.engine, a));
  profile.integer_format = IntegerFormatOf(*query.quant);
  profile.before_2025 = query.build == EngineBuild::kBefore2025;
  profile.micro_batch = query.micro_batch ? *query.micro_batch : DefaultMicroBatch(profile.engine);
  profile.layers = a.layers;
  profile.hidden = a.hidden_size;
  profile.dense_parameters = active->dense();
  profile.expert_parameters = model.parameters.routed_experts.value_or(0);
  profile.experts = a.experts;
  profile.experts_per_token = a.experts_per_token;
  profile.expert_width = std::max(1, a.expert_ffn_size.value_or(1));
  profile.weights = *weights;
  if (absl::Status status = CountAttention(model, profile); !status.ok()) return status;
  return profile;
}

PrefillTerms PrefillOnDevice(const PrefillProfile& profile, const Device& device,
                             const PrefillLoad& load, const Coefficients& c) {
  PrefillTerms terms;
  terms.fixed = FixedMs(profile.engine, c);
  terms.products = 1e3 * ProductSeconds(profile, device, load.tokens(), c);
  terms.attention = 1e3 * load.sequences * AttentionSeconds(profile, device, load, c);
  // Equation 4.18: 8 FLOP for each element of the state and token.
  constexpr double kFlopsPerElement = 8;
  terms.recurrent = 1e3 * load.tokens() * kFlopsPerElement * profile.state_elements /
                    (c.recurrent_share * device.fp16_flops);
  return terms;
}

}  // namespace capacity::throughput
