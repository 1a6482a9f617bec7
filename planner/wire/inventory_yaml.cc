// InventoryYaml: the writer that planner/inventory reads.
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/fleet/measurement_yaml.h"
#include "planner/wire/live_fleet.h"

namespace capacity::wire {
namespace {

// One line, whatever the text: comments end at a line's end.
std::string Comment(const std::string& text) {
  std::string out = "  # ";
  for (const char c : text) out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  return out + "\n";
}

// Exact, in the largest binary unit that divides it.
std::string Size(Bytes bytes) {
  constexpr std::pair<int, const char*> kUnits[] = {{30, "GiB"}, {20, "MiB"}, {10, "KiB"}};
  for (const auto& [shift, unit] : kUnits) {
    if (bytes.count % (std::int64_t{1} << shift) == 0) {
      return absl::StrCat(bytes.count >> shift, " ", unit);
    }
  }
  return absl::StrCat(bytes.count, " B");
}

void AppendNode(const fleet::Node& node, std::string& out) {
  absl::StrAppend(&out, "  - name: ", fleet::YamlQuoted(node.name),
                  "\n    machine: ", node.machine->id, "\n");
  if (node.chip->id != node.machine->chip) absl::StrAppend(&out, "    chip: ", node.chip->id, "\n");
  if (node.os_version) {
    absl::StrAppend(&out, "    os_version: \"", fleet::ToString(*node.os_version), "\"\n");
  }
  if (node.rdma_enabled) {
    absl::StrAppend(&out, "    rdma_enabled: ", *node.rdma_enabled ? "true" : "false", "\n");
  }
  if (node.overrides.memory) {
    absl::StrAppend(&out, "    memory: ", Size(*node.overrides.memory), "\n");
  }
  if (node.overrides.accelerators) {
    absl::StrAppend(&out, "    accelerators: ", *node.overrides.accelerators, "\n");
  }
  if (node.overrides.vram_per_accelerator) {
    absl::StrAppend(&out, "    vram_per_accelerator: ", Size(*node.overrides.vram_per_accelerator),
                    "\n");
  }
  if (node.overrides.wired_limit) {
    absl::StrAppend(&out, "    wired_limit: ", Size(*node.overrides.wired_limit), "\n");
  }
}

void AppendLinks(const LiveFleet& fleet, const NamedLinks& links, std::string& out) {
  const fleet::LinkGroup& group = links.group;
  const auto name = [&](int node) {
    return fleet::YamlQuoted(fleet.nodes[static_cast<std::size_t>(node)].name);
  };
  absl::StrAppend(&out, "  - kind: ", group.link->id, "\n    name: ", fleet::YamlQuoted(links.name),
                  "\n");
  if (group.full_mesh) {
    absl::StrAppend(&out, "    members:\n");
    for (const int member : group.members) absl::StrAppend(&out, "      - ", name(member), "\n");
  } else {
    absl::StrAppend(&out, "    pairs:\n");
    for (const auto& [a, b] : group.pairs) {
      absl::StrAppend(&out, "      - [", name(a), ", ", name(b), "]\n");
    }
  }
  if (links.measured_pairs > 0) {
    absl::StrAppend(&out,
                    "    # the slowest of the pairs that were measured: ", links.measured_pairs,
                    " of ", group.pairs.size(), "\n");
  }
  if (group.round_trip) {
    absl::StrAppend(&out, "    round_trip_us: ",
                    fleet::ExactNumber(std::round(group.round_trip->value * 1e7) / 10), "\n");
  }
  if (group.measured_bandwidth) {
    // A whole number of bits, so that no unit rounds it.
    absl::StrAppend(&out,
                    "    bandwidth: ", static_cast<std::int64_t>(group.measured_bandwidth->value),
                    " bit/s\n");
  }
}

}  // namespace

std::string InventoryYaml(const LiveFleet& fleet) {
  std::string out = absl::StrCat(
      "# What node-agents reported. `planner inventory check` reads it like any inventory.\n"
      "schema: capacity-planner/inventory/v1\nname: ",
      kLiveFleetName, "\n");
  absl::StrAppend(&out, fleet.nodes.empty() ? "nodes: []\n" : "nodes:\n");
  for (const fleet::Node& node : fleet.nodes) AppendNode(node, out);
  if (!fleet.omitted.empty()) out += "# Nodes that no plan can use:\n";
  for (const OmittedNode& node : fleet.omitted) {
    out += Comment(absl::StrCat(node.name, ": ", node.reason));
  }
  if (!fleet.links.empty()) out += "links:\n";
  for (const NamedLinks& links : fleet.links) AppendLinks(fleet, links, out);
  if (!fleet.notes.empty()) out += "# Links that were seen and left out:\n";
  for (const std::string& note : fleet.notes) out += Comment(note);
  if (!fleet.speeds.empty()) out += "measurements:\n";
  for (const fleet::SpeedMeasurement& speed : fleet.speeds) {
    std::vector<std::string> names;
    for (int node : speed.nodes) {
      names.push_back(fleet.nodes[static_cast<std::size_t>(node)].name);
    }
    out += fleet::MeasurementYaml(speed, names, 2);
  }
  if (!fleet.speed_notes.empty()) out += "# Measured speeds that are not used:\n";
  for (const std::string& note : fleet.speed_notes) out += Comment(note);
  return out;
}

}  // namespace capacity::wire
