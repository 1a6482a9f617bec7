#include "planner/report/table.h"

#include <limits>

#include "gtest/gtest.h"

namespace capacity::report {
namespace {

TEST(Table, AlignsColumnsAndDropsTrailingSpace) {
  Table table({{"name"}, {"usd", Align::kRight}, {"note"}});
  table.Add({"spark", "4,699", ""});
  table.Add({"a", "69", "cable"});
  EXPECT_EQ(table.Render({}),
            "name     usd  note\n"
            "spark  4,699\n"
            "a         69  cable\n");
}

TEST(Table, CountsCodePointsNotBytes) {
  Table table({{"range", Align::kRight}, {"x"}});
  table.Add({"1–2", "a"});
  table.Add({"10–20", "b"});
  EXPECT_EQ(table.Render({}), "range  x\n  1–2  a\n10–20  b\n");
}

TEST(Table, ShrinksOnlyShrinkingColumnsUntilItFits) {
  Table table({{"source", Align::kLeft, true}, {"months", Align::kRight}});
  table.Add({std::string(120, 's'), "7.4"});
  Style style;
  style.width = 40;
  const std::string text = table.Render(style);
  EXPECT_NE(text.find(std::string(31, 's') + "…     7.4\n"), std::string::npos) << text;
}

TEST(Table, NoColorMeansNoEscapes) {
  Table table({{"a"}});
  table.Add({"b"});
  EXPECT_EQ(table.Render({}).find('\033'), std::string::npos);
  Style color;
  color.color = true;
  EXPECT_NE(table.Render(color).find("\033[1m"), std::string::npos);
}

TEST(Wrap, BreaksAtSpacesAndIndents) {
  EXPECT_EQ(Wrap("one two three four", 9, 2), "one two\n  three\n  four");
  EXPECT_EQ(Wrap("longerthanthewidth x", 5, 0), "longerthanthewidth\nx");
  EXPECT_EQ(Wrap("", 5, 0), "");
}

TEST(Format, Usd) {
  EXPECT_EQ(FormatUsd(0), "$0");
  EXPECT_EQ(FormatUsd(38.5), "$38.50");
  EXPECT_EQ(FormatUsd(69), "$69");
  EXPECT_EQ(FormatUsd(1234567.4), "$1,234,567");
  EXPECT_EQ(FormatUsd(-4699), "-$4,699");
}

TEST(Format, NumberKeepsThreeDigits) {
  EXPECT_EQ(FormatNumber(0.1234), "0.123");
  EXPECT_EQ(FormatNumber(9.994), "9.99");
  EXPECT_EQ(FormatNumber(9.996), "10.0");
  EXPECT_EQ(FormatNumber(99.96), "100");
  EXPECT_EQ(FormatNumber(12345.6), "12,346");
}

TEST(Format, Months) {
  EXPECT_EQ(FormatMonths(7.44), "7.4");
  EXPECT_EQ(FormatMonths(123.4), "123");
  EXPECT_EQ(FormatMonths(std::numeric_limits<double>::infinity()), "never");
}

}  // namespace
}  // namespace capacity::report
