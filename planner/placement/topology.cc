#include "planner/placement/topology.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace capacity::placement {
namespace {

bool IsFullMesh(const fleet::LinkGroup& group) {
  const std::size_t n = group.members.size();
  return group.full_mesh || group.pairs.size() == n * (n - 1) / 2;
}

// Disjoint sets over link groups.
class UnionFind {
 public:
  explicit UnionFind(int count) : parent_(static_cast<std::size_t>(count)) {
    std::iota(parent_.begin(), parent_.end(), 0);
  }
  int Find(int x) {
    while (At(x) != x) x = At(x) = At(At(x));
    return x;
  }
  void Union(int a, int b) { At(std::max(Find(a), Find(b))) = std::min(Find(a), Find(b)); }

 private:
  int& At(int x) { return parent_[static_cast<std::size_t>(x)]; }
  std::vector<int> parent_;
};

// Whether the nodes can be put in a row in which neighbours are joined.
bool HasChain(const std::vector<std::vector<char>>& joined, std::vector<int>& row,
              std::vector<char>& used) {
  const int n = static_cast<int>(joined.size());
  if (static_cast<int>(row.size()) == n) return true;
  for (int next = 0; next < n; ++next) {
    const auto at = static_cast<std::size_t>(next);
    if (used[at]) continue;
    if (!row.empty() && !joined[static_cast<std::size_t>(row.back())][at]) continue;
    used[at] = 1;
    row.push_back(next);
    if (HasChain(joined, row, used)) return true;
    row.pop_back();
    used[at] = 0;
  }
  return false;
}

}  // namespace

Topology::Topology(const fleet::Fleet& fleet) : fleet_(&fleet) {
  const std::vector<fleet::LinkGroup>& groups = fleet.links();
  groups_of_.resize(fleet.nodes().size());
  UnionFind sets(static_cast<int>(groups.size()));
  std::map<std::pair<const catalog::Link*, int>, int> first_at;  // node and link -> first group
  for (int g = 0; g < static_cast<int>(groups.size()); ++g) {
    const fleet::LinkGroup& group = groups[static_cast<std::size_t>(g)];
    full_mesh_.push_back(IsFullMesh(group));
    for (int member : group.members) {
      groups_of_[static_cast<std::size_t>(member)].push_back(g);
      const auto [it, inserted] = first_at.try_emplace({group.link, member}, g);
      if (!inserted) sets.Union(it->second, g);
    }
  }
  std::map<int, std::size_t> component_of;
  for (int g = 0; g < static_cast<int>(groups.size()); ++g) {
    const auto [it, inserted] = component_of.try_emplace(sets.Find(g), components_.size());
    if (inserted) components_.push_back({.link = groups[static_cast<std::size_t>(g)].link});
    components_[it->second].groups.push_back(g);
  }
  for (Component& component : components_) {
    for (int g : component.groups) {
      const std::vector<int>& members = groups[static_cast<std::size_t>(g)].members;
      component.members.insert(component.members.end(), members.begin(), members.end());
    }
    std::sort(component.members.begin(), component.members.end());
    component.members.erase(std::unique(component.members.begin(), component.members.end()),
                            component.members.end());
    component.full_mesh = component.groups.size() == 1 &&
                          full_mesh_[static_cast<std::size_t>(component.groups[0])] != 0;
  }
}

int Topology::GroupJoining(const catalog::Link* link, int a, int b) const {
  const std::pair<int, int> pair = std::minmax(a, b);
  for (int g : groups_of_[static_cast<std::size_t>(a)]) {
    const fleet::LinkGroup& group = fleet_->links()[static_cast<std::size_t>(g)];
    if (group.link != link) continue;
    const bool joins =
        full_mesh_[static_cast<std::size_t>(g)]
            ? std::binary_search(group.members.begin(), group.members.end(), b)
            : std::find(group.pairs.begin(), group.pairs.end(), pair) != group.pairs.end();
    if (joins) return g;
  }
  return -1;
}

std::vector<const catalog::Link*> Topology::LinksAmong(const std::vector<int>& nodes) const {
  std::map<int, const catalog::Link*> found;  // by first group, for a stable order
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (int g : groups_of_[static_cast<std::size_t>(nodes[i])]) {
      const catalog::Link* link = fleet_->links()[static_cast<std::size_t>(g)].link;
      for (std::size_t j = 0; j < nodes.size(); ++j) {
        if (j != i && GroupJoining(link, nodes[i], nodes[j]) == g) found.emplace(g, link);
      }
    }
  }
  std::vector<const catalog::Link*> links;
  for (const auto& [group, link] : found) {
    if (std::find(links.begin(), links.end(), link) == links.end()) links.push_back(link);
  }
  return links;
}

bool Topology::IsMesh(int group) const { return full_mesh_[static_cast<std::size_t>(group)] != 0; }

Joint Topology::Join(const std::vector<int>& nodes, const catalog::Link* link) const {
  Joint joint;
  joint.link = link;
  const std::size_t n = nodes.size();
  std::vector<std::vector<char>> joined(n, std::vector<char>(n, 0));
  Seconds slowest;
  bool all_measured = true;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i + 1; j < n; ++j) {
      const int g = GroupJoining(link, nodes[i], nodes[j]);
      if (g < 0) {
        joint.missing.push_back({nodes[i], nodes[j]});
        continue;
      }
      joined[i][j] = joined[j][i] = 1;
      const auto& latency = fleet_->links()[static_cast<std::size_t>(g)].all_reduce_latency;
      all_measured = all_measured && latency.has_value();
      slowest = std::max(slowest, latency.value_or(Seconds{0}));
    }
  }
  joint.full_mesh = joint.missing.empty();
  std::vector<int> row;
  std::vector<char> used(n, 0);
  joint.chain = joint.full_mesh || HasChain(joined, row, used);
  if (all_measured && slowest.value > 0) joint.all_reduce = slowest;
  return joint;
}

std::vector<int> Topology::Neighbours(const Component& component, int node) const {
  std::vector<int> neighbours;
  for (int g : component.groups) {
    const fleet::LinkGroup& group = fleet_->links()[static_cast<std::size_t>(g)];
    if (full_mesh_[static_cast<std::size_t>(g)]) {
      if (!std::binary_search(group.members.begin(), group.members.end(), node)) continue;
      for (int member : group.members) {
        if (member != node) neighbours.push_back(member);
      }
      continue;
    }
    for (const auto& [a, b] : group.pairs) {
      if (a == node) neighbours.push_back(b);
      if (b == node) neighbours.push_back(a);
    }
  }
  std::sort(neighbours.begin(), neighbours.end());
  neighbours.erase(std::unique(neighbours.begin(), neighbours.end()), neighbours.end());
  return neighbours;
}

}  // namespace capacity::placement
