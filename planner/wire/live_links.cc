#include "planner/wire/live_links.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/wire/subnet.h"

namespace capacity::wire {
namespace {

using v1::Port;
using Nodes = std::vector<fleet::Node>;
using Pair = std::pair<int, int>;  // indices of nodes, first < second

Pair Ordered(int a, int b) { return {std::min(a, b), std::max(a, b)}; }

// Cages of ConnectX-7 are those that the catalogue says the machine has. On any other machine a
// network card of that make is an Ethernet port; agents before 2026-11-23 called every port that
// can do RDMA a ConnectX. What is at a Thunderbolt port only a Mac tells; elsewhere it is a network
// like another, as fast as it was measured.
Port::Kind KindOf(const fleet::Node& node, const Port& port) {
  const bool cages = node.machine != nullptr && node.machine->ports.connectx7.has_value();
  const bool mac = node.machine != nullptr && node.machine->os == catalog::OperatingSystem::kMacos;
  if (port.kind() == Port::KIND_THUNDERBOLT && !mac) return Port::KIND_ETHERNET;
  return port.kind() == Port::KIND_CONNECTX && !cages ? Port::KIND_ETHERNET : port.kind();
}

// Of a cable between ports of these kinds. A cage carries Ethernet, so with another network card at
// the other end that is what it is. Nullopt: no cable joins them.
std::optional<Port::Kind> KindOfWay(Port::Kind one, Port::Kind other) {
  if (one == other) return one;
  const auto carries_ethernet = [](Port::Kind kind) {
    return kind == Port::KIND_CONNECTX || kind == Port::KIND_ETHERNET;
  };
  if (carries_ethernet(one) && carries_ethernet(other)) return Port::KIND_ETHERNET;
  return std::nullopt;
}

// What is known of the way between two nodes over one kind of port.
struct Measured {
  std::optional<Seconds> round_trip;
  std::optional<BitsPerSecond> bandwidth;
};

// The newest measurement of each pair of addresses, found by the ports that have them.
class Measurements {
 public:
  Measurements(const Nodes& nodes, const std::vector<const v1::NodeReport*>& reports,
               const std::vector<std::string>& node_ids, const std::vector<LiveLink>& measured);

  // Pairs with a successful measurement between ports of this kind.
  std::set<Pair> PairsOver(Port::Kind kind) const;
  // Over ports of `kind`; of `subnet` unless that is empty. The best where there are several ways.
  Measured Between(Pair pair, Port::Kind kind, const std::string& subnet) const;

