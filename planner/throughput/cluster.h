// Several devices on one model: tensor parallel, pipeline, replicas (docs/model.md equations 4.7 to
// 4.9 and 4.15 to 4.17).
#pragma once

#include "absl/status/statusor.h"
#include "planner/throughput/coefficients.h"
#include "planner/throughput/decode.h"
#include "planner/throughput/prefill.h"
#include "planner/throughput/throughput.h"

namespace capacity::throughput {

// The all-reduce that `engine` does over `link` (null: unknown).
AllReduceProfile AllReduceOf(catalog::Engine engine, const catalog::Link* link);
// The hop between pipeline stages that `engine` does over `link` (null: PCIe in one box).
HopProfile HopOf(EngineClass engine, const catalog::Link* link);

// All ranks together; every accelerator of every node is a rank.
struct Step {
  DecodeTerms terms;             // of the slowest rank (tensor) or the whole chain (pipeline)
  double tokens_per_second = 0;  // aggregate
};
absl::StatusOr<Step> DecodeOnCluster(const Query& query, const Coefficients& coefficients);

struct Prompt {
  PrefillTerms terms;
  double tokens_per_second = 0;
};
// FailedPrecondition when a chip's FLOP/s are unknown.
absl::StatusOr<Prompt> PrefillOnCluster(const Query& query, const Coefficients& coefficients);

}  // namespace capacity::throughput
