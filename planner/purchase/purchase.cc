#include "planner/purchase/purchase.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "planner/purchase/alternatives.h"
#include "planner/purchase/cash_flow.h"
#include "planner/purchase/climb.h"
#include "planner/purchase/clusters.h"
#include "planner/purchase/market.h"
#include "planner/purchase/money.h"
#include "planner/purchase/reduce.h"
#include "planner/purchase/uncertainty.h"
#include "planner/purchase/unlocks.h"

namespace capacity::purchase {
namespace {

using fleet::Baseline;

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr double kFrontierMonths = 120;  // money that takes ten years to come back buys no machine

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

std::string Why(const Step& step, const Rung& rung) {
  const std::string own =
      absl::StrFormat("%s a month for %s: over %g months %s a month more than its price",
                      WholeDollars(rung.marginal_value.value), Dollars(rung.cost), step.months,
                      WholeDollars(rung.marginal_value.value - rung.cost.dollars() / step.months));
  if (!rung.runner_up) return own;
  const Alternative& other = *rung.runner_up;
  if (other.items.empty()) return absl::StrCat(own, "; next best: buy nothing more");
  return absl::StrFormat(
      "%s; next best: %s for %s brings %s a month, %s a month worse by the same "
      "measure",
      own, List(other.items), Dollars(other.cost), WholeDollars(other.marginal_value.value),
      WholeDollars(other.behind_usd_per_month));
}

std::optional<BestUse> BestUseOf(const Market& market, const Step& step, Usd cost) {
  const Found before = market.search().ValueOf(step.before.basket);
  const Found after = market.search().ValueOf(step.after.basket);
  if (!before.choice || !after.choice) return std::nullopt;  // interrupted
  BestUse use{.before = market.Describe(*before.choice), .after = market.Describe(*after.choice)};
  const double months =
      MonthsToPay(cost.dollars(), after.choice->usd_per_month - before.choice->usd_per_month);
  if (std::isfinite(months)) use.payoff_months = months;
  return use;
}

// Everything that the ladders of all baselines share.
class Planner {
 public:
  Planner(const catalog::Catalog& catalog, const throughput::Calibration& calibration,
          const fleet::Scenario& scenario, const Options& options)
      : catalog_(catalog),
        calibration_(calibration),
        scenario_(scenario),
        options_(options),
        candidates_(FindCandidates(catalog, calibration, scenario,
                                   {.budget = options.budget,
                                    .min_nominal_bits = options.min_nominal_bits,
                                    .max_new_cluster_nodes = options.max_cluster_nodes,
                                    .longest_months = kFrontierMonths})) {
    for (Baseline baseline : fleet::ActiveBaselines(scenario)) {
      markets_.push_back(MakeMarket(baseline, options.thresholds_months.back()));
    }
  }

  FleetValue Today(Baseline baseline) const {
    const Market& market = MarketOf(baseline);
    return market.Describe(*market.search().ValueOf(EmptyBasket(market.problem())).choice);
  }

  Ladder Climb(Baseline baseline) const {
    const Market& market = MarketOf(baseline);
    const purchase::Climb climb =
        ClimbLadder(market.search(), market.problem(), options_.thresholds_months, options_.watch);
    Ladder ladder{.baseline = baseline, .today = market.Describe(climb.start)};
    for (const Step& step : climb.steps) ladder.rungs.push_back(MakeRung(market, step));
    const Choice& reached = climb.steps.empty() ? climb.start : climb.steps.back().after;
    ladder.budget_left = options_.budget - reached.cost;
    ladder.stopped_reason = climb.interrupted ? "interrupted; these are the rungs found until then"
                                              : StoppedReason(market, reached, ladder.budget_left);
    ladder.optimality = {.proven = climb.proven,
                         .interrupted = climb.interrupted,
                         .gap_usd_per_month = climb.gap_usd_per_month,
                         .method = market.method()};
    ladder.notes = candidates_.notes;
    NoteUnpriced(baseline, ladder);
    if (climb.without_rungs) {
      ladder.whole_budget = WholeBudgetOf(market, climb.start, reached, *climb.without_rungs);
    }
    if (options_.watch.stopped()) return ladder;
    if (options_.compare && baseline == options_.baseline) Compare(market, climb, ladder);
    return ladder;
  }

