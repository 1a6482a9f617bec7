#include "planner/fleet/fleet.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace capacity::fleet {
namespace {

// Cables that end at each member, if every pair of the group has a cable of its own.
std::map<int, int> CablesPerNode(const LinkGroup& group) {
  std::map<int, int> cables;
  if (group.full_mesh) {
    for (int member : group.members) cables[member] = static_cast<int>(group.members.size()) - 1;
    return cables;
  }
  for (const auto& [a, b] : group.pairs) {
    ++cables[a];
    ++cables[b];
  }
  return cables;
}

void CheckThunderbolt(const std::vector<Node>& nodes, const LinkGroup& group,
                      std::vector<std::string>& violations) {
  const bool rdma = group.link->transport == catalog::Transport::kRdma;
  const std::map<int, int> cables = CablesPerNode(group);
  for (int member : group.members) {
    const Node& node = nodes[static_cast<std::size_t>(member)];
    const auto& ports = node.machine->ports.thunderbolt;
    if (!ports) {
      violations.push_back(
          absl::StrCat(node.name, " (", node.machine->id, ") has no Thunderbolt port"));
      continue;
    }
    if (ports->version < 5) {
      violations.push_back(absl::StrCat(node.name, " (", node.machine->id, ") has Thunderbolt ",
                                        ports->version, "; ", group.link->id,
                                        " needs Thunderbolt 5"));
      continue;
    }
    const int usable = rdma ? ports->rdma : ports->count;
    const auto it = cables.find(member);
    const int needed = it == cables.end() ? 0 : it->second;
    if (needed > usable) {
      violations.push_back(absl::StrCat(node.name, " (", node.machine->id, ") needs ", needed,
                                        " Thunderbolt 5 ports for this link and has ", usable,
                                        rdma ? " that can do RDMA" : ""));
    }
    if (!rdma) continue;
    if (node.machine->os != catalog::OperatingSystem::kMacos) {
      violations.push_back(
          absl::StrCat(node.name, " does not run macOS; RDMA over Thunderbolt does"));
    }
    const std::optional<OsVersion> oldest = ParseOsVersion(group.link->min_os_version);
    if (oldest && node.os_version && *node.os_version < *oldest) {
      violations.push_back(absl::StrCat(node.name, " runs macOS ", ToString(*node.os_version), "; ",
                                        group.link->id, " needs ", ToString(*oldest), " or later"));
    }
    if (node.rdma_enabled && !*node.rdma_enabled) {
      violations.push_back(absl::StrCat(
          node.name, " reports RDMA disabled; run `rdma_ctl enable` from macOS recovery"));
    }
  }
}

// Above two nodes a switch joins ConnectX-7 nodes: one cage a node, however many it reaches.
bool Switched(const LinkGroup& group) {
  return group.link->medium == "connectx7" && group.members.size() > 2;
}

void CheckConnectX7(const std::vector<Node>& nodes, const LinkGroup& group,
                    std::vector<std::string>& violations) {
  const std::map<int, int> cables = CablesPerNode(group);
  const bool switched = Switched(group);
  for (int member : group.members) {
    const Node& node = nodes[static_cast<std::size_t>(member)];
    const auto& ports = node.machine->ports.connectx7;
    if (!ports) {
      violations.push_back(
          absl::StrCat(node.name, " (", node.machine->id, ") has no ConnectX-7 port"));
      continue;
    }
    const auto it = cables.find(member);
    const int needed = switched ? 1 : (it == cables.end() ? 0 : it->second);
    if (needed > ports->cages) {
      violations.push_back(absl::StrCat(node.name, " (", node.machine->id, ") needs ", needed,
                                        " ConnectX-7 cages for this link and has ", ports->cages));
    }
  }
}

// The cables at each node over several groups of one medium. A cable that two groups share (RDMA
// and TCP between the same pair) counts once.
class CableCount {
 public:
  void Add(const LinkGroup& group, int index) {
    if (Switched(group)) {
      for (int member : group.members) cables_[member].insert({-1, SwitchOf(group, index)});
      return;
    }
    if (group.full_mesh && group.pairs.empty()) return;  // no machine has the ports: refused alone
    for (const auto& pair : group.pairs) {
      cables_[pair.first].insert(pair);
      cables_[pair.second].insert(pair);
    }
  }
  int At(int node) const {
    const auto it = cables_.find(node);
    return it == cables_.end() ? 0 : static_cast<int>(it->second.size());
  }

 private:
  // Groups with the same members hang on the same switch.
  int SwitchOf(const LinkGroup& group, int index) {
    return switches_.try_emplace(group.members, index).first->second;
  }

