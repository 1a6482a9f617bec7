// How far a payoff may be off, cause by cause (docs/model.md 6.6).
#pragma once

#include <string>
#include <vector>

#include "planner/base/estimate.h"
#include "planner/purchase/market.h"
#include "planner/purchase/purchase.h"

namespace capacity::purchase {

// The fleet before and after a purchase; the two may be seen by different markets (a machine was
// sold in between).
struct Change {
  const Market& market_before;
  const Choice& before;
  const Market& market_after;
  const Choice& after;
  const std::vector<BoughtItem>& items;
  Usd cost;  // of the items, less what was sold
};

// Months to pay back with an 80 % interval, and what it is made of, widest cause first. A cause is
// what several speeds share (an engine on a family of chips over a sort of link: one calibration
// factor moves them all, before and after the purchase), or the price of one offer. Causes are
// independent of each other, so their effects add in squares.
struct Payoff {
  Estimate months;
  std::vector<Cause> causes;
};
Payoff PayoffOf(const Change& change);

// Months until `cost` is saved; infinite when nothing is saved, zero when nothing is paid.
double MonthsToPay(double cost, double usd_per_month);

}  // namespace capacity::purchase
