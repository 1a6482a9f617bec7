// Payoffs of purchases as text and JSON: what owning costs, what that rests on, and the risk.
#pragma once

#include <string>
#include <vector>

#include "planner/fleet/scenario.h"
#include "planner/payoff.h"
#include "planner/report/table.h"

namespace capacity::report {

// Purchases side by side, with the scenario whose assumptions they rest on: one machine against
// several prices, or the rungs of a ladder.
struct PayoffComparison {
  const fleet::Scenario* scenario = nullptr;
  std::vector<Payoff> payoffs;
  std::vector<std::string> notes;
};

// Assumptions, one table, the verdicts with their numbers. Amounts are in the scenario's currency.
std::string OwningText(const PayoffComparison& comparison, const Style& style);

// Of each purchase: utilization x decline, what matters most, the draws.
std::string RiskText(const PayoffComparison& comparison, const Style& style);

// All of it; amounts in US dollars.
std::string PayoffsJson(const PayoffComparison& comparison);

}  // namespace capacity::report
