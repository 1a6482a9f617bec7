// The fitted numbers of the speed model, each with its evidence.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace capacity::throughput {

// One fitted number of the speed model (docs/model.md lists unit and meaning).
struct Parameter {
  double value = 0;
  double standard_error = 0;  // of the natural logarithm for positive parameters
  int rows = 0;               // measurements that inform it
  std::string unit;
};

struct Calibration {
  std::map<std::string, Parameter> parameters;
  std::string source;  // what it was fitted on
};

}  // namespace capacity::throughput
