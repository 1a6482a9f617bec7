// One report as one node of a fleet.
#pragma once

#include "absl/status/statusor.h"
#include "planner/wire/live_fleet.h"

namespace capacity::wire {

// NotFound with the reason when the catalogue has no such machine, or there is no report.
absl::StatusOr<fleet::Node> ReadNode(const catalog::Catalog& catalog, const LiveNode& node);

}  // namespace capacity::wire
