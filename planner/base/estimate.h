// A predicted number that says how wrong it may be and where it came from.
#pragma once

#include <string>

namespace capacity {

// Where an estimate came from, best evidence first (docs/model.md section 4).
enum class EstimateSource {
  kMeasuredPlacement,  // measured on this very placement
  kNodeCalibrated,     // the catalogue model, shifted by other measurements on the node
  kCatalogModel,       // the catalogue model alone
};

// "measured", "node-calibrated" or "catalog-model": the spelling in JSON and text.
const char* Name(EstimateSource source);

// An 80 % interval: low <= mid <= high, in the unit of the field that holds it.
struct Estimate {
  double low = 0;
  double mid = 0;
  double high = 0;
  EstimateSource source = EstimateSource::kCatalogModel;

  friend bool operator==(const Estimate&, const Estimate&) = default;
};

}  // namespace capacity
