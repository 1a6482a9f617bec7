// How wide an estimate is (docs/model.md equations 4.22 and 4.23).
//
// A half-width h is a natural logarithm: [mid exp(-h), mid exp(h)] is to hold 80 % of measurements
// by labs and of models that the fit has not seen.
#pragma once

#include <map>
#include <string>

#include "planner/base/estimate.h"

namespace capacity::throughput {

// What makes a decode speed uncertain. Shares are of the time of a step.
struct DecodeDoubt {
  double launch_share = 0;
  double weight_share = 0;
  double cache_share = 0;
  double communication_share = 0;
  double labs = 0;  // independent ones behind the efficiency of the chip's family
  bool moe = false;
  bool recurrent = false;
  bool vllm = false;
  bool other_engine = false;  // EXO, Ollama or unknown
  bool batch = false;
  bool before_2025 = false;
  bool unseen_chip = false;
  bool unseen_link = false;
  bool unknown_architecture = false;
};
double DecodeLogHalfWidth(const DecodeDoubt& doubt);
// Share of the variance that what the link costs is behind, 0 to 1.
double CommunicationVarianceShare(const DecodeDoubt& doubt);

// Prefill speeds share a width by kind.
struct PrefillKind {
  std::string engine;            // llama | mlx | vllm
  std::string platform;          // metal | cuda | rocm | cpu
  std::string strategy = "one";  // one | tensor | pipeline | pipeline-in-box
  bool moe = false;
  bool short_prompt = false;
  bool before_2025 = false;
  bool unseen = false;  // kernels or links that no measurement informs
  bool unseen_chip = false;
  bool unknown_architecture = false;

  std::string Key() const;     // "llama/cuda/one/moe", "short"
  std::string Parent() const;  // "any/one/moe"
};

struct IntervalWidth {
  double log_half_width = 0;
  int rows = 0;  // measurements behind it
};
using IntervalWidths = std::map<std::string, IntervalWidth, std::less<>>;

// The kind's own width, else its parent's, else 0.22.
double PrefillLogHalfWidth(const PrefillKind& kind, const IntervalWidths& widths);
inline constexpr double kPrefillLogHalfWidth = 0.22;  // of a kind that nothing is known of

Estimate IntervalAround(double mid, double log_half_width);

}  // namespace capacity::throughput
