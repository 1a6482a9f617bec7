// A purchase against every price that its tokens could have.
#include "planner/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "planner/economics/economics.h"
#include "planner/inventory/inventory.h"
#include "planner/plan.h"
#include "tests/support/shipped.h"

namespace capacity {
namespace {

using capacity::testing::Fitted;
using capacity::testing::Shipped;
using fleet::Baseline;

fleet::Scenario Busy(const std::string& name) {
  fleet::Scenario scenario =
      *inventory::LoadScenario(Shipped(), "inventories/" + name + ".yaml", {}).value;
  for (fleet::Workload& workload : scenario.workloads) {
    if (workload.input_tokens_per_day) *workload.input_tokens_per_day *= 20;
    if (workload.output_tokens_per_day) *workload.output_tokens_per_day *= 20;
  }
  return scenario;
}

Plan PlanFor(const fleet::Scenario& scenario) {
  PlanOptions options;
  options.budget = Usd::FromDollars(10'000);
  options.compare = false;
  return *MakePlan(Shipped(), Fitted(), scenario, options);
}

const Comparison& Row(const std::vector<Comparison>& rows, const std::string& title) {
  return *std::find_if(rows.begin(), rows.end(),
                       [&](const Comparison& row) { return row.title == title; });
}

std::vector<std::string> Titles(const std::vector<Comparison>& rows) {
  std::vector<std::string> titles;
  for (const Comparison& row : rows) titles.push_back(row.title);
  return titles;
}

double MonthsOrInfinity(const std::optional<Months>& months) {
  return months ? months->value : std::numeric_limits<double>::infinity();
}

double OutputOf(const purchase::FleetValue& value) {
  double mtok = 0;
  for (const auto& assignment : value.assignments) mtok += assignment.output_mtok_per_month;
  return mtok;
}

TEST(ComparisonTest, TheHeadlineIsItsOwnRow) {
  for (const char* name : {"home-lab", "one-m4-max", "two-sparks"}) {
    SCOPED_TRACE(name);
    const Plan plan = PlanFor(Busy(name));
    ASSERT_FALSE(plan.ladder().rungs.empty());
    ASSERT_EQ(plan.side_by_side.size(), plan.ladder().rungs.size());
    for (std::size_t r = 0; r < plan.side_by_side.size(); ++r) {
      const purchase::Rung& rung = plan.ladder().rungs[r];
      const Comparison& headline = Row(plan.side_by_side[r], "frontier");
      ASSERT_TRUE(headline.priced);
      EXPECT_NEAR((headline.saved - headline.electricity).value, rung.marginal_value.value, 1e-6);
      EXPECT_NEAR(MonthsOrInfinity(headline.payback), rung.marginal_payoff_months.mid, 1e-9);
      const Comparison& hosted = Row(plan.side_by_side[r], "hosted");
      const auto& use = rung.by_baseline.at(Baseline::kSameModelHosted);
      if (hosted.priced && use.payoff_months) {
        EXPECT_NEAR(MonthsOrInfinity(hosted.payback), *use.payoff_months, 1e-6);
      }
    }
  }
}

TEST(ComparisonTest, FasterDeclinesNeverPaySooner) {
  const Plan plan = PlanFor(Busy("home-lab"));
  for (const auto& rows : plan.side_by_side) {
    for (const Comparison& row : rows) {
      if (!row.priced) continue;
      SCOPED_TRACE(row.title);
      EXPECT_LE(MonthsOrInfinity(row.payback_at_low), MonthsOrInfinity(row.payback_at_mid) + 1e-9);
      EXPECT_LE(MonthsOrInfinity(row.payback_at_mid), MonthsOrInfinity(row.payback_at_high) + 1e-9);
      EXPECT_FALSE(row.prices_from.empty());
    }
  }
}

// The use is the one that is best at the median host, so no single amount can be larger.
TEST(ComparisonTest, TheFleetsWorkIsWorthNoMoreAtTheCheapestHostThanAtTheMedian) {
  fleet::Scenario scenario = Busy("one-m4-max");
  const Plan plan = PlanFor(scenario);
  ASSERT_FALSE(plan.side_by_side.empty());
  const purchase::Rung& rung = plan.ladder().rungs.front();
  purchase::FleetValue nothing;
  const auto from_nothing = [&](const purchase::FleetValue& after) {
    purchase::Rung whole = rung;
    whole.by_baseline[Baseline::kSameModelHosted].before = nothing;
    whole.by_baseline[Baseline::kSameModelHosted].after = after;
    return SideBySide(Shipped(), scenario, nothing, whole);
  };
  const auto rows = from_nothing(rung.by_baseline.at(Baseline::kSameModelHosted).after);
  ASSERT_TRUE(Row(rows, "hosted").priced);
  EXPECT_LE(Row(rows, "cheapest host").saved.value, Row(rows, "hosted").saved.value + 1e-9);
  EXPECT_GT(Row(rows, "cheapest host").saved.value, 0);
}

TEST(ComparisonTest, StatedPricesAndSubscriptionsHaveTheirRows) {
  fleet::Scenario scenario = Busy("two-sparks");
  ASSERT_THAT(Titles(PlanFor(scenario).side_by_side.at(0)),
              ::testing::ElementsAre("frontier", "hosted", "cheapest host"));

  scenario.assumptions.custom_price = fleet::CustomPrice{"our bill", {1.5}, {8}, std::nullopt};
  for (fleet::Workload& workload : scenario.workloads) {
    workload.custom_price = scenario.assumptions.custom_price;
  }
  scenario.assumptions.declines[Baseline::kCustom].mid = 0.2;
  // Without a quota to speak of, all tokens cost the overage.
  fleet::Subscription plan_with_overage;
  plan_with_overage.name = "flat";
  plan_with_overage.fee = Usd::FromDollars(1);
  plan_with_overage.quota_mtok = 1e-3;
  plan_with_overage.overage = UsdPerMtok{2};
  scenario.assumptions.subscription = plan_with_overage;

  const Plan plan = PlanFor(scenario);
  const std::vector<Comparison>& rows = plan.side_by_side.at(0);
  ASSERT_THAT(Titles(rows),
              ::testing::ElementsAre("frontier", "hosted", "cheapest host", "custom", "flat"));
  const purchase::Rung& rung = plan.ladder().rungs.front();

  // Every output token brings its input along: 8 + r x 1.5 dollars a million.
  ASSERT_EQ(scenario.workloads.size(), 1u);
  const double r = economics::InputPerOutput(scenario.workloads[0]);
  const auto& use = rung.by_baseline.at(Baseline::kCustom);
  const double added = OutputOf(use.after) - OutputOf(use.before);
  EXPECT_NEAR(Row(rows, "custom").saved.value, added * (8 + r * 1.5), 1e-6 * added);
  EXPECT_DOUBLE_EQ(Row(rows, "custom").decline.mid, 0.2);

  const double headline_added = OutputOf(rung.after) - OutputOf(plan.ladder().today);
  EXPECT_NEAR(Row(rows, "flat").saved.value, headline_added * (1 + r) * 2, 2);
  EXPECT_FALSE(Row(rows, "flat").baseline.has_value());
}

TEST(ComparisonTest, WorkThatNobodyHostsHasNoHostedFigures) {
  const fleet::Scenario scenario = Busy("home-lab");
  const Plan plan = PlanFor(scenario);
  purchase::Rung rung = plan.ladder().rungs.at(0);
  auto& use = rung.by_baseline[Baseline::kSameModelHosted];
  catalog::Model nobodys = *use.after.assignments.at(0).placement.model;
  nobodys.id = "nobody-hosts-this";
  use.after.assignments.resize(1);
  fleet::Scenario naming = scenario;
  for (fleet::Workload& workload : naming.workloads) {
    workload.models = {nobodys.id};
    workload.min_tier.clear();
  }
  use.after.assignments[0].placement.model = &nobodys;
  const auto rows = SideBySide(Shipped(), naming, plan.ladder().today, rung);
  EXPECT_FALSE(Row(rows, "hosted").priced);
  EXPECT_THAT(Row(rows, "hosted").remark, ::testing::HasSubstr("no such price"));
}

TEST(ComparisonTest, AnInterruptedSearchSaysSo) {
  const fleet::Scenario scenario = Busy("home-lab");
  const Plan plan = PlanFor(scenario);
  purchase::Rung rung = plan.ladder().rungs.at(0);
  rung.by_baseline.clear();
  for (const Comparison& row : SideBySide(Shipped(), scenario, plan.ladder().today, rung)) {
    EXPECT_FALSE(row.priced);
    EXPECT_THAT(row.remark, ::testing::HasSubstr("interrupted"));
  }
}

}  // namespace
}  // namespace capacity