 private:
  std::unique_ptr<Market> MakeMarket(Baseline baseline, double longest_months) const {
    return std::make_unique<Market>(candidates_, scenario_, baseline,
                                    Reduce(MakeProblem(candidates_, scenario_, baseline)),
                                    options_.budget, longest_months, options_.watch.stop);
  }

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
    Payoff payoff = PayoffOf({market, step.before, market, step.after, rung.items, rung.cost});
    rung.marginal_payoff_months = payoff.months;
    rung.causes = std::move(payoff.causes);
    if (step.runner_up) {
      rung.runner_up = Describe("runner-up", "the best that is not all of this", market,
                                {step.months, step.before, step.after}, market, *step.runner_up);
    }
    rung.after = market.Describe(step.after);
    const FleetValue before = market.Describe(step.before);
    const economics::CashFlow flow =
        CashFlowOf(scenario_, rung.cost, before, rung.after,
                   economics::DeclineOf(scenario_.assumptions, market.baseline()).mid);
    rung.payoff_with_decline = economics::Payback(flow);
    rung.decision = economics::Decide(flow);
    for (const auto& other : markets_) {
      if (auto use = BestUseOf(*other, step, rung.cost)) {
        rung.by_baseline[other->baseline()] = *std::move(use);
      }
    }
    rung.unlocks =
        Unlocks(catalog_, candidates_, market.problem(), step, options_.min_nominal_bits);
    rung.why = Why(step, rung);
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
    return absl::StrFormat("nothing more within the %s left pays back within %g months",
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

  std::optional<WholeBudget> WholeBudgetOf(const Market& market, const Choice& start,
                                           const Choice& reached, const Choice& whole) const {
    if (IsEmpty(whole.basket)) return std::nullopt;
    const double months = options_.thresholds_months.back();
    const double better = whole.Objective(months) - reached.Objective(months);
    return WholeBudget{.threshold_months = months,
                       .items = market.Bought(market.Nothing(), whole.basket),
                       .cost = whole.cost,
                       .marginal_value = {whole.usd_per_month - start.usd_per_month},
                       .better_usd_per_month = better > kEqualUsdPerMonth ? better : 0};
  }

  void Compare(const Market& market, const purchase::Climb& climb, Ladder& ladder) const {
    // Further than the ladder looks, so that one sees where the money stops coming back.
    const std::unique_ptr<Market> wide = MakeMarket(market.baseline(), kFrontierMonths);
    options_.watch.Begin("tracing value against money");
    ladder.frontier = FrontierOf(*wide);
    if (options_.watch.stopped()) return;
    options_.watch.Begin("comparing other ways");
    const bool rungs = !climb.steps.empty();
    const Reference reference{
        rungs ? climb.steps.front().months : options_.thresholds_months.back(), climb.start,
        rungs ? climb.steps.front().after : climb.start};
    ladder.alternatives_threshold_months = reference.threshold_months;
    ladder.alternatives =
        CompareAlternatives(catalog_, calibration_, *wide, reference, options_, kFrontierMonths);
    if (rungs) ladder.waiting = Wait(market.baseline(), ladder);
  }

  std::vector<Waiting> Wait(Baseline baseline, const Ladder& ladder) const {
    const Rung& rung = ladder.rungs.front();
    const auto& hardware = scenario_.assumptions.hardware_price_decline;
    return WaitFor(
        {.cost = rung.cost,
         .gross = rung.after.gross - ladder.today.gross,
         .running = rung.after.electricity - ladder.today.electricity,
         .token_price_decline = economics::DeclineOf(scenario_.assumptions, baseline).mid,
         .hardware_price_decline = hardware.value_or(0),
         .horizon_months = options_.thresholds_months.back()});
  }

  static Frontier FrontierOf(const Market& market) {
    const Curve curve = market.search().Frontier(kFrontierMonths);
    Frontier frontier{.horizon_months = kFrontierMonths,
                      .complete = curve.complete,
                      .optimality = {.proven = curve.proven,
                                     .gap_usd_per_month = curve.gap_usd_per_month,
                                     .method = market.method()}};
    for (const Choice& choice : curve.points) {
      frontier.points.push_back({.cost = choice.cost,
                                 .value = {choice.usd_per_month},
                                 .items = market.Bought(market.Nothing(), choice.basket)});
    }
    const FrontierPoint* before = nullptr;
    for (std::size_t p : ConcaveHull(curve.points)) {
      FrontierPoint& point = frontier.points[p];
      point.on_hull = true;
      if (before != nullptr) {
        point.step_payoff_months = MonthsToPay((point.cost - before->cost).dollars(),
                                               point.value.value - before->value.value);
      }
      before = &point;
    }
    return frontier;
  }

  const catalog::Catalog& catalog_;
  const throughput::Calibration& calibration_;
  const fleet::Scenario& scenario_;
  const Options& options_;
  Candidates candidates_;
  std::vector<std::unique_ptr<Market>> markets_;
};

absl::Status Validate(const fleet::Scenario& scenario, const Options& options) {
  if (options.budget < Usd{0}) return absl::InvalidArgumentError("the budget is negative");
  const std::vector<Baseline> active = fleet::ActiveBaselines(scenario);
  if (std::find(active.begin(), active.end(), options.baseline) == active.end()) {
    return absl::InvalidArgumentError(
        "no custom price is stated; the inventory's economics.baselines.custom has it");
  }
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
  if (absl::Status status = Validate(scenario, nothing); !status.ok()) return status;
  fleet::Scenario owned = scenario;
  owned.offers.clear();
  return Planner(catalog, calibration, owned, nothing).Today(options.baseline);
}

absl::StatusOr<Ladder> Recommend(const catalog::Catalog& catalog,
                                 const throughput::Calibration& calibration,
                                 const fleet::Scenario& scenario, const Options& options) {
  if (absl::Status status = Validate(scenario, options); !status.ok()) return status;
  return Planner(catalog, calibration, scenario, options).Climb(options.baseline);
}

absl::StatusOr<std::map<Baseline, Ladder>> RecommendByBaseline(
    const catalog::Catalog& catalog, const throughput::Calibration& calibration,
    const fleet::Scenario& scenario, const Options& options) {
  if (absl::Status status = Validate(scenario, options); !status.ok()) return status;
  const Planner planner(catalog, calibration, scenario, options);
  std::map<Baseline, Ladder> ladders;
  for (Baseline baseline : fleet::ActiveBaselines(scenario))
    ladders.emplace(baseline, planner.Climb(baseline));
  return ladders;
}

}  // namespace capacity::purchase
