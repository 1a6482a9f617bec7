// Fitting the speed model to measurements (docs/model.md section 4, "How it is fitted").
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/catalog/catalog.h"
#include "planner/throughput/calibration.h"
#include "planner/validation/measurements.h"
#include "planner/validation/validate.h"

namespace capacity::validation {

// A calibration and what it rests on.
struct Fitted {
  throughput::Calibration calibration;
  int decode_rows = 0;
  int prefill_rows = 0;
  std::vector<std::string> skipped;  // "m0463: no link: ...", rows that could not be used
};

// Robust hierarchical least squares on the logarithm of the speeds: every parameter has a prior
// (throughput/coefficients.cc), rows that measure the same configuration share their weight, and
// Cauchy's loss keeps outliers from deciding. Intervals come from leaving each lab out in turn.
// Single-threaded and deterministic. FailedPrecondition when no row can be used.
absl::StatusOr<Fitted> Calibrate(const catalog::Catalog& catalog,
                                 const std::vector<Measurement>& measurements);

// Every row predicted by a calibration that has not seen any row of its lab; its interval is from
// the residuals of the other labs. The honest score on the rows one has.
absl::StatusOr<std::vector<ValidatedRow>> LeaveOneSourceOut(
    const catalog::Catalog& catalog, const std::vector<Measurement>& measurements);

}  // namespace capacity::validation
