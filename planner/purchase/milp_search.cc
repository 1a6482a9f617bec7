#include "planner/purchase/milp_search.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "planner/purchase/reduce.h"

namespace capacity::purchase {
namespace {

// Where each part of the problem lies among the variables.
struct Layout {
  std::vector<int> copies;                  // of each column
  std::vector<std::vector<int>> months;     // by column and option, in cluster-months
  std::vector<std::vector<int>> kind_buys;  // by kind and offer
  std::vector<std::vector<int>> item_buys;  // by item and offer
};

// Collects variables and rows.
class Builder {
 public:
  int Add(MilpVariable variable) {
    milp_.variables.push_back(variable);
    return static_cast<int>(milp_.variables.size()) - 1;
  }
  void Row(std::vector<std::pair<int, double>> terms, double lower, double upper) {
    std::erase_if(terms, [](const auto& term) { return term.second == 0; });
    std::sort(terms.begin(), terms.end());
    milp_.rows.push_back({std::move(terms), lower, upper});
  }
  MilpProblem Take() { return std::move(milp_); }

 private:
  MilpProblem milp_;
};

class MilpSearch : public Search {
 public:
  MilpSearch(const Problem& problem, Usd budget, double longest_months, MilpSolver& solver,
             const MilpLimits& limits)
      : problem_(problem),
        budget_(budget),
        worth_(WorthBuying(problem, longest_months)),
        solver_(solver),
        limits_(limits) {}

  Found Best(const Terms& terms) override {
    Bounds bounds{terms, terms.at_least, Ceiling(terms.at_least)};
    if (terms.excluding == nullptr) return Solve(bounds);
    // Not to hold all of `excluding` is to hold less of one thing.
    const Basket& excluding = *terms.excluding;
    Found best;
    for (std::size_t i = 0; i < excluding.nodes.size() + excluding.items.size(); ++i) {
      const bool node = i < excluding.nodes.size();
      const std::size_t at = node ? i : i - excluding.nodes.size();
      const int wanted = node ? excluding.nodes[at] : excluding.items[at];
      const int held = node ? terms.at_least.nodes[at] : terms.at_least.items[at];
      if (wanted <= held) continue;
      Bounds fewer = bounds;
      (node ? fewer.ceiling.nodes : fewer.ceiling.items)[at] = wanted - 1;
      Found found = Solve(fewer);
      if (!found.choice) continue;
      if (!best.choice || found.choice->Objective(terms.months) >
                              best.choice->Objective(terms.months) + kEqualUsdPerMonth) {
        best = std::move(found);
      }
    }
    return best;
  }

  Found ValueOf(const Basket& basket) override {
    // With the basket given, any threshold finds the same operation.
    Terms terms{.months = kNoLimit, .at_least = basket};
    MilpLimits to_the_end = limits_;
    to_the_end.stop = nullptr;  // small, and everything else is measured against it
    Found found = Solve({terms, basket, basket}, to_the_end);
    // Without demands some operation always exists: the solver gave up.
    if (!found.choice && problem_.one_of.empty()) {
      found = {.choice = EveryNodeAlone(basket), .proven = false};
    }
    return found;
  }

  // From both ends, the best at the threshold at which two neighbours on the hull tie: above the
  // line between them, or nothing is.
  Curve Frontier(double months) override {
    Curve curve;
    const Basket nothing = EmptyBasket(problem_);
    auto note = [&curve](const Found& found) {
      curve.proven = curve.proven && found.proven;
      curve.gap_usd_per_month = std::max(curve.gap_usd_per_month, found.gap_usd_per_month);
    };
    Found first = ValueOf(nothing);
    Found last = Best({.months = months, .at_least = nothing});
    note(first);
    note(last);
    curve.complete = false;
    if (!first.choice) return curve;
    curve.points.push_back(*std::move(first.choice));
    if (!last.choice || last.choice->cost <= curve.points[0].cost) return curve;
    curve.points.push_back(*std::move(last.choice));
    int solves = 0;
    for (std::size_t at = 0; at + 1 < curve.points.size() && solves < kMostFrontierSolves;) {
      const Choice& a = curve.points[at];
      const Choice& b = curve.points[at + 1];
      const double tie = (b.cost - a.cost).dollars() / (b.usd_per_month - a.usd_per_month);
      ++solves;
      Found between = Best({.months = tie, .at_least = nothing});
      note(between);
      const bool above = between.choice && between.choice->cost > a.cost &&
                         between.choice->cost < b.cost &&
                         between.choice->Objective(tie) > a.Objective(tie) + kSmallestFrontierStep;
      if (above) {
        curve.points.insert(curve.points.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                            *std::move(between.choice));
      } else {
        ++at;
      }
    }
    return curve;
  }

