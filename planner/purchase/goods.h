// What is owned and what is on offer, sorted into kinds.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "planner/catalog/catalog.h"
#include "planner/fleet/scenario.h"

namespace capacity::purchase {

// Machines that nothing tells apart: owned ones, or new ones of a machine that is on offer. Owned
// and new never share a kind: what is owned has links, measurements and a system version.
struct MachineKind {
  const catalog::Machine* machine = nullptr;
  fleet::Node node;         // of this kind; an owned one keeps its name
  std::vector<int> owned;   // indices into the scenario's fleet
  std::vector<int> offers;  // indices into the scenario's offers, cheapest first
};

struct Goods {
  std::vector<MachineKind> kinds;                       // owned first, then new, cheapest first
  std::map<std::string, std::vector<int>> item_offers;  // by cable or switch; cheapest first
  std::vector<std::string> notes;                       // what was left out, facts missing
};

// Of new machines that differ in nothing that is computed with, the cheapest is kept, as long as
// it does not run out.
Goods SortGoods(const catalog::Catalog& catalog, const fleet::Scenario& scenario);

}  // namespace capacity::purchase
