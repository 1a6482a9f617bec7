// A report as the planner reads it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "node-agent/report.h"

namespace capacity::reporter {

// The bytes of capacity.v1.NodeReport (proto/capacity/v1/node.proto), field by field.
std::string Serialize(const agent::Report& report);

// Measurements to keep between runs, and back. What cannot be read is nothing.
std::string SerializeMeasured(const std::vector<agent::MemoryBandwidth>& measured);
std::vector<agent::MemoryBandwidth> ParseMeasured(const std::string& bytes);

// The bytes of capacity.v1.SpeedMeasurement, field by field; and back, nullopt when they are none.
std::string Serialize(const agent::SpeedMeasurement& measurement);
std::optional<agent::SpeedMeasurement> ParseSpeed(const std::string& bytes);

// The bytes of capacity.v1.Conditions.
std::string Serialize(const agent::Conditions& conditions);

}  // namespace capacity::reporter
