#include "planner/placement/placement.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/fleet/scenario.h"
#include "planner/placement/evaluate.h"
#include "planner/placement/kinds.h"
#include "planner/placement/legality.h"
#include "planner/placement/topology.h"

namespace capacity::placement {
namespace {

using throughput::Strategy;

bool Fits(const Placement& placement) { return placement.verdict != fit::Verdict::kDoesNotFit; }

// Fitting before rejected, then with a speed before without, then the faster; the rest only keeps
// the order the same from run to run.
bool Before(const Placement& a, const Placement& b) {
  const auto key = [](const Placement& p) {
    return std::tuple(!Fits(p), !p.speed.has_value(), p.speed ? -p.speed->decode_tps.mid : 0.0,
                      p.nodes.size(), static_cast<int>(p.strategy), static_cast<int>(p.engine));
  };
  const auto key_a = key(a);
  const auto key_b = key(b);
  if (key_a != key_b) return key_a < key_b;
  return a.nodes < b.nodes;
}

// The strategies that a cluster of this shape can be asked for at all.
std::vector<Strategy> StrategiesFor(const Cluster& cluster, int devices) {
  if (cluster.joint.link != nullptr && cluster.joint.link->transport != catalog::Transport::kPcie) {
    std::vector<Strategy> strategies = {Strategy::kTensor, Strategy::kPipeline};
    if (cluster.nodes.size() == 2) strategies.push_back(Strategy::kDisaggregated);
    return strategies;
  }
  if (cluster.nodes.size() > 1) return {Strategy::kReplicas};
  if (devices == 1) return {Strategy::kSingle};
  return {Strategy::kSingle, Strategy::kTensor, Strategy::kPipeline, Strategy::kReplicas};
}

// A cluster with what decides quickly whether it is worth working out.
struct Candidate {
  Cluster cluster;
  bool asked_for = false;     // by name, so that nothing about it is left out
  bool mixed = false;         // more than one platform
  bool budgets_known = true;  // of every node
  Bytes offered;              // all budgets
  Bytes comfortable;          // all budgets less their margins
  Bytes smallest;             // of the latter, one node's
};

}  // namespace

Bytes Shortfall(const Placement& placement) {
  Bytes worst{std::numeric_limits<std::int64_t>::min()};
  for (const NodeMemory& node : placement.memory) {
    worst = std::max(worst, node.demand.total() - node.budget.bytes);
  }
  return placement.memory.empty() ? Bytes{} : worst;
}

Load LoadOf(const fleet::Workload& workload) {
  Load load;
  load.context_tokens = workload.context_tokens;
  load.prompt_tokens = workload.prompt_tokens;
  load.concurrency = workload.concurrency;
  return load;
}

bool Proposable(const catalog::Quantization& quant, const catalog::Model& model,
                double min_nominal_bits) {
  if (model.own_file) return model.own_file->quant == quant.id;
  if (!quant.native_to.empty()) {
    return std::find(quant.native_to.begin(), quant.native_to.end(), model.id) !=
           quant.native_to.end();
  }
  if (quant.uncommon || model.released_quantized) return false;
  const std::optional<double> bits =
      quant.nominal_bits ? quant.nominal_bits : quant.whole_file_bits_per_weight;
  return bits && *bits >= min_nominal_bits;
}

struct Placer::State {
  State(const catalog::Catalog& facts, const throughput::Calibration& calibration,
        const fleet::Fleet& owned, const Options& chosen)
      : catalog(facts),
        fleet(owned),
        options(chosen),
        topology(owned),
        offers(MakeOffers(facts, calibration, owned)),
        pcie(facts.FindLink("pcie")) {
    offers.drivers = chosen.drivers;
  }

