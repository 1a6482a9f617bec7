#include "planner/purchase/purchase.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "planner/purchase/climb.h"
#include "planner/purchase/clusters.h"
#include "planner/purchase/enumeration.h"
#include "planner/purchase/milp_search.h"
#include "planner/purchase/money.h"
#include "planner/purchase/reduce.h"
#include "planner/purchase/unlocks.h"

namespace capacity::purchase {
namespace {

using fleet::Baseline;

constexpr double kNever = std::numeric_limits<double>::infinity();

// Speeds of a service's interval.
enum class Pace { kLow, kMid, kHigh };

double At(const Estimate& estimate, Pace pace) {
  switch (pace) {
    case Pace::kLow:
      return estimate.low;
    case Pace::kMid:
      return estimate.mid;
    case Pace::kHigh:
      return estimate.high;
  }
  return estimate.mid;
}

double MonthsToPay(double cost, double usd_per_month) {
  return usd_per_month > 0 ? cost / usd_per_month : kNever;
}

// The problem under one baseline, with the search that solves it.
class Market {
 public:
  Market(const Candidates& candidates, const fleet::Scenario& scenario, Baseline baseline,
         const Options& options)
      : candidates_(candidates),
        scenario_(scenario),
        baseline_(baseline),
        problem_(Reduce(MakeProblem(candidates, scenario, baseline))) {
    const double longest = options.thresholds_months.empty() ? 1 : options.thresholds_months.back();
    search_ = Enumeration::Create(problem_, options.budget, longest);
    if (search_ != nullptr) {
      method_ = "exact enumeration";
      return;
    }
    solver_ = MakeCbcSolver();
    search_ = MakeMilpSearch(problem_, options.budget, longest, *solver_, {});
    method_ = absl::StrCat("MILP (", solver_->name(), ")");
  }

  const Problem& problem() const { return problem_; }
  Search& search() const { return *search_; }
  Baseline baseline() const { return baseline_; }
  const std::string& method() const { return method_; }

  const Candidate& CandidateOf(int column) const {
    const int cluster = problem_.columns[static_cast<std::size_t>(column)].cluster;
    return candidates_.clusters[static_cast<std::size_t>(cluster)];
  }
  const Service& ServiceOf(int column, std::size_t option) const {
    const ServiceOption& chosen =
        problem_.columns[static_cast<std::size_t>(column)].options[option];
    return CandidateOf(column).services[static_cast<std::size_t>(chosen.service)];
  }
  UsdPerMtok SavedBy(const Service& service) const { return service.saved.at(baseline_); }

  // The same clusters running the same models at the low or high end of all their speeds: what is
  // uncertain about one placement is mostly uncertain about all. Time is shared out anew.
  double ValueAt(const Choice& choice, Pace pace) const {
    Problem problem{.workloads = problem_.workloads};
    std::vector<std::pair<int, int>> clusters;
    for (const Running& running : choice.operation.running) {
      Column column;
      for (std::size_t o = 0; o < running.cluster_months.size(); ++o) {
        if (running.cluster_months[o] <= 0) continue;
        const Service& service = ServiceOf(running.column, o);
        const throughput::Speed& speed = *service.placement.speed;
        const double mtok = MtokPerMonth(WorkloadOf(service), {At(speed.decode_tps, pace)},
                                         {At(speed.prefill_tps, pace)});
        if (mtok <= 0) continue;
        const double electricity = service.electricity.value * service.mtok_per_month / mtok;
        column.options.push_back({.workload = service.workload,
                                  .mtok_per_month = mtok,
                                  .usd_per_mtok = SavedBy(service).value - electricity});
      }
      clusters.emplace_back(static_cast<int>(problem.columns.size()), running.copies);
      problem.columns.push_back(std::move(column));
    }
    return Operate(problem, clusters).usd_per_month - Standby(problem_, choice.basket);
  }

  const fleet::Workload& WorkloadOf(const Service& service) const {
    return scenario_.workloads[static_cast<std::size_t>(service.workload)];
  }

  FleetValue Describe(const Choice& choice) const;
  // "2 x dgx-spark + 1 x thunderbolt5-cable".
  std::vector<BoughtItem> Bought(const Basket& before, const Basket& after) const;
  // At the low or high end of the offers' stated prices.
  Usd CostAt(const std::vector<BoughtItem>& items, Usd fleet::Offer::* price) const;

