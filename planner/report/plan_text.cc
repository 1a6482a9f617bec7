#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "planner/economics/economics.h"
#include "planner/report/comparison.h"
#include "planner/report/ladder_text.h"
#include "planner/report/placement_text.h"
#include "planner/report/text.h"

namespace capacity::report {
namespace {

using fleet::Baseline;
using placement::Placement;

constexpr int kRoomyWidth = 90;  // columns from which a table has room for prefill speeds
constexpr std::size_t kPlacementsShown = 12;  // a person reads a dozen rows; `fit` has them all

std::string WorkloadSentence(const fleet::Scenario& scenario) {
  const fleet::Workload& first = scenario.workloads.front();
  if (!scenario.assumptions.workload_stated) {
    return absl::StrCat("no workload is stated, so every machine finds work ",
                        FormatPercent(first.utilization), " of all hours (",
                        FormatPercent(1 / (1 + first.input_per_output)), " of tokens are output)");
  }
  std::vector<std::string> parts;
  for (const fleet::Workload& workload : scenario.workloads) {
    const auto demand = economics::DemandMtokPerMonth(workload);
    parts.push_back(absl::StrCat(workload.name, " ",
                                 demand ? absl::StrCat(FormatNumber(*demand), " Mtok out a month")
                                        : std::string("unbounded"),
                                 " within ", FormatPercent(workload.utilization), " of hours"));
  }
  return absl::StrJoin(parts, ", ");
}

std::string DeclineSentence(const fleet::Assumptions& assumptions) {
  std::vector<std::string> parts;
  for (const auto& [baseline, decline] : assumptions.declines) {
    parts.push_back(absl::StrCat(ShortName(baseline), " ", FormatPercent(decline.mid), "/yr"));
  }
  return parts.empty() ? "price declines unknown"
                       : absl::StrCat("prices fall: ", absl::StrJoin(parts, ", "));
}

std::string Assumptions(const Plan& plan, const Style& style) {
  const fleet::Assumptions& assumptions = plan.scenario.assumptions;
  const std::string first =
      absl::StrCat("Assumed: ", WorkloadSentence(plan.scenario), "; electricity $",
                   FormatShort(assumptions.electricity_usd_per_kwh), "/kWh",
                   assumptions.electricity_stated ? "" : " (not stated)", ".");
  const std::string second = absl::StrCat(
      "Tokens are worth what they would cost as ", Name(plan.options.baseline), "; beside it, ",
      Name(Other(plan.options.baseline)), " (", DeclineSentence(assumptions),
      "). Ranges are 80 %; ~ marks a mapping that is extrapolated from the article's.");
  return absl::StrCat(Wrap(first, style.width, 2), "\n", Wrap(second, style.width, 2), "\n");
}

// "~" before a frontier value that rests on an extrapolated mapping.
std::string Money(const catalog::Catalog& catalog, const PlannedPlacement& planned,
                  Baseline baseline) {
  const auto it = planned.value.find(baseline);
  if (it == planned.value.end()) return "-";
  const bool extrapolated = baseline == Baseline::kFrontierEquivalent &&
                            Replaces(catalog, *planned.placement.model).rfind('~', 0) == 0;
  return absl::StrCat(extrapolated ? "~" : "", FormatUsd(std::round(it->second.value)));
}

std::string FleetLine(const fleet::Fleet& fleet) {
  std::map<std::string, int> machines;
  for (const fleet::Node& node : fleet.nodes()) ++machines[node.machine->id];
  std::vector<std::string> parts;
  for (const auto& [machine, count] : machines) {
    parts.push_back(count == 1 ? machine : absl::StrCat(count, " x ", machine));
  }
  return parts.empty() ? "no machines" : absl::StrJoin(parts, ", ");
}

std::string RunsToday(const catalog::Catalog& catalog, const Plan& plan, const Style& style) {
  const fleet::Fleet& fleet = plan.scenario.fleet;
  std::string out =
      absl::StrCat(Wrap(absl::StrCat(style.Bold("RUNS TODAY"), "  ", FleetLine(fleet),
                                     "; last two columns: dollars a month at either price"),
                        style.width, 2),
                   "\n");
  if (plan.placements.empty()) {
    return absl::StrCat(out, "No model of the catalogue fits and has a known speed here.\n");
  }
  const Baseline main = plan.options.baseline;
  const bool roomy = style.width >= kRoomyWidth;
  std::vector<Column> columns = {{""},
                                 {"model", Align::kLeft, true, 16},
                                 {"quant"},
                                 {"where", Align::kLeft, true},
                                 {"decode tok/s", Align::kRight}};
  if (roomy) columns.push_back({"prefill", Align::kRight});
  columns.push_back({ShortName(main), Align::kRight});
  columns.push_back({ShortName(Other(main)), Align::kRight});
  Table table(std::move(columns));
  std::size_t shown = 0;
  for (const PlannedPlacement& planned : plan.placements) {
    if (shown == kPlacementsShown) break;
    ++shown;
    const Placement& p = planned.placement;
    std::vector<std::string> cells = {planned.chosen ? ">" : "", p.model->id, p.quant->id,
                                      Where(fleet, p), Interval(p.speed->decode_tps)};
    if (roomy) cells.push_back(FormatNumber(p.speed->prefill_tps.mid));
    cells.push_back(Money(catalog, planned, main));
    cells.push_back(Money(catalog, planned, Other(main)));
    table.Add(std::move(cells));
  }
  absl::StrAppend(&out, table.Render(style));
  std::string more =
      absl::StrCat("> best use today: ", FormatUsd(std::round(plan.ladder().today.value.value)),
                   " a month net of electricity.");
  if (shown < plan.placements.size()) {
    absl::StrAppend(&more, " ", plan.placements.size() - shown,
                    " more models fit; `planner fit` shows every way to run them.");
  }
  if (!plan.misfits.empty()) {
    absl::StrAppend(&more, " ", plan.misfits.size(), " do not fit.");
  }
  return absl::StrCat(out, style.Dim(Wrap(more, style.width, 2)), "\n");
}

std::string OtherBaselineSentence(const Plan& plan) {
  const Baseline other = Other(plan.options.baseline);
  const auto it = plan.ladders.find(other);
  if (it == plan.ladders.end()) return "";
  const purchase::Ladder& ladder = it->second;
  if (ladder.rungs.empty()) {
    return absl::StrCat("Against ", Name(other), " prices: ", ladder.stopped_reason, ".");
  }
  const purchase::Rung& first = ladder.rungs.front();
  return absl::StrCat("Against ", Name(other), " prices the first rung would be ",
                      ItemsText(first.items), " for ", FormatUsd(first.cost.dollars()),
                      ", back in ", PayoffText(first.marginal_payoff_months), " months.");
}

// A verdict is only as good as the price behind it.
std::string VerdictSentence(const Plan& plan) {
  if (plan.ladder().rungs.empty()) return "";
  const purchase::Rung& first = plan.ladder().rungs.front();
  const Baseline other = Other(plan.options.baseline);
  return absl::StrCat("Verdicts hold for work that would otherwise cost ",
                      Name(plan.options.baseline), " prices: at ", Name(other),
                      " prices rung 1 pays back in ", PayoffUnder(first, other), " months.");
}

std::string UtilizationSentence(const Plan& plan) {
  if (plan.ladder().rungs.empty()) return "";
  const purchase::Rung& first = plan.ladder().rungs.front();
  if (!std::isfinite(first.break_even_utilization) || first.break_even_utilization <= 0) return "";
  if (first.break_even_utilization > 1) {
    return absl::StrCat("Rung 1 does not pay back within ", FormatShort(first.threshold_months),
                        " months at any utilization.");
  }
  return absl::StrCat("Utilization: rung 1 pays back within ", FormatShort(first.threshold_months),
                      " months from ", FormatPercent(first.break_even_utilization),
                      " of hours upward.");
}

// What the value rests on where demand is not stated: that somebody wants this many tokens.
std::string DemandSentence(const Plan& plan) {
  if (plan.scenario.assumptions.workload_stated) {
    return "";
  }
  auto mtok_per_day = [](const purchase::FleetValue& value) {
    constexpr double kDaysPerMonth = economics::kHoursPerMonth / 24;
    double sum = 0;
    for (const auto& assignment : value.assignments) sum += assignment.output_mtok_per_month;
    return sum / kDaysPerMonth;
  };
  const purchase::Ladder& ladder = plan.ladder();
  std::string out =
      absl::StrCat("Demand: today's machines would make ", FormatNumber(mtok_per_day(ladder.today)),
                   " million output tokens a day");
  if (!ladder.rungs.empty()) {
    absl::StrAppend(&out, ", after the last rung ",
                    FormatNumber(mtok_per_day(ladder.rungs.back().after)), " million");
  }
  return out + "; what you do not need earns nothing. State your workloads to cap it.";
}

std::string DeclineEffect(const Plan& plan) {
  if (plan.ladder().rungs.empty()) return "";
  const purchase::Rung& first = plan.ladder().rungs.front();
  const auto it = plan.scenario.assumptions.declines.find(plan.options.baseline);
  if (it == plan.scenario.assumptions.declines.end()) return "";
  auto when = [](const std::optional<Months>& months) {
    return months ? absl::StrCat("in ", FormatMonths(months->value), " months")
                  : std::string("never");
  };
  return absl::StrCat("Price decline: at the stated ", FormatPercent(it->second.mid),
                      " a year rung 1 pays back ", when(first.payoff_with_decline), "; at ",
                      FormatPercent(economics::kBuyAtDecline), " a year ",
                      when(first.decision.at_buy_decline), ".");
}

std::string MeasureSentence(const Plan& plan) {
  if (plan.placements.empty()) return "";
  const Placement& best = plan.placements.front().placement;
  if (best.speed->decode_tps.source == EstimateSource::kMeasuredPlacement) return "";
  return absl::StrCat("A measured speed of ", best.model->id, " (now ",
                      Name(best.speed->decode_tps.source), ") would narrow ",
                      Interval(best.speed->decode_tps),
                      " tokens/s: add it under `measurements:` in the inventory.");
}

// The notes that concern what is owned or bought.
std::vector<std::string> RelevantNotes(const Plan& plan) {
  std::set<std::string> concerned;
  for (const fleet::Node& node : plan.scenario.fleet.nodes()) concerned.insert(node.machine->id);
  for (const purchase::Rung& rung : plan.ladder().rungs) {
    for (const purchase::BoughtItem& item : rung.items) concerned.insert(item.item);
  }
  std::vector<std::string> relevant;
  for (const std::string& note : plan.ladder().notes) {
    const bool concerns =
        std::any_of(concerned.begin(), concerned.end(),
                    [&](const std::string& id) { return note.find(id) != std::string::npos; });
    if (concerns) relevant.push_back(note);
  }
  return relevant;
}

std::string WouldChange(const Plan& plan, const Style& style) {
  std::string out = style.Bold("WOULD CHANGE THE ANSWER") + "\n";
  std::vector<std::string> sentences = {VerdictSentence(plan),       DemandSentence(plan),
                                        OtherBaselineSentence(plan), UtilizationSentence(plan),
                                        DeclineEffect(plan),         MeasureSentence(plan)};
  const std::vector<std::string> notes = RelevantNotes(plan);
  sentences.insert(sentences.end(), notes.begin(), notes.end());
  if (const std::size_t more = plan.ladder().notes.size() - notes.size(); more > 0) {
    sentences.push_back(
        absl::StrCat(more, " notes on offers that were not chosen: --output json."));
  }
  for (const std::string& sentence : sentences) {
    if (!sentence.empty()) absl::StrAppend(&out, Wrap("- " + sentence, style.width, 2), "\n");
  }
  return out;
}

std::string WhatIf(const Plan& before, const Plan& after, const Style& style) {
  auto by_model = [](const Plan& plan) {
    std::map<std::string, const PlannedPlacement*> models;
    for (const PlannedPlacement& planned : plan.placements) {
      models.try_emplace(planned.placement.model->id, &planned);
    }
    return models;
  };
  const auto models_before = by_model(before);
  const auto models_after = by_model(after);
  std::string out = style.Bold("WHAT IF") + "\n";
  Table table({{""}, {"before", Align::kRight}, {"after", Align::kRight}});
  auto value = [](const Plan& plan, Baseline baseline) {
    return FormatUsd(std::round(plan.ladders.at(baseline).today.value.value));
  };
  for (const auto& [baseline, unused] : after.ladders) {
    if (before.ladders.count(baseline) == 0) continue;  // a custom price that is new
    table.Add({absl::StrCat("best use a month, ", Name(baseline)), value(before, baseline),
               value(after, baseline)});
  }
  table.Add({"machines", absl::StrCat(before.scenario.fleet.nodes().size()),
             absl::StrCat(after.scenario.fleet.nodes().size())});
  table.Add(
      {"models that fit", absl::StrCat(models_before.size()), absl::StrCat(models_after.size())});
  absl::StrAppend(&out, table.Render(style));
  std::vector<std::string> gained;
  std::vector<std::string> lost;
  std::vector<std::string> faster;
  for (const auto& [model, planned] : models_after) {
    const auto held = models_before.find(model);
    if (held == models_before.end()) {
      gained.push_back(model);
      continue;
    }
    const double was = held->second->placement.speed->decode_tps.mid;
    const double is = planned->placement.speed->decode_tps.mid;
    if (is > was * 1.05) {
      faster.push_back(absl::StrCat(model, " ", FormatNumber(was), " -> ", FormatNumber(is)));
    }
  }
  for (const auto& [model, planned] : models_before) {
    if (models_after.count(model) == 0) lost.push_back(model);
  }
  auto line = [&](const char* label, const std::vector<std::string>& list) {
    if (list.empty()) return;
    constexpr std::size_t kShown = 8;
    std::vector<std::string> head(
        list.begin(), list.begin() + static_cast<std::ptrdiff_t>(std::min(kShown, list.size())));
    std::string text = absl::StrCat(label, absl::StrJoin(head, ", "));
    if (list.size() > kShown) absl::StrAppend(&text, " and ", list.size() - kShown, " more");
    absl::StrAppend(&out, Wrap(text, style.width, 2), "\n");
  };
  line("newly fits: ", gained);
  line("no longer fits: ", lost);
  line("faster, tokens/s: ", faster);
  return out;
}

}  // namespace

std::string PlanText(const catalog::Catalog& catalog, const Plan& plan, const Plan* before,
                     const Style& style) {
  std::string out = absl::StrCat(Assumptions(plan, style), "\n");
  if (before != nullptr) absl::StrAppend(&out, WhatIf(*before, plan, style), "\n");
  absl::StrAppend(&out, RunsToday(catalog, plan, style), "\n", LadderText(catalog, plan, style),
                  "\n", ComparisonText(plan, style), AlternativesText(plan, style),
                  WouldChange(plan, style));
  return out;
}

}  // namespace capacity::report
