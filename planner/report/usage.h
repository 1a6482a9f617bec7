// Answers of `planner usage` as JSON; its text is the YAML of planner/usage.
#pragma once

#include <string>

#include "planner/usage/workloads.h"

namespace capacity::report {

std::string UsageJson(const usage::UseSummary& summary);

}  // namespace capacity::report
