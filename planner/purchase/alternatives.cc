#include "planner/purchase/alternatives.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/purchase/clusters.h"
#include "planner/purchase/reduce.h"
#include "planner/purchase/uncertainty.h"

namespace capacity::purchase {
namespace {

constexpr int kNoLimitOnCount = std::numeric_limits<int>::max();

// A cluster that does not stand today: it needs something new.
bool NeedsPurchase(const Problem& problem, const Column& column) {
  for (std::size_t k = 0; k < column.nodes.size(); ++k) {
    if (column.nodes[k] > problem.kinds[k].owned) return true;
  }
  return std::any_of(column.items.begin(), column.items.end(), [](int count) { return count > 0; });
}

bool IsNewCluster(const Problem& problem, const Column& column) {
  return std::accumulate(column.nodes.begin(), column.nodes.end(), 0) > 1 &&
         NeedsPurchase(problem, column);
}

// What a purchase costs once `resale` has come in for what it replaces; may be negative.
struct Sale {
  std::string node;  // empty: nothing is sold
  Usd resale;
  double standby = 0;  // electricity saved by not having it, US dollars a month
};

class Comparison {
 public:
  Comparison(const catalog::Catalog& catalog, const throughput::Calibration& calibration,
             const Market& market, const Reference& reference, const Options& options,
             double horizon_months)
      : catalog_(catalog),
        calibration_(calibration),
        market_(market),
        reference_(reference),
        options_(options),
        horizon_months_(horizon_months) {}

  std::vector<Alternative> All() {
    std::vector<Alternative> all;
    auto add = [&](auto&& alternative) {
      if (!options_.watch.stopped()) all.push_back(alternative());
      if (options_.watch.stopped()) all.clear();  // whatever was cut short is no comparison
    };
    add([this] { return Nothing(); });
    add([this] { return Apart(); });
    add([this] { return Together(); });
    add([this] { return Counted("one-machine", "one machine and no more", 1, 1); });
    add([this] { return Counted("several-machines", "two or more machines", 2, kNoLimitOnCount); });
    add([this] { return InCondition("new-only", "only new machines", true); });
    add([this] { return InCondition("used-only", "only used or refurbished machines", false); });
    add([this] { return Replace(); });
    return all;
  }

 private:
  double months() const { return reference_.threshold_months; }

  Terms TermsFor(const Market& market, int min_machines) const {
    Terms terms;
    terms.months = months();
    terms.at_least = market.Nothing();
    terms.min_machines = min_machines;
    return terms;
  }

  Alternative From(std::string kind, std::string question, const Market& market,
                   const Found& found) const {
    if (found.choice) {
      return Describe(std::move(kind), std::move(question), market_, reference_, market,
                      *found.choice);
    }
    return None(std::move(kind), std::move(question),
                absl::StrCat("nothing within the budget could pay back within ", horizon_months_,
                             " months"));
  }

  static Alternative None(std::string kind, std::string question, std::string why) {
    Alternative none;
    none.kind = std::move(kind);
    none.question = std::move(question);
    none.remark = std::move(why);
    return none;
  }

  // The market with another problem.
  Market With(Problem problem, Usd budget) const {
    return {
        market_.candidates(), market_.scenario(), market_.baseline(), std::move(problem), budget,
        horizon_months_,      options_.watch.stop};
  }

  Alternative Nothing() const {
    return From("nothing", "buy nothing", market_, {.choice = reference_.before});
  }

  Alternative Apart() {
    const std::string question = "every bought machine by itself (replicas)";
    Problem problem = market_.problem();
    std::erase_if(problem.columns,
                  [&](const Column& column) { return IsNewCluster(problem, column); });
    const Market market = With(std::move(problem), options_.budget);
    const Found found = market.search().Best(TermsFor(market, 1));
    if (found.choice) apart_ = found.choice->basket;
    return From("apart", question, market, found);
  }

  // Machines that the rung buys, or that the best replicas would be.
  std::set<const catalog::Machine*> MachinesInQuestion() const {
    const Basket& rung = reference_.rung.basket;
    const Basket& basket = IsEmpty(rung) ? apart_ : rung;
    std::set<const catalog::Machine*> machines;
    for (std::size_t k = 0; k < basket.nodes.size(); ++k) {
      if (basket.nodes[k] > 0) machines.insert(market_.candidates().kinds[k].machine);
    }
    return machines;
  }

  Alternative Together() const {
    const std::string question = "the same sort of machines as a cluster";
    const std::set<const catalog::Machine*> machines = MachinesInQuestion();
    fleet::Scenario scenario = market_.scenario();
    std::erase_if(scenario.offers, [&](const fleet::Offer& offer) {
      const catalog::Machine* machine = catalog_.FindMachine(offer.item);
      return machine != nullptr && !machines.contains(machine);
    });
    CandidateOptions options{.budget = options_.budget,
                             .min_nominal_bits = options_.min_nominal_bits,
                             .max_new_cluster_nodes = options_.max_cluster_nodes,
                             .longest_months = months(),
                             .keep_beaten_clusters = true};
    const Candidates candidates = FindCandidates(catalog_, calibration_, scenario, options);
    Problem problem = MakeProblem(candidates, scenario, market_.baseline());
    for (Column& column : problem.columns) column.options = UsefulOptions(column.options);
    std::erase_if(problem.columns, [](const Column& column) { return column.options.empty(); });
    for (std::size_t c = 0; c < problem.columns.size(); ++c) {
      if (IsNewCluster(problem, problem.columns[c])) {
        problem.one_of.push_back(static_cast<int>(c));
      }
    }
    if (problem.one_of.empty()) {
      return None("together", question,
                  "no legal cluster of them within the budget serves a workload");
    }
    const Market market(candidates, scenario, market_.baseline(), std::move(problem),
                        options_.budget, months(), options_.watch.stop);
    return From("together", question, market, market.search().Best(TermsFor(market, 0)));
  }

