// The cache before any engine rounds it, and the verdict: docs/model.md 1.2 and 2.6.
#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "planner/fit/fit.h"

namespace capacity::fit {

absl::Status CacheIsKnown(const catalog::Model& model) {
  const catalog::KvCache& cache = model.kv_cache;
  if (!cache.global_bytes_per_token_bf16) {
    return absl::FailedPreconditionError(
        absl::StrCat("model ", model.id, " has no KV cache size in the catalogue"));
  }
  if (cache.window_bytes_per_token_bf16 > 0 && !model.architecture.sliding_window) {
    return absl::FailedPreconditionError(absl::StrCat(
        "model ", model.id, " has windowed layers and no window length in the catalogue"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Bytes> KvCacheBytes(const catalog::Model& model, int context_tokens,
                                   double kv_bits) {
  if (absl::Status known = CacheIsKnown(model); !known.ok()) return known;
  const catalog::KvCache& cache = model.kv_cache;
  const double context = std::max(0, context_tokens);
  const double windowed = std::min<double>(context, model.architecture.sliding_window.value_or(0));
  const double at_16_bits =
      *cache.global_bytes_per_token_bf16 * context + cache.window_bytes_per_token_bf16 * windowed;
  return Bytes{1} * (at_16_bits * kv_bits / 16 + cache.recurrent_state_bytes);
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

}  // namespace capacity::fit
