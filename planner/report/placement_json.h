// A placement as every JSON answer has it.
#pragma once

#include "nlohmann/json_fwd.hpp"
#include "planner/fleet/fleet.h"
#include "planner/placement/placement.h"

namespace capacity::report {

nlohmann::ordered_json PlacementJson(const fleet::Fleet& fleet,
                                     const placement::Placement& placement);

}  // namespace capacity::report
