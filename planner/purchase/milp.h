// The one door to mixed-integer linear programming.
#pragma once

#include <atomic>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace capacity::purchase {

inline constexpr double kNoLimit = std::numeric_limits<double>::infinity();

struct MilpVariable {
  double lower = 0;
  double upper = kNoLimit;
  double objective = 0;  // per unit; the sum is maximised
  bool integer = false;
};

// lower <= sum of coefficient x variable <= upper.
struct MilpRow {
  std::vector<std::pair<int, double>> terms;  // variable index, coefficient; indices ascend
  double lower = -kNoLimit;
  double upper = kNoLimit;
};

struct MilpProblem {
  std::vector<MilpVariable> variables;
  std::vector<MilpRow> rows;
};

struct MilpLimits {
  double absolute_gap = 1e-4;  // in units of the objective; there is no relative one
  int nodes = 20'000;          // of the search tree; node limits keep runs reproducible

  // Once true, the solve ends soon (0.3 s or less on fleets of 100 nodes) and answers kStopped;
  // what it found depends on the moment. Another thread or a signal handler may set it. Null:
  // never.
  const std::atomic<bool>* stop = nullptr;

  // A solution known beforehand, one value per variable, feasible. The answer is no worse, and
  // comes sooner if it is good. Null: none.
  const std::vector<double>* warm_start = nullptr;
};

enum class MilpStatus {
  kOptimal,     // within the absolute gap
  kStopped,     // by a limit: `values` is the best found, when there is one
  kInfeasible,  // or unbounded: no values
};

struct MilpSolution {
  MilpStatus status = MilpStatus::kInfeasible;
  double objective = -kNoLimit;  // of `values`
  double bound = kNoLimit;       // no solution is better; infinite if stopped before any was known
  std::vector<double> values;    // one per variable; empty when none was found
};

// Sum of objective x value.
double ObjectiveOf(const MilpProblem& problem, const std::vector<double>& values);

// One solve at a time in a process: the libraries behind it do not promise more.
class MilpSolver {
 public:
  virtual ~MilpSolver() = default;
  virtual const char* name() const = 0;  // "CBC"
  // Silent, and deterministic unless it is stopped. Integer variables are within 1e-6 of an
  // integer, rows within 1e-6 of their size.
  MilpSolution Solve(const MilpProblem& problem, const MilpLimits& limits);

 private:
  // `problem` has variables.
  virtual MilpSolution Run(const MilpProblem& problem, const MilpLimits& limits) = 0;
};

// COIN-OR branch and cut, in every build: the default.
std::unique_ptr<MilpSolver> MakeCbcSolver();

#ifdef CAPACITY_HAVE_HIGHS
// HiGHS, where the build found it.
std::unique_ptr<MilpSolver> MakeHighsSolver();
#endif

// Names of the solvers in this build, the default first: "CBC", and "HiGHS" where the build found
// it.
std::vector<std::string> AvailableSolvers();

// By name, in any case of letters; null: not in this build.
std::unique_ptr<MilpSolver> MakeSolver(std::string_view name);

}  // namespace capacity::purchase
