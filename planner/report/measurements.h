// What `planner measurements` prints.
#pragma once

#include <string>
#include <vector>

#include "planner/fleet/fleet.h"
#include "planner/placement/measured.h"
#include "planner/report/table.h"

namespace capacity::report {

// `notes`: what else must be said, such as measurements that cannot be used.
std::string MeasurementsJson(const fleet::Fleet& fleet, const placement::Judgements& judged,
                             const std::vector<std::string>& notes);
std::string MeasurementsText(const fleet::Fleet& fleet, const placement::Judgements& judged,
                             const std::vector<std::string>& notes, const Style& style);

// Benchmarks that were turned into a what-if document.
struct LeftOutRow {
  std::string row;
  std::string reason;
};
std::string MeasurementsImportJson(const std::string& yaml, int imported,
                                   const std::vector<LeftOutRow>& left_out);

}  // namespace capacity::report
