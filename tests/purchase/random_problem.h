// Small synthetic purchase problems and the slowest possible way to solve them.
#pragma once

#include <random>

#include "planner/purchase/search.h"

namespace capacity::purchase {

// 2 to 4 kinds of which some owned, some sold; 0 to 2 sorts of cable; 1 to 3 workloads; every kind
// by itself and some clusters, of several options each. `demand`: workloads have limits.
Problem RandomProblem(std::mt19937& random, bool demand);

// Every basket, every number of copies of every column, each operation by linear program (CBC).
// Nothing is pruned.
std::optional<Choice> BruteForceBest(const Problem& problem, Usd budget, double months,
                                     const Basket& at_least);
double BruteForceValue(const Problem& problem, const Basket& basket);

}  // namespace capacity::purchase
