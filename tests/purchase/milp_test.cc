// What every solver of this build must do.
#include "planner/purchase/milp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <numeric>
#include <random>
#include <thread>

namespace capacity::purchase {
namespace {

using std::chrono::steady_clock;
using testing::AnyOf;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr double kTolerance = 1e-6;  // of values, and of rows by their size

class MilpTest : public testing::TestWithParam<std::string> {
 protected:
  MilpSolution Solve(const MilpProblem& problem, const MilpLimits& limits = {}) {
    return solver_->Solve(problem, limits);
  }

 private:
  std::unique_ptr<MilpSolver> solver_ = MakeSolver(GetParam());
};

std::string Name(const testing::TestParamInfo<std::string>& solver) { return solver.param; }
INSTANTIATE_TEST_SUITE_P(Solvers, MilpTest, testing::ValuesIn(AvailableSolvers()), Name);

MilpVariable Count(double upper, double objective) {
  return {.upper = upper, .objective = objective, .integer = true};
}
MilpVariable Amount(double upper, double objective) {
  return {.upper = upper, .objective = objective};
}

bool IsFeasible(const MilpProblem& problem, const std::vector<double>& values) {
  for (std::size_t v = 0; v < values.size(); ++v) {
    const MilpVariable& variable = problem.variables[v];
    if (values[v] < variable.lower - kTolerance || values[v] > variable.upper + kTolerance) {
      return false;
    }
    if (variable.integer && std::abs(values[v] - std::round(values[v])) > kTolerance) return false;
  }
  for (const MilpRow& row : problem.rows) {
    double sum = 0;
    double size = 1;
    for (const auto& [v, coefficient] : row.terms) {
      const double term = coefficient * values[static_cast<std::size_t>(v)];
      sum += term;
      size = std::max(size, std::abs(term));
    }
    if (sum < row.lower - kTolerance * size || sum > row.upper + kTolerance * size) return false;
  }
  return true;
}

void ExpectOptimal(const MilpProblem& problem, const MilpSolution& solution, double optimum,
                   double gap = MilpLimits{}.absolute_gap) {
  const double size = std::max(1.0, std::abs(optimum));
  ASSERT_EQ(solution.status, MilpStatus::kOptimal);
  ASSERT_EQ(solution.values.size(), problem.variables.size());
  EXPECT_TRUE(IsFeasible(problem, solution.values));
  EXPECT_NEAR(solution.objective, ObjectiveOf(problem, solution.values), kTolerance * size);
  EXPECT_GE(solution.objective, optimum - gap - kTolerance * size);
  EXPECT_LE(solution.objective, optimum + kTolerance * size);
  EXPECT_GE(solution.bound, optimum - kTolerance * size);
}

// A knapsack whose linear relaxation is far off and whose many equal items defy pruning.
MilpProblem HardKnapsack(unsigned seed, int items) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> weight(400, 1000);
  MilpProblem problem;
  for (int row = 0; row < 5; ++row) problem.rows.push_back({});
  std::vector<double> total(5);
  for (int i = 0; i < items; ++i) {
    double sum = 0;
    for (std::size_t row = 0; row < 5; ++row) {
      const double w = weight(random);
      problem.rows[row].terms.emplace_back(i, w);
      total[row] += w;
      sum += w;
    }
    problem.variables.push_back(Count(1, sum / 5 + weight(random) / 10.0));
  }
  for (std::size_t row = 0; row < 5; ++row) problem.rows[row].upper = std::floor(total[row] / 2);
  return problem;
}

// ---------------------------------------------------------------- known answers

TEST_P(MilpTest, Knapsack) {
  const MilpProblem problem = {.variables = {Count(1, 10), Count(1, 13), Count(1, 7), Count(1, 8)},
                               .rows = {{.terms = {{0, 3}, {1, 4}, {2, 2}, {3, 3}}, .upper = 7}}};
  const MilpSolution solution = Solve(problem);
  ExpectOptimal(problem, solution, 23);
  EXPECT_THAT(solution.values, ElementsAre(DoubleNear(1, kTolerance), DoubleNear(1, kTolerance),
                                           DoubleNear(0, kTolerance), DoubleNear(0, kTolerance)));
}

TEST_P(MilpTest, IntegersAboveOneBelowZeroAndBounded) {
  // x in [-3, 5], y >= 2: maximise 2x - 3y subject to 3x - 2y <= 7.
  const MilpProblem problem = {
      .variables = {{.lower = -3, .upper = 5, .objective = 2, .integer = true},
                    {.lower = 2, .objective = -3, .integer = true}},
      .rows = {{.terms = {{0, 3}, {1, -2}}, .upper = 7}}};
  ExpectOptimal(problem, Solve(problem), 2 * 3 - 3 * 2);
}

TEST_P(MilpTest, IntegersWithContinuous) {
  // Two machines of 3.5 hours, work for 6.2: one more than needed stays idle.
  const MilpProblem problem = {.variables = {Count(5, -4), Amount(6.2, 3)},
                               .rows = {{.terms = {{0, -3.5}, {1, 1}}, .upper = 0}}};
  ExpectOptimal(problem, Solve(problem), 6.2 * 3 - 8);
}

TEST_P(MilpTest, EqualityAndRange) {
  // 5x + 3y = 19 has (2, 3) only, when 4 <= x + y.
  const MilpProblem problem = {.variables = {Count(kNoLimit, -1), Count(kNoLimit, -1)},
                               .rows = {{.terms = {{0, 5}, {1, 3}}, .lower = 19, .upper = 19},
                                        {.terms = {{0, 1}, {1, 1}}, .lower = 4, .upper = 6}}};
  const MilpSolution solution = Solve(problem);
  ExpectOptimal(problem, solution, -5);
  EXPECT_NEAR(solution.values[0], 2, kTolerance);
}

TEST_P(MilpTest, AllContinuous) {
  const MilpProblem problem = {
      .variables = {Amount(kNoLimit, 3), Amount(kNoLimit, 2)},
      .rows = {{.terms = {{0, 2}, {1, 1}}, .upper = 10}, {.terms = {{0, 1}, {1, 3}}, .upper = 15}}};
  ExpectOptimal(problem, Solve(problem), 17);
}

TEST_P(MilpTest, InfeasibleInTheRelaxation) {
  for (const bool integer : {true, false}) {
    const MilpProblem problem = {.variables = {{.upper = 1, .objective = 1, .integer = integer}},
                                 .rows = {{.terms = {{0, 1}}, .lower = 2}}};
    const MilpSolution solution = Solve(problem);
    EXPECT_EQ(solution.status, MilpStatus::kInfeasible);
    EXPECT_THAT(solution.values, IsEmpty());
  }
}

TEST_P(MilpTest, InfeasibleInIntegersOnly) {
  const MilpProblem problem = {.variables = {Count(10, 1), Count(10, 1)},
                               .rows = {{.terms = {{0, 2}, {1, 4}}, .lower = 7, .upper = 7}}};
  EXPECT_EQ(Solve(problem).status, MilpStatus::kInfeasible);
}

TEST_P(MilpTest, Unbounded) {
  for (const bool integer : {true, false}) {
    const MilpProblem problem = {
        .variables = {{.objective = 1, .integer = integer}, {.objective = 1, .integer = integer}},
        .rows = {{.terms = {{0, 1}, {1, -1}}, .upper = 3}}};
    const MilpSolution solution = Solve(problem);
    EXPECT_EQ(solution.status, MilpStatus::kInfeasible);
    EXPECT_THAT(solution.values, IsEmpty());
  }
}

TEST_P(MilpTest, NoRows) {
  const MilpProblem problem = {.variables = {Count(4, 2), Amount(0.5, 1), Count(9, -1)}};
  ExpectOptimal(problem, Solve(problem), 8.5);
}

TEST_P(MilpTest, NoVariables) {
  EXPECT_EQ(Solve({.rows = {{.upper = 1}}}).status, MilpStatus::kOptimal);
  EXPECT_EQ(Solve({.rows = {{.lower = 1}}}).status, MilpStatus::kInfeasible);
}

TEST_P(MilpTest, RowsWithoutTerms) {
  MilpProblem problem = {.variables = {Count(3, 1)},
                         .rows = {{.upper = 5}, {.terms = {{0, 2}}, .upper = 5}}};
  ExpectOptimal(problem, Solve(problem), 2);
  problem.rows[0].lower = 1;  // 1 <= 0
  EXPECT_EQ(Solve(problem).status, MilpStatus::kInfeasible);
}

TEST_P(MilpTest, NothingToGain) {
  const MilpProblem problem = {.variables = {Count(5, 0), Count(5, 0)},
                               .rows = {{.terms = {{0, 1}, {1, 1}}, .lower = 1.5}}};
  ExpectOptimal(problem, Solve(problem), 0);
}

TEST_P(MilpTest, FixedVariables) {
  const MilpProblem problem = {
      .variables = {{.lower = 2, .upper = 2, .objective = 5, .integer = true}, Count(9, 1)},
      .rows = {{.terms = {{0, 3}, {1, 2}}, .upper = 11}}};
  ExpectOptimal(problem, Solve(problem), 12);
}

TEST_P(MilpTest, CoefficientsSixOrdersApart) {
  // Prices in dollars beside shares of a demand: 0.0004 a unit, 20,000 dollars to spend.
  const MilpProblem problem = {
      .variables = {Count(kNoLimit, -4999 / 36.0), Amount(kNoLimit, 900'000), Count(1e6, 0)},
      .rows = {{.terms = {{0, 4999}, {2, 100}}, .upper = 20'000},
               {.terms = {{1, 0.0004}}, .upper = 1},
               {.terms = {{0, -0.001}, {1, 1}}, .upper = 0}}};
  ExpectOptimal(problem, Solve(problem), 4 * (900 - 4999 / 36.0));
}

// ---------------------------------------------------------------- against brute force

// The optimum over all integer points; all variables are integer and bounded.
double BruteForce(const MilpProblem& problem) {
  std::vector<double> values(problem.variables.size(), 0);
  double best = -kNoLimit;
  while (true) {
    if (IsFeasible(problem, values)) best = std::max(best, ObjectiveOf(problem, values));
    std::size_t v = 0;
    while (v < values.size() && values[v] == problem.variables[v].upper) values[v++] = 0;
    if (v == values.size()) return best;
    ++values[v];
  }
}

MilpProblem RandomIntegers(std::mt19937& random) {
  auto whole = [&random](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  const bool round = whole(0, 1) == 0;  // many ties
  auto real = [&](double low, double high) {
    const double value = std::uniform_real_distribution<double>(low, high)(random);
    return round ? std::round(value) : value;
  };
  MilpProblem problem;
  const int variables = whole(1, 6);
  for (int v = 0; v < variables; ++v) problem.variables.push_back(Count(whole(0, 3), real(-5, 10)));
  const int rows = whole(0, 5);
  for (int r = 0; r < rows; ++r) {
    MilpRow row;
    for (int v = 0; v < variables; ++v) {
      if (whole(0, 2) != 0) row.terms.emplace_back(v, real(-3, 9));
    }
    // Between what whole numbers can sum to, so that tolerances do not matter.
    row.upper = whole(0, 20) + 0.51;
    if (whole(0, 3) == 0) row.lower = row.upper - whole(1, 12);
    problem.rows.push_back(std::move(row));
  }
  return problem;
}

TEST_P(MilpTest, AgreesWithBruteForceWithinTheGap) {
  constexpr unsigned kFirstSeed = 1;
  constexpr double kGaps[] = {1e-4, 0, 2, 10};
  int feasible = 0;
  for (unsigned seed = kFirstSeed; seed < kFirstSeed + 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const MilpProblem problem = RandomIntegers(random);
    const MilpLimits limits = {.absolute_gap = kGaps[seed % 4]};
    const double optimum = BruteForce(problem);
    const MilpSolution solution = Solve(problem, limits);
    if (optimum == -kNoLimit) {
      EXPECT_EQ(solution.status, MilpStatus::kInfeasible);
    } else {
      ++feasible;
      ExpectOptimal(problem, solution, optimum, limits.absolute_gap);
      EXPECT_LE(solution.bound, solution.objective + limits.absolute_gap + 2e-5);
    }
  }
  EXPECT_GT(feasible, 200);
}

// ---------------------------------------------------------------- limits

TEST_P(MilpTest, StopsAtTheNodeLimitWithABound) {
  const MilpProblem problem = HardKnapsack(5, 60);
  const MilpSolution early = Solve(problem, {.nodes = 10});
  const MilpSolution later = Solve(problem, {.nodes = 500});
  ASSERT_EQ(early.status, MilpStatus::kStopped);
  ASSERT_EQ(later.status, MilpStatus::kStopped);
  EXPECT_TRUE(IsFeasible(problem, later.values));
  EXPECT_GE(early.bound, later.objective - kTolerance);
  EXPECT_GE(later.bound, std::max(early.objective, later.objective) - kTolerance);
  EXPECT_LE(later.bound, 1.05 * later.objective);
}

TEST_P(MilpTest, NodeLimitsKeepBoundsValid) {
  for (unsigned seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const MilpProblem problem = HardKnapsack(seed, 14);
    const MilpSolution best = Solve(problem, {.absolute_gap = 0});
    ASSERT_EQ(best.status, MilpStatus::kOptimal);
    for (const int nodes : {0, 1, 10, 100}) {
      const MilpSolution solution = Solve(problem, {.nodes = nodes});
      EXPECT_NE(solution.status, MilpStatus::kInfeasible);
      EXPECT_GE(solution.bound, best.objective - 1e-3);
      EXPECT_LE(solution.objective, best.objective + 1e-3);
      EXPECT_TRUE(solution.values.empty() || IsFeasible(problem, solution.values));
    }
  }
}

TEST_P(MilpTest, StopsAtOnceWhenAlreadyTold) {
  const MilpProblem problem = HardKnapsack(5, 60);
  const double possible = Solve(problem, {.nodes = 100}).objective;
  const std::atomic<bool> stop = true;
  const auto start = steady_clock::now();
  const MilpSolution solution = Solve(problem, {.stop = &stop});
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(2));
  EXPECT_EQ(solution.status, MilpStatus::kStopped);
  EXPECT_GE(solution.bound, possible);
}

TEST_P(MilpTest, AFlagThatIsNeverSetChangesNothing) {
  const MilpProblem problem = HardKnapsack(2, 18);
  const std::atomic<bool> stop = false;
  const MilpSolution without = Solve(problem);
  const MilpSolution with = Solve(problem, {.stop = &stop});
  EXPECT_EQ(with.status, MilpStatus::kOptimal);
  EXPECT_EQ(with.values, without.values);
}

TEST_P(MilpTest, StopsWhenAnotherThreadSaysSo) {
  const MilpProblem problem = HardKnapsack(5, 60);
  const double possible = Solve(problem, {.nodes = 100}).objective;
  for (const int milliseconds : {1, 5, 20, 60, 150, 400}) {
    SCOPED_TRACE(milliseconds);
    std::atomic<bool> stop = false;
    steady_clock::time_point told;
    std::thread other([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
      told = steady_clock::now();
      stop = true;
    });
    const MilpSolution solution = Solve(problem, {.nodes = 100'000'000, .stop = &stop});
    other.join();
    // The promise is 0.3 s; a busy machine or a sanitizer may take several times that.
    EXPECT_LT(steady_clock::now() - told, std::chrono::seconds(3));
    EXPECT_EQ(solution.status, MilpStatus::kStopped);
    EXPECT_GE(solution.bound, possible - kTolerance);
    EXPECT_GE(solution.bound, solution.objective);
    EXPECT_TRUE(solution.values.empty() || IsFeasible(problem, solution.values));
  }
}

TEST_P(MilpTest, AStopAtAnyMomentLeavesAValidBound) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const MilpProblem problem = HardKnapsack(seed, 16);
    const auto start = steady_clock::now();
    const MilpSolution best = Solve(problem);
    const auto whole = steady_clock::now() - start;
    std::atomic<bool> stop = false;
    std::thread other([&] {
      std::this_thread::sleep_for(whole * (seed % 10) / 10);
      stop = true;
    });
    const MilpSolution solution = Solve(problem, {.stop = &stop});
    other.join();
    EXPECT_THAT(solution.status, AnyOf(MilpStatus::kStopped, MilpStatus::kOptimal));
    EXPECT_GE(solution.bound, best.objective - 1e-3);
    EXPECT_TRUE(solution.values.empty() || IsFeasible(problem, solution.values));
  }
}

// ---------------------------------------------------------------- warm start

TEST_P(MilpTest, IsNoWorseThanTheWarmStart) {
  const MilpProblem problem = HardKnapsack(5, 60);
  const MilpSolution known = Solve(problem, {.nodes = 300});
  const std::atomic<bool> stop = true;
  const MilpSolution stopped = Solve(problem, {.stop = &stop, .warm_start = &known.values});
  EXPECT_EQ(stopped.status, MilpStatus::kStopped);
  EXPECT_GE(stopped.objective, known.objective - kTolerance);
  EXPECT_GE(stopped.bound, stopped.objective);
  EXPECT_TRUE(IsFeasible(problem, stopped.values));
  const MilpSolution limited = Solve(problem, {.nodes = 1, .warm_start = &known.values});
  EXPECT_GE(limited.objective, known.objective - kTolerance);
}

TEST_P(MilpTest, AWarmStartDoesNotHideTheOptimum) {
  for (unsigned seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const MilpProblem problem = RandomIntegers(random);
    const double optimum = BruteForce(problem);
    std::vector<double> nothing(problem.variables.size(), 0);
    if (!IsFeasible(problem, nothing)) continue;
    ExpectOptimal(problem, Solve(problem, {.warm_start = &nothing}), optimum);
  }
}

// ---------------------------------------------------------------- in a long-lived process

TEST_P(MilpTest, TheSameProblemGivesTheSameAnswer) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    // Ties abound; the second is cut off by its node limit.
    const MilpProblem problem = HardKnapsack(seed, seed % 2 == 0 ? 16 : 40);
    const MilpLimits limits = {.nodes = 300};
    const MilpSolution first = Solve(problem, limits);
    Solve(HardKnapsack(seed + 100, 12));
    const MilpSolution again = MakeSolver(GetParam())->Solve(problem, limits);
    EXPECT_EQ(first.values, again.values);
    EXPECT_EQ(first.objective, again.objective);
    EXPECT_EQ(first.bound, again.bound);
    EXPECT_EQ(first.status, again.status);
  }
}

TEST_P(MilpTest, IsSilent) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const MilpProblem problem = HardKnapsack(3, 30);
  const std::vector<double> nothing(problem.variables.size(), 0);
  const std::atomic<bool> stop = true;
  Solve(problem, {.nodes = 20, .warm_start = &nothing});
  Solve(problem, {.stop = &stop});
  Solve({.variables = {Count(1, 1)}, .rows = {{.terms = {{0, 1}}, .lower = 2}}});
  Solve({.variables = {Count(kNoLimit, 1)}});
  Solve({.variables = {Amount(2, 1)}});
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(MakeSolverTest, NamesWhatTheBuildHas) {
  ASSERT_FALSE(AvailableSolvers().empty());
  EXPECT_EQ(AvailableSolvers().front(), "CBC");
  for (const std::string& name : AvailableSolvers()) {
    ASSERT_NE(MakeSolver(name), nullptr);
    EXPECT_EQ(MakeSolver(name)->name(), name);
  }
  EXPECT_NE(MakeSolver("cbc"), nullptr);
  EXPECT_EQ(MakeSolver("simplex by hand"), nullptr);
}

}  // namespace
}  // namespace capacity::purchase
