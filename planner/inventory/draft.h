// An inventory with its what-if overlays applied, before its entries are read.
//
// Every value still knows the file and line it was written on, so that a problem in an overlay is
// reported there. A counted node stands here once per copy.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "planner/inventory/document.h"
#include "planner/inventory/fields.h"

namespace capacity::inventory {

inline constexpr std::string_view kInventorySchema = "capacity-planner/inventory/v1";
inline constexpr std::string_view kWhatIfSchema = "capacity-planner/what-if/v1";

// More is taken for a slip of the pen.
inline constexpr int kMaxNodes = 100'000;

struct DraftNode {
  std::string name;
  std::string group;  // the entry's name: "spark" of "spark-2"; `name` itself for a single node
  const Value* value = nullptr;
};

struct DraftEntry {
  std::string name;
  const Value* value = nullptr;
};

struct Draft {
  std::string name;
  std::vector<DraftNode> nodes;
  std::vector<DraftEntry> links;         // named by `name`, else by kind
  std::vector<DraftEntry> workloads;     // by name
  std::vector<DraftEntry> offers;        // by machine or item
  std::vector<DraftEntry> measurements;  // unnamed
  const Value* buy_only = nullptr;
  const Value* economics = nullptr;
  std::set<std::string> removed_nodes;  // names that links may still list
};

// Reads `document` as an inventory.
Draft DraftOf(const Document& document, Problems& problems);

// Applies the what-if in `document`: remove, then replace, change and add. Values that a change
// merges are added to the document.
void ApplyOverlay(Document& document, Draft& draft, Problems& problems);

}  // namespace capacity::inventory
