// What to buy next: offers, the optimizer, the ladder (docs/model.md section 6).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/base/estimate.h"
#include "planner/base/units.h"
#include "planner/catalog/catalog.h"
#include "planner/economics/economics.h"
#include "planner/fleet/scenario.h"
#include "planner/placement/placement.h"
#include "planner/purchase/watch.h"

namespace capacity::purchase {

// A cluster at work in a solution: `copies` identical clusters of these node kinds.
struct Assignment {
  // Memory and speeds of one copy. Its node indices are into the scenario's fleet for a cluster of
  // owned nodes over owned links, else into the fleet that the purchase would make: name nodes by
  // `node_names`.
  placement::Placement placement;
  // Owned nodes by name, bought ones as "new dgx-spark #1"; copy after copy, each in the order of
  // `placement.nodes`.
  std::vector<std::string> node_names;
  int copies = 1;
  std::string workload;              // which workload it serves
  double share_of_time = 0;          // of all hours, running
  double output_mtok_per_month = 0;  // all copies
  UsdPerMonth gross_value;           // under the baseline optimized for, all copies
  UsdPerMonth electricity;           // running above idle, all copies
};

// V(F): the best monthly value of a fleet over all partitions, models and workloads.
struct FleetValue {
  UsdPerMonth value;  // gross - electricity - standby
  UsdPerMonth gross;
  UsdPerMonth electricity;  // running and standby
  std::vector<Assignment> assignments;
};

struct BoughtItem {
  std::string offer;
  std::string item;
  int count = 0;
  Usd unit_price;
  Usd total;
};

// One thing that may make a payoff shorter or longer: the payoff when this alone is at its low or
// its high end.
struct Cause {
  std::string name;  // "speed of mlx on apple-max", "price of dgx-spark"
  double months_at_low = 0;
  double months_at_high = 0;
};

// A purchase beside a rung: the runner-up, or another way that people ask about. Figures are
// against the fleet before the rung.
struct Alternative {
  std::string kind;      // "runner-up", "nothing", "apart", "together", "one-machine", ...
  std::string question;  // "every machine by itself (replicas)"
  std::vector<BoughtItem> items;
  std::string sold;  // an owned machine that the purchase replaces; empty: none
  Usd cost;          // of the items, less what is sold
  UsdPerMonth marginal_value;
  Estimate payoff_months;  // infinity encodes never
  // By the measure the rung was chosen by, value - cost/T: how much less. Negative: more.
  double behind_usd_per_month = 0;
  bool same_as_rung = false;  // the same purchase
  std::string remark;         // why there is no such purchase; empty: there is
  FleetValue after;
};

// A rung's purchase put to its best use at one baseline's prices, which may be with other models
// than under the headline's.
struct BestUse {
  FleetValue before;
  FleetValue after;
  std::optional<double> payoff_months;  // constant prices; nullopt: never
};

// One rung. Marginal figures are against the rung before.
struct Rung {
  double threshold_months = 0;  // the payback threshold T it was chosen at
  std::vector<BoughtItem> items;
  Usd cost;
  Usd cumulative;
  UsdPerMonth marginal_value;                      // net
  Estimate marginal_payoff_months;                 // constant prices; infinity encodes never
  std::vector<Cause> causes;                       // of the interval, widest first
  std::optional<Months> payoff_with_decline;       // at the baseline's stated decline
  std::map<fleet::Baseline, BestUse> by_baseline;  // the same basket under each
  std::vector<std::string>
      unlocks;  // "DeepSeek-V3.1 mlx-8bit: did not fit", "gpt-oss-120b: 62 -> 84 tokens/s"
  economics::Decision decision;       // the article's rule
  std::string why;                    // against the runner-up, in numbers
  double break_even_utilization = 0;  // at which it pays back within the threshold; > 1: never
  // The best at the same threshold that does not hold all that this rung adds.
  std::optional<Alternative> runner_up;
  FleetValue after;
};

struct Optimality {
  bool proven = false;
  bool interrupted = false;      // by Watch::stop
  double gap_usd_per_month = 0;  // absolute; 0 when proven, infinite when nothing bounds it
  std::string method;            // "exact enumeration", "MILP (CBC)"
};

// The most that a sum of money is worth.
struct FrontierPoint {
  Usd cost;
  UsdPerMonth value;  // of the whole fleet, net
  std::vector<BoughtItem> items;
  bool on_hull = false;           // of the upper concave hull of value against cost
  double step_payoff_months = 0;  // against the hull point before; on the hull only
};

struct Frontier {
  std::vector<FrontierPoint> points;  // cheapest first, today's fleet first of all
  // Money whose last dollars do not come back within this many months is not on it.
  double horizon_months = 0;
  bool complete = false;  // every point there is; else those of the hull
  Optimality optimality;
};

// The best purchase for the whole budget at the longest threshold, all at once.
struct WholeBudget {
  double threshold_months = 0;
  std::vector<BoughtItem> items;
  Usd cost;
  UsdPerMonth marginal_value;       // against today
  double better_usd_per_month = 0;  // than the whole ladder, by value - cost/T; 0: the same
};

// Buying the first rung later.
struct Waiting {
  int months = 0;
  Usd price_then;          // at the stated decline of hardware prices
  double net_now = 0;      // US dollars gained by the end of the longest threshold, buying now
  double net_waiting = 0;  // the same end, buying then
  // Hardware prices would have to fall this much a year for waiting to be as good; nullopt: no
  // fall is enough.
  std::optional<double> break_even_decline;
};

struct Ladder {
  fleet::Baseline baseline = fleet::Baseline::kFrontierEquivalent;
  FleetValue today;
  std::vector<Rung> rungs;
  std::string stopped_reason;
  Usd budget_left;
  Optimality optimality;
  std::optional<WholeBudget> whole_budget;  // absent: nothing is worth buying
  std::vector<std::string> notes;           // offers left out and why, facts missing
  // Worked out for the headline's baseline only, when Options::compare says so.
  std::optional<Frontier> frontier;
  double alternatives_threshold_months = 0;  // the first rung's; without rungs the longest
  std::vector<Alternative> alternatives;     // to the first rung, or to buying nothing
  std::vector<Waiting> waiting;              // empty without rungs
};

struct Options {
  Usd budget;
  fleet::Baseline baseline = fleet::Baseline::kFrontierEquivalent;
  std::vector<double> thresholds_months = {6, 12, 18, 24, 36};
  double min_nominal_bits = 4;  // coarser quantizations are not proposed
  int max_cluster_nodes = 4;    // of clusters made with bought nodes
  bool compare = true;          // also the frontier, the alternatives and waiting
  Watch watch;
};

// V(F) for the scenario's own fleet.
absl::StatusOr<FleetValue> Value(const catalog::Catalog& catalog,
                                 const throughput::Calibration& calibration,
                                 const fleet::Scenario& scenario, const Options& options);

// The ladder within the budget under options.baseline. Deterministic. "Nothing pays" is a ladder
// without rungs that says why. InvalidArgument when the budget is negative, a threshold is not
// positive, or the baseline is custom and no price is stated.
absl::StatusOr<Ladder> Recommend(const catalog::Catalog& catalog,
                                 const throughput::Calibration& calibration,
                                 const fleet::Scenario& scenario, const Options& options);

// One ladder per baseline (options.baseline plays no part). The work on clusters and speeds is
// shared, so this costs little more than one Recommend.
absl::StatusOr<std::map<fleet::Baseline, Ladder>> RecommendByBaseline(
    const catalog::Catalog& catalog, const throughput::Calibration& calibration,
    const fleet::Scenario& scenario, const Options& options);

}  // namespace capacity::purchase
