// Small dense linear programs whose constraints are all capacities.
#pragma once

#include <vector>

namespace capacity::purchase {

// maximise objective x  subject to  rows x <= capacity, x >= 0. Capacities are not negative, and
// every variable with a positive objective appears with a positive coefficient in some row, so that
// the optimum exists and is finite.
struct PackingProgram {
  std::vector<double> objective;          // one per variable
  std::vector<std::vector<double>> rows;  // each one coefficient per variable
  std::vector<double> capacity;           // one per row
};

// An optimal x, by the primal simplex method from x = 0 (largest gain first, Bland's rule after
// 50 pivots without gain, so it ends). Meant for tens of variables.
std::vector<double> SolvePacking(const PackingProgram& program);

}  // namespace capacity::purchase
