// What `planner status` shows: what runs against what was launched.
#pragma once

#include <string>
#include <vector>

#include "planner/launch/compare.h"
#include "planner/report/table.h"

namespace capacity::report {

std::string LaunchStatusJson(const std::vector<launch::Standing>& standings);
std::string LaunchStatusText(const std::vector<launch::Standing>& standings, const Style& style);

}  // namespace capacity::report
