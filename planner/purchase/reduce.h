// Making a purchase problem smaller without changing its answer (docs/model.md 6.3).
#pragma once

#include <vector>

#include "planner/purchase/problem.h"

namespace capacity::purchase {

// The options that an optimal use of the cluster may need, per workload in order of speed: the
// upper concave hull of dollars against tokens. Between two of them a mixture beats what lies
// below. Of equals the earlier stays.
std::vector<ServiceOption> UsefulOptions(const std::vector<ServiceOption>& options);

// `problem` with useful options only, without columns that have none, and without columns whose
// work smaller clusters made of the same nodes and no more items do as well: k copies of one, or
// every node by itself. Columns are sorted by nodes, then items, so that the order they came in is
// forgotten.
Problem Reduce(Problem problem);

// Kinds (not items) that a basket worth buying at any payback threshold up to `longest_months` may
// hold. Left out: those whose every cluster earns less than the share of price and standby that
// this kind alone brings to it, and those that an equal or cheaper kind replaces in every cluster.
// Where some cluster must stand (Problem::one_of), all that is on offer.
std::vector<bool> WorthBuying(const Problem& problem, double longest_months);

}  // namespace capacity::purchase
