// Answers as JSON, each with `schema_version`; the schemas are in inventories/schema/output/.
//
// Fields may be added within a version, none renamed or removed. Money is in US dollars, memory in
// bytes, speeds in tokens per second, null means "never" for months and "unknown" elsewhere.
#pragma once

#include <string>
#include <vector>

#include "planner/base/diagnostics.h"
#include "planner/catalog/catalog.h"
#include "planner/placement/placement.h"
#include "planner/plan.h"
#include "planner/report/fit.h"

namespace capacity::report {

// Of every document here.
inline constexpr int kSchemaVersion = 1;

// `before` is the plan without the what-if overlays; null when there are none.
std::string PlanJson(const Plan& plan, const Plan* before);

// Rung `rung` (from 0) of the headline ladder: what it changes, against what, and what its interval
// is made of.
std::string ExplainJson(const Plan& plan, std::size_t rung);

// Every placement of `placements`, rejected ones with `why_not`.
std::string FitJson(const fleet::Scenario& scenario, const placement::Load& load,
                    const std::vector<placement::Placement>& placements, const FitDetails& details);

// One configuration. `explanation` may be null.
std::string PredictJson(const fleet::Fleet& fleet, const placement::Placement& placement,
                        const placement::Load& load, const throughput::Explanation* explanation);

// Problems of an inventory file; an empty list means that there are none.
std::string CheckJson(const std::string& file, const Diagnostics& problems);

enum class CatalogTopic { kModels, kMachines, kChips, kQuants, kPrices, kLinks, kPresets };
std::string CatalogJson(const catalog::Catalog& catalog, CatalogTopic topic);

}  // namespace capacity::report
