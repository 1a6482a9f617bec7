// Answers as text for a terminal of 80 to 100 columns.
#pragma once

#include <string>
#include <vector>

#include "planner/catalog/catalog.h"
#include "planner/placement/placement.h"
#include "planner/plan.h"
#include "planner/report/fit.h"
#include "planner/report/json.h"
#include "planner/report/table.h"

namespace capacity::report {

// Assumptions, what runs today, the ladder, what would change the answer. `before` is the plan
// without the what-if overlays; null when there are none.
std::string PlanText(const catalog::Catalog& catalog, const Plan& plan, const Plan* before,
                     const Style& style);

// Why rung `rung` (from 0) of the headline ladder and not the runner-up, in numbers.
std::string ExplainText(const catalog::Catalog& catalog, const Plan& plan, std::size_t rung,
                        const Style& style);

// One table row per placement; rejected ones in a second table with the reason.
std::string FitText(const fleet::Scenario& scenario, const placement::Load& load,
                    const std::vector<placement::Placement>& placements, const FitDetails& details,
                    const Style& style);

// One configuration with its memory arithmetic; every term of the speed when `explanation` is
// given.
std::string PredictText(const fleet::Fleet& fleet, const placement::Placement& placement,
                        const placement::Load& load, const throughput::Explanation* explanation,
                        const Style& style);

std::string CatalogText(const catalog::Catalog& catalog, CatalogTopic topic, const Style& style);

}  // namespace capacity::report
