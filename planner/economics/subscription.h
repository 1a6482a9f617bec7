// A plan with a flat price: what it costs, and what serving some of its tokens oneself saves
// (docs/model.md 5.5).
#pragma once

#include "planner/base/units.h"
#include "planner/fleet/scenario.h"

namespace capacity::economics {

// (5.12) S(D) a month for D Mtok of input and output: nothing for nothing; the fee up to the quota;
// above it the overage, or one more fee for every quota begun.
Usd SubscriptionCost(const fleet::Subscription& subscription, double mtok);

// (5.13) S(D) - S(D - served): the first dollars saved are those of the overage, and the fee is
// saved only when everything is served. `served` above the demand saves no more.
Usd SubscriptionSaving(const fleet::Subscription& subscription, double demand_mtok,
                       double served_mtok);

}  // namespace capacity::economics
