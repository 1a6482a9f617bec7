#include "planner/placement/evaluate.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "planner/placement/measured.h"
#include "planner/placement/sharding.h"
#include "planner/placement/split.h"

namespace capacity::placement {
namespace {

using throughput::Strategy;

std::string Gb(Bytes bytes) { return absl::StrFormat("%.1f GB", bytes.gb()); }

// ---------------------------------------------------------------- memory

// Works out what every node of the cluster must hold.
class Sizing {
 public:
  Sizing(const Offers& offers, const Job& job, const Cluster& cluster, Strategy strategy)
      : offers_(offers), job_(job), cluster_(cluster), strategy_(strategy) {
    for (int index : cluster.nodes) ranks_ += DevicesOf(NodeAt(index));
    driver_ = Driver();
    for (std::size_t i = 0; i < cluster.nodes.size(); ++i) {
      if (!DriverComesLast() || i != driver_) order_.push_back(i);
    }
    if (DriverComesLast() && driver_) order_.push_back(*driver_);
  }

  // One entry per node of the cluster, budgets included. Budgets must be known.
  std::vector<NodeMemory> Run() {
    switch (strategy_) {
      case Strategy::kSingle:
      case Strategy::kDisaggregated:
        return OneDeviceEach();
      case Strategy::kReplicas:
        return EveryDeviceTheWhole();
      case Strategy::kTensor:
        return EqualShares();
      case Strategy::kPipeline:
        return Stages();
    }
    return {};
  }

 private:
  const fleet::Node& NodeAt(int index) const {
    return offers_.fleet->nodes()[static_cast<std::size_t>(index)];
  }
  const fit::Budget& BudgetOf(int index) const {
    return *offers_.budgets[static_cast<std::size_t>(index)];
  }

  const fit::EngineMemory& memory() const { return *job_.memory; }
  int sequences() const { return job_.sequences(); }
  fit::Stage Whole() const { return {.layers = memory().layers()}; }

  // The whole model on one device of a node. Cards have a memory of their own; everything else
  // shares it with the processors.
  fit::Demand OneCopy(const fleet::Node& node, int sequences) const {
    if (node.chip->platform() == catalog::Platform::kCpu) return memory().Alone(sequences);
    return node.has_cards() || DrivenFromOutside() ? memory().Devices(Whole(), sequences)
                                                   : memory().DevicesWithHost(Whole(), sequences);
  }

  // A node with several cards uses one of them.
  std::vector<NodeMemory> OneDeviceEach() const {
    std::vector<NodeMemory> memory;
    for (int index : cluster_.nodes) {
      fit::Budget budget = BudgetOf(index);
      if (budget.devices > 1) {
        budget.bytes = budget.bytes * (1.0 / budget.devices);
        budget.tight_above = budget.tight_above * (1.0 / budget.devices);
        absl::StrAppend(&budget.source, "; one card of ", budget.devices);
        budget.devices = 1;
      }
      memory.push_back({index, OneCopy(NodeAt(index), sequences()), std::move(budget), 1});
    }
    return memory;
  }

  std::vector<NodeMemory> EveryDeviceTheWhole() const {
    const int each = (sequences() + ranks_ - 1) / ranks_;
    std::vector<NodeMemory> memory;
    for (int index : cluster_.nodes) {
      const fleet::Node& node = NodeAt(index);
      memory.push_back({index, OneCopy(node, each) * DevicesOf(node), BudgetOf(index), 1});
    }
    return memory;
  }

  // Equation 3.1. The latent cache of MLA has no heads to divide, so every rank keeps all of it.
  std::vector<NodeMemory> EqualShares() const {
    const catalog::Architecture& a = job_.model->architecture;
    const int cache_parts = a.is_mla() ? 1 : std::clamp(a.kv_heads, 1, ranks_);
    fit::Demand rank = memory().Devices(Whole(), sequences());
    rank.weights = rank.weights * (1.0 / ranks_);
    rank.kv_cache = rank.kv_cache * (1.0 / cache_parts);
    rank.recurrent_state = rank.recurrent_state * (1.0 / cache_parts);
    std::vector<NodeMemory> memory;
    for (int index : cluster_.nodes) {
      memory.push_back({index, rank * DevicesOf(NodeAt(index)), BudgetOf(index), 1});
    }
    return memory;
  }

