#include "planner/prices/json_text.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace capacity::prices {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Problem(std::string_view text, const JsonLimits& limits = {}) {
  const auto value = ParseJson(text, limits);
  return value.ok() ? "" : std::string(value.status().message());
}

TEST(ParseJson, KeepsNumbersAsWritten) {
  const auto root = ParseJson(R"({"a": 5.2e-07, "b": 3.0000000000000004e-07, "c": -1, "d": 12})");
  ASSERT_TRUE(root.ok());
  EXPECT_EQ(root->Find("a")->text, "5.2e-07");
  EXPECT_EQ(root->Find("b")->text, "3.0000000000000004e-07");
  EXPECT_EQ(root->Find("c")->text, "-1");
  EXPECT_EQ(root->Find("d")->text, "12");
}

TEST(ParseJson, RemembersRepeatedKeys) {
  const auto root = ParseJson(R"({"a": 1, "b": {"x": 1, "x": 2, "x": 3}, "a": 2})");
  ASSERT_TRUE(root.ok());
  EXPECT_THAT(root->duplicate_keys, ElementsAre("a"));
  EXPECT_THAT(root->Find("b")->duplicate_keys, ElementsAre("x"));
  EXPECT_EQ(root->members.size(), 3u);
}

TEST(ParseJson, SaysWhereItBreaks) {
  EXPECT_THAT(Problem("{\n  \"a\": 1,\n  oops\n}"), HasSubstr("line 3, column"));
  EXPECT_THAT(Problem(R"({"a": [1, 2)"), HasSubstr("ends too early"));
  EXPECT_THAT(Problem(""), HasSubstr("ends too early"));
  EXPECT_THAT(Problem("{} {}"), HasSubstr("not JSON"));
  EXPECT_THAT(Problem(R"({"a": NaN})"), HasSubstr("not JSON"));
  EXPECT_THAT(Problem(R"({"a": 1e999})"), HasSubstr("no double holds"));
  EXPECT_THAT(Problem("{\"a\": \"\xff\"}"), HasSubstr("not JSON"));
}

TEST(ParseJson, RefusesDepthSizeAndCount) {
  EXPECT_THAT(Problem(std::string(100'000, '[')), HasSubstr("nested deeper"));
  EXPECT_EQ(Problem(std::string(64, '[') + std::string(64, ']')), "");
  EXPECT_THAT(Problem("[1,2,3,4]", {.values = 4}), HasSubstr("more than 4 values"));
  EXPECT_THAT(Problem(std::string(2000, ' '), {.bytes = 1000}), HasSubstr("at most"));
}

TEST(JsonQuote, SurvivesWhatIsNoText) {
  EXPECT_EQ(JsonQuote("a\"b\n"), R"("a\"b\n")");
  EXPECT_TRUE(ParseJson(JsonQuote("\xff\x01")).ok());
}

}  // namespace
}  // namespace capacity::prices
