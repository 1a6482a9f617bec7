// Milliseconds of one decode step on one device (docs/model.md equations 4.1 to 4.11).
//
// This is the fast path: make a DecodeProfile once per model, quantization and engine, then call
// DecodeStep as often as needed. It allocates nothing.
#pragma once

#include "absl/status/statusor.h"
#include "planner/catalog/catalog.h"
#include "planner/throughput/coefficients.h"
#include "planner/throughput/device.h"
#include "planner/throughput/weights.h"

namespace capacity::throughput {

// How weights are packed, which decides how fast a GPU core unpacks them.
enum class Packing {
  kUnpacked,     // 16 bits: nothing to do
  kSuperBlocks,  // k-quants and i-quants
  kPlain,        // one scale a block: q4_0, q8_0, mxfp4, fp8
  kMlx
};

// Everything about (model, quantization, engine) that decoding needs, in bytes and counts.
struct DecodeProfile {
  EngineClass engine = EngineClass::kLlamaCuda;
  LaunchClass launch = LaunchClass::kLlamaCuda;
  bool before_2025 = false;

  double layers = 0;
  double hidden = 0;
  double vocab = 0;
  double attention_blocks = 0;
  double recurrent_blocks = 0;
  double moe_blocks = 0;
  double mlp_blocks = 0;
  bool moe = false;
  bool mla = false;
  bool extra_norms = false;
  bool wide_heads = false;  // wider than 256
  bool balanced_routing = false;
  double experts = 0;
  double experts_per_token = 1;

  WeightBytes weights;
  double active_parameters = 0;
  Packing packing = Packing::kUnpacked;

  // Bytes at 16 bits per cached token: held in memory, and walked by every query head.
  double cache_global = 0;
  double cache_window = 0;
  double walk_global = 0;
  double walk_window = 0;
  double window = 0;       // tokens; 0: none
  double index_top_k = 0;  // tokens that sparse attention keeps; 0: all
  double index_cache = 0;  // bytes per cached token once it selects
  double index_walk = 0;
  double kv_heads = 1;
  double state = 0;  // bytes per sequence
};

absl::StatusOr<DecodeProfile> MakeDecodeProfile(const Query& query, catalog::Platform platform);

// The load of one step.
struct DecodeLoad {
  double context = 0;   // cached tokens of each stream
  double batch = 1;     // streams
  double kv_scale = 1;  // bits of the cache / 16
  double ranks = 1;     // tensor-parallel ranks that share the weights
};

// One step, by cause. Milliseconds.
struct DecodeTerms {
  double fixed = 0;
  double layers = 0;   // launching kernels
  double weights = 0;  // reading them, or unpacking them where that is slower
  double compute = 0;  // what the products of a batch add to that
  double cache = 0;    // attention over the KV cache
  double state = 0;    // recurrent state
  double streams = 0;  // sampling and bookkeeping of further streams
  double all_reduce = 0;
  double hops = 0;

  double total() const {
    return fixed + layers + weights + compute + cache + state + streams + all_reduce + hops;
  }
};

// One rank's work; communication is added by cluster.h.
DecodeTerms DecodeStep(const DecodeProfile& profile, const Device& device, const DecodeLoad& load,
                       const Coefficients& coefficients);

}  // namespace capacity::throughput
