// The ladder, the frontier, the alternatives and one rung in full, as text.
#pragma once

#include <string>
#include <vector>

#include "planner/catalog/catalog.h"
#include "planner/plan.h"
#include "planner/report/table.h"

namespace capacity::report {

// What to buy next, with the frontier of value against money.
std::string LadderText(const catalog::Catalog& catalog, const Plan& plan, const Style& style);

// The first rung beside what people ask about instead; empty where that was not worked out.
std::string AlternativesText(const Plan& plan, const Style& style);

// "frontier", "hosted".
std::string ShortName(fleet::Baseline baseline);
// The baseline that a plan shows beside its own.
fleet::Baseline Other(fleet::Baseline baseline);
// "claude-opus-4.5", with "~" when the catalogue only extrapolates the mapping; "" when it has
// none.
std::string Replaces(const catalog::Catalog& catalog, const catalog::Model& model);
// "2 x dgx-spark + cx7-dac"; "nothing".
std::string ItemsText(const std::vector<purchase::BoughtItem>& items);
// "7.4 (6.1–9.0)", "never (48.0 at best)".
std::string PayoffText(const Estimate& months);
// "55.2", "never".
std::string PayoffUnder(const purchase::Rung& rung, fleet::Baseline baseline);

}  // namespace capacity::report