  std::map<int, std::set<std::pair<int, int>>> cables_;
  std::map<std::vector<int>, int> switches_;
};

int PortsOf(const catalog::Machine& machine, const std::string& medium) {
  if (medium == "connectx7") return machine.ports.connectx7 ? machine.ports.connectx7->cages : 0;
  return machine.ports.thunderbolt ? machine.ports.thunderbolt->count : 0;
}

std::vector<std::string> FleetViolations(const std::vector<Node>& nodes,
                                         const std::vector<LinkGroup>& links,
                                         const std::vector<SpeedMeasurement>& measurements) {
  std::vector<std::string> violations;
  std::set<std::string> names;
  for (const Node& node : nodes) {
    if (node.machine == nullptr || node.chip == nullptr) {
      violations.push_back(absl::StrCat("node \"", node.name, "\" has no machine or chip"));
    }
    if (!names.insert(node.name).second) {
      violations.push_back(absl::StrCat("two nodes are named \"", node.name, "\""));
    }
  }
  if (!violations.empty()) return violations;
  const int count = static_cast<int>(nodes.size());
  auto known = [count](int index) { return index >= 0 && index < count; };
  for (const LinkGroup& group : links) {
    if (group.link == nullptr) {
      violations.push_back("a link group has no link kind");
      continue;
    }
    if (!std::all_of(group.members.begin(), group.members.end(), known) ||
        !std::all_of(group.pairs.begin(), group.pairs.end(),
                     [&](const auto& pair) { return known(pair.first) && known(pair.second); })) {
      violations.push_back(
          absl::StrCat("link ", group.link->id, " names a node that does not exist"));
      continue;
    }
    for (std::string& violation : LinkViolations(nodes, group)) {
      violations.push_back(absl::StrCat("link ", group.link->id, ": ", violation));
    }
  }
  if (violations.empty()) {
    for (const PortShortage& shortage : PortShortages(nodes, links)) {
      violations.push_back(absl::StrCat("link ",
                                        links[static_cast<std::size_t>(shortage.group)].link->id,
                                        ": ", shortage.problem));
    }
  }
  for (const SpeedMeasurement& measurement : measurements) {
    if (!std::all_of(measurement.nodes.begin(), measurement.nodes.end(), known)) {
      violations.push_back("a measurement names a node that does not exist");
    }
  }
  return violations;
}

}  // namespace

std::optional<OsVersion> ParseOsVersion(std::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(std::string(text), '.');
  OsVersion version;
  if (parts.empty() || !absl::SimpleAtoi(parts[0], &version.major)) return std::nullopt;
  if (parts.size() > 1 && !absl::SimpleAtoi(parts[1], &version.minor)) return std::nullopt;
  if (version.major < 0 || version.minor < 0) return std::nullopt;
  return version;
}

std::string ToString(OsVersion version) { return absl::StrCat(version.major, ".", version.minor); }

BytesPerSecond Node::bandwidth() const {
  if (overrides.memory_bandwidth) return *overrides.memory_bandwidth;
  return chip->memory_bandwidth.value_or(BytesPerSecond{0});
}

Bytes Node::memory() const { return overrides.memory.value_or(machine->memory); }

std::optional<Watts> Node::idle_power() const {
  return overrides.idle_power ? overrides.idle_power : machine->idle_power;
}

std::optional<Watts> Node::load_power() const {
  if (overrides.load_power) return overrides.load_power;
  const bool stated = machine->chip.empty();
  if (stated && chip->power_limit) return Watts{chip->power_limit->value * cards()};
  return machine->load_power;
}

bool Node::has_cards() const {
  return machine->vram_per_accelerator || (machine->chip.empty() && !chip->unified_memory);
}

int Node::cards() const {
  return has_cards() ? std::max(1, overrides.accelerators.value_or(machine->accelerators)) : 1;
}

Bytes Node::vram_per_card() const {
  if (!has_cards()) return Bytes{};
  if (overrides.vram_per_accelerator) return *overrides.vram_per_accelerator;
  if (machine->vram_per_accelerator) return *machine->vram_per_accelerator;
  return chip->memory_options.size() == 1 ? chip->memory_options.front() : Bytes{};
}

LinkGroup FullMesh(const catalog::Link& link, std::vector<int> members) {
  LinkGroup group;
  group.link = &link;
  group.full_mesh = true;
  group.members = std::move(members);
  if (group.members.size() > kMaxListedMeshMembers) return group;
  for (std::size_t i = 0; i < group.members.size(); ++i) {
    for (std::size_t j = i + 1; j < group.members.size(); ++j) {
      group.pairs.emplace_back(group.members[i], group.members[j]);
    }
  }
  return group;
}

absl::StatusOr<Fleet> Fleet::Create(std::vector<Node> nodes, std::vector<LinkGroup> links,
                                    std::vector<SpeedMeasurement> measurements) {
  std::vector<std::string> violations = FleetViolations(nodes, links, measurements);
  if (!violations.empty()) return absl::InvalidArgumentError(absl::StrJoin(violations, "\n"));
  Fleet fleet;
  fleet.nodes_ = std::move(nodes);
  fleet.links_ = std::move(links);
  fleet.measurements_ = std::move(measurements);
  return fleet;
}

std::vector<std::string> LinkViolations(const std::vector<Node>& nodes, const LinkGroup& group) {
  std::vector<std::string> violations;
  if (group.members.size() < 2) violations.push_back("a link joins at least two nodes");
  if (group.link->medium == "thunderbolt5") CheckThunderbolt(nodes, group, violations);
  if (group.link->medium == "connectx7") CheckConnectX7(nodes, group, violations);
  return violations;
}

std::vector<PortShortage> PortShortages(const std::vector<Node>& nodes,
                                        const std::vector<LinkGroup>& groups) {
  std::vector<PortShortage> shortages;
  for (const std::string medium : {"thunderbolt5", "connectx7"}) {
    CableCount cables;
    std::set<int> reported;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (groups[i].link->medium != medium) continue;
      cables.Add(groups[i], static_cast<int>(i));
      for (int member : groups[i].members) {
        const Node& node = nodes[static_cast<std::size_t>(member)];
        const int ports = PortsOf(*node.machine, medium);
        if (cables.At(member) <= ports || !reported.insert(member).second) continue;
        shortages.push_back(
            {static_cast<int>(i),
             absl::StrCat(node.name, " (", node.machine->id, ") needs ", cables.At(member),
                          medium == "connectx7" ? " ConnectX-7 cages" : " Thunderbolt ports",
                          " for its links together and has ", ports)});
      }
    }
  }
  return shortages;
}

}  // namespace capacity::fleet
