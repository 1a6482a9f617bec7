#include "planner/pki/token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace capacity::pki {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kFingerprint(32, 'f');

TEST(JoinToken, ReadsBackAsWritten) {
  for (int i = 0; i < 100; ++i) {
    const auto token = CreateJoinToken(kFingerprint);
    ASSERT_TRUE(token.ok());
    const std::string text = Format(*token);
    EXPECT_EQ(text.size(), 92u);
    EXPECT_EQ(text.substr(0, 5), "cpjt_");
    const auto read = ParseJoinToken("  " + text + "\n");
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, *token);
  }
}

TEST(JoinToken, IsWrittenAsDocumented) {
  const JoinToken token = {std::string(32, '\0'), std::string(32, '\xff')};
  EXPECT_EQ(Format(token), "cpjt_" + std::string(43, 'A') + "." + std::string(42, '_') + "8");
}

TEST(JoinToken, HasOneSpelling) {
  const std::string text = Format({std::string(32, '\0'), std::string(32, '\0')});
  for (std::size_t i = 5; i < text.size(); ++i) {
    if (text[i] == '.') continue;
    std::string other = text;
    other[i] = 'B';  // the last character of a part has two spare bits, which must be zero
    const auto read = ParseJoinToken(other);
    const bool last_of_part = i == 47 || i == 91;
    EXPECT_EQ(read.ok(), !last_of_part) << i;
  }
}

TEST(JoinToken, ThatIsDamagedIsRefusedWithoutBeingQuoted) {
  const std::string text = Format(*CreateJoinToken(kFingerprint));
  for (const std::string& damaged :
       {std::string(), std::string("cpjt_"), text.substr(1), text.substr(0, 91), text + "A",
        text.substr(0, 48) + "A" + text.substr(49), text.substr(0, 20) + "!" + text.substr(21)}) {
    const auto read = ParseJoinToken(damaged);
    EXPECT_TRUE(absl::IsInvalidArgument(read.status())) << damaged;
    EXPECT_THAT(std::string(read.status().message()), Not(HasSubstr(text.substr(5, 15))));
  }
}

TEST(JoinToken, IsStoredAsAHashOfItsSecret) {
  // printf 'ssssssssssssssssssssssssssssssss' | sha256sum
  const JoinToken token = {std::string(32, 's'), kFingerprint};
  EXPECT_EQ(ToHex(HashForStore(token)),
            "8fd6a6a78f5857d7ba1cfe9033bffeec86da2ba6a4bd60a6f833209d9d3e390d");
}

TEST(JoinToken, NeedsAWholeFingerprint) {
  EXPECT_TRUE(absl::IsInvalidArgument(CreateJoinToken("short").status()));
}

TEST(Ids, AreRandom) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(*RandomId());
  EXPECT_EQ(ids.size(), 1000u);
  EXPECT_EQ(ids.begin()->size(), 32u);
}

TEST(EqualInConstantTime, IsEquality) {
  EXPECT_TRUE(EqualInConstantTime("", ""));
  EXPECT_TRUE(EqualInConstantTime("abc", "abc"));
  EXPECT_FALSE(EqualInConstantTime("abc", "abd"));
  EXPECT_FALSE(EqualInConstantTime("abc", "ab"));
}

}  // namespace
}  // namespace capacity::pki
