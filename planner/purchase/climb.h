// The ladder on plain numbers: one basket per payback threshold, each holding the one before.
#pragma once

#include <optional>
#include <vector>

#include "planner/purchase/search.h"
#include "planner/purchase/watch.h"

namespace capacity::purchase {

// One rung: the best basket at its threshold that holds the rungs before.
struct Step {
  double months = 0;  // the threshold
  Choice before;
  Choice after;
  // The best at the same threshold that does not hold all that this rung adds. nullopt: none found.
  std::optional<Choice> runner_up;
};

struct Climb {
  Choice start;  // nothing bought
  std::vector<Step> steps;
  bool proven = true;
  bool interrupted = false;      // before its end: the steps so far
  double gap_usd_per_month = 0;  // the widest of all solves
  // The best at the last threshold when rungs need not contain each other; it may beat the ladder.
  std::optional<Choice> without_rungs;
};

// Gains below this many dollars a month are not proposed.
inline constexpr double kSmallestGainUsdPerMonth = 1;

// Thresholds ascend. A threshold at which nothing is worth adding yields no step. A gain that is
// not above the solver's gap is not a step.
Climb ClimbLadder(Search& search, const Problem& problem,
                  const std::vector<double>& thresholds_months, const Watch& watch = {});

}  // namespace capacity::purchase
