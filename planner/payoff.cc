#include "planner/payoff.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "planner/economics/subscription.h"
#include "planner/placement/placement.h"

namespace capacity {
namespace {

using economics::RiskInput;
using placement::Placement;

constexpr double kTokensPerMtok = 1e6;

// ---------------------------------------------------------------- assumptions

// `usd` at the middle price of electricity, at every price of its range.
Spread ByElectricityPrice(double usd, const fleet::Assumptions& assumptions) {
  const std::optional<Spread>& range = assumptions.electricity_range;
  if (!range || range->mid <= 0) return Spread::Exactly(usd);
  return {usd * range->low / range->mid, usd, usd * range->high / range->mid};
}

// The share of all hours, with the range that was stated for it or the article's where none was.
Spread HoursOf(const fleet::Assumptions& assumptions, double utilization) {
  if (utilization != assumptions.utilization) return Spread::Exactly(utilization);
  if (assumptions.utilization_range) return *assumptions.utilization_range;
  if (!assumptions.utilization_stated && utilization == kUnstatedUtilization.mid) {
    return kUnstatedUtilization;
  }
  return Spread::Exactly(utilization);
}

// What the inventory says about owning, in an input whose money is filled in.
void ApplyCosts(const fleet::Assumptions& assumptions, RiskInput& input) {
  input.flow = economics::WithCosts(std::move(input.flow), assumptions.costs);
  input.resale_share =
      economics::ResaleShareAt(assumptions.costs, assumptions.costs.horizon_months);
  input.flow = economics::Middle(input);
}

// ---------------------------------------------------------------- one machine

double MtokPerHour(const fleet::Workload& workload, double decode, double prefill) {
  return economics::OutputTokensPerHour(workload, {decode}, {prefill}) / kTokensPerMtok;
}

absl::StatusOr<fleet::Fleet> FleetOf(const catalog::Catalog& catalog,
                                     const catalog::Machine& machine) {
  fleet::Node node;
  node.name = machine.id;
  node.machine = &machine;
  node.chip = catalog.FindChip(machine.chip);
  return fleet::Fleet::Create({std::move(node)}, {}, {});
}

const fleet::Workload* WorkloadFor(const catalog::Catalog& catalog, const fleet::Scenario& scenario,
                                   const catalog::Model& model) {
  for (const fleet::Workload& workload : scenario.workloads) {
    if (economics::Accepts(catalog, workload, model)) return &workload;
  }
  return nullptr;
}

// The placement that makes the most tokens an hour of this workload; ties go to the first.
absl::StatusOr<Placement> FastestPlacement(const catalog::Catalog& catalog,
                                           const throughput::Calibration& calibration,
                                           const fleet::Fleet& fleet,
                                           const fleet::Workload& workload,
                                           const MachineQuestion& question) {
  placement::Options options;
  options.keep_rejected = true;
  const placement::Placer placer(catalog, calibration, fleet, options);
  std::optional<Placement> best;
  double most = 0;
  std::string why_not = "no engine runs it there";
  constexpr double kMinNominalBits = 4;  // as `plan` proposes
  for (const catalog::Quantization& quant : catalog.quantizations) {
    const bool asked = question.quant != nullptr
                           ? question.quant == &quant
                           : placement::Proposable(quant, *question.model, kMinNominalBits);
    if (!asked) continue;
    for (Placement& candidate :
         placer.Enumerate(*question.model, quant, placement::LoadOf(workload))) {
      if (!candidate.speed || candidate.verdict == fit::Verdict::kDoesNotFit) {
        if (!candidate.why_not.empty() && !best) why_not = candidate.why_not;
        continue;
      }
      const double mtok =
          MtokPerHour(workload, candidate.speed->decode_tps.mid, candidate.speed->prefill_tps.mid);
      if (mtok <= most) continue;
      most = mtok;
      best = std::move(candidate);
    }
  }
  if (best) return *std::move(best);
  return absl::FailedPreconditionError(
      absl::StrCat(question.model->id, " does not run on ", question.machine->id, ": ", why_not));
}

struct PricedMachine {
  Spread price;
  std::string from;
};

absl::StatusOr<PricedMachine> PriceOf(const fleet::Scenario& scenario,
                                      const MachineQuestion& question) {
  if (question.price) {
    return PricedMachine{Spread::Exactly(question.price->dollars()), "as asked"};
  }
  for (const fleet::Offer& offer : scenario.offers) {
    if (offer.item != question.machine->id) continue;
    return PricedMachine{
        {offer.price_low.dollars(), offer.price.dollars(), offer.price_high.dollars()},
        absl::StrCat(Name(offer.condition), offer.as_of.empty() ? "" : ", ", offer.as_of, ", ",
                     offer.source)};
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no price of ", question.machine->id, " is known; state one"));
}

// A machine at work for one workload: hours and tokens of the first month.
struct Work {
  WorkBasis basis = WorkBasis::kAllHours;
  double hours = 0;           // at the likely speed
  Spread mtok;                // at slow, likely and fast speeds
  double capacity_ratio = 1;  // how far it can grow
};

Work WorkOf(const fleet::Workload& workload, const throughput::Speed& speed) {
  const auto per_hour = [&](double decode, double prefill) {
    return MtokPerHour(workload, decode, prefill);
  };
  const double likely = per_hour(speed.decode_tps.mid, speed.prefill_tps.mid);
  const double allowed = economics::kHoursPerMonth * workload.utilization;
  const std::optional<double> demand = economics::DemandMtokPerMonth(workload);
  Work work;
  work.hours = allowed;
  work.capacity_ratio = 1 / workload.utilization;
  if (demand) {
    work.basis = WorkBasis::kStatedWork;
    work.hours = std::min(allowed, *demand / likely);
    work.capacity_ratio = work.hours > 0 ? allowed / work.hours : 1;
  }
  const double limit = demand.value_or(std::numeric_limits<double>::infinity());
  const auto made = [&](double rate) { return std::min(rate * allowed, limit); };
  work.mtok = {made(per_hour(speed.decode_tps.low, speed.prefill_tps.low)), made(likely),
               made(per_hour(speed.decode_tps.high, speed.prefill_tps.high))};
  return work;
}

std::string Describe(const Placement& placement) {
  return absl::StrCat(placement.model->id, " ", placement.quant->id, " on ",
                      catalog::Name(placement.engine));
}

// A bought machine serving a workload; the cases differ in what its tokens are worth.
class MachineAtWork {
 public:
  MachineAtWork(const fleet::Scenario& scenario, const fleet::Workload& workload,
                const fleet::Fleet& fleet, const Placement& placement, const PricedMachine& price);

  // Instead of tokens at `price`, which falls as that of `baseline`.
  PayoffCase Against(std::string title, fleet::Baseline baseline,
                     const economics::TokenPrice& price) const;
  // Instead of a subscription, whose fee stays.
  PayoffCase AgainstPlan(const fleet::Subscription& subscription) const;

 private:
  const fleet::Assumptions& assumptions_;
  const fleet::Workload& workload_;
  Work work_;
  PayoffCase common_;  // without a price of tokens
};

MachineAtWork::MachineAtWork(const fleet::Scenario& scenario, const fleet::Workload& workload,
                             const fleet::Fleet& fleet, const Placement& placement,
                             const PricedMachine& price)
    : assumptions_(scenario.assumptions),
      workload_(workload),
      work_(WorkOf(workload, *placement.speed)) {
  const fleet::Node& node = fleet.nodes().front();
  const Watts idle = node.idle_power().value_or(Watts{0});
  const Watts above_idle = node.load_power().value_or(idle) - idle;
  const double usd_per_kwh = assumptions_.electricity_usd_per_kwh;
  common_.purchase = node.machine->id;
  common_.runs = Describe(placement);
  common_.decode_tps = placement.speed->decode_tps;
  common_.price_from = price.from;
  common_.basis = work_.basis;
  common_.tokens = {work_.mtok.mid, economics::InputPerOutput(workload)};
  RiskInput& input = common_.input;
  input.cost = price.price;
  input.utilization = work_.basis == WorkBasis::kAllHours
                          ? HoursOf(assumptions_, workload.utilization)
                          : Spread::Exactly(1);
  input.electricity = ByElectricityPrice(
      economics::ElectricityCost(above_idle, work_.hours, usd_per_kwh).dollars(), assumptions_);
  input.flow.standby = {
      economics::ElectricityCost(idle, economics::kHoursPerMonth, usd_per_kwh).dollars()};
}

PayoffCase MachineAtWork::Against(std::string title, fleet::Baseline baseline,
                                  const economics::TokenPrice& price) const {
  PayoffCase out = common_;
  out.title = std::move(title);
  out.baseline = baseline;
  out.instead_of = price.source;
  const UsdPerMtok saved = economics::SavedPerOutputMtok(workload_, price);
  out.saved_per_output_mtok = saved;
  RiskInput& input = out.input;
  input.gross_saving = {work_.mtok.low * saved.value, work_.mtok.mid * saved.value,
                        work_.mtok.high * saved.value};
  input.decline = economics::DeclineOf(assumptions_, baseline);
  input.flow.growth_per_month = workload_.growth_per_month;
  input.flow.capacity_ratio = work_.capacity_ratio;
  ApplyCosts(assumptions_, input);
  return out;
}

PayoffCase MachineAtWork::AgainstPlan(const fleet::Subscription& subscription) const {
  PayoffCase out = common_;
  out.title = subscription.name;
  out.baseline.reset();
  const double in_and_out = 1 + economics::InputPerOutput(workload_);
  const double served = work_.mtok.mid * in_and_out;
  // Work without a stated volume is all that the machine does.
  const double demand =
      economics::DemandMtokPerMonth(workload_).value_or(work_.mtok.mid) * in_and_out;
  const Usd bill = economics::SubscriptionCost(subscription, demand);
  out.instead_of = absl::StrCat(subscription.name, " at ", bill.dollars(), " US dollars a month");
  if (served < demand * (1 - 1e-9)) {
    out.caveat = "not all work is served, so that it cannot be cancelled";
  }
  RiskInput& input = out.input;
  input.plan = economics::CancelledPlan{subscription, demand, served};
  input.gross_saving =
      Spread::Exactly(economics::SubscriptionSaving(subscription, demand, served).dollars());
  input.decline = Spread::Exactly(0);
  ApplyCosts(assumptions_, input);
  return out;
}

// Why the price may not be that of the same goods.
std::string CaveatOf(const catalog::Catalog& catalog, const fleet::Workload& workload,
                     const catalog::Model& model, fleet::Baseline baseline) {
  if (baseline != fleet::Baseline::kFrontierEquivalent) return "";
  if (!workload.replaces.empty()) return "as the workload says; quality may differ";
  const catalog::FrontierEquivalent* equivalent = catalog.FindFrontierEquivalent(model.id);
  if (equivalent == nullptr || equivalent->basis == "article") {
    return "the article's mapping; quality is not equal";
  }
  return "mapping extrapolated from the article's by size; quality is not equal";
}

// ---------------------------------------------------------------- rungs

std::string Describe(const std::vector<purchase::BoughtItem>& items) {
  std::vector<std::string> parts;
  for (const purchase::BoughtItem& item : items) {
    parts.push_back(item.count == 1 ? item.offer : absl::StrCat(item.count, " x ", item.offer));
  }
  return absl::StrJoin(parts, ", ");
}

Spread CostOf(const purchase::Rung& rung, const std::vector<fleet::Offer>& offers) {
  Usd low, high;
  for (const purchase::BoughtItem& item : rung.items) {
    const auto offer = std::find_if(offers.begin(), offers.end(), [&](const fleet::Offer& known) {
      return known.id == item.offer;
    });
    low += (offer == offers.end() ? item.unit_price : offer->price_low) * item.count;
    high += (offer == offers.end() ? item.unit_price : offer->price_high) * item.count;
  }
  return {low.dollars(), rung.cost.dollars(), high.dollars()};
}

double Running(const purchase::FleetValue& value) {
  double usd = 0;
  for (const purchase::Assignment& assignment : value.assignments) {
    usd += assignment.electricity.value;
  }
  return usd;
}

double Output(const purchase::FleetValue& value) {
  double mtok = 0;
  for (const purchase::Assignment& assignment : value.assignments) {
    mtok += assignment.output_mtok_per_month;
  }
  return mtok;
}

// Input per output token of what the fleet makes, by volume.
double InputRatio(const fleet::Scenario& scenario, const purchase::FleetValue& value) {
  double input = 0;
  for (const purchase::Assignment& assignment : value.assignments) {
    for (const fleet::Workload& workload : scenario.workloads) {
      if (workload.name != assignment.workload) continue;
      input += assignment.output_mtok_per_month * economics::InputPerOutput(workload);
    }
  }
  const double output = Output(value);
  return output > 0 ? input / output : 0;
}

// Net value a month at slow, likely and fast speeds, from the payoff's ends: the longest is all
// speeds low at the highest price, the shortest all high at the lowest.
Spread ValueOf(const purchase::Rung& rung, const Spread& cost) {
  const Estimate& months = rung.marginal_payoff_months;
  const double mid = rung.marginal_value.value;
  const double slow = std::isfinite(months.high) && months.high > 0 ? cost.high / months.high : 0;
  const double fast = months.low > 0 ? cost.low / months.low : mid;
  return {std::min(slow, mid), mid, std::max(fast, mid)};
}

std::string Runs(const purchase::FleetValue& after) {
  std::vector<std::string> parts;
  for (const purchase::Assignment& assignment : after.assignments) {
    const std::string text = Describe(assignment.placement);
    if (std::find(parts.begin(), parts.end(), text) == parts.end()) parts.push_back(text);
  }
  return absl::StrJoin(parts, "; ");
}

// Shares of all hours where every workload has the same and none states its tokens; else shares of
// what is stated.
std::pair<WorkBasis, Spread> BasisOf(const fleet::Scenario& scenario) {
  const double hours = scenario.workloads.front().utilization;
  for (const fleet::Workload& workload : scenario.workloads) {
    if (economics::DemandMtokPerMonth(workload) || workload.utilization != hours) {
      return {WorkBasis::kStatedWork, Spread::Exactly(1)};
    }
  }
  return {WorkBasis::kAllHours, HoursOf(scenario.assumptions, hours)};
}

// How the work of `after` grows, by the money that it saves, until the machines that do it are busy
// in all hours that its workload allows; work without a stated volume, in all hours there are.
struct Growth {
  double per_month = 0;
  double capacity_ratio = 1;
};
Growth GrowthOf(const fleet::Scenario& scenario, const purchase::FleetValue& after) {
  double saved = 0;
  Growth sum{0, 0};
  for (const purchase::Assignment& assignment : after.assignments) {
    for (const fleet::Workload& workload : scenario.workloads) {
      if (workload.name != assignment.workload || assignment.share_of_time <= 0) continue;
      const double allowed = economics::DemandMtokPerMonth(workload) ? workload.utilization : 1;
      const double usd = assignment.gross_value.value;
      saved += usd;
      sum.per_month += usd * workload.growth_per_month;
      sum.capacity_ratio += usd * std::max(1.0, allowed / assignment.share_of_time);
    }
  }
  if (saved <= 0) return {};
  return {sum.per_month / saved, sum.capacity_ratio / saved};
}

PayoffCase CaseOf(const Plan& plan, const purchase::FleetValue& before,
                  const purchase::Rung& rung) {
  const fleet::Assumptions& assumptions = plan.scenario.assumptions;
  PayoffCase out;
  out.purchase = Describe(rung.items);
  out.runs = Runs(rung.after);
  out.price_from = "the offers of the plan";
  out.baseline = plan.options.baseline;
  const auto [basis, utilization] = BasisOf(plan.scenario);
  out.basis = basis;
  out.tokens.output_mtok_per_month = Output(rung.after) - Output(before);
  out.tokens.input_per_output = InputRatio(plan.scenario, rung.after);
  RiskInput& input = out.input;
  input.utilization = utilization;
  input.cost = CostOf(rung, plan.scenario.offers);
  const double electricity = rung.after.electricity.value - before.electricity.value;
  // Work that moves to the new machine may take electricity off the old one.
  const double running = std::max(0.0, Running(rung.after) - Running(before));
  input.flow.standby = {electricity - running};
  input.electricity = ByElectricityPrice(running, assumptions);
  const Spread value = ValueOf(rung, input.cost);
  input.gross_saving = {value.low + electricity, value.mid + electricity, value.high + electricity};
  input.decline = economics::DeclineOf(assumptions, plan.options.baseline);
  const Growth growth = GrowthOf(plan.scenario, rung.after);
  input.flow.growth_per_month = growth.per_month;
  input.flow.capacity_ratio = growth.capacity_ratio;
  ApplyCosts(assumptions, input);
  return out;
}

}  // namespace

const char* Name(WorkBasis basis) {
  return basis == WorkBasis::kAllHours ? "all-hours" : "stated-work";
}

Payoff Assess(const PayoffCase& purchase) {
  Payoff out;
  out.of = purchase;
  const economics::CashFlow flow = economics::Middle(purchase.input);
  out.simple = economics::SimplePayback(flow);
  out.with_decline = economics::Payback(flow);
  out.discounted = economics::DiscountedPayback(flow);
  out.net_present_value = economics::NetPresentValue(flow);
  out.levelised = economics::Levelise(flow, purchase.tokens);
  out.break_even_utilization =
      economics::BreakEvenUtilization(flow, purchase.input.utilization.mid);
  out.months_worth_running = economics::MonthsWorthRunning(flow);
  out.decision = economics::Decide(flow.cost, flow.gross_saving, flow.electricity + flow.standby);
  out.ledger = economics::Ledger(flow);
  out.grid = economics::PaybackGrid(purchase.input, kGridUtilizations, kGridDeclines);
  out.tornado = economics::Tornado(purchase.input);
  out.risk = economics::Simulate(purchase.input);
  return out;
}

absl::StatusOr<MachineAnswer> MachineCases(const catalog::Catalog& catalog,
                                           const throughput::Calibration& calibration,
                                           const fleet::Scenario& scenario,
                                           const MachineQuestion& question) {
  const absl::StatusOr<PricedMachine> price = PriceOf(scenario, question);
  if (!price.ok()) return price.status();
  const fleet::Workload* workload = WorkloadFor(catalog, scenario, *question.model);
  if (workload == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("no workload of the inventory accepts ", question.model->id));
  }
  const absl::StatusOr<fleet::Fleet> fleet = FleetOf(catalog, *question.machine);
  if (!fleet.ok()) return fleet.status();
  const absl::StatusOr<Placement> placement =
      FastestPlacement(catalog, calibration, *fleet, *workload, question);
  if (!placement.ok()) return placement.status();

