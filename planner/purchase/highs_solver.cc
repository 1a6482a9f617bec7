#include <interfaces/highs_c_api.h>

#include <algorithm>
#include <cmath>

#include "planner/purchase/milp.h"

// Through HiGHS's C interface: the callbacks of its C++ class change between versions.

namespace capacity::purchase {
namespace {

// HiGHS asks at every node and every round of cuts, and at every pivot of a linear program.
void Ask(int, const char*, const HighsCallbackDataOut*, HighsCallbackDataIn* answer, void* stop) {
  answer->user_interrupt = static_cast<const std::atomic<bool>*>(stop)->load();
}

// Owns one instance with one problem.
class Instance {
 public:
  Instance(const MilpProblem& problem, const MilpLimits& limits) : highs_(Highs_create()) {
    Highs_setBoolOptionValue(highs_, "output_flag", 0);
    Highs_setIntOptionValue(highs_, "threads", 1);
    Highs_setStringOptionValue(highs_, "parallel", "off");
    Highs_setDoubleOptionValue(highs_, "mip_rel_gap", 0);
    Highs_setDoubleOptionValue(highs_, "mip_abs_gap", limits.absolute_gap);
    Highs_setIntOptionValue(highs_, "mip_max_nodes", limits.nodes);
    Pass(problem);
    if (limits.stop != nullptr) {
      Highs_setCallback(highs_, Ask, const_cast<std::atomic<bool>*>(limits.stop));
      Highs_startCallback(highs_, kHighsCallbackMipInterrupt);
      Highs_startCallback(highs_, kHighsCallbackSimplexInterrupt);
    }
    if (limits.warm_start != nullptr) {
      Highs_setSolution(highs_, limits.warm_start->data(), nullptr, nullptr, nullptr);
    }
  }
  ~Instance() { Highs_destroy(highs_); }
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  void Run() { Highs_run(highs_); }
  HighsInt Status() const { return Highs_getModelStatus(highs_); }
  bool HasSolution() const {
    HighsInt status = kHighsSolutionStatusNone;
    Highs_getIntInfoValue(highs_, "primal_solution_status", &status);
    return status == kHighsSolutionStatusFeasible;
  }
  double Info(const char* name) const {
    double value = kNoLimit;
    Highs_getDoubleInfoValue(highs_, name, &value);
    return value;
  }
  std::vector<double> Values(const MilpProblem& problem) const {
    std::vector<double> values(problem.variables.size());
    std::vector<double> duals(values.size());
    std::vector<double> rows(problem.rows.size());
    std::vector<double> row_duals(rows.size());
    Highs_getSolution(highs_, values.data(), duals.data(), rows.data(), row_duals.data());
    return values;
  }

 private:
  void Pass(const MilpProblem& problem) {
    std::vector<double> cost, lower, upper, row_lower, row_upper, coefficients;
    std::vector<HighsInt> integrality, starts, columns;
    for (const MilpVariable& variable : problem.variables) {
      cost.push_back(variable.objective);
      lower.push_back(variable.lower);
      upper.push_back(variable.upper);
      integrality.push_back(variable.integer ? kHighsVarTypeInteger : kHighsVarTypeContinuous);
    }
    for (const MilpRow& row : problem.rows) {
      row_lower.push_back(row.lower);
      row_upper.push_back(row.upper);
      starts.push_back(static_cast<HighsInt>(columns.size()));
      for (const auto& [variable, coefficient] : row.terms) {
        columns.push_back(variable);
        coefficients.push_back(coefficient);
      }
    }
    Highs_passMip(highs_, static_cast<HighsInt>(cost.size()),
                  static_cast<HighsInt>(row_lower.size()), static_cast<HighsInt>(columns.size()),
                  kHighsMatrixFormatRowwise, kHighsObjSenseMaximize, 0, cost.data(), lower.data(),
                  upper.data(), row_lower.data(), row_upper.data(), starts.data(), columns.data(),
                  coefficients.data(), integrality.data());
  }

  void* highs_;
};

class HighsSolver : public MilpSolver {
 public:
  const char* name() const override { return "HiGHS"; }

 private:
  MilpSolution Run(const MilpProblem& problem, const MilpLimits& limits) override {
    Instance instance(problem, limits);
    instance.Run();
    const HighsInt status = instance.Status();
    MilpSolution solution;
    if (status == kHighsModelStatusInfeasible || status == kHighsModelStatusUnbounded ||
        status == kHighsModelStatusUnboundedOrInfeasible) {
      return solution;
    }
    const bool optimal = status == kHighsModelStatusOptimal;
    solution.status = optimal ? MilpStatus::kOptimal : MilpStatus::kStopped;
    const bool integers = std::any_of(problem.variables.begin(), problem.variables.end(),
                                      [](const MilpVariable& v) { return v.integer; });
    // The solution of a linear program that was cut short may lie anywhere.
    if (optimal || (integers && instance.HasSolution())) {
      solution.values = instance.Values(problem);
      solution.objective = ObjectiveOf(problem, solution.values);
    }
    if (optimal) {
      constexpr double kIncrement = 1e-6;  // HiGHS passes over what is better by less
      solution.bound = solution.objective + std::max(limits.absolute_gap, kIncrement);
    } else if (integers) {
      solution.bound = std::max(solution.objective, instance.Info("mip_dual_bound"));
    }
    return solution;
  }
};

}  // namespace

std::unique_ptr<MilpSolver> MakeHighsSolver() { return std::make_unique<HighsSolver>(); }

}  // namespace capacity::purchase