 private:
  // What the basket is worth at least, when the solver gives up.
  Choice EveryNodeAlone(const Basket& basket) const {
    std::vector<std::pair<int, int>> clusters;
    for (std::size_t c = 0; c < problem_.columns.size(); ++c) {
      const std::vector<int>& nodes = problem_.columns[c].nodes;
      if (std::accumulate(nodes.begin(), nodes.end(), 0) != 1) continue;
      const auto kind =
          static_cast<std::size_t>(std::find(nodes.begin(), nodes.end(), 1) - nodes.begin());
      clusters.emplace_back(static_cast<int>(c), problem_.kinds[kind].owned + basket.nodes[kind]);
    }
    Choice choice;
    choice.basket = basket;
    choice.cost = Cost(problem_, basket).value_or(Usd{0});
    choice.operation = Operate(problem_, clusters);
    choice.usd_per_month = choice.operation.usd_per_month - Standby(problem_, basket);
    return choice;
  }

  // The terms with what must and may be bought spelled out.
  struct Bounds {
    const Terms& terms;
    Basket at_least;
    Basket ceiling;
  };

  Basket Ceiling(const Basket& at_least) const {
    Basket ceiling = EmptyBasket(problem_);
    auto most = [](const Good& good) {
      int count = 0;
      for (const PricedOffer& offer : good.offers) count += offer.max_count;
      return count;
    };
    for (std::size_t k = 0; k < ceiling.nodes.size(); ++k) {
      ceiling.nodes[k] = std::max(at_least.nodes[k], worth_[k] ? most(problem_.kinds[k]) : 0);
    }
    for (std::size_t i = 0; i < ceiling.items.size(); ++i) {
      ceiling.items[i] = std::max(at_least.items[i], most(problem_.items[i]));
    }
    return ceiling;
  }

  // Columns that the nodes of `ceiling` could form at all.
  bool Possible(const Column& column, const Basket& ceiling) const {
    for (std::size_t k = 0; k < column.nodes.size(); ++k) {
      if (column.nodes[k] > problem_.kinds[k].owned + ceiling.nodes[k]) return false;
    }
    for (std::size_t i = 0; i < column.items.size(); ++i) {
      if (column.items[i] > problem_.items[i].owned + ceiling.items[i]) return false;
    }
    return true;
  }

  static std::vector<int> AddBuys(const Good& good, int at_most, double months, Builder& builder) {
    std::vector<int> variables;
    for (const PricedOffer& offer : good.offers) {
      const double upper = std::min(offer.max_count, at_most);
      variables.push_back(
          builder.Add({.upper = upper,
                       .objective = -(offer.price.dollars() / months + good.standby_usd_per_month),
                       .integer = true}));
    }
    return variables;
  }

  void AddColumn(std::size_t c, Builder& builder, Layout& layout,
                 std::vector<std::vector<std::pair<int, double>>>& demand) const {
    const Column& column = problem_.columns[c];
    const int copies =
        builder.Add({.upper = static_cast<double>(
                         column.max_copies == kNoCopyLimit ? kMostCopies : column.max_copies),
                     .integer = true});
    layout.copies[c] = copies;
    std::vector<std::pair<int, double>> time = {{copies, -1}};
    std::vector<std::vector<std::pair<int, double>>> hours(problem_.workloads.size());
    for (const ServiceOption& option : column.options) {
      const auto w = static_cast<std::size_t>(option.workload);
      const WorkloadLimit& limit = problem_.workloads[w];
      const int months = builder.Add({.objective = option.usd_per_mtok * option.mtok_per_month});
      layout.months[c].push_back(months);
      time.emplace_back(months, 1);
      hours[w].emplace_back(months, 1);
      if (std::isfinite(limit.demand_mtok)) {
        // In shares of the demand, not tokens: token variables timed out.
        demand[w].emplace_back(months, option.mtok_per_month / limit.demand_mtok);
      }
      // One copy serves no more than all of the demand: tightens the relaxation.
      const double most = std::min(limit.max_share, limit.demand_mtok / option.mtok_per_month);
      if (most < 1) builder.Row({{copies, -most}, {months, 1}}, -kNoLimit, 0);
    }
    builder.Row(std::move(time), -kNoLimit, 0);
    for (std::size_t w = 0; w < hours.size(); ++w) {
      if (hours[w].size() < 2 || problem_.workloads[w].max_share >= 1) continue;
      hours[w].emplace_back(copies, -problem_.workloads[w].max_share);
      builder.Row(std::move(hours[w]), -kNoLimit, 0);
    }
  }

