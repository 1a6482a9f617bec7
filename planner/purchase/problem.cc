#include "planner/purchase/problem.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "planner/purchase/packing_lp.h"

namespace capacity::purchase {
namespace {

std::optional<Usd> CostOf(const Good& good, int count) {
  Usd cost;
  for (const PricedOffer& offer : good.offers) {
    const int taken = std::min(count, offer.max_count);
    cost += offer.price * taken;
    count -= taken;
  }
  if (count > 0) return std::nullopt;
  return cost;
}

double Rate(const ServiceOption& option) { return option.usd_per_mtok * option.mtok_per_month; }

// Cluster-months per option of `copies` copies when demand does not bind: best rate first, each
// workload for its share of the hours. Exact, because the limits are nested.
std::vector<double> UncappedMonths(const Problem& problem, const Column& column, int copies) {
  std::vector<std::size_t> order(column.options.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return Rate(column.options[a]) > Rate(column.options[b]);
  });
  std::vector<double> months(column.options.size(), 0);
  std::vector<double> left_of_workload;
  for (const WorkloadLimit& limit : problem.workloads) {
    left_of_workload.push_back(limit.max_share * copies);
  }
  double left = copies;
  for (std::size_t o : order) {
    const ServiceOption& option = column.options[o];
    if (Rate(option) <= 0) break;
    double& left_here = left_of_workload[static_cast<std::size_t>(option.workload)];
    months[o] = std::min(left, left_here);
    left -= months[o];
    left_here -= months[o];
  }
  return months;
}

// Output tokens of every workload.
std::vector<double> Output(const Problem& problem, const std::vector<Running>& running) {
  std::vector<double> mtok(problem.workloads.size(), 0);
  for (const Running& cluster : running) {
    const Column& column = problem.columns[static_cast<std::size_t>(cluster.column)];
    for (std::size_t o = 0; o < column.options.size(); ++o) {
      mtok[static_cast<std::size_t>(column.options[o].workload)] +=
          column.options[o].mtok_per_month * cluster.cluster_months[o];
    }
  }
  return mtok;
}

bool WithinDemand(const Problem& problem, const std::vector<double>& mtok) {
  for (std::size_t w = 0; w < mtok.size(); ++w) {
    if (mtok[w] > problem.workloads[w].demand_mtok) return false;
  }
  return true;
}

// One workload, at most one option a cluster: serve demand where a token saves most.
void FillOneWorkload(const Problem& problem, std::vector<Running>& running) {
  std::vector<std::size_t> order(running.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  auto option_of = [&](std::size_t i) -> const ServiceOption& {
    return problem.columns[static_cast<std::size_t>(running[i].column)].options[0];
  };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return option_of(a).usd_per_mtok > option_of(b).usd_per_mtok;
  });
  double left = problem.workloads[0].demand_mtok;
  for (std::size_t i : order) {
    const double wanted = option_of(i).mtok_per_month * running[i].cluster_months[0];
    const double served = std::min(wanted, left);
    running[i].cluster_months[0] = served / option_of(i).mtok_per_month;
    left -= served;
  }
}

// Shares of time by linear program: time of every cluster, hours of every workload, demand.
void SolveShares(const Problem& problem, std::vector<Running>& running) {
  PackingProgram program;
  std::vector<std::pair<std::size_t, std::size_t>> variables;  // (running, option)
  for (std::size_t i = 0; i < running.size(); ++i) {
    const Column& column = problem.columns[static_cast<std::size_t>(running[i].column)];
    for (std::size_t o = 0; o < column.options.size(); ++o) {
      if (Rate(column.options[o]) <= 0) continue;
      variables.emplace_back(i, o);
      program.objective.push_back(Rate(column.options[o]));
    }
  }
  auto option_of = [&](std::size_t v) -> const ServiceOption& {
    const auto& [i, o] = variables[v];
    return problem.columns[static_cast<std::size_t>(running[i].column)].options[o];
  };
  auto add_row = [&](double capacity, auto&& coefficient) {
    std::vector<double> row(variables.size(), 0);
    bool used = false;
    for (std::size_t v = 0; v < variables.size(); ++v) {
      row[v] = coefficient(v);
      used = used || row[v] != 0;
    }
    if (!used) return;
    program.rows.push_back(std::move(row));
    program.capacity.push_back(capacity);
  };
  for (std::size_t i = 0; i < running.size(); ++i) {
    add_row(running[i].copies, [&](std::size_t v) { return variables[v].first == i ? 1.0 : 0.0; });
    for (std::size_t w = 0; w < problem.workloads.size(); ++w) {
      if (problem.workloads[w].max_share >= 1) continue;
      add_row(problem.workloads[w].max_share * running[i].copies, [&](std::size_t v) {
        return variables[v].first == i && option_of(v).workload == static_cast<int>(w) ? 1.0 : 0.0;
      });
    }
  }
  for (std::size_t w = 0; w < problem.workloads.size(); ++w) {
    if (!std::isfinite(problem.workloads[w].demand_mtok)) continue;
    add_row(problem.workloads[w].demand_mtok, [&](std::size_t v) {
      return option_of(v).workload == static_cast<int>(w) ? option_of(v).mtok_per_month : 0.0;
    });
  }
  const std::vector<double> months = SolvePacking(program);
  for (Running& cluster : running) {
    std::fill(cluster.cluster_months.begin(), cluster.cluster_months.end(), 0.0);
  }
  for (std::size_t v = 0; v < variables.size(); ++v) {
    running[variables[v].first].cluster_months[variables[v].second] = std::max(0.0, months[v]);
  }
}