  Alternative Counted(std::string kind, std::string question, int least, int most) const {
    Terms terms = TermsFor(market_, least);
    terms.max_machines = most;
    return From(std::move(kind), std::move(question), market_, market_.search().Best(terms));
  }

  Alternative InCondition(std::string kind, std::string question, bool fresh) const {
    Problem problem = market_.problem();
    const std::vector<fleet::Offer>& offers = market_.scenario().offers;
    bool any = false;
    for (Good& good : problem.kinds) {
      std::erase_if(good.offers, [&](const PricedOffer& offer) {
        const auto condition = offers[static_cast<std::size_t>(offer.offer)].condition;
        return (condition == catalog::Condition::kNew) != fresh;
      });
      any = any || !good.offers.empty();
    }
    if (!any) return None(std::move(kind), std::move(question), "none is on offer");
    const Market market = With(std::move(problem), options_.budget);
    return From(std::move(kind), std::move(question), market,
                market.search().Best(TermsFor(market, 1)));
  }

  // The best purchase that an owned machine pays part of.
  Alternative Replace() const {
    const std::string question = "sell an owned machine and replace it";
    std::optional<Alternative> best;
    bool stated = false;
    const std::vector<MachineKind>& kinds = market_.candidates().kinds;
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      if (kinds[k].owned.empty() || !kinds[k].node.overrides.resale_value) continue;
      stated = true;
      const int sold = kinds[k].owned.front();
      const Sale sale{market_.scenario().fleet.nodes()[static_cast<std::size_t>(sold)].name,
                      *kinds[k].node.overrides.resale_value,
                      market_.problem().kinds[k].standby_usd_per_month};
      Problem problem = market_.problem();
      --problem.kinds[k].owned;
      const Market market = With(std::move(problem), options_.budget + sale.resale);
      Found found = market.search().Best(TermsFor(market, 1));
      if (!found.choice) continue;
      found.choice->cost = found.choice->cost - sale.resale;
      found.choice->usd_per_month += sale.standby;
      Alternative here = From("replace", question, market, found);
      here.sold = sale.node;
      if (!best || here.behind_usd_per_month < best->behind_usd_per_month) best = std::move(here);
    }
    if (best) return *std::move(best);
    return None(
        "replace", question,
        stated ? "nothing on offer is worth it" : "no owned machine states its resale_value");
  }

  const catalog::Catalog& catalog_;
  const throughput::Calibration& calibration_;
  const Market& market_;
  const Reference& reference_;
  const Options& options_;
  double horizon_months_;
  Basket apart_;
};

double Discounted(double decline, double months) { return std::pow(1 - decline, months / 12); }

// Saved from month `first` to the horizon, at prices that fall from today on.
double SavedFrom(const Delay& delay, int first) {
  double sum = 0;
  for (int month = first; month < static_cast<int>(delay.horizon_months); ++month) {
    sum += delay.gross.value * Discounted(delay.token_price_decline, month) - delay.running.value;
  }
  return sum;
}

}  // namespace

Alternative Describe(std::string kind, std::string question, const Market& reference_market,
                     const Reference& reference, const Market& market, const Choice& choice) {
  Alternative alternative;
  alternative.kind = std::move(kind);
  alternative.question = std::move(question);
  const double months = reference.threshold_months;
  const Choice& before = reference.before;
  const Basket held = IsEmpty(before.basket) ? market.Nothing() : before.basket;
  alternative.items = market.Bought(held, choice.basket);
  alternative.cost = choice.cost - before.cost;
  alternative.marginal_value = {choice.usd_per_month - before.usd_per_month};
  alternative.payoff_months =
      PayoffOf({reference_market, before, market, choice, alternative.items, alternative.cost})
          .months;
  alternative.behind_usd_per_month = reference.rung.Objective(months) - choice.Objective(months);
  alternative.same_as_rung =
      choice.cost == reference.rung.cost &&
      std::abs(choice.usd_per_month - reference.rung.usd_per_month) < kEqualUsdPerMonth &&
      List(alternative.items) ==
          List(reference_market.Bought(before.basket, reference.rung.basket));
  alternative.after = market.Describe(choice);
  return alternative;
}

std::vector<Alternative> CompareAlternatives(const catalog::Catalog& catalog,
                                             const throughput::Calibration& calibration,
                                             const Market& market, const Reference& reference,
                                             const Options& options, double horizon_months) {
  return Comparison(catalog, calibration, market, reference, options, horizon_months).All();
}

std::vector<Waiting> WaitFor(const Delay& delay) {
  std::vector<Waiting> all;
  const double all_saved = SavedFrom(delay, 0);
  for (int months : {3, 6, 12}) {
    if (months >= delay.horizon_months) break;
    Waiting waiting{.months = months};
    waiting.price_then =
        Usd::FromDollars(delay.cost.dollars() * Discounted(delay.hardware_price_decline, months));
    const double saved = SavedFrom(delay, months);
    waiting.net_now = all_saved - delay.cost.dollars();
    waiting.net_waiting = saved - waiting.price_then.dollars();
    // cost (1 - d)^(months/12) = cost - what the months would have saved
    const double left = 1 - (all_saved - saved) / delay.cost.dollars();
    if (left > 0) waiting.break_even_decline = 1 - std::pow(left, 12.0 / months);
    all.push_back(waiting);
  }
  return all;
}

}  // namespace capacity::purchase
