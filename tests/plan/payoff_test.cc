// Payoffs of a plan's rungs.
#include "planner/payoff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "planner/inventory/inventory.h"
#include "planner/plan.h"
#include "tests/support/shipped.h"

namespace capacity {
namespace {

using capacity::testing::Fitted;
using capacity::testing::Shipped;

// A home lab with twenty times its work, growing.
fleet::Scenario Growing(double growth_per_month) {
  fleet::Scenario scenario =
      *inventory::LoadScenario(Shipped(), "inventories/home-lab.yaml", {}).value;
  for (fleet::Workload& workload : scenario.workloads) {
    if (workload.input_tokens_per_day) *workload.input_tokens_per_day *= 20;
    if (workload.output_tokens_per_day) *workload.output_tokens_per_day *= 20;
    workload.growth_per_month = growth_per_month;
  }
  return scenario;
}

Plan PlanFor(const fleet::Scenario& scenario) {
  PlanOptions options;
  options.budget = Usd::FromDollars(10'000);
  options.compare = false;
  return *MakePlan(Shipped(), Fitted(), scenario, options);
}

TEST(PayoffTest, ARungsCostAndValueAreThoseOfThePlan) {
  const Plan plan = PlanFor(Growing(0));
  const std::vector<PayoffCase> cases = LadderCases(plan);
  ASSERT_FALSE(cases.empty());
  ASSERT_EQ(cases.size(), plan.ladder().rungs.size());
  for (std::size_t r = 0; r < cases.size(); ++r) {
    const purchase::Rung& rung = plan.ladder().rungs[r];
    EXPECT_DOUBLE_EQ(cases[r].input.cost.mid, rung.cost.dollars());
    const auto simple = Assess(cases[r]).simple;
    ASSERT_TRUE(simple);
    EXPECT_NEAR(simple->value, rung.marginal_payoff_months.mid, 1e-6);
  }
}

TEST(PayoffTest, GrowingWorkIsWorthMoreWhileTheMachinesCanFollow) {
  const PayoffCase still = LadderCases(PlanFor(Growing(0))).at(0);
  const PayoffCase growing = LadderCases(PlanFor(Growing(0.05))).at(0);
  EXPECT_EQ(still.purchase, growing.purchase);  // the plan is for the first month
  EXPECT_DOUBLE_EQ(still.input.flow.growth_per_month, 0);
  EXPECT_NEAR(growing.input.flow.growth_per_month, 0.05, 1e-12);
  EXPECT_GE(growing.input.flow.capacity_ratio, 1);
  const Payoff without = Assess(still);
  const Payoff with = Assess(growing);
  EXPECT_EQ(without.simple->value, with.simple->value);
  if (growing.input.flow.capacity_ratio > 1.01) {
    EXPECT_GT(with.net_present_value, without.net_present_value);
  } else {
    EXPECT_GE(with.net_present_value, without.net_present_value);
  }
}

// Work that fills the machines from the first month has nowhere to grow.
TEST(PayoffTest, FullMachinesDoNotGrow) {
  fleet::Scenario scenario = Growing(0.05);
  for (fleet::Workload& workload : scenario.workloads) {
    if (workload.input_tokens_per_day) *workload.input_tokens_per_day *= 1000;
    if (workload.output_tokens_per_day) *workload.output_tokens_per_day *= 1000;
  }
  const PayoffCase full = LadderCases(PlanFor(scenario)).at(0);
  EXPECT_NEAR(full.input.flow.capacity_ratio, 1, 1e-9);
}

}  // namespace
}  // namespace capacity
