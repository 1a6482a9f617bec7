#include "planner/report/payoff.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "planner/report/json.h"

namespace capacity::report {
namespace {

using Json = nlohmann::ordered_json;

// Fixed decimals, as the article prints them.
std::string Fixed(double value, int decimals) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.*f", decimals, value);
  return buffer;
}

std::string Cell(const std::optional<int>& months) {
  return months ? absl::StrCat(*months) : "never";
}

std::string DeclineTitle(double decline) {
  return decline == 0 ? "constant price" : absl::StrCat("-", Fixed(decline * 100, 0), " %/yr");
}

Json CellsJson(const economics::ArticlePreset& preset) {
  Json cells = Json::array();
  for (const economics::RiskCell& cell : economics::RiskTable(preset)) {
    cells.push_back(
        {{"setup", cell.setup},
         {"model", cell.model},
         {"utilization", cell.utilization},
         {"annual_price_decline", cell.annual_decline},
         {"payoff_months", cell.payoff_months ? Json(*cell.payoff_months) : Json(nullptr)}});
  }
  return cells;
}

Json Document(const economics::ArticlePreset& preset) {
  Json rows = Json::array();
  for (const economics::PayoffRow& row : economics::PayoffTable(preset)) {
    rows.push_back({{"setup", row.setup},
                    {"machine", row.machine},
                    {"hardware_usd", row.price.dollars()},
                    {"model", row.model},
                    {"decode_tps", row.decode.value},
                    {"cloud_equivalent", row.cloud_model},
                    {"cloud_usd_per_hour", row.cloud_usd_per_hour},
                    {"payoff_months", row.payoff_months}});
  }
  return {{"schema_version", kSchemaVersion},
          {"kind", "payoff"},
          {"preset", preset.name},
          {"source", preset.provenance.source},
          {"as_of", preset.provenance.as_of},
          {"output_share", preset.output_share},
          {"rows", rows},
          {"risk", CellsJson(preset)}};
}

}  // namespace

std::string PayoffText(const economics::ArticlePreset& preset, const Style& style) {
  const std::string heading = absl::StrCat(
      preset.provenance.source, ", ", preset.provenance.as_of, ". Running all hours, ",
      Fixed(preset.output_share * 100, 0), " % of tokens output, constant prices, no electricity.");
  std::string out = absl::StrCat(Wrap(heading, style.width, 2), "\n\n");
  Table table({{"setup", Align::kLeft, true, 8},
               {"machine", Align::kLeft, true},
               {"model", Align::kLeft, true, 10},
               {"tok/s", Align::kRight},
               {"instead of", Align::kLeft, true, 10},
               {"price", Align::kRight},
               {"cloud $/h", Align::kRight},
               {"payoff, months", Align::kRight}});
  for (const economics::PayoffRow& row : economics::PayoffTable(preset)) {
    table.Add({row.setup, row.machine, row.model, FormatNumber(row.decode.value), row.cloud_model,
               FormatUsd(row.price.dollars()), Fixed(row.cloud_usd_per_hour, 2),
               Fixed(row.payoff_months, 1)});
  }
  absl::StrAppend(&out, style.Bold("PAYOFF"), "\n", table.Render(style));

  const std::vector<economics::RiskCell> cells = economics::RiskTable(preset);
  const std::size_t columns = preset.annual_declines.size();
  std::size_t next = 0;
  for (const economics::ArticleRiskCase& risk : preset.risk_cases) {
    const economics::ArticleSetup& setup = preset.setups[static_cast<std::size_t>(risk.setup)];
    absl::StrAppend(
        &out, "\n",
        style.Bold(absl::StrCat("PAYOFF, WHOLE MONTHS  ", setup.id, " ", setup.machine, ", ",
                                setup.rows[static_cast<std::size_t>(risk.row)].model)),
        "\n");
    std::vector<Column> titles = {{"utilization", Align::kRight}};
    for (double decline : preset.annual_declines) {
      titles.push_back({DeclineTitle(decline), Align::kRight});
    }
    Table grid(std::move(titles));
    for (double utilization : preset.utilizations) {
      std::vector<std::string> line = {absl::StrCat(Fixed(utilization * 100, 0), " %")};
      for (std::size_t c = 0; c < columns; ++c) line.push_back(Cell(cells[next++].payoff_months));
      grid.Add(std::move(line));
    }
    absl::StrAppend(&out, grid.Render(style));
  }
  return out;
}

std::string ArticleRiskText(const economics::ArticlePreset& preset, const Style& style) {
  const std::vector<economics::RiskCell> cells =
      economics::RiskTable(economics::WithEveryRowAtRisk(preset));
  std::vector<Column> titles = {{"utilization", Align::kRight}};
  for (double decline : preset.annual_declines)
    titles.push_back({DeclineTitle(decline), Align::kRight});
  Table counts(titles);
  std::size_t rows = 0;
  for (double utilization : preset.utilizations) {
    std::vector<std::string> line = {absl::StrCat(Fixed(utilization * 100, 0), " %")};
    for (double decline : preset.annual_declines) {
      std::size_t never = 0;
      rows = 0;
      for (const economics::RiskCell& cell : cells) {
        if (cell.utilization != utilization || cell.annual_decline != decline) continue;
        ++rows;
        never += cell.payoff_months ? 0 : 1;
      }
      line.push_back(absl::StrCat(never, " of ", rows));
    }
    counts.Add(std::move(line));
  }
  std::string out =
      absl::StrCat("\n", style.Bold("NEVER PAID BACK, OF ALL ROWS"), "\n", counts.Render(style));
  std::vector<Column> all = {
      {"setup"}, {"model", Align::kLeft, true}, {"utilization", Align::kRight}};
  for (double decline : preset.annual_declines)
    all.push_back({DeclineTitle(decline), Align::kRight});
  Table table(std::move(all));
  for (std::size_t at = 0; at < cells.size(); at += preset.annual_declines.size()) {
    std::vector<std::string> line = {cells[at].setup, cells[at].model,
                                     absl::StrCat(Fixed(cells[at].utilization * 100, 0), " %")};
    for (std::size_t c = 0; c < preset.annual_declines.size(); ++c) {
      line.push_back(Cell(cells[at + c].payoff_months));
    }
    table.Add(std::move(line));
  }
  absl::StrAppend(&out, "\n", style.Bold("PAYOFF, WHOLE MONTHS  every row"), "\n",
                  table.Render(style));
  return out;
}

std::string PayoffJson(const economics::ArticlePreset& preset) {
  return Document(preset).dump(2) + "\n";
}

std::string PayoffRiskJson(const economics::ArticlePreset& preset) {
  Json document = Document(preset);
  document["risk_of_every_row"] = CellsJson(economics::WithEveryRowAtRisk(preset));
  return document.dump(2) + "\n";
}

}  // namespace capacity::report
