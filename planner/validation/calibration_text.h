// A calibration as the YAML file that ships (inventory/ reads it back).
#pragma once

#include <string>

#include "planner/throughput/calibration.h"

namespace capacity::validation {

// Deterministic: the same calibration gives the same bytes. Without a date, so that a rebuild from
// the same measurements changes nothing.
std::string CalibrationYaml(const throughput::Calibration& calibration);

}  // namespace capacity::validation