  // Adds every strategy and engine of the candidate's nodes for one file.
  void Place(const std::vector<Job>& jobs, const Candidate& candidate,
             std::vector<Placement>& placements) const {
    if (!options.keep_rejected && HopelesslySmall(jobs, candidate)) return;
    const Cluster& cluster = candidate.cluster;
    const fleet::Node& first = fleet.nodes()[static_cast<std::size_t>(cluster.nodes.front())];
    const int devices = DevicesOf(first);
    for (Strategy strategy : StrategiesFor(cluster, devices)) {
      if (!options.keep_rejected && candidate.mixed && strategy == Strategy::kTensor) continue;
      Cluster within_box;
      const Cluster* used = &cluster;
      if (cluster.nodes.size() == 1 && strategy != Strategy::kSingle) {
        within_box = cluster;
        within_box.joint.link = strategy == Strategy::kReplicas ? nullptr : pcie;
        used = &within_box;
      }
      for (const Job& job : jobs) {
        if (strategy == Strategy::kPipeline && HasNodeToSpare(job, candidate)) continue;
        Keep(job, *used, strategy, placements);
      }
    }
  }

  Candidate Consider(Cluster cluster) const {
    Candidate candidate;
    const catalog::Platform platform =
        fleet.nodes()[static_cast<std::size_t>(cluster.nodes.front())].chip->platform();
    for (int index : cluster.nodes) {
      const fleet::Node& node = fleet.nodes()[static_cast<std::size_t>(index)];
      candidate.mixed = candidate.mixed || node.chip->platform() != platform;
      const auto& budget = offers.budgets[static_cast<std::size_t>(index)];
      candidate.budgets_known = candidate.budgets_known && budget.ok();
      if (!budget.ok()) continue;
      candidate.offered += budget->bytes;
      candidate.comfortable += budget->tight_above;
      candidate.smallest = candidate.smallest.count == 0
                               ? budget->tight_above
                               : std::min(candidate.smallest, budget->tight_above);
    }
    candidate.cluster = std::move(cluster);
    return candidate;
  }

  // Whether the weights alone exceed the cluster on every engine.
  static bool HopelesslySmall(const std::vector<Job>& jobs, const Candidate& candidate) {
    if (!candidate.budgets_known) return false;
    return std::all_of(jobs.begin(), jobs.end(), [&](const Job& job) {
      if (!job.memory.ok()) return false;
      // llama.cpp's input table may stand beside a card's memory.
      const fit::Stage all{.layers = job.memory->layers()};
      return job.memory->Devices(all, 1).weights > candidate.offered;
    });
  }

  // In a fleet too large to list every set: whether the pipeline fits without its smallest node.
  bool HasNodeToSpare(const Job& job, const Candidate& candidate) const {
    const std::size_t size = candidate.cluster.nodes.size();
    if (candidate.asked_for || size <= 2 || !candidate.cluster.joint.full_mesh ||
        !candidate.budgets_known)
      return false;
    if (static_cast<int>(fleet.nodes().size()) <= options.max_cluster_nodes) return false;
    if (!job.memory.ok()) return false;
    // The node with the output has the largest buffers.
    const int devices = static_cast<int>(size);
    const fit::Stage end{.first_device = devices - 1, .of = devices};
    const fit::Demand held = job.memory->DevicesWithHost(end, job.sequences());
    const Bytes own = held.compute_buffers + held.engine_base;
    return job.memory->weights() + job.memory->cache() * job.sequences() +
               own * static_cast<double>(size) <=
           candidate.comfortable - candidate.smallest;
  }

  // Nodes that no cable joins, with the one that would.
  void RejectUnjoined(const std::vector<Job>& jobs, std::vector<Placement>& placements) const {
    for (const Cluster& set : unjoined) {
      for (const Job& job : jobs) {
        Placement placement =
            CheckAndWork(offers, job, set, Strategy::kPipeline, Reasons::Detail::kAll);
        if (const catalog::Link* link = LinkThatWouldJoin(set.nodes, job.engine)) {
          absl::StrAppend(
              &placement.why_not, "; ", link->id, " would join them",
              link->direct_cable.empty() ? "" : absl::StrCat(" (", link->direct_cable, ")"));
        }
        placements.push_back(std::move(placement));
      }
    }
  }

