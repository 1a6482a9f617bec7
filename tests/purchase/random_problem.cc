#include "tests/purchase/random_problem.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "planner/purchase/milp.h"
#include "planner/purchase/packing_lp.h"

namespace capacity::purchase {
namespace {

int Int(std::mt19937& random, int low, int high) {
  return std::uniform_int_distribution<int>(low, high)(random);
}
double Real(std::mt19937& random, double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(random);
}

std::vector<ServiceOption> RandomOptions(std::mt19937& random, int workloads, double speed) {
  std::vector<ServiceOption> options;
  const int count = Int(random, 1, 3);
  for (int i = 0; i < count; ++i) {
    options.push_back({.workload = Int(random, 0, workloads - 1),
                       .mtok_per_month = speed * Real(random, 5, 60),
                       .usd_per_mtok = Real(random, 0.5, 20)});
  }
  return options;
}

// Of a program of capacities only.
double OwnOptimum(const MilpProblem& lp) {
  PackingProgram packing;
  for (const MilpVariable& variable : lp.variables) packing.objective.push_back(variable.objective);
  for (const MilpRow& row : lp.rows) {
    packing.rows.emplace_back(lp.variables.size(), 0.0);
    for (const auto& [variable, coefficient] : row.terms)
      packing.rows.back()[variable] = coefficient;
    packing.capacity.push_back(row.upper);
  }
  const std::vector<double> x = SolvePacking(packing);
  double sum = 0;
  for (std::size_t v = 0; v < x.size(); ++v) sum += x[v] * packing.objective[v];
  return sum;
}

// The best value of given clusters, by a solver that shares nothing with Operate.
double ValueByLinearProgram(const Problem& problem, const std::vector<int>& copies, Lp solver) {
  MilpProblem lp;
  std::vector<MilpRow> demand(problem.workloads.size());
  for (std::size_t c = 0; c < copies.size(); ++c) {
    if (copies[c] == 0) continue;
    MilpRow time{.upper = static_cast<double>(copies[c])};
    std::vector<MilpRow> hours(problem.workloads.size());
    for (const ServiceOption& option : problem.columns[c].options) {
      const int variable = static_cast<int>(lp.variables.size());
      lp.variables.push_back({.objective = option.usd_per_mtok * option.mtok_per_month});
      time.terms.emplace_back(variable, 1);
      hours[option.workload].terms.emplace_back(variable, 1);
      demand[option.workload].terms.emplace_back(variable, option.mtok_per_month);
    }
    lp.rows.push_back(time);
    for (std::size_t w = 0; w < hours.size(); ++w) {
      hours[w].upper = problem.workloads[w].max_share * copies[c];
      if (!hours[w].terms.empty()) lp.rows.push_back(hours[w]);
    }
  }
  if (lp.variables.empty()) return 0;
  for (std::size_t w = 0; w < demand.size(); ++w) {
    demand[w].upper = problem.workloads[w].demand_mtok;
    if (!demand[w].terms.empty() && std::isfinite(demand[w].upper)) lp.rows.push_back(demand[w]);
  }
  return solver == Lp::kCbc ? MakeCbcSolver()->Solve(lp, {}).objective : OwnOptimum(lp);
}

// Calls `visit` with every vector between zero and `most`.
void ForEach(const std::vector<int>& most,
             const std::function<void(const std::vector<int>&)>& visit) {
  std::vector<int> counts(most.size(), 0);
  for (;;) {
    visit(counts);
    std::size_t i = 0;
    while (i < counts.size() && counts[i] == most[i]) counts[i++] = 0;
    if (i == counts.size()) return;
    ++counts[i];
  }
}

bool Enough(const Problem& problem, const Basket& basket, const std::vector<int>& copies) {
  auto within = [&](const std::vector<Good>& goods, const std::vector<int>& bought, auto member) {
    for (std::size_t g = 0; g < goods.size(); ++g) {
      int used = 0;
      for (std::size_t c = 0; c < copies.size(); ++c) {
        used += copies[c] * (problem.columns[c].*member)[g];
      }
      if (used > goods[g].owned + bought[g]) return false;
    }
    return true;
  };
  return within(problem.kinds, basket.nodes, &Column::nodes) &&
         within(problem.items, basket.items, &Column::items);
}

}  // namespace

Problem RandomProblem(std::mt19937& random, bool demand) {
  Problem problem;
  const int kinds = Int(random, 2, 3);
  const int items = Int(random, 0, 1);
  const int workloads = Int(random, 1, 2);
  for (int k = 0; k < kinds; ++k) {
    Good good{.owned = Int(random, 0, 1)};
    if (Int(random, 0, 3) > 0) {
      good.offers.push_back({Usd::FromDollars(Int(random, 10, 60) * 100), Int(random, 1, 2)});
      good.standby_usd_per_month = Real(random, 0, 5);
      if (Int(random, 0, 3) == 0) {  // the second is dearer
        good.offers.push_back({good.offers[0].price + Usd::FromDollars(100), 1});
      }
    }
    problem.kinds.push_back(good);
  }
  for (int i = 0; i < items; ++i) {
    Good good{.owned = Int(random, 0, 1)};
    if (Int(random, 0, 4) > 0) {
      good.offers.push_back({Usd::FromDollars(Int(random, 1, 5) * 50), 2});
    }
    problem.items.push_back(good);
  }
  for (int w = 0; w < workloads; ++w) {
    WorkloadLimit limit{.max_share = Int(random, 0, 1) ? 1.0 : Real(random, 0.1, 1)};
    if (demand && Int(random, 0, 4) > 0) limit.demand_mtok = Real(random, 2, 120);
    problem.workloads.push_back(limit);
  }
  for (int k = 0; k < kinds; ++k) {
    if (Int(random, 0, 5) == 0) continue;  // too small for any model
    Column column{.nodes = std::vector<int>(kinds, 0), .items = std::vector<int>(items, 0)};
    column.nodes[k] = 1;
    column.options = RandomOptions(random, workloads, 1);
    problem.columns.push_back(column);
  }
  const int clusters = Int(random, 1, 3);
  for (int c = 0; c < clusters; ++c) {
    Column column{.nodes = std::vector<int>(kinds, 0), .items = std::vector<int>(items, 0)};
    const int size = Int(random, 2, 3);
    for (int n = 0; n < size; ++n) ++column.nodes[Int(random, 0, kinds - 1)];
    for (int& needed : column.items) needed = Int(random, 0, size - 1);
    column.options = RandomOptions(random, workloads, Real(random, 0.5, 4));
    problem.columns.push_back(column);
  }
  return problem;
}

double BruteForceValue(const Problem& problem, const Basket& basket, Lp lp) {
  std::vector<int> most;
  for (const Column& column : problem.columns) {
    int copies = 100;
    for (std::size_t k = 0; k < column.nodes.size(); ++k) {
      if (column.nodes[k] == 0) continue;
      copies = std::min(copies, (problem.kinds[k].owned + basket.nodes[k]) / column.nodes[k]);
    }
    most.push_back(copies);
  }
  double best = problem.one_of.empty() ? 0 : std::numeric_limits<double>::lowest();
  ForEach(most, [&](const std::vector<int>& copies) {
    const bool stands =
        problem.one_of.empty() || std::any_of(problem.one_of.begin(), problem.one_of.end(),
                                              [&](int c) { return copies[c] > 0; });
    if (stands && Enough(problem, basket, copies)) {
      best = std::max(best, ValueByLinearProgram(problem, copies, lp));
    }
  });
  return best - Standby(problem, basket);
}

std::vector<Choice> AllChoices(const Problem& problem, Usd budget, Lp lp) {
  std::vector<int> most;
  auto add_limits = [&most](const std::vector<Good>& goods) {
    for (const Good& good : goods) {
      int count = 0;
      for (const PricedOffer& offer : good.offers) count += offer.max_count;
      most.push_back(count);
    }
  };
  add_limits(problem.kinds);
  add_limits(problem.items);
  std::vector<Choice> all;
  ForEach(most, [&](const std::vector<int>& counts) {
    const auto split = counts.begin() + static_cast<std::ptrdiff_t>(problem.kinds.size());
    const Basket basket{{counts.begin(), split}, {split, counts.end()}};
    const std::optional<Usd> cost = Cost(problem, basket);
    if (!cost || *cost > budget) return;
    Choice choice;
    choice.basket = basket;
    choice.cost = *cost;
    choice.usd_per_month = BruteForceValue(problem, basket, lp);
    if (choice.usd_per_month > -1e300) all.push_back(choice);
  });
  return all;
}

std::optional<Choice> BruteForceBest(const Problem& problem, Usd budget, const Terms& terms,
                                     Lp lp) {
  std::optional<Choice> best;
  for (Choice& choice : AllChoices(problem, std::min(budget, terms.budget.value_or(budget)), lp)) {
    if (!Contains(choice.basket, terms.at_least)) continue;
    if (terms.excluding != nullptr && Contains(choice.basket, *terms.excluding)) continue;
    const int machines = Machines(choice.basket);
    if (machines < terms.min_machines || machines > terms.max_machines) continue;
    if (!best || choice.Objective(terms.months) > best->Objective(terms.months)) best = choice;
  }
  return best;
}

}  // namespace capacity::purchase
