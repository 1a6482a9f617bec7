// Quotes of the user's own: currency, tax, availability.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/inventory/support.h"

namespace capacity::inventory {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kEuro[] = "economics: {costs: {currency: {code: EUR, per_usd: 0.8}}}\n";

Loaded<fleet::Scenario> Load(const std::string& offer, const std::string& more = "") {
  return LoadText("nodes: [{machine: dgx-spark}]\noffers: [{machine: dgx-spark, " + offer + "}]\n" +
                  more);
}

const fleet::Offer* Spark(const Loaded<fleet::Scenario>& loaded) {
  if (!loaded.value) return nullptr;
  for (const fleet::Offer& offer : loaded.value->offers) {
    if (offer.id == "dgx-spark") return &offer;
  }
  return nullptr;
}

TEST(Quotes, InAnotherCurrencyAtTheStatedRate) {
  const auto loaded = Load("price: 4000, price_low: 3600, price_high: 4400, currency: EUR", kEuro);
  ASSERT_THAT(Lines(loaded.problems), IsEmpty());
  const fleet::Offer* offer = Spark(loaded);
  ASSERT_NE(offer, nullptr);
  EXPECT_EQ(offer->price.cents, 500'000);
  EXPECT_EQ(offer->price_low.cents, 450'000);
  EXPECT_EQ(offer->price_high.cents, 550'000);
  EXPECT_THAT(offer->source, HasSubstr("in EUR at 0.8 for a US dollar"));
}

TEST(Quotes, TaxThatComesBackIsNoCost) {
  const auto loaded = Load("price: 4760, currency: EUR, vat_recovered: 0.19", kEuro);
  ASSERT_NE(Spark(loaded), nullptr);
  EXPECT_EQ(Spark(loaded)->price.cents, 500'000);
  EXPECT_THAT(Spark(loaded)->source, HasSubstr("less 19 % tax"));
  EXPECT_EQ(Spark(Load("price_usd: 5950, vat_recovered: 0.19"))->price.cents, 500'000);
}

TEST(Quotes, DollarsNeedNoRate) {
  EXPECT_EQ(Spark(Load("price: 4000, currency: USD"))->price.cents, 400'000);
  EXPECT_EQ(Spark(Load("price_usd: 4000"))->price.cents, 400'000);
}

TEST(Quotes, WithoutARateThereIsNoPrice) {
  EXPECT_THAT(Lines(Load("price: 4000, currency: EUR").problems),
              Contains(HasSubstr("no exchange rate of EUR is stated; add economics")));
  EXPECT_THAT(Lines(Load("price: 4000, currency: CHF", kEuro).problems),
              Contains(HasSubstr("no exchange rate of CHF")));
  EXPECT_THAT(Lines(Load("price: 4000").problems), Contains(HasSubstr("without a currency")));
  EXPECT_THAT(Lines(Load("price: 4000, price_usd: 4000, currency: USD").problems),
              Contains(HasSubstr("both price and price_usd")));
  EXPECT_THAT(Lines(Load("price: 9e9, currency: EUR",
                         "economics: {costs: {currency: {code: EUR, per_usd: 1e-9}}}\n")
                        .problems),
              Contains(HasSubstr("more than 10 million dollars")));
}

TEST(Quotes, DollarsAreDollarsWhateverTheCurrency) {
  EXPECT_THAT(
      Lines(Load("price_usd: 4759, currency: EUR", kEuro).problems),
      Contains(HasSubstr("price_usd is in US dollars, whatever the currency; state price")));
  EXPECT_THAT(Lines(Load("price_usd: 4759, currency: USD").problems), IsEmpty());
}

TEST(Quotes, TaxWithoutAPriceIsAMistake) {
  EXPECT_THAT(Lines(Load("vat_recovered: 0.19").problems),
              Contains(HasSubstr("vat_recovered without a price")));
}

TEST(Quotes, DatesAreOfTheCalendar) {
  for (const char* date : {"2026", "2026-11", "2026-11-20", "2024-02-29"}) {
    EXPECT_THAT(Lines(Load(std::string("price_usd: 1, as_of: \"") + date + "\"").problems),
                IsEmpty())
        << date;
  }
  for (const char* date : {"yesterday", "2026-13-01", "2026-02-29", "2026-11-31", "26-11", "2026-",
                           "20261120", "2026-1-1"}) {
    EXPECT_THAT(Lines(Load(std::string("price_usd: 1, as_of: \"") + date + "\"").problems),
                Contains(HasSubstr("is no date")))
        << date;
  }
}

TEST(Quotes, CurrenciesHaveCodesAndADollarIsADollar) {
  const auto with = [](const char* currency) {
    return Lines(
        Load("price_usd: 1", std::string("economics: {costs: {currency: ") + currency + "}}\n")
            .problems);
  };
  EXPECT_THAT(with("{code: USD, per_usd: 1}"), IsEmpty());
  EXPECT_THAT(with("{code: USD, per_usd: 0.5}"), Contains(HasSubstr("is one US dollar")));
  EXPECT_THAT(with("{code: euro, per_usd: 0.9}"), Contains(HasSubstr("no currency code")));
}

TEST(Quotes, WhatIsNotAvailableIsNoOffer) {
  EXPECT_NE(Spark(Load("price_usd: 4000, available: true")), nullptr);
  const auto loaded = Load("available: false");
  EXPECT_THAT(Lines(loaded.problems), IsEmpty());
  EXPECT_EQ(Spark(loaded), nullptr);
}

}  // namespace
}  // namespace capacity::inventory