 private:
  struct Way {
    Pair pair;
    Port::Kind kind;
    std::string subnet;  // may be empty
    Measured measured;
  };
  std::vector<Way> ways_;
};

const Port* PortWith(const v1::NodeReport& report, const std::string& address) {
  for (const Port& port : report.ports()) {
    for (const std::string& own : port.addresses()) {
      if (PlainAddress(own) == address) return &port;
    }
  }
  return nullptr;
}

Measured ReadMeasured(const v1::LinkMeasurement& measurement) {
  constexpr double kMicro = 1e-6;
  constexpr double kLongest = 1e7;  // us; what an inventory may state, in tenths
  constexpr double kFastest = 1e13;
  Measured out;
  const double us = measurement.round_trip_median_us();
  if (measurement.has_round_trip_median_us() && us > 0 && us <= kLongest) {
    out.round_trip = Seconds{std::max(std::round(us * 10) / 10, 0.1) * kMicro};
  }
  // A collective waits for the slower direction.
  double bits = kFastest;
  bool known = false;
  if (measurement.has_send_bits_per_second()) {
    bits = std::min(bits, measurement.send_bits_per_second());
    known = true;
  }
  if (measurement.has_receive_bits_per_second()) {
    bits = std::min(bits, measurement.receive_bits_per_second());
    known = true;
  }
  if (known && bits >= 1 && bits < kFastest) out.bandwidth = BitsPerSecond{std::floor(bits)};
  return out;
}

Measurements::Measurements(const Nodes& nodes, const std::vector<const v1::NodeReport*>& reports,
                           const std::vector<std::string>& node_ids,
                           const std::vector<LiveLink>& measured) {
  std::map<std::string, int> index;
  for (std::size_t i = 0; i < node_ids.size(); ++i) index[node_ids[i]] = static_cast<int>(i);
  using Path = std::tuple<int, int, std::string, std::string>;
  std::map<Path, const LiveLink*> newest;
  for (const LiveLink& link : measured) {
    const auto from = index.find(link.from_node_id);
    const auto to = index.find(link.measurement.peer_node_id());
    if (from == index.end() || to == index.end() || from == to) continue;
    if (!link.measurement.failure().empty()) continue;
    const LiveLink*& known =
        newest[{from->second, to->second, PlainAddress(link.measurement.local_address()),
                PlainAddress(link.measurement.peer_address())}];
    if (known == nullptr || known->received_at_unix_ms <= link.received_at_unix_ms) known = &link;
  }
  for (const auto& [path, link] : newest) {
    const auto& [from, to, local, peer] = path;
    const Port* port = PortWith(*reports[static_cast<std::size_t>(from)], local);
    const Port* far = PortWith(*reports[static_cast<std::size_t>(to)], peer);
    if (port == nullptr || far == nullptr) continue;
    const std::optional<Port::Kind> kind =
        KindOfWay(KindOf(nodes[static_cast<std::size_t>(from)], *port),
                  KindOf(nodes[static_cast<std::size_t>(to)], *far));
    if (!kind) continue;
    ways_.push_back(
        {Ordered(from, to), *kind, SubnetOf(local).value_or(""), ReadMeasured(link->measurement)});
  }
}

std::set<Pair> Measurements::PairsOver(Port::Kind kind) const {
  std::set<Pair> pairs;
  for (const Way& way : ways_) {
    if (way.kind == kind) pairs.insert(way.pair);
  }
  return pairs;
}

Measured Measurements::Between(Pair pair, Port::Kind kind, const std::string& subnet) const {
  Measured best;
  for (const Way& way : ways_) {
    if (way.pair != pair || way.kind != kind) continue;
    if (!subnet.empty() && way.subnet != subnet) continue;
    const Measured& m = way.measured;
    if (m.round_trip && (!best.round_trip || *m.round_trip < *best.round_trip)) {
      best.round_trip = m.round_trip;
    }
    if (m.bandwidth && (!best.bandwidth || *best.bandwidth < *m.bandwidth)) {
      best.bandwidth = m.bandwidth;
    }
  }
  return best;
}

// Sets of nodes that hang together by `pairs`, each with its pairs.
std::vector<std::set<Pair>> Components(const std::set<Pair>& pairs) {
  std::vector<std::set<Pair>> components;
  std::set<Pair> left = pairs;
  while (!left.empty()) {
    std::set<Pair> component;
    std::set<int> nodes = {left.begin()->first};
    for (bool grown = true; grown;) {
      grown = false;
      for (auto it = left.begin(); it != left.end();) {
        if (nodes.count(it->first) == 0 && nodes.count(it->second) == 0) {
          ++it;
          continue;
        }
        nodes.insert({it->first, it->second});
        component.insert(*it);
        it = left.erase(it);
        grown = true;
      }
    }
    components.push_back(std::move(component));
  }
  return components;
}

class LinkFinder {
 public:
  LinkFinder(const catalog::Catalog& catalog, const std::vector<const v1::NodeReport*>& reports,
             const std::vector<std::string>& node_ids, const std::vector<LiveLink>& measured,
             LiveFleet& fleet)
      : catalog_(catalog),
        reports_(reports),
        measurements_(fleet.nodes, reports, node_ids, measured),
        fleet_(fleet) {}

