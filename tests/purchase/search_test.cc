// Both searches against brute force on random problems, and against each other.
#include "planner/purchase/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "planner/purchase/climb.h"
#include "planner/purchase/enumeration.h"
#include "planner/purchase/milp_search.h"
#include "planner/purchase/reduce.h"
#include "tests/purchase/random_problem.h"

namespace capacity::purchase {
namespace {

constexpr double kLongest = 36;
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
    const auto best = BruteForceBest(problem, budget, months, EmptyBasket(problem));
    const Found found = solvable.search->Best(months, EmptyBasket(problem), nullptr);
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
    const Found first = solvable.search->Best(12, nothing, nullptr);
    ASSERT_TRUE(first.choice);
    const Found more = solvable.search->Best(36, first.choice->basket, nullptr);
    ASSERT_TRUE(more.choice);
    EXPECT_TRUE(Contains(more.choice->basket, first.choice->basket));
    EXPECT_GE(more.choice->Objective(36), first.choice->Objective(36) - kTolerance);
    if (first.choice->basket == nothing) continue;
    const Found other = solvable.search->Best(12, nothing, &first.choice->basket);
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
      return solvable.search->Best(24, EmptyBasket(p), nullptr).choice->Objective(24);
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
  const Found found = solvable.search->Best(6, EmptyBasket(problem), nullptr);
  EXPECT_EQ(found.choice->basket, (Basket{{2}, {1}}));
  EXPECT_NEAR(found.choice->usd_per_month, 500, kTolerance);
  Solvable poor(problem, Usd::FromDollars(2068), GetParam());
  EXPECT_TRUE(IsEmpty(poor.search->Best(6, EmptyBasket(problem), nullptr).choice->basket));
}

TEST_P(SearchTest, BuysTheCheaperOfferFirst) {
  Problem problem;
  problem.kinds = {{.offers = {{Usd::FromDollars(700), 1}, {Usd::FromDollars(900), 9}}}};
  problem.workloads = {{}};
  problem.columns = {{.nodes = {1}, .options = {{0, 10, 20}}}};
  Solvable solvable(problem, Usd::FromDollars(2000), GetParam());
  const Found found = solvable.search->Best(12, EmptyBasket(problem), nullptr);
  EXPECT_EQ(found.choice->basket.nodes, (std::vector<int>{2}));
  EXPECT_EQ(found.choice->cost, Usd::FromDollars(1600));
}

INSTANTIATE_TEST_SUITE_P(Ways, SearchTest, testing::Values(Way::kEnumeration, Way::kMilp),
                         [](const auto& way) {
                           return way.param == Way::kMilp ? "Cbc" : "Enumeration";
                         });

TEST(EnumerationTest, GivesUpWhereItsLimitsSaySo) {
  Problem problem;
  problem.kinds = {{.offers = {{Usd::FromDollars(1), 1000}}},
                   {.offers = {{Usd::FromDollars(1), 1000}}}};
  problem.workloads = {{}, {}};
  problem.columns = {{.nodes = {1, 0}, .options = {{0, 10, 20}}},
                     {.nodes = {0, 1}, .options = {{1, 10, 20}}}};
  EXPECT_EQ(Enumeration::Create(problem, Usd::FromDollars(1000), 36), nullptr);
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
      const auto best = BruteForceBest(problem, budget, step.months, step.before.basket);
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
