// Workload presets, growth, ranges and what owning costs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/inventory/support.h"

namespace capacity::inventory {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

fleet::Scenario Read(const std::string& text) {
  const Loaded<fleet::Scenario> loaded = LoadText("nodes: [{machine: dgx-spark}]\n" + text);
  for (const std::string& line : Lines(loaded.problems)) ADD_FAILURE() << line;
  return loaded.value.value_or(fleet::Scenario{});
}

TEST(WorkloadPreset, FillsWhatTheWorkloadDoesNotState) {
  const fleet::Scenario scenario = Read(
      "workloads:\n"
      "  - {name: mine, preset: coding-agent, cached_input_share: 0.5, concurrency: 2}\n");
  const fleet::Workload& workload = scenario.workloads.at(0);
  EXPECT_EQ(workload.preset, "coding-agent");
  EXPECT_DOUBLE_EQ(workload.input_per_output, 15);
  EXPECT_DOUBLE_EQ(workload.cached_input_share, 0.5);
  EXPECT_EQ(workload.context_tokens, 64'000);
  EXPECT_EQ(workload.prompt_tokens, 8'000);
  EXPECT_EQ(workload.concurrency, 2);
  EXPECT_DOUBLE_EQ(workload.utilization, 0.25);
  EXPECT_FALSE(scenario.assumptions.utilization_stated);
}

TEST(WorkloadPreset, OutputAloneIsEnoughToKnowTheInput) {
  const fleet::Scenario scenario =
      Read("workloads: [{name: mine, preset: coding-agent, tokens_per_day: {output: 2M}}]\n");
  EXPECT_EQ(scenario.workloads.at(0).input_tokens_per_day, 30e6);
}

TEST(WorkloadPreset, StatedVolumesGiveTheRatio) {
  const fleet::Scenario scenario = Read(
      "workloads: [{name: mine, preset: coding-agent, tokens_per_day: {input: 8M, output: 2M}}]\n");
  EXPECT_DOUBLE_EQ(scenario.workloads.at(0).input_per_output, 4);
}

TEST(WorkloadPreset, ArticleIsTheDefaultWorkload) {
  const fleet::Workload preset = Read("workloads: [{name: w, preset: article}]\n").workloads.at(0);
  const fleet::Workload plain = Read("workloads: [{name: w}]\n").workloads.at(0);
  EXPECT_DOUBLE_EQ(preset.input_per_output, plain.input_per_output);
  EXPECT_EQ(preset.context_tokens, plain.context_tokens);
  EXPECT_EQ(preset.prompt_tokens, plain.prompt_tokens);
  EXPECT_EQ(preset.concurrency, plain.concurrency);
  EXPECT_EQ(preset.utilization, plain.utilization);
}

TEST(WorkloadPreset, ThatRunsAroundTheClockStatesItsHours) {
  const fleet::Scenario scenario =
      Read("workloads: [{name: w, preset: agent-fleet}]\neconomics: {utilization: 0.1}\n");
  EXPECT_DOUBLE_EQ(scenario.workloads.at(0).utilization, 1);
  EXPECT_TRUE(scenario.assumptions.utilization_stated);
}

TEST(WorkloadPreset, OfNoSuchNameIsRefusedAtItsPlace) {
  const auto lines = Lines(
      LoadText("nodes: [{machine: dgx-spark}]\nworkloads: [{name: w, preset: chatt}]\n").problems);
  EXPECT_THAT(
      lines,
      ElementsAre(HasSubstr("base.yaml:3:31: unknown preset \"chatt\"; did you mean \"chat\"?")));
}

TEST(Growth, IsRead) {
  EXPECT_DOUBLE_EQ(
      Read("workloads: [{name: w, growth_per_month: 0.1}]\n").workloads.at(0).growth_per_month,
      0.1);
}

TEST(Costs, DefaultsAreNotStated) {
  const fleet::Costs costs = Read("").assumptions.costs;
  EXPECT_FALSE(costs.resale_stated || costs.maintenance_stated || costs.cost_of_capital_stated ||
               costs.horizon_stated);
  EXPECT_EQ(costs.maintenance_share_per_year, 0);
  EXPECT_EQ(costs.currency.code, "USD");
}

TEST(Costs, AreRead) {
  const fleet::Assumptions assumptions = Read(R"(
economics:
  electricity_usd_per_kwh: {low: 0.1, mid: 0.3, high: 0.4}
  utilization: {low: 0.1, mid: 0.2, high: 0.5}
  costs:
    resale: {years: 2, share: {low: 0.4, mid: 0.6, high: 1.1}}
    maintenance_share_per_year: 0.02
    cost_of_capital_per_year: 0.08
    horizon_months: 48
    currency: {code: EUR, per_usd: 0.86}
)")
                                             .assumptions;
  EXPECT_DOUBLE_EQ(assumptions.electricity_usd_per_kwh, 0.3);
  EXPECT_EQ(assumptions.electricity_range, (Spread{0.1, 0.3, 0.4}));
  EXPECT_DOUBLE_EQ(assumptions.utilization, 0.2);
  EXPECT_EQ(assumptions.utilization_range, (Spread{0.1, 0.2, 0.5}));
  const fleet::Costs& costs = assumptions.costs;
  EXPECT_EQ(costs.resale_share, (Spread{0.4, 0.6, 1.1}));
  EXPECT_EQ(costs.resale_years, 2);
  EXPECT_EQ(costs.maintenance_share_per_year, 0.02);
  EXPECT_EQ(costs.cost_of_capital_per_year, 0.08);
  EXPECT_EQ(costs.horizon_months, 48);
  EXPECT_EQ(costs.currency.code, "EUR");
  EXPECT_EQ(costs.currency.per_usd, 0.86);
}

TEST(CustomPrice, IsThatOfEveryWorkload) {
  const fleet::Scenario scenario = Read(R"(
workloads: [{name: a}, {name: b, preset: chat}]
economics:
  declines: {custom: {low: 0, mid: 0.1, high: 0.3}}
  baselines:
    custom: {name: our bill, input_usd_per_mtok: 1.5, output_usd_per_mtok: 8}
)");
  for (const fleet::Workload& workload : scenario.workloads) {
    ASSERT_TRUE(workload.custom_price);
    EXPECT_EQ(workload.custom_price->output, UsdPerMtok{8});
    EXPECT_FALSE(workload.custom_price->cached_input);
  }
  EXPECT_DOUBLE_EQ(scenario.assumptions.declines.at(fleet::Baseline::kCustom).high, 0.3);
  EXPECT_THAT(fleet::ActiveBaselines(scenario),
              ElementsAre(fleet::Baseline::kFrontierEquivalent, fleet::Baseline::kSameModelHosted,
                          fleet::Baseline::kCustom));
  EXPECT_EQ(fleet::ActiveBaselines(Read("")).size(), 2u);
}

TEST(Subscription, QuotaMayCountMessages) {
  const auto subscription = Read(R"(
economics:
  baselines:
    subscription: {name: max, usd_per_month: 200, quota_messages: 900, tokens_per_message: 20k,
                   overage_usd_per_mtok: 15}
)")
                                .assumptions.subscription;
  ASSERT_TRUE(subscription);
  EXPECT_EQ(subscription->name, "max");
  EXPECT_EQ(subscription->fee, Usd::FromDollars(200));
  EXPECT_DOUBLE_EQ(subscription->quota_mtok, 18);
  EXPECT_EQ(subscription->overage, UsdPerMtok{15});
}

TEST(Subscription, NeedsOneQuota) {
  const std::string head =
      "nodes: [{machine: dgx-spark}]\neconomics:\n  baselines:\n    subscription: ";
  EXPECT_THAT(Lines(LoadText(head + "{usd_per_month: 20}\n").problems),
              ElementsAre(HasSubstr("subscription has no quota")));
  EXPECT_THAT(Lines(LoadText(head + "{usd_per_month: 20, quota_messages: 5}\n").problems),
              ElementsAre(HasSubstr("messages of unknown length")));
  EXPECT_THAT(Lines(LoadText(head + "{usd_per_month: 20, quota_mtok: 1, quota_messages: 5, "
                                    "tokens_per_message: 1k}\n")
                        .problems),
              ElementsAre(HasSubstr("both quota_mtok and quota_messages")));
}

TEST(Costs, MistakesAreRefusedTogether) {
  const auto lines = Lines(LoadText(R"(nodes: [{machine: dgx-spark}]
economics:
  utilization: {low: 0.5, mid: 0.2, high: 0.6}
  costs:
    resale: {years: 0, share: 0.5}
    horizon_months: 0
    currency: {code: EUR}
)")
                               .problems);
  EXPECT_THAT(lines, ElementsAre(HasSubstr("base.yaml:4:16: a range must have low <= mid <= high"),
                                 HasSubstr("base.yaml:6:21: years"),
                                 HasSubstr("base.yaml:7:21: horizon_months"),
                                 HasSubstr("base.yaml:8:15: currency has no \"per_usd\"")));
}

}  // namespace
}  // namespace capacity::inventory
