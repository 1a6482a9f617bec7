// A report as the planner reads it.
#pragma once

#include <string>

#include "node-agent/report.h"

namespace capacity::reporter {

// The bytes of capacity.v1.NodeReport (proto/capacity/v1/node.proto), field by field.
std::string Serialize(const agent::Report& report);

// The bytes of capacity.v1.Conditions.
std::string Serialize(const agent::Conditions& conditions);

}  // namespace capacity::reporter
