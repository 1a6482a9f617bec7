#include "planner/purchase/reduce.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>

namespace capacity::purchase {
namespace {

// Figures this close, relatively, are equal: they come from the same arithmetic.
constexpr double kSame = 1e-12;

double Rate(const ServiceOption& option) { return option.usd_per_mtok * option.mtok_per_month; }

// Dollars gained per further token when going from a to b.
double Slope(const ServiceOption& a, const ServiceOption& b) {
  return (Rate(b) - Rate(a)) / (b.mtok_per_month - a.mtok_per_month);
}

std::vector<ServiceOption> UsefulForOneWorkload(std::vector<ServiceOption> options) {
  std::stable_sort(options.begin(), options.end(),
                   [](const ServiceOption& a, const ServiceOption& b) {
                     if (a.mtok_per_month != b.mtok_per_month) {
                       return a.mtok_per_month < b.mtok_per_month;
                     }
                     return a.usd_per_mtok > b.usd_per_mtok;
                   });
  std::vector<ServiceOption> hull;
  for (const ServiceOption& option : options) {
    if (option.usd_per_mtok <= 0 || option.mtok_per_month <= 0) continue;
    if (!hull.empty() && Rate(option) <= Rate(hull.back()) * (1 + kSame)) continue;
    while (!hull.empty()) {
      const ServiceOption origin;
      const ServiceOption& previous = hull.size() > 1 ? hull[hull.size() - 2] : origin;
      if (Slope(previous, hull.back()) > Slope(previous, option) * (1 + kSame)) break;
      hull.pop_back();
    }
    hull.push_back(option);
  }
  return hull;
}

int Total(const std::vector<int>& counts) {
  return std::accumulate(counts.begin(), counts.end(), 0);
}

// How often `part` fits into `whole`.
int Times(const std::vector<int>& part, const std::vector<int>& whole) {
  int times = std::numeric_limits<int>::max();
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (part[i] > 0) times = std::min(times, whole[i] / part[i]);
  }
  return times;
}

// Tokens a month that `column` can serve for `workload` at a saving of at least `usd_per_mtok`
// each.
double FastestAtLeast(const Column& column, int workload, double usd_per_mtok) {
  double fastest = 0;
  for (const ServiceOption& option : column.options) {
    if (option.workload == workload && option.usd_per_mtok >= usd_per_mtok * (1 - kSame)) {
      fastest = std::max(fastest, option.mtok_per_month);
    }
  }
  return fastest;
}

bool Reaches(double sum, double wanted) { return sum >= wanted * (1 - kSame); }

bool CopiesMatch(const Column& column, const Column& part) {
  // Copies that the optimum may need elsewhere cannot be promised here.
  if (part.max_copies < std::numeric_limits<int>::max()) return false;
  const int times = std::min(Times(part.nodes, column.nodes), Times(part.items, column.items));
  if (times < 1) return false;
  return std::all_of(column.options.begin(), column.options.end(), [&](const auto& option) {
    return Reaches(times * FastestAtLeast(part, option.workload, option.usd_per_mtok),
                   option.mtok_per_month);
  });
}

bool SinglesMatch(const Column& column, const std::vector<const Column*>& single_of) {
  return std::all_of(column.options.begin(), column.options.end(), [&](const auto& option) {
    double sum = 0;
    for (std::size_t k = 0; k < column.nodes.size(); ++k) {
      if (column.nodes[k] == 0 || single_of[k] == nullptr) continue;
      sum += column.nodes[k] * FastestAtLeast(*single_of[k], option.workload, option.usd_per_mtok);
    }
    return Reaches(sum, option.mtok_per_month);
  });
}

// The column that needs nothing but one node, per kind; null where there is none.
std::vector<const Column*> Singles(const Problem& problem) {
  std::vector<const Column*> single_of(problem.kinds.size(), nullptr);
  for (const Column& column : problem.columns) {
    if (Total(column.nodes) != 1 || Total(column.items) != 0) continue;
    const auto kind = std::find(column.nodes.begin(), column.nodes.end(), 1);
    single_of[static_cast<std::size_t>(kind - column.nodes.begin())] = &column;
  }
  return single_of;
}

// Whether, wherever `replaced` stands, `by` would do: for every cluster with the one there is the
// cluster with the other in its place, as good.
bool Replaces(const Problem& problem, std::size_t replaced, std::size_t by) {
  return std::all_of(problem.columns.begin(), problem.columns.end(), [&](const Column& column) {
    if (column.nodes[replaced] == 0) return true;
    std::vector<int> wanted = column.nodes;
    wanted[by] += wanted[replaced];
    wanted[replaced] = 0;
    return std::any_of(problem.columns.begin(), problem.columns.end(), [&](const Column& other) {
      return Times(other.nodes, wanted) >= 1 &&
             CopiesMatch({wanted, column.items, column.options}, other);
    });
  });
}

Usd CheapestPrice(const Good& good) { return good.offers.front().price; }

bool PaysAtBest(const Problem& problem, std::size_t kind, double longest_months) {
  const Good& good = problem.kinds[kind];
  const double monthly =
      CheapestPrice(good).dollars() / longest_months + good.standby_usd_per_month;
  return std::any_of(problem.columns.begin(), problem.columns.end(), [&](const Column& column) {
    if (column.nodes[kind] == 0) return false;
    // Beside owned ones a single one may complete a cluster.
    const int bought = good.owned > 0 ? 1 : column.nodes[kind];
    return ValueAlone(problem, column) > bought * monthly;
  });
}

}  // namespace

