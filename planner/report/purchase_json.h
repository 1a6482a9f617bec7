// A ladder and its parts as JSON.
#pragma once

#include "planner/purchase/purchase.h"
#include "planner/report/json_values.h"

namespace capacity::report {

Json FleetValueJson(const purchase::FleetValue& value);
Json RungJson(const purchase::Rung& rung);
Json LadderJson(const purchase::Ladder& ladder);

}  // namespace capacity::report
