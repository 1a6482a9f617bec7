#include "planner/payoff.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "planner/economics/subscription.h"
#include "planner/placement/placement.h"
#include "planner/purchase/cash_flow.h"

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
  if (node.chip == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "which cards a ", machine.id, " has is its owner's to state, in an inventory"));
  }
  return fleet::Fleet::Create({std::move(node)}, {}, {});
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
  std::vector<std::string> others;  // "used at $3,600" that were not taken
};

absl::StatusOr<PricedMachine> PriceOf(const fleet::Scenario& scenario,
                                      const MachineQuestion& question) {
  if (question.price) {
    return PricedMachine{Spread::Exactly(question.price->dollars()), "as asked", {}};
  }
  std::optional<PricedMachine> found;
  std::vector<std::string> others;
  for (const fleet::Offer& offer : scenario.offers) {
    if (offer.item != question.machine->id) continue;
    const bool wanted = !question.condition || *question.condition == offer.condition;
    if (found || !wanted) {
      others.push_back(absl::StrCat(Name(offer.condition), " at $", offer.price.dollars()));
      continue;
    }
    found = PricedMachine{
        {offer.price_low.dollars(), offer.price.dollars(), offer.price_high.dollars()},
        absl::StrCat(Name(offer.condition), offer.as_of.empty() ? "" : ", ", offer.as_of, ", ",
                     offer.source),
        {}};
  }
  if (found) {
    found->others = std::move(others);
    return *std::move(found);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "nothing offers ", question.machine->id,
      others.empty() ? "" : absl::StrCat(" in that condition (", absl::StrJoin(others, ", "), ")"),
      ": the catalogue and the inventory have no price for it, or it is not for sale; state one "
      "with --price"));
}

std::string Describe(const Placement& placement) {
  return absl::StrCat(placement.model->id, " ", placement.quant->id, " on ",
                      catalog::Name(placement.engine));
}

// A workload that the machine can do, at the placement that makes the most of its tokens.
struct Job {
  const fleet::Workload* workload = nullptr;
  Placement placement;
  Spread mtok_per_hour;          // output, at slow, likely and fast speeds
  double allowed_hours = 0;      // a month
  std::optional<double> demand;  // Mtok output a month

  double wanted_hours() const {  // at the likely speed
    return demand ? std::min(allowed_hours, *demand / mtok_per_hour.mid) : allowed_hours;
  }
};

Job JobOf(const fleet::Workload& workload, Placement placement) {
  Job job{.workload = &workload, .placement = std::move(placement)};
  const throughput::Speed& speed = *job.placement.speed;
  job.mtok_per_hour = {MtokPerHour(workload, speed.decode_tps.low, speed.prefill_tps.low),
                       MtokPerHour(workload, speed.decode_tps.mid, speed.prefill_tps.mid),
                       MtokPerHour(workload, speed.decode_tps.high, speed.prefill_tps.high)};
  job.allowed_hours = economics::kHoursPerMonth * workload.utilization;
  job.demand = economics::DemandMtokPerMonth(workload);
  return job;
}

// A bought machine at work; the cases differ in what its tokens are worth. Where its hours do not
// suffice for all jobs it does those first that are worth most an hour.
class MachineAtWork {
 public:
  // `jobs` is not empty.
  MachineAtWork(const fleet::Scenario& scenario, std::vector<Job> jobs, const fleet::Fleet& fleet,
                const PricedMachine& price);

  const std::vector<Job>& jobs() const { return jobs_; }
  // Instead of tokens at `prices`, one a job (nullopt: it has none, and is not done), which fall as
  // those of `baseline`.
  PayoffCase Against(std::string title, fleet::Baseline baseline,
                     const std::vector<std::optional<economics::TokenPrice>>& prices) const;
  // Instead of a subscription, whose fee stays.
  PayoffCase AgainstPlan(const fleet::Subscription& subscription) const;

 private:
  // Of one job in one case.
  struct Done {
    double hours = 0;
    Spread mtok;  // output
  };
  // `worth`: of a Mtok of output, one a job; nothing is done for zero.
  std::vector<Done> Share(const std::vector<double>& worth) const;
  // The case without its money; `weights` of the jobs for growth, one a job.
  PayoffCase CaseOf(std::string title, const std::vector<Done>& done,
                    const std::vector<double>& weights) const;

