#include "planner/purchase/enumeration.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <numeric>

#include "planner/purchase/reduce.h"

namespace capacity::purchase {
namespace {

bool NoMore(const std::vector<int>& a, const std::vector<int>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), std::less_equal<>());
}

// An upper bound that no fleet exceeds: all demand served at its best saving.
double DemandBound(const Problem& problem) {
  std::vector<double> best(problem.workloads.size(), 0);
  for (const Column& column : problem.columns) {
    for (const ServiceOption& option : column.options) {
      double& here = best[static_cast<std::size_t>(option.workload)];
      here = std::max(here, option.usd_per_mtok);
    }
  }
  double bound = 0;
  for (std::size_t w = 0; w < best.size(); ++w) {
    if (best[w] > 0) bound += best[w] * problem.workloads[w].demand_mtok;
  }
  return bound;
}

// What must be bought to have `needed` of each item, keeping what is bought already.
std::vector<int> ItemsToHave(const Problem& problem, const std::vector<int>& needed,
                             const std::vector<int>& bought) {
  std::vector<int> items(needed.size());
  for (std::size_t i = 0; i < needed.size(); ++i) {
    items[i] = std::max(bought[i], needed[i] - problem.items[i].owned);
  }
  return items;
}

bool Better(const Choice& a, const Choice& b, double months) {
  const double difference = a.Objective(months) - b.Objective(months);
  if (std::abs(difference) > kEqualUsdPerMonth) return difference > 0;
  if (a.cost != b.cost) return a.cost < b.cost;
  return SimplerThan(a.basket, b.basket);
}

}  // namespace

std::unique_ptr<Enumeration> Enumeration::Create(const Problem& problem, Usd budget,
                                                 double longest_months,
                                                 const std::atomic<bool>* stop,
                                                 const EnumerationLimits& limits) {
  std::unique_ptr<Enumeration> search(new Enumeration(problem, budget, stop, limits));
  if (!search->ListBaskets(longest_months)) return nullptr;
  return search;
}

Enumeration::Enumeration(const Problem& problem, Usd budget, const std::atomic<bool>* stop,
                         const EnumerationLimits& limits)
    : problem_(problem),
      budget_(budget),
      stop_(stop),
      limits_(limits),
      additive_(IsAdditive(problem)),
      demand_bound_(DemandBound(problem)),
      single_of_(problem.kinds.size(), -1),
      demanded_(problem.columns.size(), 0) {
  for (int c : problem.one_of) demanded_[static_cast<std::size_t>(c)] = 1;
  for (std::size_t c = 0; c < problem.columns.size(); ++c) {
    const Column& column = problem.columns[c];
    value_alone_.push_back(ValueAlone(problem, column));
    const int nodes = std::accumulate(column.nodes.begin(), column.nodes.end(), 0);
    if (nodes > 1) {
      several_.push_back(static_cast<int>(c));
    } else {
      const auto kind = std::find(column.nodes.begin(), column.nodes.end(), 1);
      single_of_[static_cast<std::size_t>(kind - column.nodes.begin())] = static_cast<int>(c);
    }
  }
  if (!additive_) return;
  // Where values add up, a cluster worth no more than its nodes by themselves is never needed.
  std::erase_if(several_, [this](int c) {
    if (demanded_[static_cast<std::size_t>(c)]) return false;
    double apart = 0;
    const Column& column = problem_.columns[static_cast<std::size_t>(c)];
    for (std::size_t k = 0; k < column.nodes.size(); ++k) {
      if (single_of_[k] < 0) continue;
      apart += column.nodes[k] * value_alone_[static_cast<std::size_t>(single_of_[k])];
    }
    return value_alone_[static_cast<std::size_t>(c)] <= apart;
  });
}

bool Enumeration::ListBaskets(double longest_months) {
  std::vector<int> nodes(problem_.kinds.size(), 0);
  return ListFrom(0, WorthBuying(problem_, longest_months), nodes, Usd{0});
}

