#include "planner/wire/live_fleet.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "planner/wire/live_links.h"
#include "planner/wire/live_nodes.h"
#include "planner/wire/live_speeds.h"

namespace capacity::wire {

namespace {

// Speeds on nodes that no plan can use say nothing yet; whoever measured them wants to know.
void NoteSpeedsOfOmitted(const std::vector<LiveNode>& nodes,
                         const std::vector<std::string>& used_ids,
                         const std::vector<LiveSpeed>& speeds, LiveFleet& fleet) {
  for (const LiveNode& node : nodes) {
    if (std::find(used_ids.begin(), used_ids.end(), node.node_id) != used_ids.end()) continue;
    const auto count = std::count_if(speeds.begin(), speeds.end(), [&](const LiveSpeed& speed) {
      return speed.node_id == node.node_id;
    });
    if (count == 0) continue;
    fleet.speed_notes.push_back(absl::StrCat(node.name, ": ", count,
                                             count == 1 ? " speed" : " speeds",
                                             " measured on a node that is left out of plans"));
  }
}

}  // namespace

LiveFleet ReadLiveFleet(const catalog::Catalog& catalog, std::vector<LiveNode> nodes,
                        const std::vector<LiveLink>& measured,
                        const std::vector<LiveSpeed>& speeds) {
  std::sort(nodes.begin(), nodes.end(),
            [](const LiveNode& a, const LiveNode& b) { return a.name < b.name; });
  LiveFleet fleet;
  std::vector<const v1::NodeReport*> reports;
  std::vector<std::string> node_ids;
  for (const LiveNode& live : nodes) {
    absl::StatusOr<fleet::Node> node = ReadNode(catalog, live);
    if (!node.ok()) {
      fleet.omitted.push_back({live.name, std::string(node.status().message())});
      continue;
    }
    fleet.nodes.push_back(*std::move(node));
    reports.push_back(&*live.report);
    node_ids.push_back(live.node_id);
  }
  FindLinks(catalog, reports, node_ids, measured, fleet);
  FindSpeeds(catalog, reports, node_ids, speeds, fleet);
  NoteSpeedsOfOmitted(nodes, node_ids, speeds, fleet);
  return fleet;
}

}  // namespace capacity::wire
