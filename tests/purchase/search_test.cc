// Both searches against brute force on random problems, and against each other.
#include "planner/purchase/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <numeric>
#include <string>

#include "planner/purchase/climb.h"
#include "planner/purchase/enumeration.h"
#include "planner/purchase/milp_search.h"
#include "planner/purchase/reduce.h"
#include "tests/purchase/random_problem.h"

namespace capacity::purchase {
namespace {

constexpr double kLongest = 36;
constexpr double kForever = 1e6;  // months
const std::vector<double> kThresholds = {6, 12, 18, 24, 36};
constexpr double kTolerance = 1e-5;  // dollars a month

enum class Way { kEnumeration, kMilp };

// A reduced problem with a search over it.
struct Solvable {
  explicit Solvable(const Problem& problem, Usd budget, Way way) : reduced(Reduce(problem)) {
    if (way == Way::kEnumeration) {
      search = Enumeration::Create(reduced, budget, kLongest);
    } else {
      solver = MakeCbcSolver();
      search = MakeMilpSearch(reduced, budget, kLongest, *solver, {.absolute_gap = 1e-7});
    }
  }
  Problem reduced;
  std::unique_ptr<MilpSolver> solver;
  std::unique_ptr<Search> search;
};

Terms At(const Problem& problem, double months) {
  Terms terms;
  terms.months = months;
  terms.at_least = EmptyBasket(problem);
  return terms;
}

class SearchTest : public testing::TestWithParam<Way> {};

void ExpectBestIsBruteForce(Way way, unsigned seed, int cases) {
  std::mt19937 random(seed);
  for (int i = 0; i < cases; ++i) {
    SCOPED_TRACE("seed " + std::to_string(seed) + " case " + std::to_string(i));
    const Problem problem = RandomProblem(random, i % 3 != 0);
    const Usd budget = Usd::FromDollars(std::uniform_int_distribution<int>(0, 12'000)(random));
    const double months = kThresholds[static_cast<std::size_t>(i) % kThresholds.size()];
    Solvable solvable(problem, budget, way);
    ASSERT_NE(solvable.search, nullptr);
    const auto best = BruteForceBest(problem, budget, At(problem, months));
    const Found found = solvable.search->Best(At(problem, months));
    ASSERT_TRUE(found.choice && best);
    EXPECT_TRUE(found.proven);
    EXPECT_NEAR(found.choice->Objective(months), best->Objective(months), kTolerance);
    EXPECT_LE(found.choice->cost, budget);
    // The value of the basket by itself, with its operation, is the value it was chosen for.
    const Found again = solvable.search->ValueOf(found.choice->basket);
    EXPECT_NEAR(again.choice->usd_per_month, found.choice->usd_per_month, kTolerance);
    EXPECT_NEAR(BruteForceValue(problem, found.choice->basket), found.choice->usd_per_month,
                kTolerance);
  }
}

TEST_P(SearchTest, AgreesWithAllBasketsAndAllGroupings) {
  ExpectBestIsBruteForce(GetParam(), 41, 40);
}

TEST_P(SearchTest, HoldsWhatMustBeHeldAndNotWhatIsExcluded) {
  const unsigned seed = 7;
  std::mt19937 random(seed);
  for (int i = 0; i < 30; ++i) {
    SCOPED_TRACE("seed " + std::to_string(seed) + " case " + std::to_string(i));
    const Problem problem = RandomProblem(random, i % 2 == 0);
    const Usd budget = Usd::FromDollars(9000);
    Solvable solvable(problem, budget, GetParam());
    const Basket nothing = EmptyBasket(problem);
    const Found first = solvable.search->Best(At(problem, 12));
    ASSERT_TRUE(first.choice);
    Terms holding = At(problem, 36);
    holding.at_least = first.choice->basket;
    const Found more = solvable.search->Best(holding);
    ASSERT_TRUE(more.choice);
    EXPECT_TRUE(Contains(more.choice->basket, first.choice->basket));
    EXPECT_GE(more.choice->Objective(36), first.choice->Objective(36) - kTolerance);
    if (first.choice->basket == nothing) continue;
    Terms without = At(problem, 12);
    without.excluding = &first.choice->basket;
    const Found other = solvable.search->Best(without);
    ASSERT_TRUE(other.choice);
    EXPECT_FALSE(Contains(other.choice->basket, first.choice->basket));
    EXPECT_LE(other.choice->Objective(12), first.choice->Objective(12) + kTolerance);
  }
}

TEST_P(SearchTest, MoreBudgetMoreOffersAndMoreDemandNeverHurt) {
  const unsigned seed = 11;
  std::mt19937 random(seed);
  for (int i = 0; i < 40; ++i) {
    SCOPED_TRACE("seed " + std::to_string(seed) + " case " + std::to_string(i));
    Problem problem = RandomProblem(random, true);
    const Usd budget = Usd::FromDollars(5000);
    auto objective = [&](const Problem& p, Usd b) {
      Solvable solvable(p, b, GetParam());
      return solvable.search->Best(At(p, 24)).choice->Objective(24);
    };
    const double base = objective(problem, budget);
    EXPECT_GE(objective(problem, budget + Usd::FromDollars(2000)), base - kTolerance);
    Problem fewer = problem;
    fewer.kinds[0].offers.clear();
    EXPECT_LE(objective(fewer, budget), base + kTolerance);
    Problem more = problem;
    for (WorkloadLimit& limit : more.workloads) limit.demand_mtok *= 1.5;
    EXPECT_GE(objective(more, budget), base - kTolerance);
  }
}

// Two boxes that only pay together with their cable: neither is worth anything alone.
TEST_P(SearchTest, BuysWhatOnlyPaysTogether) {
  Problem problem;
  problem.kinds = {{.offers = {{Usd::FromDollars(1000), 5}}}};
  problem.items = {{.offers = {{Usd::FromDollars(69), 5}}}};
  problem.workloads = {{}};
  problem.columns = {{.nodes = {2}, .items = {1}, .options = {{0, 50, 10}}}};
  Solvable solvable(problem, Usd::FromDollars(3000), GetParam());
  const Found found = solvable.search->Best(At(problem, 6));
  EXPECT_EQ(found.choice->basket, (Basket{{2}, {1}}));
  EXPECT_NEAR(found.choice->usd_per_month, 500, kTolerance);
  Solvable poor(problem, Usd::FromDollars(2068), GetParam());
  EXPECT_TRUE(IsEmpty(poor.search->Best(At(problem, 6)).choice->basket));
}

TEST_P(SearchTest, BuysTheCheaperOfferFirst) {
  Problem problem;
  problem.kinds = {{.offers = {{Usd::FromDollars(700), 1}, {Usd::FromDollars(900), 9}}}};
  problem.workloads = {{}};
  problem.columns = {{.nodes = {1}, .options = {{0, 10, 20}}}};
  Solvable solvable(problem, Usd::FromDollars(2000), GetParam());
  const Found found = solvable.search->Best(At(problem, 12));
  EXPECT_EQ(found.choice->basket.nodes, (std::vector<int>{2}));
  EXPECT_EQ(found.choice->cost, Usd::FromDollars(1600));
}

// All of at_least, excluding, budget, machine counts and demanded clusters at once.
TEST_P(SearchTest, MeetsAnyTermsAsBruteForceDoes) {
  const unsigned seed = 23;
  std::mt19937 random(seed);
  auto draw = [&random](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  int demanded = 0;
  const int cases = GetParam() == Way::kMilp ? 60 : 400;
  for (int i = 0; i < cases; ++i) {
    SCOPED_TRACE("seed " + std::to_string(seed) + " case " + std::to_string(i));
    Problem problem = RandomProblem(random, i % 2 == 0);
    Problem reduced = Reduce(problem);
    if (i % 3 == 0) {
      for (std::size_t c = 0; c < reduced.columns.size(); ++c) {
        const auto& nodes = reduced.columns[c].nodes;
        if (std::accumulate(nodes.begin(), nodes.end(), 0) > 1) {
          reduced.one_of.push_back(static_cast<int>(c));
        }
      }
      demanded += reduced.one_of.empty() ? 0 : 1;
    }
    // Kinds that could never pay are not looked at, even where something must be bought.
    const std::vector<bool> worth = WorthBuying(reduced, kForever);
    for (std::size_t k = 0; k < worth.size(); ++k) {
      if (!worth[k]) reduced.kinds[k].offers.clear();
    }
    const Usd budget = Usd::FromDollars(9000);
    const bool milp = GetParam() == Way::kMilp;
    const auto solver = MakeCbcSolver();
    const std::unique_ptr<Search> search =
        milp ? MakeMilpSearch(reduced, budget, kForever, *solver, {.absolute_gap = 1e-7})
             : Enumeration::Create(reduced, budget, kForever);
    ASSERT_NE(search, nullptr);
    Terms terms = At(problem, draw(3, 40));
    terms.budget = Usd::FromDollars(draw(1000, 9000));
    terms.min_machines = draw(0, 2);
    terms.max_machines = terms.min_machines + draw(0, 2);
    const auto best = BruteForceBest(reduced, budget, terms, Lp::kOwn);
    const Found found = search->Best(terms);
    ASSERT_EQ(found.choice.has_value(), best.has_value());
    if (!best) continue;
    EXPECT_NEAR(found.choice->Objective(terms.months), best->Objective(terms.months), kTolerance);
    EXPECT_LE(found.choice->cost, *terms.budget);
    EXPECT_GE(Machines(found.choice->basket), terms.min_machines);
    EXPECT_LE(Machines(found.choice->basket), terms.max_machines);
  }
  EXPECT_GT(demanded, 5);
}

TEST_P(SearchTest, OfEqualBasketsTheCheapestIsChosen) {
  // Two of the first do what one of the second does, for the same objective at 10 months.
  Problem problem;
  problem.kinds = {{.offers = {{Usd::FromDollars(1000), 2}}},
                   {.offers = {{Usd::FromDollars(3000), 1}}}};
  problem.workloads = {{}};
  problem.columns = {{.nodes = {1, 0}, .options = {{0, 20, 10}}},   // 200 - 100
                     {.nodes = {0, 1}, .options = {{0, 50, 10}}}};  // 500 - 300
  Solvable solvable(problem, Usd::FromDollars(3500), GetParam());
  Terms terms = At(problem, 10);
  terms.ties = Ties::kCheapest;
  const Found found = solvable.search->Best(terms);
  EXPECT_NEAR(found.choice->Objective(10), 200, 1e-3);
  EXPECT_EQ(found.choice->basket.nodes, (std::vector<int>{2, 0}));
}

// The frontier holds, for every sum of money, the best that it buys.
TEST_P(SearchTest, TheFrontierIsTheBestForEverySumOfMoney) {
  const unsigned seed = 31;
  std::mt19937 random(seed);
  const bool milp = GetParam() == Way::kMilp;
  const double months = 36;
  int steps = 0;
  for (int i = 0; i < (milp ? 40 : 300); ++i) {
    SCOPED_TRACE("seed " + std::to_string(seed) + " case " + std::to_string(i));
    const Problem problem = RandomProblem(random, i % 2 == 0);
    const Usd budget = Usd::FromDollars(10'000);
    Solvable solvable(problem, budget, GetParam());
    const Curve curve = solvable.search->Frontier(months);
    EXPECT_TRUE(curve.proven);
    ASSERT_FALSE(curve.points.empty());
    EXPECT_EQ(curve.points[0].cost, Usd{0});
    steps += static_cast<int>(curve.points.size()) - 1;
    const std::vector<Choice> all = AllChoices(solvable.reduced, budget, Lp::kOwn);
    auto best_for = [&](Usd money) {
      double best = -1e300;
      for (const Choice& choice : all) {
        if (choice.cost <= money) best = std::max(best, choice.Objective(months));
      }
      return best;
    };
    for (std::size_t p = 0; p < curve.points.size(); ++p) {
      const Choice& point = curve.points[p];
      EXPECT_NEAR(point.Objective(months), best_for(point.cost), kTolerance);
      if (p == 0) continue;
      EXPECT_GT(point.cost, curve.points[p - 1].cost);
      EXPECT_GT(point.usd_per_month, curve.points[p - 1].usd_per_month);
      if (!curve.complete) continue;
      // A cent less buys no more than the point before.
      EXPECT_NEAR(best_for(point.cost - Usd{1}), curve.points[p - 1].Objective(months),
                  kTolerance + kEqualUsdPerMonth);
    }
    EXPECT_NEAR(curve.points.back().Objective(months), best_for(budget), kTolerance);
    // No basket lies above the hull.
    const std::vector<std::size_t> hull = ConcaveHull(curve.points);
    for (std::size_t h = 1; h < hull.size(); ++h) {
      const Choice& a = curve.points[hull[h - 1]];
      const Choice& b = curve.points[hull[h]];
      const double slope = (b.usd_per_month - a.usd_per_month) / (b.cost - a.cost).dollars();
      for (const Choice& choice : all) {
        const double line = a.usd_per_month + slope * (choice.cost - a.cost).dollars();
        EXPECT_LE(choice.usd_per_month, line + 0.02);
      }
    }
  }
  EXPECT_GT(steps, 30);
}

INSTANTIATE_TEST_SUITE_P(Ways, SearchTest, testing::Values(Way::kEnumeration, Way::kMilp),
                         [](const auto& way) {
                           return way.param == Way::kMilp ? "Cbc" : "Enumeration";
                         });

// The same as above on thousands of problems, each by every subset of what is on offer and every
// partition of the nodes.
TEST(EnumerationTest, AgreesWithAllSubsetsAndAllPartitionsOfThousandsOfProblems) {
  const unsigned seed = 20261122;
  std::mt19937 random(seed);
  int bought = 0;
  for (int i = 0; i < 20000; ++i) {
    SCOPED_TRACE("seed " + std::to_string(seed) + " case " + std::to_string(i));
    const Problem problem = RandomProblem(random, i % 3 != 0);
    const Usd budget = Usd::FromDollars(std::uniform_int_distribution<int>(0, 12'000)(random));
    const double months = kThresholds[static_cast<std::size_t>(i) % kThresholds.size()];
    Solvable solvable(problem, budget, Way::kEnumeration);
    ASSERT_NE(solvable.search, nullptr);
    const auto best = BruteForceBest(problem, budget, At(problem, months), Lp::kOwn);
    const Found found = solvable.search->Best(At(problem, months));
    ASSERT_TRUE(found.choice && best);
    ASSERT_NEAR(found.choice->Objective(months), best->Objective(months), kTolerance);
    bought += IsEmpty(found.choice->basket) ? 0 : 1;
  }
  EXPECT_GT(bought, 5000);
}

TEST(EnumerationTest, GivesUpWhereItsLimitsSaySo) {
  Problem problem;
  problem.kinds = {{.offers = {{Usd::FromDollars(1), 1000}}},
                   {.offers = {{Usd::FromDollars(1), 1000}}}};
  problem.workloads = {{}, {}};
  problem.columns = {{.nodes = {1, 0}, .options = {{0, 10, 20}}},
                     {.nodes = {0, 1}, .options = {{1, 10, 20}}}};
  EXPECT_EQ(Enumeration::Create(problem, Usd::FromDollars(1000), 36), nullptr);
}

TEST(EnumerationTest, GivesUpWhenToldToStop) {
  Problem problem;
  problem.kinds = {{.offers = {{Usd::FromDollars(1), 5}}}};
  problem.workloads = {{}};
  problem.columns = {{.nodes = {1}, .options = {{0, 10, 20}}}};
  std::atomic<bool> stop{false};
  EXPECT_NE(Enumeration::Create(problem, Usd::FromDollars(5), 36, &stop), nullptr);
  stop = true;
  EXPECT_EQ(Enumeration::Create(problem, Usd::FromDollars(5), 36, &stop), nullptr);
}

// ---------------------------------------------------------------- ladder

TEST(ClimbLadderTest, EveryRungIsBruteForcesBestThatHoldsTheOneBefore) {
  const unsigned seed = 99;
  std::mt19937 random(seed);
  int rungs = 0;
  for (int i = 0; i < 40; ++i) {
    SCOPED_TRACE("seed " + std::to_string(seed) + " case " + std::to_string(i));
    const Problem problem = RandomProblem(random, i % 2 == 0);
    const Usd budget = Usd::FromDollars(10'000);
    Solvable solvable(problem, budget, Way::kEnumeration);
    const Climb climb = ClimbLadder(*solvable.search, solvable.reduced, kThresholds);
    EXPECT_NEAR(climb.start.usd_per_month, BruteForceValue(problem, EmptyBasket(problem)),
                kTolerance);
    for (const Step& step : climb.steps) {
      ++rungs;
      Terms holding = At(problem, step.months);
      holding.at_least = step.before.basket;
      const auto best = BruteForceBest(problem, budget, holding);
      EXPECT_NEAR(step.after.Objective(step.months), best->Objective(step.months), kTolerance);
      EXPECT_TRUE(Contains(step.after.basket, step.before.basket));
      EXPECT_GT(step.after.usd_per_month, step.before.usd_per_month);
    }
  }
  EXPECT_GT(rungs, 10);
}

// A cable has the best ratio once its box is there; the ladder does not buy the cable alone.
TEST(ClimbLadderTest, TinyPurchasesDoNotDisplaceLargeOnes) {
  Problem problem;
  problem.kinds = {{.offers = {{Usd::FromDollars(4000), 3}}},
                   {.offers = {{Usd::FromDollars(100), 1}}}};
  problem.workloads = {{}};
  problem.columns = {{.nodes = {1, 0}, .options = {{0, 100, 10}}},  // 1000 a month for 4000
                     {.nodes = {0, 1}, .options = {{0, 10, 10}}}};  // 100 a month for 100
  Solvable solvable(problem, Usd::FromDollars(4050), Way::kEnumeration);
  const Climb climb = ClimbLadder(*solvable.search, solvable.reduced, kThresholds);
  ASSERT_EQ(climb.steps.size(), 1u);
  EXPECT_EQ(climb.steps[0].after.basket.nodes, (std::vector<int>{1, 0}));
  ASSERT_TRUE(climb.steps[0].runner_up);
  EXPECT_EQ(climb.steps[0].runner_up->basket.nodes, (std::vector<int>{0, 1}));
}

// ---------------------------------------------------------------- operation, reduction

// What brute force rests on where it does not use CBC.
TEST(PackingTest, AgreesWithCbc) {
  const unsigned seed = 5;
  std::mt19937 random(seed);
  for (int i = 0; i < 150; ++i) {
    SCOPED_TRACE("seed " + std::to_string(seed) + " case " + std::to_string(i));
    const Problem problem = RandomProblem(random, true);
    const Basket nothing = EmptyBasket(problem);
    EXPECT_NEAR(BruteForceValue(problem, nothing, Lp::kOwn),
                BruteForceValue(problem, nothing, Lp::kCbc), kTolerance);
  }
}

TEST(OperateTest, AgreesWithALinearProgramSolver) {
  const unsigned seed = 3;
  std::mt19937 random(seed);
  for (int i = 0; i < 150; ++i) {
    SCOPED_TRACE("seed " + std::to_string(seed) + " case " + std::to_string(i));
    Problem problem = RandomProblem(random, true);
    // One copy of every column, nodes enough for all.
    std::vector<std::pair<int, int>> clusters;
    for (std::size_t k = 0; k < problem.kinds.size(); ++k) problem.kinds[k].owned = 0;
    Problem one = problem;
    one.kinds = {{.owned = 1}};
    for (Column& column : one.columns) {
      column.nodes = {1};
      column.items.clear();
    }
    one.items.clear();
    for (int c = 0; c < static_cast<int>(one.columns.size()); ++c) {
      Problem single = one;
      single.columns = {one.columns[static_cast<std::size_t>(c)]};
      EXPECT_NEAR(Operate(single, {{0, 1}}).usd_per_month,
                  BruteForceValue(single, EmptyBasket(single)), kTolerance);
    }
  }
}

TEST(OperateTest, ServesDemandWhereATokenSavesMost) {
  Problem problem;
  problem.kinds = {{.owned = 1}, {.owned = 1}};
  problem.workloads = {{.max_share = 0.5, .demand_mtok = 60}};
  problem.columns = {{.nodes = {1, 0}, .options = {{0, 100, 2}}},
                     {.nodes = {0, 1}, .options = {{0, 40, 5}}}};
  const Operation operation = Operate(problem, {{0, 1}, {1, 1}});
  EXPECT_NEAR(operation.usd_per_month, 20 * 5 + 40 * 2, 1e-9);
}

TEST(UsefulOptionsTest, KeepsTheHullOfDollarsAgainstTokens) {
  const std::vector<ServiceOption> options = {
      {0, 10, 10, 1},  // 100: slow and dear per token
      {0, 20, 7, 2},   // 140: on the hull
      {0, 15, 7, 3},   // 105: below the line from 1 to 2
      {0, 40, 4, 4},   // 160
      {0, 80, 1, 5},   // 80: faster, but worth less
      {1, 5, -1, 6},   // costs more electricity than it saves
  };
  std::vector<int> kept;
  for (const ServiceOption& option : UsefulOptions(options)) kept.push_back(option.service);
  EXPECT_THAT(kept, testing::ElementsAre(1, 2, 4));
}

TEST(ReduceTest, DropsClustersThatTheirNodesReplace) {
  Problem problem;
  problem.kinds = {{.owned = 2}, {.owned = 1}};
  problem.workloads = {{}, {}};
  problem.columns = {{.nodes = {1, 0}, .options = {{0, 10, 5}}},
                     {.nodes = {0, 1}, .options = {{0, 30, 5}}},
                     {.nodes = {2, 0}, .options = {{0, 19, 5}}},              // two apart do 20
                     {.nodes = {1, 1}, .options = {{0, 39, 5}}},              // apart they do 40
                     {.nodes = {2, 1}, .options = {{0, 20, 5}, {1, 1, 5}}}};  // serves another
  const Problem reduced = Reduce(problem);
  ASSERT_EQ(reduced.columns.size(), 3u);
  EXPECT_EQ(reduced.columns[2].nodes, (std::vector<int>{2, 1}));
}

TEST(WorthBuyingTest, LeavesOutWhatNeverPaysAndWhatAnotherReplaces) {
  Problem problem;
  problem.kinds = {{.offers = {{Usd::FromDollars(4000), 1000}}},
                   {.offers = {{Usd::FromDollars(5000), 1000}}},    // the same machine, dearer
                   {.offers = {{Usd::FromDollars(36'001), 1000}}},  // 1000 a month, 36.001 months
                   {.owned = 1}};
  problem.workloads = {{}};
  for (std::size_t k = 0; k < 4; ++k) {
    Column column{.nodes = {0, 0, 0, 0}, .options = {{0, 100, 10}}};
    column.nodes[k] = 1;
    problem.columns.push_back(column);
  }
  EXPECT_THAT(WorthBuying(problem, 36), testing::ElementsAre(true, false, false, false));
}

}  // namespace
}  // namespace capacity::purchase
