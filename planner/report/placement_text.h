// Placements in the words that every text answer uses.
#pragma once

#include <string>

#include "planner/base/estimate.h"
#include "planner/fleet/fleet.h"
#include "planner/placement/placement.h"

namespace capacity::report {

// "studio", "2 x spark, tensor (rdma-cx7-200g), vllm": nodes, how they share the work, engine.
std::string Where(const fleet::Fleet& fleet, const placement::Placement& placement);

// "84.1 (72.0–98.3)".
std::string Interval(const Estimate& estimate);

// "61.2 of 98.0 GB", of the node that is nearest to its limit.
std::string MemoryText(const placement::Placement& placement);

}  // namespace capacity::report
