// What each rung brings against everything its tokens would otherwise cost, as text and JSON.
#pragma once

#include <string>

#include "planner/plan.h"
#include "planner/report/json_values.h"
#include "planner/report/table.h"

namespace capacity::report {

// One block of rows per rung, one column per price; empty without rungs.
std::string ComparisonText(const Plan& plan, const Style& style);

// One array per rung. Amounts in US dollars a month, paybacks in months.
Json ComparisonsJson(const Plan& plan);

}  // namespace capacity::report
