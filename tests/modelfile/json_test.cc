#include "planner/modelfile/json.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace capacity::modelfile {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Blanked(std::string text) {
  BlankNonNumbers(text);
  return text;
}

TEST(Json, NumbersThatJsonHasNotAreBlankedWhereAValueMayStand) {
  EXPECT_EQ(Blanked(R"({"a": NaN, "b": [0.0, Infinity], "c":-Infinity})"),
            R"({"a": "" , "b": [0.0, ""      ], "c":""       })");
  EXPECT_EQ(Blanked("NaN"), "\"\" ");
  for (const char* text : {R"({"NaN": "Infinity, NaN", "a\"": "\\"})", "{NaN: 1}", "[1, NaNs]",
                           "[xNaN]", "[1 NaN]", "{\"a\": 1, NaN: 2}", "\"NaN", "\"\\", ""}) {
    EXPECT_EQ(Blanked(text), text);
  }
}

TEST(Json, BlankedFieldsAreMissing) {
  const auto root = ParseJson(Blanked(R"({"a": Infinity, "b": 2})"));
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(root->Number("a"), std::nullopt);
  EXPECT_EQ(root->Number("b"), 2);
}

TEST(Json, MembersAreGivenOneByOne) {
  std::vector<std::string> seen;
  const auto take = [&](const std::string& key, const JsonValue& value) {
    seen.push_back(key + "=" + std::to_string(value.items.size()));
    return absl::OkStatus();
  };
  EXPECT_TRUE(ForEachMember(R"({"a": {"b": [1, 2]}, "c": null, "d": [1, 2], "e": 1})", take).ok());
  EXPECT_THAT(seen, ElementsAre("a=1", "c=0", "d=2", "e=0"));
  EXPECT_THAT(std::string(ForEachMember(R"({"a": 1, "a": 2})", take).message()),
              HasSubstr("key \"a\" stands twice"));
  EXPECT_THAT(std::string(ForEachMember("[1]", take).message()), HasSubstr("no JSON object"));
  EXPECT_THAT(std::string(ForEachMember(R"({"a": 1)", take, 8).message()),
              HasSubstr("byte 15: not JSON"));
}

TEST(Json, LimitsAreForEachMember) {
  const auto take = [](const std::string&, const JsonValue&) { return absl::OkStatus(); };
  const JsonLimits limits{.depth = 3, .values = 4};
  EXPECT_TRUE(ForEachMember(R"({"a": [1, 2], "b": [1, 2], "c": [1, 2]})", take, 0, limits).ok());
  EXPECT_FALSE(ForEachMember(R"({"a": [1, 2, 3, 4]})", take, 0, limits).ok());
  EXPECT_FALSE(ForEachMember(R"({"a": [[[1]]]})", take, 0, limits).ok());
}

TEST(Json, TheTakersStatusEndsIt) {
  int calls = 0;
  const auto take = [&](const std::string&, const JsonValue&) {
    ++calls;
    return absl::InvalidArgumentError("enough");
  };
  EXPECT_EQ(ForEachMember(R"({"a": 1, "b": 2})", take).message(), "enough");
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace capacity::modelfile