  const fleet::Scenario& scenario_;
  const fleet::Assumptions& assumptions_;
  std::vector<Job> jobs_;
  Watts idle_;
  Watts above_idle_;
  PayoffCase common_;
};

MachineAtWork::MachineAtWork(const fleet::Scenario& scenario, std::vector<Job> jobs,
                             const fleet::Fleet& fleet, const PricedMachine& price)
    : scenario_(scenario), assumptions_(scenario.assumptions), jobs_(std::move(jobs)) {
  const fleet::Node& node = fleet.nodes().front();
  idle_ = node.idle_power().value_or(Watts{0});
  above_idle_ = node.load_power().value_or(idle_) - idle_;
  common_.purchase = node.machine->id;
  std::vector<std::string> runs;
  for (const Job& job : jobs_) {
    const std::string text = Describe(job.placement);
    if (std::find(runs.begin(), runs.end(), text) == runs.end()) runs.push_back(text);
  }
  common_.runs = absl::StrJoin(runs, "; ");
  if (jobs_.size() == 1) common_.decode_tps = jobs_.front().placement.speed->decode_tps;
  common_.price_from = price.from;
  common_.basis =
      jobs_.size() == 1 && !jobs_.front().demand ? WorkBasis::kAllHours : WorkBasis::kStatedWork;
  common_.input.cost = price.price;
  common_.input.utilization = common_.basis == WorkBasis::kAllHours
                                  ? HoursOf(assumptions_, jobs_.front().workload->utilization)
                                  : Spread::Exactly(1);
}

std::vector<MachineAtWork::Done> MachineAtWork::Share(const std::vector<double>& worth) const {
  std::vector<std::size_t> order;
  for (std::size_t j = 0; j < jobs_.size(); ++j) {
    if (worth[j] > 0) order.push_back(j);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return worth[a] * jobs_[a].mtok_per_hour.mid > worth[b] * jobs_[b].mtok_per_hour.mid;
  });
  std::vector<Done> done(jobs_.size());
  double left = economics::kHoursPerMonth;
  for (std::size_t j : order) {
    const Job& job = jobs_[j];
    done[j].hours = std::min(job.wanted_hours(), left);
    // A slow machine may use all hours that are allowed, if there are any left.
    const double most = std::min(job.allowed_hours, left);
    left -= done[j].hours;
    const double limit = job.demand.value_or(std::numeric_limits<double>::infinity());
    const auto made = [&](double rate) { return std::min(rate * most, limit); };
    done[j].mtok = {made(job.mtok_per_hour.low), made(job.mtok_per_hour.mid),
                    made(job.mtok_per_hour.high)};
  }
  return done;
}

PayoffCase MachineAtWork::CaseOf(std::string title, const std::vector<Done>& done,
                                 const std::vector<double>& weights) const {
  PayoffCase out = common_;
  out.title = std::move(title);
  double hours = 0;
  double output = 0;
  double input_tokens = 0;
  double weight = 0;
  double growth = 0;
  double capacity = 0;
  for (std::size_t j = 0; j < jobs_.size(); ++j) {
    if (done[j].hours <= 0) continue;
    const Job& job = jobs_[j];
    hours += done[j].hours;
    output += done[j].mtok.mid;
    input_tokens += done[j].mtok.mid * economics::InputPerOutput(*job.workload);
    const double most = job.demand ? job.allowed_hours : economics::kHoursPerMonth;
    weight += weights[j];
    growth += weights[j] * job.workload->growth_per_month;
    capacity += weights[j] * std::max(1.0, most / done[j].hours);
  }
  out.tokens = {output, output > 0 ? input_tokens / output : 0};
  const double usd_per_kwh = assumptions_.electricity_usd_per_kwh;
  RiskInput& input = out.input;
  input.electricity = ByElectricityPrice(
      economics::ElectricityCost(above_idle_, hours, usd_per_kwh).dollars(), assumptions_);
  input.flow.standby = {
      economics::ElectricityCost(idle_, economics::kHoursPerMonth, usd_per_kwh).dollars()};
  if (weight > 0) {
    input.flow.growth_per_month = growth / weight;
    // All jobs share the hours of one machine.
    input.flow.capacity_ratio = std::min(capacity / weight, economics::kHoursPerMonth / hours);
  }
  return out;
}

