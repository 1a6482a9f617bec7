// How wide an estimate is (docs/model.md equation 4.18).
#pragma once

#include "planner/base/estimate.h"
#include "planner/throughput/calibration.h"

namespace capacity::throughput {

Estimate IntervalAround(double mid, const IntervalFactors& factors);

}  // namespace capacity::throughput
