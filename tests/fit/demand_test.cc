#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "planner/fit/fit.h"
#include "tests/support/world.h"

namespace capacity::fit {
namespace {

using catalog::Engine;

TEST(KvCache, GrowsWithTheContext) {
  const catalog::Model model = testing::Llama70B();
  // 2 x 80 layers x 8 kv heads x 128 x 2 bytes = 327680 bytes a token.
  EXPECT_EQ(KvCacheBytes(model, 8192, 16)->count, 327680LL * 8192);
  EXPECT_EQ(KvCacheBytes(model, 8192, 8.5)->count, 327680LL * 8192 * 17 / 32);
}

TEST(KvCache, AWindowStopsGrowing) {
  catalog::Model model = testing::Llama70B();
  model.architecture.sliding_window = 1024;
  model.kv_cache.global_bytes_per_token_bf16 = 10;
  model.kv_cache.window_bytes_per_token_bf16 = 100;
  EXPECT_EQ(KvCacheBytes(model, 512, 16)->count, 512 * 110);
  EXPECT_EQ(KvCacheBytes(model, 4096, 16)->count, 4096 * 10 + 1024 * 100);
}

TEST(KvCache, ARecurrentStateIsPaidOncePerSequenceAndNotQuantized) {
  catalog::Model model = testing::Llama70B();
  model.kv_cache.global_bytes_per_token_bf16 = 0;
  model.kv_cache.recurrent_state_bytes = 5000;
  EXPECT_EQ(KvCacheBytes(model, 0, 16)->count, 5000);
  EXPECT_EQ(KvCacheBytes(model, 100000, 4)->count, 5000);
}

TEST(KvCache, AnUnknownSizeIsNotGuessed) {
  catalog::Model model = testing::Llama70B();
  model.kv_cache.global_bytes_per_token_bf16.reset();
  EXPECT_EQ(KvCacheBytes(model, 8192, 16).status().code(), absl::StatusCode::kFailedPrecondition);

  model = testing::Llama70B();
  model.kv_cache.window_bytes_per_token_bf16 = 100;  // and no window length
  EXPECT_EQ(KvCacheBytes(model, 8192, 16).status().code(), absl::StatusCode::kFailedPrecondition);
}

// ---------------------------------------------------------------- engines

class Memory : public ::testing::Test {
 protected:
  EngineMemory Made(Engine engine, int context_tokens = 8192) const {
    EngineSettings settings;
    settings.engine = engine;
    settings.context_tokens = context_tokens;
    const auto made = EngineMemory::Make(catalog_, *catalog_.FindModel("llama-3.3-70b"),
                                         *catalog_.FindQuantization("q8_0"), settings);
    EXPECT_TRUE(made.ok()) << made.status();
    return *made;
  }
  static Stage Whole(const EngineMemory& memory) { return {.layers = memory.layers()}; }

