// Rows of a file of measurements as an inventory's.
#pragma once

#include <string>
#include <vector>

#include "planner/catalog/catalog.h"
#include "planner/fleet/fleet.h"
#include "planner/report/measurements.h"
#include "planner/validation/measurements.h"

namespace capacity::cli {

struct ImportedRows {
  std::string yaml;  // entries of `measurements:`
  int count = 0;
  std::vector<report::LeftOutRow> left_out;  // rows, and prefill rates of rows
};

// What can be compared with predictions for the node called `name`: recognised models in formats
// that their engines read, on the node's chip, one accelerator, current builds, and otherwise what
// validation::Resolver takes for a decode rate and a prefill rate without a depth. Rows that say
// the same count once. `node` null: nothing says what machine it is, and rows' chips are not
// looked at.
ImportedRows ImportRows(const catalog::Catalog& catalog,
                        const std::vector<validation::Measurement>& rows, const std::string& name,
                        const fleet::Node* node);

}  // namespace capacity::cli
