// How fast a model runs on given accelerators: decode and prefill, as intervals (docs/model.md
// section 4).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/base/estimate.h"
#include "planner/base/units.h"
#include "planner/catalog/catalog.h"
#include "planner/throughput/calibration.h"

namespace capacity::throughput {

enum class Strategy { kSingle, kReplicas, kTensor, kPipeline, kDisaggregated };
const char* Name(Strategy strategy);  // "single", "replicas", "tensor", "pipeline", "disaggregated"
std::optional<Strategy> ParseStrategy(std::string_view name);

// The accelerators of one node that take part.
struct NodeDevices {
  const catalog::Chip* chip = nullptr;
  int accelerators = 1;
  BytesPerSecond bandwidth;  // per accelerator: measured where known, else the chip's peak
  double layer_share = 1;    // share of the layers it holds, pipeline only; shares sum to 1
};

// How old the engine is. Plans always mean current builds; measurements may be older, and the
// undated kind is a mixture that only fitting needs.
enum class EngineBuild { kCurrent, kUndated, kBefore2025 };

// What runs, and where. The pointers must outlive the query.
struct Query {
  const catalog::Model* model = nullptr;
  const catalog::Quantization* quant = nullptr;
  catalog::Engine engine = catalog::Engine::kLlamaCpp;
  std::vector<NodeDevices> nodes;
  Strategy strategy = Strategy::kSingle;
  const catalog::Link* link = nullptr;  // between nodes; null for one node
  std::optional<Seconds> all_reduce;    // measured on this link, two nodes, small message
  int context_tokens = 0;               // cached tokens while decoding
  int prompt_tokens = 512;
  int prompt_depth = 0;            // tokens cached before the prompt
  std::optional<int> micro_batch;  // tokens processed at once; the engine's default when absent
  int batch = 1;                   // concurrent streams; speeds are aggregates
  double kv_bits = 16;
  // The real weight file, when known and exact: its size corrects the bytes read.
  const catalog::Artifact* artifact = nullptr;
  EngineBuild build = EngineBuild::kCurrent;
};

// One term of the sum, for --explain.
struct Term {
  std::string name;  // "weights read", "per-layer overhead", ...
  double milliseconds = 0;
  std::string parameters;  // the numbers that went in, with units
  std::string origin;  // where they came from: calibration (rows, standard error), catalogue, link
                       // measurement
};

struct Speed {
  Estimate decode_tps;   // aggregate tokens/s
  Estimate prefill_tps;  // prompt tokens/s
};

// FailedPrecondition says which fact is missing ("chip apple-m5-max-32 has no memory bandwidth in
// the catalogue"), Unimplemented which combination the model does not cover.
absl::StatusOr<Speed> Predict(const Query& query, const Calibration& calibration);

// The halves of Predict: decoding needs memory bandwidths, prefill also FLOP/s. Same errors.
absl::StatusOr<Estimate> PredictDecode(const Query& query, const Calibration& calibration);
absl::StatusOr<Estimate> PredictPrefill(const Query& query, const Calibration& calibration);

// The same decode and prefill mids as sums of terms, in order of size.
struct Explanation {
  std::vector<Term> decode;           // milliseconds per token step
  std::vector<Term> prefill;          // milliseconds for the whole prompt
  std::vector<std::string> interval;  // what made the interval as wide as it is
};
absl::StatusOr<Explanation> Explain(const Query& query, const Calibration& calibration);

// Bytes of weights that decoding one token of `batch` streams reads, by tensor class and artifact.
// FailedPrecondition when the parameter counts or the bits are unknown.
absl::StatusOr<Bytes> WeightBytesRead(const catalog::Model& model,
                                      const catalog::Quantization& quant, catalog::Engine engine,
                                      int batch);

}  // namespace capacity::throughput
