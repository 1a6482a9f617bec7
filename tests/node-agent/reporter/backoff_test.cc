#include "node-agent/reporter/backoff.h"

#include <gtest/gtest.h>

namespace capacity::reporter {
namespace {

using std::chrono::milliseconds;

TEST(BackOff, DoublesUpToHalfAMinute) {
  EXPECT_EQ(BackOff(1, 1.0), milliseconds(1'000));
  EXPECT_EQ(BackOff(2, 1.0), milliseconds(2'000));
  EXPECT_EQ(BackOff(3, 1.0), milliseconds(4'000));
  EXPECT_EQ(BackOff(7, 1.0), kLongestWait);
  EXPECT_EQ(BackOff(1'000'000, 1.0), kLongestWait);
}

TEST(BackOff, SpreadsOverTheUpperHalf) {
  EXPECT_EQ(BackOff(4, 0.0), milliseconds(4'000));
  EXPECT_EQ(BackOff(4, 0.5), milliseconds(6'000));
  EXPECT_EQ(BackOff(100, 0.0), milliseconds(15'000));
}

TEST(BackOff, IsNeverNothing) {
  EXPECT_GE(BackOff(0, -1.0), milliseconds(500));
  EXPECT_GE(BackOff(-5, 0.0), milliseconds(500));
}

}  // namespace
}  // namespace capacity::reporter
