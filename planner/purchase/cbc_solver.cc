#include <CbcEventHandler.hpp>
#include <CbcModel.hpp>
#include <CbcSolver.hpp>
#include <ClpEventHandler.hpp>
#include <ClpSimplex.hpp>
#include <CoinError.hpp>
#include <CoinPackedMatrix.hpp>
#include <OsiClpSolverInterface.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <mutex>
#include <string>

#include "planner/purchase/milp.h"

// CBC's C interface has no way to end a running solve, so this goes through the C++ classes below
// it: CbcMain1 is what both the C interface and the cbc program run.

namespace capacity::purchase {
namespace {

// What a solve and CBC's calls back share. Those calls come from the solving thread.
struct Interruption {
  const std::atomic<bool>* stop;
  bool stopped = false;           // the solve was told to end
  CbcModel* branching = nullptr;  // while it branches
  double relaxation_optimum = kNoLimit;

  // Whether to end. Most loops of CBC look at the time limit, few at what an event handler says.
  bool Stop() {
    if (!stopped) stopped = stop != nullptr && stop->load(std::memory_order_relaxed);
    if (stopped && branching != nullptr) branching->setMaximumSeconds(0);
    return stopped;
  }
};

// Hears of every pivot of the simplex method: the other calls back may be a second apart.
class PivotHandler : public ClpEventHandler {
 public:
  explicit PivotHandler(Interruption* interruption) : interruption_(interruption) {}
  ClpEventHandler* clone() const override { return new PivotHandler(*this); }
  int event(Event) override {
    constexpr int kGoOn = -1;  // a linear program cut short would give false bounds
    interruption_->Stop();
    return kGoOn;
  }

 private:
  Interruption* interruption_;
};

// Hears of nodes, rounds of cuts, solutions and heuristics. CBC copies it into the models that its
// heuristics make.
class SearchHandler : public CbcEventHandler {
 public:
  explicit SearchHandler(Interruption* interruption) : interruption_(interruption) {}
  CbcEventHandler* clone() const override { return new SearchHandler(*this); }
  CbcAction event(CbcEvent) override {
    if (!interruption_->Stop()) return noAction;
    if (model_ != nullptr) model_->sayEventHappened();
    return stop;
  }
  CbcAction event(CbcEvent which, void*) override { return event(which); }

  Interruption& interruption() const { return *interruption_; }

