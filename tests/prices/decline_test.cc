#include "planner/prices/decline.h"

#include <cmath>
#include <tuple>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/prices/support.h"

namespace capacity::prices {
namespace {

using ::testing::SizeIs;

std::vector<std::size_t> All(const Known& known) {
  std::vector<std::size_t> all(known.offers.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  return all;
}

TEST(AnnualDecline, HalvingInAYearIsOneHalf) {
  const Date start = Day("2025-01-01");
  const Date year_later = start + std::chrono::days(365);
  const double years = 365 / 365.25;
  EXPECT_NEAR(*AnnualDecline({{start, 1}, {year_later, std::pow(0.5, years)}}), 0.5, 1e-12);
  EXPECT_NEAR(*AnnualDecline({{year_later, std::pow(0.5, years)}, {start, 1}}), 0.5, 1e-12);
  EXPECT_NEAR(*AnnualDecline({{start, 3}, {year_later, 3}}), 0, 1e-12);
  EXPECT_LT(*AnnualDecline({{start, 1}, {year_later, 2}}), 0);
}

TEST(AnnualDecline, AnUnchangedPriceHasNoSign) {
  for (double price : {0.1, 0.3, 1.0 / 3, 5.0}) {
    const std::vector<PricePoint> points = {
        {Day("2025-01-01"), price}, {Day("2025-06-01"), price}, {Day("2026-02-01"), price}};
    const double decline = *AnnualDecline(points);
    EXPECT_EQ(decline, 0);
    EXPECT_FALSE(std::signbit(decline)) << price;
  }
}

TEST(AnnualDecline, PointsOnALineGiveItsSlope) {
  std::vector<PricePoint> points;
  for (int days : {0, 40, 100, 300, 700}) {
    points.push_back(
        {Day("2025-01-01") + std::chrono::days(days), 8 * std::pow(0.21, days / 365.25)});
  }
  EXPECT_NEAR(*AnnualDecline(points), 0.79, 1e-12);
}

TEST(AnnualDecline, ShortSpansSayNothing) {
  const Date start = Day("2025-01-01");
  EXPECT_FALSE(AnnualDecline({}));
  EXPECT_FALSE(AnnualDecline({{start, 1}}));
  EXPECT_FALSE(AnnualDecline({{start, 1}, {start + std::chrono::days(89), 0.5}}));
  EXPECT_TRUE(AnnualDecline({{start, 1}, {start + std::chrono::days(90), 0.5}}));
}

// OpenRouter's gpt-oss-120b as models.dev recorded it (2025-08-05 to 2026-06-26).
History GptOss() {
  History history;
  for (const auto& [day, in, out] :
       {std::tuple("2025-08-05", "0.15", "0.6"), std::tuple("2025-09-11", "0.072", "0.28"),
        std::tuple("2026-05-15", "0.039", "0.18"), std::tuple("2026-06-26", "0.03", "0.15")}) {
    Merge(One(Feed::kModelsDev, "openrouter", "openai/gpt-oss-120b", day, InOut(in, out)), history);
  }
  for (const auto& [day, in, out] :
       {std::tuple("2025-08-05", "0.15", "0.75"), std::tuple("2026-01-04", "0.15", "0.6"),
        std::tuple("2026-06-26", "0.15", "0.6")}) {
    Merge(One(Feed::kModelsDev, "groq", "openai/gpt-oss-120b", day, InOut(in, out)), history);
  }
  return history;
}

TEST(MeasureDecline, CheapestOfEachDayWithinTheRangeOfListings) {
  const catalog::Catalog catalog = SmallCatalogue();
  const Known known = KnownOffers(catalog, GptOss());
  std::vector<std::size_t> offers;
  for (std::size_t i = 0; i < known.offers.size(); ++i) {
    if (known.offers[i].model.id == "gpt-oss-120b") offers.push_back(i);
  }
  const auto decline = MeasureDecline(known, offers);
  ASSERT_TRUE(decline);
  EXPECT_EQ(ToString(decline->first), "2025-08-05");
  EXPECT_EQ(ToString(decline->last), "2026-06-26");
  EXPECT_LE(decline->low, decline->mid);
  EXPECT_LE(decline->mid, decline->high);
  EXPECT_GT(decline->mid, 0.5);
  EXPECT_LT(decline->low, 0.3);  // groq lowered its price by a fifth, once
  EXPECT_EQ(decline->series, 3);
}

TEST(MeasureDecline, AFurtherFeedWithACheaperHostIsNoFall) {
  History history;
  Merge(One(Feed::kLiteLlm, "a", "a/m", "2026-01-01", InOut("1", "1")), history);
  Merge(One(Feed::kLiteLlm, "a", "a/m", "2026-07-01", InOut("1", "1")), history);
  Merge(One(Feed::kOpenRouter, "openrouter", "m", "2026-07-01", InOut("0.5", "0.5")), history);
  const Known known = KnownOffers({}, history);
  EXPECT_NEAR(MeasureDecline(known, All(known))->mid, 0, 1e-12);
}

TEST(MeasureDecline, TheCatalogueIsNoMeasurement) {
  const Known known = KnownOffers(SmallCatalogue(), {});
  EXPECT_FALSE(MeasureDecline(known, All(known)));
}

TEST(GroupDeclines, ByBaselineAndTier) {
  const catalog::Catalog catalog = SmallCatalogue();
  History history = GptOss();
  Merge(One(Feed::kLlmPrices, "anthropic", "claude-opus-4-5", "2025-11-24", InOut("5", "25")),
        history);
  Merge(One(Feed::kLlmPrices, "anthropic", "claude-opus-4-5", "2026-07-24", InOut("5", "25")),
        history);
  const auto groups = GroupDeclines(MeasureAll(catalog, KnownOffers(catalog, history)));
  ASSERT_THAT(groups, SizeIs(2));
  EXPECT_EQ(groups[0].baseline, "frontier-equivalent");
  EXPECT_EQ(groups[0].group, "frontier");
  EXPECT_NEAR(groups[0].decline.mid, 0, 1e-12);
  EXPECT_EQ(groups[1].baseline, "same-model-hosted");
  EXPECT_GT(groups[1].decline.mid, 0.5);
}

TEST(ByDay, CheapestAndMedianOfTheProvidersOfThatDay) {
  History history;
  Merge(One(Feed::kLiteLlm, "a", "a/m", "2026-01-01", InOut("1", "10")), history);
  Merge(One(Feed::kLiteLlm, "b", "b/m", "2026-01-01", InOut("3", "30")), history);
  Merge(One(Feed::kLiteLlm, "c", "c/m", "2026-02-01", InOut("2", "20")), history);
  Merge(One(Feed::kLiteLlm, "a", "a/m", "2026-02-01", InOut("4", "40")), history);
  const Known known = KnownOffers({}, history);
  const auto days = ByDay(known, All(known));
  ASSERT_THAT(days, SizeIs(2));
  EXPECT_EQ(days[0].providers, 2);
  EXPECT_EQ(known.offers[days[0].cheapest].provider, "a");
  EXPECT_EQ(ToString(days[0].median.input), "1");
  EXPECT_EQ(days[1].providers, 3);
  EXPECT_EQ(known.offers[days[1].cheapest].provider, "c");
  EXPECT_EQ(ToString(days[1].median.output), "30");
}

TEST(ByDay, AnOfferUnseenForHalfAYearNoLongerStands) {
  History history;
  Merge(One(Feed::kLiteLlm, "a", "a/m", "2026-01-01", InOut("1", "1")), history);
  Merge(One(Feed::kLiteLlm, "b", "b/m", "2026-08-01", InOut("3", "3")), history);
  const Known known = KnownOffers({}, history);
  EXPECT_EQ(ByDay(known, All(known)).back().providers, 1);
}

}  // namespace
}  // namespace capacity::prices