 private:
  const Candidates& candidates_;
  const fleet::Scenario& scenario_;
  Baseline baseline_;
  Problem problem_;
  std::unique_ptr<MilpSolver> solver_;
  std::unique_ptr<Search> search_;
  std::string method_;
};

// Hands out the names of the nodes of each kind, owned ones first by name.
class NamePool {
 public:
  explicit NamePool(const Candidates& candidates, const fleet::Scenario& scenario)
      : candidates_(candidates), scenario_(scenario), next_(candidates.kinds.size(), 0) {}

  std::string Take(int kind) {
    const MachineKind& machine = candidates_.kinds[static_cast<std::size_t>(kind)];
    const int index = next_[static_cast<std::size_t>(kind)]++;
    if (index < static_cast<int>(machine.owned.size())) {
      const int node = machine.owned[static_cast<std::size_t>(index)];
      return scenario_.fleet.nodes()[static_cast<std::size_t>(node)].name;
    }
    return absl::StrCat(machine.node.name, " #",
                        index - static_cast<int>(machine.owned.size()) + 1);
  }

 private:
  const Candidates& candidates_;
  const fleet::Scenario& scenario_;
  std::vector<int> next_;
};

FleetValue Market::Describe(const Choice& choice) const {
  FleetValue value;
  value.value = {choice.usd_per_month};
  value.electricity = {Standby(problem_, choice.basket)};
  NamePool names(candidates_, scenario_);
  for (const Running& running : choice.operation.running) {
    std::vector<std::string> nodes;
    for (int copy = 0; copy < running.copies; ++copy) {
      for (int kind : CandidateOf(running.column).kind_of_node) nodes.push_back(names.Take(kind));
    }
    for (std::size_t o = 0; o < running.cluster_months.size(); ++o) {
      const double months = running.cluster_months[o];
      if (months <= 0) continue;
      const Service& service = ServiceOf(running.column, o);
      const double mtok = service.mtok_per_month * months;
      Assignment assignment{.placement = service.placement,
                            .node_names = nodes,
                            .copies = running.copies,
                            .workload = WorkloadOf(service).name,
                            .share_of_time = months / running.copies,
                            .output_mtok_per_month = mtok,
                            .gross_value = {SavedBy(service).value * mtok},
                            .electricity = {service.electricity.value * mtok}};
      value.gross += assignment.gross_value;
      value.electricity += assignment.electricity;
      value.assignments.push_back(std::move(assignment));
    }
  }
  return value;
}

// Adds what is bought of one good between two counts, offer by offer.
void AddBought(const Good& good, int before, int after, const fleet::Scenario& scenario,
               std::vector<BoughtItem>& items) {
  int passed = 0;
  for (const PricedOffer& priced : good.offers) {
    const int from = std::max(before, passed);
    passed += priced.max_count;
    const int count = std::min(after, passed) - from;
    if (count <= 0) continue;
    const fleet::Offer& offer = scenario.offers[static_cast<std::size_t>(priced.offer)];
    items.push_back({offer.id, offer.item, count, offer.price, offer.price * count});
  }
}

std::vector<BoughtItem> Market::Bought(const Basket& before, const Basket& after) const {
  std::vector<BoughtItem> items;
  for (std::size_t k = 0; k < problem_.kinds.size(); ++k) {
    AddBought(problem_.kinds[k], before.nodes[k], after.nodes[k], scenario_, items);
  }
  for (std::size_t i = 0; i < problem_.items.size(); ++i) {
    AddBought(problem_.items[i], before.items[i], after.items[i], scenario_, items);
  }
  return items;
}

Usd Market::CostAt(const std::vector<BoughtItem>& items, Usd fleet::Offer::* price) const {
  Usd cost;
  for (const BoughtItem& item : items) {
    const auto offer = std::find_if(scenario_.offers.begin(), scenario_.offers.end(),
                                    [&](const fleet::Offer& o) { return o.id == item.offer; });
    // No stated range is no range.
    const Usd stated = (*offer).*price;
    cost += (stated > Usd{0} ? stated : offer->price) * item.count;
  }
  return cost;
}

std::string List(const std::vector<BoughtItem>& items) {
  return absl::StrJoin(items, " + ", [](std::string* out, const BoughtItem& item) {
    absl::StrAppend(out, item.count, " x ", item.offer);
  });
}

// ---------------------------------------------------------------- rungs

Estimate PayoffInterval(const Market& market, const Step& step, const Rung& rung) {
  auto months = [&](Pace pace, Usd cost) {
    return MonthsToPay(cost.dollars(),
                       market.ValueAt(step.after, pace) - market.ValueAt(step.before, pace));
  };
  const double mid = MonthsToPay(rung.cost.dollars(), rung.marginal_value.value);
  const double slow = months(Pace::kLow, market.CostAt(rung.items, &fleet::Offer::price_high));
  const double fast = months(Pace::kHigh, market.CostAt(rung.items, &fleet::Offer::price_low));
  Estimate estimate{
      .low = std::min({mid, slow, fast}), .mid = mid, .high = std::max({mid, slow, fast})};
  for (const Running& running : step.after.operation.running) {
    for (std::size_t o = 0; o < running.cluster_months.size(); ++o) {
      if (running.cluster_months[o] <= 0) continue;
      estimate.source = std::max(
          estimate.source, market.ServiceOf(running.column, o).placement.speed->decode_tps.source);
    }
  }
  return estimate;
}

// Share of all hours that the clusters with something new in them run.
double ShareOfNew(const Market& market, const Step& step) {
  double months = 0;
  double clusters = 0;
  for (const Running& running : step.after.operation.running) {
    const Column& column = market.problem().columns[static_cast<std::size_t>(running.column)];
    bool fresh = false;
    for (std::size_t k = 0; k < column.nodes.size(); ++k) {
      fresh = fresh ||
              (column.nodes[k] > 0 && step.after.basket.nodes[k] > step.before.basket.nodes[k]);
    }
    for (std::size_t i = 0; i < column.items.size(); ++i) {
      fresh = fresh ||
              (column.items[i] > 0 && step.after.basket.items[i] > step.before.basket.items[i]);
    }
    if (!fresh) continue;
    clusters += running.copies;
    for (double here : running.cluster_months) months += here;
  }
  return clusters > 0 ? months / clusters : 0;
}

// The share of hours at which the rung pays back within its threshold, all that runs scaled alike.
double BreakEvenUtilization(const Market& market, const Step& step, const Rung& rung) {
  const double standby =
      Standby(market.problem(), step.after.basket) - Standby(market.problem(), step.before.basket);
  const double running = rung.marginal_value.value + standby;
  if (running <= 0) return kNever;
  const double needed = rung.cost.dollars() / step.months + standby;
  return ShareOfNew(market, step) * needed / running;
}

std::string Why(const Market& market, const Step& step, const Rung& rung) {
  const std::string own =
      absl::StrFormat("%s a month for %s: over %.0f months %s a month more than its price",
                      WholeDollars(rung.marginal_value.value), Dollars(rung.cost), step.months,
                      WholeDollars(rung.marginal_value.value - rung.cost.dollars() / step.months));
  if (!step.runner_up) return own;
  const Choice& other = *step.runner_up;
  const double behind = step.after.Objective(step.months) - other.Objective(step.months);
  const std::vector<BoughtItem> items = market.Bought(step.before.basket, other.basket);
  if (items.empty()) return absl::StrCat(own, "; next best: buy nothing more");
  return absl::StrFormat(
      "%s; next best: %s for %s brings %s a month, %s a month worse by the same "
      "measure",
      own, List(items), Dollars(other.cost - step.before.cost),
      WholeDollars(other.usd_per_month - step.before.usd_per_month), WholeDollars(behind));
}

std::optional<double> PayoffUnder(const Market& market, const Step& step, Usd cost) {
  const Found before = market.search().ValueOf(step.before.basket);
  const Found after = market.search().ValueOf(step.after.basket);
  if (!before.choice || !after.choice) return std::nullopt;
  const double months =
      MonthsToPay(cost.dollars(), after.choice->usd_per_month - before.choice->usd_per_month);
  if (!std::isfinite(months)) return std::nullopt;
  return months;
}

double DeclineOf(const fleet::Scenario& scenario, Baseline baseline) {
  const auto decline = scenario.assumptions.declines.find(baseline);
  return decline == scenario.assumptions.declines.end() ? 0 : decline->second.mid;
}

// Everything that the ladders of all baselines share.
class Planner {
 public:
  Planner(const catalog::Catalog& catalog, const throughput::Calibration& calibration,
          const fleet::Scenario& scenario, const Options& options)
      : catalog_(catalog),
        scenario_(scenario),
        options_(options),
        candidates_(FindCandidates(catalog, calibration, scenario,
                                   {.budget = options.budget,
                                    .min_nominal_bits = options.min_nominal_bits,
                                    .max_new_cluster_nodes = options.max_cluster_nodes,
                                    .longest_months = options.thresholds_months.back()})) {
    for (Baseline baseline : fleet::kBaselines) {
      markets_.push_back(std::make_unique<Market>(candidates_, scenario_, baseline, options_));
    }
  }