std::vector<ServiceOption> UsefulOptions(const std::vector<ServiceOption>& options) {
  int workloads = 0;
  for (const ServiceOption& option : options) workloads = std::max(workloads, option.workload + 1);
  std::vector<ServiceOption> useful;
  for (int w = 0; w < workloads; ++w) {
    std::vector<ServiceOption> of_workload;
    std::copy_if(options.begin(), options.end(), std::back_inserter(of_workload),
                 [w](const ServiceOption& option) { return option.workload == w; });
    for (ServiceOption& option : UsefulForOneWorkload(std::move(of_workload))) {
      useful.push_back(option);
    }
  }
  return useful;
}

Problem Reduce(Problem problem) {
  for (Column& column : problem.columns) column.options = UsefulOptions(column.options);
  std::erase_if(problem.columns, [](const Column& column) { return column.options.empty(); });
  // Smaller clusters first, so that a column is compared with those that remain.
  std::stable_sort(
      problem.columns.begin(), problem.columns.end(), [](const Column& a, const Column& b) {
        return std::forward_as_tuple(Total(a.nodes), b.nodes, Total(a.items), a.items) <
               std::forward_as_tuple(Total(b.nodes), a.nodes, Total(b.items), b.items);
      });
  std::vector<Column> kept;
  const std::vector<const Column*> single_of = Singles(problem);
  for (const Column& column : problem.columns) {
    const bool single = Total(column.nodes) == 1;
    const bool copied = std::any_of(kept.begin(), kept.end(),
                                    [&](const Column& part) { return CopiesMatch(column, part); });
    if (copied || (!single && SinglesMatch(column, single_of))) continue;
    kept.push_back(column);
  }
  problem.columns = std::move(kept);
  return problem;
}

std::vector<bool> WorthBuying(const Problem& problem, double longest_months) {
  std::vector<bool> worth(problem.kinds.size(), false);
  if (!problem.one_of.empty()) {  // what must stand may not pay
    for (std::size_t k = 0; k < worth.size(); ++k) worth[k] = !problem.kinds[k].offers.empty();
    return worth;
  }
  for (std::size_t k = 0; k < problem.kinds.size(); ++k) {
    worth[k] = !problem.kinds[k].offers.empty() && PaysAtBest(problem, k, longest_months);
  }
  for (std::size_t k = 0; k < problem.kinds.size(); ++k) {
    for (std::size_t by = 0; by < problem.kinds.size() && worth[k]; ++by) {
      if (by == k || !worth[by]) continue;
      if (problem.kinds[k].owned > 0) continue;  // owned ones may wait for company of their kind
      const Good& good = problem.kinds[by];
      const Usd price = CheapestPrice(problem.kinds[k]);
      const bool cheaper = good.offers.front().price <= price &&
                           good.offers.front().max_count >= kUnlimited &&
                           good.standby_usd_per_month <= problem.kinds[k].standby_usd_per_month;
      if (cheaper && Replaces(problem, k, by)) worth[k] = false;
    }
  }
  return worth;
}

}  // namespace capacity::purchase
