#include "planner/base/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "planner/base/diagnostics.h"

namespace capacity {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ParseBytes, TellsGbFromGib) {
  EXPECT_EQ(*ParseBytes("128 GiB"), GiB(128));
  EXPECT_EQ(*ParseBytes("128GB"), GB(128));
  EXPECT_EQ(*ParseBytes("1.5 MiB"), Bytes{1572864});
  EXPECT_EQ(*ParseBytes(" 2 TB "), GB(2000));
  EXPECT_EQ(*ParseBytes("7 B"), Bytes{7});
}

TEST(ParseBytes, NeverGuessesAUnit) {
  EXPECT_THAT(std::string(ParseBytes("128").status().message()), HasSubstr("has no unit"));
  EXPECT_THAT(std::string(ParseBytes("128 gb").status().message()), HasSubstr("unknown size unit"));
  EXPECT_THAT(std::string(ParseBytes("-1 GB").status().message()), HasSubstr("negative"));
  EXPECT_THAT(std::string(ParseBytes("1e9 TB").status().message()), HasSubstr("unknown size unit"));
  EXPECT_THAT(std::string(ParseBytes("99999999999 TB").status().message()), HasSubstr("absurd"));
  for (const std::string bad : {"", "GiB", "nan GiB", "inf GB", "--1 GB", "1.2.3 GB"}) {
    EXPECT_FALSE(ParseBytes(bad).ok()) << bad;
  }
}

TEST(ParseCount, KnowsThousandsAndTheirBinarySisters) {
  EXPECT_EQ(*ParseCount("131072"), 131072);
  EXPECT_EQ(*ParseCount("128k"), 128000);
  EXPECT_EQ(*ParseCount("128Ki"), 131072);
  EXPECT_EQ(*ParseCount("3M"), 3e6);
  EXPECT_EQ(*ParseCount("1.5B"), 1.5e9);
  EXPECT_FALSE(ParseCount("3 millions").ok());
}

TEST(CloseMatches, AreBestFirstAndLeaveOutDistantRelatives) {
  const std::vector<std::string> known = {"mac-studio-m3-ultra-256gb", "mac-studio-m3-ultra-512gb",
                                          "dgx-spark"};
  EXPECT_THAT(CloseMatches("mac-studio-m3-ultra-512g", known),
              ElementsAre("mac-studio-m3-ultra-512gb"));
  EXPECT_THAT(CloseMatches("mac-studio", known),
              ElementsAre("mac-studio-m3-ultra-256gb", "mac-studio-m3-ultra-512gb"));
  EXPECT_THAT(CloseMatches("cray-1", known), IsEmpty());
  EXPECT_EQ(DidYouMean("dgx-sparc", known), "did you mean \"dgx-spark\"?");
  EXPECT_EQ(DidYouMean("cray-1", known), "");
}

TEST(Diagnostic, ReadsAsOneLine) {
  EXPECT_EQ(ToString({"f.yaml", 12, 7, "it is wrong", "write it right"}),
            "f.yaml:12:7: it is wrong; write it right");
  EXPECT_EQ(ToString({"f.yaml", 0, 0, "the file is empty", ""}), "f.yaml: the file is empty");
}

}  // namespace
}  // namespace capacity
