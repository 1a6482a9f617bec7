// Does it fit: memory demand against memory budget, with the arithmetic (docs/model.md 1 and 2).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/base/units.h"
#include "planner/catalog/catalog.h"
#include "planner/fleet/fleet.h"

namespace capacity::fit {

// Whole-model weights in bytes and where the number came from.
struct WeightBytes {
  Bytes bytes;
  std::string source;  // "artifact DeepSeek-V3.2-8bit" or "parameters x bits by tensor class"
};
// The file where the catalogue holds its exact size, else the arithmetic of ComputedWeightBytes
// (docs/model.md 1.1). FailedPrecondition when neither is possible.
absl::StatusOr<WeightBytes> ModelWeightBytes(const catalog::Catalog& catalog,
                                             const catalog::Model& model,
                                             const catalog::Quantization& quant,
                                             catalog::Engine engine);

// The exact file that `engine` loads, or null when the catalogue holds none.
const catalog::Artifact* ArtifactFor(const catalog::Catalog& catalog, const catalog::Model& model,
                                     const catalog::Quantization& quant, catalog::Engine engine);

// The arithmetic alone, whatever the catalogue's artifacts say: parameters by tensor class x bits
// (docs/model.md 1.2), else all parameters x whole-file bits (1.3). FailedPrecondition names the
// missing fact.
absl::StatusOr<WeightBytes> ComputedWeightBytes(const catalog::Model& model,
                                                const catalog::Quantization& quant,
                                                catalog::Engine engine);

// KV cache of one sequence of `context` tokens, whole model, plus its recurrent state. Bytes.
// FailedPrecondition when the catalogue lacks the cache size.
absl::StatusOr<Bytes> KvCacheBytes(const catalog::Model& model, int context_tokens, double kv_bits);

// What one node must hold, term by term.
struct Demand {
  Bytes weights;
  Bytes kv_cache;         // all sequences, recurrent state included
  Bytes compute_buffers;  // activations, logits
  Bytes engine_base;      // runtime, driver context
  Bytes total() const { return weights + kv_cache + compute_buffers + engine_base; }
};

struct DemandQuery {
  const catalog::Model* model = nullptr;
  const catalog::Quantization* quant = nullptr;
  catalog::Engine engine = catalog::Engine::kLlamaCpp;
  int context_tokens = 8192;
  int sequences = 1;
  double kv_bits = 16;
  double weight_share = 1;  // of the weights that this node holds
  double kv_share = 1;      // of the KV cache that this node holds (MLA under tensor parallel: 1)
};
// FailedPrecondition when the catalogue lacks a needed fact.
absl::StatusOr<Demand> NodeDemand(const catalog::Catalog& catalog, const DemandQuery& query);

// `whole` as one node holds it when the model is split: shares of weights and cache; buffers and
// engine are every node's own.
Demand ShareOf(const Demand& whole, double weight_share, double kv_share);

// Activations and logits that `engine` keeps beside weights and cache, per device (docs/model.md
// 1.6).
Bytes ComputeBufferBytes(const catalog::Model& model, catalog::Engine engine, int sequences);

// What `engine` occupies before it loads a model, per device (docs/model.md 1.7).
Bytes EngineBaseBytes(catalog::Engine engine);

// What one node offers.
struct Budget {
  Bytes bytes;        // what an engine may use, all accelerators of the node together
  Bytes tight_above;  // above this the answer is "tight": paging or failure is near
  int devices = 1;    // separate memories that share `bytes` equally
  std::string
      source;  // "Metal working set, macOS 26, 512 GiB: 464 GiB", "MemAvailable 115.8 GiB", ...
};
// FailedPrecondition when a needed fact is absent (e.g. a Mac whose RAM size has no Metal limit).
absl::StatusOr<Budget> NodeBudget(const catalog::Catalog& catalog, const fleet::Node& node);

enum class Verdict { kFits, kTight, kDoesNotFit };
const char* Name(Verdict verdict);  // "fits", "tight", "does-not-fit"
Verdict Judge(const Demand& demand, const Budget& budget);

// The longest context, in tokens, at which `query` still fits `budget`, at most what the model was
// made for (max_context); 0 when not even one token does.
absl::StatusOr<int> LongestContext(const catalog::Catalog& catalog, const DemandQuery& query,
                                   const Budget& budget);

}  // namespace capacity::fit
