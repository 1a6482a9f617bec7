// What to buy next: offers, the optimizer, the ladder (docs/model.md section 6).
#pragma once

#include <functional>
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

// One rung. Marginal figures are against the rung before.
struct Rung {
  double threshold_months = 0;  // the payback threshold T it was chosen at
  std::vector<BoughtItem> items;
  Usd cost;
  Usd cumulative;
  UsdPerMonth marginal_value;                 // net
  Estimate marginal_payoff_months;            // constant prices; infinity encodes never
  std::optional<Months> payoff_with_decline;  // at the baseline's stated decline
  std::map<fleet::Baseline, std::optional<double>>
      payoff_by_baseline;  // the same basket under each baseline
  std::vector<std::string>
      unlocks;  // "DeepSeek-V3.1 mlx-8bit: did not fit", "gpt-oss-120b: 62 -> 84 tokens/s"
  economics::Verdict verdict = economics::Verdict::kNever;
  std::string why;                    // against the runner-up, in numbers
  double break_even_utilization = 0;  // at which it pays back within the threshold; > 1: never
  FleetValue after;
};

struct Optimality {
  bool proven = false;
  double gap_usd_per_month = 0;  // absolute; 0 when proven
  std::string method;            // "exact enumeration", "MILP (CBC)"
};

struct Ladder {
  fleet::Baseline baseline = fleet::Baseline::kFrontierEquivalent;
  FleetValue today;
  std::vector<Rung> rungs;
  std::string stopped_reason;
  Usd budget_left;
  Optimality optimality;
  std::vector<std::string> notes;  // offers left out and why, facts missing
};

struct Options {
  Usd budget;
  fleet::Baseline baseline = fleet::Baseline::kFrontierEquivalent;
  std::vector<double> thresholds_months = {6, 12, 18, 24, 36};
  double min_nominal_bits = 4;  // coarser quantizations are not proposed
  int max_cluster_nodes = 4;    // of clusters made with bought nodes
};

// V(F) for the scenario's own fleet.
absl::StatusOr<FleetValue> Value(const catalog::Catalog& catalog,
                                 const throughput::Calibration& calibration,
                                 const fleet::Scenario& scenario, const Options& options);

// The ladder within the budget under options.baseline. Deterministic. "Nothing pays" is a ladder
// without rungs that says why. InvalidArgument when the budget is negative or a threshold is not
// positive.
absl::StatusOr<Ladder> Recommend(const catalog::Catalog& catalog,
                                 const throughput::Calibration& calibration,
                                 const fleet::Scenario& scenario, const Options& options);

// One ladder per baseline (options.baseline plays no part). The work on clusters and speeds is
// shared, so this costs little more than one Recommend.
absl::StatusOr<std::map<fleet::Baseline, Ladder>> RecommendByBaseline(
    const catalog::Catalog& catalog, const throughput::Calibration& calibration,
    const fleet::Scenario& scenario, const Options& options);

}  // namespace capacity::purchase
