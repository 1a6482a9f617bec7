// Small synthetic purchase problems and the slowest possible way to solve them.
#pragma once

#include <optional>
#include <random>
#include <vector>

#include "planner/purchase/search.h"

namespace capacity::purchase {

// 2 to 4 kinds of which some owned, some sold; 0 to 2 sorts of cable; 1 to 3 workloads; every kind
// by itself and some clusters, of several options each. `demand`: workloads have limits.
Problem RandomProblem(std::mt19937& random, bool demand);

// How brute force works out what given clusters do: by CBC, which shares nothing with what is
// tested; or by the project's own simplex, which tests hold against CBC and which is fast enough
// for thousands of problems.
enum class Lp { kCbc, kOwn };

// Every basket, every number of copies of every column, each operation by linear program. Nothing
// is pruned. Honours `terms` and Problem::one_of.
std::optional<Choice> BruteForceBest(const Problem& problem, Usd budget, const Terms& terms,
                                     Lp lp = Lp::kCbc);
// Lowest when no clusters meet Problem::one_of.
double BruteForceValue(const Problem& problem, const Basket& basket, Lp lp = Lp::kCbc);

// Every basket within the budget, with its value.
std::vector<Choice> AllChoices(const Problem& problem, Usd budget, Lp lp);

}  // namespace capacity::purchase
