// The inventory's YAML form (docs/inventory.md, inventories/schema/inventory.schema.json).
#pragma once

#include "planner/catalog/catalog.h"
#include "planner/fleet/scenario.h"
#include "planner/inventory/draft.h"
#include "planner/inventory/fields.h"

namespace capacity::inventory {

// Reads every entry of `draft` against the catalogue. The result is only to be used when no problem
// was reported; `fleet` is then made of its nodes, links and measurements.
fleet::Scenario ReadScenario(const catalog::Catalog& catalog, const Draft& draft,
                             Problems& problems);

}  // namespace capacity::inventory