// "a; b" of the texts, each once.
std::string Distinct(const std::vector<std::string>& texts) {
  std::vector<std::string> once;
  for (const std::string& text : texts) {
    if (!text.empty() && std::find(once.begin(), once.end(), text) == once.end()) {
      once.push_back(text);
    }
  }
  return absl::StrJoin(once, "; ");
}

PayoffCase MachineAtWork::Against(
    std::string title, fleet::Baseline baseline,
    const std::vector<std::optional<economics::TokenPrice>>& prices) const {
  std::vector<double> worth(jobs_.size(), 0);
  std::vector<std::string> sources;
  for (std::size_t j = 0; j < jobs_.size(); ++j) {
    if (!prices[j]) continue;
    worth[j] = economics::SavedPerOutputMtok(*jobs_[j].workload, *prices[j]).value;
    sources.push_back(prices[j]->source);
  }
  const std::vector<Done> done = Share(worth);
  std::vector<double> saved(jobs_.size(), 0);
  Spread gross;
  for (std::size_t j = 0; j < jobs_.size(); ++j) {
    saved[j] = done[j].mtok.mid * worth[j];
    gross.low += done[j].mtok.low * worth[j];
    gross.mid += saved[j];
    gross.high += done[j].mtok.high * worth[j];
  }
  PayoffCase out = CaseOf(std::move(title), done, saved);
  out.baseline = baseline;
  out.instead_of = Distinct(sources);
  const double output = out.tokens.output_mtok_per_month;
  if (output > 0) out.saved_per_output_mtok = UsdPerMtok{gross.mid / output};
  out.input.gross_saving = gross;
  out.input.decline = economics::DeclineOf(assumptions_, baseline);
  ApplyCosts(assumptions_, out.input);
  return out;
}

PayoffCase MachineAtWork::AgainstPlan(const fleet::Subscription& subscription) const {
  std::vector<double> in_and_out;
  for (const Job& job : jobs_) in_and_out.push_back(1 + economics::InputPerOutput(*job.workload));
  const std::vector<Done> done = Share(in_and_out);
  std::vector<double> served(jobs_.size(), 0);
  double all_served = 0;
  for (std::size_t j = 0; j < jobs_.size(); ++j) {
    served[j] = done[j].mtok.mid * in_and_out[j];
    all_served += served[j];
  }
  // The subscription is for all work there is, also what the machine cannot do. Work without a
  // stated volume is what the machine does of it.
  double demand = 0;
  for (const fleet::Workload& workload : scenario_.workloads) {
    const auto job = std::find_if(jobs_.begin(), jobs_.end(),
                                  [&](const Job& known) { return known.workload == &workload; });
    const auto stated = economics::DemandMtokPerMonth(workload);
    if (stated) {
      demand += *stated * (1 + economics::InputPerOutput(workload));
    } else if (job != jobs_.end()) {
      demand += served[static_cast<std::size_t>(job - jobs_.begin())];
    }
  }
  PayoffCase out = CaseOf(subscription.name, done, served);
  out.baseline.reset();
  const Usd bill = economics::SubscriptionCost(subscription, demand);
  out.instead_of = absl::StrCat(subscription.name, " at ", bill.dollars(), " US dollars a month");
  if (all_served < demand * (1 - 1e-9)) {
    out.caveat = "not all work is served, so that it cannot be cancelled";
  }
  RiskInput& input = out.input;
  input.flow.plan = economics::CancelledPlan{subscription, demand, all_served};
  input.gross_saving =
      Spread::Exactly(economics::SubscriptionSaving(subscription, demand, all_served).dollars());
  input.decline = Spread::Exactly(0);
  ApplyCosts(assumptions_, input);
  return out;
}

