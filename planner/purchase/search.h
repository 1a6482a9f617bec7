// Finding the basket that is worth most at a payback threshold. Two ways with one contract:
// enumeration.h for what is small, milp_search.h for what is not.
#pragma once

#include <optional>

#include "planner/base/units.h"
#include "planner/purchase/problem.h"

namespace capacity::purchase {

// Objectives closer than this, in dollars a month, are equal; then the cheaper basket wins, then
// the simpler one.
inline constexpr double kEqualUsdPerMonth = 1e-6;

// A basket, what it costs, and the whole fleet's best operation with it.
struct Choice {
  Basket basket;  // everything bought, earlier rungs included
  Usd cost;
  Operation operation;
  double usd_per_month = 0;  // operation less standby of what is bought

  double Objective(double months) const { return usd_per_month - cost.dollars() / months; }
};

struct Found {
  std::optional<Choice> choice;  // nullopt: no basket meets the demands
  bool proven = true;
  double gap_usd_per_month = 0;  // how much better the best may be; 0 when proven
};

class Search {
 public:
  virtual ~Search() = default;

  // Among baskets within the budget that hold at least `at_least` and do not hold all of
  // `excluding` (null: no such demand), the one with the largest objective at `months`.
  virtual Found Best(double months, const Basket& at_least, const Basket* excluding) = 0;

  // The best operation of the fleet with exactly `basket`. The budget plays no part.
  virtual Found ValueOf(const Basket& basket) = 0;
};

}  // namespace capacity::purchase