  const MachineAtWork machine(scenario, *workload, *fleet, *placement, *price);
  MachineAnswer answer;
  if (!fleet->nodes().front().load_power()) {
    answer.notes.push_back(absl::StrCat("the power draw of ", question.machine->id,
                                        " is not known: no electricity is counted"));
  }
  for (fleet::Baseline baseline : fleet::ActiveBaselines(scenario)) {
    const auto token_price = economics::PriceFor(catalog, *workload, *question.model, baseline);
    if (!token_price.ok()) {
      answer.notes.push_back(absl::StrCat("not as ", fleet::Name(baseline), ": ",
                                          std::string(token_price.status().message())));
      continue;
    }
    answer.cases.push_back(machine.Against(fleet::ColumnName(baseline), baseline, *token_price));
    answer.cases.back().caveat = CaveatOf(catalog, *workload, *question.model, baseline);
    if (baseline != fleet::Baseline::kSameModelHosted) continue;
    const auto cheapest = economics::CheapestHostFor(catalog, *workload, *question.model);
    if (cheapest.ok())
      answer.cases.push_back(machine.Against("cheapest host", baseline, *cheapest));
  }
  if (scenario.assumptions.subscription) {
    answer.cases.push_back(machine.AgainstPlan(*scenario.assumptions.subscription));
  }
  return answer;
}

std::vector<PayoffCase> LadderCases(const Plan& plan) {
  std::vector<PayoffCase> cases;
  const purchase::Ladder& ladder = plan.ladder();
  const purchase::FleetValue* before = &ladder.today;
  for (const purchase::Rung& rung : ladder.rungs) {
    cases.push_back(CaseOf(plan, *before, rung));
    cases.back().title = absl::StrCat("rung ", cases.size());
    before = &rung.after;
  }
  return cases;
}

}  // namespace capacity
