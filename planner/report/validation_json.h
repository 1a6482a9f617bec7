// A validation as JSON.
#pragma once

#include <string>

#include "planner/validation/validate.h"

namespace capacity::report {

// rows[] in file order, every one of them, and summary[] by group; with schema_version.
std::string ValidationJson(const validation::ValidationReport& report);

}  // namespace capacity::report
