#include "planner/purchase/climb.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"

namespace capacity::purchase {
namespace {

void Note(const Found& found, Climb& climb) {
  climb.proven = climb.proven && found.proven;
  climb.gap_usd_per_month = std::max(climb.gap_usd_per_month, found.gap_usd_per_month);
}

bool Interrupted(const Watch& watch, Climb& climb) {
  if (!watch.stopped()) return false;
  climb.interrupted = true;
  climb.proven = false;
  return true;
}

}  // namespace

Climb ClimbLadder(Search& search, const Problem& problem,
                  const std::vector<double>& thresholds_months, const Watch& watch) {
  Climb climb;
  Found start = search.ValueOf(EmptyBasket(problem));
  Note(start, climb);
  climb.start = *std::move(start.choice);
  Choice reached = climb.start;
  for (double months : thresholds_months) {
    if (Interrupted(watch, climb)) return climb;
    watch.Begin(absl::StrFormat("looking for the rung at %g months", months));
    Found found =
        search.Best({.months = months, .at_least = reached.basket, .ties = Ties::kCheapest});
    Note(found, climb);
    if (!found.choice || found.choice->basket == reached.basket) continue;
    const double gain = found.choice->usd_per_month - reached.usd_per_month;
    const double advantage = found.choice->Objective(months) - reached.Objective(months);
    if (gain < std::max(kSmallestGainUsdPerMonth, found.gap_usd_per_month)) continue;
    if (advantage <= kEqualUsdPerMonth) continue;
    Step step{.months = months, .before = reached, .after = *std::move(found.choice)};
    step.runner_up =
        search.Best({.months = months, .at_least = reached.basket, .excluding = &step.after.basket})
            .choice;
    reached = step.after;
    climb.steps.push_back(std::move(step));
  }
  if (!thresholds_months.empty() && !Interrupted(watch, climb)) {
    watch.Begin("looking for the best use of the whole budget");
    climb.without_rungs =

        search
            .Best({.months = thresholds_months.back(),
                   .at_least = EmptyBasket(problem),
                   .ties = Ties::kCheapest})
            .choice;
  }
  return climb;
}

}  // namespace capacity::purchase
