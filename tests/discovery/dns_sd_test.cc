#include "planner/discovery/dns_sd.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <string>

namespace capacity::discovery {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(FactsTest, GoThereAndBack) {
  const Facts facts = {{"tls", "1"}, {"version", "0.1.0"}, {"empty", ""}, {"odd", "a=b"}};
  EXPECT_EQ(DecodeFacts(*EncodeFacts(facts)), facts);
  EXPECT_EQ(*EncodeFacts({}), "");
}

TEST(FactsTest, TooLongOnesAreRefused) {
  EXPECT_TRUE(EncodeFacts({{"k", std::string(253, 'x')}}).ok());
  EXPECT_FALSE(EncodeFacts({{"k", std::string(254, 'x')}}).ok());
  EXPECT_FALSE(EncodeFacts({{"", "x"}}).ok());
  EXPECT_FALSE(EncodeFacts({{"a=b", "x"}}).ok());
}

TEST(FactsTest, StrangersMayWriteAnything) {
  EXPECT_TRUE(DecodeFacts("").empty());
  EXPECT_TRUE(DecodeFacts(std::string("\0", 1)).empty());
  EXPECT_TRUE(DecodeFacts("\x02=x").empty());
  EXPECT_THAT(DecodeFacts("\x03k=1\x03k=2"), ElementsAre(Pair("k", "1")));  // the first counts
  EXPECT_THAT(DecodeFacts("\x04yes!"), ElementsAre(Pair("yes!", "")));
  EXPECT_THAT(DecodeFacts("\xff"
                          "k=cut"),
              ElementsAre(Pair("k", "cut")));
  for (int size = 0; size < 256; ++size) {
    DecodeFacts(std::string(1, static_cast<char>(size)) + std::string(7, '='));
  }
}

// Needs a responder: avahi-daemon, or macOS.
TEST(DnsSdTest, WhatIsAnnouncedIsFoundAndNoLongerOnceItIsNot) {
  const std::string name = "planner test " + std::to_string(getpid());
  auto announced = Announcement::Start(name, 17443, {{"tls", "1"}});
  if (!announced.ok()) {
    GTEST_SKIP() << "no responder here: " << announced.status().message();
  }
  const auto is_ours = [&](const Found& found) { return found.instance == name; };
  const auto found = Browse(std::chrono::seconds{4});
  ASSERT_TRUE(found.ok()) << found.status().message();
  const auto ours = std::find_if(found->begin(), found->end(), is_ours);
  ASSERT_NE(ours, found->end());
  EXPECT_EQ(ours->port, 17443);
  EXPECT_EQ(ours->facts.at("tls"), "1");
  EXPECT_FALSE(ours->host.empty());
  EXPECT_FALSE(ours->addresses.empty());

  announced->reset();
  const auto after = Browse(std::chrono::seconds{2});
  ASSERT_TRUE(after.ok());
  EXPECT_TRUE(std::none_of(after->begin(), after->end(), is_ours));
}

}  // namespace
}  // namespace capacity::discovery
