// What people ask about besides the rung that is proposed (docs/model.md 6.7).
#pragma once

#include <optional>
#include <vector>

#include "planner/catalog/catalog.h"
#include "planner/economics/economics.h"
#include "planner/fleet/scenario.h"
#include "planner/purchase/market.h"
#include "planner/purchase/purchase.h"
#include "planner/throughput/calibration.h"

namespace capacity::purchase {

// What the alternatives are compared with.
struct Reference {
  double threshold_months = 0;
  const Choice& before;  // the fleet that both add to: today's, or with the rungs before
  const Choice& rung;    // the fleet with the rung, or `before` where there is none
};

// The purchase that leads from `before` to `choice`, beside the reference's rung. `market`, which
// found the choice, may see another problem than the reference's where nothing was bought before.
Alternative Describe(std::string kind, std::string question, const Market& reference_market,
                     const Reference& reference, const Market& market, const Choice& choice);

// Each at its best within the budget, by value - cost/T at the reference's threshold: nothing,
// every machine by itself, together in a cluster, one machine, several, only new, only used, and
// one machine in the place of an owned one whose resale value is stated. Kinds that could not pay
// back within `horizon_months` (for which `market` was made) are left out of all but the clusters.
std::vector<Alternative> CompareAlternatives(const catalog::Catalog& catalog,
                                             const throughput::Calibration& calibration,
                                             const Market& market, const Reference& reference,
                                             const Options& options, double horizon_months);

// Buying a purchase 3, 6 or 12 months later, until the same end after `horizon_months`. `gross` and
// `running` are US dollars a month at today's prices; both declines are shares a year.
struct Delay {
  Usd cost;
  UsdPerMonth gross;
  UsdPerMonth running;
  double token_price_decline = 0;
  double hardware_price_decline = 0;
  double horizon_months = 36;
};
std::vector<Waiting> WaitFor(const Delay& delay);

}  // namespace capacity::purchase
