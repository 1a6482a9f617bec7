#include "planner/purchase/clusters.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <functional>
#include <limits>
#include <numeric>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/economics/economics.h"
#include "planner/fit/fit.h"
#include "planner/placement/evaluate.h"
#include "planner/placement/kinds.h"
#include "planner/placement/legality.h"
#include "planner/placement/topology.h"
#include "planner/purchase/files.h"

namespace capacity::purchase {
namespace {

using fleet::Baseline;
using placement::Placement;

constexpr double kTokensPerMtok = 1e6;
constexpr double kWattsPerKilowatt = 1000;
constexpr double kBitsPerGigabit = 1e9;

// ---------------------------------------------------------------- nodes

// What bounds a node's part in anything.
struct NodeBounds {
  double budget_bytes = 0;   // zero: unknown, nothing can be placed
  double running_watts = 0;  // load less idle
};

NodeBounds BoundsOf(const catalog::Catalog& catalog, const fleet::Node& node) {
  NodeBounds bounds;
  const auto budget = fit::NodeBudget(catalog, node);
  if (budget.ok()) bounds.budget_bytes = static_cast<double>(budget->bytes.count);
  const double load = node.load_power().value_or(Watts{0}).value;
  bounds.running_watts = std::max(0.0, load - node.idle_power().value_or(Watts{0}).value);
  return bounds;
}

double KilowattMonths(double watts, double usd_per_kwh) {
  return watts / kWattsPerKilowatt * economics::kHoursPerMonth * usd_per_kwh;
}

// How much faster than the catalogue says a placement may be because something was measured on
// nodes like its own: no shift is larger than that of the fastest measurement (equation 4.24).
struct Lift {
  double decode = 1;
  double prefill = 1;
};

Lift LiftBy(const std::vector<throughput::SpeedMeasurement>& measured,
            const throughput::Calibration& calibration) {
  Lift lift;
  for (const throughput::SpeedMeasurement& speed : measured) {
    if (speed.decode) {
      const auto expected = throughput::PredictDecode(speed.query, calibration);
      if (expected.ok()) lift.decode = std::max(lift.decode, speed.decode->value / expected->mid);
    }
    if (speed.prefill) {
      const auto expected = throughput::PredictPrefill(speed.query, calibration);
      if (expected.ok()) {
        lift.prefill = std::max(lift.prefill, speed.prefill->value / expected->mid);
      }
    }
  }
  return lift;
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

constexpr std::size_t kBaselineCount = std::size(fleet::kBaselines);

ByBaseline<bool> AllBaselines() {
  ByBaseline<bool> all;
  all.fill(true);
  return all;
}

class Finder {
 public:
  Finder(const catalog::Catalog& catalog, const throughput::Calibration& calibration,
         const fleet::Scenario& scenario, const CandidateOptions& options)
      : catalog_(catalog),
        calibration_(calibration),
        scenario_(scenario),
        options_(options),
        goods_(SortGoods(catalog, scenario)) {}

  Candidates Find() {
    found_.kinds = goods_.kinds;
    found_.notes = goods_.notes;
    for (const MachineKind& kind : goods_.kinds) bounds_.push_back(BoundsOf(catalog_, kind.node));
    MakeYard();
    for (const fleet::Workload& workload : scenario_.workloads) {
      limits_.push_back(LimitOf(workload));
      files_.push_back(FilesFor(catalog_, scenario_, workload, options_.min_nominal_bits));
    }
    for (const std::vector<File>& files : files_) {
      speeds_.emplace_back(calibration_, *yard_, first_node_, files);
    }
    singles_.assign(kBaselineCount * files_.size() * Kinds(), {});
    AddSingles();
    AddOwnedClusters();
    AddNewClusters();
    for (Candidate& candidate : found_.clusters) candidate.items.resize(found_.items.size(), 0);
    found_.fleet = yard_;
    return std::move(found_);
  }

 private:
  // Some nodes of the yard together, over one sort of link.
  struct Site {
    placement::Cluster cluster;
    std::vector<int> kinds;                    // count of each kind
    std::vector<std::pair<int, int>> present;  // (kind, count) of those that are not zero
    int size = 0;
    bool tensor = false;  // a link that tensor parallelism may use
    // Baselines under which the site may be worth its price; the others are not looked into.
    ByBaseline<bool> looked_into = AllBaselines();

    // The link whose all-reduces bound tensor parallelism; null where they were measured.
    const catalog::Link* SumsOver() const {
      return cluster.joint.all_reduce ? nullptr : cluster.joint.link;
    }
  };

  std::size_t Kinds() const { return goods_.kinds.size(); }
  bool Owned(std::size_t kind) const { return !goods_.kinds[kind].owned.empty(); }
  const fleet::Offer& OfferAt(int index) const {
    return scenario_.offers[static_cast<std::size_t>(index)];
  }
  Usd PriceOf(std::size_t kind) const { return OfferAt(goods_.kinds[kind].offers.front()).price; }
  void Note(std::string note) {
    if (noted_.insert(note).second) found_.notes.push_back(std::move(note));
  }

  // One fleet for everything: the owned nodes under their own indices, then enough new nodes of
  // each kind for the largest cluster, unlinked.
  void MakeYard() {
    std::vector<fleet::Node> nodes = scenario_.fleet.nodes();
    for (std::size_t k = 0; k < Kinds(); ++k) {
      if (Owned(k)) {
        first_node_.push_back(goods_.kinds[k].owned.front());
        continue;
      }
      first_node_.push_back(static_cast<int>(nodes.size()));
      for (int i = 0; i < MostNodes(1); ++i) {
        nodes.push_back(goods_.kinds[k].node);
        absl::StrAppend(&nodes.back().name, " #", i + 1);
      }
    }
    auto yard = fleet::Fleet::Create(std::move(nodes), scenario_.fleet.links(),
                                     scenario_.fleet.measurements());
    // The scenario's fleet is valid and new names cannot clash, unless someone called a node
    // "new dgx-spark #1": then nothing new is considered.
    yard_ = std::make_shared<const fleet::Fleet>(yard.ok() ? *std::move(yard) : scenario_.fleet);
    offers_ = placement::MakeOffers(catalog_, calibration_, *yard_);
    lift_ = LiftBy(offers_.measured, calibration_);
  }

  // The `index`th node of a kind, in the yard.
  int NodeOf(std::size_t kind, int index) const {
    if (Owned(kind)) return goods_.kinds[kind].owned[static_cast<std::size_t>(index)];
    return first_node_[kind] + index;
  }

  Site SiteOf(const std::vector<int>& kinds) const {
    Site site{.kinds = kinds};
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      if (kinds[k] == 0) continue;
      site.present.emplace_back(static_cast<int>(k), kinds[k]);
      site.size += kinds[k];
      for (int i = 0; i < kinds[k]; ++i) site.cluster.nodes.push_back(NodeOf(k, i));
    }
    return site;
  }

  double SumOver(const Site& site, double NodeBounds::* member) const {
    double sum = 0;
    for (const auto& [kind, count] : site.present) {
      sum += count * bounds_[static_cast<std::size_t>(kind)].*member;
    }
    return sum;
  }

  // ---- bounds

  Frontier& SinglesOf(std::size_t baseline, std::size_t workload, std::size_t kind) {
    return singles_[(baseline * files_.size() + workload) * Kinds() + kind];
  }

  // A node of the kind serves the workload with this file by itself.
  bool ServesAlone(std::size_t w, std::size_t f, std::size_t kind) {
    if (files_[w][f].held_bytes > bounds_[kind].budget_bytes) return false;
    const NodeSpeed& alone = speeds_[w].Alone(f, kind);
    return alone.decode > 0 && PerStreamEnough(w, alone.decode);
  }
  bool PerStreamEnough(std::size_t w, double decode) const {
    const fleet::Workload& workload = scenario_.workloads[w];
    return decode / std::max(1, workload.concurrency) >= workload.min_decode_tps.value_or(0);
  }

  // No placement of the file on these nodes makes more output a month. Communication is left out;
  // what was measured is bounded by nothing.
  double MostMtok(std::size_t w, std::size_t f, const Site& site) {
    double most = 0;
    for (throughput::Strategy strategy : StrategiesOn(site)) {
      most = std::max(most, MostMtokBy(strategy, w, f, site));
    }
    return most;
  }

  double MostMtokBy(throughput::Strategy strategy, std::size_t w, std::size_t f, const Site& site) {
    if (files_[w][f].measured) return std::numeric_limits<double>::infinity();
    const double decode = MostDecode(strategy, w, f, site) * lift_.decode;
    if (decode <= 0 || !PerStreamEnough(w, decode)) return 0;
    double prefill = 0;
    for (const auto& [kind, count] : site.present) {
      const double here = speeds_[w].Alone(f, static_cast<std::size_t>(kind)).prefill;
      if (strategy == throughput::Strategy::kDisaggregated) {
        prefill = std::max(prefill, here);
      } else {
        prefill += count * here;
      }
    }
    return MtokPerMonth(scenario_.workloads[w], {decode}, {prefill * lift_.prefill});
  }

  // Zero: the file does not fit that way.
  double MostDecode(throughput::Strategy strategy, std::size_t w, std::size_t f, const Site& site) {
    // On one node every strategy is bounded by all its accelerators at full speed.
    if (site.size == 1) {
      return speeds_[w].Alone(f, static_cast<std::size_t>(site.present.front().first)).decode;
    }
    switch (strategy) {
      case throughput::Strategy::kTensor:
        return MostShared(w, f, site);
      case throughput::Strategy::kDisaggregated:
        return MostDealt(w, f, site);
      default:
        return MostPiped(w, f, site);
    }
  }

  // One node decodes, the other fills its cache; each holds the whole model.
  double MostDealt(std::size_t w, std::size_t f, const Site& site) {
    double fastest = 0;
    for (const auto& [k, count] : site.present) {
      const auto kind = static_cast<std::size_t>(k);
      if (files_[w][f].held_bytes > bounds_[kind].budget_bytes) return 0;
      fastest = std::max(fastest, speeds_[w].Alone(f, kind).decode);
    }
    return fastest;
  }

  // Every node holds an equal part and waits for the slowest (equation 4.7).
  double MostShared(std::size_t w, std::size_t f, const Site& site) {
    double slowest = std::numeric_limits<double>::infinity();
    for (const auto& [k, count] : site.present) {
      const auto kind = static_cast<std::size_t>(k);
      if (files_[w][f].held_bytes > site.size * bounds_[kind].budget_bytes) return 0;
      slowest = std::min(slowest, speeds_[w].Shared(f, kind, site.size, site.SumsOver()));
    }
    return slowest;
  }

  // Every step passes the whole chain (equation 4.9): at best the fastest nodes hold as much as
  // they can.
  double MostPiped(std::size_t w, std::size_t f, const Site& site) {
    std::vector<std::pair<double, double>>
        stages;  // seconds for the whole model, share it can hold
    for (const auto& [k, count] : site.present) {
      const auto kind = static_cast<std::size_t>(k);
      const double decode = speeds_[w].Alone(f, kind).decode;
      if (decode <= 0) return 0;  // no engine runs it there, so none runs it on all
      stages.emplace_back(1 / decode, count * bounds_[kind].budget_bytes / files_[w][f].held_bytes);
    }
    std::sort(stages.begin(), stages.end());
    double left = 1;
    double seconds = SpeedBounds::HopSeconds(calibration_, *site.cluster.joint.link) *
                     (site.size - 1) / std::max(1, scenario_.workloads[w].concurrency);
    for (const auto& [whole, share] : stages) {
      const double taken = std::min(left, share);
      seconds += taken * whole;
      left -= taken;
    }
    return left > 0 ? 0 : 1 / seconds;
  }

  // What is known (this cluster's services, and its nodes by themselves) serves as fast at no less
  // saved a token, under every baseline that has a price for the file.
  bool Beaten(const File& file, double mtok, std::size_t w, const Site& site,
              const ByBaseline<Frontier>& own) {
    for (std::size_t b = 0; b < kBaselineCount; ++b) {
      if (!file.saved[b] || !site.looked_into[b]) continue;
      const double saved = file.saved[b]->value;
      if (FastestAtLeast(own[b], saved) >= mtok) continue;
      if (site.size == 1 || options_.keep_beaten_clusters) return false;
      double apart = 0;
      for (const auto& [kind, count] : site.present) {
        apart += count * FastestAtLeast(SinglesOf(b, w, static_cast<std::size_t>(kind)), saved);
      }
      if (apart < mtok) return false;
    }
    return true;
  }

  // Files worth trying on several nodes: those that some member cannot serve alone (over links
  // without tensor parallelism: none can). Where all can, the nodes by themselves make more tokens
  // than any cluster of them, unless one prefills for the other, or measurements say otherwise.
  bool WorthJoining(std::size_t w, std::size_t f, const Site& site) {
    if (!offers_.measured.empty()) return true;
    if (options_.keep_beaten_clusters || Disaggregates(site)) return true;
    bool some = false;
    bool all = true;
    for (const auto& [kind, count] : site.present) {
      const bool serves = ServesAlone(w, f, static_cast<std::size_t>(kind));
      some = some || serves;
      all = all && serves;
    }
    return site.tensor ? !all : !some;
  }

  // Files by an upper bound on their output a month, in Mtok; most first.
  using Ranking = std::vector<std::pair<double, std::size_t>>;

  // Files of each workload that may be of use on the site.
  std::vector<Ranking> PromisingOf(const Site& site) {
    std::vector<Ranking> promising;
    for (std::size_t w = 0; w < files_.size(); ++w) promising.push_back(Promising(w, site));
    return promising;
  }

  Ranking Promising(std::size_t w, const Site& site) {
    Ranking order;
    const double budget = SumOver(site, &NodeBounds::budget_bytes);
    for (std::size_t f = 0; f < files_[w].size(); ++f) {
      if (files_[w][f].held_bytes > budget) break;  // smallest first
      const double most = MostMtok(w, f, site);
      if (most <= 0 || Beaten(files_[w][f], most, w, site, {})) continue;
      if (site.size > 1 && !WorthJoining(w, f, site)) continue;
      order.emplace_back(most, f);
    }
    std::stable_sort(order.begin(), order.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    return order;
  }

  // ---- evaluation

  // The fastest legal placement of the file, as a service; nullopt when none serves the workload.
  std::optional<Service> Evaluate(const Site& site, std::size_t w, std::size_t f,
                                  const ByBaseline<Frontier>& own) {
    const File& file = files_[w][f];
    std::optional<Service> best;
    for (throughput::Strategy strategy : StrategiesOn(site)) {
      if (Beaten(file, MostMtokBy(strategy, w, f, site), w, site, own)) continue;
      for (const placement::Job& job : file.jobs) {
        placement::Cluster cluster = site.cluster;
        if (site.size == 1 && (strategy == throughput::Strategy::kTensor ||
                               strategy == throughput::Strategy::kPipeline)) {
          cluster.joint.link = catalog_.FindLink("pcie");
        }
        Placement placement = placement::CheckAndWork(offers_, job, cluster, strategy,
                                                      placement::Reasons::Detail::kFirstOnly);
        std::optional<Service> service = ServiceFrom(std::move(placement), site, file, w);
        if (!service || (best && service->mtok_per_month <= best->mtok_per_month)) continue;
        best = std::move(service);
      }
    }
    return best;
  }

  // A pair of which one may prefill for the other (docs/model.md section 3).
  bool Disaggregates(const Site& site) const {
    if (site.size != 2 || site.present.size() != 2) return false;
    auto platform = [this](const std::pair<int, int>& entry) {
      return goods_.kinds[static_cast<std::size_t>(entry.first)].node.chip->platform();
    };
    return platform(site.present[0]) != platform(site.present[1]);
  }

  std::vector<throughput::Strategy> StrategiesOn(const Site& site) const {
    using throughput::Strategy;
    if (site.size > 1) {
      std::vector<Strategy> strategies = {Strategy::kPipeline};
      if (site.tensor) strategies.insert(strategies.begin(), Strategy::kTensor);
      if (Disaggregates(site)) strategies.push_back(Strategy::kDisaggregated);
      return strategies;
    }
    const int node = site.cluster.nodes.front();
    if (placement::DevicesOf(yard_->nodes()[static_cast<std::size_t>(node)]) == 1) {
      return {Strategy::kSingle};
    }
    return {Strategy::kSingle, Strategy::kTensor, Strategy::kPipeline, Strategy::kReplicas};
  }

  std::optional<Service> ServiceFrom(Placement placement, const Site& site, const File& file,
                                     std::size_t w) const {
    if (placement.verdict == fit::Verdict::kDoesNotFit || !placement.speed) return std::nullopt;
    const throughput::Speed& speed = *placement.speed;
    if (!PerStreamEnough(w, speed.decode_tps.mid)) return std::nullopt;
    const double mtok =
        MtokPerMonth(scenario_.workloads[w], {speed.decode_tps.mid}, {speed.prefill_tps.mid});
    if (mtok <= 0) return std::nullopt;
    Service service{
        .workload = static_cast<int>(w), .placement = std::move(placement), .mtok_per_month = mtok};
    for (std::size_t b = 0; b < kBaselineCount; ++b) {
      if (file.saved[b]) service.saved[fleet::kBaselines[b]] = *file.saved[b];
    }
    const double watts = SumOver(site, &NodeBounds::running_watts);
    service.electricity = {KilowattMonths(watts, scenario_.assumptions.electricity_usd_per_kwh) /
                           mtok};
    return service;
  }

  // Adds the site's useful services for every workload; frontiers by workload.
  std::vector<ByBaseline<Frontier>> Serve(const Site& site, std::vector<Service>& services) {
    return Serve(site, PromisingOf(site), services);
  }
  std::vector<ByBaseline<Frontier>> Serve(const Site& site, const std::vector<Ranking>& promising,
                                          std::vector<Service>& services) {
    std::vector<ByBaseline<Frontier>> frontiers(files_.size());
    for (std::size_t w = 0; w < files_.size(); ++w) {
      ByBaseline<Frontier>& own = frontiers[w];
      for (const auto& [most, f] : promising[w]) {
        const File& file = files_[w][f];
        if (Beaten(file, most, w, site, own)) continue;
        std::optional<Service> service = Evaluate(site, w, f, own);
        if (!service || Beaten(file, service->mtok_per_month, w, site, own)) continue;
        for (std::size_t b = 0; b < kBaselineCount; ++b) {
          if (file.saved[b]) own[b].push_back({file.saved[b]->value, service->mtok_per_month});
        }
        services.push_back(*std::move(service));
      }
    }
    return frontiers;
  }

  // ---- clusters

  void AddSingles() {
    for (std::size_t k = 0; k < Kinds(); ++k) {
      if (bounds_[k].budget_bytes <= 0) {
        Note(absl::StrCat(goods_.kinds[k].machine->id,
                          " left out: what memory an engine may use on it is not known"));
        continue;
      }
      std::vector<int> kinds(Kinds(), 0);
      kinds[k] = 1;
      Candidate candidate = CandidateFor(SiteOf(kinds));
      auto frontiers = Serve(SiteOf(kinds), candidate.services);
      for (std::size_t w = 0; w < frontiers.size(); ++w) {
        for (std::size_t b = 0; b < kBaselineCount; ++b) {
          SinglesOf(b, w, k) = std::move(frontiers[w][b]);
        }
      }
      if (candidate.services.empty()) {
        Note(absl::StrCat(goods_.kinds[k].node.name, " by itself serves none of the workloads"));
        continue;
      }
      found_.clusters.push_back(std::move(candidate));
    }
  }

  Candidate CandidateFor(const Site& site) const {
    Candidate candidate{.kinds = site.kinds};
    for (const auto& [kind, count] : site.present) {
      candidate.kind_of_node.insert(candidate.kind_of_node.end(), static_cast<std::size_t>(count),
                                    kind);
    }
    return candidate;
  }

  // Clusters over the links that the inventory states.
  void AddOwnedClusters() {
    const placement::Topology topology(scenario_.fleet);
    const std::vector<int> kind_of = placement::KindOfNodes(scenario_.fleet, topology);
    for (const placement::Cluster& cluster :
         placement::JoinedClusters(topology, kind_of, options_.max_owned_cluster_nodes)) {
      if (cluster.nodes.size() < 2) continue;
      std::vector<int> kinds(Kinds(), 0);
      for (int node : cluster.nodes) {
        ++kinds[static_cast<std::size_t>(kind_of[static_cast<std::size_t>(node)])];
      }
      Site site = SiteOf(kinds);
      site.cluster = cluster;
      site.tensor = true;
      owned_clusters_.insert(kinds);
      Candidate candidate = CandidateFor(site);
      candidate.kind_of_node.clear();
      for (int node : cluster.nodes) {
        candidate.kind_of_node.push_back(kind_of[static_cast<std::size_t>(node)]);
      }
      Serve(site, candidate.services);
      if (candidate.services.empty()) continue;
      int by_count = std::numeric_limits<int>::max();
      for (const auto& [k, count] : site.present) {
        const MachineKind& kind = goods_.kinds[static_cast<std::size_t>(k)];
        by_count = std::min(by_count, static_cast<int>(kind.owned.size()) / count);
      }
      if (cluster.copies < by_count) candidate.max_copies = cluster.copies;
      found_.clusters.push_back(std::move(candidate));
    }
  }

  void AddNewClusters() {
    std::vector<int> kinds(Kinds(), 0);
    ExtendCluster(0, 0, 0, Usd{0}, kinds);
  }

  // How many nodes of so many kinds a new cluster may have.
  int MostNodes(std::ptrdiff_t kinds) const {
    return kinds > 1 ? options_.max_new_cluster_nodes
                     : std::max(options_.max_new_cluster_nodes, options_.max_alike_cluster_nodes);
  }

  // Every multiset of at least 2 nodes, up to MostNodes, whose new ones the budget pays for.
  void ExtendCluster(std::size_t first, int size, int fresh, Usd cost, std::vector<int>& kinds) {
    if (size >= 2) AddNewCluster(kinds, fresh, cost);
    const auto mixed = std::count_if(kinds.begin(), kinds.end(), [](int n) { return n > 0; });
    if (size >= MostNodes(mixed)) return;
    for (std::size_t k = first; k < Kinds(); ++k) {
      if (bounds_[k].budget_bytes <= 0) continue;
      if (kinds[k] == 0 && mixed >= options_.max_kinds_in_new_cluster) continue;
      if (kinds[k] == 0 && size >= MostNodes(mixed + 1)) continue;
      const bool owned = Owned(k);
      if (owned && kinds[k] >= static_cast<int>(goods_.kinds[k].owned.size())) continue;
      const Usd total = owned ? cost : cost + PriceOf(k);
      if (total > options_.budget) continue;
      ++kinds[k];
      ExtendCluster(k, size + 1, fresh + (owned ? 0 : 1), total, kinds);
      --kinds[k];
    }
  }

  void AddNewCluster(const std::vector<int>& kinds, int fresh, Usd cost) {
    Site site = SiteOf(kinds);
    for (const char* id : {"rdma-tb5", "rdma-cx7-200g"}) {
      const catalog::Link* link = catalog_.FindLink(id);
      if (link == nullptr || !MayCarry(site, *link)) continue;
      site.tensor = true;
      TryLink(site, *link, fresh, cost);
    }
    // A LAN is taken to be there, for new nodes as for the owned ones they join.
    if (fresh == 0) return;
    site.tensor = false;
    if (const catalog::Link* link = EthernetFor(site)) TryLink(site, *link, fresh, cost);
  }

  // Whether every machine has a port of the medium; the rest of legality is LinkViolations' task.
  bool MayCarry(const Site& site, const catalog::Link& link) const {
    return std::all_of(site.present.begin(), site.present.end(), [&](const auto& entry) {
      const catalog::Ports& ports =
          goods_.kinds[static_cast<std::size_t>(entry.first)].machine->ports;
      if (link.medium == "thunderbolt5")
        return ports.thunderbolt && ports.thunderbolt->version >= 5;
      return link.medium != "connectx7" || ports.connectx7.has_value();
    });
  }

  // The fastest Ethernet that all nodes have a port for; null when a port is unknown.
  const catalog::Link* EthernetFor(const Site& site) const {
    double gbps = std::numeric_limits<double>::infinity();
    for (const auto& [kind, count] : site.present) {
      const catalog::Machine& machine = *goods_.kinds[static_cast<std::size_t>(kind)].machine;
      gbps = std::min(gbps, machine.ports.ethernet_gbps.value_or(0));
    }
    const catalog::Link* best = nullptr;
    for (const catalog::Link& link : catalog_.links) {
      if (link.medium != "ethernet" || !link.bandwidth) continue;
      if (link.bandwidth->value > gbps * kBitsPerGigabit) continue;
      if (best == nullptr || link.bandwidth->value > best->bandwidth->value) best = &link;
    }
    return best;
  }

  // An upper bound on what one such cluster saves a month: every workload served by its most
  // promising file, for all the hours or all the demand it has.
  ByBaseline<double> MostUsd(const std::vector<Ranking>& promising) const {
    ByBaseline<double> usd{};
    for (std::size_t w = 0; w < files_.size(); ++w) {
      ByBaseline<double> best{};
      for (const auto& [most, f] : promising[w]) {
        const double mtok = std::min(most * limits_[w].max_share, limits_[w].demand_mtok);
        for (std::size_t b = 0; b < kBaselineCount; ++b) {
          const auto& saved = files_[w][f].saved[b];
          if (saved) best[b] = std::max(best[b], saved->value * mtok);
        }
      }
      for (std::size_t b = 0; b < kBaselineCount; ++b) usd[b] += best[b];
    }
    return usd;
  }

  void TryLink(Site& site, const catalog::Link& link, int fresh, Usd cost) {
    if (fresh == 0 && owned_clusters_.contains(site.kinds)) return;  // stated links come first
    // One that earns less than its new machines cost over the longest threshold is never bought.
    site.cluster.joint = {.link = &link, .full_mesh = true, .chain = true};
    site.looked_into = AllBaselines();
    const std::vector<Ranking> promising = PromisingOf(site);
    const ByBaseline<double> most = MostUsd(promising);
    for (std::size_t b = 0; b < kBaselineCount; ++b) {
      site.looked_into[b] = most[b] > 0 && (options_.keep_beaten_clusters ||
                                            most[b] * options_.longest_months >= cost.dollars());
    }
    if (std::none_of(site.looked_into.begin(), site.looked_into.end(), std::identity())) return;
    fleet::LinkGroup group{.link = &link, .members = site.cluster.nodes};
    for (int i : group.members) {
      for (int j : group.members) {
        if (i < j) group.pairs.emplace_back(i, j);
      }
    }
    if (!fleet::LinkViolations(yard_->nodes(), group).empty()) return;
    const auto needs = Cabling(site, link);
    if (!needs || (fresh == 0 && needs->empty())) return;
    Candidate candidate = CandidateFor(site);
    Serve(site, promising, candidate.services);
    if (candidate.services.empty()) return;
    for (const auto& [item, needed] : *needs) {
      const auto index = static_cast<std::size_t>(ItemIndex(item));
      if (candidate.items.size() <= index) candidate.items.resize(index + 1, 0);
      candidate.items[index] += needed;
    }
    found_.clusters.push_back(std::move(candidate));
  }

  // ---- cables and switches

  // Pairs of the site's owned nodes that cables of this medium join already.
  int PairsJoined(const Site& site, const catalog::Link& link) const {
    const std::set<int> members(site.cluster.nodes.begin(), site.cluster.nodes.end());
    std::set<std::pair<int, int>> pairs;
    for (const fleet::LinkGroup& group : scenario_.fleet.links()) {
      if (group.link->medium != link.medium) continue;
      for (const auto& pair : group.pairs) {
        if (members.contains(pair.first) && members.contains(pair.second)) pairs.insert(pair);
      }
    }
    return static_cast<int>(pairs.size());
  }

  // What must be bought to join the site, as (item id, count); nullopt with a note when something
  // of it has no price.
  std::optional<std::vector<std::pair<std::string, int>>> Cabling(const Site& site,
                                                                  const catalog::Link& link) {
    std::vector<std::pair<std::string, int>> needs;
    if (link.direct_cable.empty()) return needs;
    if (!link.switches.empty() && site.size > 2) {
      // One cable a node, and one switch for every such cluster.
      needs.emplace_back(link.direct_cable, site.size);
      const std::optional<std::string> chosen = SwitchFor(link, site.size);
      if (!chosen) {
        Note(absl::StrCat("clusters of ", site.size, " over ", link.id,
                          " left out: no switch with enough ports has a price"));
        return std::nullopt;
      }
      needs.emplace_back(*chosen, 1);
    } else {
      const int missing = site.size * (site.size - 1) / 2 - PairsJoined(site, link);
      if (missing > 0) needs.emplace_back(link.direct_cable, missing);
    }
    for (const auto& [item, count] : needs) {
      if (goods_.item_offers.contains(item)) continue;
      Note(absl::StrCat("new clusters over ", link.id, " left out: ", item, " has no price"));
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
      const auto offers = goods_.item_offers.find(id);
      if (item == nullptr || offers == goods_.item_offers.end()) continue;
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
    found_.items.push_back({catalog_.FindItem(id), goods_.item_offers.at(id)});
    return static_cast<int>(found_.items.size()) - 1;
  }

  const catalog::Catalog& catalog_;
  const throughput::Calibration& calibration_;
  const fleet::Scenario& scenario_;
  const CandidateOptions options_;
  const Goods goods_;
  std::vector<NodeBounds> bounds_;  // by kind
  std::shared_ptr<const fleet::Fleet> yard_;
  std::vector<int> first_node_;  // by kind, in the yard
  placement::Offers offers_;
  Lift lift_;
  std::vector<WorkloadLimit> limits_;     // by workload
  std::vector<std::vector<File>> files_;  // by workload
  std::deque<SpeedBounds> speeds_;        // by workload
  std::vector<Frontier> singles_;         // see SinglesOf
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
  return Finder(catalog, calibration, scenario, options).Find();
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