  FleetValue Today(Baseline baseline) const {
    const Market& market = MarketOf(baseline);
    return market.Describe(*market.search().ValueOf(EmptyBasket(market.problem())).choice);
  }

  Ladder Climb(Baseline baseline) const {
    const Market& market = MarketOf(baseline);
    const purchase::Climb climb =
        ClimbLadder(market.search(), market.problem(), options_.thresholds_months);
    Ladder ladder{.baseline = baseline, .today = market.Describe(climb.start)};
    for (const Step& step : climb.steps) ladder.rungs.push_back(MakeRung(market, step));
    const Choice& reached = climb.steps.empty() ? climb.start : climb.steps.back().after;
    ladder.budget_left = options_.budget - reached.cost;
    ladder.stopped_reason = StoppedReason(market, reached, ladder.budget_left);
    ladder.optimality = {.proven = climb.proven,
                         .gap_usd_per_month = climb.gap_usd_per_month,
                         .method = market.method()};
    ladder.notes = candidates_.notes;
    NoteUnpriced(baseline, ladder);
    if (climb.without_rungs) NoteBetterWhole(market, reached, *climb.without_rungs, ladder);
    return ladder;
  }

 private:
  const Market& MarketOf(Baseline baseline) const {
    return **std::find_if(markets_.begin(), markets_.end(), [baseline](const auto& market) {
      return market->baseline() == baseline;
    });
  }

