// Which nodes the fleet's links join.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "planner/base/units.h"
#include "planner/catalog/catalog.h"
#include "planner/fleet/fleet.h"

namespace capacity::placement {

// Nodes reachable from each other over links of one sort.
struct Component {
  const catalog::Link* link = nullptr;
  std::vector<int> members;  // indices into Fleet::nodes, ascending
  bool full_mesh = false;    // every pair is joined
  std::vector<int> groups;   // indices into Fleet::links
};

// How a set of nodes is joined over links of one sort.
struct Joint {
  const catalog::Link* link = nullptr;
  bool full_mesh = false;                    // every pair: what tensor parallelism needs
  bool chain = false;                        // one after the other: what a pipeline needs
  std::vector<std::pair<int, int>> missing;  // pairs without a link
  std::optional<Seconds> all_reduce;         // slowest measured, when every group used has one
};

class Topology {
 public:
  explicit Topology(const fleet::Fleet& fleet);

  // By first link group that belongs to them.
  const std::vector<Component>& components() const { return components_; }
  // Links of the fleet that join at least one pair of `nodes`, in order of appearance.
  std::vector<const catalog::Link*> LinksAmong(const std::vector<int>& nodes) const;
  // Whether every two members of the link group are joined.
  bool IsMesh(int group) const;
  Joint Join(const std::vector<int>& nodes, const catalog::Link* link) const;
  // Nodes next to `node` inside `component`, ascending. Not for full meshes: there it is everyone.
  std::vector<int> Neighbours(const Component& component, int node) const;

 private:
  // The link group of this sort that joins the pair, or -1.
  int GroupJoining(const catalog::Link* link, int a, int b) const;

  const fleet::Fleet* fleet_;
  std::vector<char> full_mesh_;              // by link group
  std::vector<std::vector<int>> groups_of_;  // by node
  std::vector<Component> components_;
};

}  // namespace capacity::placement
