// What stands beside the ladder: the frontier, the whole budget, other ways, waiting, causes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <random>
#include <string>

#include "planner/inventory/inventory.h"
#include "planner/purchase/alternatives.h"
#include "planner/purchase/purchase.h"
#include "tests/support/shipped.h"

namespace capacity::purchase {
namespace {

using capacity::testing::Fitted;
using capacity::testing::Shipped;

fleet::Scenario Inventory(const std::string& name, double demand = 1) {
  fleet::Scenario scenario =
      *inventory::LoadScenario(Shipped(), "inventories/" + name + ".yaml", {}).value;
  for (fleet::Workload& workload : scenario.workloads) {
    if (workload.input_tokens_per_day) *workload.input_tokens_per_day *= demand;
    if (workload.output_tokens_per_day) *workload.output_tokens_per_day *= demand;
  }
  return scenario;
}

Options Within(double budget) {
  Options options;
  options.budget = Usd::FromDollars(budget);
  return options;
}

Ladder LadderFor(const fleet::Scenario& scenario, const Options& options) {
  return *Recommend(Shipped(), Fitted(), scenario, options);
}

const Alternative& Of(const Ladder& ladder, const std::string& kind) {
  return *std::find_if(ladder.alternatives.begin(), ladder.alternatives.end(),
                       [&](const Alternative& way) { return way.kind == kind; });
}

int MachinesIn(const std::vector<BoughtItem>& items) {
  int count = 0;
  for (const BoughtItem& item : items) {
    if (Shipped().FindMachine(item.item) != nullptr) count += item.count;
  }
  return count;
}

// ---------------------------------------------------------------- frontier, whole budget

TEST(FrontierTest, StartsAtTodayAndTheWholeBudgetLiesOnIt) {
  for (const char* name : {"one-m4-max", "two-sparks", "home-lab"}) {
    SCOPED_TRACE(name);
    const Ladder ladder = LadderFor(Inventory(name, 8), Within(10'000));
    ASSERT_TRUE(ladder.frontier);
    const Frontier& frontier = *ladder.frontier;
    ASSERT_FALSE(frontier.points.empty());
    EXPECT_EQ(frontier.points[0].cost, Usd{0});
    EXPECT_NEAR(frontier.points[0].value.value, ladder.today.value.value, 1e-6);
    EXPECT_TRUE(frontier.points.back().on_hull);
    double last_payoff = 0;
    for (const FrontierPoint& point : frontier.points) {
      if (!point.on_hull || point.cost == Usd{0}) continue;
      EXPECT_GT(point.step_payoff_months, last_payoff) << "the hull is concave";
      EXPECT_LE(point.step_payoff_months, frontier.horizon_months);
      last_payoff = point.step_payoff_months;
    }
    // No rung, and not the whole budget's best, lies above it.
    auto best_for = [&](Usd money) {
      double best = 0;
      for (const FrontierPoint& point : frontier.points) {
        if (point.cost <= money) {
          best = point.value.value - point.cost.dollars() / frontier.horizon_months;
        }
      }
      return best;
    };
    for (const Rung& rung : ladder.rungs) {
      EXPECT_LE(rung.after.value.value - rung.cumulative.dollars() / frontier.horizon_months,
                best_for(rung.cumulative) + 1e-3);
    }
    if (ladder.whole_budget) {
      const WholeBudget& whole = *ladder.whole_budget;
      EXPECT_GE(whole.better_usd_per_month, 0);
      EXPECT_LE(ladder.today.value.value + whole.marginal_value.value -
                    whole.cost.dollars() / frontier.horizon_months,
                best_for(whole.cost) + 1e-3);
    }
  }
}

double WholeObjective(const Ladder& ladder) {
  if (!ladder.whole_budget) return ladder.today.value.value;
  const WholeBudget& whole = *ladder.whole_budget;
  return ladder.today.value.value + whole.marginal_value.value -
         whole.cost.dollars() / whole.threshold_months;
}

double LadderObjective(const Ladder& ladder) {
  if (ladder.rungs.empty()) return ladder.today.value.value;
  return ladder.rungs.back().after.value.value - ladder.rungs.back().cumulative.dollars() / 36;
}

TEST(WholeBudgetTest, MoreMoneyOffersAndDemandNeverHurt) {
  Options options = Within(0);
  options.compare = false;
  double last = -1e300;
  for (double budget : {0.0, 1500.0, 3000.0, 4500.0, 6000.0, 8000.0, 10'000.0, 14'000.0}) {
    options.budget = Usd::FromDollars(budget);
    const Ladder ladder = LadderFor(Inventory("home-lab", 8), options);
    EXPECT_GE(WholeObjective(ladder), last - 1e-3) << budget;
    EXPECT_GE(WholeObjective(ladder), LadderObjective(ladder) - 1e-3) << budget;
    last = WholeObjective(ladder);
  }
  options.budget = Usd::FromDollars(8000);
  const fleet::Scenario scenario = Inventory("two-sparks");
  const double all = WholeObjective(LadderFor(scenario, options));
  for (std::size_t o = 0; o < scenario.offers.size(); o += 3) {
    fleet::Scenario fewer = scenario;
    fewer.offers.erase(fewer.offers.begin() + static_cast<std::ptrdiff_t>(o));
    EXPECT_LE(WholeObjective(LadderFor(fewer, options)), all + 1e-3) << scenario.offers[o].id;
  }
}

// The plan does not depend on the order in which the inventory lists things.
TEST(RecommendTest, TheOrderOfNodesAndOffersDoesNotMatter) {
  const unsigned seed = 17;
  std::mt19937 random(seed);
  for (const char* name : {"home-lab", "two-sparks"}) {
    const fleet::Scenario scenario = Inventory(name, 6);
    const Ladder ladder = LadderFor(scenario, Within(12'000));
    for (int i = 0; i < 4; ++i) {
      SCOPED_TRACE(std::string(name) + " seed " + std::to_string(seed) + " shuffle " +
                   std::to_string(i));
      fleet::Scenario shuffled = scenario;
      std::shuffle(shuffled.offers.begin(), shuffled.offers.end(), random);
      std::reverse(shuffled.workloads.begin(), shuffled.workloads.end());
      const Ladder again = LadderFor(shuffled, Within(12'000));
      ASSERT_EQ(again.rungs.size(), ladder.rungs.size());
      EXPECT_NEAR(again.today.value.value, ladder.today.value.value, 1e-6);
      for (std::size_t r = 0; r < ladder.rungs.size(); ++r) {
        EXPECT_EQ(List(again.rungs[r].items), List(ladder.rungs[r].items));
        EXPECT_NEAR(again.rungs[r].marginal_value.value, ladder.rungs[r].marginal_value.value,
                    1e-6);
      }
    }
  }
}

TEST(RecommendTest, AThresholdNeedNotBeWhole) {
  Options options = Within(10'000);
  options.thresholds_months = {2.4};
  const Ladder ladder = LadderFor(Inventory("two-sparks"), options);
  ASSERT_FALSE(ladder.rungs.empty());
  EXPECT_THAT(ladder.rungs[0].why, ::testing::HasSubstr("over 2.4 months"));
  EXPECT_LE(ladder.rungs[0].marginal_payoff_months.mid, 2.4);
}

// ---------------------------------------------------------------- other ways

TEST(AlternativesTest, EachIsWhatItSaysAndNoneBeatsTheRungAtItsOwnMeasure) {
  for (const char* name : {"one-m4-max", "two-sparks", "home-lab"}) {
    SCOPED_TRACE(name);
    const Ladder ladder = LadderFor(Inventory(name, 50), Within(12'000));
    ASSERT_FALSE(ladder.rungs.empty());
    const Rung& rung = ladder.rungs[0];
    EXPECT_EQ(ladder.alternatives_threshold_months, rung.threshold_months);
    const double measure = rung.marginal_value.value - rung.cost.dollars() / rung.threshold_months;
    for (const Alternative& way : ladder.alternatives) {
      SCOPED_TRACE(way.kind);
      if (!way.remark.empty()) continue;
      EXPECT_LE(way.cost, Usd::FromDollars(12'000));
      EXPECT_NEAR(way.behind_usd_per_month,
                  measure - (way.marginal_value.value - way.cost.dollars() / rung.threshold_months),
                  1e-6);
      EXPECT_NEAR(way.after.value.value, ladder.today.value.value + way.marginal_value.value, 1e-6);
      EXPECT_GE(way.behind_usd_per_month, -1e-3);
      if (way.same_as_rung) {
        EXPECT_EQ(List(way.items), List(rung.items));
      }
    }
    const Alternative& nothing = Of(ladder, "nothing");
    EXPECT_TRUE(nothing.items.empty());
    EXPECT_EQ(nothing.marginal_value.value, 0);
    EXPECT_EQ(MachinesIn(Of(ladder, "one-machine").items), 1);
    EXPECT_GE(MachinesIn(Of(ladder, "several-machines").items), 2);
    for (const Assignment& assignment : Of(ladder, "apart").after.assignments) {
      const auto& names = assignment.node_names;
      const bool fresh = std::any_of(names.begin(), names.end(), [](const std::string& node) {
        return node.rfind("new ", 0) == 0;
      });
      if (fresh) {
        EXPECT_EQ(assignment.placement.nodes.size(), 1u);
      }
    }
    const auto& offers = Inventory(name).offers;
    auto condition = [&](const BoughtItem& item) {
      return std::find_if(offers.begin(), offers.end(),
                          [&](const auto& offer) { return offer.id == item.offer; })
          ->condition;
    };
    for (const BoughtItem& item : Of(ladder, "new-only").items) {
      if (Shipped().FindMachine(item.item) == nullptr) continue;
      EXPECT_EQ(condition(item), catalog::Condition::kNew);
    }
    for (const BoughtItem& item : Of(ladder, "used-only").items) {
      if (Shipped().FindMachine(item.item) == nullptr) continue;
      EXPECT_NE(condition(item), catalog::Condition::kNew);
    }
  }
}

// One M4 Max and a second one on offer: what they would do as a cluster is worked out even though
// two apart make more tokens.
TEST(AlternativesTest, AClusterThatReplicasBeatIsShownBesideThem) {
  fleet::Scenario scenario = Inventory("one-m4-max", 50);
  std::erase_if(scenario.offers, [](const fleet::Offer& offer) {
    return Shipped().FindMachine(offer.item) != nullptr;
  });
  fleet::Offer second;
  second.id = second.item = "mac-studio-m4-max-128gb";
  second.price = Usd::FromDollars(3499);
  scenario.offers.push_back(second);
  const Ladder ladder = LadderFor(scenario, Within(6000));
  ASSERT_FALSE(ladder.rungs.empty());
  const Alternative& apart = Of(ladder, "apart");
  const Alternative& together = Of(ladder, "together");
  EXPECT_TRUE(apart.same_as_rung);
  ASSERT_EQ(together.remark, "");
  EXPECT_GT(together.behind_usd_per_month, 0);
  const bool clustered = std::any_of(
      together.after.assignments.begin(), together.after.assignments.end(),
      [](const Assignment& assignment) { return assignment.placement.nodes.size() == 2; });
  EXPECT_TRUE(clustered);
}

TEST(AlternativesTest, AReplacedMachinePaysForPartOfTheNewOne) {
  fleet::Scenario scenario = Inventory("one-m4-max", 20);
  std::vector<fleet::Node> nodes = scenario.fleet.nodes();
  nodes[0].overrides.resale_value = Usd::FromDollars(2500);
  scenario.fleet = *fleet::Fleet::Create(nodes, scenario.fleet.links(), {});
  const Ladder ladder = LadderFor(scenario, Within(8000));
  const Alternative& way = Of(ladder, "replace");
  ASSERT_EQ(way.remark, "");
  EXPECT_EQ(way.sold, "studio");
  Usd items;
  for (const BoughtItem& item : way.items) items += item.total;
  EXPECT_EQ(way.cost, items - Usd::FromDollars(2500));
  EXPECT_LE(items, Usd::FromDollars(10'500));
  for (const Assignment& assignment : way.after.assignments) {
    for (const std::string& node : assignment.node_names) EXPECT_NE(node, "studio");
  }
  EXPECT_EQ(Of(LadderFor(Inventory("one-m4-max"), Within(8000)), "replace").remark,
            "no owned machine states its resale_value");
}

TEST(WaitForTest, IsTheDifferenceOfTwoSums) {
  const Delay delay{.cost = Usd::FromDollars(1200), .gross = {110}, .running = {10}};
  const std::vector<Waiting> waits = WaitFor(delay);
  ASSERT_EQ(waits.size(), 3u);
  EXPECT_EQ(waits[0].months, 3);
  EXPECT_NEAR(waits[0].net_now, 36 * 100 - 1200, 1e-9);
  EXPECT_NEAR(waits[0].net_waiting, 33 * 100 - 1200, 1e-9);
  // 300 of 1200 is lost: prices must fall by a quarter in three months.
  ASSERT_TRUE(waits[0].break_even_decline);
  EXPECT_NEAR(*waits[0].break_even_decline, 1 - std::pow(0.75, 4), 1e-12);
  EXPECT_FALSE(waits[2].break_even_decline) << "1200 is lost in a year";
  Delay falling = delay;
  falling.hardware_price_decline = *waits[0].break_even_decline;
  const Waiting even = WaitFor(falling)[0];
  EXPECT_NEAR(even.net_waiting, even.net_now, 0.01);  // prices are in whole cents
}

TEST(WaitForTest, FallingTokenPricesMakeTheLostMonthsTheDearest) {
  const Delay delay{
      .cost = Usd::FromDollars(1000), .gross = {100}, .running = {0}, .token_price_decline = 0.5};
  double saved = 0;
  for (int month = 0; month < 3; ++month) saved += 100 * std::pow(0.5, month / 12.0);
  const Waiting wait = WaitFor(delay)[0];
  EXPECT_NEAR(wait.net_now - wait.net_waiting, saved, 1e-9);
}

// ---------------------------------------------------------------- intervals

TEST(PayoffIntervalTest, CausesAddInSquares) {
  for (const char* name : {"one-m4-max", "two-sparks", "home-lab"}) {
    const Ladder ladder = LadderFor(Inventory(name, 8), Within(10'000));
    for (const Rung& rung : ladder.rungs) {
      const Estimate& months = rung.marginal_payoff_months;
      ASSERT_FALSE(rung.causes.empty());
      double widest = 0;
      double sum = 0;
      for (const Cause& cause : rung.causes) {
        const double longest = std::max(cause.months_at_low, cause.months_at_high);
        widest = std::max(widest, longest);
        sum += std::max(0.0, longest - months.mid);
      }
      EXPECT_GE(months.high, widest - 1e-9) << "no narrower than its widest cause";
      if (rung.causes.size() > 1 && std::isfinite(months.high)) {
        EXPECT_LE(std::log(months.high / months.mid),
                  3 * std::log((months.mid + sum) / months.mid) + 1e-9);
      }
    }
  }
}

TEST(PayoffIntervalTest, AStatedRangeOfPricesWidensIt) {
  fleet::Scenario scenario = Inventory("two-sparks");
  const Options options = Within(10'000);
  const Ladder exact = LadderFor(scenario, options);
  ASSERT_FALSE(exact.rungs.empty());
  const std::string bought = exact.rungs[0].items[0].offer;
  for (fleet::Offer& offer : scenario.offers) {
    if (offer.id != bought) continue;
    offer.price_low = Usd::FromDollars(offer.price.dollars() * 0.7);
    offer.price_high = Usd::FromDollars(offer.price.dollars() * 1.6);
  }
  const Ladder ranged = LadderFor(scenario, options);
  EXPECT_EQ(List(ranged.rungs[0].items), List(exact.rungs[0].items));
  EXPECT_GT(ranged.rungs[0].marginal_payoff_months.high,
            exact.rungs[0].marginal_payoff_months.high);
  EXPECT_LT(ranged.rungs[0].marginal_payoff_months.low, exact.rungs[0].marginal_payoff_months.low);
  const auto& causes = ranged.rungs[0].causes;
  EXPECT_TRUE(std::any_of(causes.begin(), causes.end(),
                          [&](const Cause& cause) { return cause.name == "price of " + bought; }));
}

// ---------------------------------------------------------------- interruption

TEST(WatchTest, StoppedBeforeItBeganIsAnEmptyLadderThatSaysSo) {
  const std::atomic<bool> stop{true};
  Options options = Within(10'000);
  options.watch.stop = &stop;
  const Ladder ladder = LadderFor(Inventory("two-sparks"), options);
  EXPECT_TRUE(ladder.rungs.empty());
  EXPECT_TRUE(ladder.optimality.interrupted);
  EXPECT_FALSE(ladder.optimality.proven);
  EXPECT_THAT(ladder.stopped_reason, ::testing::HasSubstr("interrupted"));
}

TEST(WatchTest, StoppedOnTheWayKeepsTheRungsFoundUntilThen) {
  std::atomic<bool> stop{false};
  Options options = Within(10'000);
  const Ladder whole = LadderFor(Inventory("two-sparks"), options);
  ASSERT_FALSE(whole.rungs.empty());
  const std::string after_first =
      "looking for the rung at " +
      std::to_string(static_cast<int>(whole.rungs[0].threshold_months)) + " months";
  bool passed = false;
  options.watch.stop = &stop;
  options.watch.progress = [&](std::string_view what) {
    if (passed) stop = true;
    passed = passed || what == after_first;
  };
  const Ladder ladder = LadderFor(Inventory("two-sparks"), options);
  EXPECT_TRUE(ladder.optimality.interrupted);
  ASSERT_GE(ladder.rungs.size(), 1u);
  EXPECT_EQ(List(ladder.rungs[0].items), List(whole.rungs[0].items));
}

}  // namespace
}  // namespace capacity::purchase
