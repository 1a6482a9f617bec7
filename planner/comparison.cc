#include "planner/comparison.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "planner/economics/economics.h"
#include "planner/economics/ownership.h"
#include "planner/economics/subscription.h"
#include "planner/purchase/cash_flow.h"

namespace capacity {
namespace {

using economics::TokenPrice;
using fleet::Baseline;
using purchase::FleetValue;

constexpr double kWholeShare = 1 - 1e-9;  // of work: all of it but for rounding

// Fills in the money and the paybacks. `flow` has the middle decline.
Comparison Priced(Comparison out, economics::CashFlow flow) {
  const auto months = [&](double decline) {
    flow.annual_decline = decline;
    return economics::Payback(flow);
  };
  out.priced = true;
  out.saved = flow.gross_saving;
  out.electricity = flow.electricity + flow.standby;
  out.payback = economics::SimplePayback(flow);
  out.payback_at_low = months(out.decline.low);
  out.payback_at_mid = months(out.decline.mid);
  out.payback_at_high = months(out.decline.high);
  return out;
}

const fleet::Workload* FindWorkload(const fleet::Scenario& scenario, const std::string& name) {
  for (const fleet::Workload& workload : scenario.workloads) {
    if (workload.name == name) return &workload;
  }
  return nullptr;
}

using PriceOf = absl::StatusOr<TokenPrice> (*)(const catalog::Catalog& catalog,
                                               const fleet::Workload& workload,
                                               const catalog::Model& model, Baseline baseline);

absl::StatusOr<TokenPrice> CheapestHost(const catalog::Catalog& catalog,
                                        const fleet::Workload& workload,
                                        const catalog::Model& model, Baseline) {
  return economics::CheapestHostFor(catalog, workload, model);
}

// What `value`'s work would cost otherwise, a month. Adds to `from` whose prices these are.
UsdPerMonth Reprice(const catalog::Catalog& catalog, const fleet::Scenario& scenario,
                    const FleetValue& value, PriceOf price_of, Baseline baseline,
                    std::vector<std::string>& from) {
  UsdPerMonth sum{0};
  for (const purchase::Assignment& assignment : value.assignments) {
    const fleet::Workload* workload = FindWorkload(scenario, assignment.workload);
    if (workload == nullptr) continue;
    const auto price = price_of(catalog, *workload, *assignment.placement.model, baseline);
    if (!price.ok()) continue;
    sum.value +=
        economics::SavedPerOutputMtok(*workload, *price).value * assignment.output_mtok_per_month;
    const std::string source =
        price->as_of.empty() || price->source.find(price->as_of) != std::string::npos
            ? price->source
            : absl::StrCat(price->source, ", ", price->as_of);
    if (std::find(from.begin(), from.end(), source) == from.end()) from.push_back(source);
  }
  return sum;
}

Comparison Against(const catalog::Catalog& catalog, const fleet::Scenario& scenario,
                   const purchase::Rung& rung, Baseline baseline, std::string title,
                   PriceOf price_of) {
  Comparison out{.title = std::move(title),
                 .baseline = baseline,
                 .decline = economics::DeclineOf(scenario.assumptions, baseline)};
  const auto use = rung.by_baseline.find(baseline);
  if (use == rung.by_baseline.end()) {
    out.remark = "the search was interrupted before this was worked out";
    return out;
  }
  const auto& [before, after, months] = use->second;
  const UsdPerMonth then = Reprice(catalog, scenario, after, price_of, baseline, out.prices_from);
  if (out.prices_from.empty()) {
    out.remark = "no such price is known for any work of the purchase";
    return out;
  }
  economics::CashFlow flow =
      purchase::CashFlowOf(scenario, rung.cost, before, after, out.decline.mid);
  std::vector<std::string> unused;  // of the fleet before, whose prices are not the purchase's
  flow.gross_saving = then - Reprice(catalog, scenario, before, price_of, baseline, unused);
  return Priced(std::move(out), std::move(flow));
}

// Input and output tokens of a month, in Mtok, of all work or of what `value` serves.
double Served(const fleet::Scenario& scenario, const FleetValue& value) {
  double mtok = 0;
  for (const purchase::Assignment& assignment : value.assignments) {
    const fleet::Workload* workload = FindWorkload(scenario, assignment.workload);
    if (workload == nullptr) continue;
    mtok += assignment.output_mtok_per_month * (1 + economics::InputPerOutput(*workload));
  }
  return mtok;
}

// Work without a stated volume is all that the machines do after the purchase.
double Wanted(const fleet::Scenario& scenario, const FleetValue& after) {
  double mtok = 0;
  for (const fleet::Workload& workload : scenario.workloads) {
    const std::optional<double> demand = economics::DemandMtokPerMonth(workload);
    if (!demand) return Served(scenario, after);
    mtok += *demand * (1 + economics::InputPerOutput(workload));
  }
  return mtok;
}

Comparison AgainstSubscription(const fleet::Scenario& scenario,
                               const fleet::Subscription& subscription, const FleetValue& before,
                               const purchase::Rung& rung) {
  Comparison out{.title = subscription.name};
  const double wanted = Wanted(scenario, rung.after);
  const double now = Served(scenario, before);
  const double then = Served(scenario, rung.after);
  economics::CashFlow flow = purchase::CashFlowOf(scenario, rung.cost, before, rung.after, 0);
  // S(D - before) - S(D - after): what is left of the work is what there is to cancel.
  flow.plan = economics::CancelledPlan{subscription, wanted - now, then - now};
  flow.gross_saving = {
      economics::SubscriptionSaving(subscription, wanted - now, then - now).dollars()};
  out.prices_from = {absl::StrCat(subscription.name, " at ",
                                  economics::SubscriptionCost(subscription, wanted).dollars(),
                                  " US dollars a month")};
  if (then < wanted * kWholeShare) {
    out.remark = "not all work is served, so that it cannot be cancelled";
  }
  return Priced(std::move(out), std::move(flow));
}

}  // namespace

std::vector<Comparison> SideBySide(const catalog::Catalog& catalog, const fleet::Scenario& scenario,
                                   const FleetValue& before, const purchase::Rung& rung) {
  std::vector<Comparison> rows;
  for (Baseline baseline : fleet::ActiveBaselines(scenario)) {
    rows.push_back(Against(catalog, scenario, rung, baseline, fleet::ColumnName(baseline),
                           economics::PriceFor));
    if (baseline != Baseline::kSameModelHosted) continue;
    rows.push_back(Against(catalog, scenario, rung, baseline, "cheapest host", CheapestHost));
  }
  if (scenario.assumptions.subscription) {
    rows.push_back(AgainstSubscription(scenario, *scenario.assumptions.subscription, before, rung));
  }
  return rows;
}

}  // namespace capacity
