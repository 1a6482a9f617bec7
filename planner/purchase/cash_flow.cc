#include "planner/purchase/cash_flow.h"

#include <algorithm>
#include <utility>

#include "planner/economics/economics.h"

namespace capacity::purchase {
namespace {

double Running(const FleetValue& value) {
  double usd = 0;
  for (const Assignment& assignment : value.assignments) usd += assignment.electricity.value;
  return usd;
}

struct Growth {
  double per_month = 0;
  double capacity_ratio = 1;
};

Growth GrowthOf(const fleet::Scenario& scenario, const FleetValue& after) {
  double saved = 0;
  Growth sum{0, 0};
  for (const Assignment& assignment : after.assignments) {
    for (const fleet::Workload& workload : scenario.workloads) {
      if (workload.name != assignment.workload || assignment.share_of_time <= 0) continue;
      const double allowed = economics::DemandMtokPerMonth(workload) ? workload.utilization : 1;
      const double usd = assignment.gross_value.value;
      saved += usd;
      sum.per_month += usd * workload.growth_per_month;
      sum.capacity_ratio += usd * std::max(1.0, allowed / assignment.share_of_time);
    }
  }
  if (saved <= 0) return {};
  return {sum.per_month / saved, sum.capacity_ratio / saved};
}

}  // namespace

economics::CashFlow CashFlowOf(const fleet::Scenario& scenario, Usd cost, const FleetValue& before,
                               const FleetValue& after, double annual_decline) {
  economics::CashFlow flow;
  flow.cost = cost;
  flow.gross_saving = after.gross - before.gross;
  const double electricity = after.electricity.value - before.electricity.value;
  // Work that moves to the new machine may take electricity off the old one.
  const double running = std::max(0.0, Running(after) - Running(before));
  flow.electricity = {running};
  flow.standby = {electricity - running};
  flow.annual_decline = annual_decline;
  const Growth growth = GrowthOf(scenario, after);
  flow.growth_per_month = growth.per_month;
  flow.capacity_ratio = growth.capacity_ratio;
  return economics::WithCosts(std::move(flow), scenario.assumptions.costs);
}

}  // namespace capacity::purchase
