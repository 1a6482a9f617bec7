#include "planner/purchase/clusters.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/economics/economics.h"
#include "planner/fit/fit.h"
#include "planner/placement/kinds.h"
#include "planner/placement/topology.h"

namespace capacity::purchase {
namespace {

using fleet::Baseline;
using placement::Placement;

constexpr double kTokensPerMtok = 1e6;
constexpr double kWattsPerKilowatt = 1000;

// Real files are up to this much smaller than parameters x bits, and are read as much faster.
constexpr double kFileSlack = 1.15;

// A file is taken not to fit a node by itself from this share of the node's budget on; between here
// and the whole of it the placement decides.
constexpr double kMayNotFitAbove = 0.9;

// ---------------------------------------------------------------- files and their worth

// One model in one quantization on one engine family, for one workload.
struct File {
  const catalog::Model* model = nullptr;
  const catalog::Quantization* quant = nullptr;
  std::map<Baseline, UsdPerMtok> saved;
  double held_bytes = 0;  // weights and cache of the workload's streams
  double read_bytes = 0;  // a token, one stream, cache left out
  bool measured = false;  // somebody measured it on the fleet: no roofline is trusted over that
};

placement::Load LoadOf(const fleet::Workload& workload) {
  placement::Load load;
  load.context_tokens = workload.context_tokens;
  load.prompt_tokens = workload.prompt_tokens;
  load.concurrency = workload.concurrency;
  return load;
}

std::map<Baseline, UsdPerMtok> SavedBy(const catalog::Catalog& catalog,
                                       const fleet::Workload& workload,
                                       const catalog::Model& model) {
  std::map<Baseline, UsdPerMtok> saved;
  for (Baseline baseline : fleet::kBaselines) {
    const auto price = economics::PriceFor(catalog, workload, model, baseline);
    if (price.ok()) saved[baseline] = economics::SavedPerOutputMtok(workload, *price);
  }
  return saved;
}

bool Measured(const fleet::Fleet& fleet, const catalog::Model& model,
              const catalog::Quantization& quant) {
  return std::any_of(fleet.measurements().begin(), fleet.measurements().end(),
                     [&](const fleet::SpeedMeasurement& measurement) {
                       return measurement.model == &model && measurement.quant == &quant;
                     });
}

// The bounds on what a file holds and reads, over the engines that can load it.
void SizeFile(const catalog::Catalog& catalog, const fleet::Workload& workload, File& file) {
  const placement::Load load = LoadOf(workload);
  double held = std::numeric_limits<double>::infinity();
  double read = std::numeric_limits<double>::infinity();
  for (catalog::Engine engine : file.quant->engines) {
    const auto weights = fit::ModelWeightBytes(catalog, *file.model, *file.quant, engine);
    if (weights.ok()) held = std::min(held, static_cast<double>(weights->bytes.count));
    const auto bytes = throughput::WeightBytesRead(*file.model, *file.quant, engine, 1);
    if (bytes.ok()) read = std::min(read, static_cast<double>(bytes->count));
  }
  const auto cache = fit::KvCacheBytes(*file.model, load.context_tokens, load.kv_bits);
  if (cache.ok()) held += static_cast<double>(cache->count) * std::max(1, load.concurrency);
  file.held_bytes = held;
  file.read_bytes = read;
}

// What may serve `workload`, smallest first.
std::vector<File> FilesFor(const catalog::Catalog& catalog, const fleet::Scenario& scenario,
                           const fleet::Workload& workload, double min_nominal_bits) {
  std::vector<File> files;
  for (const catalog::Model& model : catalog.models) {
    if (!economics::Accepts(catalog, workload, model)) continue;
    const std::map<Baseline, UsdPerMtok> saved = SavedBy(catalog, workload, model);
    if (saved.empty()) continue;
    for (const catalog::Quantization& quant : catalog.quantizations) {
      if (!placement::Proposable(quant, model, min_nominal_bits)) continue;
      File file{.model = &model, .quant = &quant, .saved = saved};
      SizeFile(catalog, workload, file);
      if (!std::isfinite(file.held_bytes)) continue;
      file.measured = Measured(scenario.fleet, model, quant);
      files.push_back(std::move(file));
    }
  }
  std::stable_sort(files.begin(), files.end(),
                   [](const File& a, const File& b) { return a.held_bytes < b.held_bytes; });
  return files;
}

// ---------------------------------------------------------------- nodes

// What bounds a node's part in anything.
struct NodeBounds {
  double budget_bytes = 0;      // zero: unknown, nothing can be placed
  double bytes_per_second = 0;  // all accelerators
  double running_watts = 0;     // load less idle
};

NodeBounds BoundsOf(const catalog::Catalog& catalog, const fleet::Node& node) {
  NodeBounds bounds;
  const auto budget = fit::NodeBudget(catalog, node);
  if (budget.ok()) bounds.budget_bytes = static_cast<double>(budget->bytes.count);
  bounds.bytes_per_second = node.bandwidth().value * node.machine->accelerators;
  const double load = node.load_power().value_or(Watts{0}).value;
  bounds.running_watts = std::max(0.0, load - node.idle_power().value_or(Watts{0}).value);
  return bounds;
}

double KilowattMonths(double watts, double usd_per_kwh) {
  return watts / kWattsPerKilowatt * economics::kHoursPerMonth * usd_per_kwh;
}

// ---------------------------------------------------------------- the search for candidates

// A service's claim on a place among the useful: what it saves under one baseline, and how fast.
struct Point {
  double usd_per_mtok = 0;
  double mtok_per_month = 0;
};
using Frontier = std::vector<Point>;  // of one cluster, workload and baseline

double FastestAtLeast(const Frontier& frontier, double usd_per_mtok) {
  double fastest = 0;
  for (const Point& point : frontier) {
    if (point.usd_per_mtok >= usd_per_mtok) fastest = std::max(fastest, point.mtok_per_month);
  }
  return fastest;
}

class Finder {
 public:
  Finder(const catalog::Catalog& catalog, const throughput::Calibration& calibration,
         const fleet::Scenario& scenario, const CandidateOptions& options)
      : catalog_(catalog),
        calibration_(calibration),
        scenario_(scenario),
        options_(options),
        fleet_(std::make_shared<fleet::Fleet>(scenario.fleet)) {
    for (const fleet::Workload& workload : scenario.workloads) {
      files_.push_back(FilesFor(catalog, scenario, workload, options.min_nominal_bits));
    }
  }

