#include "planner/economics/subscription.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace capacity::economics {
namespace {

// $200 a month for 100 Mtok, $3 for each million above.
fleet::Subscription WithOverage() { return {"max", Usd::FromDollars(200), 100, UsdPerMtok{3}}; }

// The same with a second plan instead of overage.
fleet::Subscription ByThePlan() { return {"max", Usd::FromDollars(200), 100, std::nullopt}; }

TEST(SubscriptionCostTest, NothingCostsNothingAnythingTheFee) {
  EXPECT_EQ(SubscriptionCost(WithOverage(), 0), Usd{0});
  EXPECT_EQ(SubscriptionCost(WithOverage(), 0.001), Usd::FromDollars(200));
  EXPECT_EQ(SubscriptionCost(WithOverage(), 100), Usd::FromDollars(200));
  EXPECT_EQ(SubscriptionCost(WithOverage(), 130), Usd::FromDollars(290));
}

TEST(SubscriptionCostTest, WithoutOverageEveryQuotaBegunIsAnotherPlan) {
  EXPECT_EQ(SubscriptionCost(ByThePlan(), 100), Usd::FromDollars(200));
  EXPECT_EQ(SubscriptionCost(ByThePlan(), 101), Usd::FromDollars(400));
  EXPECT_EQ(SubscriptionCost(ByThePlan(), 200), Usd::FromDollars(400));
  EXPECT_EQ(SubscriptionCost(ByThePlan(), 201), Usd::FromDollars(600));
}

TEST(SubscriptionSavingTest, IsCancelledOnlyWhenEverythingIsServed) {
  EXPECT_EQ(SubscriptionSaving(WithOverage(), 80, 79), Usd{0});
  EXPECT_EQ(SubscriptionSaving(WithOverage(), 80, 80), Usd::FromDollars(200));
  EXPECT_EQ(SubscriptionSaving(WithOverage(), 80, 500), Usd::FromDollars(200));
}

TEST(SubscriptionSavingTest, TheFirstDollarsAreThoseOfTheOverage) {
  EXPECT_EQ(SubscriptionSaving(WithOverage(), 130, 10), Usd::FromDollars(30));
  EXPECT_EQ(SubscriptionSaving(WithOverage(), 130, 30), Usd::FromDollars(90));
  EXPECT_EQ(SubscriptionSaving(WithOverage(), 130, 129), Usd::FromDollars(90));
  EXPECT_EQ(SubscriptionSaving(WithOverage(), 130, 130), Usd::FromDollars(290));
}

TEST(SubscriptionSavingTest, IsMonotoneAndNeverMoreThanTheBill) {
  const unsigned seed = 8;
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> unit(0, 1);
  for (int i = 0; i < 3000; ++i) {
    SCOPED_TRACE("seed " + std::to_string(seed) + " case " + std::to_string(i));
    fleet::Subscription subscription{"s", Usd::FromDollars(500 * unit(random)),
                                     0.1 + 200 * unit(random), std::nullopt};
    if (i % 2 == 0) subscription.overage = UsdPerMtok{20 * unit(random)};
    const double demand = 1000 * unit(random);
    const double served = demand * unit(random);
    const Usd bill = SubscriptionCost(subscription, demand);
    const Usd saved = SubscriptionSaving(subscription, demand, served);
    EXPECT_GE(saved, Usd{0});
    EXPECT_LE(saved, bill);
    EXPECT_GE(SubscriptionSaving(subscription, demand, served + 1), saved);
    EXPECT_EQ(SubscriptionSaving(subscription, demand, demand), bill);
    // What is saved in two steps is what is saved in one, to the cent.
    const double more = (demand - served) * unit(random);
    EXPECT_EQ(saved + SubscriptionSaving(subscription, demand - served, more),
              bill - SubscriptionCost(subscription, demand - served - more));
  }
}

}  // namespace
}  // namespace capacity::economics
