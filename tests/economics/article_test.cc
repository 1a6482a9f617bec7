#include "planner/economics/article.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/economics/article_transcription.h"

namespace capacity::economics {
namespace {

std::string Printed(double value, int decimals) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

TEST(ArticleTest, ReproducesAllSixteenPayoffRows) {
  const std::vector<PayoffRow> table = PayoffTable(TranscribedArticle());
  const std::vector<PrintedPayoff> printed = PrintedPayoffTable();
  ASSERT_EQ(printed.size(), 16u);
  ASSERT_EQ(table.size(), printed.size());
  for (std::size_t i = 0; i < table.size(); ++i) {
    SCOPED_TRACE(printed[i].setup + " " + printed[i].model);
    EXPECT_EQ(table[i].setup, printed[i].setup);
    EXPECT_EQ(table[i].model, printed[i].model);
    EXPECT_EQ(Printed(table[i].cloud_usd_per_hour, 2), printed[i].usd_per_hour);
    EXPECT_EQ(Printed(table[i].payoff_months, 1), printed[i].months);
  }
}

TEST(ArticleTest, ReproducesAllThirtyTwoRiskCells) {
  const std::vector<RiskCell> table = RiskTable(TranscribedArticle());
  const std::vector<PrintedRisk> printed = PrintedRiskTable();
  ASSERT_EQ(printed.size(), 32u);
  ASSERT_EQ(table.size(), printed.size());
  for (std::size_t i = 0; i < table.size(); ++i) {
    SCOPED_TRACE(printed[i].setup + " at " + std::to_string(printed[i].utilization) + ", decline " +
                 std::to_string(printed[i].annual_decline));
    EXPECT_EQ(table[i].setup, printed[i].setup);
    EXPECT_EQ(table[i].model, printed[i].model);
    EXPECT_DOUBLE_EQ(table[i].utilization, printed[i].utilization);
    EXPECT_DOUBLE_EQ(table[i].annual_decline, printed[i].annual_decline);
    const std::string months =
        table[i].payoff_months ? std::to_string(*table[i].payoff_months) : "never";
    EXPECT_EQ(months, printed[i].months);
  }
}

// The article says "most setups never break even" at 80 % decline and little use; at 10 % none do.
TEST(ArticleTest, NoSetupPaysBackAtTenPercentUtilizationAndEightyPercentDecline) {
  ArticlePreset preset = WithEveryRowAtRisk(TranscribedArticle());
  preset.utilizations = {0.1};
  preset.annual_declines = {0.8};
  const std::vector<RiskCell> table = RiskTable(preset);
  EXPECT_EQ(table.size(), 16u);
  for (const RiskCell& cell : table) {
    EXPECT_EQ(cell.payoff_months, std::nullopt) << cell.setup << " " << cell.model;
  }
}

}  // namespace
}  // namespace capacity::economics