  Candidates Find() {
    FindKinds();
    AddSingles();
    AddOwnedClusters();
    AddNewClusters();
    return std::move(found_);
  }

 private:
  std::size_t Kinds() const { return found_.kinds.size(); }
  void Note(std::string note) {
    if (noted_.insert(note).second) found_.notes.push_back(std::move(note));
  }

  // ---- kinds

  void FindKinds() {
    for (const placement::NodeKind& kind : placement::GroupKinds(scenario_.fleet)) {
      const fleet::Node& node = fleet_->nodes()[static_cast<std::size_t>(kind.nodes.front())];
      found_.kinds.push_back({.machine = node.machine, .node = node, .owned = kind.nodes});
    }
    std::vector<int> order(scenario_.offers.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [this](int a, int b) {
      const fleet::Offer& left = OfferAt(a);
      const fleet::Offer& right = OfferAt(b);
      return std::tie(left.price, left.id) < std::tie(right.price, right.id);
    });
    for (int index : order) AddOffer(index);
    for (const MachineKind& kind : found_.kinds) {
      bounds_.push_back(BoundsOf(catalog_, kind.node));
      CheckFacts(kind);
    }
  }

  const fleet::Offer& OfferAt(int index) const {
    return scenario_.offers[static_cast<std::size_t>(index)];
  }