  // Equation 3.2.
  std::vector<NodeMemory> Stages() const {
    std::optional<std::vector<int>> split = Split(&fit::Budget::tight_above);
    if (!split) split = Split(&fit::Budget::bytes);
    if (!split) return Overflowing();
    const std::vector<fit::Stage> stages = StagesOf(*split);
    std::vector<NodeMemory> memory;
    for (std::size_t i = 0; i < cluster_.nodes.size(); ++i) {
      const double share = static_cast<double>(stages[i].layers) / this->memory().layers();
      memory.push_back({cluster_.nodes[i], DemandOf(i, stages[i]), BudgetOf(cluster_.nodes[i]),
                        share, stages[i].first_layer, stages[i].layers});
    }
    return memory;
  }

  // The node of the cluster that runs the engine's own process; none when that is done outside.
  std::optional<std::size_t> Driver() const {
    if (job_.engine != catalog::Engine::kLlamaCpp || !offers_.drivers) return 0;
    const std::vector<int>& nodes = cluster_.nodes;
    for (int wanted : *offers_.drivers) {
      const auto at = std::find(nodes.begin(), nodes.end(), wanted);
      if (at != nodes.end()) return static_cast<std::size_t>(at - nodes.begin());
    }
    return std::nullopt;
  }
  bool DrivenFromOutside() const { return !driver_.has_value(); }
  // llama.cpp puts the devices of its own machine behind those of RPC servers.
  bool DriverComesLast() const { return job_.engine == catalog::Engine::kLlamaCpp; }

  // By node of the cluster: which layers and devices of the row are its own.
  std::vector<fit::Stage> StagesOf(const std::vector<int>& layers) const {
    std::vector<fit::Stage> stages(cluster_.nodes.size());
    int layer = 0;
    int device = 0;
    for (const std::size_t i : order_) {
      const int devices = DevicesOf(NodeAt(cluster_.nodes[i]));
      stages[i] = {layer, layers[i], device, devices, ranks_};
      layer += layers[i];
      device += devices;
    }
    return stages;
  }

  fit::Demand DemandOf(std::size_t i, const fit::Stage& stage) const {
    const bool host = i == driver_ && !NodeAt(cluster_.nodes[i]).has_cards();
    return host ? memory().DevicesWithHost(stage, sequences())
                : memory().Devices(stage, sequences());
  }

  std::optional<std::vector<int>> Split(Bytes fit::Budget::* limit) const {
    // What stands on a node besides its layers; every layer first counts alike.
    std::vector<Stage> stages;
    const std::vector<fit::Stage> empty = StagesOf(std::vector<int>(cluster_.nodes.size(), 0));
    const fit::Demand whole = memory().Devices(Whole(), sequences());
    const fit::Demand none = memory().Devices({.of = 1}, sequences());
    const double per_layer = static_cast<double>((whole.total() - none.total()).count) /
                             static_cast<double>(memory().layers());
    for (std::size_t i = 0; i < empty.size(); ++i) {
      const int index = cluster_.nodes[i];
      const Bytes room = BudgetOf(index).*limit - DemandOf(i, empty[i]).total();
      const double most = std::floor(static_cast<double>(room.count) / std::max(1.0, per_layer));
      stages.push_back({static_cast<int>(std::clamp(most, 0.0, 1e6)), NodeAt(index).bandwidth()});
    }
    return Settled(std::move(stages), limit);
  }

  // Where layers differ, a stage may hold fewer of those it got than it would of the average.
  std::optional<std::vector<int>> Settled(std::vector<Stage> stages,
                                          Bytes fit::Budget::* limit) const {
    const int layers = memory().layers();
    for (;;) {
      const std::optional<std::vector<int>> split =
          sequences() > 1 ? SplitForManyStreams(layers, stages) : SplitForOneStream(layers, stages);
      if (!split) return std::nullopt;
      const std::vector<fit::Stage> dealt = StagesOf(*split);
      bool fits = true;
      for (std::size_t i = 0; i < dealt.size(); ++i) {
        if (DemandOf(i, dealt[i]).total() <= BudgetOf(cluster_.nodes[i]).*limit) continue;
        stages[i].most_layers = dealt[i].layers - 1;
        fits = false;
      }
      if (fits) return split;
    }
  }

