// Milliseconds to process a prompt on one device (docs/model.md equations 4.10 to 4.14).
#pragma once

#include "absl/status/statusor.h"
#include "planner/catalog/catalog.h"
#include "planner/throughput/coefficients.h"
#include "planner/throughput/device.h"
#include "planner/throughput/weights.h"

namespace capacity::throughput {

struct PrefillProfile {
  EngineClass engine = EngineClass::kLlamaCuda;
  double layers = 0;
  double full_layers = 0;    // layers that attend to the whole prompt
  double window_layers = 0;  // layers that attend to a window
  double window = 0;         // tokens
  double hidden = 0;
  double heads = 0;
  double score_width = 0;  // head_dim, or its mean of score and value with latent attention
  bool moe = false;
  double experts = 0;
  double experts_per_token = 1;
  ActiveParameters parameters;
  WeightBytes weights;
};

absl::StatusOr<PrefillProfile> MakePrefillProfile(const catalog::Model& model,
                                                  const catalog::Quantization& quant,
                                                  catalog::Engine engine,
                                                  catalog::Platform platform,
                                                  const catalog::Artifact* artifact);

// Milliseconds for the whole prompt, by cause.
struct PrefillTerms {
  double fixed = 0;
  double products = 0;  // matrix products and the weights they read
  double attention = 0;
  double communication = 0;
  double idle = 0;  // pipeline stages that wait

  double total() const { return fixed + products + attention + communication + idle; }
};

// `prompt` tokens processed after `depth` tokens that are cached already.
// `device.fp16_flops` must be known.
PrefillTerms PrefillPrompt(const PrefillProfile& profile, const Device& device, double prompt,
                           double depth, const Coefficients& coefficients);

// Tokens that an engine processes at once.
double MicroBatch(EngineClass engine);

}  // namespace capacity::throughput
