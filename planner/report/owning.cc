#include "planner/report/owning.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "planner/economics/economics.h"
#include "planner/report/json.h"

namespace capacity::report {
namespace {

using economics::RiskFactor;
using Json = nlohmann::ordered_json;

constexpr const char* kNotStated = " (not stated)";

std::string Unstated(bool stated) { return stated ? "" : kNotStated; }

// Amounts as the inventory wants them shown.
class Amounts {
 public:
  explicit Amounts(const fleet::Currency& currency) : currency_(currency) {}

  std::string Of(double usd) const {
    if (currency_.code == "USD") return FormatUsd(usd);
    std::string text = FormatUsd(usd * currency_.per_usd);
    const std::size_t sign = text.find('$');
    if (sign != std::string::npos) text.erase(sign, 1);
    return absl::StrCat(text, " ", currency_.code);
  }
  std::string Of(Usd usd) const { return Of(usd.dollars()); }

 private:
  const fleet::Currency& currency_;
};

std::string MonthsText(const std::optional<Months>& months) {
  return FormatMonths(months ? months->value : std::numeric_limits<double>::infinity());
}

std::string Percent(const Spread& spread) {
  if (spread.exact()) return FormatPercent(spread.mid);
  return absl::StrCat(FormatPercent(spread.mid), " (", FormatPercent(spread.low), " to ",
                      FormatPercent(spread.high), ")");
}

// ---------------------------------------------------------------- assumptions

std::string WorkSentence(const PayoffComparison& comparison) {
  const fleet::Scenario& scenario = *comparison.scenario;
  std::vector<std::string> parts;
  for (const fleet::Workload& workload : scenario.workloads) {
    const std::optional<double> demand = economics::DemandMtokPerMonth(workload);
    std::string part = absl::StrCat(
        workload.name,
        workload.preset.empty() ? "" : absl::StrCat(" (preset ", workload.preset, ")"), ": ",
        FormatShort(economics::InputPerOutput(workload)), " input per output token, ",
        FormatPercent(workload.cached_input_share), " of it cached, ");
    if (demand) {
      absl::StrAppend(&part, FormatNumber(*demand), " Mtok out a month within ",
                      FormatPercent(workload.utilization), " of all hours");
    } else {
      absl::StrAppend(&part, "in ", FormatPercent(workload.utilization), " of all hours",
                      Unstated(scenario.assumptions.utilization_stated));
    }
    if (workload.growth_per_month != 0) {
      absl::StrAppend(&part, ", growing ", FormatPercent(workload.growth_per_month), " a month");
    }
    parts.push_back(std::move(part));
  }
  return absl::StrJoin(parts, "; ");
}

std::string DeclineSentence(const fleet::Assumptions& assumptions) {
  std::vector<std::string> parts;
  for (const auto& [baseline, decline] : assumptions.declines) {
    parts.push_back(absl::StrCat(Name(baseline), " ",
                                 Percent({decline.low, decline.mid, decline.high}), " a year"));
  }
  return parts.empty() ? "price declines unknown"
                       : absl::StrCat("prices fall: ", absl::StrJoin(parts, ", "));
}

std::string CostSentence(const fleet::Costs& costs) {
  return absl::StrCat("resale ", Percent(costs.resale_share), " of the price after ",
                      FormatShort(costs.resale_years), " years", Unstated(costs.resale_stated),
                      ", maintenance ", FormatPercent(costs.maintenance_share_per_year),
                      " of it a year", Unstated(costs.maintenance_stated), ", capital ",
                      FormatPercent(costs.cost_of_capital_per_year), " a year",
                      Unstated(costs.cost_of_capital_stated), ", over ", costs.horizon_months,
                      " months", Unstated(costs.horizon_stated));
}

std::string AssumptionsText(const PayoffComparison& comparison, const Style& style) {
  const fleet::Assumptions& assumptions = comparison.scenario->assumptions;
  const std::optional<Spread>& range = assumptions.electricity_range;
  std::string currency;
  if (assumptions.costs.currency.code != "USD") {
    currency = absl::StrCat("; amounts in ", assumptions.costs.currency.code, " at ",
                            FormatShort(assumptions.costs.currency.per_usd), " for a US dollar");
  }
  return absl::StrCat(
      Wrap(absl::StrCat("Assumed: ", WorkSentence(comparison), "."), style.width, 2), "\n",
      Wrap(absl::StrCat("Electricity $", FormatShort(assumptions.electricity_usd_per_kwh),
                        range ? absl::StrCat(" (", FormatShort(range->low), " to ",
                                             FormatShort(range->high), ")")
                              : "",
                        "/kWh", Unstated(assumptions.electricity_stated), "; ",
                        DeclineSentence(assumptions), "."),
           style.width, 2),
      "\n",
      Wrap(absl::StrCat("Owning: ", CostSentence(assumptions.costs), currency, "."), style.width,
           2),
      "\n");
}

// ---------------------------------------------------------------- one table

std::string WorthRunning(const std::optional<int>& months) {
  if (!months) return "always";
  return *months == 0 ? "never" : absl::StrCat(*months, " mo");
}

std::string BreakEven(const Payoff& payoff) {
  return payoff.break_even_utilization ? FormatPercent(*payoff.break_even_utilization) : "never";
}

// A word for a narrow column; the sentence below the table has the verdict's own name.
const char* Short(economics::Verdict verdict) {
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
  return "unknown";
}

std::string PerMtok(double usd, const Amounts& amounts) { return amounts.Of(usd); }

// Of some of the payoffs, side by side.
std::string OwningBlock(const PayoffComparison& comparison, const std::vector<Payoff>& payoffs,
                        const Style& style) {
  const Amounts amounts(comparison.scenario->assumptions.costs.currency);
  std::vector<Column> columns = {{""}};
  for (const Payoff& payoff : payoffs) {
    columns.push_back({payoff.of.title, Align::kRight});
  }
  Table table(std::move(columns));
  const auto row = [&](const std::string& label,
                       const std::function<std::string(const Payoff&)>& cell) {
    std::vector<std::string> cells = {label};
    for (const Payoff& payoff : payoffs) cells.push_back(cell(payoff));
    table.Add(std::move(cells));
  };
  const auto levelised = [&](const Payoff& payoff, UsdPerMtok economics::LevelisedCost::* part) {
    return payoff.levelised ? PerMtok(((*payoff.levelised).*part).value, amounts) : "-";
  };
  row("price", [&](const Payoff& p) { return amounts.Of(p.of.input.cost.mid); });
  row("saved a month", [&](const Payoff& p) { return amounts.Of(p.of.input.gross_saving.mid); });
  row("electricity a month", [&](const Payoff& p) {
    return amounts.Of(p.of.input.electricity.mid + p.of.input.flow.standby.value);
  });
  row("simple payback, months", [](const Payoff& p) { return MonthsText(p.simple); });
  row("  as prices fall", [](const Payoff& p) { return MonthsText(p.with_decline); });
  row("  and discounted", [](const Payoff& p) { return MonthsText(p.discounted); });
  row("net present value", [&](const Payoff& p) { return amounts.Of(p.net_present_value); });
  row("its tokens cost, /Mtok out",
      [&](const Payoff& p) { return levelised(p, &economics::LevelisedCost::per_output_mtok); });
  row("  /Mtok in and out",
      [&](const Payoff& p) { return levelised(p, &economics::LevelisedCost::per_mtok); });
  row("rented, /Mtok out", [&](const Payoff& p) {
    return p.of.saved_per_output_mtok ? PerMtok(p.of.saved_per_output_mtok->value, amounts) : "-";
  });
  const bool hours = payoffs.front().of.basis == WorkBasis::kAllHours;
  row(hours ? "break-even utilization" : "break-even share of work", BreakEven);
  row("worth its electricity",
      [](const Payoff& p) { return WorthRunning(p.months_worth_running); });
  row("verdict", [](const Payoff& p) { return std::string(Short(p.decision.verdict)); });
  return table.Render(style);
}

bool Fits(const std::string& text, int width) {
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  return std::all_of(lines.begin(), lines.end(),
                     [width](const std::string& line) { return DisplayWidth(line) <= width; });
}

// As many payoffs side by side as there is room for, then the others below.
std::string OwningTable(const PayoffComparison& comparison, const Style& style) {
  const std::vector<Payoff>& all = comparison.payoffs;
  std::string out;
  for (std::size_t first = 0; first < all.size();) {
    std::size_t end = all.size();
    std::string block;
    for (; end > first; --end) {
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>(first);
      block =
          OwningBlock(comparison, {begin, all.begin() + static_cast<std::ptrdiff_t>(end)}, style);
      if (end == first + 1 || Fits(block, style.width)) break;
    }
    absl::StrAppend(&out, out.empty() ? "" : "\n", block);
    first = end;
  }
  return out;
}

// ---------------------------------------------------------------- verdicts

std::string VerdictSentence(const std::string& title, const Payoff& payoff) {
  const economics::Decision& decision = payoff.decision;
  return absl::StrCat(
      title, ": ", Name(decision.verdict), ". Payback in months at -",
      FormatPercent(economics::kBuyAtDecline), " a year: ", MonthsText(decision.at_buy_decline),
      " (buy: under ", FormatShort(economics::kBuyUnderMonths),
      "); at constant prices: ", MonthsText(decision.at_constant_price),
      " (only for non-price value: over ", FormatShort(economics::kNonPriceAboveMonths), ").");
}

// The article's third rule: work that cheap hosting can do makes a machine a riskier purchase.
std::string RentedSentence(const PayoffComparison& comparison) {
  using economics::Verdict;
  const auto pays = [](const Payoff& payoff) {
    return payoff.decision.verdict == Verdict::kBuy ||
           payoff.decision.verdict == Verdict::kConsider;
  };
  std::vector<std::string> for_rent;
  bool some = false;
  for (const Payoff& payoff : comparison.payoffs) {
    if (payoff.of.subject != Subject::kMachine) return "";  // no alternatives to each other
    if (pays(payoff)) {
      some = true;
    } else {
      for_rent.push_back(payoff.of.title);
    }
  }
  if (!some || for_rent.empty()) return "";
  return absl::StrCat("The verdict hangs on what you would rent instead: against ",
                      absl::StrJoin(for_rent, " and "), ", the machine does not pay.");
}

std::string MachineSentence(const PayoffCase& purchase) {
  const std::optional<Estimate>& speed = purchase.decode_tps;
  return absl::StrCat(
      purchase.purchase, " (", purchase.price_from, ") runs ", purchase.runs, ", ",
      speed ? absl::StrCat(FormatInterval(speed->low, speed->mid, speed->high), " tokens/s, ")
            : "all workloads that accept it, ",
      FormatNumber(purchase.tokens.output_mtok_per_month), " Mtok out a month.");
}

std::string RungSentence(const std::string& title, const PayoffCase& purchase) {
  return absl::StrCat(title, ": ", purchase.purchase, ", ",
                      FormatNumber(purchase.tokens.output_mtok_per_month),
                      " Mtok out a month more. The fleet then runs ", purchase.runs, ".");
}

std::string FleetSentence(const PayoffCase& purchase) {
  return absl::StrCat(purchase.title, ": what is owned, ", purchase.purchase,
                      ", as if bought today (", purchase.price_from, "); ",
                      FormatNumber(purchase.tokens.output_mtok_per_month),
                      " Mtok out a month. It runs ", purchase.runs, ".");
}

std::string BaselineSentence(const std::string& title, const PayoffCase& purchase) {
  return absl::StrCat(title, ": instead of ", purchase.instead_of,
                      purchase.caveat.empty() ? "" : absl::StrCat(" (", purchase.caveat, ")"), ".");
}

// What is bought: a machine once, whatever it is compared with; or each rung.
std::string PurchasesText(const PayoffComparison& comparison, const Style& style) {
  std::vector<std::string> sentences;
  for (std::size_t i = 0; i < comparison.payoffs.size(); ++i) {
    const PayoffCase& purchase = comparison.payoffs[i].of;
    if (purchase.subject == Subject::kFleet) {
      sentences.push_back(FleetSentence(purchase));
      continue;
    }
    if (purchase.subject == Subject::kRung) {
      sentences.push_back(RungSentence(comparison.payoffs[i].of.title, purchase));
      continue;
    }
    if (i == 0) sentences.push_back(MachineSentence(purchase));
    sentences.push_back(BaselineSentence(comparison.payoffs[i].of.title, purchase));
  }
  std::string out;
  for (const std::string& sentence : sentences) {
    absl::StrAppend(&out, Wrap(sentence, style.width, 2), "\n");
  }
  return out;
}

// ---------------------------------------------------------------- risk

std::string GridText(const Payoff& payoff, const Style& style) {
  std::vector<Column> titles = {
      {payoff.of.basis == WorkBasis::kAllHours ? "utilization" : "of that work", Align::kRight}};
  for (double decline : kGridDeclines) {
    titles.push_back({decline == 0 ? std::string("constant price")
                                   : absl::StrCat("-", FormatPercent(decline), "/yr"),
                      Align::kRight});
  }
  Table grid(std::move(titles));
  std::size_t next = 0;
  for (double utilization : kGridUtilizations) {
    std::vector<std::string> line = {FormatPercent(utilization)};
    for (std::size_t c = 0; c < kGridDeclines.size(); ++c) {
      line.push_back(MonthsText(payoff.grid[next++].payback));
    }
    grid.Add(std::move(line));
  }
  return grid.Render(style);
}

std::string FactorText(RiskFactor factor, double value, const Amounts& amounts) {
  switch (factor) {
    case RiskFactor::kCost:
      return amounts.Of(value);
    case RiskFactor::kSpeed:
    case RiskFactor::kElectricity:
      return absl::StrCat(amounts.Of(value), "/mo");
    case RiskFactor::kUtilization:
    case RiskFactor::kDecline:
    case RiskFactor::kResale:
      break;
  }
  return FormatPercent(value);
}

std::string TornadoText(const Payoff& payoff, const Amounts& amounts, const Style& style) {
  const auto range = [](const std::string& low, const std::string& high) {
    return absl::StrCat(low, "–", high);
  };
  Table table({{"what matters"},
               {"low–high", Align::kRight},
               {"payback, months", Align::kRight},
               {"net present value", Align::kRight}});
  for (const economics::TornadoBar& bar : payoff.tornado) {
    table.Add({Name(bar.factor),
               range(FactorText(bar.factor, bar.range.low, amounts),
                     FactorText(bar.factor, bar.range.high, amounts)),
               range(MonthsText(bar.payback_low), MonthsText(bar.payback_high)),
               range(amounts.Of(bar.npv_low), amounts.Of(bar.npv_high))});
  }
  return table.empty() ? "" : table.Render(style);
}

std::string DrawsText(const economics::RiskSummary& risk, const Amounts& amounts,
                      const Style& style) {
  const std::string text = absl::StrCat(
      risk.draws, " draws over the ranges (seed ", risk.seed, "): paid back within 6 months in ",
      FormatPercent(risk.within_6_months), ", 12 months in ", FormatPercent(risk.within_12_months),
      ", 24 months in ", FormatPercent(risk.within_24_months), ", never in ",
      FormatPercent(risk.never), ". Payback in months: ", MonthsText(risk.payback.p50),
      " in the middle, ", MonthsText(risk.payback.p10), " to ", MonthsText(risk.payback.p90),
      " in eight of ten. Net present value ", amounts.Of(risk.net_present_value.p50),
      " in the middle, ", amounts.Of(risk.net_present_value.p10), " to ",
      amounts.Of(risk.net_present_value.p90), " in eight of ten, above zero in ",
      FormatPercent(risk.gains), ".");
  return absl::StrCat(Wrap(text, style.width, 2), "\n");
}

// ---------------------------------------------------------------- JSON

// Six significant digits; null for what is no number.
Json Number(double value) {
  if (!std::isfinite(value)) return nullptr;
  if (value == 0) return 0;
  const double scale = std::pow(10.0, 5 - std::floor(std::log10(std::fabs(value))));
  return std::round(value * scale) / scale;
}

Json MonthsJson(const std::optional<Months>& months) {
  return months ? Number(months->value) : Json(nullptr);
}

Json SpreadJson(const Spread& spread) {
  return {{"low", Number(spread.low)}, {"mid", Number(spread.mid)}, {"high", Number(spread.high)}};
}

Json LedgerJson(const Payoff& payoff) {
  Json rows = Json::array();
  for (const economics::LedgerMonth& month : payoff.ledger) {
    rows.push_back({{"saved_usd", month.saved.dollars()},
                    {"electricity_usd", month.electricity.dollars()},
                    {"maintenance_usd", month.maintenance.dollars()},
                    {"resale_usd", month.resale.dollars()},
                    {"net_usd", month.net.dollars()},
                    {"cumulative_usd", month.cumulative.dollars()}});
  }
  return rows;
}

Json GridJson(const Payoff& payoff) {
  Json rows = Json::array();
  for (const economics::PaybackCell& cell : payoff.grid) {
    rows.push_back({{"utilization", cell.utilization},
                    {"annual_price_decline", cell.annual_decline},
                    {"payback_months", MonthsJson(cell.payback)}});
  }
  return rows;
}

Json TornadoJson(const Payoff& payoff) {
  Json rows = Json::array();
  for (const economics::TornadoBar& bar : payoff.tornado) {
    rows.push_back({{"factor", Name(bar.factor)},
                    {"range", SpreadJson(bar.range)},
                    {"payback_months_at_low", MonthsJson(bar.payback_low)},
                    {"payback_months_at_high", MonthsJson(bar.payback_high)},
                    {"net_present_value_usd_at_low", bar.npv_low.dollars()},
                    {"net_present_value_usd_at_high", bar.npv_high.dollars()}});
  }
  return rows;
}

Json RiskJson(const economics::RiskSummary& risk) {
  return {{"seed", risk.seed},
          {"draws", risk.draws},
          {"within_6_months", Number(risk.within_6_months)},
          {"within_12_months", Number(risk.within_12_months)},
          {"within_24_months", Number(risk.within_24_months)},
          {"never", Number(risk.never)},
          {"payback_months",
           {{"p10", MonthsJson(risk.payback.p10)},
            {"p50", MonthsJson(risk.payback.p50)},
            {"p90", MonthsJson(risk.payback.p90)}}},
          {"net_present_value_usd",
           {{"p10", risk.net_present_value.p10.dollars()},
            {"p50", risk.net_present_value.p50.dollars()},
            {"p90", risk.net_present_value.p90.dollars()}}},
          {"gains", Number(risk.gains)}};
}

Json PayoffJson(const std::string& title, const Payoff& payoff) {
  const PayoffCase& of = payoff.of;
  const std::optional<economics::LevelisedCost>& levelised = payoff.levelised;
  return {{"title", title},
          {"subject", Name(of.subject)},
          {"purchase", of.purchase},
          {"runs", of.runs},
          {"decode_tps", of.decode_tps ? Number(of.decode_tps->mid) : Json(nullptr)},
          {"price_from", of.price_from},
          {"baseline", of.baseline ? Json(Name(*of.baseline)) : Json(nullptr)},
          {"instead_of", of.instead_of.empty() ? Json(nullptr) : Json(of.instead_of)},
          {"caveat", of.caveat.empty() ? Json(nullptr) : Json(of.caveat)},
          {"utilization_of", Name(of.basis)},
          {"utilization", SpreadJson(of.input.utilization)},
          {"cost_usd", SpreadJson(of.input.cost)},
          {"gross_saving_usd_per_month", SpreadJson(of.input.gross_saving)},
          {"electricity_usd_per_month", SpreadJson(of.input.electricity)},
          {"standby_usd_per_month", Number(of.input.flow.standby.value)},
          {"annual_price_decline", SpreadJson(of.input.decline)},
          {"resale_share", SpreadJson(of.input.resale_share)},
          {"output_mtok_per_month", Number(of.tokens.output_mtok_per_month)},
          {"simple_payback_months", MonthsJson(payoff.simple)},
          {"payback_months_with_decline", MonthsJson(payoff.with_decline)},
          {"discounted_payback_months", MonthsJson(payoff.discounted)},
          {"net_present_value_usd", payoff.net_present_value.dollars()},
          {"horizon_months", of.input.flow.horizon_months},
          {"levelised_usd_per_output_mtok",
           levelised ? Number(levelised->per_output_mtok.value) : Json(nullptr)},
          {"levelised_usd_per_mtok", levelised ? Number(levelised->per_mtok.value) : Json(nullptr)},
          {"rented_usd_per_output_mtok",
           of.saved_per_output_mtok ? Number(of.saved_per_output_mtok->value) : Json(nullptr)},
          {"break_even_utilization",
           payoff.break_even_utilization ? Number(*payoff.break_even_utilization) : Json(nullptr)},
          {"months_worth_running",
           payoff.months_worth_running ? Json(*payoff.months_worth_running) : Json(nullptr)},
          {"verdict", Name(payoff.decision.verdict)},
          {"payback_months_at_buy_decline", MonthsJson(payoff.decision.at_buy_decline)},
          {"payback_months_at_constant_price", MonthsJson(payoff.decision.at_constant_price)},
          {"months", LedgerJson(payoff)},
          {"grid", GridJson(payoff)},
          {"tornado", TornadoJson(payoff)},
          {"risk", RiskJson(payoff.risk)}};
}

Json CostsJson(const fleet::Costs& costs) {
  return {{"resale_share", SpreadJson(costs.resale_share)},
          {"resale_years", costs.resale_years},
          {"resale_stated", costs.resale_stated},
          {"maintenance_share_per_year", costs.maintenance_share_per_year},
          {"maintenance_stated", costs.maintenance_stated},
          {"cost_of_capital_per_year", costs.cost_of_capital_per_year},
          {"cost_of_capital_stated", costs.cost_of_capital_stated},
          {"horizon_months", costs.horizon_months},
          {"horizon_stated", costs.horizon_stated}};
}

}  // namespace

std::string OwningText(const PayoffComparison& comparison, const Style& style) {
  std::string out = AssumptionsText(comparison, style);
  absl::StrAppend(&out, PurchasesText(comparison, style));
  if (!comparison.payoffs.empty()) {
    absl::StrAppend(&out, "\n", style.Bold("OWNING IT"), "\n", OwningTable(comparison, style),
                    "\n");
  }
  for (std::size_t i = 0; i < comparison.payoffs.size(); ++i) {
    absl::StrAppend(&out,
                    Wrap(VerdictSentence(comparison.payoffs[i].of.title, comparison.payoffs[i]),
                         style.width, 2),
                    "\n");
  }
  if (const std::string rented = RentedSentence(comparison); !rented.empty()) {
    absl::StrAppend(&out, Wrap(rented, style.width, 2), "\n");
  }
  if (!comparison.payoffs.empty()) {
    absl::StrAppend(&out,
                    Wrap("never: not within 20 years (simple payback: not at all)", style.width, 2),
                    "\n");
  }
  for (const std::string& note : comparison.notes) {
    absl::StrAppend(&out, Wrap(absl::StrCat("note: ", note), style.width, 2), "\n");
  }
  return out;
}

std::string RiskText(const PayoffComparison& comparison, const Style& style) {
  const Amounts amounts(comparison.scenario->assumptions.costs.currency);
  std::string out;
  for (std::size_t i = 0; i < comparison.payoffs.size(); ++i) {
    const Payoff& payoff = comparison.payoffs[i];
    absl::StrAppend(&out, "\n",
                    style.Bold(absl::StrCat("PAYBACK, MONTHS  ", comparison.payoffs[i].of.title)),
                    "\n", GridText(payoff, style), "\n", TornadoText(payoff, amounts, style), "\n",
                    DrawsText(payoff.risk, amounts, style));
  }
  return out;
}

std::string PayoffsJson(const PayoffComparison& comparison) {
  Json rows = Json::array();
  for (std::size_t i = 0; i < comparison.payoffs.size(); ++i) {
    rows.push_back(PayoffJson(comparison.payoffs[i].of.title, comparison.payoffs[i]));
  }
  const fleet::Assumptions& assumptions = comparison.scenario->assumptions;
  const Json document = {{"schema_version", kSchemaVersion},
                         {"kind", "payoff-purchases"},
                         {"electricity_usd_per_kwh", assumptions.electricity_usd_per_kwh},
                         {"electricity_stated", assumptions.electricity_stated},
                         {"utilization_stated", assumptions.utilization_stated},
                         {"costs", CostsJson(assumptions.costs)},
                         {"notes", comparison.notes},
                         {"purchases", rows}};
  return document.dump(2) + "\n";
}

}  // namespace capacity::report
