// Which nodes are interchangeable, and which sets of them are worth looking at.
#pragma once

#include <vector>

#include "planner/fleet/fleet.h"
#include "planner/placement/topology.h"

namespace capacity::placement {

// The kind of every node, numbered from 0 in order of first appearance.
std::vector<int> KindOfNodes(const fleet::Fleet& fleet, const Topology& topology);

// Some nodes and how they are joined. `joint.link` is null for one node and for replicas.
struct Cluster {
  std::vector<int> nodes;
  Joint joint;
  int copies = 1;
};

// One cluster per kind, then every distinguishable set of 2 to `max_nodes` joined nodes.
std::vector<Cluster> JoinedClusters(const Topology& topology, const std::vector<int>& kind_of,
                                    int max_nodes);

// Sets of 2 to `max_nodes` nodes that no sort of link joins.
std::vector<Cluster> UnjoinedSets(const Topology& topology, const std::vector<int>& kind_of,
                                  int max_nodes);

// Sets of 2 to `max_nodes` nodes that need no link. See Enumerate for which.
std::vector<Cluster> ReplicaSets(const std::vector<int>& kind_of, int max_nodes);

}  // namespace capacity::placement
