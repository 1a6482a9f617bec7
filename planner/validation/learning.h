// What measuring a few models on a machine does for the predictions of the others.
#pragma once

#include <string>
#include <vector>

#include "planner/catalog/catalog.h"
#include "planner/throughput/calibration.h"
#include "planner/validation/scores.h"
#include "planner/validation/validate.h"

namespace capacity::validation {

// One half of the speeds of one machine, or of one cluster: rows of one lab on the same
// accelerators over the same link.
struct Learned {
  std::string machine;  // "gb10 (lab)", "2 x apple-m3-ultra-80, rdma-tb5 (lab)"
  std::string metric;   // decode | prefill
  int rows = 0;
  int models = 0;  // 0 for all machines together
  Score
      before;  // of the rows of models that were not measured, over all choices of those that were
  Score after;
};

// Takes each choice of `measured_models` models of a machine as measured there (24 choices, spread
// evenly, where there are more) and predicts the rest of its rows in their light. `rows` are
// predicted already, best by LeaveOneSourceOut: nothing of the machine was known before. Current
// builds and single streams only. `calibration` weighs the evidence; machines with no more models
// than are measured are left out. Decode before prefill, each "all machines" first, then by
// machine.
std::vector<Learned> AfterMeasuring(const catalog::Catalog& catalog,
                                    const throughput::Calibration& calibration,
                                    const std::vector<ValidatedRow>& rows, int measured_models);

}  // namespace capacity::validation
