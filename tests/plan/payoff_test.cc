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

// ---------------------------------------------------------------- one machine

fleet::Scenario TwoJobs(bool swapped) {
  fleet::Scenario scenario =
      *inventory::LoadScenario(Shipped(), "inventories/one-m4-max.yaml", {}).value;
  fleet::Workload a;
  a.name = "a";
  a.input_tokens_per_day = 1e6;
  a.output_tokens_per_day = 1e5;
  a.models = {"gpt-oss-120b"};
  a.replaces = "gpt-4o";
  fleet::Workload b = a;
  b.name = "b";
  b.output_tokens_per_day = 2e5;
  b.replaces = "claude-opus-4.5";
  scenario.workloads = swapped ? std::vector{b, a} : std::vector{a, b};
  return scenario;
}

MachineAnswer Spark(const fleet::Scenario& scenario) {
  MachineQuestion question;
  question.machine = Shipped().FindMachine("dgx-spark");
  question.model = Shipped().FindModel("gpt-oss-120b");
  question.price = Usd::FromDollars(4699);
  return *MachineCases(Shipped(), Fitted(), scenario, question);
}

TEST(MachineCasesTest, AllWorkThatTheMachineCanDoCounts) {
  const PayoffCase both = Spark(TwoJobs(false)).cases.at(0);
  double alone = 0;
  for (std::size_t job : {0, 1}) {
    fleet::Scenario one = TwoJobs(false);
    one.workloads = {one.workloads[job]};
    alone += Spark(one).cases.at(0).input.gross_saving.mid;
  }
  EXPECT_NEAR(both.input.gross_saving.mid, alone, 1e-9 * alone);
  EXPECT_NEAR(both.tokens.output_mtok_per_month, 9, 1e-9);
}

TEST(MachineCasesTest, TheOrderOfTheWorkDoesNotMatter) {
  const std::vector<PayoffCase> one = Spark(TwoJobs(false)).cases;
  const std::vector<PayoffCase> other = Spark(TwoJobs(true)).cases;
  ASSERT_EQ(one.size(), other.size());
  for (std::size_t c = 0; c < one.size(); ++c) {
    EXPECT_NEAR(one[c].input.gross_saving.mid, other[c].input.gross_saving.mid, 1e-9);
    EXPECT_NEAR(one[c].input.electricity.mid, other[c].input.electricity.mid, 1e-9);
  }
}

// A month has 720 hours, whoever wants them; those worth most come first.
TEST(MachineCasesTest, HoursAreGivenOutOnceAndToTheBestWorkFirst) {
  fleet::Scenario scenario = TwoJobs(false);
  for (fleet::Workload& workload : scenario.workloads) {
    workload.utilization = 1;
    *workload.input_tokens_per_day *= 1000;
    *workload.output_tokens_per_day *= 1000;
  }
  const double both = Spark(scenario).cases.at(0).input.gross_saving.mid;
  fleet::Scenario dear = scenario;
  dear.workloads = {scenario.workloads[1]};
  EXPECT_NEAR(both, Spark(dear).cases.at(0).input.gross_saving.mid, 1e-6 * both);
}

// Work whose context does not fit is left out and named; the rest counts.
TEST(MachineCasesTest, WorkThatDoesNotRunThereHidesNoOther) {
  fleet::Scenario scenario = TwoJobs(false);
  scenario.workloads[0].concurrency = 4096;
  scenario.workloads[0].context_tokens = 131'072;
  const MachineAnswer answer = Spark(scenario);
  EXPECT_NEAR(answer.cases.at(0).tokens.output_mtok_per_month, 6, 1e-9);
  EXPECT_THAT(answer.notes, ::testing::Contains(::testing::HasSubstr("without the work of a: ")));
}

// A subscription is for all work, also what the machine cannot do.
TEST(MachineCasesTest, ASubscriptionStaysWhileOtherWorkNeedsIt) {
  fleet::Scenario scenario = TwoJobs(false);
  fleet::Subscription max;
  max.name = "max";
  max.fee = Usd::FromDollars(200);
  max.quota_mtok = 400;
  scenario.assumptions.subscription = max;
  const PayoffCase all = Spark(scenario).cases.back();
  EXPECT_DOUBLE_EQ(all.input.gross_saving.mid, 200);
  EXPECT_EQ(all.caveat, "");
  scenario.workloads[0].models = {"deepseek-r1"};
  const PayoffCase some = Spark(scenario).cases.back();
  EXPECT_DOUBLE_EQ(some.input.gross_saving.mid, 0);
  EXPECT_THAT(some.caveat, ::testing::HasSubstr("not all work is served"));
}

// ---------------------------------------------------------------- the fleet as it is

TEST(FleetCaseTest, CostsWhatItWouldFetch) {
  fleet::Scenario scenario = Growing(0);
  std::vector<fleet::Node> nodes = scenario.fleet.nodes();
  double fetched = 0;
  for (fleet::Node& node : nodes) {
    node.overrides.resale_value = Usd::FromDollars(1000 + fetched);
    fetched += node.overrides.resale_value->dollars();
  }
  scenario.fleet = *fleet::Fleet::Create(nodes, scenario.fleet.links(), {});
  const Plan plan = PlanFor(scenario);
  const PayoffCase owned = *FleetCase(plan);
  EXPECT_DOUBLE_EQ(owned.input.cost.mid, fetched);
  EXPECT_NEAR(owned.input.gross_saving.mid, plan.ladder().today.gross.value, 1e-6);
  EXPECT_LE(owned.input.gross_saving.low, owned.input.gross_saving.mid);
  EXPECT_GE(owned.input.gross_saving.high, owned.input.gross_saving.mid);
  EXPECT_NEAR(owned.input.electricity.mid + owned.input.flow.standby.value,
              plan.ladder().today.electricity.value, 1e-6);
}

TEST(FleetCaseTest, SaysWhosePriceIsMissing) {
  fleet::Scenario scenario = Growing(0);
  scenario.offers.clear();
  const auto owned = FleetCase(PlanFor(scenario));
  EXPECT_EQ(owned.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(owned.status().message()), ::testing::HasSubstr("dgx-spark"));
}

}  // namespace
}  // namespace capacity