  // Uses of one kind or item by all columns stay within what is owned and bought.
  void AddSupply(const Good& good, const std::vector<int>& buys, bool node, std::size_t index,
                 int at_least, int at_most, const Layout& layout, Builder& builder) const {
    std::vector<std::pair<int, double>> bought;
    std::vector<std::pair<int, double>> uses;
    for (int buy : buys) {
      bought.emplace_back(buy, 1);
      uses.emplace_back(buy, -1);
    }
    if (!bought.empty() && (at_least > 0 || at_most < kMostCopies)) {
      builder.Row(std::move(bought), at_least, at_most);
    }
    bool used = false;
    for (std::size_t c = 0; c < problem_.columns.size(); ++c) {
      if (layout.copies[c] < 0) continue;
      const Column& column = problem_.columns[c];
      const int count = node ? column.nodes[index] : column.items[index];
      if (count == 0) continue;
      uses.emplace_back(layout.copies[c], count);
      used = true;
    }
    if (used) builder.Row(std::move(uses), -kNoLimit, good.owned);
  }

  // The whole program under the bounds, and where its parts lie.
  MilpProblem Formulate(const Bounds& bounds, Layout& layout) const {
    const Terms& terms = bounds.terms;
    Builder builder;
    layout.copies.assign(problem_.columns.size(), -1);
    layout.months.resize(problem_.columns.size());
    std::vector<std::vector<std::pair<int, double>>> demand(problem_.workloads.size());
    for (std::size_t c = 0; c < problem_.columns.size(); ++c) {
      if (Possible(problem_.columns[c], bounds.ceiling)) AddColumn(c, builder, layout, demand);
    }
    for (auto& shares : demand) {
      if (!shares.empty()) builder.Row(std::move(shares), -kNoLimit, 1);
    }
    for (std::size_t k = 0; k < problem_.kinds.size(); ++k) {
      const int most = bounds.ceiling.nodes[k];
      layout.kind_buys.push_back(AddBuys(problem_.kinds[k], most, terms.months, builder));
      AddSupply(problem_.kinds[k], layout.kind_buys.back(), true, k, bounds.at_least.nodes[k], most,
                layout, builder);
    }
    for (std::size_t i = 0; i < problem_.items.size(); ++i) {
      const int most = bounds.ceiling.items[i];
      layout.item_buys.push_back(AddBuys(problem_.items[i], most, terms.months, builder));
      AddSupply(problem_.items[i], layout.item_buys.back(), false, i, bounds.at_least.items[i],
                most, layout, builder);
    }
    AddDemandedClusters(layout, builder);
    AddMachineLimits(terms, layout, builder);
    if (std::isfinite(terms.months)) {
      const Usd budget = std::min(budget_, terms.budget.value_or(budget_));
      auto prices = Prices(layout);
      if (!prices.empty()) builder.Row(std::move(prices), -kNoLimit, budget.dollars());
    }
    return builder.Take();
  }

  Found Solve(const Bounds& bounds) { return Solve(bounds, limits_); }

  Found Solve(const Bounds& bounds, const MilpLimits& limits) {
    Layout layout;
    const MilpProblem milp = Formulate(bounds, layout);
    Found found;
    if (milp.variables.empty()) {  // no cluster and no offer: nothing to decide
      if (problem_.one_of.empty()) found.choice = Read({}, layout);
      return found;
    }
    MilpSolution solution = solver_.Solve(milp, limits);
    found.proven = solution.status != MilpStatus::kStopped;
    if (solution.values.empty()) return found;
    found.gap_usd_per_month = found.proven ? 0 : std::max(0.0, solution.bound - solution.objective);
    if (found.proven && bounds.terms.ties == Ties::kCheapest) Cheapen(milp, layout, solution);
    found.choice = Read(solution.values, layout);
    return found;
  }

