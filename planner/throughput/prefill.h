// Milliseconds to process prompts on one device (docs/model.md equations 4.14 to 4.18).
#pragma once

#include "absl/status/statusor.h"
#include "planner/catalog/catalog.h"
#include "planner/throughput/coefficients.h"
#include "planner/throughput/device.h"
#include "planner/throughput/weights.h"

namespace capacity::throughput {

// How weights reach the matrix units.
enum class PrefillFormat { kSixteenBit, kQuantised, kFp8, kFp8Block, kFp4 };

struct PrefillProfile {
  EngineClass engine = EngineClass::kLlamaCuda;
  PrefillFormat format = PrefillFormat::kSixteenBit;
  IntegerFormat integer_format = IntegerFormat::kSuperBlocks;
  bool before_2025 = false;
  double micro_batch = 512;  // tokens

  double layers = 0;
  double hidden = 0;
  double heads = 0;
  double full_layers = 0;    // layers that attend to the whole prompt
  double window_layers = 0;  // layers that attend to a window
  double window = 0;         // tokens
  double full_head = 128;    // width of a head in full layers
  double window_head = 128;
  bool mla = false;
  double pair_flops_full = 0;  // FLOP for one query and key in one full layer
  double pair_flops_window = 0;
  double pair_flops_index = 0;  // sparse attention's indexer, every layer
  double state_elements = 0;    // recurrent state of one sequence

  double dense_parameters = 0;   // multiplied for every token; the head only for the last
  double expert_parameters = 0;  // all routed experts
  double experts = 0;
  double experts_per_token = 0;
  double expert_width = 1;  // of their hidden layer
  WeightBytes weights;
};

absl::StatusOr<PrefillProfile> MakePrefillProfile(const Query& query, catalog::Platform platform);

// What is processed: `sequences` prompts of `prompt` tokens after `depth` cached ones each.
struct PrefillLoad {
  double prompt = 1;
  double depth = 0;
  double sequences = 1;

  double tokens() const { return prompt * sequences; }
};

// Milliseconds for all prompts, by cause.
struct PrefillTerms {
  double fixed = 0;
  double products = 0;  // matrix products and the weights they read
  double attention = 0;
  double recurrent = 0;
  double communication = 0;

  double work() const { return products + attention + recurrent; }
  double total() const { return fixed + work() + communication; }
};

// Precondition: device.fp16_flops is known.
PrefillTerms PrefillOnDevice(const PrefillProfile& profile, const Device& device,
                             const PrefillLoad& load, const Coefficients& coefficients);

}  // namespace capacity::throughput
