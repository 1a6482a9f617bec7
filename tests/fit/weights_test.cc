#include <gtest/gtest.h>

#include "planner/fit/fit.h"
#include "tests/support/world.h"

namespace capacity::fit {
namespace {

using catalog::Engine;

TEST(Weights, AreParametersTimesBitsByTensorClass) {
  catalog::Model model = testing::DenseModel("m", 1000, 1, 10, 1, 1, 1, 10);
  model.parameters.routed_experts = 500;
  model.architecture.experts = 4;
  catalog::Quantization quant = testing::Quant("q", "mlx", 0, {Engine::kMlx});
  quant.bits = catalog::TensorBits{.experts = 4, .dense = 8, .head = 16, .embedding = 32};
  // 500 experts, 100 head, 100 embedding, so 300 dense.
  const auto weights = ComputedWeightBytes(model, quant, Engine::kMlx);
  ASSERT_TRUE(weights.ok()) << weights.status();
  EXPECT_EQ(weights->bytes.count, (500 * 4 + 300 * 8 + 100 * 16 + 100 * 32) / 8);
}

TEST(Weights, ATiedEmbeddingIsOneTensorWithTheBitsOfTheHead) {
  catalog::Model model = testing::DenseModel("m", 1000, 1, 10, 1, 1, 1, 10);
  model.architecture.tied_embeddings = true;
  catalog::Quantization quant = testing::Quant("q", "gguf", 0, {Engine::kLlamaCpp});
  quant.bits = catalog::TensorBits{.experts = 0, .dense = 8, .head = 16, .embedding = 4};
  EXPECT_EQ(ComputedWeightBytes(model, quant, Engine::kLlamaCpp)->bytes.count,
            (900 * 8 + 100 * 16) / 8);
}

TEST(Weights, AnEngineThatKeepsItsOwnBitsIsCountedWithThem) {
  const catalog::Model model = testing::DenseModel("m", 1000, 1, 10, 1, 1, 1, 10);
  catalog::Quantization quant = testing::Quant("q", "gguf", 8, {Engine::kLlamaCpp, Engine::kVllm});
  quant.bits_by_engine[Engine::kVllm] = catalog::TensorBits{16, 16, 16, 16};
  EXPECT_EQ(ComputedWeightBytes(model, quant, Engine::kLlamaCpp)->bytes.count, 1000);
  EXPECT_EQ(ComputedWeightBytes(model, quant, Engine::kVllm)->bytes.count, 2000);
}

TEST(Weights, AnExactFileGoesBeforeTheArithmeticAndARoundedOneDoesNot) {
  catalog::Catalog c = testing::SmallCatalog();
  catalog::Artifact file{.model = "llama-3.3-70b", .quant = "q8_0", .name = "70B.gguf"};
  file.bytes = Bytes{75'000'000'000};
  const catalog::Model& model = *c.FindModel("llama-3.3-70b");
  const catalog::Quantization& quant = *c.FindQuantization("q8_0");

  c.artifacts = {file};
  c.Index();
  EXPECT_EQ(ModelWeightBytes(c, model, quant, Engine::kLlamaCpp)->source,
            "parameters x bits by tensor class");

  c.artifacts[0].exact = true;
  c.Index();
  const auto weights = ModelWeightBytes(c, model, quant, Engine::kLlamaCpp);
  EXPECT_EQ(weights->bytes, file.bytes);
  EXPECT_EQ(weights->source, "artifact 70B.gguf");
}

TEST(Weights, AFileSaysNothingAboutAnEngineThatLoadsAnother) {
  catalog::Catalog c = testing::SmallCatalog();
  c.quantizations[0].bits_by_engine[Engine::kOllama] = catalog::TensorBits{16, 16, 16, 16};
  c.artifacts = {{.model = "llama-3.3-70b",
                  .quant = "q8_0",
                  .name = "70B.gguf",
                  .bytes = Bytes{75'000'000'000},
                  .exact = true}};
  c.Index();
  const catalog::Model& model = *c.FindModel("llama-3.3-70b");
  EXPECT_EQ(ArtifactFor(c, model, c.quantizations[0], Engine::kOllama), nullptr);
  EXPECT_NE(ArtifactFor(c, model, c.quantizations[0], Engine::kLlamaCpp), nullptr);
}

TEST(Weights, ExpertsThatDoNotFillABlockAreStoredWider) {
  catalog::Model model = testing::DenseModel("m", 1000, 1, 10, 1, 1, 1, 10);
  model.architecture.experts = 4;
  model.parameters.routed_experts = 800;
  catalog::Quantization quant = testing::Quant("q4_k_m", "gguf", 4, {Engine::kLlamaCpp});
  quant.unaligned_expert_bits = 6;
  model.architecture.expert_ffn_size = 1536;  // six blocks of 256
  EXPECT_EQ(ComputedWeightBytes(model, quant, Engine::kLlamaCpp)->bytes.count, 1000 * 4 / 8);
  model.architecture.expert_ffn_size = 1408;  // five and a half
  EXPECT_EQ(ComputedWeightBytes(model, quant, Engine::kLlamaCpp)->bytes.count,
            (800 * 6 + 200 * 4) / 8);
}

TEST(Weights, EncodersAreCarriedAt16BitsExceptByLlamaCpp) {
  catalog::Model model = testing::DenseModel("m", 1000, 1, 10, 1, 1, 1, 10);
  model.parameters.towers = 100;
  const catalog::Quantization quant =
      testing::Quant("q", "mlx", 4, {Engine::kMlx, Engine::kLlamaCpp});
  EXPECT_EQ(ComputedWeightBytes(model, quant, Engine::kMlx)->bytes.count, 500 + 200);
  EXPECT_EQ(ComputedWeightBytes(model, quant, Engine::kLlamaCpp)->bytes.count, 500);
}

TEST(Weights, WithoutTensorClassesTheWholeFileBitsAreUsed) {
  catalog::Model model = testing::DenseModel("m", 1000, 1, 10, 1, 1, 1, 10);
  model.parameters.head.reset();
  catalog::Quantization quant = testing::Quant("q", "gguf", 8, {Engine::kLlamaCpp});
  quant.whole_file_bits_per_weight = 8.8;
  const auto weights = ComputedWeightBytes(model, quant, Engine::kLlamaCpp);
  EXPECT_EQ(weights->bytes.count, 1100);
  EXPECT_EQ(weights->source, "all parameters x 8.8 bits of a whole file");
}

TEST(Weights, AModelWithoutParameterCountsIsNotGuessed) {
  catalog::Model model = testing::DenseModel("mystery", 1000, 1, 10, 1, 1, 1, 10);
  model.parameters = {};
  const auto weights = ComputedWeightBytes(
      model, testing::Quant("q", "gguf", 8, {Engine::kLlamaCpp}), Engine::kLlamaCpp);
  EXPECT_EQ(weights.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::string(weights.status().message()),
            "model mystery has no parameter count in the catalogue");
}

}  // namespace
}  // namespace capacity::fit