  // Offers come cheapest first.
  void AddOffer(int index) {
    const fleet::Offer& offer = OfferAt(index);
    if (const catalog::InterconnectItem* item = catalog_.FindItem(offer.item)) {
      item_offers_[item->id].push_back(index);
      return;
    }
    const catalog::Machine* machine = catalog_.FindMachine(offer.item);
    if (machine == nullptr) {
      Note(absl::StrCat("offer ", offer.id, " left out: the catalogue has no ", offer.item));
      return;
    }
    for (MachineKind& kind : found_.kinds) {
      if (kind.owned.empty() && kind.machine == machine) {
        kind.offers.push_back(index);
        return;
      }
    }
    const catalog::Chip* chip = catalog_.FindChip(machine->chip);
    if (chip == nullptr) {
      Note(absl::StrCat("offer ", offer.id, " left out: no chip is known for ", machine->id));
      return;
    }
    fleet::Node node;
    node.name = absl::StrCat("new ", machine->id);
    node.machine = machine;
    node.chip = chip;
    if (const fleet::Offer* same = EqualForLess(node)) {
      Note(absl::StrCat("offer ", offer.id, " left out: ", same->id, " is the same for less"));
      return;
    }
    found_.kinds.push_back({.machine = machine, .node = std::move(node), .offers = {index}});
  }

  // A cheaper machine on offer, without end, that differs in nothing that is computed with.
  const fleet::Offer* EqualForLess(const fleet::Node& node) const {
    for (const MachineKind& kind : found_.kinds) {
      if (kind.offers.empty() || OfferAt(kind.offers.front()).max_count < kUnlimited) continue;
      const catalog::Machine& a = *kind.machine;
      const catalog::Machine& b = *node.machine;
      const bool same = kind.node.chip == node.chip && a.memory == b.memory && a.os == b.os &&
                        a.accelerators == b.accelerators && a.idle_power == b.idle_power &&
                        a.load_power == b.load_power &&
                        a.vram_per_accelerator == b.vram_per_accelerator &&
                        a.memory_available == b.memory_available && SamePorts(a.ports, b.ports);
      if (same) return &OfferAt(kind.offers.front());
    }
    return nullptr;
  }

  static bool SamePorts(const catalog::Ports& a, const catalog::Ports& b) {
    auto flat = [](const catalog::Ports& p) {
      const auto t = p.thunderbolt.value_or(catalog::ThunderboltPorts{});
      const auto c = p.connectx7.value_or(catalog::ConnectX7Ports{});
      return std::tuple(t.version, t.count, t.rdma, c.cages, c.gbps, p.ethernet_gbps);
    };
    return flat(a) == flat(b);
  }

  void CheckFacts(const MachineKind& kind) {
    const bool idle = kind.node.idle_power().has_value();
    const bool load = kind.node.load_power().has_value();
    if (!load) {
      Note(absl::StrCat(
          kind.machine->id,
          ": power under load not known; its electricity while running is not counted"));
    }
    if (!idle && !kind.offers.empty()) {
      Note(absl::StrCat(kind.machine->id, ": idle power not known; its standby is not counted",
                        load ? ", running counts all of its load power" : ""));
    }
  }

  // ---- evaluation

  // Node indices of a cluster in its own fleet, with the placer for that fleet.
  struct Site {
    std::shared_ptr<const fleet::Fleet> fleet;
    const placement::Placer* placer = nullptr;
    std::vector<int> nodes;
    std::vector<int> kinds;
  };

  bool FitsOnEveryMember(const File& file, const std::vector<int>& kinds) const {
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      if (kinds[k] > 0 && file.held_bytes > kMayNotFitAbove * bounds_[k].budget_bytes) return false;
    }
    return true;
  }

  bool FitsOnSomeMember(const File& file, const std::vector<int>& kinds) const {
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      if (kinds[k] > 0 && file.held_bytes <= kMayNotFitAbove * bounds_[k].budget_bytes) return true;
    }
    return false;
  }

  double SumOver(const std::vector<int>& kinds, double NodeBounds::*member) const {
    double sum = 0;
    for (std::size_t k = 0; k < kinds.size(); ++k) sum += kinds[k] * bounds_[k].*member;
    return sum;
  }

  // No placement of `file` on these nodes makes more output: every byte is read at peak bandwidth
  // by all nodes at once, for each stream by itself, and prefill takes no time.
  double MostMtok(const File& file, const fleet::Workload& workload,
                  const std::vector<int>& kinds) const {
    if (file.measured || file.read_bytes <= 0) return std::numeric_limits<double>::infinity();
    const double tps = SumOver(kinds, &NodeBounds::bytes_per_second) / file.read_bytes *
                       kFileSlack * std::max(1, workload.concurrency);
    return tps * 3600 * economics::kHoursPerMonth / kTokensPerMtok;
  }

