// The ladder on real inventories with the shipped catalogue.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "planner/inventory/inventory.h"
#include "planner/purchase/purchase.h"
#include "tests/support/shipped.h"

namespace capacity::purchase {
namespace {

using capacity::testing::Shipped;

using fleet::Baseline;

fleet::Scenario Inventory(const std::string& name) {
  return *inventory::LoadScenario(Shipped(), "inventories/" + name + ".yaml", {}).value;
}

fleet::Scenario TimesDemand(fleet::Scenario scenario, double factor) {
  for (fleet::Workload& workload : scenario.workloads) {
    if (workload.input_tokens_per_day) *workload.input_tokens_per_day *= factor;
    if (workload.output_tokens_per_day) *workload.output_tokens_per_day *= factor;
  }
  return scenario;
}

Ladder LadderFor(const fleet::Scenario& scenario, double budget,
                 Baseline baseline = Baseline::kFrontierEquivalent) {
  Options options;
  options.budget = Usd::FromDollars(budget);
  options.baseline = baseline;
  return *Recommend(Shipped(), throughput::Calibration{}, scenario, options);
}

double ValueOf(const fleet::Scenario& scenario) {
  return Value(Shipped(), throughput::Calibration{}, scenario, {})->value.value;
}

TEST(RecommendTest, RungsAddUpAndStayWithinTheBudget) {
  for (const char* name : {"home-lab", "one-m4-max", "two-sparks", "four-m3-ultra-rdma"}) {
    for (double factor : {1.0, 5.0, 20.0}) {
      SCOPED_TRACE(std::string(name) + " x " + std::to_string(factor));
      const Ladder ladder = LadderFor(TimesDemand(Inventory(name), factor), 10'000);
      Usd spent;
      double value = ladder.today.value.value;
      for (const Rung& rung : ladder.rungs) {
        Usd cost;
        for (const BoughtItem& item : rung.items) {
          EXPECT_EQ(item.total, item.unit_price * item.count);
          cost += item.total;
        }
        EXPECT_EQ(rung.cost, cost);
        spent += cost;
        EXPECT_EQ(rung.cumulative, spent);
        EXPECT_NEAR(rung.after.value.value, value + rung.marginal_value.value, 1e-6);
        value = rung.after.value.value;
        EXPECT_NEAR(rung.after.value.value, rung.after.gross.value - rung.after.electricity.value,
                    1e-6);
        EXPECT_LE(rung.marginal_payoff_months.mid, rung.threshold_months);
        EXPECT_LE(rung.marginal_payoff_months.low, rung.marginal_payoff_months.mid);
        EXPECT_GE(rung.marginal_payoff_months.high, rung.marginal_payoff_months.mid);
        EXPECT_FALSE(rung.why.empty());
      }
      EXPECT_LE(spent, Usd::FromDollars(10'000));
      EXPECT_EQ(ladder.budget_left, Usd::FromDollars(10'000) - spent);
      EXPECT_TRUE(ladder.optimality.proven) << ladder.optimality.method;
    }
  }
}

TEST(RecommendTest, NoBudgetIsALadderWithoutRungsThatSaysWhy) {
  const Ladder ladder = LadderFor(TimesDemand(Inventory("home-lab"), 20), 0);
  EXPECT_TRUE(ladder.rungs.empty());
  EXPECT_THAT(ladder.stopped_reason, ::testing::HasSubstr("buys nothing"));
}

TEST(RecommendTest, ServedDemandNeedsNothing) {
  const Ladder ladder = LadderFor(Inventory("home-lab"), 10'000);
  EXPECT_TRUE(ladder.rungs.empty());
  EXPECT_EQ(ladder.stopped_reason, "all stated demand is served");
}

TEST(RecommendTest, ValueGrowsWithDemandUntilTheFleetIsFull) {
  double last = 0;
  for (double factor : {0.1, 0.5, 1.0, 2.0, 5.0, 20.0, 100.0}) {
    const double value = ValueOf(TimesDemand(Inventory("home-lab"), factor));
    EXPECT_GE(value, last - 1e-6) << factor;
    last = value;
  }
}

TEST(RecommendTest, ALargerBudgetNeverEndsWorse) {
  const fleet::Scenario scenario = TimesDemand(Inventory("home-lab"), 8);
  double last = 0;
  for (double budget : {0, 2000, 4000, 6000, 8000, 10'000}) {
    const Ladder ladder = LadderFor(scenario, budget);
    const double value =
        ladder.rungs.empty() ? ladder.today.value.value : ladder.rungs.back().after.value.value;
    EXPECT_GE(value, last - 1e-6) << budget;
    last = value;
  }
}

TEST(RecommendTest, AWorkloadRunsNoMoreThanItsShareOfTheHours) {
  const Ladder ladder = LadderFor(Inventory("two-sparks"), 10'000);
  for (const Rung& rung : ladder.rungs) {
    for (const Assignment& assignment : rung.after.assignments) {
      EXPECT_LE(assignment.share_of_time, 0.25 + 1e-9);
      EXPECT_EQ(assignment.node_names.size(),
                assignment.placement.nodes.size() * static_cast<std::size_t>(assignment.copies));
    }
  }
}

TEST(RecommendTest, BothBaselinesComeFromOneCallAsFromTwo) {
  const fleet::Scenario scenario = TimesDemand(Inventory("home-lab"), 5);
  Options options;
  options.budget = Usd::FromDollars(10'000);
  const auto both = RecommendByBaseline(Shipped(), {}, scenario, options);
  ASSERT_TRUE(both.ok());
  EXPECT_EQ(both->count(Baseline::kCustom), 0u) << "no custom price is stated";
  for (Baseline baseline : fleet::ActiveBaselines(scenario)) {
    const Ladder alone = LadderFor(scenario, 10'000, baseline);
    const Ladder& together = both->at(baseline);
    EXPECT_EQ(together.today.value, alone.today.value);
    ASSERT_EQ(together.rungs.size(), alone.rungs.size());
    for (std::size_t r = 0; r < alone.rungs.size(); ++r) {
      EXPECT_EQ(together.rungs[r].why, alone.rungs[r].why);
    }
  }
}

// Tokens of a hosted gpt-oss-120b cost a hundredth of what it is taken to replace.
TEST(RecommendTest, TheHostedBaselineBuysNoMoreThanTheFrontierOne) {
  const fleet::Scenario scenario = Inventory("two-sparks");
  const Ladder frontier = LadderFor(scenario, 10'000);
  const Ladder hosted = LadderFor(scenario, 10'000, Baseline::kSameModelHosted);
  EXPECT_LT(hosted.today.value.value * 10, frontier.today.value.value);
  EXPECT_LE(hosted.rungs.size(), frontier.rungs.size());
  ASSERT_FALSE(frontier.rungs.empty());
  const BestUse& use = frontier.rungs[0].by_baseline.at(Baseline::kSameModelHosted);
  const std::optional<double> payoff = use.payoff_months;
  if (payoff) {
    EXPECT_GT(*payoff, frontier.rungs[0].marginal_payoff_months.mid);
  }
}

// A workload that names a model too large for any one machine on offer: only machines together
// with their cables serve it, and the cables are in the basket.
TEST(RecommendTest, BuysTheCablesThatAClusterNeeds) {
  fleet::Scenario scenario = Inventory("one-m4-max");
  fleet::Workload workload;
  workload.name = "private";
  workload.models = {"glm-4.5"};
  workload.utilization = 1;
  ASSERT_NE(Shipped().FindModel(workload.models[0]), nullptr);
  scenario.workloads = {workload};
  EXPECT_EQ(ValueOf(scenario), 0);
  const Ladder ladder = LadderFor(scenario, 10'000);
  ASSERT_FALSE(ladder.rungs.empty());
  const Rung& rung = ladder.rungs[0];
  bool over_cables = false;
  for (const Assignment& assignment : rung.after.assignments) {
    EXPECT_EQ(assignment.placement.model->id, workload.models[0]);
    EXPECT_GT(assignment.placement.nodes.size(), 1u);
    over_cables = over_cables || (assignment.placement.link != nullptr &&
                                  !assignment.placement.link->direct_cable.empty());
  }
  const bool bought = std::any_of(rung.items.begin(), rung.items.end(), [](const auto& item) {
    return Shipped().FindItem(item.item) != nullptr;
  });
  EXPECT_EQ(over_cables, bought);
  EXPECT_THAT(rung.unlocks, ::testing::Contains(::testing::HasSubstr("did not fit")));
}

TEST(RecommendTest, NonsenseOptionsAreRefused) {
  const fleet::Scenario scenario = Inventory("two-sparks");
  Options options;
  options.budget = Usd{-1};
  EXPECT_EQ(Recommend(Shipped(), {}, scenario, options).status().code(),
            absl::StatusCode::kInvalidArgument);
  options.budget = Usd{0};
  options.thresholds_months = {12, 6};
  EXPECT_EQ(Recommend(Shipped(), {}, scenario, options).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace capacity::purchase