  // For the arithmetic of a cluster that is too small: everyone overflows alike.
  std::vector<NodeMemory> Overflowing() const {
    const std::vector<fit::Stage> empty = StagesOf(std::vector<int>(cluster_.nodes.size(), 0));
    const fit::Demand whole = memory().Devices(Whole(), sequences());
    std::vector<NodeMemory> memory;
    for (std::size_t i = 0; i < empty.size(); ++i) {
      const int index = cluster_.nodes[i];
      const double share = ShareByBudget(index);
      fit::Demand demand = DemandOf(i, empty[i]);
      demand.weights = this->memory().weights() * share;
      demand.kv_cache = whole.kv_cache * share;
      demand.recurrent_state = whole.recurrent_state * share;
      memory.push_back({index, demand, BudgetOf(index), share});
    }
    return memory;
  }

  double ShareByBudget(int index) const {
    double all = 0;
    for (int node : cluster_.nodes) all += static_cast<double>(BudgetOf(node).bytes.count);
    return all > 0 ? static_cast<double>(BudgetOf(index).bytes.count) / all : 1;
  }

  const Offers& offers_;
  const Job& job_;
  const Cluster& cluster_;
  const Strategy strategy_;
  int ranks_ = 0;
  std::optional<std::size_t> driver_;
  std::vector<std::size_t> order_;  // of the cluster's nodes, as the layers pass
};

fit::Verdict WorstVerdict(const std::vector<NodeMemory>& memory) {
  fit::Verdict worst = fit::Verdict::kFits;
  for (const NodeMemory& node : memory) {
    worst = std::max(worst, fit::Judge(node.demand, node.budget));
  }
  return worst;
}

std::string Shortfalls(const fleet::Fleet& fleet, const std::vector<NodeMemory>& memory) {
  std::vector<std::string> parts;
  for (const NodeMemory& node : memory) {
    const Bytes missing = node.demand.total() - node.budget.bytes;
    if (missing.count <= 0) continue;
    parts.push_back(absl::StrCat("needs ", Gb(node.demand.weights), " of weights, ",
                                 Gb(node.demand.kv_cache + node.demand.recurrent_state),
                                 " of KV cache and ",
                                 Gb(node.demand.compute_buffers + node.demand.engine_base),
                                 " for the engine, ", Gb(node.demand.total()), " in all; ",
                                 fleet.nodes()[static_cast<std::size_t>(node.node)].name,
                                 " offers ", Gb(node.budget.bytes), ": short by ", Gb(missing)));
  }
  return absl::StrJoin(parts, ". ");
}

// ---------------------------------------------------------------- speed

const catalog::Link* LinkOf(const Cluster& cluster) { return cluster.joint.link; }

throughput::Query QueryFor(const Offers& offers, const Job& job, const Cluster& cluster,
                           Strategy strategy, const std::vector<NodeMemory>& memory) {
  throughput::Query query;
  query.model = job.model;
  query.quant = job.quant;
  query.engine = job.engine;
  query.strategy = strategy;
  query.link = LinkOf(cluster);
  query.all_reduce = cluster.joint.all_reduce;
  query.context_tokens = job.load.context_tokens;
  query.prompt_tokens = job.load.prompt_tokens;
  query.batch = std::max(1, job.load.concurrency);
  query.kv_bits = job.load.kv_bits;
  query.artifact = job.artifact;
  const bool one_device = strategy == Strategy::kSingle || strategy == Strategy::kDisaggregated;
  query.nodes.reserve(memory.size());
  for (const NodeMemory& node : memory) {
    const fleet::Node& owned = offers.fleet->nodes()[static_cast<std::size_t>(node.node)];
    query.nodes.push_back({
        .chip = owned.chip,
        .accelerators = one_device ? 1 : DevicesOf(owned),
        .bandwidth = owned.bandwidth(),
        .layer_share = node.layer_share,
    });
  }
  return query;
}

// ---------------------------------------------------------------- caveats

// What the answer rests on that nobody has confirmed.
std::vector<std::string> Caveats(const Offers& offers, const Job& job, const Cluster& cluster,
                                 Strategy strategy) {
  std::vector<std::string> caveats;
  if (job.kv_ignored) {
    caveats.push_back(
        absl::StrCat(catalog::Name(job.engine), " has no such cache: it keeps 16 bits a value"));
  }
  if (job.context_cut) {
    caveats.push_back(absl::StrCat(job.model->id, " was made for ", job.load.context_tokens,
                                   " tokens of context; the load asks for more"));
  }
  if (strategy == Strategy::kDisaggregated) {
    caveats.push_back("disaggregated prefill in EXO is experimental");
  }
  if (cluster.nodes.size() > 1) {
    const std::string& type = job.model->model_type;
    const Splittable splittable = CanSplit(job.engine, strategy, type);
    if (splittable == Splittable::kNo) {
      caveats.push_back(WhyNotSplittable(job.engine, strategy, type));
    } else if (splittable == Splittable::kUnknown) {
      caveats.push_back(absl::StrCat("whether ", catalog::Name(job.engine),
                                     " can split this model is not known"));
    }
  }
  bool metal = false;
  bool cuda = false;
  std::vector<std::string> no_version;
  std::vector<std::string> no_rdma_state;
  for (int index : cluster.nodes) {
    const fleet::Node& node = offers.fleet->nodes()[static_cast<std::size_t>(index)];
    metal = metal || node.chip->platform() == catalog::Platform::kMetal;
    cuda = cuda || node.chip->platform() == catalog::Platform::kCuda;
    if (!node.os_version) no_version.push_back(node.name);
    if (!node.rdma_enabled) no_rdma_state.push_back(node.name);
    if (strategy == Strategy::kSingle && DevicesOf(node) > 1) {
      caveats.push_back(absl::StrCat("one card of ", DevicesOf(node), " works, the rest idles"));
    }
  }
  if (job.engine == catalog::Engine::kExo && cuda && strategy == Strategy::kPipeline) {
    caveats.push_back("EXO across Metal and CUDA is experimental");
  }
  if (strategy == Strategy::kReplicas) {
    caveats.push_back("aggregate of all replicas; one stream runs at the speed of its replica");
  }
  const catalog::Link* link = LinkOf(cluster);
  if (link == nullptr || cluster.nodes.size() < 2) return caveats;
  if (link->transport == catalog::Transport::kRdma && metal) {
    if (!no_version.empty() && !link->min_os_version.empty()) {
      caveats.push_back(absl::StrCat("macOS version of ", absl::StrJoin(no_version, ", "),
                                     " not stated; ", link->id, " needs ", link->min_os_version));
    }
    if (!no_rdma_state.empty()) {
      caveats.push_back(
          absl::StrCat("RDMA state not reported by ", absl::StrJoin(no_rdma_state, ", ")));
    }
  }
  if (strategy == Strategy::kTensor && !cluster.joint.all_reduce) {
    caveats.push_back(absl::StrCat("all-reduce latency over ", link->id, " assumed for ",
                                   Name(job.engine), ", not measured"));
  }
  return caveats;
}

Placement Blank(const Job& job, const Cluster& cluster, Strategy strategy) {
  Placement placement;
  placement.model = job.model;
  placement.quant = job.quant;
  placement.engine = job.engine;
  placement.strategy = strategy;
  placement.link = LinkOf(cluster);
  placement.nodes = cluster.nodes;
  placement.copies = cluster.copies;
  return placement;
}

// The first fact that keeps the memory from being worked out.
absl::Status MissingFact(const Offers& offers, const Job& job, const Cluster& cluster) {
  if (!job.memory.ok()) return job.memory.status();
  for (int index : cluster.nodes) {
    const auto& budget = offers.budgets[static_cast<std::size_t>(index)];
    if (!budget.ok()) return budget.status();
  }
  return absl::OkStatus();
}

}  // namespace

Job MakeJob(const catalog::Catalog& catalog, const catalog::Model& model,
            const catalog::Quantization& quant, catalog::Engine engine, const Load& load) {
  Job job;
  job.model = &model;
  job.quant = &quant;
  job.engine = engine;
  job.load = load;
  if (model.max_context && load.context_tokens > *model.max_context) {
    job.load.context_tokens = *model.max_context;
    job.context_cut = true;
  }
  job.kv_ignored =
      !load.kv_engines.empty() &&
      std::find(load.kv_engines.begin(), load.kv_engines.end(), engine) == load.kv_engines.end();
  if (job.kv_ignored) job.load.kv_bits = Load().kv_bits;
  job.artifact = fit::ArtifactFor(catalog, model, quant, engine);
  fit::EngineSettings settings;
  settings.engine = engine;
  settings.context_tokens = job.load.context_tokens;
  settings.key_bits = job.load.kv_bits;
  settings.value_bits = job.load.kv_bits;
  job.memory = fit::EngineMemory::Make(catalog, model, quant, settings);
  return job;
}

Offers MakeOffers(const catalog::Catalog& catalog, const throughput::Calibration& calibration,
                  const fleet::Fleet& fleet) {
  Offers offers{&calibration, &fleet, {}, {}, {}, {}};
  offers.measured = MeasuredOn(catalog, fleet);
  offers.evidence = throughput::Evidence(offers.measured, calibration);
  offers.budgets.reserve(fleet.nodes().size());
  for (const fleet::Node& node : fleet.nodes()) {
    offers.budgets.push_back(fit::NodeBudget(catalog, node));
  }
  return offers;
}

absl::StatusOr<throughput::Explanation> ExplainWork(const Offers& offers, const Job& job,
                                                    const Cluster& cluster, Strategy strategy,
                                                    const std::vector<NodeMemory>& memory) {
  return throughput::Explain(QueryFor(offers, job, cluster, strategy, memory), *offers.calibration);
}

std::vector<NodeMemory> MemoryOf(const Offers& offers, const Job& job, const Cluster& cluster,
                                 Strategy strategy) {
  if (!MissingFact(offers, job, cluster).ok()) return {};
  return Sizing(offers, job, cluster, strategy).Run();
}

Placement Work(const Offers& offers, const Job& job, const Cluster& cluster, Strategy strategy,
               Reasons::Detail detail) {
  Placement placement = Blank(job, cluster, strategy);
  if (absl::Status missing = MissingFact(offers, job, cluster); !missing.ok()) {
    placement.why_not = std::string(missing.message());
    return placement;
  }
  placement.memory = Sizing(offers, job, cluster, strategy).Run();
  placement.verdict = WorstVerdict(placement.memory);
  if (placement.verdict == fit::Verdict::kDoesNotFit) {
    if (detail == Reasons::Detail::kAll) {
      placement.why_not = Shortfalls(*offers.fleet, placement.memory);
    }
    return placement;
  }
  const throughput::Query query = QueryFor(offers, job, cluster, strategy, placement.memory);
  absl::StatusOr<throughput::Speed> speed = throughput::Predict(query, *offers.calibration);
  if (speed.ok()) {
    placement.speed =
        offers.evidence.empty()
            ? *speed
            : offers.evidence.Adjust(query, MachinesOf(*offers.fleet, cluster.nodes), *speed);
  } else {
    placement.why_not = absl::StrCat("fits; no speed: ", std::string(speed.status().message()));
  }
  placement.caveats = Caveats(offers, job, cluster, strategy);
  return placement;
}

Placement CheckAndWork(const Offers& offers, const Job& job, const Cluster& cluster,
                       Strategy strategy, Reasons::Detail detail) {
  Reasons reasons(detail);
  CheckFormat(*job.model, *job.quant, job.engine, reasons);
  if (!reasons.settled()) {
    CheckCombination(
        {offers.fleet, &cluster.nodes, job.model, job.quant, job.engine, strategy, &cluster.joint},
        reasons);
  }
  if (!reasons.any()) return Work(offers, job, cluster, strategy, detail);
  Placement placement = Blank(job, cluster, strategy);
  placement.why_not = absl::StrJoin(reasons.Take(), "; ");
  return placement;
}

}  // namespace capacity::placement
