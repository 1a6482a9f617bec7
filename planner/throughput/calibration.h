// The fitted numbers of the speed model, each with its evidence, and how wide its answers are.
#pragma once

#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "planner/throughput/coefficients.h"
#include "planner/throughput/interval.h"

namespace capacity::throughput {

// One fitted number of the speed model (docs/model.md lists meanings).
struct Parameter {
  double value = 0;
  double standard_error = 0;  // of the natural logarithm
  int rows = 0;               // measurements that inform it; 0: the prior alone
  int labs = 0;               // sources they come from
  std::string unit;
};

// A default-constructed calibration is the priors alone; `source` says so.
struct Calibration {
  std::map<std::string, Parameter, std::less<>> parameters;
  double decode_interval_scale = 1;          // factor on equation 4.22
  IntervalWidths prefill_widths;             // equation 4.23
  std::set<std::string, std::less<>> chips;  // ids of the chips it has seen
  std::string source = "priors only, not fitted";

  // The parameters as doubles, for speed. Call Resolve() after changing `parameters`.
  Coefficients coefficients;

  // Copies `parameters` into `coefficients`; what they do not name keeps its prior. InvalidArgument
  // names the parameters that do not exist and the values that are not positive.
  absl::Status Resolve();

  // Measurements behind a parameter; 0 when it is a prior.
  int RowsBehind(std::string_view parameter) const;
  // Labs behind the bandwidth share of a family.
  double LabsBehind(ChipFamily family) const;
};

}  // namespace capacity::throughput
