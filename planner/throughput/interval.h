// How wide an estimate is (docs/model.md equation 4.18).
#pragma once

#include "planner/base/estimate.h"
#include "planner/throughput/calibration.h"
#include "planner/throughput/throughput.h"

namespace capacity::throughput {

// Which kind of estimate a query's decode and prefill speeds are. `bytes_read` per token.
IntervalGroup DecodeGroup(const Query& query, double bytes_read);
IntervalGroup PrefillGroup(const Query& query);

Estimate IntervalAround(double mid, const IntervalFactors& factors);

}  // namespace capacity::throughput
