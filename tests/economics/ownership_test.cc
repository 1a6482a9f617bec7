#include "planner/economics/ownership.h"
#include "planner/economics/subscription.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>

#include "planner/economics/economics.h"

namespace capacity::economics {
namespace {

constexpr unsigned kSeed = 20261122;

// Purchases of every kind: growing and shrinking work, falling and rising prices, with and without
// electricity, maintenance, capital cost and resale.
class RandomFlows {
 public:
  CashFlow Next() {
    CashFlow flow;
    flow.cost = Usd{static_cast<std::int64_t>(1 + 2e6 * Unit())};
    flow.gross_saving = {2000 * Unit()};
    flow.electricity = {Often() ? 100 * Unit() : 0};
    flow.standby = {Often() ? 0 : 30 * Unit()};
    flow.annual_decline = Often() ? 0.95 * Unit() : Often() ? 0 : -0.5 * Unit();
    flow.growth_per_month = Often() ? 0 : 0.3 * Unit() - 0.1;
    flow.capacity_ratio = 1 + 4 * Unit();
    flow.maintenance_share = Often() ? 0 : 0.2 * Unit();
    flow.resale_share = Often() ? Unit() : 0;
    flow.cost_of_capital = Often() ? 0.2 * Unit() : 0;
    flow.horizon_months = 1 + static_cast<int>(119 * Unit());
    return flow;
  }
  double Unit() { return unit_(random_); }

