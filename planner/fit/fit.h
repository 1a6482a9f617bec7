// Does it fit: memory demand against memory budget, with the arithmetic (docs/model.md 1 and 2).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/base/units.h"
#include "planner/catalog/catalog.h"
#include "planner/fit/engine_memory.h"
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

// The vocabulary's two tables, where their parameters and bits are known.
struct Tables {
  Bytes input;  // of a tied model this is the head, too
  Bytes output;
  bool tied = false;
};
std::optional<Tables> TablesOf(const catalog::Model& model, const catalog::Quantization& quant,
                               catalog::Engine engine);

// Whether a cache can be sized at all; FailedPrecondition names the missing fact.
absl::Status CacheIsKnown(const catalog::Model& model);

// KV cache of one sequence of `context` tokens, whole model, plus its recurrent state, before any
// engine rounds it up. Bytes. FailedPrecondition when the catalogue lacks the cache size.
absl::StatusOr<Bytes> KvCacheBytes(const catalog::Model& model, int context_tokens, double kv_bits);

// What `engine` occupies before it loads a model, per device (docs/model.md 1.4).
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

}  // namespace capacity::fit
