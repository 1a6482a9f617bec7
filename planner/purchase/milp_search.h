// The purchase problem as a mixed-integer program: for fleets too large to enumerate.
#pragma once

#include <memory>

#include "planner/purchase/milp.h"
#include "planner/purchase/search.h"

namespace capacity::purchase {

// `problem` must be reduced, and it and `solver` outlive the result. `longest_months` is the
// longest threshold that will be asked for.
std::unique_ptr<Search> MakeMilpSearch(const Problem& problem, Usd budget, double longest_months,
                                       MilpSolver& solver, const MilpLimits& limits);

}  // namespace capacity::purchase
