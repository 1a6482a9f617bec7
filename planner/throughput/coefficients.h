// The numbers of the speed model as plain doubles, resolved from a Calibration once.
//
// The names, units, meanings and priors of all of them are the table in coefficients.cc;
// docs/model.md section 4 gives the equations they enter. Default values are the priors, so that a
// default-constructed Coefficients predicts (badly calibrated, but sanely).
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "planner/catalog/catalog.h"

namespace capacity::throughput {

// Which kernels run: an engine on a platform.
enum class EngineClass { kLlamaMetal, kLlamaCuda, kLlamaOther, kMlx, kVllm };
inline constexpr int kEngineClasses = 5;
const char* Name(EngineClass engine);  // "llama-metal", "llama-cuda", "llama-other", "mlx", "vllm"

// The same without the platform.
enum class EngineGroup { kLlama, kMlx, kVllm };
inline constexpr int kEngineGroups = 3;
const char* Name(EngineGroup engine);  // "llama", "mlx", "vllm"
EngineGroup GroupOf(EngineClass engine);

// The kernels that `engine` runs on `platform`. kOther is told by the format of the weights: GGUF
// means llama.cpp, mlx means MLX, anything else vLLM's kind of server.
EngineClass ClassOf(catalog::Engine engine, catalog::Platform platform,
                    const catalog::Quantization& quant);

// Which kernels and which builds of them set the cost of launching a layer. Builds before 2025 are
// fitted so that old measurements do not bend the rest; no plan uses them.
enum class LaunchClass {
  kLlamaMetal,
  kLlamaMetalUndated,  // no build or date known: a mix of old and new
  kLlamaMetal2024,
  kLlamaCuda,
  kLlamaCuda2024,
  kLlamaOther,
  kMlx,
  kVllm
};
inline constexpr int kLaunchClasses = 8;
const char* Name(LaunchClass launch);

// Chips whose memory reaches the same share of its peak.
enum class ChipFamily {
  kAppleUltra,
  kAppleMax,
  kApplePro,
  kAppleBase,
  kGb10,
  kGddr,  // NVIDIA cards with GDDR memory, GeForce or professional
  kHbm,   // NVIDIA cards with HBM
  kOther
};
inline constexpr int kChipFamilies = 8;
const char* Name(ChipFamily family);  // "apple-ultra", ..., "gb10", "gddr", "hbm", "other"

// How the ranks of a tensor-parallel cluster sum their partial results.
enum class AllReduceProfile { kExoRdma, kMlxRdma, kVllmRdma, kPcie, kTcp, kUnknown };
inline constexpr int kAllReduceProfiles = 6;
const char* Name(AllReduceProfile profile);

// How a pipeline hands activations to its next stage.
enum class HopProfile { kMlxRdma, kMlxTcp, kLlamaRpc, kPcie };
inline constexpr int kHopProfiles = 4;
const char* Name(HopProfile profile);

// Which matrix units and kernels multiply a prompt.
enum class MatrixKernel { kLlamaMetal, kLlamaCuda16, kLlamaCudaInteger, kMlx, kVllm };
inline constexpr int kMatrixKernels = 5;
const char* Name(MatrixKernel kernel);

// Formats that llama.cpp's integer kernels on CUDA tell apart.
enum class IntegerFormat { kQ4_0, kQ8_0, kSuperBlocks, kMxfp4 };
inline constexpr int kIntegerFormats = 4;
const char* Name(IntegerFormat format);

// Whose grouped expert products and attention kernels run.
enum class PromptKernel { kApple, kLlamaCuda, kVllm };
inline constexpr int kPromptKernels = 3;
const char* Name(PromptKernel kernel);

template <std::size_t N>
using Row = std::array<double, N>;

// Values are the priors. Index by the enum of the same kind.
struct Coefficients {
  // Decode, equations 4.3 to 4.8.
  Row<kChipFamilies> bandwidth_share = {0.85, 0.85, 0.85, 0.85, 0.85, 0.85, 0.70, 0.78};
  Row<5> generation_share = {1, 1, 1, 1, 1};  // M1 to M5, against the family
  double step_ms = 0.4;
  Row<kLaunchClasses> layer_ms = {0.05, 0.08, 0.10, 0.03, 0.06, 0.04, 0.05, 0.04};
  Row<kEngineGroups> moe_block = {2, 2, 2};
  double moe_block_growth = 0.3;  // with experts per token, exponent
  double recurrent_block = 2;
  double extra_norms = 0.4;
  double mla_block = 1.6;
  double sparse_attention_block = 2;
  double ultra_launch = 1.4;
  Row<3> unpack_rate = {10, 12, 15};  // M1, M2, M3; 1e9 weights/s and core
  double unpack_plain = 1.5;
  double unpack_mlx = 1.5;
  double cache_share_metal = 0.85;
  double cache_share_cuda = 0.85;
  Row<kEngineClasses> cache_walk = {4, 8, 4, 4, 8};
  double cache_walk_mla_cuda = 1.5;
  Row<kEngineGroups> wide_head = {0.5, 0.5, 0.5};
  double old_cache_metal = 0.5;
  double old_cache_cuda = 0.7;
  double state_share = 0.6;
  // Batch, equations 4.9 to 4.11.
  double routing_softmax = 0.3;
  double routing_balanced = 2;
  double batch_flops_share = 0.4;
  double stream_ms_llama = 0.05;
  double sampling_passes = 60;
  double request_s = 0.2;  // only in measurements that time whole requests
  // Clusters, equations 4.12 and 4.13.
  Row<kAllReduceProfiles> all_reduce_us = {120, 120, 60, 22, 350, 120};
  double all_reduce_growth = 0.2;
  double all_reduce_mla_moe = 1.2;
  Row<kHopProfiles> hop_ms = {1.0, 3.0, 4.0, 0.3};
  // Prefill, equations 4.14 to 4.20.
  Row<kMatrixKernels> flops_share = {0.65, 0.45, 0.25, 0.65, 0.65};
  Row<5> generation_flops = {1, 1, 1, 1, 0.8};  // M1 to M5
  double ultra_flops = 1;
  double gb10_flops = 0.7;
  double power_wall = 1;  // W per 1e12 FLOP/s
  double metal_quantised = 0.92;
  Row<kIntegerFormats> integer_format = {1, 1, 1, 1};
  double vllm_fp8 = 1;
  double vllm_fp8_block = 1;
  double vllm_fp4 = 1;
  Row<kPromptKernels> moe_flops = {0.8, 0.8, 0.8};
  double moe_m5 = 0.8;
  double narrow_expert = 250;
  double expert_padding_apple = 8;
  double expert_padding_cuda = 8;
  double padding_apple = 40;
  double padding_m5 = 80;
  Row<kPromptKernels> attention_share = {0.45, 0.45, 0.45};
  double attention_m5 = 0.8;
  double wide_attention = 0.7;
  double wide_attention_vllm = 0.6;
  double narrow_attention = 0.8;
  double mla_attention = 1;
  double index_attention = 0.4;
  double score_bytes_2024 = 30;
  double recurrent_share = 0.1;
  double prefill_weight_share = 0.75;
  double prefill_fixed_mlx_ms = 20;
  double prefill_fixed_vllm_ms = 40;
  double old_metal = 0.85;
  double old_metal_quantised = 0.85;
  double old_cuda_quantised = 0.8;
  double prefill_link_share = 0.6;
  double pipeline_overlap_pcie = 0.6;
};

// One entry of the table: how a parameter is named, documented and started.
struct ParameterSpec {
  std::string name;  // as in calibration.yaml
  std::string unit;  // "" for a pure number
  std::string meaning;
  double prior_log_sigma = 0.3;  // standard deviation of the prior, natural logarithm
  double* (*at)(Coefficients&, int) = nullptr;
  int index = 0;
};

// Every parameter, in the order of docs/model.md.
const std::vector<ParameterSpec>& ParameterSpecs();

}  // namespace capacity::throughput