  // Whether what is known (this cluster's services and its nodes by themselves) serves as fast at
  // no less a token, under every baseline that has a price for it.
  bool Beaten(const File& file, double mtok, std::size_t workload, const std::vector<int>& kinds,
              const std::map<Baseline, Frontier>& own) const {
    for (const auto& [baseline, saved] : file.saved) {
      const auto known = own.find(baseline);
      if (known != own.end() && FastestAtLeast(known->second, saved.value) >= mtok) continue;
      double apart = 0;
      if (std::accumulate(kinds.begin(), kinds.end(), 0) > 1) {
        for (std::size_t k = 0; k < kinds.size(); ++k) {
          if (kinds[k] == 0) continue;
          const auto single =
              singles_.find({static_cast<int>(k), static_cast<int>(workload), baseline});
          if (single == singles_.end()) continue;
          apart += kinds[k] * FastestAtLeast(single->second, saved.value);
        }
      }
      if (apart < mtok) return false;
    }
    return true;
  }

  // The fastest legal placement of the file, as a service; nullopt when none serves the workload.
  std::optional<Service> Evaluate(const Site& site, const File& file, std::size_t w) const {
    const fleet::Workload& workload = scenario_.workloads[w];
    std::optional<Service> best;
    for (Placement& placement :
         site.placer->EnumerateOn(site.nodes, *file.model, *file.quant, LoadOf(workload))) {
      if (placement.verdict == fit::Verdict::kDoesNotFit || !placement.speed) continue;
      if (site.nodes.size() > 1 && placement.strategy == throughput::Strategy::kReplicas) continue;
      const double per_stream = placement.speed->decode_tps.mid / std::max(1, workload.concurrency);
      if (workload.min_decode_tps && per_stream < *workload.min_decode_tps) continue;
      const double mtok = MtokPerMonth(workload, {placement.speed->decode_tps.mid},
                                       {placement.speed->prefill_tps.mid});
      if (mtok <= 0 || (best && mtok <= best->mtok_per_month)) continue;
      const double watts = SumOver(site.kinds, &NodeBounds::running_watts);
      best =
          Service{.workload = static_cast<int>(w),
                  .placement = std::move(placement),
                  .mtok_per_month = mtok,
                  .saved = file.saved,
                  .electricity = {
                      KilowattMonths(watts, scenario_.assumptions.electricity_usd_per_kwh) / mtok}};
    }
    return best;
  }

