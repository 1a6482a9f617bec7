#include "planner/economics/risk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace capacity::economics {
namespace {

using ::testing::ElementsAre;

// A Spark at hosted prices, more or less: pays back in about two years at constant prices.
RiskInput Spark() {
  RiskInput input;
  input.flow.horizon_months = 36;
  input.flow.cost_of_capital = 0.05;
  input.flow.standby = {3};
  input.cost = {4000, 4699, 5200};
  input.gross_saving = {160, 200, 240};
  input.decline = {0, 0.2, 0.5};
  input.utilization = {0.1, 0.25, 0.5};
  input.electricity = {4, 6, 9};
  input.resale_share = {0.3, 0.5, 1};
  return input;
}

TEST(PaybackGridTest, IsTheArticlesWhereNothingElseCounts) {
  RiskInput input;  // setup C, gpt-oss-120b: $3.42 an hour for $3,999
  input.cost = Spread::Exactly(3999);
  input.gross_saving = Spread::Exactly(3.42 * kHoursPerMonth);
  const std::vector<double> utilizations = {1, 0.5, 0.25, 0.1};
  const std::vector<double> declines = {0, 0.25, 0.5, 0.8};
  for (const PaybackCell& cell : PaybackGrid(input, utilizations, declines)) {
    const std::optional<int> article = PayoffMonthsUnderDecline(
        Usd::FromDollars(3999), {3.42 * kHoursPerMonth * cell.utilization}, cell.annual_decline);
    ASSERT_EQ(cell.payback.has_value(), article.has_value());
    if (article) {
      EXPECT_EQ(std::ceil(cell.payback->value), *article);
    }
  }
}

TEST(PaybackGridTest, MoreHoursPayBackSoonerAndFasterDeclineLater) {
  const std::vector<double> shares = {0.1, 0.2, 0.4, 0.8};
  const std::vector<PaybackCell> grid = PaybackGrid(Spark(), shares, shares);
  const auto at = [&](std::size_t row, std::size_t column) {
    const std::optional<Months> months = grid[row * shares.size() + column].payback;
    return months ? months->value : 1e9;
  };
  for (std::size_t i = 0; i < shares.size(); ++i) {
    for (std::size_t j = 0; j + 1 < shares.size(); ++j) {
      EXPECT_LE(at(i, j), at(i, j + 1));
      EXPECT_GE(at(j, i), at(j + 1, i));
    }
  }
}

TEST(TornadoTest, SortsByWhatMovesTheValueMost) {
  const std::vector<TornadoBar> bars = Tornado(Spark());
  ASSERT_EQ(bars.size(), 6u);
  for (std::size_t i = 0; i + 1 < bars.size(); ++i) {
    EXPECT_GE(std::abs((bars[i].npv_high - bars[i].npv_low).cents),
              std::abs((bars[i + 1].npv_high - bars[i + 1].npv_low).cents));
  }
  EXPECT_EQ(bars.front().factor, RiskFactor::kUtilization);
}

TEST(TornadoTest, EachBarMovesOneFactorAlone) {
  const RiskInput input = Spark();
  for (const TornadoBar& bar : Tornado(input)) {
    RiskInput low = input;
    if (bar.factor == RiskFactor::kCost) low.cost.mid = low.cost.low;
    if (bar.factor == RiskFactor::kDecline) low.decline.mid = low.decline.low;
    if (bar.factor == RiskFactor::kSpeed) low.gross_saving.mid = low.gross_saving.low;
    if (bar.factor == RiskFactor::kResale) low.resale_share.mid = low.resale_share.low;
    if (bar.factor == RiskFactor::kUtilization || bar.factor == RiskFactor::kElectricity) continue;
    EXPECT_EQ(bar.npv_low, NetPresentValue(Middle(low))) << Name(bar.factor);
    EXPECT_EQ(bar.payback_low, Payback(Middle(low))) << Name(bar.factor);
  }
}

TEST(TornadoTest, WhatHasNoRangeIsNotShown) {
  RiskInput input = Spark();
  input.cost = Spread::Exactly(4699);
  input.electricity = Spread::Exactly(6);
  for (const TornadoBar& bar : Tornado(input)) {
    EXPECT_NE(bar.factor, RiskFactor::kCost);
    EXPECT_NE(bar.factor, RiskFactor::kElectricity);
  }
}

TEST(SimulateTest, WithoutRangesEveryDrawIsTheMiddle) {
  RiskInput input = Spark();
  for (Spread* spread : {&input.cost, &input.gross_saving, &input.decline, &input.utilization,
                         &input.electricity, &input.resale_share}) {
    *spread = Spread::Exactly(spread->mid);
  }
  const RiskSummary summary = Simulate(input, 1, 100);
  const std::optional<Months> months = Payback(Middle(input));
  ASSERT_TRUE(months);
  EXPECT_EQ(summary.payback.p10, months);
  EXPECT_EQ(summary.payback.p90, months);
  EXPECT_EQ(summary.net_present_value.p50, NetPresentValue(Middle(input)));
  EXPECT_EQ(summary.within_24_months, months->value <= 24 ? 1 : 0);
  EXPECT_EQ(summary.never, 0);
}

TEST(SimulateTest, SameSeedSameAnswerOtherSeedNearIt) {
  const RiskSummary one = Simulate(Spark(), 1, 10'000);
  const RiskSummary again = Simulate(Spark(), 1, 10'000);
  const RiskSummary other = Simulate(Spark(), 2, 10'000);
  EXPECT_EQ(one.within_24_months, again.within_24_months);
  EXPECT_EQ(one.net_present_value.p10, again.net_present_value.p10);
  // The standard error of a probability from 10,000 draws is at most 0.005.
  EXPECT_NEAR(one.within_24_months, other.within_24_months, 0.03);
  EXPECT_NEAR(one.never, other.never, 0.03);
  EXPECT_NE(one.net_present_value.p10, other.net_present_value.p10);
}

TEST(SimulateTest, AStatedRangeIsHalvedAtItsMiddle) {
  RiskInput input;
  input.cost = {1000, 2000, 4000};
  input.gross_saving = Spread::Exactly(100);
  const RiskSummary summary = Simulate(input, 1, 100'000);
  // Cost alone is uncertain: payback is cost / 100. Its median is 20 months, its 10th and 90th
  // percentile a fifth of the way into the halves.
  EXPECT_NEAR(summary.payback.p50->value, 20, 0.2);
  EXPECT_NEAR(summary.payback.p10->value, 12, 0.1);
  EXPECT_NEAR(summary.payback.p90->value, 36, 0.2);
}

TEST(SimulateTest, SpeedsIntervalHoldsEightTenthsOfTheDraws) {
  RiskInput input;
  input.cost = Spread::Exactly(1000);
  input.gross_saving = {50, 100, 400};
  const RiskSummary summary = Simulate(input, 7, 100'000);
  EXPECT_NEAR(summary.payback.p10->value, 2.5, 0.05);
  EXPECT_NEAR(summary.payback.p50->value, 10, 0.1);
  EXPECT_NEAR(summary.payback.p90->value, 20, 0.2);
}

TEST(SimulateTest, ASavingThatMayVanishIsNeverNegative) {
  RiskInput input;
  input.cost = Spread::Exactly(1000);
  input.gross_saving = {-50, 100, 400};
  const RiskSummary summary = Simulate(input, 7, 20'000);
  EXPECT_GT(summary.never, 0.1);
  EXPECT_GE(summary.net_present_value.p10, Usd::FromDollars(-1000));
}

TEST(SimulateTest, ProbabilitiesAreOrderedAndQuantilesToo) {
  const RiskSummary summary = Simulate(Spark());
  EXPECT_EQ(summary.draws, 10'000);
  EXPECT_LE(summary.within_6_months, summary.within_12_months);
  EXPECT_LE(summary.within_12_months, summary.within_24_months);
  EXPECT_LE(summary.within_24_months, 1 - summary.never);
  EXPECT_LE(summary.net_present_value.p10, summary.net_present_value.p50);
  EXPECT_LE(summary.net_present_value.p50, summary.net_present_value.p90);
  EXPECT_GT(summary.gains, 0);
  EXPECT_LT(summary.gains, 1);
}

TEST(PaybackGridTest, ASubscriptionIsSavedInSteps) {
  RiskInput input;
  input.cost = Spread::Exactly(1000);
  input.flow.plan = CancelledPlan{{"max", Usd::FromDollars(100), 50, UsdPerMtok{2}}, 60, 60};
  input.gross_saving = Spread::Exactly(120);
  EXPECT_EQ(Middle(input).gross_saving, UsdPerMonth{120});
  const std::vector<PaybackCell> grid = PaybackGrid(input, {1, 0.5, 0.1}, {0});
  EXPECT_NEAR(grid[0].payback->value, 1000.0 / 120, 1e-9);
  EXPECT_NEAR(grid[1].payback->value, 1000.0 / 20, 1e-9);  // the overage alone
  EXPECT_NEAR(grid[2].payback->value, 1000.0 / 12, 1e-9);  // 6 of the 10 Mtok above the quota
}

TEST(SimulateTest, NoDrawsNoAnswer) { EXPECT_EQ(Simulate(Spark(), 1, 0).draws, 0); }

TEST(DecideTest, CarriesTheNumbersOfTheRule) {
  const Decision decision = Decide({.cost = Usd::FromDollars(3600), .gross_saving = {900}});
  EXPECT_EQ(decision.verdict, Verdict::kBuy);
  EXPECT_EQ(decision.at_constant_price, Months{4});
  ASSERT_TRUE(decision.at_buy_decline);
  EXPECT_NEAR(decision.at_buy_decline->value, 4.409, 0.001);
}

}  // namespace
}  // namespace capacity::economics
