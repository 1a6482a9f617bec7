// Which of the speeds that agents measured the planner can reason with.
#pragma once

#include <string>
#include <vector>

#include "planner/wire/live_fleet.h"

namespace capacity::wire {

// Adds to fleet.speeds what can be compared with predictions on the first `fleet.nodes` (whose
// reports and ids these are, in the same order, and whose links are known), the newest of each
// configuration; to fleet.speed_notes what cannot, and why: a model that the catalogue lacks, a
// measurement marked as not comparable, a peer that is no node.
void FindSpeeds(const catalog::Catalog& catalog, const std::vector<const v1::NodeReport*>& reports,
                const std::vector<std::string>& node_ids, const std::vector<LiveSpeed>& measured,
                LiveFleet& fleet);

}  // namespace capacity::wire
