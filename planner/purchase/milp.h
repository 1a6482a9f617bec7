// The one door to mixed-integer linear programming.
#pragma once

#include <limits>
#include <memory>
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
};

enum class MilpStatus {
  kOptimal,     // within the absolute gap
  kStopped,     // at the node limit: `values` is the best found, when there is one
  kInfeasible,  // or unbounded: no values
};

struct MilpSolution {
  MilpStatus status = MilpStatus::kInfeasible;
  double objective = -kNoLimit;  // of `values`
  double bound = kNoLimit;       // no solution is better
  std::vector<double> values;    // one per variable; empty when none was found
};

// One solve at a time in a process: the libraries behind it do not promise more.
class MilpSolver {
 public:
  virtual ~MilpSolver() = default;
  virtual const char* name() const = 0;  // "CBC"
  // Deterministic, and silent.
  virtual MilpSolution Solve(const MilpProblem& problem, const MilpLimits& limits) = 0;
};

// COIN-OR branch and cut, always there.
std::unique_ptr<MilpSolver> MakeCbcSolver();

}  // namespace capacity::purchase