  void FindThunderbolt();
  void FindConnectX();
  void FindEthernet();
  void NameOtherPorts();

 private:
  // A machine in a network.
  struct Member {
    double bits_per_second = 0;  // the fastest that its ports there negotiated; 0: not known
    std::set<std::string> addresses;
  };
  using Network = std::map<int, Member>;  // by node

  std::set<Pair> Possible(const catalog::Link& link, const std::set<Pair>& pairs);
  void AddPairs(const char* kind, const std::set<Pair>& pairs, Port::Kind ports);
  void AddMesh(const catalog::Link& link, const std::vector<int>& members,
               const std::string& subnet);
  void Add(fleet::LinkGroup group, int measured_pairs);
  int Measure(fleet::LinkGroup& group, Port::Kind kind, const std::string& subnet) const;
  const std::string& NameOf(int node) const {
    return fleet_.nodes[static_cast<std::size_t>(node)].name;
  }
  Port::Kind KindAt(int node, const Port& port) const {
    return KindOf(fleet_.nodes[static_cast<std::size_t>(node)], port);
  }
  bool RdmaReady(int node, const Port& port) const;
  const catalog::Link* EthernetAt(double bits_per_second) const;
  const catalog::Link* EthernetFor(double measured_bits_per_second) const;
  double FastestMeasured(int node, const std::string& subnet) const;
  std::map<std::string, Network> EthernetNetworks() const;

