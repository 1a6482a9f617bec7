// The weight and cache arithmetic against the shipped catalogue: real files, published configs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "planner/fit/fit.h"
#include "planner/inventory/inventory.h"

namespace capacity::fit {
namespace {

const catalog::Catalog& Facts() {
  static const auto& loaded = *new inventory::Loaded<catalog::Catalog>(
      inventory::LoadCatalog(CAPACITY_SOURCE_DIR "/inventories/catalog", {}));
  EXPECT_TRUE(loaded.value.has_value());
  return *loaded.value;
}

// The engine whose file the artifact is: 16-bit weights come as GGUF and as the original files.
catalog::Engine EngineOf(const catalog::Artifact& artifact) {
  return artifact.name.find("GGUF") != std::string::npos ? catalog::Engine::kLlamaCpp
                                                         : catalog::Engine::kMlx;
}

struct Error {
  std::string artifact;
  double relative = 0;
};

// Rows marked exact: false are publishers' roundings, wrong by up to 8 %, and say nothing here.
std::vector<Error> ErrorsAgainstExactFiles() {
  std::vector<Error> errors;
  for (const catalog::Artifact& artifact : Facts().artifacts) {
    if (!artifact.exact) continue;
    const catalog::Model* model = Facts().FindModel(artifact.model);
    const catalog::Quantization* quant = Facts().FindQuantization(artifact.quant);
    const auto computed = ComputedWeightBytes(*model, *quant, EngineOf(artifact));
    EXPECT_TRUE(computed.ok()) << artifact.name << ": " << computed.status();
    if (!computed.ok()) continue;
    errors.push_back(
        {artifact.model + " " + artifact.quant + " (" + artifact.name + ")",
         static_cast<double>(computed->bytes.count) / static_cast<double>(artifact.bytes.count) -
             1});
  }
  std::sort(errors.begin(), errors.end(), [](const Error& a, const Error& b) {
    return std::abs(a.relative) < std::abs(b.relative);
  });
  return errors;
}

TEST(CatalogueWeights, MatchRealFiles) {
  const std::vector<Error> errors = ErrorsAgainstExactFiles();
  ASSERT_GT(errors.size(), 90u);
  const double median = std::abs(errors[errors.size() / 2].relative);
  const double p95 = std::abs(errors[errors.size() * 95 / 100].relative);
  RecordProperty("artifacts", static_cast<int>(errors.size()));
  RecordProperty("median_percent", std::to_string(100 * median));
  RecordProperty("p95_percent", std::to_string(100 * p95));
  std::string worst;
  for (std::size_t i = errors.size() - std::min<std::size_t>(10, errors.size()); i < errors.size();
       ++i) {
    worst += "\n  " + errors[i].artifact + ": " + std::to_string(100 * errors[i].relative) + " %";
  }
  EXPECT_LE(median, 0.01) << worst;
  EXPECT_LE(p95, 0.05) << worst;
}

// ---------------------------------------------------------------- caches

// Cache bytes per token at 16 bits as they follow from the architecture alone, for the kinds whose
// layers are all alike. Models that share caches between layers or give full layers other heads are
// not of these kinds and are named below.
struct CacheFromFields {
  double global = 0;
  double window = 0;
};

std::optional<CacheFromFields> CacheOf(const catalog::Architecture& a) {
  const double indexer_key = 128;  // DSA keeps one key of 128 values per token and layer
  switch (a.attention) {
    case catalog::AttentionKind::kGqa:
      if (!a.head_dim) return std::nullopt;
      return CacheFromFields{2.0 * a.layers * a.kv_heads * *a.head_dim * 2, 0};
    case catalog::AttentionKind::kMla:
      return CacheFromFields{a.layers * (*a.kv_lora_rank + *a.qk_rope_head_dim) * 2.0, 0};
    case catalog::AttentionKind::kMlaSparse:
      return CacheFromFields{a.layers * (*a.kv_lora_rank + *a.qk_rope_head_dim + indexer_key) * 2.0,
                             0};
    case catalog::AttentionKind::kSliding:
    case catalog::AttentionKind::kChunked: {
      if (!a.head_dim || !a.full_attention_layers) return std::nullopt;
      const double layer = 2.0 * a.kv_heads * *a.head_dim * 2;
      return CacheFromFields{*a.full_attention_layers * layer,
                             (a.layers - *a.full_attention_layers) * layer};
    }
    case catalog::AttentionKind::kHybridDeltaNet:
    case catalog::AttentionKind::kHybridMamba2:
      if (!a.head_dim || !a.full_attention_layers) return std::nullopt;
      return CacheFromFields{2.0 * *a.full_attention_layers * a.kv_heads * *a.head_dim * 2, 0};
  }
  return std::nullopt;
}

// Full layers with their own heads and head_dim (K = V), or caches shared between layers: the
// catalogue's bytes follow from their configs, but not from these fields.
const std::set<std::string> kOtherShapes = {"gemma-4-31b", "gemma-4-26b-a4b", "gemma-4-12b",
                                            "gemma-4-e4b", "gemma-4-e2b"};

TEST(CatalogueCaches, FollowFromTheArchitecture) {
  std::map<catalog::AttentionKind, int> checked;
  for (const catalog::Model& model : Facts().models) {
    if (kOtherShapes.count(model.id) > 0 || !model.kv_cache.global_bytes_per_token_bf16) continue;
    const std::optional<CacheFromFields> expected = CacheOf(model.architecture);
    if (!expected) continue;
    EXPECT_EQ(*model.kv_cache.global_bytes_per_token_bf16, expected->global) << model.id;
    EXPECT_EQ(model.kv_cache.window_bytes_per_token_bf16, expected->window) << model.id;
    ++checked[model.architecture.attention];
  }
  EXPECT_GE(checked[catalog::AttentionKind::kGqa], 30);
  EXPECT_GE(checked[catalog::AttentionKind::kMla], 5);
  EXPECT_GE(checked[catalog::AttentionKind::kSliding], 5);
  EXPECT_GE(checked[catalog::AttentionKind::kHybridDeltaNet], 5);
}

TEST(CatalogueModels, EveryOneHasAWeightAndACache) {
  const catalog::Quantization& quant = *Facts().FindQuantization("bf16");
  int complete = 0;
  for (const catalog::Model& model : Facts().models) {
    const auto weights = ComputedWeightBytes(model, quant, catalog::Engine::kLlamaCpp);
    const auto cache = KvCacheBytes(model, 8192, 16);
    if (weights.ok() && cache.ok()) {
      ++complete;
      EXPECT_GT(weights->bytes.count, 0) << model.id;
    } else {
      ADD_FAILURE() << (weights.ok() ? cache.status() : weights.status());
    }
  }
  EXPECT_EQ(complete, static_cast<int>(Facts().models.size()));
}

}  // namespace
}  // namespace capacity::fit
