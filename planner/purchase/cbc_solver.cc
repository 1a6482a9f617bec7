#include <Cbc_C_Interface.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "planner/purchase/milp.h"

namespace capacity::purchase {
namespace {

// The constraint matrix by columns, as CBC takes it.
struct ColumnMajor {
  std::vector<int> starts;
  std::vector<int> rows;
  std::vector<double> coefficients;
};

ColumnMajor ByColumns(const MilpProblem& problem) {
  const std::size_t columns = problem.variables.size();
  ColumnMajor matrix;
  matrix.starts.assign(columns + 1, 0);
  for (const MilpRow& row : problem.rows) {
    for (const auto& [variable, coefficient] : row.terms) {
      ++matrix.starts[static_cast<std::size_t>(variable) + 1];
    }
  }
  for (std::size_t c = 0; c < columns; ++c) matrix.starts[c + 1] += matrix.starts[c];
  const auto size = static_cast<std::size_t>(matrix.starts.back());
  matrix.rows.resize(size);
  matrix.coefficients.resize(size);
  std::vector<int> next(matrix.starts.begin(), matrix.starts.end() - 1);
  for (std::size_t r = 0; r < problem.rows.size(); ++r) {
    for (const auto& [variable, coefficient] : problem.rows[r].terms) {
      const auto at = static_cast<std::size_t>(next[static_cast<std::size_t>(variable)]++);
      matrix.rows[at] = static_cast<int>(r);
      matrix.coefficients[at] = coefficient;
    }
  }
  return matrix;
}

// Owns one model: CBC answered with an old solution when a model was changed and solved again, so
// every solve has its own.
class CbcModel {
 public:
  explicit CbcModel(const MilpProblem& problem) : model_(Cbc_newModel()) {
    const ColumnMajor matrix = ByColumns(problem);
    std::vector<double> lower, upper, cost, row_lower, row_upper;
    for (const MilpVariable& variable : problem.variables) {
      lower.push_back(variable.lower);
      upper.push_back(variable.upper);
      cost.push_back(-variable.objective);  // CBC minimises
    }
    for (const MilpRow& row : problem.rows) {
      row_lower.push_back(row.lower);
      row_upper.push_back(row.upper);
    }
    Cbc_loadProblem(model_, static_cast<int>(problem.variables.size()),
                    static_cast<int>(problem.rows.size()), matrix.starts.data(), matrix.rows.data(),
                    matrix.coefficients.data(), lower.data(), upper.data(), cost.data(),
                    row_lower.data(), row_upper.data());
    for (std::size_t v = 0; v < problem.variables.size(); ++v) {
      if (problem.variables[v].integer) Cbc_setInteger(model_, static_cast<int>(v));
    }
  }
  ~CbcModel() { Cbc_deleteModel(model_); }
  CbcModel(const CbcModel&) = delete;
  CbcModel& operator=(const CbcModel&) = delete;

  Cbc_Model* get() const { return model_; }

 private:
  Cbc_Model* model_;
};

class CbcSolver : public MilpSolver {
 public:
  const char* name() const override { return "CBC"; }

  MilpSolution Solve(const MilpProblem& problem, const MilpLimits& limits) override {
    CbcModel owner(problem);
    Cbc_Model* model = owner.get();
    Cbc_setLogLevel(model, 0);
    Cbc_setParameter(model, "log", "0");
    Cbc_setParameter(model, "ratioGap", "0");
    Cbc_setParameter(model, "allowableGap", std::to_string(limits.absolute_gap).c_str());
    Cbc_setParameter(model, "maxNodes", std::to_string(limits.nodes).c_str());
    Cbc_solve(model);

    MilpSolution solution;
    if (Cbc_isProvenInfeasible(model) || Cbc_isContinuousUnbounded(model)) return solution;
    // Without an incumbent the objective reads as 1e50.
    const double* values = Cbc_getColSolution(model);
    const double objective = -Cbc_getObjValue(model);
    const bool found = values != nullptr && std::abs(objective) < 1e49;
    const bool optimal = Cbc_isProvenOptimal(model) != 0;
    if (!optimal && !Cbc_isNodeLimitReached(model) && !found) return solution;
    solution.status = optimal ? MilpStatus::kOptimal : MilpStatus::kStopped;
    if (found) {
      solution.objective = objective;
      solution.values.assign(values, values + problem.variables.size());
    }
    solution.bound = optimal ? objective + limits.absolute_gap
                             : std::max(objective, -Cbc_getBestPossibleObjValue(model));
    return solution;
  }
};

}  // namespace

std::unique_ptr<MilpSolver> MakeCbcSolver() { return std::make_unique<CbcSolver>(); }

}  // namespace capacity::purchase
