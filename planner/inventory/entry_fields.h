// What entries of the catalogue have in common.
#pragma once

#include <optional>
#include <vector>

#include "planner/catalog/catalog.h"
#include "planner/inventory/fields.h"

namespace capacity::inventory {

// `source` and `as_of`, which every entry has to state.
catalog::Provenance ReadProvenance(Fields& fields);

std::vector<catalog::Engine> ReadEngines(Fields& fields, Problems& problems);

// A number in the unit of the file as a quantity of the project: Scaled<BytesPerSecond>(gbps, 1e9).
template <class Unit>
std::optional<Unit> Scaled(std::optional<double> number, double factor) {
  if (!number) return std::nullopt;
  return Unit{*number * factor};
}
}  // namespace capacity::inventory
