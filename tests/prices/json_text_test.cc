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
  EXPECT_THAT(Problem(""), HasSubstr("empty"));
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

TEST(ParseJson, SaysWhatAFileIsInstead) {
  struct {
    std::string text;
    const char* expected;
  } const kCases[] = {
      {"\x1f\x8b\x08 and so on", "gzip"},
      {std::string("\xff\xfe{\0}\0", 6), "UTF-16"},
      {std::string("\xfe\xff\0{\0}", 6), "UTF-16"},
      {"\n <!DOCTYPE html><html>", "a web page"},
      {"PK\x03\x04zip", "zip"},
      {" \n", "empty"},
  };
  for (const auto& test : kCases) {
    EXPECT_THAT(Problem(test.text), HasSubstr(test.expected));
    EXPECT_EQ(Problem(test.text).rfind("line 1, column 1: ", 0), 0u) << Problem(test.text);
  }
}

TEST(Located, HasFileLineAndColumn) {
  const auto parsed = ParseJson("{\n  \"a\": oops\n}");
  const Diagnostic problem = Located("prices.json", parsed.status());
  EXPECT_EQ(problem.line, 2);
  EXPECT_GT(problem.column, 1);
  EXPECT_EQ(ToString(problem).rfind("prices.json:2:", 0), 0u);
  EXPECT_THAT(ToString(problem), HasSubstr(": not JSON; "));
  EXPECT_EQ(ToString(Located("a.json", absl::OutOfRangeError("too deep"))), "a.json: too deep");
}

TEST(JsonQuote, SurvivesWhatIsNoText) {
  EXPECT_EQ(JsonQuote("a\"b\n"), R"("a\"b\n")");
  EXPECT_TRUE(ParseJson(JsonQuote("\xff\x01")).ok());
}

}  // namespace
}  // namespace capacity::prices