 private:
  Interruption* interruption_;
};

// Called between the phases of a solve. Other than zero would end it, but leak what preprocessing
// made: branching that is out of time ends as soon.
int BetweenPhases(CbcModel* model, int phase) {
  constexpr int kAfterRelaxation = 1, kBeforeBranching = 3;
  auto* handler = dynamic_cast<SearchHandler*>(model->getEventHandler());
  if (handler == nullptr) return 0;
  Interruption& interruption = handler->interruption();
  if (phase == kAfterRelaxation && model->solver()->isProvenOptimal()) {
    interruption.relaxation_optimum = -model->solver()->getObjValue();
  }
  interruption.branching = phase == kBeforeBranching ? model : nullptr;
  interruption.Stop();
  return 0;
}

CoinPackedMatrix ByColumns(const MilpProblem& problem) {
  std::vector<int> rows, columns;
  std::vector<double> coefficients;
  for (std::size_t r = 0; r < problem.rows.size(); ++r) {
    for (const auto& [variable, coefficient] : problem.rows[r].terms) {
      rows.push_back(static_cast<int>(r));
      columns.push_back(variable);
      coefficients.push_back(coefficient);
    }
  }
  CoinPackedMatrix matrix(true, rows.data(), columns.data(), coefficients.data(),
                          static_cast<CoinBigIndex>(coefficients.size()));
  matrix.setDimensions(static_cast<int>(problem.rows.size()),
                       static_cast<int>(problem.variables.size()));
  return matrix;
}

OsiClpSolverInterface Load(const MilpProblem& problem) {
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
  OsiClpSolverInterface solver;
  solver.messageHandler()->setLogLevel(0);
  solver.getModelPtr()->setLogLevel(0);
  solver.loadProblem(ByColumns(problem), lower.data(), upper.data(), cost.data(), row_lower.data(),
                     row_upper.data());
  for (std::size_t v = 0; v < problem.variables.size(); ++v) {
    if (problem.variables[v].integer) solver.setInteger(static_cast<int>(v));
  }
  return solver;
}

std::vector<double> Values(const double* values, const MilpProblem& problem) {
  return {values, values + problem.variables.size()};
}

MilpSolution SolveContinuous(OsiClpSolverInterface& solver, const MilpProblem& problem) {
  solver.initialSolve();
  MilpSolution solution;
  if (!solver.isProvenOptimal()) return solution;
  solution.status = MilpStatus::kOptimal;
  solution.objective = solution.bound = -solver.getObjValue();
  solution.values = Values(solver.getColSolution(), problem);
  return solution;
}

// Integers only: the rest follows. CBC finds variables by name again after preprocessing.
void SetWarmStart(const std::vector<double>& values, CbcModel& model) {
  std::vector<std::pair<std::string, double>> start;
  for (int v = 0; v < model.getNumCols(); ++v) {
    if (!model.isInteger(v)) continue;
    start.emplace_back(model.solver()->getColName(v), values[static_cast<std::size_t>(v)]);
  }
  model.setMIPStart(start);
}

std::string Digits(double value) {
  char digits[32];
  std::snprintf(digits, sizeof(digits), "%.17g", value);
  return digits;
}

// False: CBC gave up.
bool BranchAndCut(CbcModel& model, const MilpLimits& limits) {
  CbcSolverUsefulData data;  // as it comes: no output, no signal handlers
  CbcMain0(model, data);
  const std::string gap = Digits(limits.absolute_gap);
  const std::string nodes = std::to_string(limits.nodes);
  const char* arguments[] = {"cbc",         "-log",          "0",         "-ratioGap",
                             "0",           "-allowableGap", gap.c_str(), "-maxNodes",
                             nodes.c_str(), "-solve",        "-quit"};
  try {
    CbcMain1(static_cast<int>(std::size(arguments)), arguments, model, BetweenPhases, data);
  } catch (const CoinError&) {
    return false;
  }
  return true;
}

MilpSolution Read(const CbcModel& model, const MilpProblem& problem, const MilpLimits& limits,
                  const Interruption& interruption) {
  // CBC reads an aborted solve as infeasible or optimal now and then.
  const bool optimal = !interruption.stopped && model.isProvenOptimal();
  const bool hopeless =
      !interruption.stopped && (model.isProvenInfeasible() || model.isContinuousUnbounded());
  constexpr double kNone = 1e49;  // without an incumbent the objective reads as 1e50
  const double objective = -model.getObjValue();
  const bool found = model.bestSolution() != nullptr && std::abs(objective) < kNone;
  MilpSolution solution;
  if (hopeless || (optimal && !found)) return solution;
  solution.status = optimal ? MilpStatus::kOptimal : MilpStatus::kStopped;
  if (found) {
    solution.objective = objective;
    solution.values = Values(model.bestSolution(), problem);
  }
  if (optimal) {
    constexpr double kIncrement = 1e-5;  // CBC passes over what is better by less: its default
    solution.bound = objective + std::max(limits.absolute_gap, kIncrement);
  } else {
    double bound = -model.getBestPossibleObjValue();
    if (std::abs(bound) > kNone) bound = interruption.relaxation_optimum;
    solution.bound = std::max(solution.objective, std::min(bound, interruption.relaxation_optimum));
  }
  return solution;
}

// CbcMain1 keeps state of its own for all threads of the process: one solve at a time. Not owned:
// the solve was told to end before its turn came.
std::unique_lock<std::timed_mutex> Alone(const MilpLimits& limits) {
  static std::timed_mutex& turn = *new std::timed_mutex;
  constexpr auto kLook = std::chrono::milliseconds(20);
  std::unique_lock<std::timed_mutex> lock(turn, std::defer_lock);
  while (!lock.try_lock_for(kLook)) {
    if (limits.stop != nullptr && limits.stop->load(std::memory_order_relaxed)) break;
  }
  return lock;
}

class CbcSolver : public MilpSolver {
 public:
  const char* name() const override { return "CBC"; }

 private:
  MilpSolution Run(const MilpProblem& problem, const MilpLimits& limits) override {
    // A fresh model every time: CBC answered with an old solution when one was changed and solved
    // again.
    const std::unique_lock<std::timed_mutex> alone = Alone(limits);
    if (!alone.owns_lock()) return {.status = MilpStatus::kStopped, .bound = kNoLimit};
    OsiClpSolverInterface relaxation = Load(problem);
    if (relaxation.getNumIntegers() == 0) return SolveContinuous(relaxation, problem);
    Interruption interruption{limits.stop};
    PivotHandler pivots(&interruption);
    relaxation.getModelPtr()->passInEventHandler(&pivots);
    CbcModel model(relaxation);
    SearchHandler search(&interruption);
    model.passInEventHandler(&search);
    model.setLogLevel(0);
    if (limits.warm_start != nullptr) SetWarmStart(*limits.warm_start, model);
    MilpSolution solution;
    solution.status = MilpStatus::kStopped;
    if (BranchAndCut(model, limits)) solution = Read(model, problem, limits, interruption);
    return solution;
  }
};

}  // namespace

std::unique_ptr<MilpSolver> MakeCbcSolver() { return std::make_unique<CbcSolver>(); }

}  // namespace capacity::purchase