  Rung MakeRung(const Market& market, const Step& step) const {
    Rung rung;
    rung.threshold_months = step.months;
    rung.items = market.Bought(step.before.basket, step.after.basket);
    rung.cost = step.after.cost - step.before.cost;
    rung.cumulative = step.after.cost;
    rung.marginal_value = {step.after.usd_per_month - step.before.usd_per_month};
    rung.marginal_payoff_months = PayoffInterval(market, step, rung);
    rung.after = market.Describe(step.after);
    const FleetValue before = market.Describe(step.before);
    const UsdPerMonth gross = rung.after.gross - before.gross;
    const UsdPerMonth electricity = rung.after.electricity - before.electricity;
    rung.payoff_with_decline = economics::PaybackMonths(rung.cost, gross, electricity,
                                                        DeclineOf(scenario_, market.baseline()));
    for (const auto& other : markets_) {
      rung.payoff_by_baseline[other->baseline()] = PayoffUnder(*other, step, rung.cost);
    }
    rung.unlocks =
        Unlocks(catalog_, candidates_, market.problem(), step, options_.min_nominal_bits);
    rung.verdict = economics::Judge(rung.cost, gross, electricity);
    rung.why = Why(market, step, rung);
    rung.break_even_utilization = BreakEvenUtilization(market, step, rung);
    return rung;
  }

  bool AllDemandServed(const Market& market, const Choice& reached) const {
    std::vector<double> served(scenario_.workloads.size(), 0);
    for (const Running& running : reached.operation.running) {
      for (std::size_t o = 0; o < running.cluster_months.size(); ++o) {
        const Service& service = market.ServiceOf(running.column, o);
        served[static_cast<std::size_t>(service.workload)] +=
            service.mtok_per_month * running.cluster_months[o];
      }
    }
    for (std::size_t w = 0; w < served.size(); ++w) {
      const double wanted = market.problem().workloads[w].demand_mtok;
      if (!(served[w] >= wanted * (1 - 1e-9))) return false;
    }
    return true;
  }