  // Services of a site for one workload among `files` that pass `wanted`.
  template <class Wanted>
  void Serve(const Site& site, std::size_t w, Wanted wanted, std::map<Baseline, Frontier>& own,
             std::vector<Service>& services) const {
    const double budget = SumOver(site.kinds, &NodeBounds::budget_bytes);
    std::vector<std::pair<double, const File*>> order;
    for (const File& file : files_[w]) {
      if (file.held_bytes > budget) break;  // smallest first
      if (!wanted(file)) continue;
      const double most = MostMtok(file, scenario_.workloads[w], site.kinds);
      if (!Beaten(file, most, w, site.kinds, own)) order.emplace_back(most, &file);
    }
    std::stable_sort(order.begin(), order.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    for (const auto& [most, file] : order) {
      if (Beaten(*file, most, w, site.kinds, own)) continue;
      std::optional<Service> service = Evaluate(site, *file, w);
      if (!service || Beaten(*file, service->mtok_per_month, w, site.kinds, own)) continue;
      for (const auto& [baseline, saved] : service->saved) {
        own[baseline].push_back({saved.value, service->mtok_per_month});
      }
      services.push_back(*std::move(service));
    }
  }

  // ---- clusters

  void AddSingles() {
    // New machines stand in one fleet of their own, unlinked.
    std::vector<fleet::Node> nodes;
    for (const MachineKind& kind : found_.kinds) {
      if (kind.owned.empty()) nodes.push_back(kind.node);
    }
    auto created = fleet::Fleet::Create(std::move(nodes), {}, {});
    if (!created.ok()) return;  // new machines have distinct names and no links
    const auto shop = std::make_shared<const fleet::Fleet>(*std::move(created));
    // Sets of nodes are this file's business: the placers need list none.
    const placement::Options one{.max_cluster_nodes = 1};
    owned_placer_ = std::make_unique<placement::Placer>(catalog_, calibration_, *fleet_, one);
    const placement::Placer shop_placer(catalog_, calibration_, *shop, one);
    int next_new = 0;
    for (std::size_t k = 0; k < Kinds(); ++k) {
      const MachineKind& kind = found_.kinds[k];
      const bool owned = !kind.owned.empty();
      Candidate candidate;
      candidate.kinds.assign(Kinds(), 0);
      candidate.kinds[k] = 1;
      candidate.kind_of_node = {static_cast<int>(k)};
      candidate.fleet = owned ? fleet_ : shop;
      const Site site{candidate.fleet,
                      owned ? owned_placer_.get() : &shop_placer,
                      {owned ? kind.owned.front() : next_new},
                      candidate.kinds};
      if (!owned) ++next_new;
      for (std::size_t w = 0; w < files_.size(); ++w) {
        std::map<Baseline, Frontier> own;
        Serve(
            site, w, [](const File&) { return true; }, own, candidate.services);
        for (auto& [baseline, frontier] : own) {
          singles_[{static_cast<int>(k), static_cast<int>(w), baseline}] = std::move(frontier);
        }
      }
      if (candidate.services.empty()) {
        Note(absl::StrCat(kind.node.name, " by itself serves none of the workloads"));
        continue;
      }
      found_.clusters.push_back(std::move(candidate));
    }
  }

  // Files worth trying on several nodes: those that some member cannot serve alone. Where all can,
  // the nodes by themselves make more tokens than any cluster of them, and a cluster is only of use
  // to a workload that wants speed per stream.
  bool WorthJoining(const File& file, std::size_t w, const std::vector<int>& kinds) const {
    return file.measured || scenario_.workloads[w].min_decode_tps ||
           !FitsOnEveryMember(file, kinds);
  }

  void AddOwnedClusters() {
    const placement::Topology topology(*fleet_);
    const std::vector<int> kind_of = placement::KindOfNodes(*fleet_, topology);
    for (const placement::Cluster& cluster :
         placement::JoinedClusters(topology, kind_of, options_.max_owned_cluster_nodes)) {
      if (cluster.nodes.size() < 2) continue;
      Candidate candidate;
      candidate.kinds.assign(Kinds(), 0);
      for (int node : cluster.nodes) {
        candidate.kind_of_node.push_back(kind_of[static_cast<std::size_t>(node)]);
        ++candidate.kinds[static_cast<std::size_t>(candidate.kind_of_node.back())];
      }
      if (!owned_clusters_.insert(candidate.kinds).second) continue;  // over another link
      candidate.fleet = fleet_;
      const Site site{fleet_, owned_placer_.get(), cluster.nodes, candidate.kinds};
      for (std::size_t w = 0; w < files_.size(); ++w) {
        std::map<Baseline, Frontier> own;
        Serve(
            site, w, [&](const File& file) { return WorthJoining(file, w, candidate.kinds); }, own,
            candidate.services);
      }
      if (candidate.services.empty()) continue;
      int by_count = std::numeric_limits<int>::max();
      for (std::size_t k = 0; k < Kinds(); ++k) {
        if (candidate.kinds[k] == 0) continue;
        by_count =
            std::min(by_count, static_cast<int>(found_.kinds[k].owned.size()) / candidate.kinds[k]);
      }
      if (cluster.copies < by_count) candidate.max_copies = cluster.copies;
      found_.clusters.push_back(std::move(candidate));
    }
  }

  void AddNewClusters() {
    std::vector<int> kinds(Kinds(), 0);
    ExtendCluster(0, 0, 0, Usd{0}, kinds);
  }

  // Every multiset of 2 to max_new_cluster_nodes nodes whose new ones the budget pays for.
  void ExtendCluster(std::size_t kind, int size, int fresh, Usd cost, std::vector<int>& kinds) {
    if (size >= 2) AddNewCluster(kinds, fresh);
    if (size == options_.max_new_cluster_nodes) return;
    for (std::size_t k = kind; k < Kinds(); ++k) {
      const MachineKind& machine = found_.kinds[k];
      const bool owned = !machine.owned.empty();
      if (bounds_[k].budget_bytes <= 0) continue;
      if (owned && kinds[k] >= static_cast<int>(machine.owned.size())) continue;
      const Usd total = owned ? cost : cost + OfferAt(machine.offers.front()).price;
      if (total > options_.budget) continue;
      ++kinds[k];
      ExtendCluster(k, size + 1, fresh + (owned ? 0 : 1), total, kinds);
      --kinds[k];
    }
  }

  void AddNewCluster(const std::vector<int>& kinds, int fresh) {
    if (!AnythingToJoin(kinds)) return;
    if (const catalog::Link* link = catalog_.FindLink("rdma-tb5")) TryLink(kinds, *link, fresh);
    if (const catalog::Link* link = catalog_.FindLink("rdma-cx7-200g"))
      TryLink(kinds, *link, fresh);
    // A LAN is taken to be there, for new nodes as for the owned ones they join.
    if (fresh > 0) {
      if (const catalog::Link* link = EthernetFor(kinds)) TryLink(kinds, *link, fresh);
    }
  }

  // Some file is worth trying on the cluster at all; cheap, before any fleet is made.
  bool AnythingToJoin(const std::vector<int>& kinds) const {
    const double budget = SumOver(kinds, &NodeBounds::budget_bytes);
    for (std::size_t w = 0; w < files_.size(); ++w) {
      for (const File& file : files_[w]) {
        if (file.held_bytes > budget) break;
        if (!WorthJoining(file, w, kinds)) continue;
        if (!Beaten(file, MostMtok(file, scenario_.workloads[w], kinds), w, kinds, {})) return true;
      }
    }
    return false;
  }

  // The fastest Ethernet that all nodes have a port for; null when a port is unknown.
  const catalog::Link* EthernetFor(const std::vector<int>& kinds) const {
    double gbps = std::numeric_limits<double>::infinity();
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      if (kinds[k] == 0) continue;
      gbps = std::min(gbps, found_.kinds[k].machine->ports.ethernet_gbps.value_or(0));
    }
    const catalog::Link* best = nullptr;
    for (const catalog::Link& link : catalog_.links) {
      if (link.medium != "ethernet" || !link.bandwidth) continue;
      if (link.bandwidth->value > gbps * 1e9) continue;
      if (best == nullptr || link.bandwidth->value > best->bandwidth->value) best = &link;
    }
    return best;
  }