bool Enumeration::ListFrom(std::size_t kind, const std::vector<bool>& worth,
                           std::vector<int>& nodes, Usd cost) {
  if (kind == nodes.size()) return AddBasket(nodes, cost);
  if (!ListFrom(kind + 1, worth, nodes, cost)) return false;
  if (!worth[kind]) return true;
  bool within = true;
  Usd total = cost;
  for (const PricedOffer& offer : problem_.kinds[kind].offers) {
    for (int i = 0; i < offer.max_count && within; ++i) {
      total += offer.price;
      if (total > budget_) break;
      ++nodes[kind];
      within = ListFrom(kind + 1, worth, nodes, total);
    }
  }
  nodes[kind] = 0;
  return within;
}

bool Enumeration::AddBasket(const std::vector<int>& nodes, Usd cost) {
  if (static_cast<int>(listed_.size()) >= limits_.baskets) return false;
  Listed listed;
  listed.nodes = nodes;
  listed.cost = cost;
  listed.standby = Standby(problem_, {nodes, std::vector<int>(problem_.items.size(), 0)});
  listed.evaluated = additive_;
  if (!Groupings(NodesWith(nodes), limits_.groupings - groupings_listed_, listed.groupings)) {
    return false;
  }
  if (listed.groupings.empty()) return true;  // what must stand cannot
  groupings_listed_ += static_cast<std::int64_t>(listed.groupings.size());
  for (const Grouping& grouping : listed.groupings) {
    listed.upper = std::max(listed.upper, grouping.value);
  }
  if (!additive_) listed.groupings = {};  // listed again when it is this basket's turn
  listed_.push_back(std::move(listed));
  return true;
}

std::vector<int> Enumeration::NodesWith(const std::vector<int>& bought) const {
  std::vector<int> nodes = bought;
  for (std::size_t k = 0; k < nodes.size(); ++k) nodes[k] += problem_.kinds[k].owned;
  return nodes;
}

bool Enumeration::Groupings(const std::vector<int>& nodes, std::int64_t limit,
                            std::vector<Grouping>& out) const {
  std::vector<int> left = nodes;
  Grouping grouping;
  grouping.items.assign(problem_.items.size(), 0);
  std::vector<int> possible;
  for (int c : several_) {
    if (NoMore(problem_.columns[static_cast<std::size_t>(c)].nodes, nodes)) possible.push_back(c);
  }
  return GroupFrom(possible, 0, limit, left, grouping, out);
}

double Enumeration::BoundOf(const Grouping& grouping, const std::vector<int>& left) const {
  double value = 0;
  for (const auto& [column, copies] : grouping.clusters) {
    value += copies * value_alone_[static_cast<std::size_t>(column)];
  }
  for (std::size_t k = 0; k < left.size(); ++k) {
    if (left[k] > 0 && single_of_[k] >= 0) {
      value += left[k] * value_alone_[static_cast<std::size_t>(single_of_[k])];
    }
  }
  return std::min(value, demand_bound_);
}

bool Enumeration::GroupFrom(const std::vector<int>& possible, std::size_t next, std::int64_t& limit,
                            std::vector<int>& left, Grouping& grouping,
                            std::vector<Grouping>& out) const {
  constexpr std::int64_t kComparisons = 256;  // about as much work as listing one more; assumed
  limit -= 1 + static_cast<std::int64_t>(out.size()) / kComparisons;
  if (limit < 0) return false;
  AddGrouping(grouping, left, out);
  if (Stopped() && !out.empty()) return false;  // one is needed: no nodes without an operation
  // One more cluster, of this column or a later one: every grouping comes up once.
  for (std::size_t p = next; p < possible.size(); ++p) {
    const Column& column = problem_.columns[static_cast<std::size_t>(possible[p])];
    auto& clusters = grouping.clusters;
    const bool again = !clusters.empty() && clusters.back().first == possible[p];
    if (again && clusters.back().second >= column.max_copies) continue;
    if (!NoMore(column.nodes, left)) continue;
    for (std::size_t k = 0; k < left.size(); ++k) left[k] -= column.nodes[k];
    for (std::size_t i = 0; i < column.items.size(); ++i) grouping.items[i] += column.items[i];
    if (again) {
      ++clusters.back().second;
    } else {
      clusters.emplace_back(possible[p], 1);
    }
    const bool within = GroupFrom(possible, p, limit, left, grouping, out);
    if (--clusters.back().second == 0) clusters.pop_back();
    for (std::size_t k = 0; k < left.size(); ++k) left[k] += column.nodes[k];
    for (std::size_t i = 0; i < column.items.size(); ++i) grouping.items[i] -= column.items[i];
    if (!within) return false;
  }
  return true;
}

