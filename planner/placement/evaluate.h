// One combination worked out: shares, memory, verdict, speed (docs/model.md 3).
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/catalog/catalog.h"
#include "planner/fit/fit.h"
#include "planner/fleet/fleet.h"
#include "planner/placement/kinds.h"
#include "planner/placement/legality.h"
#include "planner/placement/placement.h"
#include "planner/throughput/node_calibration.h"
#include "planner/throughput/throughput.h"

namespace capacity::placement {

// One file on one engine under one load: what does not depend on the nodes.
struct Job {
  const catalog::Model* model = nullptr;
  const catalog::Quantization* quant = nullptr;
  catalog::Engine engine = catalog::Engine::kLlamaCpp;
  Load load;                                    // context cut to what the model was made for
  const catalog::Artifact* artifact = nullptr;  // exact, of this engine
  absl::StatusOr<fit::EngineMemory> memory;
  bool context_cut = false;
  bool kv_ignored = false;  // the load's cache type is none of the engine's: 16 bits

  int sequences() const { return std::max(1, load.concurrency); }
};
Job MakeJob(const catalog::Catalog& catalog, const catalog::Model& model,
            const catalog::Quantization& quant, catalog::Engine engine, const Load& load);

// What the nodes of one fleet offer, worked out once.
struct Offers {
  const throughput::Calibration* calibration = nullptr;
  const fleet::Fleet* fleet = nullptr;
  std::vector<absl::StatusOr<fit::Budget>> budgets;    // by node
  std::vector<throughput::SpeedMeasurement> measured;  // what of the fleet's can be compared
  throughput::Evidence evidence;                       // that, digested: for every node alike
  std::optional<std::vector<int>> drivers;             // as Options has them
};
Offers MakeOffers(const catalog::Catalog& catalog, const throughput::Calibration& calibration,
                  const fleet::Fleet& fleet);

// Memory, verdict and speed of a legal combination. With Detail::kFirstOnly a placement that does
// not fit carries no text.
Placement Work(const Offers& offers, const Job& job, const Cluster& cluster,
               throughput::Strategy strategy, Reasons::Detail detail);

// The terms of the speed that Work found for these shares of memory.
absl::StatusOr<throughput::Explanation> ExplainWork(const Offers& offers, const Job& job,
                                                    const Cluster& cluster,
                                                    throughput::Strategy strategy,
                                                    const std::vector<NodeMemory>& memory);

// What every node would hold; empty when a fact is missing.
std::vector<NodeMemory> MemoryOf(const Offers& offers, const Job& job, const Cluster& cluster,
                                 throughput::Strategy strategy);

// Work with the legality checked first.
Placement CheckAndWork(const Offers& offers, const Job& job, const Cluster& cluster,
                       throughput::Strategy strategy, Reasons::Detail detail);

}  // namespace capacity::placement
