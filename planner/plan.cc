#include "planner/plan.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "planner/economics/economics.h"

namespace capacity {
namespace {

using placement::Placement;

bool FitsAndRuns(const Placement& placement) {
  return placement.verdict != fit::Verdict::kDoesNotFit && placement.speed.has_value();
}

// Orders by value under `baseline`; a priced placement before an unpriced one, then the faster.
bool WorthMore(const PlannedPlacement& a, const PlannedPlacement& b, fleet::Baseline baseline) {
  const auto value_a = a.value.find(baseline);
  const auto value_b = b.value.find(baseline);
  const bool priced_a = value_a != a.value.end();
  const bool priced_b = value_b != b.value.end();
  if (priced_a != priced_b) return priced_a;
  if (priced_a && value_a->second != value_b->second) return value_a->second > value_b->second;
  return a.placement.speed->decode_tps.mid > b.placement.speed->decode_tps.mid;
}

// What a million output tokens of a workload save when one model serves it, by baseline.
using SavedByBaseline = std::map<fleet::Baseline, UsdPerMtok>;

SavedByBaseline Saved(const catalog::Catalog& catalog, const fleet::Workload& workload,
                      const catalog::Model& model) {
  SavedByBaseline saved;
  for (fleet::Baseline baseline : fleet::kBaselines) {
    const auto price = economics::PriceFor(catalog, workload, model, baseline);
    if (price.ok()) saved[baseline] = economics::SavedPerOutputMtok(workload, *price);
  }
  return saved;
}

ValueByBaseline ValueAt(const SavedByBaseline& saved, const fleet::Scenario& scenario,
                        const fleet::Workload& workload, const Placement& placement) {
  ValueByBaseline value;
  if (!placement.speed) return value;
  const double mtok_per_hour =
      economics::OutputTokensPerHour(workload, {placement.speed->decode_tps.mid},
                                     {placement.speed->prefill_tps.mid}) /
      1e6;
  if (mtok_per_hour <= 0) return value;
  double hours = economics::kHoursPerMonth * workload.utilization;
  if (const std::optional<double> demand = economics::DemandMtokPerMonth(workload)) {
    hours = std::min(hours, *demand / mtok_per_hour);
  }
  Usd electricity;
  for (int index : placement.nodes) {
    const fleet::Node& node = scenario.fleet.nodes()[static_cast<std::size_t>(index)];
    const Watts above_idle =
        node.load_power().value_or(Watts{0}) - node.idle_power().value_or(Watts{0});
    electricity +=
        economics::ElectricityCost(above_idle, hours, scenario.assumptions.electricity_usd_per_kwh);
  }
  for (const auto& [baseline, usd] : saved) {
    value[baseline] = UsdPerMonth{usd.value * mtok_per_hour * hours - electricity.dollars()};
  }
  return value;
}

// Keeps in `best` whatever of `model` under `load` is worth more than it.
void Improve(const catalog::Catalog& catalog, const placement::Placer& placer,
             const fleet::Scenario& scenario, const PlanOptions& options,
             const catalog::Model& model, const fleet::Workload& load_of, bool serves,
             std::optional<PlannedPlacement>& best) {
  const SavedByBaseline saved = serves ? Saved(catalog, load_of, model) : SavedByBaseline{};
  for (const catalog::Quantization& quant : catalog.quantizations) {
    if (!placement::Proposable(quant, model, options.min_nominal_bits)) continue;
    for (Placement& candidate : placer.Enumerate(model, quant, placement::LoadOf(load_of))) {
      // Copies side by side are the assignment's business: here is one instance at its best.
      if (!FitsAndRuns(candidate) || candidate.strategy == throughput::Strategy::kReplicas) {
        continue;
      }
      PlannedPlacement planned{std::move(candidate), {}, false, ""};
      if (serves) {
        planned.workload = load_of.name;
        planned.value = ValueAt(saved, scenario, load_of, planned.placement);
      }
      if (!best || WorthMore(planned, *best, options.baseline)) best = std::move(planned);
    }
  }
}

// The model's best placement over quantizations and workloads; nullopt when it fits nowhere. A
// model that no workload accepts runs under the first one's load and is worth nothing.
std::optional<PlannedPlacement> FindBest(const catalog::Catalog& catalog,
                                         const placement::Placer& placer,
                                         const fleet::Scenario& scenario,
                                         const PlanOptions& options, const catalog::Model& model) {
  std::optional<PlannedPlacement> best;
  for (const fleet::Workload& workload : scenario.workloads) {
    if (!economics::Accepts(catalog, workload, model)) continue;
    Improve(catalog, placer, scenario, options, model, workload, true, best);
  }
  if (!best) {
    Improve(catalog, placer, scenario, options, model, scenario.workloads.front(), false, best);
  }
  return best;
}

// Of a model that fits nowhere, the proposable placement that comes closest, with its reason.
std::optional<Placement> NearestMiss(const catalog::Catalog& catalog,
                                     const placement::Placer& placer,
                                     const fleet::Scenario& scenario, const PlanOptions& options,
                                     const catalog::Model& model) {
  std::optional<Placement> nearest;
  for (const catalog::Quantization& quant : catalog.quantizations) {
    if (!placement::Proposable(quant, model, options.min_nominal_bits)) continue;
    const placement::Load load = placement::LoadOf(scenario.workloads.front());
    for (Placement& candidate : placer.Enumerate(model, quant, load)) {
      if (candidate.memory.empty() || candidate.verdict != fit::Verdict::kDoesNotFit) continue;
      if (!nearest || placement::Shortfall(candidate) < placement::Shortfall(*nearest))
        nearest = std::move(candidate);
    }
  }
  return nearest;
}

bool SamePlacement(const Placement& a, const Placement& b) {
  return a.model == b.model && a.quant == b.quant && a.engine == b.engine &&
         a.strategy == b.strategy && a.nodes == b.nodes;
}

// Marks what today's best assignment runs, adding placements that are not any model's best.
void MarkChosen(const catalog::Catalog& catalog, const fleet::Scenario& scenario,
                const purchase::FleetValue& today, std::vector<PlannedPlacement>& placements) {
  for (const purchase::Assignment& assignment : today.assignments) {
    const auto held = std::find_if(placements.begin(), placements.end(), [&](const auto& planned) {
      return SamePlacement(planned.placement, assignment.placement);
    });
    if (held != placements.end()) {
      held->chosen = true;
      continue;
    }
    PlannedPlacement added{assignment.placement, {}, true, assignment.workload};
    for (const fleet::Workload& workload : scenario.workloads) {
      if (workload.name == assignment.workload) {
        added.value = MonthlyValue(catalog, scenario, workload, added.placement);
      }
    }
    placements.push_back(std::move(added));
  }
}

}  // namespace

ValueByBaseline MonthlyValue(const catalog::Catalog& catalog, const fleet::Scenario& scenario,
                             const fleet::Workload& workload, const Placement& placement) {
  return ValueAt(Saved(catalog, workload, *placement.model), scenario, workload, placement);
}

absl::StatusOr<Plan> MakePlan(const catalog::Catalog& catalog,
                              const throughput::Calibration& calibration,
                              const fleet::Scenario& scenario, const PlanOptions& options) {
  if (options.budget < Usd{0}) {
    return absl::InvalidArgumentError(
        "the budget is negative; give what may be spent, for example 10000");
  }
  const std::vector<fleet::Baseline> active = fleet::ActiveBaselines(scenario);
  if (std::find(active.begin(), active.end(), options.baseline) == active.end()) {
    return absl::InvalidArgumentError(
        "no custom price is stated; the inventory's economics.baselines.custom has it");
  }
  Plan plan;
  plan.scenario = scenario;
  plan.options = options;
  placement::Options refused;
  refused.keep_rejected = true;
  const placement::Placer fitting(catalog, calibration, scenario.fleet, {});
  const placement::Placer all(catalog, calibration, scenario.fleet, refused);
  options.watch.Begin("placing every model");
  for (const catalog::Model& model : catalog.models) {
    if (auto best = FindBest(catalog, fitting, scenario, options, model)) {
      plan.placements.push_back(*std::move(best));
    } else if (auto miss = NearestMiss(catalog, all, scenario, options, model)) {
      plan.misfits.push_back(*std::move(miss));
    }
  }
  purchase::Options purchase_options;
  purchase_options.budget = options.budget;
  purchase_options.baseline = options.baseline;
  purchase_options.min_nominal_bits = options.min_nominal_bits;
  purchase_options.thresholds_months = options.thresholds_months;
  purchase_options.compare = options.compare;
  purchase_options.watch = options.watch;
  auto ladders = purchase::RecommendByBaseline(catalog, calibration, scenario, purchase_options);
  if (!ladders.ok()) return ladders.status();
  plan.ladders = *std::move(ladders);
  const purchase::FleetValue* before = &plan.ladder().today;
  for (const purchase::Rung& rung : plan.ladder().rungs) {
    plan.side_by_side.push_back(SideBySide(catalog, scenario, *before, rung));
    before = &rung.after;
  }
  MarkChosen(catalog, scenario, plan.ladder().today, plan.placements);
  std::stable_sort(plan.placements.begin(), plan.placements.end(),
                   [&](const auto& a, const auto& b) {
                     if (a.chosen != b.chosen) return a.chosen;
                     return WorthMore(a, b, options.baseline);
                   });
  return plan;
}

}  // namespace capacity