  const catalog::Catalog& catalog_;
  const std::vector<const v1::NodeReport*>& reports_;
  Measurements measurements_;
  LiveFleet& fleet_;
};

// Adds the group unless machines of these kinds cannot be joined so; that is then a note.
void LinkFinder::Add(fleet::LinkGroup group, int measured_pairs) {
  std::vector<std::string> violations = fleet::LinkViolations(fleet_.nodes, group);
  std::vector<fleet::LinkGroup> groups;
  for (const NamedLinks& links : fleet_.links) groups.push_back(links.group);
  groups.push_back(group);
  if (violations.empty()) {
    for (const fleet::PortShortage& shortage : fleet::PortShortages(fleet_.nodes, groups)) {
      violations.push_back(shortage.problem);
    }
  }
  if (!violations.empty()) {
    fleet_.notes.push_back(
        absl::StrCat("a link ", group.link->id, " of ", NameOf(group.members.front()), " and ",
                     group.members.size() - 1, " more is left out: ", violations.front()));
    return;
  }
  const auto same =
      std::count_if(fleet_.links.begin(), fleet_.links.end(),
                    [&](const NamedLinks& links) { return links.group.link == group.link; });
  std::string name = group.link->id;
  if (same > 0) absl::StrAppend(&name, "-", same + 1);
  fleet_.links.push_back({std::move(name), std::move(group), measured_pairs});
}

// The slowest of the measured pairs speaks for the group. Returns how many were measured.
int LinkFinder::Measure(fleet::LinkGroup& group, Port::Kind kind, const std::string& subnet) const {
  int measured_pairs = 0;
  for (const Pair& pair : group.pairs) {
    const Measured m = measurements_.Between(pair, kind, subnet);
    if (m.round_trip || m.bandwidth) ++measured_pairs;
    if (m.round_trip && (!group.round_trip || *group.round_trip < *m.round_trip)) {
      group.round_trip = m.round_trip;
    }
    if (m.bandwidth && (!group.measured_bandwidth || *m.bandwidth < *group.measured_bandwidth)) {
      group.measured_bandwidth = m.bandwidth;
    }
  }
  return measured_pairs;
}

// Those of `pairs` that machines of their kinds can be joined by; a note for each of the others.
std::set<Pair> LinkFinder::Possible(const catalog::Link& link, const std::set<Pair>& pairs) {
  std::set<Pair> possible;
  for (const Pair& pair : pairs) {
    const std::vector<std::string> violations =
        fleet::LinkViolations(fleet_.nodes, fleet::FullMesh(link, {pair.first, pair.second}));
    if (violations.empty()) {
      possible.insert(pair);
    } else {
      fleet_.notes.push_back(absl::StrCat("a link ", link.id, " of ", NameOf(pair.first), " and ",
                                          NameOf(pair.second),
                                          " is left out: ", violations.front()));
    }
  }
  return possible;
}

void LinkFinder::AddPairs(const char* kind, const std::set<Pair>& pairs, Port::Kind ports) {
  const catalog::Link* link = catalog_.FindLink(kind);
  if (link == nullptr) {
    if (!pairs.empty()) fleet_.notes.push_back(absl::StrCat("the catalogue has no link ", kind));
    return;
  }
  for (const std::set<Pair>& component : Components(Possible(*link, pairs))) {
    fleet::LinkGroup group;
    group.link = link;
    std::set<int> members;
    for (const Pair& pair : component) members.insert({pair.first, pair.second});
    group.members.assign(members.begin(), members.end());
    group.pairs.assign(component.begin(), component.end());
    group.full_mesh = group.pairs.size() == members.size() * (members.size() - 1) / 2;
    // Measured over IP: says nothing about RDMA on the same cable.
    const int measured =
        link->transport == catalog::Transport::kTcp ? Measure(group, ports, "") : 0;
    Add(std::move(group), measured);
  }
}

bool LinkFinder::RdmaReady(int node, const Port& port) const {
  const v1::Rdma& rdma = reports_[static_cast<std::size_t>(node)]->rdma();
  if (rdma.state() != v1::Rdma::STATE_ENABLED) return false;
  return !port.has_rdma_capable() || port.rdma_capable();
}

void LinkFinder::FindThunderbolt() {
  struct End {
    int node;
    const Port* port;
  };
  std::map<std::pair<std::string, std::string>, End> ends;  // by (own bus, other bus)
  for (std::size_t i = 0; i < reports_.size(); ++i) {
    for (const Port& port : reports_[i]->ports()) {
      if (port.kind() != Port::KIND_THUNDERBOLT || port.domain().empty()) continue;
      if (port.peer_domain().empty()) continue;
      ends.insert({{port.domain(), port.peer_domain()}, {static_cast<int>(i), &port}});
    }
  }
  std::set<Pair> cabled;
  std::set<Pair> rdma;
  for (const auto& [buses, end] : ends) {
    const auto other = ends.find({buses.second, buses.first});
    if (other == ends.end() || other->second.node == end.node) continue;
    const Pair pair = Ordered(end.node, other->second.node);
    cabled.insert(pair);
    if (RdmaReady(end.node, *end.port) && RdmaReady(other->second.node, *other->second.port)) {
      rdma.insert(pair);
    }
  }
  AddPairs("rdma-tb5", rdma, Port::KIND_THUNDERBOLT);
  AddPairs("tcp-tb5", cabled, Port::KIND_THUNDERBOLT);
}

void LinkFinder::FindConnectX() {
  std::set<Pair> joined = measurements_.PairsOver(Port::KIND_CONNECTX);
  // What the other end calls itself, against how machines call themselves.
  std::map<std::string, int> by_hostname;
  for (std::size_t i = 0; i < reports_.size(); ++i) {
    by_hostname.insert({reports_[i]->hostname(), static_cast<int>(i)});
  }
  std::set<int> rdma_nodes;
  std::map<std::string, std::map<std::string, std::set<int>>> networks;  // subnet, address, nodes
  for (std::size_t i = 0; i < reports_.size(); ++i) {
    for (const Port& port : reports_[i]->ports()) {
      const int node = static_cast<int>(i);
      if (KindAt(node, port) != Port::KIND_CONNECTX || port.state() != Port::STATE_UP) continue;
      if (port.rdma_active()) rdma_nodes.insert(node);
      for (const std::string& address : port.addresses()) {
        if (const auto subnet = SubnetOf(address)) {
          networks[*subnet][PlainAddress(address)].insert(node);
        }
      }
      const auto peer = by_hostname.find(port.peer_name());
      if (!port.peer_name().empty() && peer != by_hostname.end() && peer->second != node) {
        joined.insert(Ordered(node, peer->second));
      }
    }
  }
  // A network of its own between fast ports is as good as a cable's name at the other end.
  for (const auto& [subnet, addresses] : networks) {
    std::vector<int> nodes;
    for (const auto& [address, owners] : addresses) {
      if (owners.size() == 1) nodes.push_back(*owners.begin());
    }
    for (std::size_t i = 0; i < nodes.size() && nodes.size() <= fleet::kMaxListedMeshMembers; ++i) {
      for (std::size_t j = i + 1; j < nodes.size(); ++j) {
        if (nodes[i] != nodes[j]) joined.insert(Ordered(nodes[i], nodes[j]));
      }
    }
  }
  std::set<Pair> rdma;
  for (const Pair& pair : joined) {
    if (rdma_nodes.count(pair.first) > 0 && rdma_nodes.count(pair.second) > 0) rdma.insert(pair);
  }
  AddPairs("rdma-cx7-200g", rdma, Port::KIND_CONNECTX);
  AddPairs("tcp-cx7-200g", joined, Port::KIND_CONNECTX);
}

// The fastest Ethernet of the catalogue that is no faster than the negotiated rate.
const catalog::Link* LinkFinder::EthernetAt(double bits_per_second) const {
  const catalog::Link* best = nullptr;
  for (const catalog::Link& link : catalog_.links) {
    if (link.medium != "ethernet" || !link.bandwidth) continue;
    if (link.bandwidth->value > bits_per_second) continue;
    if (best == nullptr || best->bandwidth->value < link.bandwidth->value) best = &link;
  }
  return best;
}

// The slowest Ethernet of the catalogue that can have carried what was measured; none when nothing
// was.
const catalog::Link* LinkFinder::EthernetFor(double measured_bits_per_second) const {
  if (measured_bits_per_second <= 0) return nullptr;
  const catalog::Link* best = nullptr;
  for (const catalog::Link& link : catalog_.links) {
    if (link.medium != "ethernet" || !link.bandwidth) continue;
    if (link.bandwidth->value < measured_bits_per_second) continue;
    if (best == nullptr || link.bandwidth->value < best->bandwidth->value) best = &link;
  }
  return best;
}

// Bits a second to any other node of the network; 0: not measured.
double LinkFinder::FastestMeasured(int node, const std::string& subnet) const {
  double fastest = 0;
  for (int other = 0; other < static_cast<int>(reports_.size()); ++other) {
    if (other == node) continue;
    const Measured m = measurements_.Between(Ordered(node, other), Port::KIND_ETHERNET, subnet);
    if (m.bandwidth) fastest = std::max(fastest, m.bandwidth->value);
  }
  return fastest;
}

void LinkFinder::AddMesh(const catalog::Link& link, const std::vector<int>& members,
                         const std::string& subnet) {
  fleet::LinkGroup group = fleet::FullMesh(link, members);
  const int measured = Measure(group, Port::KIND_ETHERNET, subnet);
  Add(std::move(group), measured);
}

// The machines of each network that is Ethernet for at least one of them. A cage of ConnectX-7 is
// its machine's port there only where that has no other.
std::map<std::string, LinkFinder::Network> LinkFinder::EthernetNetworks() const {
  std::map<std::string, Network> networks;
  std::map<std::string, Network> cages;
  for (std::size_t i = 0; i < reports_.size(); ++i) {
    const int node = static_cast<int>(i);
    for (const Port& port : reports_[i]->ports()) {
      if (port.state() != Port::STATE_UP) continue;
      const Port::Kind kind = KindAt(node, port);
      if (kind != Port::KIND_ETHERNET && kind != Port::KIND_CONNECTX) continue;
      for (const std::string& address : port.addresses()) {
        const std::optional<std::string> subnet = SubnetOf(address);
        if (!subnet) continue;
        Member& member = (kind == Port::KIND_ETHERNET ? networks : cages)[*subnet][node];
        member.bits_per_second =
            std::max(member.bits_per_second, port.negotiated_bits_per_second());
        member.addresses.insert(PlainAddress(address));
      }
    }
  }
  for (auto& [subnet, members] : networks) {
    const auto beside = cages.find(subnet);
    if (beside != cages.end()) members.merge(beside->second);
  }
  return networks;
}

void LinkFinder::FindEthernet() {
  const std::map<std::string, Network> networks = EthernetNetworks();
  std::map<std::string, std::set<int>> owners;  // of an address
  for (const auto& [subnet, members] : networks) {
    for (const auto& [node, member] : members) {
      for (const std::string& address : member.addresses) owners[address].insert(node);
    }
  }
  std::set<std::pair<const catalog::Link*, std::vector<int>>> added;
  for (const auto& [subnet, members] : networks) {
    std::map<double, const catalog::Link*, std::greater<>> kinds;  // fastest first
    std::map<int, double> rates;
    for (const auto& [node, member] : members) {
      // The same address on two machines is a bridge inside each (Docker's 172.17.0.1), no network.
      const bool shared =
          std::all_of(member.addresses.begin(), member.addresses.end(),
                      [&](const std::string& address) { return owners[address].size() > 1; });
      if (shared) continue;
      // Virtual network cards negotiate nothing, and not every system tells the rate.
      const catalog::Link* link = member.bits_per_second > 0
                                      ? EthernetAt(member.bits_per_second)
                                      : EthernetFor(FastestMeasured(node, subnet));
      if (link == nullptr) {
        fleet_.notes.push_back(absl::StrCat(
            NameOf(node), " is left out of its Ethernet network: ",
            member.bits_per_second > 0
                ? "it negotiated a rate below every link of the catalogue"
                : "it does not say what rate it negotiated, and no link to it was measured"));
        continue;
      }
      kinds[link->bandwidth->value] = link;
      rates[node] = link->bandwidth->value;
    }
    std::size_t before = 0;
    for (const auto& [rate, link] : kinds) {
      std::vector<int> reached;
      for (const auto& [node, own] : rates) {
        if (own >= rate) reached.push_back(node);
      }
      if (reached.size() < 2 || reached.size() == before) continue;
      before = reached.size();
      // Two networks over the same machines (IPv4 and IPv6, say) are one wire.
      if (added.insert({link, reached}).second) AddMesh(*link, reached, subnet);
    }
  }
}

// A port of a kind that no link of the catalogue is of, which someone uses all the same.
void LinkFinder::NameOtherPorts() {
  for (std::size_t i = 0; i < reports_.size(); ++i) {
    for (const Port& port : reports_[i]->ports()) {
      if (port.kind() != Port::KIND_UNSPECIFIED || port.state() != Port::STATE_UP) continue;
      if (port.addresses().empty()) continue;
      fleet_.notes.push_back(absl::StrCat("the port ", port.name(), " of ",
                                          NameOf(static_cast<int>(i)),
                                          " is of no kind that plans know (InfiniBand, say): no "
                                          "link is made of it"));
    }
  }
}

}  // namespace

void FindLinks(const catalog::Catalog& catalog, const std::vector<const v1::NodeReport*>& reports,
               const std::vector<std::string>& node_ids, const std::vector<LiveLink>& measured,
               LiveFleet& fleet) {
  LinkFinder finder(catalog, reports, node_ids, measured, fleet);
  finder.FindThunderbolt();
  finder.FindConnectX();
  finder.FindEthernet();
  finder.NameOtherPorts();
}

}  // namespace capacity::wire
