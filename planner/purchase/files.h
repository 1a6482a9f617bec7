// The files (a model in a quantization) that may serve a workload, with bounds on their speed that
// cost nanoseconds, so that few placements need to be worked out.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "planner/catalog/catalog.h"
#include "planner/fleet/scenario.h"
#include "planner/placement/evaluate.h"
#include "planner/throughput/calibration.h"
#include "planner/throughput/throughput.h"

namespace capacity::purchase {

// Values by baseline, in the order of fleet::kBaselines.
template <class T>
using ByBaseline = std::array<T, std::size(fleet::kBaselines)>;

struct File {
  const catalog::Model* model = nullptr;
  const catalog::Quantization* quant = nullptr;
  ByBaseline<std::optional<UsdPerMtok>> saved;  // per output Mtok, input included
  std::vector<placement::Job> jobs;             // one per engine that loads it
  double held_bytes = 0;  // by one node alone: weights, caches of all streams, buffers, engine
  bool measured = false;  // somebody measured it on the fleet: no bound is trusted over that
};

// What may serve `workload`: accepted by it, priced under some baseline, proposable, of known size.
// Smallest first.
std::vector<File> FilesFor(const catalog::Catalog& catalog, const fleet::Scenario& scenario,
                           const fleet::Workload& workload, double min_nominal_bits);

// Speeds of one node of a kind, all its accelerators together, the best over engines. Tokens/s.
struct NodeSpeed {
  double decode = 0;  // aggregate over the workload's streams; zero: no engine runs it here
  double prefill = 0;
};

// Works out the speed model's own times for a file on single nodes: upper bounds for clusters of
// them, since communication is left out. Remembers what it worked out.
class SpeedBounds {
 public:
  // `nodes`: one of each kind, indices into `fleet`. All outlive this.
  SpeedBounds(const throughput::Calibration& calibration, const fleet::Fleet& fleet,
              std::vector<int> nodes, const std::vector<File>& files);

  // Of file `file` on one node of `kind` by itself.
  const NodeSpeed& Alone(std::size_t file, std::size_t kind);
  // Aggregate decode when `ranks` nodes like this share every layer over `link`, the best over the
  // engines that can. With a null `link` (somebody measured its all-reduces) they take no time.
  double Shared(std::size_t file, std::size_t kind, int ranks, const catalog::Link* link);

  // The least that a step spends between two stages of a pipeline over `link`.
  static double HopSeconds(const throughput::Calibration& calibration, const catalog::Link& link);

 private:
  bool Legal(const placement::Job& job, std::size_t kind) const;
  throughput::Query QueryFor(const placement::Job& job, std::size_t kind) const;

  const throughput::Calibration& calibration_;
  const fleet::Fleet& fleet_;
  std::vector<int> nodes_;
  const std::vector<File>& files_;
  std::vector<std::optional<NodeSpeed>> alone_;  // by file and kind
  // By ranks and link, then file and kind; negative: not yet.
  std::map<std::pair<int, const catalog::Link*>, std::vector<double>> shared_;
};

}  // namespace capacity::purchase
