#include "planner/placement/kinds.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "planner/placement/placement.h"

namespace capacity::placement {
namespace {

// Numbers equal keys alike, from 0 in order of first appearance.
template <class Key>
class Numbering {
 public:
  int Of(const Key& key) {
    return numbers_.try_emplace(key, static_cast<int>(numbers_.size())).first->second;
  }
  int size() const { return static_cast<int>(numbers_.size()); }

 private:
  std::map<Key, int> numbers_;
};

template <class Quantity>
std::optional<double> ValueOf(const std::optional<Quantity>& quantity) {
  return quantity ? std::optional<double>(quantity->value) : std::nullopt;
}
std::optional<double> ValueOf(const std::optional<Bytes>& bytes) {
  return bytes ? std::optional<double>(static_cast<double>(bytes->count)) : std::nullopt;
}
std::optional<double> ValueOf(const std::optional<Usd>& usd) {
  return usd ? std::optional<double>(static_cast<double>(usd->cents)) : std::nullopt;
}

using Attributes =
    std::tuple<const catalog::Machine*, const catalog::Chip*, std::optional<fleet::OsVersion>,
               std::optional<bool>, std::vector<std::optional<double>>, std::vector<int>>;

Attributes AttributesOf(const fleet::Node& node, std::vector<int> measurements) {
  const fleet::NodeOverrides& o = node.overrides;
  return {
      node.machine,
      node.chip,
      node.os_version,
      node.rdma_enabled,
      {ValueOf(o.memory), ValueOf(o.memory_budget), ValueOf(o.wired_limit), ValueOf(o.memory_used),
       ValueOf(o.memory_bandwidth), ValueOf(o.idle_power), ValueOf(o.load_power),
       ValueOf(o.resale_value), ValueOf(o.vram_per_accelerator), o.accelerators},
      std::move(measurements)};
}

std::vector<int> KindsByAttributes(const fleet::Fleet& fleet) {
  std::vector<std::vector<int>> measurements(fleet.nodes().size());
  for (std::size_t m = 0; m < fleet.measurements().size(); ++m) {
    for (int node : fleet.measurements()[m].nodes) {
      measurements[static_cast<std::size_t>(node)].push_back(static_cast<int>(m));
    }
  }
  Numbering<Attributes> numbering;
  std::vector<int> kinds;
  for (std::size_t i = 0; i < fleet.nodes().size(); ++i) {
    kinds.push_back(numbering.Of(AttributesOf(fleet.nodes()[i], std::move(measurements[i]))));
  }
  return kinds;
}

using KindCounts = std::map<int, int>;

KindCounts CountKinds(const std::vector<int>& nodes, const std::vector<int>& kind_of) {
  KindCounts counts;
  for (int node : nodes) ++counts[kind_of[static_cast<std::size_t>(node)]];
  return counts;
}

// What a component looks like while only the kinds of its members are known.
using ComponentLook = std::tuple<const catalog::Link*, bool, std::vector<double>, KindCounts>;

ComponentLook LookOf(const fleet::Fleet& fleet, const Component& component,
                     const std::vector<int>& kind_of) {
  std::vector<double> measured;
  for (int g : component.groups) {
    const fleet::LinkGroup& group = fleet.links()[static_cast<std::size_t>(g)];
    measured.push_back(ValueOf(group.all_reduce_latency).value_or(-1));
    measured.push_back(ValueOf(group.round_trip).value_or(-1));
    measured.push_back(ValueOf(group.measured_bandwidth).value_or(-1));
  }
  return {component.link, component.full_mesh, std::move(measured),
          CountKinds(component.members, kind_of)};
}

// One round of colour refinement: a node's new kind is its old one and what its links look like.
std::vector<int> Refine(const fleet::Fleet& fleet, const Topology& topology,
                        const std::vector<std::map<std::size_t, std::vector<int>>>& neighbours,
                        const std::vector<int>& kind_of) {
  Numbering<ComponentLook> looks;
  std::vector<std::vector<std::pair<int, KindCounts>>> around(kind_of.size());
  for (std::size_t c = 0; c < topology.components().size(); ++c) {
    const Component& component = topology.components()[c];
    const int look = looks.Of(LookOf(fleet, component, kind_of));
    // A mesh within a component that is more than it: its members see each other.
    for (int g : component.groups) {
      if (component.full_mesh || !topology.IsMesh(g)) continue;
      const fleet::LinkGroup& mesh = fleet.links()[static_cast<std::size_t>(g)];
      const int mesh_look = looks.Of({mesh.link, true, {}, CountKinds(mesh.members, kind_of)});
      for (int member : mesh.members) {
        around[static_cast<std::size_t>(member)].push_back({mesh_look, {}});
      }
    }
    for (int member : component.members) {
      const auto at = static_cast<std::size_t>(member);
      const auto own = neighbours[at].find(c);
      around[at].push_back(
          {look, own == neighbours[at].end() ? KindCounts{} : CountKinds(own->second, kind_of)});
    }
  }
  Numbering<std::pair<int, std::vector<std::pair<int, KindCounts>>>> numbering;
  std::vector<int> refined;
  for (std::size_t i = 0; i < kind_of.size(); ++i) {
    std::sort(around[i].begin(), around[i].end());
    refined.push_back(numbering.Of({kind_of[i], std::move(around[i])}));
  }
  return refined;
}

int CountDistinct(const std::vector<int>& kinds) {
  return static_cast<int>(std::set<int>(kinds.begin(), kinds.end()).size());
}

// Members of `nodes` by kind, kinds in order of first appearance.
std::vector<std::vector<int>> ByKind(const std::vector<int>& nodes,
                                     const std::vector<int>& kind_of) {
  std::vector<std::vector<int>> by_kind;
  std::map<int, std::size_t> place;
  for (int node : nodes) {
    const int kind = kind_of[static_cast<std::size_t>(node)];
    const auto [it, inserted] = place.try_emplace(kind, by_kind.size());
    if (inserted) by_kind.emplace_back();
    by_kind[it->second].push_back(node);
  }
  return by_kind;
}

double Choose(int n, int k) {
  double ways = 1;
  for (int i = 1; i <= k; ++i) ways *= static_cast<double>(n - k + i) / i;
  return ways;
}

// The largest size up to which all multisets of `kinds` kinds are at most kMaxMixedClusters.
int LargestMixedSize(std::size_t kinds, int max_nodes) {
  const int n = static_cast<int>(kinds);
  int size = 1;
  for (double sets = 0; size < max_nodes; ++size) {
    sets += Choose(n + size, size + 1);  // multisets of size + 1
    if (sets > kMaxMixedClusters) break;
  }
  return std::max(2, size);
}

// Calls `use` with every multiset of 2 to `max_nodes` of the kinds, as its first members. Mixed
// ones end at LargestMixedSize.
void ForEachMultiset(const std::vector<std::vector<int>>& by_kind, int max_nodes,
                     const std::function<void(const std::vector<int>&)>& use) {
  const int mixed = std::min(max_nodes, LargestMixedSize(by_kind.size(), max_nodes));
  std::vector<int> nodes;
  const std::function<void(std::size_t)> extend = [&](std::size_t kind) {
    if (kind == by_kind.size()) {
      if (nodes.size() >= 2) use(nodes);
      return;
    }
    const std::size_t held = nodes.size();
    extend(kind + 1);
    for (int node : by_kind[kind]) {
      if (static_cast<int>(nodes.size()) == mixed) break;
      nodes.push_back(node);
      extend(kind + 1);
    }
    nodes.resize(held);
  };
  extend(0);
  for (const std::vector<int>& kind : by_kind) {
    const std::size_t most = std::min(kind.size(), static_cast<std::size_t>(max_nodes));
    for (std::size_t n = static_cast<std::size_t>(mixed) + 1; n <= most; ++n) {
      use({kind.begin(), kind.begin() + static_cast<std::ptrdiff_t>(n)});
    }
  }
}

// How many disjoint sets with these kinds the members hold.
int CopiesIn(const std::vector<int>& members, const std::vector<int>& nodes,
             const std::vector<int>& kind_of) {
  const KindCounts have = CountKinds(members, kind_of);
  int copies = static_cast<int>(members.size());
  for (const auto& [kind, needed] : CountKinds(nodes, kind_of)) {
    const auto it = have.find(kind);
    copies = std::min(copies, it == have.end() ? 0 : it->second / needed);
  }
  return copies;
}

// What tells a set of a sparse component from another: each node's kind and its neighbours' kinds.
using SetLook = std::vector<std::pair<int, KindCounts>>;

// Connected sets of 2 to `max_nodes` nodes, one of each look, grown from one node of each kind.
std::vector<std::vector<int>> ConnectedSets(const Topology& topology, const Component& component,
                                            const std::vector<int>& kind_of, int max_nodes) {
  std::map<int, std::vector<int>> neighbours;
  const auto next_to = [&](int node) -> const std::vector<int>& {
    const auto it = neighbours.find(node);
    if (it != neighbours.end()) return it->second;
    return neighbours.emplace(node, topology.Neighbours(component, node)).first->second;
  };
  std::set<std::vector<int>> seen;
  std::set<SetLook> looks;
  std::vector<std::vector<int>> result;
  std::vector<std::vector<int>> frontier;
  for (const std::vector<int>& kind : ByKind(component.members, kind_of)) {
    frontier.push_back({kind.front()});
  }
  for (std::size_t at = 0; at < frontier.size(); ++at) {
    if (static_cast<int>(seen.size()) >= kMaxSparseClusters) break;
    const std::vector<int> nodes = frontier[at];
    if (nodes.size() >= 2) {
      SetLook look;
      for (int node : nodes) {
        std::vector<int> inside;
        std::set_intersection(next_to(node).begin(), next_to(node).end(), nodes.begin(),
                              nodes.end(), std::back_inserter(inside));
        look.push_back({kind_of[static_cast<std::size_t>(node)], CountKinds(inside, kind_of)});
      }
      std::sort(look.begin(), look.end());
      if (looks.insert(std::move(look)).second) result.push_back(nodes);
    }
    if (static_cast<int>(nodes.size()) >= max_nodes) continue;
    for (int node : nodes) {
      for (int neighbour : next_to(node)) {
        if (std::binary_search(nodes.begin(), nodes.end(), neighbour)) continue;
        std::vector<int> larger = nodes;
        larger.insert(std::upper_bound(larger.begin(), larger.end(), neighbour), neighbour);
        if (seen.insert(larger).second) frontier.push_back(std::move(larger));
      }
    }
  }
  return result;
}

}  // namespace

std::vector<int> KindOfNodes(const fleet::Fleet& fleet, const Topology& topology) {
  std::vector<int> kinds = KindsByAttributes(fleet);
  if (topology.components().empty()) return kinds;
  // Neighbours inside components that are not full meshes, by node and component.
  std::vector<std::map<std::size_t, std::vector<int>>> neighbours(fleet.nodes().size());
  for (std::size_t c = 0; c < topology.components().size(); ++c) {
    const Component& component = topology.components()[c];
    if (component.full_mesh) continue;
    for (int g : component.groups) {
      if (topology.IsMesh(g)) continue;
      for (const auto& [a, b] : fleet.links()[static_cast<std::size_t>(g)].pairs) {
        neighbours[static_cast<std::size_t>(a)][c].push_back(b);
        neighbours[static_cast<std::size_t>(b)][c].push_back(a);
      }
    }
  }
  for (int count = CountDistinct(kinds);;) {
    kinds = Refine(fleet, topology, neighbours, kinds);
    const int refined = CountDistinct(kinds);
    if (refined == count) return kinds;
    count = refined;
  }
}

std::vector<NodeKind> GroupKinds(const fleet::Fleet& fleet) {
  std::vector<NodeKind> kinds;
  const std::vector<int> kind_of = KindOfNodes(fleet, Topology(fleet));
  for (std::size_t i = 0; i < kind_of.size(); ++i) {
    const auto kind = static_cast<std::size_t>(kind_of[i]);
    if (kind >= kinds.size()) kinds.resize(kind + 1);
    kinds[kind].nodes.push_back(static_cast<int>(i));
  }
  return kinds;
}

std::vector<Cluster> JoinedClusters(const Topology& topology, const std::vector<int>& kind_of,
                                    int max_nodes) {
  std::vector<int> all(kind_of.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
  std::vector<Cluster> clusters;
  for (const std::vector<int>& kind : ByKind(all, kind_of)) {
    clusters.push_back({{kind.front()}, {}, static_cast<int>(kind.size())});
  }
  // Components that look alike are enumerated once and counted.
  std::map<std::tuple<const catalog::Link*, bool, KindCounts>, std::vector<const Component*>> alike;
  std::vector<const std::vector<const Component*>*> order;
  for (const Component& component : topology.components()) {
    std::vector<const Component*>& same =
        alike[{component.link, component.full_mesh, CountKinds(component.members, kind_of)}];
    if (same.empty()) order.push_back(&same);
    same.push_back(&component);
  }
  for (const std::vector<const Component*>* same : order) {
    const Component& first = *same->front();
    const auto add = [&](const std::vector<int>& nodes) {
      Cluster cluster{nodes, {}, 0};
      std::sort(cluster.nodes.begin(), cluster.nodes.end());
      cluster.joint = topology.Join(cluster.nodes, first.link);
      for (const Component* component : *same) {
        cluster.copies += CopiesIn(component->members, nodes, kind_of);
      }
      clusters.push_back(std::move(cluster));
    };
    if (first.full_mesh) {
      ForEachMultiset(ByKind(first.members, kind_of), max_nodes, add);
    } else {
      for (const std::vector<int>& nodes : ConnectedSets(topology, first, kind_of, max_nodes)) {
        add(nodes);
      }
    }
  }
  return clusters;
}

std::vector<Cluster> UnjoinedSets(const Topology& topology, const std::vector<int>& kind_of,
                                  int max_nodes) {
  std::vector<int> all(kind_of.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
  std::vector<Cluster> sets;
  const auto joined = [&](const std::vector<int>& nodes) {
    return std::any_of(topology.components().begin(), topology.components().end(),
                       [&](const Component& component) {
                         return std::all_of(nodes.begin(), nodes.end(), [&](int node) {
                           return std::binary_search(component.members.begin(),
                                                     component.members.end(), node);
                         });
                       });
  };
  ForEachMultiset(ByKind(all, kind_of), max_nodes, [&](const std::vector<int>& nodes) {
    std::vector<int> sorted = nodes;
    std::sort(sorted.begin(), sorted.end());
    if (!joined(sorted)) sets.push_back({std::move(sorted), {}, 1});
  });
  return sets;
}

std::vector<Cluster> ReplicaSets(const std::vector<int>& kind_of, int max_nodes) {
  std::vector<int> all(kind_of.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
  const std::vector<std::vector<int>> by_kind = ByKind(all, kind_of);
  std::vector<Cluster> sets;
  const auto add = [&](const std::vector<int>& nodes) {
    sets.push_back({nodes, {}, CopiesIn(all, nodes, kind_of)});
    std::sort(sets.back().nodes.begin(), sets.back().nodes.end());
  };
  if (static_cast<int>(all.size()) <= max_nodes) {
    ForEachMultiset(by_kind, max_nodes, add);
  } else {
    for (const std::vector<int>& kind : by_kind) ForEachMultiset({kind}, max_nodes, add);
  }
  return sets;
}

}  // namespace capacity::placement
