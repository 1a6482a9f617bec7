// The published article's payoff and risk tables, recomputed from its own inputs
// (docs/model.md 5.1).
//
// "The Cost Return of Local AI", Eugene Petrenko, 2026-02-09. Its form of the arithmetic is simpler
// than the planner's: no electricity, no prefill time, one price for each row.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/base/units.h"
#include "planner/catalog/catalog.h"

namespace capacity::economics {

// One model on one setup: the decode speed the article states and the cloud model it compares with.
struct ArticleRow {
  std::string model;  // as the article names it
  TokensPerSecond decode;
  std::string cloud_model;
  UsdPerMtok input;
  UsdPerMtok output;
};

// A machine at the article's price.
struct ArticleSetup {
  std::string id;       // "A" .. "D"
  std::string machine;  // catalogue id
  std::string name;
  Usd price;
  std::vector<ArticleRow> rows;
};

// A row of a setup for which the article prints the grid of utilization and price decline.
struct ArticleRiskCase {
  int setup = 0;  // index into ArticlePreset::setups
  int row = 0;    // index into its rows
};

// The article's inputs, resolved: every index is valid, every share within 0 to 1.
struct ArticlePreset {
  std::string name;
  double output_share = 0.7;  // of all tokens; the rest is input
  std::vector<ArticleSetup> setups;
  std::vector<ArticleRiskCase> risk_cases;
  std::vector<double> utilizations;     // share of all hours
  std::vector<double> annual_declines;  // fraction of the price lost in a year
  catalog::Provenance provenance;
};

// One line of the payoff table: constant prices, running all hours.
struct PayoffRow {
  std::string setup;
  std::string machine;
  std::string model;
  std::string cloud_model;
  Usd price;
  TokensPerSecond decode;
  double cloud_usd_per_hour = 0;  // not rounded; the article prints cents
  double payoff_months = 0;       // not rounded; the article prints one decimal
};

// One cell of the risk grid.
struct RiskCell {
  std::string setup;
  std::string model;
  double utilization = 0;
  double annual_decline = 0;
  std::optional<int> payoff_months;  // whole months; nullopt: never
};

// Every row of every setup, in the preset's order.
std::vector<PayoffRow> PayoffTable(const ArticlePreset& preset);

// Cases, then utilizations, then declines, each in the preset's order.
std::vector<RiskCell> RiskTable(const ArticlePreset& preset);

// `preset` with every row of every setup as a risk case, for the grid the article prints for two.
ArticlePreset WithEveryRowAtRisk(ArticlePreset preset);

}  // namespace capacity::economics
