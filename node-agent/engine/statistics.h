// From samples to what is reported of them.
#pragma once

#include <vector>

#include "node-agent/report.h"

namespace capacity::engine {

// The sample below which `share` (0 to 1) of them lie, between two of them by linear interpolation;
// 0 without samples.
double Quantile(std::vector<double> samples, double share);

// Median, smallest and largest; all 0 without samples.
agent::Rate RateOver(const std::vector<double>& tokens_per_second);

}  // namespace capacity::engine