bool OneOptionEach(const Problem& problem, const std::vector<Running>& running) {
  return std::all_of(running.begin(), running.end(), [&](const Running& cluster) {
    return problem.columns[static_cast<std::size_t>(cluster.column)].options.size() == 1;
  });
}

}  // namespace

Basket EmptyBasket(const Problem& problem) {
  return {.nodes = std::vector<int>(problem.kinds.size(), 0),
          .items = std::vector<int>(problem.items.size(), 0)};
}

bool Contains(const Basket& a, const Basket& b) {
  return std::equal(a.nodes.begin(), a.nodes.end(), b.nodes.begin(), std::greater_equal<>()) &&
         std::equal(a.items.begin(), a.items.end(), b.items.begin(), std::greater_equal<>());
}

bool IsEmpty(const Basket& basket) {
  auto zero = [](int count) { return count == 0; };
  return std::all_of(basket.nodes.begin(), basket.nodes.end(), zero) &&
         std::all_of(basket.items.begin(), basket.items.end(), zero);
}

int Machines(const Basket& basket) {
  return std::accumulate(basket.nodes.begin(), basket.nodes.end(), 0);
}

std::optional<Usd> Cost(const Problem& problem, const Basket& basket) {
  Usd cost;
  for (std::size_t k = 0; k < basket.nodes.size(); ++k) {
    const std::optional<Usd> part = CostOf(problem.kinds[k], basket.nodes[k]);
    if (!part) return std::nullopt;
    cost += *part;
  }
  for (std::size_t i = 0; i < basket.items.size(); ++i) {
    const std::optional<Usd> part = CostOf(problem.items[i], basket.items[i]);
    if (!part) return std::nullopt;
    cost += *part;
  }
  return cost;
}

double Standby(const Problem& problem, const Basket& basket) {
  double usd = 0;
  for (std::size_t k = 0; k < basket.nodes.size(); ++k) {
    usd += problem.kinds[k].standby_usd_per_month * basket.nodes[k];
  }
  for (std::size_t i = 0; i < basket.items.size(); ++i) {
    usd += problem.items[i].standby_usd_per_month * basket.items[i];
  }
  return usd;
}

bool SimplerThan(const Basket& a, const Basket& b) {
  auto count = [](const Basket& basket) {
    return std::accumulate(basket.nodes.begin(), basket.nodes.end(), 0) +
           std::accumulate(basket.items.begin(), basket.items.end(), 0);
  };
  if (count(a) != count(b)) return count(a) < count(b);
  if (a.nodes != b.nodes) return a.nodes > b.nodes;
  return a.items > b.items;
}

Operation Operate(const Problem& problem, const std::vector<std::pair<int, int>>& clusters) {
  Operation operation;
  for (const auto& [column, copies] : clusters) {
    if (copies == 0) continue;
    operation.running.push_back(
        {column, copies,
         UncappedMonths(problem, problem.columns[static_cast<std::size_t>(column)], copies)});
  }
  std::sort(operation.running.begin(), operation.running.end(),
            [](const Running& a, const Running& b) { return a.column < b.column; });
  if (!WithinDemand(problem, Output(problem, operation.running))) {
    if (problem.workloads.size() == 1 && OneOptionEach(problem, operation.running)) {
      FillOneWorkload(problem, operation.running);
    } else {
      SolveShares(problem, operation.running);
    }
  }
  for (const Running& cluster : operation.running) {
    const Column& column = problem.columns[static_cast<std::size_t>(cluster.column)];
    for (std::size_t o = 0; o < column.options.size(); ++o) {
      operation.usd_per_month += Rate(column.options[o]) * cluster.cluster_months[o];
    }
  }
  std::erase_if(operation.running, [](const Running& cluster) {
    return std::all_of(cluster.cluster_months.begin(), cluster.cluster_months.end(),
                       [](double months) { return months <= 0; });
  });
  return operation;
}

double ValueAlone(const Problem& problem, const Column& column) {
  const std::vector<double> months = UncappedMonths(problem, column, 1);
  double value = 0;
  for (std::size_t o = 0; o < column.options.size(); ++o) {
    value += Rate(column.options[o]) * months[o];
  }
  return value;
}

bool IsAdditive(const Problem& problem) {
  return std::none_of(problem.workloads.begin(), problem.workloads.end(),
                      [](const WorkloadLimit& limit) { return std::isfinite(limit.demand_mtok); });
}

}  // namespace capacity::purchase
