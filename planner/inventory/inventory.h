// YAML in, located diagnostics out: the only folder that knows yaml-cpp.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/base/diagnostics.h"
#include "planner/catalog/catalog.h"
#include "planner/fleet/scenario.h"
#include "planner/inventory/document.h"
#include "planner/throughput/calibration.h"

namespace capacity::inventory {

// The result of reading a file: a value, or every problem found. Exactly one of the two.
template <class T>
struct Loaded {
  std::optional<T> value;
  Diagnostics problems;
};

// Every `*.yaml` in `directory` in name order, then each of `extra_files` (a user's own entries;
// an entry with an existing id replaces it).
Loaded<catalog::Catalog> LoadCatalog(const std::string& directory,
                                     const std::vector<std::string>& extra_files);

// An inventory file with its what-if overlays applied in order. Problems carry the file they are
// in.
Loaded<fleet::Scenario> LoadScenario(const catalog::Catalog& catalog,
                                     const std::string& inventory_file,
                                     const std::vector<std::string>& overlay_files);

// The same with another way to get at files, such as texts held in memory.
using DocumentReader = std::function<ParsedDocument(const std::string& file)>;
Loaded<fleet::Scenario> LoadScenarioWith(const DocumentReader& read,
                                         const catalog::Catalog& catalog,
                                         const std::string& inventory_file,
                                         const std::vector<std::string>& overlay_files);

// Parameters of the speed model.
Loaded<throughput::Calibration> LoadCalibration(const std::string& file);

}  // namespace capacity::inventory
