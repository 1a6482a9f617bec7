#include "planner/report/ladder_text.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "planner/economics/economics.h"
#include "planner/report/text.h"

namespace capacity::report {
namespace {

using fleet::Baseline;
using placement::Placement;

constexpr int kRoomyWidth = 90;            // columns from which a table has room for totals
constexpr std::size_t kFrontierShown = 8;  // rows; --output json has every point

std::string WholeUsd(double usd) { return FormatUsd(std::round(usd)); }

// "spark-1", "new dgx-spark", "8 new dual-rtx-3090": what is bought is counted, what is owned
// named.
std::string NodesText(const std::vector<std::string>& names) {
  std::vector<std::string> parts;
  std::map<std::string, int> bought;
  for (const std::string& name : names) {
    const std::size_t number = name.find(" #");
    if (number == std::string::npos) {
      parts.push_back(name);
    } else {
      ++bought[name.substr(0, number)];
    }
  }
  for (const auto& [kind, count] : bought) {
    parts.push_back(count == 1 ? kind : absl::StrCat(count, " ", kind));
  }
  return absl::StrJoin(parts, ", ");
}

// "new dgx-spark: gpt-oss-120b mxfp4 at 52.1 tokens/s instead of claude-opus-4.5".
std::string AssignmentText(const catalog::Catalog& catalog,
                           const purchase::Assignment& assignment) {
  const Placement& p = assignment.placement;
  std::string out =
      absl::StrCat(NodesText(assignment.node_names), ": ", p.model->id, " ", p.quant->id);
  if (p.strategy != throughput::Strategy::kSingle) {
    absl::StrAppend(&out, " ", throughput::Name(p.strategy));
  }
  if (p.speed) absl::StrAppend(&out, " at ", FormatNumber(p.speed->decode_tps.mid), " tokens/s");
  if (assignment.copies > 1) absl::StrAppend(&out, " in each of ", assignment.copies);
  const std::string replaced = Replaces(catalog, *p.model);
  if (!replaced.empty()) absl::StrAppend(&out, " instead of ", replaced);
  return out;
}

std::string ThenRuns(const catalog::Catalog& catalog, const purchase::Rung& rung) {
  std::vector<std::string> parts;
  for (const purchase::Assignment& assignment : rung.after.assignments) {
    parts.push_back(AssignmentText(catalog, assignment));
  }
  return absl::StrJoin(parts, "; ");
}

// "dual-rtx-3090 (used) 2026-02, thunderbolt5-cable 2024-10".
std::string PriceDates(const fleet::Scenario& scenario, const purchase::Rung& rung) {
  std::vector<std::string> parts;
  for (const purchase::BoughtItem& item : rung.items) {
    for (const fleet::Offer& offer : scenario.offers) {
      if (offer.id != item.offer) continue;
      parts.push_back(absl::StrCat(offer.id, " ", offer.as_of.empty() ? "undated" : offer.as_of));
      break;
    }
  }
  return absl::StrJoin(parts, ", ");
}

// Short enough for a column; docs/model.md 6 has the rule.
const char* VerdictText(economics::Verdict verdict) {
  switch (verdict) {
    case economics::Verdict::kBuy:
      return "buy";
    case economics::Verdict::kConsider:
      return "consider";
    case economics::Verdict::kNonPriceValueOnly:
      return "non-price";
    case economics::Verdict::kNever:
      return "never";
  }
  return "?";
}

std::string ProofText(const purchase::Optimality& optimality) {
  if (optimality.proven) return absl::StrCat("proven best (", optimality.method, ")");
  std::string out = optimality.interrupted ? "interrupted" : "search stopped at its limit";
  if (!std::isfinite(optimality.gap_usd_per_month)) return out + "; how much is left is not known";
  return absl::StrCat(out, "; at most ", FormatUsd(optimality.gap_usd_per_month),
                      " a month better exists (", optimality.method, ")");
}

std::string WholeBudgetSentence(const purchase::Ladder& ladder, const Style& style) {
  if (!ladder.whole_budget) return "";
  const purchase::WholeBudget& whole = *ladder.whole_budget;
  if (whole.better_usd_per_month < 0.5) return "";
  return absl::StrCat(
      Wrap(absl::StrCat("Bought all at once rather than rung by rung, ", ItemsText(whole.items),
                        " for ", FormatUsd(whole.cost.dollars()), " would be worth ",
                        WholeUsd(whole.better_usd_per_month), " a month more over ",
                        FormatShort(whole.threshold_months), " months."),
           style.width, 2),
      "\n");
}

// At most `most` of the hull's points, the first and last among them, evenly spread.
std::vector<const purchase::FrontierPoint*> HullPoints(const purchase::Frontier& frontier,
                                                       std::size_t most) {
  std::vector<const purchase::FrontierPoint*> hull;
  for (const purchase::FrontierPoint& point : frontier.points) {
    if (point.on_hull) hull.push_back(&point);
  }
  if (hull.size() <= most) return hull;
  std::vector<const purchase::FrontierPoint*> some;
  for (std::size_t i = 0; i < most; ++i) {
    some.push_back(hull[i * (hull.size() - 1) / (most - 1)]);
  }
  return some;
}

std::string FrontierText(const Plan& plan, const Style& style) {
  const purchase::Ladder& ladder = plan.ladder();
  if (!ladder.frontier || ladder.frontier->points.size() < 2) return "";
  const purchase::Frontier& frontier = *ladder.frontier;
  Table table({{"spent", Align::kRight},
               {"best $/mo", Align::kRight},
               {"last step pays back", Align::kRight},
               {"with", Align::kLeft, true}});
  for (const purchase::FrontierPoint* point : HullPoints(frontier, kFrontierShown)) {
    table.Add({FormatUsd(point->cost.dollars()), WholeUsd(point->value.value),
               point->step_payoff_months > 0
                   ? absl::StrCat(FormatMonths(point->step_payoff_months), " months")
                   : "",
               ItemsText(point->items)});
  }
  const std::string title = absl::StrCat(
      style.Bold("MONEY AGAINST VALUE"), "  the most a month that money buys, to ",
      FormatShort(frontier.horizon_months), " months of payback",
      frontier.complete ? absl::StrCat(" (", frontier.points.size(), " points, hull shown)") : "");
  return absl::StrCat("\n", Wrap(title, style.width, 2), "\n", table.Render(style));
}

std::string AlternativeName(const std::string& kind) {
  static const std::map<std::string, std::string> kNames = {
      {"nothing", "nothing"},         {"apart", "replicas"},           {"together", "cluster"},
      {"one-machine", "one machine"}, {"several-machines", "several"}, {"new-only", "new only"},
      {"used-only", "used only"},     {"replace", "replace"}};
  const auto name = kNames.find(kind);
  return name == kNames.end() ? kind : name->second;
}

// "+$120" is better than the rung, "-$90" worse.
std::string Against(double behind) {
  const double ahead = -std::round(behind);
  if (ahead == 0) return "$0";
  return absl::StrCat(ahead > 0 ? "+" : "-", FormatUsd(std::abs(ahead)));
}

std::string WaitingSentence(const Plan& plan) {
  const purchase::Ladder& ladder = plan.ladder();
  if (ladder.waiting.empty()) return "";
  const auto best =
      std::max_element(ladder.waiting.begin(), ladder.waiting.end(),
                       [](const auto& a, const auto& b) { return a.net_waiting < b.net_waiting; });
  const auto& decline = plan.scenario.assumptions.hardware_price_decline;
  const double gain = best->net_waiting - best->net_now;
  std::string out = absl::StrCat("Waiting ", best->months, " months with rung 1 ",
                                 gain > 0 ? "gains " : "costs ", WholeUsd(std::abs(gain)), " over ",
                                 FormatShort(plan.options.thresholds_months.back()), " months");
  absl::StrAppend(
      &out, decline
                ? absl::StrCat(" at hardware prices that fall ", FormatPercent(*decline), " a year")
                : std::string(" at today's hardware prices (no decline is stated)"));
  constexpr double kWorthless = 0.995;  // a fall that leaves next to nothing of the price
  const bool possible = best->break_even_decline && *best->break_even_decline < kWorthless;
  if (possible && *best->break_even_decline > 0) {
    absl::StrAppend(&out, "; it pays if they fall by more than ",
                    FormatPercent(*best->break_even_decline), " a year");
  } else if (!possible) {
    absl::StrAppend(&out, "; no fall of prices would make up for it");
  }
  return out + ".";
}

// ---------------------------------------------------------------- one rung in full

// One number of the rung, the runner-up and their difference.
void AddRow(Table& table, const std::string& name, double own, double other) {
  table.Add({name, WholeUsd(own), WholeUsd(other), WholeUsd(own - other)});
}

std::string AgainstRunnerUp(const purchase::Rung& rung, const purchase::FleetValue& before,
                            const Style& style) {
  if (!rung.runner_up) return "Nothing else could be bought: there is no runner-up.\n";
  const purchase::Alternative& other = *rung.runner_up;
  const double months = rung.threshold_months;
  Table table({{""},
               {"this rung", Align::kRight},
               {"runner-up", Align::kRight},
               {"difference", Align::kRight}});
  AddRow(table, "price", rung.cost.dollars(), other.cost.dollars());
  AddRow(table, "tokens saved, $/mo", rung.after.gross.value - before.gross.value,
         other.after.gross.value - before.gross.value);
  AddRow(table, "electricity added, $/mo", rung.after.electricity.value - before.electricity.value,
         other.after.electricity.value - before.electricity.value);
  AddRow(table, "value added, $/mo", rung.marginal_value.value, other.marginal_value.value);
  AddRow(table, absl::StrCat("price / ", FormatShort(months), ", $/mo"),
         rung.cost.dollars() / months, other.cost.dollars() / months);
  AddRow(table, "value - price / T, $/mo", rung.marginal_value.value - rung.cost.dollars() / months,
         other.marginal_value.value - other.cost.dollars() / months);
  table.Add({"pays back, months", PayoffText(rung.marginal_payoff_months),
             other.items.empty() ? "-" : PayoffText(other.payoff_months), ""});
  return absl::StrCat(
      Wrap(absl::StrCat("Runner-up, the best that is not all of this: ", ItemsText(other.items)),
           style.width, 2),
      "\n", table.Render(style));
}

// What would have to be different for the runner-up to win.
std::string WhenRunnerUpWins(const purchase::Rung& rung) {
  if (!rung.runner_up) return "";
  const purchase::Alternative& other = *rung.runner_up;
  std::string out;
  const double cheaper = other.behind_usd_per_month * rung.threshold_months;
  if (!other.items.empty()) {
    out = absl::StrCat("The runner-up would win if it cost ", WholeUsd(cheaper), " less, or this ",
                       WholeUsd(cheaper), " more");
  } else {
    out = absl::StrCat("Buying nothing more would win if this cost ", WholeUsd(cheaper), " more");
  }
  const double cost = (rung.cost - other.cost).dollars();
  const double value = rung.marginal_value.value - other.marginal_value.value;
  const double tie = value != 0 ? cost / value : 0;
  if (tie > 0 && std::isfinite(tie)) {
    absl::StrAppend(&out, "; the two tie at a payback threshold of ", FormatMonths(tie),
                    " months, and ", cost > 0 ? "below" : "above", " it the runner-up is better");
  } else {
    absl::StrAppend(&out,
                    "; no payback threshold makes it win: it costs no less and is worth no more");
  }
  return out + ".";
}

std::string CausesText(const purchase::Rung& rung, const Style& style) {
  if (rung.causes.empty()) return "";
  Table table({{"payoff in months when", Align::kLeft, true},
               {"at its low end", Align::kRight},
               {"at its high end", Align::kRight}});
  for (const purchase::Cause& cause : rung.causes) {
    table.Add({absl::StrCat("only the ", cause.name, " is"), FormatMonths(cause.months_at_low),
               FormatMonths(cause.months_at_high)});
  }
  const std::string title = absl::StrCat(
      style.Bold("WHAT THE INTERVAL IS MADE OF"), "  ", PayoffText(rung.marginal_payoff_months),
      " months; causes are independent, each moves all its speeds together");
  return absl::StrCat("\n", Wrap(title, style.width, 2), "\n", table.Render(style));
}

// Who serves how much, before and after.
std::string WorkText(const purchase::FleetValue& before, const purchase::FleetValue& after,
                     const Style& style) {
  struct Row {
    double before = 0;
    double after = 0;
    double gross_before = 0;
    double gross_after = 0;
  };
  std::map<std::pair<std::string, std::string>, Row> rows;
  auto key = [](const purchase::Assignment& assignment) {
    const Placement& p = assignment.placement;
    return std::pair(assignment.workload,
                     absl::StrCat(p.model->id, " on ", NodesText(assignment.node_names)));
  };
  for (const purchase::Assignment& assignment : before.assignments) {
    Row& row = rows[key(assignment)];
    row.before += assignment.output_mtok_per_month;
    row.gross_before += assignment.gross_value.value;
  }
  for (const purchase::Assignment& assignment : after.assignments) {
    Row& row = rows[key(assignment)];
    row.after += assignment.output_mtok_per_month;
    row.gross_after += assignment.gross_value.value;
  }
  Table table({{"workload", Align::kLeft, true},
               {"model and machines", Align::kLeft, true, 20},
               {"Mtok out/mo", Align::kRight},
               {"then", Align::kRight},
               {"saves $/mo", Align::kRight},
               {"then", Align::kRight}});
  for (const auto& [name, row] : rows) {
    table.Add({name.first, name.second, FormatNumber(row.before), FormatNumber(row.after),
               WholeUsd(row.gross_before), WholeUsd(row.gross_after)});
  }
  return absl::StrCat("\n", style.Bold("WHERE THE VALUE COMES FROM"), "  before, and then\n",
                      table.Render(style));
}

}  // namespace

std::string ShortName(Baseline baseline) { return fleet::ColumnName(baseline); }

Baseline Other(Baseline baseline) {
  return baseline == Baseline::kFrontierEquivalent ? Baseline::kSameModelHosted
                                                   : Baseline::kFrontierEquivalent;
}

// "claude-opus-4.5", with "~" when the catalogue only extrapolates the mapping; "" when it has
// none.
std::string Replaces(const catalog::Catalog& catalog, const catalog::Model& model) {
  const catalog::FrontierEquivalent* equivalent = catalog.FindFrontierEquivalent(model.priced_as());
  if (equivalent == nullptr) return "";
  return absl::StrCat(equivalent->basis == "article" ? "" : "~", equivalent->cloud_model);
}

std::string ItemsText(const std::vector<purchase::BoughtItem>& items) {
  if (items.empty()) return "nothing";
  std::vector<std::string> parts;
  for (const purchase::BoughtItem& item : items) {
    parts.push_back(item.count == 1 ? item.offer : absl::StrCat(item.count, " x ", item.offer));
  }
  return absl::StrJoin(parts, " + ");
}

std::string PayoffText(const Estimate& months) {
  if (!std::isfinite(months.mid)) {
    return std::isfinite(months.low)
               ? absl::StrCat("never (", FormatMonths(months.low), " at best)")
               : "never";
  }
  return absl::StrCat(FormatMonths(months.mid), " (", FormatMonths(months.low), "–",
                      FormatMonths(months.high), ")");
}

std::string PayoffUnder(const purchase::Rung& rung, Baseline baseline) {
  const auto use = rung.by_baseline.find(baseline);
  if (use == rung.by_baseline.end() || !use->second.payoff_months) return "never";
  return FormatMonths(*use->second.payoff_months);
}

std::string LadderText(const catalog::Catalog& catalog, const Plan& plan, const Style& style) {
  const purchase::Ladder& ladder = plan.ladder();
  std::string out = absl::StrCat(style.Bold("WHAT TO BUY NEXT"), "  within ",
                                 FormatUsd(plan.options.budget.dollars()), "\n");
  if (!ladder.rungs.empty()) {
    const bool roomy = style.width >= kRoomyWidth;
    std::vector<Column> columns = {
        {"#", Align::kRight}, {"buy", Align::kLeft, true}, {"cost", Align::kRight}};
    if (roomy) columns.push_back({"total", Align::kRight});
    columns.push_back({"+$/mo", Align::kRight});
    columns.push_back({"pays back, months", Align::kRight});
    columns.push_back({ShortName(Other(plan.options.baseline)), Align::kRight});
    columns.push_back({"verdict"});
    Table table(std::move(columns));
    int number = 0;
    for (const purchase::Rung& rung : ladder.rungs) {
      std::vector<std::string> cells = {absl::StrCat(++number), ItemsText(rung.items),
                                        FormatUsd(rung.cost.dollars())};
      if (roomy) cells.push_back(FormatUsd(rung.cumulative.dollars()));
      cells.push_back(FormatUsd(std::round(rung.marginal_value.value)));
      cells.push_back(PayoffText(rung.marginal_payoff_months));
      cells.push_back(PayoffUnder(rung, Other(plan.options.baseline)));
      cells.push_back(VerdictText(rung.decision.verdict));
      table.Add(std::move(cells));
    }
    absl::StrAppend(&out, table.Render(style));
    number = 0;
    for (const purchase::Rung& rung : ladder.rungs) {
      ++number;
      constexpr std::size_t kUnlocksShown = 3;
      for (std::size_t i = 0; i < std::min(kUnlocksShown, rung.unlocks.size()); ++i) {
        const std::string& unlock = rung.unlocks[i];
        absl::StrAppend(&out, Wrap(absl::StrCat("  ", number, " unlocks ", unlock), style.width, 4),
                        "\n");
      }
      const std::string runs = ThenRuns(catalog, rung);
      if (!runs.empty()) {
        absl::StrAppend(&out, Wrap(absl::StrCat("  ", number, " then runs ", runs), style.width, 4),
                        "\n");
      }
      absl::StrAppend(
          &out,
          Wrap(absl::StrCat("  ", number, " prices as of: ", PriceDates(plan.scenario, rung)),
               style.width, 4),
          "\n");
      if (!rung.why.empty()) {
        absl::StrAppend(
            &out, style.Dim(Wrap(absl::StrCat("  ", number, " ", rung.why), style.width, 4)), "\n");
      }
    }
  }
  absl::StrAppend(&out, WholeBudgetSentence(ladder, style));
  const std::string proof = ProofText(ladder.optimality);
  absl::StrAppend(&out,
                  Wrap(absl::StrCat("Stopped: ", ladder.stopped_reason, "; ",
                                    FormatUsd(ladder.budget_left.dollars()), " left; ", proof, "."),
                       style.width, 2),
                  "\n");
  absl::StrAppend(&out, FrontierText(plan, style));
  return out;
}

std::string AlternativesText(const Plan& plan, const Style& style) {
  const purchase::Ladder& ladder = plan.ladder();
  if (ladder.alternatives.empty()) return "";
  const bool rungs = !ladder.rungs.empty();
  Table table({{""},
               {"buy", Align::kLeft, true},
               {"cost", Align::kRight},
               {"+$/mo", Align::kRight},
               {"pays back, months", Align::kRight},
               {rungs ? "vs rung 1" : "vs nothing", Align::kRight}});
  std::vector<std::string> none;
  for (const purchase::Alternative& way : ladder.alternatives) {
    const std::string name = AlternativeName(way.kind);
    if (!way.remark.empty()) {
      none.push_back(absl::StrCat(name, ": ", way.remark));
      continue;
    }
    // Where nothing is worth buying, ways that bring nothing either are not worth a line.
    if (!rungs && way.marginal_value.value < 1) continue;
    if (way.same_as_rung) {
      table.Add({name, "as rung 1", "", "", "", ""});
      continue;
    }
    const std::string sold = way.sold.empty() ? "" : absl::StrCat(" for ", way.sold, " (sold)");
    table.Add({name, ItemsText(way.items) + sold, FormatUsd(way.cost.dollars()),
               WholeUsd(way.marginal_value.value),
               way.items.empty() ? "-" : PayoffText(way.payoff_months),
               Against(way.behind_usd_per_month)});
  }
  if (table.empty()) return "";
  std::string out = absl::StrCat(
      Wrap(absl::StrCat(style.Bold("OTHER WAYS"), "  each at its best; last column: value - cost/",
                        FormatShort(ladder.alternatives_threshold_months), ", dollars a month"),
           style.width, 2),
      "\n", table.Render(style));
  if (!none.empty()) {
    absl::StrAppend(
        &out, style.Dim(Wrap(absl::StrCat(absl::StrJoin(none, "; "), "."), style.width, 2)), "\n");
  }
  const std::string waiting = WaitingSentence(plan);
  if (!waiting.empty()) absl::StrAppend(&out, Wrap(waiting, style.width, 2), "\n");
  return out + "\n";
}

std::string ExplainText(const catalog::Catalog& catalog, const Plan& plan, std::size_t number,
                        const Style& style) {
  const purchase::Ladder& ladder = plan.ladder();
  const purchase::Rung& rung = ladder.rungs[number];
  const purchase::FleetValue& before = number == 0 ? ladder.today : ladder.rungs[number - 1].after;
  std::string out = absl::StrCat(
      Wrap(absl::StrCat(style.Bold(absl::StrCat("RUNG ", number + 1, " OF ", ladder.rungs.size())),
                        "  ", ItemsText(rung.items), " for ", FormatUsd(rung.cost.dollars())),
           style.width, 2),
      "\n",
      Wrap(absl::StrCat("Chosen at T = ", FormatShort(rung.threshold_months),
                        " months: of all purchases within ",
                        FormatUsd(plan.options.budget.dollars()),
                        number == 0 ? "" : " that hold the rungs before",
                        ", it has the largest value a month less price / T", "; ",
                        ProofText(ladder.optimality), "."),
           style.width, 2),
      "\n\n", AgainstRunnerUp(rung, before, style));
  const std::string wins = WhenRunnerUpWins(rung);
  if (!wins.empty()) absl::StrAppend(&out, Wrap(wins, style.width, 2), "\n");
  absl::StrAppend(&out, WorkText(before, rung.after, style));
  const std::string runs = ThenRuns(catalog, rung);
  if (!runs.empty()) absl::StrAppend(&out, Wrap("Then: " + runs + ".", style.width, 2), "\n");
  absl::StrAppend(&out, CausesText(rung, style), "\n");
  if (std::isfinite(rung.break_even_utilization) && rung.break_even_utilization > 0) {
    absl::StrAppend(
        &out,
        Wrap(absl::StrCat(
                 "Break-even: pays back within ", FormatShort(rung.threshold_months),
                 rung.break_even_utilization > 1
                     ? std::string(" months at no utilization.")
                     : absl::StrCat(" months from ", FormatPercent(rung.break_even_utilization),
                                    " of hours upward; ", Name(Other(plan.options.baseline)),
                                    " prices: ", PayoffUnder(rung, Other(plan.options.baseline)),
                                    " months.")),
             style.width, 2),
        "\n");
  }
  if (number == 0) absl::StrAppend(&out, "\n", AlternativesText(plan, style));
  return out;
}

}  // namespace capacity::report