  std::string StoppedReason(const Market& market, const Choice& reached, Usd left) const {
    if (scenario_.offers.empty()) return "nothing is on offer";
    if (AllDemandServed(market, reached)) return "all stated demand is served";
    const auto cheapest = std::min_element(
        scenario_.offers.begin(), scenario_.offers.end(),
        [](const fleet::Offer& a, const fleet::Offer& b) { return a.price < b.price; });
    if (left < cheapest->price) {
      return absl::StrCat("the ", Dollars(left), " left buys nothing: the cheapest offer is ",
                          cheapest->id, " at ", Dollars(cheapest->price));
    }
    return absl::StrFormat("nothing more within the %s left pays back within %.0f months",
                           Dollars(left), options_.thresholds_months.back());
  }

  // A workload that nothing has a price for is worth nothing, and that must be said.
  void NoteUnpriced(Baseline baseline, Ladder& ladder) const {
    for (const fleet::Workload& workload : scenario_.workloads) {
      const bool priced = std::any_of(
          catalog_.models.begin(), catalog_.models.end(), [&](const catalog::Model& model) {
            return economics::Accepts(catalog_, workload, model) &&
                   economics::PriceFor(catalog_, workload, model, baseline).ok();
          });
      if (priced) continue;
      ladder.notes.push_back(absl::StrCat("workload ", workload.name, ": no ",
                                          fleet::Name(baseline),
                                          " price is known for any model that it accepts; counted "
                                          "as worth nothing"));
    }
  }

  void NoteBetterWhole(const Market& market, const Choice& reached, const Choice& whole,
                       Ladder& ladder) const {
    const double months = options_.thresholds_months.back();
    const double gain = whole.Objective(months) - reached.Objective(months);
    if (gain < kSmallestGainUsdPerMonth) return;
    ladder.notes.push_back(absl::StrFormat(
        "bought all at once rather than rung by rung, %s for %s would be worth %s a month more "
        "over %.0f months",
        List(market.Bought(EmptyBasket(market.problem()), whole.basket)), Dollars(whole.cost),
        WholeDollars(gain), months));
  }

  const catalog::Catalog& catalog_;
  const fleet::Scenario& scenario_;
  const Options& options_;
  Candidates candidates_;
  std::vector<std::unique_ptr<Market>> markets_;
};

absl::Status Validate(const Options& options) {
  if (options.budget < Usd{0}) return absl::InvalidArgumentError("the budget is negative");
  double last = 0;
  for (double months : options.thresholds_months) {
    if (!(months > last)) {
      return absl::InvalidArgumentError(
          "payback thresholds must be positive and ascend, in months");
    }
    last = months;
  }
  if (options.thresholds_months.empty()) {
    return absl::InvalidArgumentError("no payback threshold is given");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<FleetValue> Value(const catalog::Catalog& catalog,
                                 const throughput::Calibration& calibration,
                                 const fleet::Scenario& scenario, const Options& options) {
  Options nothing = options;
  nothing.budget = Usd{0};
  if (absl::Status status = Validate(nothing); !status.ok()) return status;
  fleet::Scenario owned = scenario;
  owned.offers.clear();
  return Planner(catalog, calibration, owned, nothing).Today(options.baseline);
}

absl::StatusOr<Ladder> Recommend(const catalog::Catalog& catalog,
                                 const throughput::Calibration& calibration,
                                 const fleet::Scenario& scenario, const Options& options) {
  if (absl::Status status = Validate(options); !status.ok()) return status;
  return Planner(catalog, calibration, scenario, options).Climb(options.baseline);
}

absl::StatusOr<std::map<Baseline, Ladder>> RecommendByBaseline(
    const catalog::Catalog& catalog, const throughput::Calibration& calibration,
    const fleet::Scenario& scenario, const Options& options) {
  if (absl::Status status = Validate(options); !status.ok()) return status;
  const Planner planner(catalog, calibration, scenario, options);
  std::map<Baseline, Ladder> ladders;
  for (Baseline baseline : fleet::kBaselines) ladders.emplace(baseline, planner.Climb(baseline));
  return ladders;
}

}  // namespace capacity::purchase
