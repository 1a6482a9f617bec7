// The rule of docs/prices.md, "When sources disagree", as tables: who showed what on which day, and
// what is believed then.
#include "planner/prices/trust.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "planner/prices/decline.h"
#include "tests/prices/support.h"

namespace capacity::prices {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Feed kLite = Feed::kLiteLlm;
constexpr Feed kDev = Feed::kModelsDev;
constexpr Feed kSimon = Feed::kLlmPrices;

// One look at one feed. Output is five times the input.
struct Sighting {
  Feed feed;
  const char* day;
  double input;
};

std::string Text(double number) {
  std::string text = std::to_string(number);
  return text;
}

struct Product {
  const char* provider;
  const char* listing;
};
constexpr Product kOpus = {"anthropic", "claude-opus-4-5"};  // the catalogue: 5/25 of 2026-07
constexpr Product kAcme = {"acme", "gpt-oss-120b"};          // not in the catalogue

History Seen(const Product& product, const std::vector<Sighting>& sightings) {
  History history;
  for (const Sighting& seen : sightings) {
    Merge(One(seen.feed, product.provider, product.listing, seen.day,
              InOut(Text(seen.input), Text(5 * seen.input))),
          history);
  }
  return history;
}

struct Case {
  const char* what;
  std::vector<Sighting> sightings;
  double input;  // that plans use; 0: none
};

double OpusOf(const std::vector<Sighting>& sightings) {
  return WithPrices(SmallCatalogue(), Seen(kOpus, sightings))
      .FindCloudModel("claude-opus-4.5")
      ->input.value;
}

double AcmeOf(const std::vector<Sighting>& sightings) {
  const auto catalog = WithPrices(SmallCatalogue(), Seen(kAcme, sightings));
  for (const catalog::HostedOffer& offer : catalog.hosted) {
    if (offer.provider == "acme") return offer.input.value;
  }
  return 0;
}

// Every table holds for the sightings in their order and backwards.
template <class PriceOf>
void Check(const std::vector<Case>& cases, PriceOf price_of) {
  for (Case one : cases) {
    EXPECT_DOUBLE_EQ(price_of(one.sightings), one.input) << one.what;
    std::reverse(one.sightings.begin(), one.sightings.end());
    EXPECT_DOUBLE_EQ(price_of(one.sightings), one.input) << one.what << ", imported backwards";
  }
}

TEST(Trust, OfAProductThatTheCatalogueKnows) {
  const std::vector<Case> cases = {
      {"one wrong row, ten times too dear, against two feeds and the catalogue",
       {{kSimon, "2026-10-01", 5}, {kDev, "2026-10-01", 5}, {kLite, "2026-10-02", 50}},
       5},
      {"the same, ten times too cheap",
       {{kSimon, "2026-10-01", 5}, {kDev, "2026-10-01", 5}, {kLite, "2026-10-02", 0.5}},
       5},
      {"a thousand times too cheap against one feed and the catalogue",
       {{kSimon, "2026-10-01", 5}, {kLite, "2026-10-02", 0.005}},
       5},
      {"against the catalogue alone", {{kLite, "2026-10-02", 50}}, 5},
      {"the wrong row of an older day than the catalogue", {{kLite, "2026-06-15", 50}}, 5},
      {"of the same day as all others",
       {{kSimon, "2026-10-01", 5}, {kDev, "2026-10-01", 5}, {kLite, "2026-10-01", 0.5}},
       5},
      {"still wrong a month later, while others show the old price",
       {{kSimon, "2026-10-01", 5},
        {kLite, "2026-10-02", 50},
        {kSimon, "2026-11-05", 5},
        {kLite, "2026-11-05", 50}},
       5},
      {"a feed that goes wrong, while another still shows the old price",
       {{kLite, "2026-09-01", 5},
        {kSimon, "2026-09-01", 5},
        {kLite, "2026-10-02", 50},
        {kLite, "2026-11-20", 50},
        {kSimon, "2026-11-20", 5}},
       5},
      {"a slip that its feed takes back",
       {{kLite, "2026-10-01", 5}, {kLite, "2026-10-02", 50}, {kLite, "2026-10-03", 5}},
       5},
      {"a slip of which another feed says the same years later is none",
       {{kLite, "2026-10-01", 5}, {kLite, "2026-10-02", 0.5}, {kLite, "2026-10-03", 5}},
       5},
      {"the wrong row comes first, the right ones later",
       {{kLite, "2026-09-01", 50}, {kSimon, "2026-10-01", 5}, {kDev, "2026-10-01", 5}},
       5},
      {"a change of price that its feed has shown for a month",
       {{kLite, "2026-09-01", 5}, {kLite, "2026-10-01", 0.5}, {kLite, "2026-11-02", 0.5}},
       0.5},
      {"not yet a month",
       {{kLite, "2026-09-01", 5}, {kLite, "2026-10-01", 0.5}, {kLite, "2026-10-20", 0.5}},
       5},
      {"a change of price that a second feed has too",
       {{kLite, "2026-09-01", 5}, {kLite, "2026-10-01", 0.5}, {kDev, "2026-10-03", 0.5}},
       0.5},
      {"a change of price that all feeds follow",
       {{kLite, "2026-09-01", 5},
        {kDev, "2026-09-01", 5},
        {kSimon, "2026-09-01", 5},
        {kLite, "2026-10-01", 50},
        {kDev, "2026-10-03", 50},
        {kSimon, "2026-10-06", 50}},
       50},
      {"two feeds against the catalogue",
       {{kLite, "2026-10-01", 0.5}, {kDev, "2026-10-01", 0.5}},
       0.5},
      {"two feeds against a feed of the same time and the catalogue: even, so it stays",
       {{kSimon, "2026-10-01", 5}, {kLite, "2026-10-01", 0.5}, {kDev, "2026-10-01", 0.5}},
       5},
      {"three against it",
       {{kLite, "2026-10-01", 0.5}, {kDev, "2026-10-01", 0.5}, {kSimon, "2026-10-01", 0.5}},
       0.5},
      {"one feed for a month against the catalogue",
       {{kLite, "2026-10-01", 0.5}, {kLite, "2026-11-02", 0.5}},
       0.5},
      {"five times is none", {{kLite, "2026-10-01", 25}}, 25},
  };
  Check(cases, OpusOf);
}

TEST(Trust, OfAProductThatItDoesNot) {
  const std::vector<Case> cases = {
      {"one each: the earlier stays, be the newer cheaper",
       {{kLite, "2026-09-01", 1}, {kDev, "2026-10-01", 0.1}},
       1},
      {"or dearer", {{kLite, "2026-09-01", 0.1}, {kDev, "2026-10-01", 1}}, 0.1},
      {"one each of one day: neither", {{kLite, "2026-09-01", 1}, {kDev, "2026-09-01", 0.1}}, 0},
      {"until a third tells",
       {{kLite, "2026-09-01", 1}, {kDev, "2026-09-01", 0.1}, {kSimon, "2026-09-20", 0.1}},
       0.1},
      {"a cut above five times, shown for months",
       {{kLite, "2025-01-01", 1},
        {kLite, "2025-04-01", 1},
        {kLite, "2025-05-01", 0.1},
        {kLite, "2025-06-15", 0.1},
        {kLite, "2025-09-01", 0.1}},
       0.1},
      {"two cuts of which neither is above five times of the one before",
       {{kLite, "2025-04-01", 1}, {kLite, "2025-05-01", 0.3}, {kLite, "2025-06-15", 0.1}},
       0.1},
      {"twenty-four times in a year is a change of price",
       {{kLite, "2025-07-24", 2.4}, {kLite, "2026-07-24", 0.1}},
       0.1},
      {"a thousand times in seven months is none without confirmation",
       {{kLite, "2025-12-24", 2}, {kLite, "2026-07-24", 0.002}},
       2},
  };
  Check(cases, AcmeOf);
}

// ---------------------------------------------------------------- what it says and keeps

TEST(Trust, WhatIsRefusedIsAContradictionToConfirm) {
  const Known known = KnownOffers(SmallCatalogue(), Seen(kOpus, {{kLite, "2026-10-02", 50}}));
  ASSERT_THAT(known.contradictions, SizeIs(1));
  EXPECT_FALSE(known.offers[*known.contradictions[0].trusted].feed.has_value());
  EXPECT_EQ(known.offers[known.contradictions[0].distrusted].feed, kLite);
  EXPECT_THAT(known.contradictions[0].reason, HasSubstr("to confirm"));
  EXPECT_THAT(known.contradictions[0].reason,
              HasSubstr("1 voice for the new price, 1 for the established one"));
}

TEST(Trust, OfTwoEqualsOfOneDayNeitherIsTrustedAndBothAreNamed) {
  const Known known =
      KnownOffers({}, Seen(kAcme, {{kLite, "2026-09-01", 1}, {kDev, "2026-09-01", 0.1}}));
  ASSERT_THAT(known.contradictions, SizeIs(2));
  EXPECT_FALSE(known.contradictions[0].trusted.has_value());
  EXPECT_FALSE(known.contradictions[1].trusted.has_value());
  EXPECT_THAT(CurrentOffers(known), IsEmpty());
}

TEST(Trust, ASupersededPriceStaysTrueInItsTime) {
  const History history = Seen(kAcme, {{kLite, "2025-01-01", 1},
                                       {kLite, "2025-04-01", 1},
                                       {kLite, "2025-05-01", 0.1},
                                       {kLite, "2025-06-15", 0.1},
                                       {kLite, "2025-09-01", 0.1}});
  const Known known = KnownOffers({}, history);
  EXPECT_THAT(known.contradictions, IsEmpty());
  const std::vector<std::size_t> all = {0, 1};
  ASSERT_THAT(known.offers, SizeIs(2));
  const auto days = ByDay(known, all);
  EXPECT_EQ(days.front().median.input, Dollars("1"));
  EXPECT_EQ(days.back().median.input, Dollars("0.1"));
  // Ten times cheaper, from the days on which the price was seen.
  const auto decline = MeasureDecline(known, all);
  ASSERT_TRUE(decline);
  EXPECT_GT(decline->mid, 0.95);
  EXPECT_THAT(CurrentOffers(known), testing::ElementsAre(1));
}

TEST(Trust, ACutThatItsFeedKeepsSupersedesTheCatalogue) {
  // groq 0.15/0.75 in the catalogue (2026-01), shown by the feed and then cut to a tenth.
  History history;
  for (const auto& [day, in, out] :
       {std::tuple("2026-03-01", "0.15", "0.6"), std::tuple("2026-03-20", "0.015", "0.06"),
        std::tuple("2026-04-25", "0.015", "0.06")}) {
    Merge(One(kLite, "groq", "groq/openai/gpt-oss-120b", day, InOut(in, out)), history);
  }
  const Known known = KnownOffers(SmallCatalogue(), history);
  EXPECT_THAT(known.contradictions, IsEmpty());
  for (const Offer& offer : known.offers) {
    EXPECT_FALSE(offer.contradicted) << offer.source;
    if (offer.provider == "groq" && !offer.feed) {
      EXPECT_EQ(offer.superseded_on, Day("2026-03-20"));
    }
  }
  for (const catalog::HostedOffer& offer : WithPrices(SmallCatalogue(), history).hosted) {
    EXPECT_DOUBLE_EQ(offer.input.value, 0.015);
  }
}

TEST(Trust, TheCatalogueHasAVoiceAboutListingsOfOtherNames) {
  catalog::Catalog catalog = SmallCatalogue();
  catalog.hosted[0].model = "llama-3.3-70b";
  catalog.hosted[0].provider = "together";
  constexpr char kTurbo[] = "together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo";
  History history;
  const auto price = [&] {
    for (const catalog::HostedOffer& offer : WithPrices(catalog, history).hosted) {
      if (offer.provider == "together") return offer.output.value;
    }
    return 0.0;
  };
  Merge(One(kLite, "together", kTurbo, "2026-03-01", InOut("0.0015", "0.0075")), history);
  EXPECT_DOUBLE_EQ(price(), 0.75);
  EXPECT_THAT(KnownOffers(catalog, history).contradictions, SizeIs(1));
  // Held for a month against the catalogue alone it counts, and the catalogue's is not at fault.
  Merge(One(kLite, "together", kTurbo, "2026-04-02", InOut("0.0015", "0.0075")), history);
  EXPECT_DOUBLE_EQ(price(), 0.0075);
  for (const Offer& offer : KnownOffers(catalog, history).offers) EXPECT_FALSE(offer.contradicted);
}

TEST(Trust, AFeedThatIsWrongAboutAllProvidersDoesNotVouchForItself) {
  catalog::Catalog catalog = SmallCatalogue();
  History history;
  for (const char* provider : {"groq", "x", "y"}) {
    if (std::string(provider) != "groq") {
      catalog::HostedOffer offer = catalog.hosted[0];
      offer.provider = provider;
      catalog.hosted.push_back(offer);
    }
    Merge(One(kLite, provider, "gpt-oss-120b", "2026-03-01", InOut("0.0015", "0.0075")), history);
  }
  for (const catalog::HostedOffer& offer : WithPrices(catalog, history).hosted) {
    EXPECT_DOUBLE_EQ(offer.input.value, 0.15) << offer.provider;
  }
}

}  // namespace
}  // namespace capacity::prices
