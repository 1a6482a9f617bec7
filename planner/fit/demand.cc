// What a node must hold: docs/model.md 1.4 to 1.8.
#include <algorithm>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "planner/fit/fit.h"

namespace capacity::fit {
namespace {

constexpr double kMib = 1048576;

// What docs/model.md 1.6 and 1.7 tabulate, with the evidence for each number.
struct EngineMemory {
  double chunk_tokens;  // prompt tokens in flight: llama.cpp -ub, mlx-lm prefill step, vLLM batch
  double logit_rows;    // rows of vocabulary-wide FP32 logits held at once
  double activation_bytes;  // per chunk token and hidden unit
  double base_mib;          // runtime, kernels, driver context
};

EngineMemory MemoryOf(catalog::Engine engine, int sequences) {
  const double streams = std::max(1, sequences);
  switch (engine) {
    case catalog::Engine::kLlamaCpp:
      return {512, 512, 4, 512};
    case catalog::Engine::kOllama:
      return {512, 512, 4, 768};
    case catalog::Engine::kMlx:
      return {2048, streams, 32, 512};
    case catalog::Engine::kExo:
      return {2048, streams, 32, 1024};
    case catalog::Engine::kVllm:
      return {2048, std::max(256.0, streams), 32, 3072};
    case catalog::Engine::kOther:
      break;
  }
  // An engine nobody described is given the largest terms of those that are.
  return {2048, std::max(512.0, streams), 32, 3072};
}

}  // namespace

absl::StatusOr<Bytes> KvCacheBytes(const catalog::Model& model, int context_tokens,
                                   double kv_bits) {
  const catalog::KvCache& cache = model.kv_cache;
  if (!cache.global_bytes_per_token_bf16) {
    return absl::FailedPreconditionError(
        absl::StrCat("model ", model.id, " has no KV cache size in the catalogue"));
  }
  const double context = std::max(0, context_tokens);
  double windowed = 0;
  if (cache.window_bytes_per_token_bf16 > 0) {
    if (!model.architecture.sliding_window) {
      return absl::FailedPreconditionError(absl::StrCat(
          "model ", model.id, " has windowed layers and no window length in the catalogue"));
    }
    windowed = cache.window_bytes_per_token_bf16 *
               std::min<double>(context, *model.architecture.sliding_window);
  }
  const double at_16_bits = *cache.global_bytes_per_token_bf16 * context + windowed;
  return Bytes{1} * (at_16_bits * kv_bits / 16 + cache.recurrent_state_bytes);
}

Bytes ComputeBufferBytes(const catalog::Model& model, catalog::Engine engine, int sequences) {
  const EngineMemory memory = MemoryOf(engine, sequences);
  const double logits = memory.logit_rows * model.architecture.vocab * 4;
  const double activations =
      memory.chunk_tokens * model.architecture.hidden_size * memory.activation_bytes;
  return Bytes{1} * (logits + activations);
}

Bytes EngineBaseBytes(catalog::Engine engine) {
  return Bytes{1} * (MemoryOf(engine, 1).base_mib * kMib);
}

Demand ShareOf(const Demand& whole, double weight_share, double kv_share) {
  Demand share = whole;
  share.weights = whole.weights * weight_share;
  share.kv_cache = whole.kv_cache * kv_share;
  return share;
}

absl::StatusOr<Demand> NodeDemand(const catalog::Catalog& catalog, const DemandQuery& query) {
  absl::StatusOr<WeightBytes> weights =
      ModelWeightBytes(catalog, *query.model, *query.quant, query.engine);
  if (!weights.ok()) return weights.status();
  absl::StatusOr<Bytes> cache = KvCacheBytes(*query.model, query.context_tokens, query.kv_bits);
  if (!cache.ok()) return cache.status();
  const Demand whole{
      .weights = weights->bytes,
      .kv_cache = *cache * std::max(1, query.sequences),
      .compute_buffers = ComputeBufferBytes(*query.model, query.engine, query.sequences),
      .engine_base = EngineBaseBytes(query.engine),
  };
  return ShareOf(whole, query.weight_share, query.kv_share);
}

const char* Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kFits:
      return "fits";
    case Verdict::kTight:
      return "tight";
    case Verdict::kDoesNotFit:
      return "does-not-fit";
  }
  return "unknown";
}

Verdict Judge(const Demand& demand, const Budget& budget) {
  const Bytes total = demand.total();
  if (total > budget.bytes) return Verdict::kDoesNotFit;
  return total > budget.tight_above ? Verdict::kTight : Verdict::kFits;
}

absl::StatusOr<int> LongestContext(const catalog::Catalog& catalog, const DemandQuery& query,
                                   const Budget& budget) {
  DemandQuery at = query;
  at.context_tokens = 0;
  absl::StatusOr<Demand> fixed = NodeDemand(catalog, at);
  if (!fixed.ok()) return fixed.status();
  // The cache alone grows with the context, so the rest is computed once.
  auto fits = [&](int tokens) {
    Demand demand = *fixed;
    demand.kv_cache = *KvCacheBytes(*query.model, tokens, query.kv_bits) *
                      std::max(1, query.sequences) * query.kv_share;
    return demand.total() <= budget.bytes;
  };
  int longest = 0;  // fits, or nothing does
  int beyond = query.model->max_context.value_or(std::numeric_limits<int>::max() - 1) + 1;
  while (beyond - longest > 1) {
    const int middle = longest + (beyond - longest) / 2;
    (fits(middle) ? longest : beyond) = middle;
  }
  return longest;
}

}  // namespace capacity::fit
