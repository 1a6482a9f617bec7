#include "planner/purchase/climb.h"

#include <algorithm>
#include <utility>

namespace capacity::purchase {
namespace {

void Note(const Found& found, Climb& climb) {
  climb.proven = climb.proven && found.proven;
  climb.gap_usd_per_month = std::max(climb.gap_usd_per_month, found.gap_usd_per_month);
}

}  // namespace

Climb ClimbLadder(Search& search, const Problem& problem,
                  const std::vector<double>& thresholds_months) {
  Climb climb;
  Found start = search.ValueOf(EmptyBasket(problem));
  Note(start, climb);
  climb.start = *std::move(start.choice);
  Choice reached = climb.start;
  for (double months : thresholds_months) {
    Found found = search.Best(months, reached.basket, nullptr);
    Note(found, climb);
    if (!found.choice || found.choice->basket == reached.basket) continue;
    const double gain = found.choice->usd_per_month - reached.usd_per_month;
    const double advantage = found.choice->Objective(months) - reached.Objective(months);
    if (gain < std::max(kSmallestGainUsdPerMonth, found.gap_usd_per_month)) continue;
    if (advantage <= kEqualUsdPerMonth) continue;
    Step step{.months = months, .before = reached, .after = *std::move(found.choice)};
    step.runner_up = search.Best(months, reached.basket, &step.after.basket).choice;
    reached = step.after;
    climb.steps.push_back(std::move(step));
  }
  if (!thresholds_months.empty()) {
    climb.without_rungs =
        search.Best(thresholds_months.back(), EmptyBasket(problem), nullptr).choice;
  }
  return climb;
}

}  // namespace capacity::purchase
