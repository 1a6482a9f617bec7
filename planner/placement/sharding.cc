#include "planner/placement/sharding.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace capacity::placement {
namespace {

using catalog::Engine;
using throughput::Strategy;

// Models with a `shard` method, the names that utils.py maps to them included (ml-explore/mlx-lm
// d78bf58, 2026-08-22, mlx_lm/models and mlx_lm/utils.py).
constexpr std::array<std::string_view, 24> kMlxTensor = {
    "deepseek_v2", "deepseek_v3",     "kimi_k2",       "joyai_llm_flash", "deepseek_v32",
    "glm_moe_dsa", "exaone_moe",      "glm4_moe",      "glm4_moe_lite",   "gpt_oss",
    "kimi_k25",    "llama",           "mistral",       "iquestcoder",     "minimax",
    "minimax_m2",  "ministral3",      "qwen2",         "qwen3",           "qwen3_5",
    "qwen3_5_moe", "iquestloopcoder", "longcat_flash", "step3p5"};
// Models whose inner model has a `pipeline` method (same source).
constexpr std::array<std::string_view, 11> kMlxPipeline = {
    "deepseek_v2", "deepseek_v3",   "kimi_k2",    "joyai_llm_flash", "deepseek_v32", "glm_moe_dsa",
    "glm4_moe",    "glm4_moe_lite", "ministral3", "qwen3_5",         "qwen3_5_moe"};
// Models that tensor_auto_parallel knows (exo-explore/exo b5375f8, 2026-06-22,
// src/exo/worker/engines/mlx/auto_parallel.py). EXO's pipeline takes every model.
constexpr std::array<std::string_view, 22> kExoTensor = {
    "llama",       "mistral",  "ministral3",  "deepseek_v3", "kimi_k2",    "deepseek_v32",
    "glm_moe_dsa", "kimi_k25", "deepseek_v4", "minimax",     "minimax_m2", "glm4_moe_lite",
    "glm4_moe",    "qwen3",    "qwen3_moe",   "qwen3_next",  "qwen3_5",    "qwen3_5_moe",
    "gpt_oss",     "step3p5",  "nemotron_h",  "gemma4"};

template <class List>
bool Has(const List& list, const std::string& type) {
  return std::find(list.begin(), list.end(), type) != list.end();
}

}  // namespace

Splittable CanSplit(Engine engine, Strategy strategy, const std::string& model_type) {
  const bool tensor = strategy == Strategy::kTensor;
  if (!tensor && strategy != Strategy::kPipeline) return Splittable::kYes;
  const bool chosen = engine == Engine::kMlx || (engine == Engine::kExo && tensor);
  if (!chosen) return Splittable::kYes;
  if (model_type.empty()) return Splittable::kUnknown;
  const bool can = engine == Engine::kExo ? Has(kExoTensor, model_type)
                   : tensor               ? Has(kMlxTensor, model_type)
                                          : Has(kMlxPipeline, model_type);
  return can ? Splittable::kYes : Splittable::kNo;
}

std::string WhyNotSplittable(Engine engine, Strategy strategy, const std::string& model_type) {
  return absl::StrCat(engine == Engine::kExo ? "EXO b5375f8 (2026-06)" : "mlx-lm d78bf58 (2026-08)",
                      " has no code to split models of type ", model_type, " by ",
                      strategy == Strategy::kTensor ? "tensors" : "layers");
}

}  // namespace capacity::placement
