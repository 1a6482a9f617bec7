#include "planner/throughput/interval.h"

namespace capacity::throughput {

Estimate IntervalAround(double mid, const IntervalFactors& factors) {
  return {mid / factors.below, mid, mid * factors.above, EstimateSource::kCatalogModel};
}

}  // namespace capacity::throughput