// Why the price may not be that of the same goods.
std::string CaveatOf(const catalog::Catalog& catalog, const fleet::Workload& workload,
                     const catalog::Model& model, fleet::Baseline baseline) {
  if (baseline != fleet::Baseline::kFrontierEquivalent) return "";
  if (!workload.replaces.empty()) return "as the workload says; quality may differ";
  const catalog::FrontierEquivalent* equivalent = catalog.FindFrontierEquivalent(model.priced_as());
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

PayoffCase CaseOf(const Plan& plan, const purchase::FleetValue& before,
                  const purchase::Rung& rung) {
  const fleet::Assumptions& assumptions = plan.scenario.assumptions;
  PayoffCase out;
  out.subject = Subject::kRung;
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
  input.decline = economics::DeclineOf(assumptions, plan.options.baseline);
  input.flow =
      purchase::CashFlowOf(plan.scenario, rung.cost, before, rung.after, input.decline.mid);
  input.electricity = ByElectricityPrice(input.flow.electricity.value, assumptions);
  const double electricity = (input.flow.electricity + input.flow.standby).value;
  const Spread value = ValueOf(rung, input.cost);
  input.gross_saving = {value.low + electricity, value.mid + electricity, value.high + electricity};
  ApplyCosts(assumptions, input);
  return out;
}

// What the machines could fetch, low and high where an offer has a range.
struct FleetPrice {
  Spread usd;
  std::set<std::string> unknown;  // machine ids without a price
};

FleetPrice PriceOf(const fleet::Scenario& scenario) {
  FleetPrice out;
  for (const fleet::Node& node : scenario.fleet.nodes()) {
    Spread price;
    const auto offer =
        std::find_if(scenario.offers.begin(), scenario.offers.end(),
                     [&](const fleet::Offer& known) { return known.item == node.machine->id; });
    if (node.overrides.resale_value) {
      price = Spread::Exactly(node.overrides.resale_value->dollars());
    } else if (offer != scenario.offers.end()) {
      price = {offer->price_low.dollars(), offer->price.dollars(), offer->price_high.dollars()};
    } else {
      out.unknown.insert(node.machine->id);
    }
    out.usd = {out.usd.low + price.low, out.usd.mid + price.mid, out.usd.high + price.high};
  }
  return out;
}

// What the fleet's work saves at slow, likely and fast speeds. Work that leaves hours over is done
// at any speed that still suffices.
Spread GrossOf(const fleet::Scenario& scenario, const purchase::FleetValue& value) {
  Spread sum;
  for (const purchase::Assignment& assignment : value.assignments) {
    const Estimate& speed = assignment.placement.speed->decode_tps;
    double spare = 1;
    for (const fleet::Workload& workload : scenario.workloads) {
      if (workload.name != assignment.workload || !economics::DemandMtokPerMonth(workload))
        continue;
      spare = std::max(1.0, workload.utilization / assignment.share_of_time);
    }
    const double usd = assignment.gross_value.value;
    sum.low += usd * std::min(1.0, spare * speed.low / speed.mid);
    sum.mid += usd;
    sum.high += spare > 1 ? usd : usd * speed.high / speed.mid;
  }
  return sum;
}

}  // namespace

const char* Name(WorkBasis basis) {
  return basis == WorkBasis::kAllHours ? "all-hours" : "stated-work";
}

