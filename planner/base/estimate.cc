#include "planner/base/estimate.h"

namespace capacity {

const char* Name(EstimateSource source) {
  switch (source) {
    case EstimateSource::kMeasuredPlacement:
      return "measured";
    case EstimateSource::kNodeCalibrated:
      return "node-calibrated";
    case EstimateSource::kCatalogModel:
      return "catalog-model";
  }
  return "unknown";
}

}  // namespace capacity