 private:
  bool Often() { return Unit() < 0.6; }
  std::mt19937 random_{kSeed};
  std::uniform_real_distribution<double> unit_{0, 1};
};

std::string Case(int i) { return "seed " + std::to_string(kSeed) + " case " + std::to_string(i); }

// The definition, added up the slow way.
struct Sums {
  double npv = 0;
  double tokens = 0;
  double paid = 0;
};

Sums AddUp(const CashFlow& flow) {
  Sums sums;
  sums.npv = -flow.cost.dollars();
  sums.paid = flow.cost.dollars();
  for (int k = 0; k < flow.horizon_months; ++k) {
    const double m = std::pow(1 - flow.annual_decline, k / 12.0);
    const double v = std::pow(1 + flow.cost_of_capital, -k / 12.0);
    const double a = std::min(std::pow(1 + flow.growth_per_month, k), flow.capacity_ratio);
    const double saved = flow.gross_saving.value * a * m;
    const double electricity = flow.electricity.value * a + flow.standby.value;
    const double maintenance = flow.cost.dollars() * flow.maintenance_share / 12;
    sums.npv -= v * maintenance;
    sums.paid += v * maintenance;
    if (saved <= electricity) continue;
    sums.npv += v * (saved - electricity);
    sums.paid += v * electricity;
    sums.tokens += v * a;
  }
  const double resale = flow.cost.dollars() * flow.resale_share *
                        std::pow(1 + flow.cost_of_capital, -flow.horizon_months / 12.0);
  sums.npv += resale;
  sums.paid -= resale;
  return sums;
}

TEST(NetPresentValueTest, ClosedFormIsTheSumOverTheMonths) {
  RandomFlows flows;
  for (int i = 0; i < 5000; ++i) {
    SCOPED_TRACE(Case(i));
    const CashFlow flow = flows.Next();
    const double sum = AddUp(flow).npv;
    EXPECT_NEAR(NetPresentValue(flow).dollars(), sum, 0.006 + 1e-9 * std::abs(sum));
  }
}

TEST(LeveliseTest, IsWhatIsPaidOverWhatIsMade) {
  RandomFlows flows;
  int answered = 0;
  for (int i = 0; i < 2000; ++i) {
    SCOPED_TRACE(Case(i));
    const CashFlow flow = flows.Next();
    const TokenFlow tokens{.output_mtok_per_month = 0.1 + 50 * flows.Unit(),
                           .input_per_output = 15 * flows.Unit()};
    const Sums sums = AddUp(flow);
    const std::optional<LevelisedCost> cost = Levelise(flow, tokens);
    ASSERT_EQ(cost.has_value(), sums.tokens > 0);
    if (!cost) continue;
    ++answered;
    const double expected = sums.paid / (sums.tokens * tokens.output_mtok_per_month);
    EXPECT_NEAR(cost->per_output_mtok.value, expected, 1e-6 * std::abs(expected) + 1e-9);
    EXPECT_NEAR(cost->per_mtok.value * (1 + tokens.input_per_output), expected,
                1e-6 * std::abs(expected) + 1e-9);
  }
  EXPECT_GT(answered, 1000);
}

// At the levelised cost a token, what is saved is worth exactly what is paid.
TEST(LeveliseTest, AtThatPriceTheNetPresentValueIsZero) {
  CashFlow flow{.cost = Usd::FromDollars(4699),
                .gross_saving = {1},  // so that the machine runs
                .electricity = {0},
                .maintenance_share = 0.02,
                .resale_share = 0.5,
                .cost_of_capital = 0.05};
  const TokenFlow tokens{.output_mtok_per_month = 30, .input_per_output = 3};
  const std::optional<LevelisedCost> cost = Levelise(flow, tokens);
  ASSERT_TRUE(cost);
  flow.gross_saving = {cost->per_output_mtok.value * tokens.output_mtok_per_month};
  EXPECT_LE(std::abs(NetPresentValue(flow).cents), 1);
}

TEST(BreakEvenUtilizationTest, ThereTheNetPresentValueIsZero) {
  RandomFlows flows;
  int answered = 0;
  for (int i = 0; i < 2000; ++i) {
    SCOPED_TRACE(Case(i));
    CashFlow flow = flows.Next();
    const std::optional<double> share = BreakEvenUtilization(flow, 0.25);
    if (!share || *share == 0) {
      EXPECT_TRUE(share ? NetPresentValue(flow) >= Usd{-1} : NetPresentValue(flow) <= Usd{1});
      continue;
    }
    ++answered;
    flow.gross_saving = flow.gross_saving * (*share / 0.25);
    flow.electricity = flow.electricity * (*share / 0.25);
    EXPECT_NEAR(NetPresentValue(flow).dollars(), 0, 0.006 + 1e-9 * flow.cost.dollars());
  }
  EXPECT_GT(answered, 1000);
}

// ---------------------------------------------------------------- payback

double OrInfinity(std::optional<Months> months) {
  return months ? months->value : std::numeric_limits<double>::infinity();
}

// (5.6): sum over months of (G m^k - R), linear within the month in which it reaches C.
std::optional<Months> AddedUp(const CashFlow& flow) {
  double owed = flow.cost.dollars();
  for (int month = 0; month < 240; ++month) {
    const double price = std::pow(1 - flow.annual_decline, month / 12.0);
    const double net = flow.gross_saving.value * price - flow.electricity.value;
    if (net <= 0) return std::nullopt;
    if (owed <= net * (1 + 1e-12)) return Months{month + owed / net};
    owed -= net;
  }
  return std::nullopt;
}

TEST(PaybackTest, WithoutFurtherCostsItIsTheSimplerForm) {
  RandomFlows flows;
  for (int i = 0; i < 3000; ++i) {
    SCOPED_TRACE(Case(i));
    const CashFlow any = flows.Next();
    const CashFlow flow{.cost = any.cost,
                        .gross_saving = any.gross_saving,
                        .electricity = any.electricity,
                        .annual_decline = std::max(0.0, any.annual_decline)};
    const std::optional<Months> months = DiscountedPayback(flow);
    const std::optional<Months> simpler = AddedUp(flow);
    ASSERT_EQ(months.has_value(), simpler.has_value());
    if (months) {
      EXPECT_NEAR(months->value, simpler->value, 1e-9 * simpler->value);
    }
  }
}

TEST(PaybackTest, TheMonthItHappensInIsTheClosedForms) {
  RandomFlows flows;
  for (int i = 0; i < 3000; ++i) {
    SCOPED_TRACE(Case(i));
    const CashFlow any = flows.Next();
    CashFlow flow{.cost = any.cost,
                  .gross_saving = any.gross_saving,
                  .annual_decline = std::max(0.0, any.annual_decline),
                  .cost_of_capital = any.cost_of_capital};
    // Discounting is a further decline of the price.
    const double decline = 1 - (1 - flow.annual_decline) / (1 + flow.cost_of_capital);
    const std::optional<int> whole =
        PayoffMonthsUnderDecline(flow.cost, flow.gross_saving, decline);
    const std::optional<Months> exact = DiscountedPayback(flow, 1'000'000);
    ASSERT_EQ(whole.has_value(), exact.has_value());
    if (whole) {
      EXPECT_EQ(*whole, std::ceil(exact->value - 1e-9));
    }
  }
}

TEST(PaybackTest, NeverComesEarlierWhenSomethingGetsWorse) {
  RandomFlows flows;
  for (int i = 0; i < 3000; ++i) {
    SCOPED_TRACE(Case(i));
    const CashFlow flow = flows.Next();
    const double base = OrInfinity(DiscountedPayback(flow));
    const auto with = [&](auto change) {
      CashFlow worse = flow;
      change(worse);
      return OrInfinity(DiscountedPayback(worse));
    };
    const double slack = 1e-9;
    // A dearer machine; cheaper tokens; fewer hours; faster decline; every further cost.
    EXPECT_GE(with([](CashFlow& f) { f.cost += Usd{10'000}; }), base - slack);
    EXPECT_GE(with([](CashFlow& f) { f.gross_saving = f.gross_saving * 0.9; }), base - slack);
    EXPECT_GE(with([](CashFlow& f) {
                f.gross_saving = f.gross_saving * 0.9;
                f.electricity = f.electricity * 0.9;
              }),
              base - slack);
    EXPECT_GE(with([](CashFlow& f) { f.annual_decline += 0.04; }), base - slack);
    EXPECT_GE(with([](CashFlow& f) { f.electricity += {5}; }), base - slack);
    EXPECT_GE(with([](CashFlow& f) { f.standby += {5}; }), base - slack);
    EXPECT_GE(with([](CashFlow& f) { f.maintenance_share += 0.01; }), base - slack);
    EXPECT_GE(with([](CashFlow& f) { f.cost_of_capital += 0.02; }), base - slack);
    EXPECT_GE(with([](CashFlow& f) { f.growth_per_month -= 0.02; }), base - slack);
  }
}

TEST(PaybackTest, SimpleIsCostOverTheFirstMonthsNetSaving) {
  CashFlow flow{.cost = Usd::FromDollars(4000), .gross_saving = {350}, .electricity = {50}};
  flow.annual_decline = 0.5;  // plays no part
  flow.maintenance_share = 0.1;
  EXPECT_EQ(SimplePayback(flow), Months{4000.0 / 300});
  flow.electricity = {350};
  EXPECT_EQ(SimplePayback(flow), std::nullopt);
  flow.cost = {0};
  EXPECT_EQ(SimplePayback(flow), Months{0});
}

TEST(PaybackTest, ResaleAloneIsNoPayback) {
  const CashFlow flow{.cost = Usd::FromDollars(1000), .gross_saving = {1}, .resale_share = 2};
  EXPECT_EQ(Payback(flow), std::nullopt);
  EXPECT_GT(NetPresentValue(flow), Usd{0});
}

TEST(PaybackTest, GrowthStopsAtWhatTheMachineCanMake) {
  // 100 a month, doubling, the machine full at 200: 100 + 200 + 200 = 500.
  const CashFlow flow{.cost = Usd::FromDollars(500),
                      .gross_saving = {100},
                      .growth_per_month = 1,
                      .capacity_ratio = 2};
  EXPECT_EQ(Payback(flow), Months{3});
}

// ---------------------------------------------------------------- running

TEST(MonthsWorthRunningTest, EndsWhenTheTokensAreWorthLessThanTheElectricity) {
  CashFlow flow{.cost = Usd::FromDollars(1000), .gross_saving = {100}, .electricity = {60}};
  EXPECT_EQ(MonthsWorthRunning(flow), std::nullopt);
  flow.annual_decline = 0.5;  // 100 x 0.5^(k/12) <= 60 from k = 8.8
  EXPECT_EQ(MonthsWorthRunning(flow), 9);
  flow.electricity = {100};
  EXPECT_EQ(MonthsWorthRunning(flow), 0);
  flow.electricity = {0};
  EXPECT_EQ(MonthsWorthRunning(flow), std::nullopt);
  flow.electricity = {50};  // exactly a year
  EXPECT_EQ(MonthsWorthRunning(flow), 12);
  flow.electricity = {20};
  flow.standby = {30};
  EXPECT_EQ(MonthsWorthRunning(flow), 12);
}

TEST(MonthsWorthRunningTest, IsTheLastMonthInTheLedgerThatSaves) {
  RandomFlows flows;
  for (int i = 0; i < 3000; ++i) {
    SCOPED_TRACE(Case(i));
    CashFlow flow = flows.Next();
    flow.horizon_months = 1200;
    const std::optional<int> months = MonthsWorthRunning(flow);
    int last = 0;
    for (int k = 0; k < flow.horizon_months; ++k) {
      const double a = std::min(std::pow(1 + flow.growth_per_month, k), flow.capacity_ratio);
      const double saved =
          flow.gross_saving.value * a * std::pow(1 - flow.annual_decline, k / 12.0);
      if (saved > flow.electricity.value * a + flow.standby.value) last = k + 1;
    }
    if (last == 1200) {
      EXPECT_EQ(months, std::nullopt);
    } else {
      EXPECT_EQ(months, last);
    }
  }
}

// ---------------------------------------------------------------- cents

TEST(LedgerTest, AddsUpToTheCent) {
  RandomFlows flows;
  for (int i = 0; i < 2000; ++i) {
    SCOPED_TRACE(Case(i));
    CashFlow flow = flows.Next();
    flow.cost_of_capital = 0;
    const std::vector<LedgerMonth> ledger = Ledger(flow);
    ASSERT_EQ(ledger.size(), static_cast<std::size_t>(flow.horizon_months));
    Usd net, saved, electricity, maintenance, resale;
    for (const LedgerMonth& line : ledger) {
      EXPECT_EQ(line.net, line.saved - line.electricity - line.maintenance + line.resale);
      net += line.net;
      saved += line.saved;
      electricity += line.electricity;
      maintenance += line.maintenance;
      resale += line.resale;
    }
    EXPECT_EQ(ledger.back().cumulative, net - flow.cost);
    EXPECT_EQ(net, saved - electricity - maintenance + resale);
    // Rounded once a column, whatever the number of months.
    EXPECT_LE(std::abs((ledger.back().cumulative - NetPresentValue(flow)).cents), 3);
  }
}

TEST(LedgerTest, AThirdOfACentAMonthIsNotLost) {
  const CashFlow flow{.cost = {0}, .gross_saving = {1.0 / 300}, .horizon_months = 36};
  const std::vector<LedgerMonth> ledger = Ledger(flow);
  EXPECT_EQ(ledger.back().cumulative, Usd{12});
  EXPECT_EQ(ledger[0].saved, Usd{0});
  EXPECT_EQ(ledger[1].saved, Usd{1});
}

// ---------------------------------------------------------------- assumptions

TEST(ResaleShareAtTest, LosesTheSameShareEveryYear) {
  fleet::Costs costs;
  costs.resale_years = 3;
  costs.resale_share = {0, 0.512, 1.728};
  const Spread after_one = ResaleShareAt(costs, 12);
  EXPECT_DOUBLE_EQ(after_one.low, 0);
  EXPECT_DOUBLE_EQ(after_one.mid, 0.8);
  EXPECT_DOUBLE_EQ(after_one.high, 1.2);
  EXPECT_EQ(ResaleShareAt(costs, 36), costs.resale_share);
}

TEST(WithCostsTest, TheDefaultsLeaveThePaybackAlone) {
  const CashFlow plain{.cost = Usd::FromDollars(4699),
                       .gross_saving = {200},
                       .electricity = {20},
                       .annual_decline = 0.3};
  const CashFlow with = WithCosts(plain, fleet::Costs{});
  EXPECT_EQ(SimplePayback(with), SimplePayback(plain));
  EXPECT_EQ(Payback(with), Payback(plain));
}

// ---------------------------------------------------------------- the rule and subscriptions

// The verdict is made of the numbers that the grid and the table show.
TEST(DecideTest, CountsWhatThePaybackCounts) {
  RandomFlows flows;
  for (int i = 0; i < 2000; ++i) {
    SCOPED_TRACE(Case(i));
    CashFlow flow = flows.Next();
    const Decision decision = Decide(flow);
    flow.annual_decline = 0;
    EXPECT_EQ(decision.at_constant_price, Payback(flow));
    flow.annual_decline = 0.5;
    EXPECT_EQ(decision.at_buy_decline, Payback(flow));
    // Falling prices never pay sooner.
    EXPECT_GE(OrInfinity(decision.at_buy_decline), OrInfinity(decision.at_constant_price) - 1e-9);
  }
}

CashFlow Cancelling(double fee, double quota, std::optional<double> overage, double demand,
                    double served) {
  CashFlow flow{.cost = Usd::FromDollars(1000)};
  flow.plan = CancelledPlan{{"max", Usd::FromDollars(fee), quota, std::nullopt}, demand, served};
  if (overage) flow.plan->subscription.overage = UsdPerMtok{*overage};
  flow.gross_saving = {SubscriptionSaving(flow.plan->subscription, demand, served).dollars()};
  return flow;
}

TEST(CancelledPlanTest, NothingIsSavedUntilEverythingIsServed) {
  const CashFlow all = Cancelling(600, 400, std::nullopt, 60, 60);
  EXPECT_NEAR(Payback(all)->value, 1000.0 / 600, 1e-9);
  EXPECT_EQ(Payback(Cancelling(600, 400, std::nullopt, 60, 59)), std::nullopt);
  // Half the hours would save nothing, so the break-even is at all of them.
  EXPECT_NEAR(*BreakEvenUtilization(all, 1), 1, 1e-6);
}

TEST(CancelledPlanTest, OverageIsSavedFirst) {
  // 10 Mtok above the quota at $20: the first 10 served save $200 a month.
  const CashFlow flow = Cancelling(100, 50, 20, 60, 60);
  CashFlow value = flow;
  value.horizon_months = 36;
  const double share = *BreakEvenUtilization(value, 1);
  EXPECT_NEAR(share * 60 * 20 * 36, 1000, 1);
}

// Work that outgrows the machine brings the subscription back.
TEST(CancelledPlanTest, GrowthBeyondTheMachineKeepsThePlan) {
  CashFlow flow = Cancelling(200, 1000, std::nullopt, 60, 60);
  flow.horizon_months = 12;
  flow.growth_per_month = 0.1;
  flow.capacity_ratio = 1.25;  // follows two months: 1, 1.1, 1.21, then 1.331 > 1.25
  const std::vector<LedgerMonth> ledger = Ledger(flow);
  EXPECT_EQ(ledger[2].saved, Usd::FromDollars(200));
  EXPECT_EQ(ledger[3].saved, Usd{0});
  EXPECT_EQ(NetPresentValue(flow), Usd::FromDollars(3 * 200 - 1000));
  flow.capacity_ratio = 100;
  EXPECT_EQ(NetPresentValue(flow), Usd::FromDollars(12 * 200 - 1000));
  // Growing overage is saved as it grows.
  CashFlow overage = Cancelling(100, 50, 2, 60, 60);
  overage.growth_per_month = 0.1;
  overage.capacity_ratio = 100;
  EXPECT_EQ(Ledger(overage)[1].saved, Usd::FromDollars(100 + 16 * 2));
}

}  // namespace
}  // namespace capacity::economics