const char* Name(Subject subject) {
  switch (subject) {
    case Subject::kMachine:
      return "machine";
    case Subject::kRung:
      return "rung";
    case Subject::kFleet:
      break;
  }
  return "fleet";
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
  out.decision = economics::Decide(flow);
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
  const absl::StatusOr<fleet::Fleet> fleet = FleetOf(catalog, *question.machine);
  if (!fleet.ok()) return fleet.status();
  MachineAnswer answer;
  std::vector<Job> jobs;
  absl::Status why_none = absl::InvalidArgumentError(
      absl::StrCat("no workload of the inventory accepts ", question.model->id));
  for (const fleet::Workload& workload : scenario.workloads) {
    if (!economics::Accepts(catalog, workload, *question.model)) continue;
    absl::StatusOr<Placement> placement =
        FastestPlacement(catalog, calibration, *fleet, workload, question);
    if (placement.ok()) {
      jobs.push_back(JobOf(workload, *std::move(placement)));
    } else {
      why_none = placement.status();
      answer.notes.push_back(absl::StrCat("without the work of ", workload.name, ": ",
                                          std::string(why_none.message())));
    }
  }
  if (jobs.empty()) return why_none;

  const MachineAtWork machine(scenario, std::move(jobs), *fleet, *price);
  const fleet::Node& node = fleet->nodes().front();
  if (!node.load_power()) {
    answer.notes.push_back(absl::StrCat("the power draw of ", question.machine->id,
                                        " is not known: no electricity is counted"));
  } else if (!node.idle_power()) {
    answer.notes.push_back(absl::StrCat("what ", question.machine->id,
                                        " draws when idle is not known: standing by is not "
                                        "counted (idle_w in the inventory states it)"));
  }
  if (!price->others.empty()) {
    answer.notes.push_back(absl::StrCat("also offered: ", absl::StrJoin(price->others, ", "),
                                        "; --condition or --price takes one of them"));
  }
  const auto add = [&](std::string title, fleet::Baseline baseline, const auto& price_of) {
    std::vector<std::optional<economics::TokenPrice>> prices;
    std::vector<std::string> caveats;
    std::vector<std::string> missing;
    for (const Job& job : machine.jobs()) {
      const auto token_price = price_of(*job.workload);
      if (token_price.ok()) {
        prices.emplace_back(*token_price);
        caveats.push_back(CaveatOf(catalog, *job.workload, *question.model, baseline));
      } else {
        prices.emplace_back();
        missing.push_back(absl::StrCat(machine.jobs().size() > 1 ? job.workload->name + ": " : "",
                                       std::string(token_price.status().message())));
      }
    }
    for (const std::string& why : missing) {
      answer.notes.push_back(absl::StrCat("not as ", title, ": ", why));
    }
    if (missing.size() == machine.jobs().size()) return;
    answer.cases.push_back(machine.Against(std::move(title), baseline, prices));
    answer.cases.back().caveat = Distinct(caveats);
  };
  for (fleet::Baseline baseline : fleet::ActiveBaselines(scenario)) {
    add(fleet::ColumnName(baseline), baseline, [&](const fleet::Workload& workload) {
      return economics::PriceFor(catalog, workload, *question.model, baseline);
    });
    if (baseline != fleet::Baseline::kSameModelHosted) continue;
    add("cheapest host", baseline, [&](const fleet::Workload& workload) {
      return economics::CheapestHostFor(catalog, workload, *question.model);
    });
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

absl::StatusOr<PayoffCase> FleetCase(const Plan& plan) {
  const fleet::Scenario& scenario = plan.scenario;
  if (scenario.fleet.nodes().empty()) return absl::NotFoundError("the inventory has no machines");
  const FleetPrice price = PriceOf(scenario);
  if (!price.unknown.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("no price is known of ", absl::StrJoin(price.unknown, ", "),
                     "; resale_value_usd of the node states what it would fetch"));
  }
  const purchase::FleetValue& today = plan.ladder().today;
  PayoffCase out;
  out.subject = Subject::kFleet;
  out.title = "fleet";
  std::map<std::string, int> machines;
  for (const fleet::Node& node : scenario.fleet.nodes()) ++machines[node.machine->id];
  std::vector<std::string> parts;
  for (const auto& [machine, count] : machines) {
    parts.push_back(count == 1 ? machine : absl::StrCat(count, " x ", machine));
  }
  out.purchase = absl::StrJoin(parts, ", ");
  out.runs = Runs(today);
  out.price_from = "resale_value_usd, else the first offer of the machine";
  out.baseline = plan.options.baseline;
  const auto [basis, utilization] = BasisOf(scenario);
  out.basis = basis;
  out.tokens = {Output(today), InputRatio(scenario, today)};
  RiskInput& input = out.input;
  input.utilization = utilization;
  input.cost = price.usd;
  input.decline = economics::DeclineOf(scenario.assumptions, plan.options.baseline);
  input.flow =
      purchase::CashFlowOf(scenario, Usd::FromDollars(price.usd.mid), {}, today, input.decline.mid);
  input.electricity = ByElectricityPrice(input.flow.electricity.value, scenario.assumptions);
  input.gross_saving = GrossOf(scenario, today);
  ApplyCosts(scenario.assumptions, input);
  return out;
}

}  // namespace capacity
