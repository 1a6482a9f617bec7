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
// null) scaled so that the whole file has its real size. FailedPrecondition names the missing fact.
absl::StatusOr<WeightBytes> WeightsOf(const catalog::Model& model,
                                      const catalog::Quantization& quant, catalog::Engine engine,
                                      const catalog::Artifact* artifact);

// Parameters multiplied for one token by tensor class, independent of the format.
struct ActiveParameters {
  double routed = 0;
  double dense = 0;
  double head = 0;

  double all() const { return routed + dense + head; }
};
absl::StatusOr<ActiveParameters> ActiveParametersOf(const catalog::Model& model);

// Expected distinct experts that a step of `tokens` tokens touches, in units of one token's
// (equation 4.2): E/k (1 - (1 - k/E)^(tokens^exponent)), between 1 and E/k.
double ExpertCoverage(double experts, double experts_per_token, double tokens, double exponent);

}  // namespace capacity::throughput
