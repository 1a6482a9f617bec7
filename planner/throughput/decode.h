// Milliseconds of one decode step on one device (docs/model.md equations 4.1 to 4.6).
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

// Everything about (model, quantization, engine) that decoding needs, in bytes and counts.
struct DecodeProfile {
  EngineClass engine = EngineClass::kLlamaCuda;
  double layers = 0;
  double hidden = 0;
  bool moe = false;
  bool mla = false;
  bool hybrid = false;
  WeightBytes weights;
  double active_parameters = 0;
  bool quantised = false;  // weights of fewer than 16 bits
  enum class Packing { kKQuant, kLegacy, kMlx } packing = Packing::kKQuant;
  double experts = 0;
  double experts_per_token = 1;
  double kv_global = 0;  // bytes per cached token at 16 bits
  double kv_window = 0;
  double window = 0;  // tokens
  double state = 0;   // bytes per sequence
  double kv_heads = 1;
};

absl::StatusOr<DecodeProfile> MakeDecodeProfile(const catalog::Model& model,
                                                const catalog::Quantization& quant,
                                                catalog::Engine engine, catalog::Platform platform,
                                                const catalog::Artifact* artifact);

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
  double layers = 0;
  double weights = 0;  // reading them, or unpacking them where that is slower
  double compute = 0;  // what the products of a batch add to that
  double cache = 0;    // KV cache
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
