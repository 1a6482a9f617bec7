// The live fleet: what agents reported, as the nodes and links that the planner reasons about.
//
// Reports are hostile until proven otherwise: names and addresses in them are data, never text that
// is copied into a document unquoted.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "capacity/v1/node.pb.h"
#include "capacity/v1/planner.pb.h"
#include "planner/catalog/catalog.h"
#include "planner/fleet/fleet.h"

namespace capacity::wire {

// A node as the planner knows it.
struct LiveNode {
  std::string node_id;
  std::string name;                      // unique in the fleet
  std::optional<v1::NodeReport> report;  // newest; nullopt: none yet
};

// A link as `from_node_id` measured it.
struct LiveLink {
  std::string from_node_id;
  v1::LinkMeasurement measurement;
  std::int64_t received_at_unix_ms = 0;  // by the planner's clock
};

// A speed that an engine was measured at on `node_id`.
struct LiveSpeed {
  std::string node_id;
  v1::SpeedMeasurement measurement;
  std::int64_t received_at_unix_ms = 0;  // by the planner's clock
};

// A node that cannot take part in any plan.
struct OmittedNode {
  std::string name;
  std::string reason;  // "no report yet"
};

// A link group, and how far it rests on measurements.
struct NamedLinks {
  std::string name;  // unique
  fleet::LinkGroup group;
  int measured_pairs = 0;
};

// Everything of the reports that the planner can use. `nodes` are by name; links refer to them by
// index. The parts are consistent: fleet::Fleet::Create accepts them.
struct LiveFleet {
  std::vector<fleet::Node> nodes;
  std::vector<NamedLinks> links;
  std::vector<OmittedNode> omitted;
  std::vector<std::string> notes;  // links that were seen and left out, and why
  std::vector<fleet::SpeedMeasurement> speeds;
  std::vector<std::string> speed_notes;  // speeds that were measured and cannot be used, and why
};

// Reads `nodes` (in any order) with the measured links among them. Of two measurements over the
// same addresses the newer counts. Pure and deterministic.
LiveFleet ReadLiveFleet(const catalog::Catalog& catalog, std::vector<LiveNode> nodes,
                        const std::vector<LiveLink>& measured,
                        const std::vector<LiveSpeed>& speeds = {});

// The fleet as an inventory (docs/inventory.md), which reads back as the same nodes and links.
std::string InventoryYaml(const LiveFleet& fleet);

// The `name:` of every exported inventory.
inline constexpr char kLiveFleetName[] = "live-fleet";

// What of the catalogue a report describes.
struct Identified {
  const catalog::Machine* machine = nullptr;  // null: none
  const catalog::Chip* chip = nullptr;        // null: none
  int chips = 0;                              // how many of it
  std::string why;                            // what was looked for when one is null
};
Identified Identify(const catalog::Catalog& catalog, const v1::NodeReport& report);

}  // namespace capacity::wire
