// How many bytes of weights a step touches (docs/model.md equation 4.1).
#pragma once

#include "absl/status/statusor.h"
#include "planner/catalog/catalog.h"

namespace capacity::throughput {

// Bytes by tensor class. `routed_all` is held, the others are read for one token of one stream.
struct WeightBytes {
  double routed = 0;      // the experts one token is routed to
  double routed_all = 0;  // all routed experts
  double dense = 0;       // attention, dense and shared MLPs, routers
  double head = 0;        // output projection

  double read() const { return routed + dense + head; }
};

// Parameter counts x the bits that `engine` keeps for each class; with an exact `artifact` (may be
// null) x the bits of its own where it has them, else scaled so that the whole file has its real
// size. FailedPrecondition names the missing fact.
absl::StatusOr<WeightBytes> WeightsOf(const catalog::Model& model,
                                      const catalog::Quantization& quant, catalog::Engine engine,
                                      const catalog::Artifact* artifact);

// Parameters multiplied for one token by tensor class, independent of the format.
struct ActiveParameters {
  double routed = 0;
  double mlp = 0;    // dense and shared-expert MLPs
  double mixer = 0;  // attention, recurrent mixers, routers, norms
  double head = 0;

  double dense() const { return mlp + mixer; }
  double all() const { return routed + mlp + mixer + head; }
};
absl::StatusOr<ActiveParameters> ActiveParametersOf(const catalog::Model& model);

// Blocks with routed experts, and blocks with a dense MLP.
double MoeBlocks(const catalog::Architecture& architecture);
double DenseMlpBlocks(const catalog::Architecture& architecture);

// Distinct experts that a decode step of `tokens` tokens touches, in units of one token's
// (equation 4.9): popularity of experts is Gamma-distributed with `shape`, a small shape being
// skewed. Between 1 and experts / experts_per_token.
double ExpertCoverage(double experts, double experts_per_token, double tokens, double shape);

// Distinct experts that `tokens` tokens of a prompt touch when they choose independently:
// E (1 - (1 - k/E)^tokens).
double ExpectedExperts(double experts, double experts_per_token, double tokens);

}  // namespace capacity::throughput