  // Of equally good solutions the one that costs least: a second solve.
  void Cheapen(const MilpProblem& milp, const Layout& layout, MilpSolution& solution) {
    const auto prices = Prices(layout);
    const bool buys = std::any_of(prices.begin(), prices.end(), [&solution](const auto& term) {
      return solution.values[static_cast<std::size_t>(term.first)] > 0.5;
    });
    if (!buys) return;
    MilpProblem cheapest = milp;
    MilpRow as_good{.lower = solution.objective - limits_.absolute_gap};
    for (std::size_t v = 0; v < milp.variables.size(); ++v) {
      if (milp.variables[v].objective != 0) {
        as_good.terms.emplace_back(static_cast<int>(v), milp.variables[v].objective);
      }
      cheapest.variables[v].objective = 0;
    }
    cheapest.rows.push_back(std::move(as_good));
    for (const auto& [variable, price] : prices) {
      cheapest.variables[static_cast<std::size_t>(variable)].objective = -price;
    }
    MilpLimits limits = limits_;
    limits.warm_start = &solution.values;
    MilpSolution cheaper = solver_.Solve(cheapest, limits);
    if (cheaper.values.empty()) return;
    solution.values = std::move(cheaper.values);
  }

  void AddDemandedClusters(const Layout& layout, Builder& builder) const {
    if (problem_.one_of.empty()) return;
    std::vector<std::pair<int, double>> copies;
    for (int c : problem_.one_of) {
      const int variable = layout.copies[static_cast<std::size_t>(c)];
      if (variable >= 0) copies.emplace_back(variable, 1);
    }
    builder.Row(std::move(copies), 1, kNoLimit);
  }

  static void AddMachineLimits(const Terms& terms, const Layout& layout, Builder& builder) {
    if (terms.min_machines <= 0 && terms.max_machines == kNoCopyLimit) return;
    std::vector<std::pair<int, double>> machines;
    for (const std::vector<int>& buys : layout.kind_buys) {
      for (int buy : buys) machines.emplace_back(buy, 1);
    }
    builder.Row(std::move(machines), terms.min_machines,
                terms.max_machines == kNoCopyLimit ? kNoLimit : terms.max_machines);
  }

  // Every purchase variable with its price in dollars.
  std::vector<std::pair<int, double>> Prices(const Layout& layout) const {
    std::vector<std::pair<int, double>> terms;
    auto add = [&terms](const Good& good, const std::vector<int>& buys) {
      for (std::size_t o = 0; o < buys.size(); ++o) {
        terms.emplace_back(buys[o], good.offers[o].price.dollars());
      }
    };
    for (std::size_t k = 0; k < problem_.kinds.size(); ++k) {
      add(problem_.kinds[k], layout.kind_buys[k]);
    }
    for (std::size_t i = 0; i < problem_.items.size(); ++i) {
      add(problem_.items[i], layout.item_buys[i]);
    }
    return terms;
  }

  // The basket and clusters that the solver found; what they do is worked out again exactly.
  Choice Read(const std::vector<double>& values, const Layout& layout) const {
    auto count = [&values](int variable) {
      return static_cast<int>(std::lround(values[static_cast<std::size_t>(variable)]));
    };
    Choice choice;
    choice.basket = EmptyBasket(problem_);
    for (std::size_t k = 0; k < problem_.kinds.size(); ++k) {
      for (int buy : layout.kind_buys[k]) choice.basket.nodes[k] += count(buy);
    }
    for (std::size_t i = 0; i < problem_.items.size(); ++i) {
      for (int buy : layout.item_buys[i]) choice.basket.items[i] += count(buy);
    }
    std::vector<std::pair<int, int>> clusters;
    for (std::size_t c = 0; c < problem_.columns.size(); ++c) {
      if (layout.copies[c] >= 0)
        clusters.emplace_back(static_cast<int>(c), count(layout.copies[c]));
    }
    choice.cost = Cost(problem_, choice.basket).value_or(Usd{0});
    choice.operation = Operate(problem_, clusters);
    choice.usd_per_month = choice.operation.usd_per_month - Standby(problem_, choice.basket);
    return choice;
  }

  static constexpr int kNoCopyLimit = std::numeric_limits<int>::max();
  static constexpr int kMostFrontierSolves = 16;
  static constexpr double kSmallestFrontierStep = 0.01;  // dollars a month above the line
  static constexpr int kMostCopies = 1'000'000;          // beyond any fleet

  const Problem& problem_;
  Usd budget_;
  std::vector<bool> worth_;
  MilpSolver& solver_;
  MilpLimits limits_;
};

}  // namespace

std::unique_ptr<Search> MakeMilpSearch(const Problem& problem, Usd budget, double longest_months,
                                       MilpSolver& solver, const MilpLimits& limits) {
  return std::make_unique<MilpSearch>(problem, budget, longest_months, solver, limits);
}

}  // namespace capacity::purchase
