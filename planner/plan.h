// The whole answer: Fleet -> candidates -> placements -> value -> purchases -> Plan.
//
// Pure: the same catalogue, calibration, scenario and options give the same plan, byte for byte.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/base/units.h"
#include "planner/catalog/catalog.h"
#include "planner/comparison.h"
#include "planner/fleet/scenario.h"
#include "planner/placement/placement.h"
#include "planner/purchase/purchase.h"
#include "planner/throughput/calibration.h"

namespace capacity {

struct PlanOptions {
  Usd budget;
  fleet::Baseline baseline = fleet::Baseline::kFrontierEquivalent;
  double min_nominal_bits = 4;  // coarser quantizations are not proposed
  std::vector<double> thresholds_months = {6, 12, 18, 24, 36};  // of the ladder's rungs
  bool compare = true;    // also the frontier, the alternatives and waiting
  purchase::Watch watch;  // changes nothing unless it stops the search
};

// What a placement is worth by itself, all the hours its workload has, under each baseline.
// Absent: the catalogue knows no price for it.
using ValueByBaseline = std::map<fleet::Baseline, UsdPerMonth>;

// A model on today's fleet, at its best.
struct PlannedPlacement {
  placement::Placement placement;
  ValueByBaseline value;
  bool chosen = false;   // part of today's best assignment
  std::string workload;  // that it serves best
};

struct Plan {
  fleet::Scenario scenario;
  PlanOptions options;
  // One per model that fits, in the quantization and on the nodes that are worth most; most
  // valuable first.
  std::vector<PlannedPlacement> placements;
  // Models that fit nowhere, with the nearest miss.
  std::vector<placement::Placement> misfits;
  // By baseline; options.baseline is the one that the headline follows.
  std::map<fleet::Baseline, purchase::Ladder> ladders;
  // Of each rung of the headline's ladder, against every price there is.
  std::vector<std::vector<Comparison>> side_by_side;

  const purchase::Ladder& ladder() const { return ladders.at(options.baseline); }
};

// InvalidArgument when the options make no sense (a negative budget). "Nothing fits" and "nothing
// pays back" are plans.
absl::StatusOr<Plan> MakePlan(const catalog::Catalog& catalog,
                              const throughput::Calibration& calibration,
                              const fleet::Scenario& scenario, const PlanOptions& options);

// What `placement` earns a month for `workload`: every hour the workload has, capped by its demand,
// less the electricity above idle. Absent prices leave their baseline out.
ValueByBaseline MonthlyValue(const catalog::Catalog& catalog, const fleet::Scenario& scenario,
                             const fleet::Workload& workload,
                             const placement::Placement& placement);

}  // namespace capacity
