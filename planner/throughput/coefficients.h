// The numbers of the speed model as plain doubles, resolved from a Calibration once.
//
// The names, units, meanings and priors of all of them are the table in coefficients.cc;
// docs/model.md section 4 gives the equations they enter. Default values are the priors, so that a
// default-constructed Coefficients predicts (badly calibrated, but sanely).
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "planner/catalog/catalog.h"

namespace capacity::throughput {

// Which kernels run: an engine on a platform.
enum class EngineClass { kLlamaMetal, kLlamaCuda, kMlx, kVllm };
inline constexpr int kEngineClasses = 4;
const char* Name(EngineClass engine);  // "llama-metal", "llama-cuda", "mlx", "vllm"

// The kernels that `engine` runs on `platform`. kOther is told by the format of the weights: GGUF
// means llama.cpp, mlx means MLX, anything else vLLM's kind of server.
EngineClass ClassOf(catalog::Engine engine, catalog::Platform platform,
                    const catalog::Quantization& quant);

// Chips that share an efficiency.
enum class ChipFamily {
  kAppleUltra,
  kAppleMax,
  kApplePro,
  kAppleBase,
  kGb10,
  kRtx,
  kNvidiaDataCentre,
  kOther
};
inline constexpr int kChipFamilies = 8;
const char* Name(ChipFamily family);  // as in the catalogue: "apple-ultra", ...

// How the ranks of a tensor-parallel cluster sum their partial results.
enum class AllReduceProfile { kExoRdma, kMlxRdma, kVllmRdma, kPcie, kTcp, kUnknown };
inline constexpr int kAllReduceProfiles = 6;
const char* Name(AllReduceProfile profile);

// How a pipeline hands activations to its next stage.
enum class HopProfile { kMlxRdma, kExoTcp, kLlamaRpc, kPcie };
inline constexpr int kHopProfiles = 4;
const char* Name(HopProfile profile);

struct Coefficients {
  // Decode.
  std::array<double, kChipFamilies> bandwidth_share = {0.774, 0.877, 0.908, 0.884,
                                                       0.820, 0.902, 0.703, 0.80};
  double step_ms = 0.51;
  std::array<double, kEngineClasses> layer_ms = {0.055, 0.020, 0.036, 0.035};
  std::array<double, kEngineClasses> moe_layer = {0.98, 1.76, 1.93, 0.94};
  double recurrent_layer = 0.58;
  double mla_layer = 1.19;
  double kv_share_metal = 0.71;
  double kv_share_cuda = 0.79;
  double kv_share_mla = 0.32;
  std::array<double, 3> dequantise_per_core = {9.8e9, 13.6e9, 16.3e9};  // M1, M2, M3; weights/s
  double dequantise_legacy = 2.04;
  double dequantise_mlx = 1.59;
  // Batch.
  double routing_exponent = 0.82;
  double batch_compute_share = 0.34;
  std::array<double, kEngineClasses> batch_stream_ms = {0.05, 0.05, 0.05, 0.025};
  // Clusters.
  std::array<double, kAllReduceProfiles> all_reduce_us = {56, 230, 52, 30, 350, 120};
  double all_reduce_growth = 0.2;
  double all_reduce_mla_moe = 1.33;
  std::array<double, kHopProfiles> hop_ms = {0.9, 3.5, 5.8, 0.33};
  // Prefill.
  std::array<double, kEngineClasses> flops_share = {0.72, 0.40, 0.65, 0.53};
  std::array<double, kEngineClasses> moe_flops = {0.77, 0.77, 0.77, 0.77};
  double flops_gb10 = 0.76;
  double flops_rtx_llama = 1.37;
  double flops_ultra_mlx = 1.1;
  double flops_m5 = 0.84;
  std::array<double, kEngineClasses> padding_tokens = {41, 30, 41, 30};
  double attention_flops_share = 0.40;
  double prefill_weight_share = 0.75;
  std::array<double, kEngineClasses> prefill_fixed_ms = {6, 6, 8, 96};
  double prefill_link_gbps = 6.4;
  double prefill_all_reduce_ms = 0.1;
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

// Every parameter, in the order of the calibration file.
const std::vector<ParameterSpec>& ParameterSpecs();

}  // namespace capacity::throughput
