#include "planner/report/comparison.h"

#include <cmath>
#include <functional>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"

namespace capacity::report {
namespace {

constexpr int kRoomyWidth = 90;  // columns from which a table has room for ranges

std::string When(const std::optional<Months>& months) {
  return months ? FormatMonths(months->value) : "never";
}

std::string DeclineText(const Spread& decline, bool roomy) {
  if (decline.exact() || !roomy) return FormatPercent(decline.mid);
  return absl::StrCat(FormatPercent(decline.mid), " (", FormatPercent(decline.low), "–",
                      FormatPercent(decline.high), ")");
}

// "0.9 (0.9–never)": at the middle decline, and at its ends where they differ and there is room.
std::string PaybackText(const Comparison& row, bool roomy) {
  const std::string low = When(row.payback_at_low);
  const std::string high = When(row.payback_at_high);
  const std::string mid = When(row.payback_at_mid);
  if (low == high || !roomy) return mid;
  return absl::StrCat(mid, " (", low, "–", high, ")");
}

using Cell = std::function<std::string(const Comparison&)>;

void AddRow(Table& table, const std::string& number, const char* label,
            const std::vector<Comparison>& rows, const Cell& cell) {
  std::vector<std::string> cells = {number, label};
  for (const Comparison& row : rows) cells.push_back(row.priced ? cell(row) : "-");
  table.Add(std::move(cells));
}

Json MonthsOrNull(const std::optional<Months>& months) {
  return months ? Number(months->value) : Json(nullptr);
}

Json ComparisonJson(const Comparison& row) {
  Json out = {{"against", row.title},
              {"baseline", row.baseline ? Json(Name(*row.baseline)) : Json("subscription")},
              {"priced", row.priced},
              {"remark", row.remark.empty() ? Json(nullptr) : Json(row.remark)}};
  if (!row.priced) return out;
  out["saved_usd_per_month"] = Dollars(row.saved.value);
  out["electricity_usd_per_month"] = Dollars(row.electricity.value);
  out["payoff_months"] = MonthsOrNull(row.payback);
  out["annual_decline"] = {{"low", Number(row.decline.low)},
                           {"mid", Number(row.decline.mid)},
                           {"high", Number(row.decline.high)}};
  out["payoff_months_with_decline"] = {{"low", MonthsOrNull(row.payback_at_low)},
                                       {"mid", MonthsOrNull(row.payback_at_mid)},
                                       {"high", MonthsOrNull(row.payback_at_high)}};
  out["prices_from"] = row.prices_from;
  return out;
}

}  // namespace

std::string ComparisonText(const Plan& plan, const Style& style) {
  if (plan.side_by_side.empty()) return "";
  const bool roomy = style.width >= kRoomyWidth;
  std::vector<Column> columns = {{"#", Align::kRight}, {""}};
  const std::vector<Comparison>& first = plan.side_by_side.front();
  for (const Comparison& row : first) columns.push_back({row.title, Align::kRight});
  Table table(std::move(columns));
  int number = 0;
  for (const std::vector<Comparison>& rows : plan.side_by_side) {
    const std::string rung = absl::StrCat(++number);
    AddRow(table, rung, "net $/mo", rows, [](const Comparison& row) {
      return FormatUsd(std::round((row.saved - row.electricity).value));
    });
    AddRow(table, "", "pays back, months", rows,
           [](const Comparison& row) { return When(row.payback); });
    AddRow(table, "", "as prices fall", rows,
           [&](const Comparison& row) { return PaybackText(row, roomy); });
  }
  AddRow(table, "", "which is, a year", first,
         [&](const Comparison& row) { return DeclineText(row.decline, roomy); });
  std::string out = absl::StrCat(
      Wrap(absl::StrCat(style.Bold("INSTEAD OF WHAT"),
                        "  each rung against every price that its tokens could have; never: not "
                        "within 20 years"),
           style.width, 2),
      "\n", table.Render(style));
  std::vector<std::string> sources;
  for (const Comparison& row : first) {
    if (!row.prices_from.empty()) {
      sources.push_back(absl::StrCat(row.title, ": ", absl::StrJoin(row.prices_from, ", ")));
    }
    if (!row.remark.empty()) sources.push_back(absl::StrCat(row.title, ": ", row.remark));
  }
  if (!plan.scenario.assumptions.subscription) {
    sources.push_back("no subscription is stated (economics: baselines: subscription)");
  }
  absl::StrAppend(
      &out, style.Dim(Wrap(absl::StrCat("1 ", absl::StrJoin(sources, "; "), "."), style.width, 2)),
      "\n");
  return out + "\n";
}

Json ComparisonsJson(const Plan& plan) {
  Json rungs = Json::array();
  for (const std::vector<Comparison>& rows : plan.side_by_side) {
    Json rung = Json::array();
    for (const Comparison& row : rows) rung.push_back(ComparisonJson(row));
    rungs.push_back(std::move(rung));
  }
  return rungs;
}

}  // namespace capacity::report