void Enumeration::AddGrouping(Grouping& grouping, const std::vector<int>& left,
                              std::vector<Grouping>& out) const {
  if (!Stands(grouping.clusters)) return;
  grouping.value = BoundOf(grouping, left);
  if (additive_) {
    const bool beaten = std::any_of(out.begin(), out.end(), [&](const Grouping& other) {
      return other.value >= grouping.value && NoMore(other.items, grouping.items);
    });
    if (beaten) return;
    std::erase_if(out, [&](const Grouping& other) {
      return grouping.value >= other.value && NoMore(grouping.items, other.items);
    });
  }
  out.push_back(grouping);
}

// One of the columns that must stand is there.
bool Enumeration::Stands(const std::vector<std::pair<int, int>>& clusters) const {
  return problem_.one_of.empty() ||
         std::any_of(clusters.begin(), clusters.end(), [this](const auto& cluster) {
           return demanded_[static_cast<std::size_t>(cluster.first)] != 0;
         });
}

std::vector<std::pair<int, int>> Enumeration::AllClusters(const Grouping& grouping,
                                                          const std::vector<int>& nodes) const {
  std::vector<std::pair<int, int>> clusters = grouping.clusters;
  std::vector<int> left = nodes;
  for (const auto& [c, copies] : clusters) {
    const Column& column = problem_.columns[static_cast<std::size_t>(c)];
    for (std::size_t k = 0; k < left.size(); ++k) left[k] -= copies * column.nodes[k];
  }
  for (std::size_t k = 0; k < left.size(); ++k) {
    if (left[k] > 0 && single_of_[k] >= 0) clusters.emplace_back(single_of_[k], left[k]);
  }
  return clusters;
}

void Enumeration::EvaluateGroupings(const std::vector<int>& nodes,
                                    std::vector<Grouping>& groupings) const {
  std::stable_sort(groupings.begin(), groupings.end(),
                   [](const Grouping& a, const Grouping& b) { return a.value > b.value; });
  std::vector<Grouping> best;
  for (Grouping& grouping : groupings) {
    auto beats = [&](const Grouping& other) {
      return other.value >= grouping.value && NoMore(other.items, grouping.items);
    };
    if (std::any_of(best.begin(), best.end(), beats)) continue;  // not even its bound is better
    grouping.value = Operate(problem_, AllClusters(grouping, nodes)).usd_per_month;
    if (std::any_of(best.begin(), best.end(), beats)) continue;
    best.push_back(std::move(grouping));
  }
  groupings = std::move(best);
}

void Enumeration::Evaluate(Listed& listed) {
  if (listed.evaluated) return;
  const std::vector<int> nodes = NodesWith(listed.nodes);
  Groupings(nodes, std::numeric_limits<std::int64_t>::max(), listed.groupings);
  EvaluateGroupings(nodes, listed.groupings);
  listed.evaluated = true;
  listed.upper = 0;
  for (const Grouping& grouping : listed.groupings) {
    listed.upper = std::max(listed.upper, grouping.value);
  }
}

std::optional<Choice> Enumeration::ChoiceOf(const Listed& listed, const Grouping& grouping,
                                            const std::vector<int>& items_held, Usd budget) const {
  Choice choice;
  choice.basket = {listed.nodes, ItemsToHave(problem_, grouping.items, items_held)};
  const std::optional<Usd> cost = Cost(problem_, choice.basket);
  if (!cost || *cost > budget) return std::nullopt;
  choice.cost = *cost;
  choice.usd_per_month = grouping.value - Standby(problem_, choice.basket);
  return choice;
}

void Enumeration::Work(const Listed& listed, const Grouping& grouping, Choice& choice) const {
  choice.operation = Operate(problem_, AllClusters(grouping, NodesWith(listed.nodes)));
}

