// What measurements on a node say about its other speeds (docs/model.md equation 4.24).
#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/base/units.h"
#include "planner/throughput/calibration.h"
#include "planner/throughput/throughput.h"

namespace capacity::throughput {

// A speed that was measured, and the query that describes the run.
struct SpeedMeasurement {
  Query query;
  std::optional<TokensPerSecond> decode;
  std::optional<TokensPerSecond> prefill;
};

// `catalogue` (the answer of Predict to `query`) in the light of measurements on the very nodes
// that the query names; the caller selects them.
//
// The same configuration measured: the measurement, with the spread of repeated runs. Otherwise
// other models' measurements shift the estimate and narrow it: a prediction errs by the machine and
// by the model in equal parts, so that one other model moves it by half of what it was off, and
// three by three quarters. Decode and prefill are judged apart. Measurements whose query cannot be
// predicted are passed over.
Speed AdjustForMeasurements(const Query& query, const Speed& catalogue,
                            const std::vector<SpeedMeasurement>& on_these_nodes,
                            const Calibration& calibration);

}  // namespace capacity::throughput