  // The catalogue's first link that these machines could be joined by and that `engine` uses.
  const catalog::Link* LinkThatWouldJoin(const std::vector<int>& nodes,
                                         catalog::Engine engine) const {
    for (const catalog::Link& link : catalog.links) {
      if (link.transport != catalog::Transport::kRdma &&
          link.transport != catalog::Transport::kTcp) {
        continue;
      }
      const bool used = link.engines.empty() || std::find(link.engines.begin(), link.engines.end(),
                                                          engine) != link.engines.end();
      if (used && fleet::LinkViolations(fleet.nodes(), fleet::FullMesh(link, nodes)).empty()) {
        return &link;
      }
    }
    return nullptr;
  }

  void Keep(const Job& job, const Cluster& cluster, Strategy strategy,
            std::vector<Placement>& placements) const {
    const Combination combination{&fleet,     &cluster.nodes, job.model,     job.quant,
                                  job.engine, strategy,       &cluster.joint};
    if (!options.keep_rejected) {
      Reasons reasons(Reasons::Detail::kFirstOnly);
      CheckCombination(combination, reasons);
      if (reasons.any()) return;
      Placement placement = Work(offers, job, cluster, strategy, Reasons::Detail::kFirstOnly);
      if (Fits(placement)) placements.push_back(std::move(placement));
      return;
    }
    placements.push_back(CheckAndWork(offers, job, cluster, strategy, Reasons::Detail::kAll));
  }

  // One job per engine that loads the file.
  std::vector<Job> JobsOf(const catalog::Model& model, const catalog::Quantization& quant,
                          const Load& load) const {
    std::vector<Job> jobs;
    for (catalog::Engine engine : quant.engines) {
      Reasons reasons(Reasons::Detail::kFirstOnly);
      CheckFormat(model, quant, engine, reasons);
      if (!reasons.any()) jobs.push_back(MakeJob(catalog, model, quant, engine, load));
    }
    return jobs;
  }

