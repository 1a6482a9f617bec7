// Finding the basket that is worth most. Two ways with one contract: enumeration.h for what is
// small, milp_search.h for what is not.
#pragma once

#include <limits>
#include <optional>
#include <vector>

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

// What to do about baskets of equal worth.
enum class Ties {
  kCheapest,  // the one that costs least, whatever order things came in; may take a second solve
  kAny,       // the first that was found; the same every time for the same problem
};

// Which baskets may be chosen, besides those beyond the search's budget.
struct Terms {
  double months = 36;  // maximise value - cost / months
  Basket at_least;     // holds all of this
  // Does not hold all of this; null: no such demand.
  const Basket* excluding = nullptr;
  std::optional<Usd> budget;  // tighter than the search's own
  int min_machines = 0;       // bought, of all kinds together
  int max_machines = std::numeric_limits<int>::max();
  Ties ties = Ties::kAny;
};

// Value against money: see Search::Frontier.
struct Curve {
  std::vector<Choice> points;  // cheapest first, each worth more than the one before
  bool complete = true;        // every point there is; else at least those of the concave hull
  bool proven = true;
  double gap_usd_per_month = 0;  // the widest of all solves
};

class Search {
 public:
  virtual ~Search() = default;

  // The basket with the largest objective among those that meet the terms.
  virtual Found Best(const Terms& terms) = 0;

  // The best operation of the fleet with exactly `basket`. The budget plays no part.
  virtual Found ValueOf(const Basket& basket) = 0;

  // Every basket within the budget that is worth more, at `months`, than all that cost no more: the
  // largest objective against money spent. A point whose last dollars do not come back within
  // `months` is not on it. `months` is at most the longest that the search was made for.
  virtual Curve Frontier(double months) = 0;
};

// Indices of the points on the upper concave hull of value against cost, ascending; the first and
// the last point are on it.
std::vector<std::size_t> ConcaveHull(const std::vector<Choice>& points);

}  // namespace capacity::purchase
