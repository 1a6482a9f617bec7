#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

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

// llama.cpp logs "compute buffer size = 258.50 MiB" for Llama 3 8B and 398.38 MiB for gpt-oss-120b
// at the default micro-batch of 512.
TEST(ComputeBuffers, OfLlamaCppAreMicroBatchTimesVocabularyAndHidden) {
  catalog::Model llama = testing::DenseModel("m", 8e9, 32, 4096, 32, 8, 128, 128256);
  EXPECT_NEAR(ComputeBufferBytes(llama, Engine::kLlamaCpp, 1).count / 1048576.0, 258.50, 0.005);
  catalog::Model gpt_oss = testing::DenseModel("m", 117e9, 36, 2880, 64, 8, 64, 201088);
  EXPECT_NEAR(ComputeBufferBytes(gpt_oss, Engine::kLlamaCpp, 1).count / 1048576.0, 398.38, 0.005);
}

class Demands : public ::testing::Test {
 protected:
  catalog::Catalog catalog_ = testing::SmallCatalog();
  DemandQuery query_ = {.model = catalog_.FindModel("llama-3.3-70b"),
                        .quant = catalog_.FindQuantization("q8_0"),
                        .engine = Engine::kLlamaCpp};
};

TEST_F(Demands, EverySequenceHasItsOwnCache) {
  const auto one = NodeDemand(catalog_, query_);
  query_.sequences = 4;
  const auto four = NodeDemand(catalog_, query_);
  EXPECT_EQ(four->kv_cache.count, 4 * one->kv_cache.count);
  EXPECT_EQ(four->weights, one->weights);
}

TEST_F(Demands, SharesDivideWeightsAndCacheOnly) {
  const auto whole = NodeDemand(catalog_, query_);
  query_.weight_share = 0.25;
  query_.kv_share = 0.5;
  const auto part = NodeDemand(catalog_, query_);
  EXPECT_EQ(part->weights, whole->weights * 0.25);
  EXPECT_EQ(part->kv_cache, whole->kv_cache * 0.5);
  EXPECT_EQ(part->compute_buffers, whole->compute_buffers);
  EXPECT_EQ(part->engine_base, whole->engine_base);
}

TEST_F(Demands, TheTotalIsTheSumOfItsTerms) {
  const auto demand = NodeDemand(catalog_, query_);
  EXPECT_EQ(demand->total(),
            demand->weights + demand->kv_cache + demand->compute_buffers + demand->engine_base);
}

TEST_F(Demands, TheVerdictChangesAtTheBudgetAndAtTheMargin) {
  const Demand demand{.weights = Bytes{100}};
  EXPECT_EQ(Judge(demand, {.bytes = Bytes{99}, .tight_above = Bytes{90}}), Verdict::kDoesNotFit);
  EXPECT_EQ(Judge(demand, {.bytes = Bytes{100}, .tight_above = Bytes{99}}), Verdict::kTight);
  EXPECT_EQ(Judge(demand, {.bytes = Bytes{110}, .tight_above = Bytes{100}}), Verdict::kFits);
}

TEST_F(Demands, TheLongestContextFitsAndOneTokenMoreDoesNot) {
  const Budget budget{.bytes = GiB(80), .tight_above = GiB(76)};
  for (int sequences : {1, 3}) {
    query_.sequences = sequences;
    const auto longest = LongestContext(catalog_, query_, budget);
    ASSERT_TRUE(longest.ok()) << longest.status();
    ASSERT_GT(*longest, 0);
    ASSERT_LT(*longest, *query_.model->max_context);
    query_.context_tokens = *longest;
    EXPECT_LE(NodeDemand(catalog_, query_)->total(), budget.bytes);
    query_.context_tokens = *longest + 1;
    EXPECT_GT(NodeDemand(catalog_, query_)->total(), budget.bytes);
  }
}

TEST_F(Demands, TheLongestContextEndsWhereTheModelDoes) {
  EXPECT_EQ(*LongestContext(catalog_, query_, {.bytes = GiB(1000)}), *query_.model->max_context);
}

TEST_F(Demands, NoContextFitsWhereTheWeightsDoNot) {
  EXPECT_EQ(*LongestContext(catalog_, query_, {.bytes = GiB(10)}), 0);
}

}  // namespace
}  // namespace capacity::fit
