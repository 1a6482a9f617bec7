// Which nodes together, split how, on which engine (docs/model.md section 3).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/base/estimate.h"
#include "planner/catalog/catalog.h"
#include "planner/fit/fit.h"
#include "planner/fleet/fleet.h"
#include "planner/throughput/calibration.h"
#include "planner/throughput/throughput.h"

namespace capacity::fleet {
struct Workload;
}

namespace capacity::placement {

// Nodes that nothing tells apart: same machine, chip, overrides, OS, measurements, and links of the
// same sort to the same sorts of nodes. Two separate pairs of equal machines are one kind of four.
struct NodeKind {
  std::vector<int> nodes;  // indices into Fleet::nodes, ascending
};
// In order of first appearance. Linear in nodes and links.
std::vector<NodeKind> GroupKinds(const fleet::Fleet& fleet);

struct NodeMemory {
  int node = 0;  // index into Fleet::nodes
  fit::Demand demand;
  fit::Budget budget;
  double layer_share = 1;
  int first_layer = 0;  // of a pipeline's stage
  int layers = 0;       // so many; zero where layers are not what is split
};

// One way to run one model. A placement that does not fit keeps its memory arithmetic and says why.
struct Placement {
  const catalog::Model* model = nullptr;
  const catalog::Quantization* quant = nullptr;
  catalog::Engine engine = catalog::Engine::kLlamaCpp;
  throughput::Strategy strategy = throughput::Strategy::kSingle;
  const catalog::Link* link = nullptr;
  std::vector<int> nodes;  // representatives: the first free node of each kind used
  int copies = 1;  // such sets of nodes in the fleet that share no node; an upper bound when links
                   // overlap
  std::vector<NodeMemory> memory;  // one per node, same order
  fit::Verdict verdict = fit::Verdict::kDoesNotFit;
  std::optional<throughput::Speed> speed;  // absent when it does not fit or a fact is missing
  std::string why_not;                     // when it does not fit, is not legal, or has no speed
  std::vector<std::string> caveats;  // "RDMA state not reported", "all-reduce profile assumed: ..."
};

// How far the worst node is over its budget; zero or less when all fit.
Bytes Shortfall(const Placement& placement);

// Whether `quant` may be proposed for `model`: native to it; or, for a model that is not released
// quantized (packing 4-bit weights anew helps nobody), commonly published and of at least
// `min_nominal_bits` (whole-file bits where no nominal figure is known). Quality is not modelled;
// this floor is what keeps 2-bit files from winning by speed alone.
bool Proposable(const catalog::Quantization& quant, const catalog::Model& model,
                double min_nominal_bits);

// What to place and under which load.
struct Load {
  int context_tokens = 8192;
  int prompt_tokens = 1024;
  int concurrency = 1;
  double kv_bits = 16;
  std::vector<catalog::Engine>
      kv_engines;  // that have such a cache, others keep 16 bits; empty: all
};

// What one stream of the workload looks like to an engine, and how many run at once.
Load LoadOf(const fleet::Workload& workload);

struct Options {
  int max_cluster_nodes = 8;   // of one placement, replicas included
  bool keep_rejected = false;  // also return illegal and non-fitting candidates, with why_not
  // Nodes that may run llama.cpp's own process, most wanted first; a cluster of none of them is
  // driven from outside. Absent: the first node of each cluster does.
  std::optional<std::vector<int>> drivers;
};

// Every legal combination of `fleet`'s nodes (interchangeable nodes collapsed), strategy and engine
// for one model and quantization: fitting ones first, fastest decode first, then the rejected ones.
// Deterministic. Facts that are missing become `why_not`, never errors.
//
// What bounds a large fleet: sets of one kind go up to max_cluster_nodes, mixed sets up to the size
// at which there are no more than kMaxMixedClusters of them (three kinds: no bound below 8). Mixed
// replicas are listed in fleets of at most max_cluster_nodes nodes; in larger ones a pipeline of
// three or more is left out when it fits without its smallest node. Of a component that is no full
// mesh the first kMaxSparseClusters connected sets are looked at.
std::vector<Placement> Enumerate(const catalog::Catalog& catalog,
                                 const throughput::Calibration& calibration,
                                 const fleet::Fleet& fleet, const catalog::Model& model,
                                 const catalog::Quantization& quant, const Load& load,
                                 const Options& options);
inline constexpr int kMaxMixedClusters = 500;
inline constexpr int kMaxSparseClusters = 4096;

// The placements that use exactly `nodes` of `fleet`, over every strategy, engine and link between
// them: fitting ones, fastest decode first, then (keep_rejected) the others. Purchases call it on a
// fleet made of owned and offered nodes.
std::vector<Placement> EnumerateOn(const catalog::Catalog& catalog,
                                   const throughput::Calibration& calibration,
                                   const fleet::Fleet& fleet, const std::vector<int>& nodes,
                                   const catalog::Model& model, const catalog::Quantization& quant,
                                   const Load& load, const Options& options);

// One given combination: these nodes, this strategy and engine. Illegal or too big is a value with
// why_not, not an error. `link` is null for one node.
Placement Evaluate(const catalog::Catalog& catalog, const throughput::Calibration& calibration,
                   const fleet::Fleet& fleet, const std::vector<int>& nodes,
                   const catalog::Model& model, const catalog::Quantization& quant,
                   catalog::Engine engine, throughput::Strategy strategy, const catalog::Link* link,
                   const Load& load);

// The terms of a placement's speed. FailedPrecondition when it has none.
absl::StatusOr<throughput::Explanation> Explain(const catalog::Catalog& catalog,
                                                const throughput::Calibration& calibration,
                                                const fleet::Fleet& fleet,
                                                const Placement& placement, const Load& load);

// Why `strategy` on `engine` may not join these nodes; empty when legal. Every reason, most basic
// first.
std::vector<std::string> LegalityViolations(const fleet::Fleet& fleet,
                                            const std::vector<int>& nodes,
                                            const catalog::Model& model,
                                            const catalog::Quantization& quant,
                                            catalog::Engine engine, throughput::Strategy strategy,
                                            const catalog::Link* link);

// A fleet prepared for placing many models: kinds, budgets, links and the sets of nodes worth
// looking at are worked out once. Enumerate and EnumerateOn above are this class used once. The
// catalogue, calibration and fleet must outlive it. Immutable, so safe to share between threads.
class Placer {
 public:
  Placer(const catalog::Catalog& catalog, const throughput::Calibration& calibration,
         const fleet::Fleet& fleet, const Options& options);
  ~Placer();
  Placer(const Placer&) = delete;
  Placer& operator=(const Placer&) = delete;

  std::vector<Placement> Enumerate(const catalog::Model& model, const catalog::Quantization& quant,
                                   const Load& load) const;
  std::vector<Placement> EnumerateOn(const std::vector<int>& nodes, const catalog::Model& model,
                                     const catalog::Quantization& quant, const Load& load) const;

  // The longest context, in tokens of each stream, at which `placement` still fits with its nodes,
  // engine and strategy (a pipeline deals its layers anew), at most what the model was made for; 0
  // when not even one token does. One token more does not fit, or the model was not made for it.
  // nullopt when a fact is missing, or the placement is not legal.
  std::optional<int> LongestContext(const Placement& placement, const Load& load) const;

 private:
  struct State;
  std::unique_ptr<const State> state_;
};

}  // namespace capacity::placement
