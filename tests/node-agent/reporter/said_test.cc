#include "node-agent/reporter/said.h"

#include <gtest/gtest.h>

#include <string>

namespace capacity::reporter {
namespace {

TEST(Said, OneOfAKindUntilItIsCleared) {
  Said said;
  EXPECT_TRUE(said.IsFirst("too many calls; try again in 106 ms"));
  EXPECT_FALSE(said.IsFirst("too many calls; try again in 53 ms"));
  EXPECT_TRUE(said.IsFirst("the disk is full"));
  EXPECT_FALSE(said.IsFirst("the disk is full"));
  said.Clear();
  EXPECT_TRUE(said.IsFirst("the disk is full"));
}

TEST(Said, AClockThatGoesOnIsNoNews) {
  Said said;
  EXPECT_TRUE(said.IsFirst("this machine's clock says 2026-11-22 08:09 UTC"));
  EXPECT_FALSE(said.IsFirst("this machine's clock says 2026-11-22 08:10 UTC"));
}

TEST(Said, IsSilentBeforeItFillsTheMemory) {
  Said said;
  std::size_t first = 0;
  for (std::size_t i = 1; i <= 10 * Said::kMostKinds; ++i) {
    if (said.IsFirst(std::string(i, 'x'))) ++first;
  }
  EXPECT_EQ(first, Said::kMostKinds);
}

}  // namespace
}  // namespace capacity::reporter