  // Nodes of the cluster: owned ones under their own names, new ones numbered.
  std::vector<fleet::Node> NodesOf(const std::vector<int>& kinds) const {
    std::vector<fleet::Node> nodes;
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      const MachineKind& kind = found_.kinds[k];
      for (int i = 0; i < kinds[k]; ++i) {
        if (kind.owned.empty()) {
          nodes.push_back(kind.node);
          absl::StrAppend(&nodes.back().name, " #", i + 1);
        } else {
          nodes.push_back(
              fleet_->nodes()[static_cast<std::size_t>(kind.owned[static_cast<std::size_t>(i)])]);
        }
      }
    }
    return nodes;
  }

  // Pairs of the cluster's owned nodes that this sort of link already joins.
  int PairsJoined(const std::vector<int>& kinds, const catalog::Link& link) const {
    std::set<int> members;
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      const MachineKind& kind = found_.kinds[k];
      if (kind.owned.empty()) continue;
      members.insert(kind.owned.begin(), kind.owned.begin() + kinds[k]);
    }
    std::set<std::pair<int, int>> pairs;
    for (const fleet::LinkGroup& group : fleet_->links()) {
      if (group.link->medium != link.medium) continue;
      for (const auto& pair : group.pairs) {
        if (members.contains(pair.first) && members.contains(pair.second)) pairs.insert(pair);
      }
    }
    return static_cast<int>(pairs.size());
  }

  // What must be bought to join `nodes` nodes, as (item id, count); nullopt with a note when it has
  // no price.
  std::optional<std::vector<std::pair<std::string, int>>> Cabling(const std::vector<int>& kinds,
                                                                  const catalog::Link& link,
                                                                  int nodes) {
    std::vector<std::pair<std::string, int>> needs;
    if (link.direct_cable.empty()) return needs;
    const int joined = PairsJoined(kinds, link);
    if (link.medium != "thunderbolt5" && nodes > 2) {
      // Through a switch: one cable a node, and one switch for every such cluster.
      needs.emplace_back(link.direct_cable, nodes);
      const std::optional<std::string> chosen = SwitchFor(link, nodes);
      if (!chosen) {
        Note(absl::StrCat("clusters of ", nodes, " over ", link.id,
                          " left out: no switch with enough ports has a price"));
        return std::nullopt;
      }
      needs.emplace_back(*chosen, 1);
    } else {
      const int pairs = nodes * (nodes - 1) / 2;
      if (pairs > joined) needs.emplace_back(link.direct_cable, pairs - joined);
    }
    for (const auto& [item, count] : needs) {
      if (item_offers_.contains(item)) continue;
      Note(absl::StrCat("clusters over ", link.id, " left out: ", item, " has no price"));
      return std::nullopt;
    }
    return needs;
  }

  // The cheapest switch with a port for each node.
  std::optional<std::string> SwitchFor(const catalog::Link& link, int nodes) const {
    std::optional<std::string> best;
    Usd price;
    for (const std::string& id : link.switches) {
      const catalog::InterconnectItem* item = catalog_.FindItem(id);
      const auto offers = item_offers_.find(id);
      if (item == nullptr || offers == item_offers_.end()) continue;
      if (item->ports.value_or(0) < nodes) continue;
      const Usd here = OfferAt(offers->second.front()).price;
      if (best && here >= price) continue;
      best = id;
      price = here;
    }
    return best;
  }

  int ItemIndex(const std::string& id) {
    for (std::size_t i = 0; i < found_.items.size(); ++i) {
      if (found_.items[i].item->id == id) return static_cast<int>(i);
    }
    found_.items.push_back({catalog_.FindItem(id), item_offers_.at(id)});
    return static_cast<int>(found_.items.size()) - 1;
  }

  void TryLink(const std::vector<int>& kinds, const catalog::Link& link, int fresh) {
    if (fresh == 0 && owned_clusters_.contains(kinds)) return;  // stated links come first
    if (!MayCarry(kinds, link)) return;
    std::vector<fleet::Node> nodes = NodesOf(kinds);
    const int count = static_cast<int>(nodes.size());
    fleet::LinkGroup group{.link = &link};
    for (int i = 0; i < count; ++i) {
      group.members.push_back(i);
      for (int j = i + 1; j < count; ++j) group.pairs.emplace_back(i, j);
    }
    if (!fleet::LinkViolations(nodes, group).empty()) return;
    const auto needs = Cabling(kinds, link, count);
    if (!needs || (fresh == 0 && needs->empty())) return;
    auto created = fleet::Fleet::Create(std::move(nodes), {std::move(group)}, {});
    if (!created.ok()) return;
    Candidate candidate;
    candidate.kinds = kinds;
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      candidate.kind_of_node.insert(candidate.kind_of_node.end(),
                                    static_cast<std::size_t>(kinds[k]), static_cast<int>(k));
    }
    candidate.fleet = std::make_shared<const fleet::Fleet>(*std::move(created));
    const placement::Placer placer(catalog_, calibration_, *candidate.fleet,
                                   {.max_cluster_nodes = 1});
    std::vector<int> all(static_cast<std::size_t>(count));
    std::iota(all.begin(), all.end(), 0);
    const Site site{candidate.fleet, &placer, all, kinds};
    // Without RDMA only pipelines help, and only a model that no member holds.
    const bool rdma = link.transport == catalog::Transport::kRdma;
    for (std::size_t w = 0; w < files_.size(); ++w) {
      std::map<Baseline, Frontier> own;
      Serve(
          site, w,
          [&](const File& file) {
            return rdma ? WorthJoining(file, w, kinds) : !FitsOnSomeMember(file, kinds);
          },
          own, candidate.services);
    }
    if (candidate.services.empty()) return;
    for (const auto& [item, needed] : *needs) {
      const auto index = static_cast<std::size_t>(ItemIndex(item));
      if (candidate.items.size() <= index) candidate.items.resize(index + 1, 0);
      candidate.items[index] += needed;
    }
    found_.clusters.push_back(std::move(candidate));
  }

  // Whether every machine has a port of the medium; the rest of legality is LinkViolations' task.
  bool MayCarry(const std::vector<int>& kinds, const catalog::Link& link) const {
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      if (kinds[k] == 0) continue;
      const catalog::Ports& ports = found_.kinds[k].machine->ports;
      if (link.medium == "thunderbolt5" && (!ports.thunderbolt || ports.thunderbolt->version < 5)) {
        return false;
      }
      if (link.medium == "connectx7" && !ports.connectx7) return false;
    }
    return true;
  }

  const catalog::Catalog& catalog_;
  const throughput::Calibration& calibration_;
  const fleet::Scenario& scenario_;
  const CandidateOptions options_;
  std::shared_ptr<const fleet::Fleet> fleet_;
  std::vector<std::vector<File>> files_;  // by workload
  std::unique_ptr<placement::Placer> owned_placer_;
  std::vector<NodeBounds> bounds_;                              // by kind
  std::map<std::tuple<int, int, Baseline>, Frontier> singles_;  // by kind, workload, baseline
  std::map<std::string, std::vector<int>> item_offers_;         // cheapest first
  std::set<std::vector<int>> owned_clusters_;
  std::set<std::string> noted_;
  Candidates found_;
};

