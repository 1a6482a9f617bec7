// The nodes, links and measurements of an inventory.
#pragma once

#include <vector>

#include "planner/catalog/catalog.h"
#include "planner/fleet/fleet.h"
#include "planner/inventory/draft.h"
#include "planner/inventory/fields.h"

namespace capacity::inventory {

// The fleet that `draft` describes; an empty one when that reported problems.
fleet::Fleet ReadFleet(const catalog::Catalog& catalog, const Draft& draft, Problems& problems);

// Ids of `entries`, for suggestions.
template <class Entry>
std::vector<std::string> IdsOf(const std::vector<Entry>& entries) {
  std::vector<std::string> ids;
  for (const Entry& entry : entries) ids.push_back(entry.id);
  return ids;
}

}  // namespace capacity::inventory
