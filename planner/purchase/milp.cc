#include "planner/purchase/milp.h"

#include <absl/strings/match.h>

#include <algorithm>

namespace capacity::purchase {
namespace {

// Nothing to decide: feasible if every row allows zero.
MilpSolution Trivial(const MilpProblem& problem) {
  for (const MilpRow& row : problem.rows) {
    if (row.lower > 0 || row.upper < 0) return {};
  }
  MilpSolution solution;
  solution.status = MilpStatus::kOptimal;
  solution.objective = solution.bound = 0;
  return solution;
}

}  // namespace

double ObjectiveOf(const MilpProblem& problem, const std::vector<double>& values) {
  double sum = 0;
  for (std::size_t v = 0; v < values.size(); ++v) sum += problem.variables[v].objective * values[v];
  return sum;
}

MilpSolution MilpSolver::Solve(const MilpProblem& problem, const MilpLimits& limits) {
  if (problem.variables.empty()) return Trivial(problem);
  MilpSolution solution = Run(problem, limits);
  if (solution.status != MilpStatus::kStopped || limits.warm_start == nullptr) return solution;
  // Stopped early, a library may not have looked at the warm start yet.
  const double known = ObjectiveOf(problem, *limits.warm_start);
  if (known > solution.objective) {
    solution.objective = known;
    solution.values = *limits.warm_start;
    solution.bound = std::max(solution.bound, known);
  }
  return solution;
}

std::vector<std::string> AvailableSolvers() {
#ifdef CAPACITY_HAVE_HIGHS
  return {"CBC", "HiGHS"};
#else
  return {"CBC"};
#endif
}

std::unique_ptr<MilpSolver> MakeSolver(std::string_view name) {
  const absl::string_view wanted(name.data(), name.size());
  if (absl::EqualsIgnoreCase(wanted, "CBC")) return MakeCbcSolver();
#ifdef CAPACITY_HAVE_HIGHS
  if (absl::EqualsIgnoreCase(wanted, "HiGHS")) return MakeHighsSolver();
#endif
  return nullptr;
}

}  // namespace capacity::purchase
