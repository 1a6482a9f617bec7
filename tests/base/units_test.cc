#include "planner/base/units.h"

#include "gtest/gtest.h"

namespace capacity {
namespace {

TEST(Units, BytesOverBandwidthIsTime) {
  const Seconds time = GB(546) / BytesPerSecond{546e9};
  EXPECT_DOUBLE_EQ(time.value, 1.0);
}

TEST(Units, GiBAndGBDiffer) {
  EXPECT_EQ(GiB(128).count, 137438953472);
  EXPECT_EQ(GB(128).count, 128000000000);
  EXPECT_NEAR(GiB(1).gb(), 1.0737, 1e-4);
}

TEST(Usd, CentsAreExactInSums) {
  Usd sum;
  for (int i = 0; i < 1'000'000; ++i) sum += Usd::FromDollars(0.10);
  EXPECT_EQ(sum, Usd::FromDollars(100'000));
}

TEST(Usd, RoundsToTheNearestCent) {
  EXPECT_EQ(Usd::FromDollars(0.125).cents, 13);
  EXPECT_EQ(Usd::FromDollars(-0.125).cents, -13);
  EXPECT_EQ(Usd::FromDollars(9499).cents, 949900);
}

}  // namespace
}  // namespace capacity