std::vector<PricedOffer> PricedOffers(const std::vector<int>& offers,
                                      const fleet::Scenario& scenario) {
  std::vector<PricedOffer> priced;
  for (int index : offers) {
    const fleet::Offer& offer = scenario.offers[static_cast<std::size_t>(index)];
    priced.push_back({offer.price, offer.max_count, index});
  }
  return priced;
}

}  // namespace

Candidates FindCandidates(const catalog::Catalog& catalog,
                          const throughput::Calibration& calibration,
                          const fleet::Scenario& scenario, const CandidateOptions& options) {
  Candidates found = Finder(catalog, calibration, scenario, options).Find();
  for (Candidate& candidate : found.clusters) candidate.items.resize(found.items.size(), 0);
  return found;
}

WorkloadLimit LimitOf(const fleet::Workload& workload) {
  return {.max_share = workload.utilization,
          .demand_mtok = economics::DemandMtokPerMonth(workload).value_or(
              std::numeric_limits<double>::infinity())};
}

double MtokPerMonth(const fleet::Workload& workload, TokensPerSecond decode,
                    TokensPerSecond prefill) {
  return economics::OutputTokensPerHour(workload, decode, prefill) * economics::kHoursPerMonth /
         kTokensPerMtok;
}

Problem MakeProblem(const Candidates& candidates, const fleet::Scenario& scenario,
                    Baseline baseline) {
  const double usd_per_kwh = scenario.assumptions.electricity_usd_per_kwh;
  Problem problem;
  for (const MachineKind& kind : candidates.kinds) {
    const double idle = kind.node.idle_power().value_or(Watts{0}).value;
    problem.kinds.push_back({.owned = static_cast<int>(kind.owned.size()),
                             .offers = PricedOffers(kind.offers, scenario),
                             .standby_usd_per_month = KilowattMonths(idle, usd_per_kwh)});
  }
  for (const ItemKind& kind : candidates.items) {
    const double power = kind.item->power.value_or(Watts{0}).value;
    problem.items.push_back({.offers = PricedOffers(kind.offers, scenario),
                             .standby_usd_per_month = KilowattMonths(power, usd_per_kwh)});
  }
  for (const fleet::Workload& workload : scenario.workloads) {
    problem.workloads.push_back(LimitOf(workload));
  }
  for (std::size_t c = 0; c < candidates.clusters.size(); ++c) {
    const Candidate& candidate = candidates.clusters[c];
    Column column{.nodes = candidate.kinds,
                  .items = candidate.items,
                  .max_copies = candidate.max_copies,
                  .cluster = static_cast<int>(c)};
    for (std::size_t s = 0; s < candidate.services.size(); ++s) {
      const Service& service = candidate.services[s];
      const auto saved = service.saved.find(baseline);
      if (saved == service.saved.end()) continue;
      column.options.push_back({.workload = service.workload,
                                .mtok_per_month = service.mtok_per_month,
                                .usd_per_mtok = saved->second.value - service.electricity.value,
                                .service = static_cast<int>(s)});
    }
    problem.columns.push_back(std::move(column));
  }
  return problem;
}

}  // namespace capacity::purchase
