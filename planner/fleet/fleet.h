// What you own: nodes and the links between them, resolved against the catalogue.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/base/units.h"
#include "planner/catalog/catalog.h"

namespace capacity::fleet {

// macOS 26.2 is {26, 2}.
struct OsVersion {
  int major = 0;
  int minor = 0;
  friend auto operator<=>(const OsVersion&, const OsVersion&) = default;
};
std::optional<OsVersion> ParseOsVersion(std::string_view text);  // "26.2", "26", "15.7.1"
std::string ToString(OsVersion version);

// Facts about one node that were measured or stated, and replace the catalogue's.
struct NodeOverrides {
  std::optional<Bytes> memory;      // installed
  std::optional<int> accelerators;  // how many cards, of a machine with cards
  std::optional<Bytes> vram_per_accelerator;
  std::optional<Bytes>
      memory_budget;  // what an engine may use (recommendedMaxWorkingSetSize, MemAvailable)
  std::optional<Bytes> wired_limit;  // iogpu.wired_limit_mb, when not zero
  std::optional<Bytes> memory_used;  // what other programs already hold
  std::optional<BytesPerSecond> memory_bandwidth;
  std::optional<Watts> idle_power;
  std::optional<Watts> load_power;
  std::optional<Usd> resale_value;
};

// One machine. `chip` is resolved: the node's own when stated, else the machine's default.
// Pointers are into the Catalog, which must outlive the fleet.
struct Node {
  std::string name;
  const catalog::Machine* machine = nullptr;
  const catalog::Chip* chip = nullptr;
  std::optional<OsVersion> os_version;
  std::optional<bool> rdma_enabled;  // nullopt: not reported
  NodeOverrides overrides;

  BytesPerSecond bandwidth() const;  // override, else the chip's peak; zero when unknown
  Bytes memory() const;              // installed: override, else the machine's
  bool has_cards() const;            // accelerators with memory of their own
  int cards() const;                 // override, else the machine's; 1 of a unified chip
  // Override, else the machine's, else the chip's where it comes with one size only; zero: not
  // known, or no cards.
  Bytes vram_per_card() const;
  std::optional<Watts> idle_power() const;
  // Override, else the machine's; of cards that the owner stated, the cards' own limits alone.
  std::optional<Watts> load_power() const;
};

// A set of nodes joined pairwise (`full_mesh`) or by the listed pairs.
struct LinkGroup {
  const catalog::Link* link = nullptr;
  std::vector<int> members;  // indices into Fleet::nodes, ascending, distinct
  // Each first < second, ascending, distinct. A full mesh lists all of them up to
  // kMaxListedMeshMembers members and none above: a LAN of 10,000 nodes has 50 million pairs.
  std::vector<std::pair<int, int>> pairs;
  bool full_mesh = false;                     // every two members are joined
  std::optional<Seconds> all_reduce_latency;  // measured, one small all-reduce at two nodes
  std::optional<Seconds> round_trip;          // measured
  std::optional<BitsPerSecond> measured_bandwidth;
};
inline constexpr int kMaxListedMeshMembers = 64;

// `members` (ascending, distinct) all joined to each other.
LinkGroup FullMesh(const catalog::Link& link, std::vector<int> members);

// A speed somebody measured on one of the nodes, or on a cluster of them.
struct SpeedMeasurement {
  std::vector<int> nodes;  // indices into Fleet::nodes
  const catalog::Model* model = nullptr;
  const catalog::Quantization* quant = nullptr;
  catalog::Engine engine = catalog::Engine::kOther;
  std::string strategy;  // single | tensor | pipeline; empty: not said
  const catalog::Link* link = nullptr;
  int context_tokens = 0;
  int prompt_tokens = 0;
  int batch = 1;
  std::optional<TokensPerSecond> decode;
  std::optional<TokensPerSecond> prefill;
  std::string as_of;
};

// Valid once made: names are unique, link members exist, ports suffice for the stated links.
class Fleet {
 public:
  // InvalidArgument naming every violation, one a line, when the parts do not make a fleet.
  static absl::StatusOr<Fleet> Create(std::vector<Node> nodes, std::vector<LinkGroup> links,
                                      std::vector<SpeedMeasurement> measurements);
  Fleet() = default;

  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<LinkGroup>& links() const { return links_; }
  const std::vector<SpeedMeasurement>& measurements() const { return measurements_; }

 private:
  std::vector<Node> nodes_;
  std::vector<LinkGroup> links_;
  std::vector<SpeedMeasurement> measurements_;
};

// Why `group` cannot exist between these nodes: too few ports (with the count), a chip without the
// medium, an operating system that is too old, RDMA disabled. Empty when it can. An unknown OS
// version is not a violation.
std::vector<std::string> LinkViolations(const std::vector<Node>& nodes, const LinkGroup& group);

// Nodes whose Thunderbolt ports or ConnectX-7 cages do not suffice for all of `groups` together,
// each with the index of the group that is too much. Two groups over the same pair share its cable.
struct PortShortage {
  int group = 0;
  std::string problem;
};
std::vector<PortShortage> PortShortages(const std::vector<Node>& nodes,
                                        const std::vector<LinkGroup>& groups);

}  // namespace capacity::fleet
