// Measurements from disk, for `validate` and `calibrate`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/validation/measurements.h"

namespace capacity::cli {

// Nullopt after printing every problem of the file to stderr.
std::optional<std::vector<validation::Measurement>> LoadMeasurementsOrPrint(
    const std::string& file);

}  // namespace capacity::cli