Found Enumeration::Best(const Terms& terms) {
  const Usd budget = std::min(budget_, terms.budget.value_or(budget_));
  std::vector<std::pair<double, std::size_t>> order;  // by upper bound of the objective
  for (std::size_t i = 0; i < listed_.size(); ++i) {
    const Listed& listed = listed_[i];
    if (listed.cost > budget || !NoMore(terms.at_least.nodes, listed.nodes)) continue;
    const int machines = std::accumulate(listed.nodes.begin(), listed.nodes.end(), 0);
    if (machines < terms.min_machines || machines > terms.max_machines) continue;
    order.emplace_back(listed.upper - listed.standby - listed.cost.dollars() / terms.months, i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::optional<Choice> best;
  const Listed* best_listed = nullptr;
  const Grouping* best_grouping = nullptr;
  for (const auto& [upper, i] : order) {
    if (best && upper < best->Objective(terms.months) - kEqualUsdPerMonth) break;
    if (best && Stopped()) break;
    Listed& listed = listed_[i];
    Evaluate(listed);
    for (const Grouping& grouping : listed.groupings) {
      std::optional<Choice> choice = ChoiceOf(listed, grouping, terms.at_least.items, budget);
      if (!choice) continue;
      if (terms.excluding != nullptr && Contains(choice->basket, *terms.excluding)) continue;
      if (best && !Better(*choice, *best, terms.months)) continue;
      best = std::move(choice);
      best_listed = &listed;
      best_grouping = &grouping;
    }
  }
  if (best) Work(*best_listed, *best_grouping, *best);
  return {.choice = std::move(best)};
}

Curve Enumeration::Frontier(double months) {
  struct Point {
    Choice choice;
    const Listed* listed;
    const Grouping* grouping;
  };
  std::map<Usd, Point> best;  // by cost; objectives ascend
  // The largest objective among the points that cost no more.
  auto reached = [&](Usd cost) {
    const auto after = best.upper_bound(cost);
    return after == best.begin() ? -std::numeric_limits<double>::infinity()
                                 : std::prev(after)->second.choice.Objective(months);
  };
  std::vector<std::size_t> order(listed_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
    return listed_[a].cost < listed_[b].cost;
  });
  const std::vector<int> no_items(problem_.items.size(), 0);
  for (std::size_t i : order) {
    Listed& listed = listed_[i];
    const double upper = listed.upper - listed.standby - listed.cost.dollars() / months;
    if (upper <= reached(listed.cost) + kEqualUsdPerMonth) continue;
    Evaluate(listed);
    for (const Grouping& grouping : listed.groupings) {
      std::optional<Choice> choice = ChoiceOf(listed, grouping, no_items, budget_);
      if (!choice) continue;
      const double objective = choice->Objective(months);
      if (objective <= reached(choice->cost) + kEqualUsdPerMonth) continue;
      const Usd cost = choice->cost;
      best.insert_or_assign(cost, Point{*std::move(choice), &listed, &grouping});
      for (auto later = best.upper_bound(cost); later != best.end();) {
        const bool beaten = later->second.choice.Objective(months) <= objective + kEqualUsdPerMonth;
        later = beaten ? best.erase(later) : std::next(later);
      }
    }
  }
  Curve curve;
  for (auto& [cost, point] : best) {
    Work(*point.listed, *point.grouping, point.choice);
    curve.points.push_back(std::move(point.choice));
  }
  return curve;
}

Found Enumeration::ValueOf(const Basket& basket) {
  const std::vector<int> nodes = NodesWith(basket.nodes);
  std::vector<Grouping> groupings;
  Groupings(nodes, std::numeric_limits<std::int64_t>::max(), groupings);
  std::erase_if(groupings, [&](const Grouping& grouping) {
    return ItemsToHave(problem_, grouping.items, basket.items) != basket.items;
  });
  if (!additive_) EvaluateGroupings(nodes, groupings);
  Grouping alone;  // when a stop kept the others from being listed
  alone.items.assign(problem_.items.size(), 0);
  const Grouping* best = &alone;
  for (const Grouping& grouping : groupings) {
    if (best == &alone || grouping.value > best->value) best = &grouping;
  }
  Choice choice;
  choice.basket = basket;
  choice.cost = Cost(problem_, basket).value_or(Usd{0});
  choice.operation = Operate(problem_, AllClusters(*best, nodes));
  choice.usd_per_month = choice.operation.usd_per_month - Standby(problem_, basket);
  return {.choice = std::move(choice)};
}

}  // namespace capacity::purchase
