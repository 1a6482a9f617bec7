#include "planner/prices/token_price.h"

#include "gtest/gtest.h"

namespace capacity::prices {
namespace {

std::string PerToken(std::string_view text) {
  const auto price = ParsePrice(text, PriceUnit::kUsdPerToken);
  return price.ok() ? ToString(*price) : std::string(price.status().message());
}

std::string PerMtok(std::string_view text) {
  const auto price = ParsePrice(text, PriceUnit::kUsdPerMtok);
  return price.ok() ? ToString(*price) : std::string(price.status().message());
}

TEST(ParsePrice, TheSamePriceInEverySpelling) {
  EXPECT_EQ(PerToken("5.2e-07"), "0.52");
  EXPECT_EQ(PerToken("0.00000052"), "0.52");
  EXPECT_EQ(PerToken("52E-8"), "0.52");
  EXPECT_EQ(PerMtok("0.52"), "0.52");
  EXPECT_EQ(PerMtok("00.5200"), "0.52");
}

TEST(ParsePrice, LeavesNoBinaryNoise) {
  EXPECT_EQ(PerToken("0.00000004815"), "0.04815");
  EXPECT_EQ(PerToken("3.0000000000000004e-07"), "0.3");  // as feeds carry it
  EXPECT_EQ(PerMtok("0.30000000000000004"), "0.3");
  const Price a = *ParsePrice("0.1", PriceUnit::kUsdPerMtok);
  EXPECT_EQ(ToString(Price{3 * a.nano_usd_per_mtok}), "0.3");
}

TEST(ParsePrice, SignsAndZeros) {
  EXPECT_EQ(PerToken("-1"), "-1000000");
  EXPECT_EQ(PerMtok("-0.25"), "-0.25");
  EXPECT_EQ(PerMtok("+3"), "3");
  EXPECT_EQ(PerMtok("0"), "0");
  EXPECT_EQ(PerMtok("0e400"), "0");
  EXPECT_EQ(PerMtok("1e-300"), "0");
  EXPECT_EQ(PerMtok("0.0000000005"), "0.000000001");  // half away from zero
  EXPECT_EQ(PerMtok("0.00000000049"), "0");
}

TEST(ParsePrice, RefusesWhatIsNoNumber) {
  for (const char* text : {"", "free", "NaN", "inf", "-", ".", "1e", "1e+", "1,5", "1.2.3", "0x10",
                           "1 ", " 1", "$3"}) {
    EXPECT_FALSE(ParsePrice(text, PriceUnit::kUsdPerMtok).ok()) << text;
  }
}

TEST(ParsePrice, RefusesWhatDoesNotFit) {
  for (const char* text : {"1e300", "99999999999999999999", "1e99999999999"}) {
    EXPECT_EQ(ParsePrice(text, PriceUnit::kUsdPerMtok).status().code(),
              absl::StatusCode::kOutOfRange)
        << text;
  }
}

TEST(PriceToString, ReadsBackExactly) {
  for (const std::int64_t nano :
       {std::int64_t{1}, std::int64_t{999'999'999}, std::int64_t{48'150'000},
        std::int64_t{25'000'000'000}, std::int64_t{-37'000'000}}) {
    const Price price{nano};
    EXPECT_EQ(*ParsePrice(ToString(price), PriceUnit::kUsdPerMtok), price) << nano;
  }
}

TEST(Blended, IsTheArticlesMix) {
  TokenPrices prices;
  prices.input = {5'000'000'000};
  prices.output = {25'000'000'000};
  EXPECT_DOUBLE_EQ(Blended(prices).value, 0.7 * 25 + 0.3 * 5);
}

}  // namespace
}  // namespace capacity::prices