  catalog::Catalog catalog_ = testing::SmallCatalog();
};

TEST_F(Memory, EverySequenceHasItsOwnCache) {
  const EngineMemory memory = Made(Engine::kLlamaCpp);
  const Demand one = memory.Devices(Whole(memory), 1);
  const Demand four = memory.Devices(Whole(memory), 4);
  EXPECT_EQ(four.kv_cache.count, 4 * one.kv_cache.count);
  EXPECT_EQ(four.weights, one.weights);
}

// DeepSeek-V2-Lite: latent 512 + 64 for vLLM, 16 heads of 192 and 128 for mlx-lm's own code.
TEST_F(Memory, MlxCachesEveryHeadOfSomeModelsWithALatent) {
  catalog::Model model = testing::DeepSeekV31();
  catalog::Architecture& a = model.architecture;
  a.layers = 27;
  a.heads = 16;
  a.kv_lora_rank = 512;
  a.qk_rope_head_dim = 64;
  a.qk_nope_head_dim = 128;
  a.v_head_dim = 128;
  model.kv_cache = {};
  model.kv_cache.global_bytes_per_token_bf16 = 27 * 576 * 2;
  const auto per_token = [&](const char* type, Engine engine) {
    model.model_type = type;
    EngineSettings settings;
    settings.engine = engine;
    settings.context_tokens = 4096;
    const auto made =
        EngineMemory::Make(catalog_, model, *catalog_.FindQuantization("mlx-8bit"), settings);
    EXPECT_TRUE(made.ok()) << made.status();
    return made->Devices({.layers = 27}, 1).kv_cache.count / 4096;
  };
  EXPECT_EQ(per_token("deepseek_v2", Engine::kMlx), 276'480);
  EXPECT_EQ(per_token("deepseek_v2", Engine::kExo), 276'480);
  EXPECT_EQ(per_token("deepseek_v3", Engine::kMlx), 31'104);
  EXPECT_EQ(per_token("deepseek_v2", Engine::kVllm), 31'104);
}

TEST_F(Memory, TheTotalIsTheSumOfItsTerms) {
  const EngineMemory memory = Made(Engine::kVllm);
  const Demand demand = memory.Devices(Whole(memory), 3);
  EXPECT_EQ(demand.total(), demand.weights + demand.kv_cache + demand.recurrent_state +
                                demand.compute_buffers + demand.engine_base);
}

TEST_F(Memory, TheStagesOfARowHoldEveryLayerOnce) {
  for (const Engine engine : {Engine::kLlamaCpp, Engine::kVllm}) {
    const EngineMemory memory = Made(engine);
    Bytes weights = memory.Host(3, 1).weights;
    Bytes cache;
    int layer = 0;
    for (int i = 0; i < 3; ++i) {
      const int layers = i == 2 ? memory.layers() - layer : 17 + i;
      const Demand stage = memory.Devices({layer, layers, i, 1, 3}, 1);
      weights += stage.weights;
      cache += stage.kv_cache;
      layer += layers;
    }
    EXPECT_NEAR(static_cast<double>(weights.count), static_cast<double>(memory.weights().count), 8);
    EXPECT_NEAR(static_cast<double>(cache.count), static_cast<double>(memory.cache().count), 8);
  }
}

TEST_F(Memory, EveryRankOfMlxKeepsBothTables) {
  const EngineMemory memory = Made(Engine::kMlx);
  const Stage half{.layers = memory.layers() / 2, .of = 2};
  const Stage none{.of = 2};
  const Bytes tables = memory.Devices(none, 1).weights;
  EXPECT_GT(tables.count, 0);
  EXPECT_NEAR(
      static_cast<double>((memory.Devices(half, 1).weights - tables).count * 2 + tables.count),
      static_cast<double>(memory.weights().count), 8);
}

TEST_F(Memory, ACacheIsAllocatedInTheStepsOfItsEngine) {
  const double per_token = 327680;  // 2 x 80 layers x 8 kv heads x 128 x 2 bytes
  const std::pair<Engine, int> steps[] = {
      {Engine::kLlamaCpp, 256}, {Engine::kMlx, 256}, {Engine::kVllm, 16}, {Engine::kOther, 1}};
  for (const auto& [engine, step] : steps) {
    for (const int context : {1, 15, 16, 17, 256, 257, 8191, 8192, 131072}) {
      const int cells = (context + step - 1) / step * step;
      EXPECT_DOUBLE_EQ(static_cast<double>(Made(engine, context).cache().count), per_token * cells)
          << Name(engine) << " " << context;
    }
  }
}

TEST_F(Memory, ALongerContextNeverNeedsLess) {
  for (const Engine engine : catalog::kAllEngines) {
    Bytes before;
    for (int context = 0; context < 140'000; context += 701) {
      const EngineMemory memory = Made(engine, context);
      const Bytes now = memory.Devices(Whole(memory), 2).total();
      EXPECT_GE(now, before) << Name(engine) << " " << context;
      before = now;
    }
  }
}

TEST(Verdicts, ChangeAtTheBudgetAndAtTheMargin) {
  const Demand demand{.weights = Bytes{100}};
  EXPECT_EQ(Judge(demand, {.bytes = Bytes{99}, .tight_above = Bytes{90}}), Verdict::kDoesNotFit);
  EXPECT_EQ(Judge(demand, {.bytes = Bytes{100}, .tight_above = Bytes{99}}), Verdict::kTight);
  EXPECT_EQ(Judge(demand, {.bytes = Bytes{110}, .tight_above = Bytes{100}}), Verdict::kFits);
}

}  // namespace
}  // namespace capacity::fit
