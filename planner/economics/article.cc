#include "planner/economics/article.h"

#include "planner/economics/economics.h"

namespace capacity::economics {
namespace {

double UsdPerHour(const ArticlePreset& preset, const ArticleRow& row) {
  return ArticleUsdPerHour(row.decode, row.input, row.output, preset.output_share);
}

}  // namespace

std::vector<PayoffRow> PayoffTable(const ArticlePreset& preset) {
  std::vector<PayoffRow> table;
  for (const ArticleSetup& setup : preset.setups) {
    for (const ArticleRow& row : setup.rows) {
      const double usd_per_hour = UsdPerHour(preset, row);
      table.push_back({.setup = setup.id,
                       .machine = setup.machine,
                       .model = row.model,
                       .cloud_model = row.cloud_model,
                       .price = setup.price,
                       .decode = row.decode,
                       .cloud_usd_per_hour = usd_per_hour,
                       .payoff_months = ArticlePayoffMonths(setup.price, usd_per_hour)});
    }
  }
  return table;
}

std::vector<RiskCell> RiskTable(const ArticlePreset& preset) {
  std::vector<RiskCell> table;
  for (const ArticleRiskCase& risk_case : preset.risk_cases) {
    const ArticleSetup& setup = preset.setups[static_cast<std::size_t>(risk_case.setup)];
    const ArticleRow& row = setup.rows[static_cast<std::size_t>(risk_case.row)];
    const double full_month = UsdPerHour(preset, row) * kHoursPerMonth;
    for (double utilization : preset.utilizations) {
      for (double decline : preset.annual_declines) {
        table.push_back({.setup = setup.id,
                         .model = row.model,
                         .utilization = utilization,
                         .annual_decline = decline,
                         .payoff_months = PayoffMonthsUnderDecline(
                             setup.price, {full_month * utilization}, decline)});
      }
    }
  }
  return table;
}

ArticlePreset WithEveryRowAtRisk(ArticlePreset preset) {
  preset.risk_cases.clear();
  for (std::size_t s = 0; s < preset.setups.size(); ++s) {
    for (std::size_t r = 0; r < preset.setups[s].rows.size(); ++r) {
      preset.risk_cases.push_back({.setup = static_cast<int>(s), .row = static_cast<int>(r)});
    }
  }
  return preset;
}

}  // namespace capacity::economics
