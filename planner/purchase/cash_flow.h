// What a purchase brings month by month: the fleet after it against the fleet before
// (docs/model.md 5.3).
#pragma once

#include "planner/base/units.h"
#include "planner/economics/ownership.h"
#include "planner/fleet/scenario.h"
#include "planner/purchase/purchase.h"

namespace capacity::purchase {

// Saving, electricity and growth of the work that the purchase adds, with what the scenario says
// about owning; the price of tokens falls by `annual_decline`. The work grows as that of `after`
// does, by the money it saves, until the machines that do it are busy in all hours that their
// workload allows; work without a stated volume, in all hours there are.
economics::CashFlow CashFlowOf(const fleet::Scenario& scenario, Usd cost, const FleetValue& before,
                               const FleetValue& after, double annual_decline);

}  // namespace capacity::purchase
