#include "planner/report/purchase_json.h"

#include "nlohmann/json.hpp"
#include "planner/economics/economics.h"

namespace capacity::report {
namespace {

Json AssignmentJson(const purchase::Assignment& assignment) {
  Json out = {{"model", assignment.placement.model->id},
              {"quant", assignment.placement.quant->id},
              {"nodes", assignment.node_names},
              {"strategy", Name(assignment.placement.strategy)},
              {"engine", Name(assignment.placement.engine)},
              {"copies", assignment.copies},
              {"workload", assignment.workload},
              {"share_of_time", Number(assignment.share_of_time)},
              {"output_mtok_per_month", Number(assignment.output_mtok_per_month)},
              {"gross_value_usd_per_month", Dollars(assignment.gross_value.value)},
              {"electricity_usd_per_month", Dollars(assignment.electricity.value)}};
  if (assignment.placement.speed) {
    out["decode_tps"] = IntervalJson(assignment.placement.speed->decode_tps);
    out["prefill_tps"] = IntervalJson(assignment.placement.speed->prefill_tps);
  }
  return out;
}

Json ItemsJson(const std::vector<purchase::BoughtItem>& bought) {
  Json items = Json::array();
  for (const purchase::BoughtItem& item : bought) {
    items.push_back({{"offer", item.offer},
                     {"item", item.item},
                     {"count", item.count},
                     {"unit_usd", Cents(item.unit_price)},
                     {"usd", Cents(item.total)}});
  }
  return items;
}

Json AlternativeJson(const purchase::Alternative& alternative) {
  Json out = {{"kind", alternative.kind}, {"question", alternative.question}};
  if (!alternative.remark.empty()) {
    out["none_because"] = alternative.remark;
    return out;
  }
  out["items"] = ItemsJson(alternative.items);
  out["sold"] = alternative.sold.empty() ? Json(nullptr) : Json(alternative.sold);
  out["cost_usd"] = Cents(alternative.cost);
  out["marginal_value_usd_per_month"] = Dollars(alternative.marginal_value.value);
  out["payoff_months"] = MonthsJson(alternative.payoff_months);
  out["behind_usd_per_month"] = Dollars(alternative.behind_usd_per_month);
  out["same_as_rung"] = alternative.same_as_rung;
  out["after"] = FleetValueJson(alternative.after);
  return out;
}

Json WaitingJson(const purchase::Waiting& wait) {
  return {{"months", wait.months},
          {"price_then_usd", Cents(wait.price_then)},
          {"net_buying_now_usd", Dollars(wait.net_now)},
          {"net_waiting_usd", Dollars(wait.net_waiting)},
          {"break_even_annual_decline",
           wait.break_even_decline ? Number(*wait.break_even_decline) : Json(nullptr)}};
}

Json OptimalityJson(const purchase::Optimality& optimality) {
  return {{"status", optimality.proven        ? "optimal"
                     : optimality.interrupted ? "interrupted"
                                              : "stopped-at-limit"},
          {"gap", Number(optimality.gap_usd_per_month)},
          {"method", optimality.method}};
}

Json FrontierJson(const purchase::Frontier& frontier) {
  Json points = Json::array();
  for (const purchase::FrontierPoint& point : frontier.points) {
    points.push_back({{"cost_usd", Cents(point.cost)},
                      {"value_usd_per_month", Dollars(point.value.value)},
                      {"items", ItemsJson(point.items)},
                      {"on_hull", point.on_hull},
                      {"step_payoff_months", point.on_hull && point.step_payoff_months > 0
                                                 ? Number(point.step_payoff_months)
                                                 : Json(nullptr)}});
  }
  return {{"horizon_months", Number(frontier.horizon_months)},
          {"complete", frontier.complete},
          {"points", points},
          {"optimality", OptimalityJson(frontier.optimality)}};
}

}  // namespace

Json FleetValueJson(const purchase::FleetValue& value) {
  Json assignments = Json::array();
  for (const purchase::Assignment& assignment : value.assignments) {
    assignments.push_back(AssignmentJson(assignment));
  }
  return {{"value_usd_per_month", Dollars(value.value.value)},
          {"gross_usd_per_month", Dollars(value.gross.value)},
          {"electricity_usd_per_month", Dollars(value.electricity.value)},
          {"assignments", assignments}};
}

Json RungJson(const purchase::Rung& rung) {
  Json causes = Json::array();
  for (const purchase::Cause& cause : rung.causes) {
    causes.push_back({{"cause", cause.name},
                      {"payoff_months_at_low", Number(cause.months_at_low)},
                      {"payoff_months_at_high", Number(cause.months_at_high)}});
  }
  Json by_baseline = Json::object();
  for (fleet::Baseline baseline : fleet::kBaselines) {
    const auto use = rung.by_baseline.find(baseline);
    const bool known = use != rung.by_baseline.end();
    if (baseline == fleet::Baseline::kCustom && !known) continue;
    by_baseline[Name(baseline)] =
        known && use->second.payoff_months ? Number(*use->second.payoff_months) : Json(nullptr);
  }
  return {{"items", ItemsJson(rung.items)},
          {"cost_usd", Cents(rung.cost)},
          {"cumulative_usd", Cents(rung.cumulative)},
          {"threshold_months", Number(rung.threshold_months)},
          {"marginal_value_usd_per_month", Dollars(rung.marginal_value.value)},
          {"marginal_payoff_months", MonthsJson(rung.marginal_payoff_months)},
          {"payoff_months_with_decline",
           rung.payoff_with_decline ? Number(rung.payoff_with_decline->value) : Json(nullptr)},
          {"payoff_months_by_baseline", by_baseline},
          {"break_even_utilization", Number(rung.break_even_utilization)},
          {"unlocks", rung.unlocks},
          {"verdict", economics::Name(rung.decision.verdict)},
          {"why", rung.why},
          {"interval_causes", causes},
          {"runner_up", rung.runner_up ? AlternativeJson(*rung.runner_up) : Json(nullptr)},
          {"after", FleetValueJson(rung.after)}};
}

Json LadderJson(const purchase::Ladder& ladder) {
  Json rungs = Json::array();
  for (const purchase::Rung& rung : ladder.rungs) rungs.push_back(RungJson(rung));
  Json whole = nullptr;
  if (ladder.whole_budget) {
    const purchase::WholeBudget& best = *ladder.whole_budget;
    whole = {{"threshold_months", Number(best.threshold_months)},
             {"items", ItemsJson(best.items)},
             {"cost_usd", Cents(best.cost)},
             {"marginal_value_usd_per_month", Dollars(best.marginal_value.value)},
             {"better_than_ladder_usd_per_month", Dollars(best.better_usd_per_month)}};
  }
  Json alternatives = nullptr;
  if (!ladder.alternatives.empty()) {
    Json rows = Json::array();
    for (const purchase::Alternative& alternative : ladder.alternatives) {
      rows.push_back(AlternativeJson(alternative));
    }
    alternatives = {{"threshold_months", Number(ladder.alternatives_threshold_months)},
                    {"rows", rows}};
  }
  Json waiting = Json::array();
  for (const purchase::Waiting& wait : ladder.waiting) waiting.push_back(WaitingJson(wait));
  return {{"baseline", Name(ladder.baseline)},
          {"today", FleetValueJson(ladder.today)},
          {"purchases", rungs},
          {"whole_budget", whole},
          {"frontier", ladder.frontier ? FrontierJson(*ladder.frontier) : Json(nullptr)},
          {"alternatives", alternatives},
          {"waiting", waiting},
          {"stopped",
           {{"reason", ladder.stopped_reason}, {"budget_left_usd", Cents(ladder.budget_left)}}},
          {"optimality", OptimalityJson(ladder.optimality)},
          {"notes", ladder.notes}};
}

}  // namespace capacity::report
