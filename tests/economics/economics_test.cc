#include "planner/economics/economics.h"
#include "planner/economics/ownership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace capacity::economics {
namespace {

using catalog::Catalog;
using fleet::Baseline;
using fleet::Workload;

// Three models: big maps to a frontier price, small to a small one, orphan to none.
Catalog ThreeModels() {
  Catalog catalog;
  for (const char* id : {"big", "small", "orphan"}) {
    catalog::Model model;
    model.id = id;
    catalog.models.push_back(model);
  }
  catalog.cloud_models = {{"opus", "anthropic", {5}, {25}, UsdPerMtok{0.5}, "frontier", {"s", "d"}},
                          {"haiku", "anthropic", {1}, {5}, std::nullopt, "small", {"s", "d"}},
                          {"sonnet", "anthropic", {3}, {15}, std::nullopt, "mid", {"s", "d"}}};
  catalog.frontier_equivalents = {{"big", "opus", "article"}, {"small", "haiku", "article"}};
  catalog.hosted = {{"big", "h1", {0.1}, {0.6}, std::nullopt, {"s", "d"}},
                    {"big", "h2", {0.1}, {0.2}, std::nullopt, {"s", "d"}},
                    {"big", "h3", {0.1}, {0.4}, std::nullopt, {"s", "d"}},
                    {"small", "h1", {0.01}, {0.05}, std::nullopt, {"s", "d"}}};
  catalog.Index();
  return catalog;
}

const catalog::Model& Find(const Catalog& catalog, const char* id) {
  return *catalog.FindModel(id);
}

// ---------------------------------------------------------------- payoff in whole months

std::optional<int> SimulatedMonths(Usd cost, double saving, double decline, int limit) {
  const double m = std::pow(1 - decline, 1.0 / 12);
  double sum = 0;
  double factor = 1;
  for (int n = 0; n <= limit; ++n) {
    if (sum >= cost.dollars() * (1 - 1e-12)) return n;
    sum += saving * factor;
    factor *= m;
  }
  return std::nullopt;
}

TEST(PayoffMonthsUnderDeclineTest, AgreesWithMonthByMonthSimulation) {
  const unsigned seed = 20260209;
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> cents(1, 2'000'000);
  std::uniform_real_distribution<double> saving(0.5, 5000);
  std::uniform_real_distribution<double> decline(-0.3, 0.95);
  for (int i = 0; i < 5000; ++i) {
    const Usd cost{cents(random)};
    const double s = saving(random);
    const double d = i % 7 == 0 ? 0 : decline(random);
    SCOPED_TRACE("seed " + std::to_string(seed) + " case " + std::to_string(i));
    const std::optional<int> closed = PayoffMonthsUnderDecline(cost, {s}, d);
    const std::optional<int> simulated = SimulatedMonths(cost, s, d, 50'000);
    EXPECT_EQ(closed, simulated) << cost.dollars() << " " << s << " " << d;
  }
}

TEST(PayoffMonthsUnderDeclineTest, ExactMultiplesAreNotRoundedUp) {
  EXPECT_EQ(PayoffMonthsUnderDecline({330}, {1.1}, 0), 3);
  EXPECT_EQ(PayoffMonthsUnderDecline({30}, {0.1}, 0), 3);
}

TEST(PayoffMonthsUnderDeclineTest, EdgesOfCostSavingAndDecline) {
  EXPECT_EQ(PayoffMonthsUnderDecline({0}, {0}, 0), 0);
  EXPECT_EQ(PayoffMonthsUnderDecline({100}, {0}, 0), std::nullopt);
  EXPECT_EQ(PayoffMonthsUnderDecline({100}, {-5}, 0), std::nullopt);
  EXPECT_EQ(PayoffMonthsUnderDecline({100}, {1}, 1), 1);             // all saved in the first month
  EXPECT_EQ(PayoffMonthsUnderDecline({101}, {1}, 1), std::nullopt);  // nothing comes later
}

TEST(ArticlePayoffMonthsTest, NothingSavedIsInfinite) {
  EXPECT_TRUE(std::isinf(ArticlePayoffMonths({100}, 0)));
  EXPECT_DOUBLE_EQ(ArticlePayoffMonths(Usd::FromDollars(720), 1, 0.5), 2);
}

// ---------------------------------------------------------------- payback of the full form

double OrInfinity(std::optional<Months> months) {
  return months ? months->value : std::numeric_limits<double>::infinity();
}

// (5.6) is (5.8) without further costs.
std::optional<Months> PaybackMonths(Usd cost, UsdPerMonth gross, UsdPerMonth running,
                                    double annual_decline, int limit_months = 240) {
  return Payback({.cost = cost,
                  .gross_saving = gross,
                  .electricity = running,
                  .annual_decline = annual_decline},
                 limit_months);
}

TEST(PaybackMonthsTest, IsMonotoneInCostSavingRunningCostAndDecline) {
  const unsigned seed = 5;
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> unit(0, 1);
  for (int i = 0; i < 2000; ++i) {
    SCOPED_TRACE("seed " + std::to_string(seed) + " case " + std::to_string(i));
    const Usd cost = Usd::FromDollars(100 + 10'000 * unit(random));
    const double gross = 1000 * unit(random);
    const double running = 100 * unit(random);
    const double decline = 0.9 * unit(random);
    const double base = OrInfinity(PaybackMonths(cost, {gross}, {running}, decline));
    // A lower token price and a lower utilization both lower the gross saving.
    EXPECT_GE(OrInfinity(PaybackMonths(cost, {gross * 0.8}, {running}, decline)), base);
    EXPECT_GE(OrInfinity(PaybackMonths(cost, {gross}, {running + 10}, decline)), base);
    EXPECT_GE(OrInfinity(PaybackMonths(cost, {gross}, {running}, decline + 0.05)), base);
    EXPECT_GE(OrInfinity(PaybackMonths(cost + Usd{1000}, {gross}, {running}, decline)), base);
  }
}

TEST(PaybackMonthsTest, WithoutRunningCostTheMonthItHappensInIsTheClosedForms) {
  const unsigned seed = 6;
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> unit(0, 1);
  for (int i = 0; i < 2000; ++i) {
    SCOPED_TRACE("seed " + std::to_string(seed) + " case " + std::to_string(i));
    const Usd cost = Usd::FromDollars(100 + 10'000 * unit(random));
    const UsdPerMonth gross{50 + 1000 * unit(random)};
    const double decline = 0.9 * unit(random);
    const std::optional<int> whole = PayoffMonthsUnderDecline(cost, gross, decline);
    const std::optional<Months> exact = PaybackMonths(cost, gross, {0}, decline, 100'000);
    ASSERT_EQ(whole.has_value(), exact.has_value());
    if (whole) {
      EXPECT_EQ(*whole, static_cast<int>(std::ceil(exact->value - 1e-9)));
    }
  }
}

TEST(PaybackMonthsTest, ConstantPricesGiveCostOverNetSaving) {
  EXPECT_NEAR(OrInfinity(PaybackMonths(Usd::FromDollars(4000), {350}, {50}, 0)), 40.0 / 3, 1e-9);
}

TEST(PaybackMonthsTest, StopsWhenRunningNoLongerPaysForItsElectricity) {
  // 100 a month falling by half a year, 60 of electricity: worth running for 8.8 months.
  EXPECT_EQ(PaybackMonths(Usd::FromDollars(1000), {100}, {60}, 0.5), std::nullopt);
  EXPECT_EQ(PaybackMonths(Usd::FromDollars(1000), {10}, {10}, 0), std::nullopt);
  EXPECT_EQ(PaybackMonths({0}, {0}, {10}, 0), Months{0});
}

TEST(PaybackMonthsTest, BeyondTheHorizonIsNever) {
  EXPECT_EQ(PaybackMonths(Usd::FromDollars(241), {1}, {0}, 0, 240), std::nullopt);
  EXPECT_EQ(PaybackMonths(Usd::FromDollars(240), {1}, {0}, 0, 240), Months{240});
}

TEST(DecideTest, FollowsTheArticlesRule) {
  const Usd cost = Usd::FromDollars(3600);
  const auto Judge = [](Usd price, UsdPerMonth saved, UsdPerMonth electricity) {
    return Decide({.cost = price, .gross_saving = saved, .electricity = electricity}).verdict;
  };
  EXPECT_EQ(Judge(cost, {900}, {0}), Verdict::kBuy);       // 4.3 months at 50 %/yr
  EXPECT_EQ(Judge(cost, {600}, {0}), Verdict::kConsider);  // 6 at constant prices, 7 at 50 %/yr
  EXPECT_EQ(Judge(cost, {200}, {0}), Verdict::kConsider);  // 18 exactly
  EXPECT_EQ(Judge(cost, {199}, {0}), Verdict::kNonPriceValueOnly);
  EXPECT_EQ(Judge(cost, {199}, {199}), Verdict::kNever);
}

// ---------------------------------------------------------------- prices

TEST(PriceForTest, FrontierEquivalentFollowsTheModelUnlessTheWorkloadSaysWhatItReplaces) {
  const Catalog catalog = ThreeModels();
  Workload workload;
  auto price = PriceFor(catalog, workload, Find(catalog, "big"), Baseline::kFrontierEquivalent);
  ASSERT_TRUE(price.ok());
  EXPECT_EQ(price->output, UsdPerMtok{25});
  EXPECT_EQ(price->cached_input, UsdPerMtok{0.5});
  workload.replaces = "sonnet";
  price = PriceFor(catalog, workload, Find(catalog, "big"), Baseline::kFrontierEquivalent);
  ASSERT_TRUE(price.ok());
  EXPECT_EQ(price->output, UsdPerMtok{15});
  EXPECT_EQ(price->cached_input, UsdPerMtok{3});  // none stated: full price
}

// A task that a small model may do is not worth a frontier model's tokens.
TEST(PriceForTest, FrontierEquivalentOfATierIsTheCheapestThatWouldDo) {
  const Catalog catalog = ThreeModels();
  Workload workload;
  workload.min_tier = "small";
  auto price = PriceFor(catalog, workload, Find(catalog, "big"), Baseline::kFrontierEquivalent);
  ASSERT_TRUE(price.ok());
  EXPECT_EQ(price->source, "haiku");
  workload.min_tier = "frontier";
  price = PriceFor(catalog, workload, Find(catalog, "big"), Baseline::kFrontierEquivalent);
  ASSERT_TRUE(price.ok());
  EXPECT_EQ(price->source, "opus");
  Workload named;
  named.models = {"big"};
  price = PriceFor(catalog, named, Find(catalog, "big"), Baseline::kFrontierEquivalent);
  ASSERT_TRUE(price.ok());
  EXPECT_EQ(price->source, "opus");
}

TEST(PriceForTest, HostedIsTheMedianHost) {
  const Catalog catalog = ThreeModels();
  const auto price =
      PriceFor(catalog, Workload{}, Find(catalog, "big"), Baseline::kSameModelHosted);
  ASSERT_TRUE(price.ok());
  EXPECT_EQ(price->output, UsdPerMtok{0.4});
  EXPECT_EQ(price->source, "big, median of 3 hosts (h3)");
}

TEST(CheapestHostForTest, IsTheCheapestThatCanBeBelieved) {
  Catalog catalog = ThreeModels();
  auto price = CheapestHostFor(catalog, Workload{}, Find(catalog, "big"));
  ASSERT_TRUE(price.ok());
  EXPECT_EQ(price->source, "big at h2");
  // Less than a fifth of the median is a mistake or another product.
  catalog.hosted.push_back({"big", "h4", {0.001}, {0.01}, std::nullopt, {"s", "d"}});
  price = CheapestHostFor(catalog, Workload{}, Find(catalog, "big"));
  ASSERT_TRUE(price.ok());
  EXPECT_EQ(price->source, "big at h2");
  EXPECT_FALSE(CheapestHostFor(catalog, Workload{}, Find(catalog, "orphan")).ok());
}

TEST(PriceForTest, HostedIsTheCheapestOfTheModelsThatWouldDo) {
  const Catalog catalog = ThreeModels();
  Workload either;
  either.models = {"big", "small"};
  auto price = PriceFor(catalog, either, Find(catalog, "big"), Baseline::kSameModelHosted);
  ASSERT_TRUE(price.ok());
  EXPECT_EQ(price->output, UsdPerMtok{0.05});
  Workload frontier;
  frontier.min_tier = "frontier";
  price = PriceFor(catalog, frontier, Find(catalog, "big"), Baseline::kSameModelHosted);
  ASSERT_TRUE(price.ok());
  EXPECT_EQ(price->output, UsdPerMtok{0.4});
}

TEST(PriceForTest, CustomIsWhatTheWorkloadStatesWhateverServes) {
  const Catalog catalog = ThreeModels();
  Workload workload;
  EXPECT_EQ(PriceFor(catalog, workload, Find(catalog, "big"), Baseline::kCustom).status().code(),
            absl::StatusCode::kFailedPrecondition);
  workload.custom_price = fleet::CustomPrice{"our bill", {1.5}, {8}, std::nullopt};
  for (const char* model : {"big", "small", "orphan"}) {
    const auto price = PriceFor(catalog, workload, Find(catalog, model), Baseline::kCustom);
    ASSERT_TRUE(price.ok());
    EXPECT_EQ(price->output, UsdPerMtok{8});
    EXPECT_EQ(price->cached_input, UsdPerMtok{1.5});
    EXPECT_EQ(price->source, "our bill");
  }
}

TEST(PriceForTest, UnknownPricesAreSaidSo) {
  const Catalog catalog = ThreeModels();
  for (Baseline baseline : {Baseline::kFrontierEquivalent, Baseline::kSameModelHosted}) {
    const auto price = PriceFor(catalog, Workload{}, Find(catalog, "orphan"), baseline);
    EXPECT_EQ(price.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(price.status().message()), testing::HasSubstr("orphan"));
  }
}

TEST(AcceptsTest, ByNameElseByTierElseAll) {
  const Catalog catalog = ThreeModels();
  Workload named;
  named.models = {"small"};
  named.min_tier = "frontier";  // names decide
  EXPECT_TRUE(Accepts(catalog, named, Find(catalog, "small")));
  EXPECT_FALSE(Accepts(catalog, named, Find(catalog, "big")));
  Workload mid;
  mid.min_tier = "mid";
  EXPECT_TRUE(Accepts(catalog, mid, Find(catalog, "big")));
  EXPECT_FALSE(Accepts(catalog, mid, Find(catalog, "small")));
  EXPECT_FALSE(Accepts(catalog, mid, Find(catalog, "orphan")));
  EXPECT_TRUE(Accepts(catalog, Workload{}, Find(catalog, "orphan")));
}

// ---------------------------------------------------------------- tokens

TEST(OutputTokensPerHourTest, CountsPrefillTimeOfUncachedInput) {
  Workload workload;
  workload.input_per_output = 2;
  workload.cached_input_share = 0.5;
  // One output token: 1/50 s of decode and one new input token at 1/1000 s.
  EXPECT_NEAR(OutputTokensPerHour(workload, {50}, {1000}), 3600 / 0.021, 1e-6);
  workload.cached_input_share = 1;
  EXPECT_NEAR(OutputTokensPerHour(workload, {50}, {0}), 180'000, 1e-6);
  EXPECT_EQ(OutputTokensPerHour(workload, {0}, {1000}), 0);
}

TEST(SavedPerOutputMtokTest, AddsTheInputThatComesWithIt) {
  Workload workload;
  workload.input_per_output = 2;
  workload.cached_input_share = 0.25;
  const TokenPrice price{.input = {4}, .output = {10}, .cached_input = {1}};
  EXPECT_DOUBLE_EQ(SavedPerOutputMtok(workload, price).value, 10 + 2 * (0.75 * 4 + 0.25 * 1));
}

// The article's dollars an hour are the full form without prefill time, counted per decoded token:
// of all tokens 70 % are output, and decode speed is applied to all of them.
TEST(SavedPerOutputMtokTest, AtTheArticlesMixItIsItsPriceOverTheOutputShare) {
  const TokenPrice price{.input = {5}, .output = {25}, .cached_input = {5}};
  EXPECT_NEAR(SavedPerOutputMtok(Workload{}, price).value, (0.7 * 25 + 0.3 * 5) / 0.7, 1e-9);
}

TEST(DemandMtokPerMonthTest, ThirtyDaysOfOutputOrOfInputByRatio) {
  Workload workload;
  EXPECT_EQ(DemandMtokPerMonth(workload), std::nullopt);
  workload.output_tokens_per_day = 2e6;
  EXPECT_DOUBLE_EQ(*DemandMtokPerMonth(workload), 60);
  workload.output_tokens_per_day.reset();
  workload.input_tokens_per_day = 10e6;
  workload.input_per_output = 5;
  EXPECT_DOUBLE_EQ(*DemandMtokPerMonth(workload), 60);
}

TEST(InputPerOutputTest, StatedVolumesOutrankTheRatio) {
  Workload workload;
  workload.input_tokens_per_day = 30e6;
  workload.output_tokens_per_day = 2e6;
  EXPECT_DOUBLE_EQ(InputPerOutput(workload), 15);
}

TEST(ElectricityCostTest, IsWholeCents) {
  EXPECT_EQ(ElectricityCost({100}, 720, 0.15), Usd{1080});
  EXPECT_EQ(ElectricityCost({1}, 1, 0.15), Usd{0});
}

TEST(UsdTest, SumsOfPricesLoseNothing) {
  Usd sum;
  for (int i = 0; i < 1'000'000; ++i) sum += Usd::FromDollars(0.1);
  EXPECT_EQ(sum, Usd::FromDollars(100'000));
}

}  // namespace
}  // namespace capacity::economics
