// Which nodes are joined, and by what, from their ports and from what they measured.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "planner/wire/live_fleet.h"

namespace capacity::wire {

// The links among the first `fleet.nodes`, whose reports are `reports` (same order) and whose ids
// are `node_ids`. Adds to fleet.links and fleet.notes:
//   - Thunderbolt: two ports that name each other's bus. RDMA too where both ends are ready for it;
//   - ConnectX: ports that a measurement went between, or whose nodes name each other as peers;
//   - Ethernet: ports up with addresses of one network, at the slower negotiated rate.
void FindLinks(const catalog::Catalog& catalog, const std::vector<const v1::NodeReport*>& reports,
               const std::vector<std::string>& node_ids, const std::vector<LiveLink>& measured,
               LiveFleet& fleet);

}  // namespace capacity::wire
