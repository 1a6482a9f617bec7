// The fitted numbers of the speed model, each with its evidence, and how wide its answers are.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "planner/throughput/coefficients.h"

namespace capacity::throughput {

// One fitted number of the speed model (docs/model.md lists unit and meaning).
struct Parameter {
  double value = 0;
  double standard_error = 0;  // of the natural logarithm
  int rows = 0;               // measurements that inform it; 0: the prior alone
  std::string unit;
};

// Estimates of one kind share an interval: [mid / below, mid x above] held 80 % of the measurements
// of sources that the fit had not seen.
struct IntervalFactors {
  double below = 1.5;
  double above = 1.5;
  int rows = 0;  // 0: assumed, not measured
};

// The kinds of estimate that differ in how wrong they are.
enum class IntervalGroup {
  kDense,   // decode, one device, dense model, at least 2 GB read a token
  kMoe,     // the same, mixture of experts
  kSmall,   // under 2 GB read a token
  kBatch,   // several streams
  kTensor,  // decode, tensor parallel, known all-reduce
  kTensorUnknown,
  kPipeline,
  kPrefill,  // one device
  kPrefillCluster,
};
inline constexpr int kIntervalGroups = 9;
const char* Name(IntervalGroup group);

// A default-constructed calibration is the priors alone; `source` says so.
struct Calibration {
  std::map<std::string, Parameter> parameters;
  std::map<std::string, IntervalFactors> intervals;
  std::string source = "priors only, not fitted";  // what it was fitted on

  // The same resolved, for speed. Call Resolve() after changing the maps.
  Coefficients coefficients;
  std::array<IntervalFactors, kIntervalGroups> interval_table = {{
      {1.17, 1.17, 0},
      {1.28, 1.28, 0},
      {1.40, 1.40, 0},
      {1.35, 1.35, 0},
      {1.25, 1.25, 0},
      {1.60, 1.60, 0},
      {1.35, 1.35, 0},
      {1.45, 1.45, 0},
      {1.60, 1.60, 0},
  }};

  const IntervalFactors& FactorsOf(IntervalGroup group) const {
    return interval_table[static_cast<std::size_t>(group)];
  }

  // Copies the maps into `coefficients` and `interval_table`; what they do not name keeps its
  // prior. InvalidArgument names parameters and groups that do not exist and values that are not
  // positive.
  absl::Status Resolve();
};

}  // namespace capacity::throughput