  const catalog::Catalog& catalog;
  const fleet::Fleet& fleet;
  Options options;
  Topology topology;
  Offers offers;
  const catalog::Link* pcie;
  std::vector<Candidate> candidates;
  std::vector<Cluster> unjoined;  // only filled when rejected ones are kept
};

Placer::Placer(const catalog::Catalog& catalog, const throughput::Calibration& calibration,
               const fleet::Fleet& fleet, const Options& options) {
  auto state = std::make_unique<State>(catalog, calibration, fleet, options);
  const std::vector<int> kind_of = KindOfNodes(fleet, state->topology);
  for (Cluster& cluster : JoinedClusters(state->topology, kind_of, options.max_cluster_nodes)) {
    state->candidates.push_back(state->Consider(std::move(cluster)));
  }
  for (Cluster& set : ReplicaSets(kind_of, options.max_cluster_nodes)) {
    state->candidates.push_back(state->Consider(std::move(set)));
  }
  if (options.keep_rejected) {
    state->unjoined = UnjoinedSets(state->topology, kind_of, options.max_cluster_nodes);
  }
  state_ = std::move(state);
}

Placer::~Placer() = default;

std::vector<Placement> Placer::Enumerate(const catalog::Model& model,
                                         const catalog::Quantization& quant,
                                         const Load& load) const {
  std::vector<Placement> placements;
  const std::vector<Job> jobs = state_->JobsOf(model, quant, load);
  for (const Candidate& candidate : state_->candidates) {
    state_->Place(jobs, candidate, placements);
  }
  state_->RejectUnjoined(jobs, placements);
  std::stable_sort(placements.begin(), placements.end(), Before);
  return placements;
}

std::vector<Placement> Placer::EnumerateOn(const std::vector<int>& nodes,
                                           const catalog::Model& model,
                                           const catalog::Quantization& quant,
                                           const Load& load) const {
  std::vector<Placement> placements;
  if (nodes.empty()) return placements;
  const std::vector<Job> jobs = state_->JobsOf(model, quant, load);
  if (nodes.size() > 1) {
    for (const catalog::Link* link : state_->topology.LinksAmong(nodes)) {
      Candidate candidate = state_->Consider({nodes, state_->topology.Join(nodes, link), 1});
      candidate.asked_for = true;
      state_->Place(jobs, candidate, placements);
    }
  }
  state_->Place(jobs, state_->Consider({nodes, {}, 1}), placements);
  std::stable_sort(placements.begin(), placements.end(), Before);
  return placements;
}

std::vector<Placement> Enumerate(const catalog::Catalog& catalog,
                                 const throughput::Calibration& calibration,
                                 const fleet::Fleet& fleet, const catalog::Model& model,
                                 const catalog::Quantization& quant, const Load& load,
                                 const Options& options) {
  return Placer(catalog, calibration, fleet, options).Enumerate(model, quant, load);
}

std::vector<Placement> EnumerateOn(const catalog::Catalog& catalog,
                                   const throughput::Calibration& calibration,
                                   const fleet::Fleet& fleet, const std::vector<int>& nodes,
                                   const catalog::Model& model, const catalog::Quantization& quant,
                                   const Load& load, const Options& options) {
  return Placer(catalog, calibration, fleet, options).EnumerateOn(nodes, model, quant, load);
}

namespace {

// `nodes` joined by `link` as the fleet joins them; cards of one node by PCIe.
Cluster ClusterOf(const catalog::Catalog& catalog, const fleet::Fleet& fleet,
                  const std::vector<int>& nodes, throughput::Strategy strategy,
                  const catalog::Link* link) {
  Cluster cluster{nodes, {}, 1};
  if (strategy == Strategy::kReplicas) return cluster;
  if (nodes.size() > 1 && link != nullptr) {
    cluster.joint = Topology(fleet).Join(nodes, link);
  } else if (nodes.size() == 1 &&
             (strategy == Strategy::kTensor || strategy == Strategy::kPipeline)) {
    cluster.joint.link = catalog.FindLink("pcie");
  }
  return cluster;
}

}  // namespace

Placement Evaluate(const catalog::Catalog& catalog, const throughput::Calibration& calibration,
                   const fleet::Fleet& fleet, const std::vector<int>& nodes,
                   const catalog::Model& model, const catalog::Quantization& quant,
                   catalog::Engine engine, throughput::Strategy strategy, const catalog::Link* link,
                   const Load& load) {
  const Cluster cluster = ClusterOf(catalog, fleet, nodes, strategy, link);
  return CheckAndWork(MakeOffers(catalog, calibration, fleet),
                      MakeJob(catalog, model, quant, engine, load), cluster, strategy,
                      Reasons::Detail::kAll);
}

std::optional<int> Placer::LongestContext(const Placement& placement, const Load& load) const {
  if (placement.memory.empty()) return std::nullopt;
  const Cluster cluster{placement.nodes, {}, 1};
  const auto memory_at = [&](int tokens) {
    Load at = load;
    at.context_tokens = tokens;
    const Job job =
        MakeJob(state_->catalog, *placement.model, *placement.quant, placement.engine, at);
    return MemoryOf(state_->offers, job, cluster, placement.strategy);
  };
  if (memory_at(1).empty()) return std::nullopt;
  constexpr int kBeyondAnyModel = 100'000'000;
  int longest = 0;  // fits, or nothing does
  int beyond = placement.model->max_context.value_or(kBeyondAnyModel) + 1;
  while (beyond - longest > 1) {
    const int middle = longest + (beyond - longest) / 2;
    const std::vector<NodeMemory> memory = memory_at(middle);
    const bool fits = std::all_of(memory.begin(), memory.end(), [](const NodeMemory& node) {
      return fit::Judge(node.demand, node.budget) != fit::Verdict::kDoesNotFit;
    });
    (fits ? longest : beyond) = middle;
  }
  return longest;
}

absl::StatusOr<throughput::Explanation> Explain(const catalog::Catalog& catalog,
                                                const throughput::Calibration& calibration,
                                                const fleet::Fleet& fleet,
                                                const Placement& placement, const Load& load) {
  if (!placement.speed) {
    return absl::FailedPreconditionError("a placement without a speed has no terms to explain");
  }
  return ExplainWork(MakeOffers(catalog, calibration, fleet),
                     MakeJob(catalog, *placement.model, *placement.quant, placement.engine, load),
                     ClusterOf(catalog, fleet, placement.nodes, placement.strategy, placement.link),
                     placement.strategy, placement.memory);
}

}  // namespace capacity::placement
