// A measured speed as an entry of an inventory's `measurements:` (docs/inventory.md).
#pragma once

#include <string>
#include <vector>

#include "planner/fleet/fleet.h"

namespace capacity::fleet {

// A YAML double-quoted scalar. Names come from machines: whatever they contain stays inside.
std::string YamlQuoted(const std::string& text);

// The shortest text that reads back as the same number.
std::string ExactNumber(double value);

// The entry, each line indented by `indent` spaces; `nodes` are the names of measurement.nodes. It
// reads back as the same measurement.
std::string MeasurementYaml(const SpeedMeasurement& measurement,
                            const std::vector<std::string>& nodes, int indent);

}  // namespace capacity::fleet
