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
  std::string
      source;  // "artifact mlx-community/DeepSeek-V3.1-8bit" or "parameters x bits by tensor class"
};
// FailedPrecondition when the catalogue holds neither an artifact nor parameter counts.
absl::StatusOr<WeightBytes> ModelWeightBytes(const catalog::Catalog& catalog,
                                             const catalog::Model& model,
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
absl::StatusOr<Demand> NodeDemand(const catalog::Catalog& catalog, const DemandQuery& query);

// What one node offers.
struct Budget {
  Bytes bytes;        // what an engine may use
  Bytes tight_above;  // above this the answer is "tight": paging or failure is near
  std::string
      source;  // "Metal working set, macOS 26, 512 GiB: 464 GiB", "MemAvailable 115.8 GiB", ...
};
// FailedPrecondition when a needed fact is absent (e.g. a Mac whose RAM size has no Metal limit).
absl::StatusOr<Budget> NodeBudget(const catalog::Catalog& catalog, const fleet::Node& node);

enum class Verdict { kFits, kTight, kDoesNotFit };
const char* Name(Verdict verdict);  // "fits", "tight", "does-not-fit"
Verdict Judge(const Demand& demand, const Budget& budget);

// The longest context, in tokens, at which `query` still fits `budget`; 0 when not even an empty
// one does.
absl::StatusOr<int> LongestContext(const catalog::Catalog& catalog, const DemandQuery& query,
                                   const Budget& budget);

}  // namespace capacity::fit
