// How good predictions are, in the terms that docs/accuracy.md reports.
#pragma once

#include <string>
#include <vector>

namespace capacity::validation {

// One prediction beside its measurement, all in tokens/s.
struct Scored {
  double low = 0;
  double mid = 0;
  double high = 0;
  double measured = 0;
};

struct Score {
  int n = 0;
  double median_ape = 0;   // median of |predicted / measured - 1|
  double p90_ape = 0;      // its 90th percentile
  double within_20 = 0;    // share with |predicted / measured - 1| <= 0.2
  double bias = 0;         // median of predicted / measured - 1: positive means too optimistic
  double coverage_80 = 0;  // share of measurements inside [low, high]
  double mean_width = 0;   // mean of high / low - 1
};

// Zeroes when `rows` is empty.
Score ScoreOf(const std::vector<Scored>& rows);

// The value below which `share` of `values` lie, linear between neighbours. Precondition: not
// empty.
double Quantile(std::vector<double> values, double share);

}  // namespace capacity::validation
