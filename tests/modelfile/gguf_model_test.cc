// GGUFs of the shapes that models have, as catalogue entries.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "planner/modelfile/describe.h"
#include "tests/modelfile/imagined.h"
#include "tests/support/shipped.h"

namespace capacity::modelfile {
namespace {

using catalog::AttentionKind;
using catalog::LayerCache;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr std::uint64_t kHidden = 512;
constexpr std::uint64_t kVocab = 1'024;

// A model of `layers` layers; what is in each is the test's.
GgufWriter Start(const std::string& architecture, std::uint32_t layers) {
  GgufWriter writer(architecture);
  writer.Text("general.name", "Test Model")
      .Count("general.file_type", 7)
      .Count("*.block_count", layers)
      .Count("*.context_length", 32'768)
      .Count("*.embedding_length", kHidden)
      .Count("*.feed_forward_length", 1'024)
      .Count("*.attention.head_count", 8)
      .Count("*.attention.head_count_kv", 2)
      .Count("*.attention.key_length", 64)
      .Count("*.attention.value_length", 64)
      .Tensor("token_embd.weight", {kHidden, kVocab}, kQ8_0)
      .Tensor("output_norm.weight", {kHidden}, kF32)
      .Tensor("output.weight", {kHidden, kVocab}, kQ8_0);
  return writer;
}

void AddAttention(GgufWriter& writer, int layer) {
  const std::string block = absl::StrCat("blk.", layer, ".");
  writer.Tensor(block + "attn_norm.weight", {kHidden}, kF32)
      .Tensor(block + "attn_q.weight", {kHidden, 512}, kQ8_0)
      .Tensor(block + "attn_k.weight", {kHidden, 128}, kQ8_0)
      .Tensor(block + "attn_v.weight", {kHidden, 128}, kQ8_0)
      .Tensor(block + "attn_output.weight", {512, kHidden}, kQ8_0);
}
void AddMlp(GgufWriter& writer, int layer) {
  const std::string block = absl::StrCat("blk.", layer, ".");
  writer.Tensor(block + "ffn_norm.weight", {kHidden}, kF32)
      .Tensor(block + "ffn_gate.weight", {kHidden, 1'024}, kQ8_0)
      .Tensor(block + "ffn_up.weight", {kHidden, 1'024}, kQ8_0)
      .Tensor(block + "ffn_down.weight", {1'024, kHidden}, kQ8_0);
}
void AddExperts(GgufWriter& writer, int layer, std::uint64_t experts, std::uint32_t type) {
  const std::string block = absl::StrCat("blk.", layer, ".");
  writer.Tensor(block + "ffn_gate_inp.weight", {kHidden, experts}, kF32)
      .Tensor(block + "ffn_gate_exps.weight", {kHidden, 256, experts}, type)
      .Tensor(block + "ffn_up_exps.weight", {kHidden, 256, experts}, type)
      .Tensor(block + "ffn_down_exps.weight", {256, kHidden, experts}, type);
}

absl::StatusOr<Description> Described(const GgufWriter& writer) {
  ImaginedSource source = writer.Source();
  const auto header = ReadGgufHeader(source);
  if (!header.ok()) return header.status();
  auto facts = GgufFacts(*header, "x.gguf");
  if (!facts.ok()) return facts.status();
  return Compose(*std::move(facts), "x.gguf", "x", testing::Shipped());
}
std::string Failure(const GgufWriter& writer) {
  const auto description = Described(writer);
  return description.ok() ? "accepted" : std::string(description.status().message());
}

std::vector<int> KeyCells(const Description& description) {
  std::vector<int> cells;
  for (const LayerCache& layer : description.model.kv_cache.layers) {
    cells.push_back(layer.key_cells_per_token);
  }
  return cells;
}
std::vector<bool> Windowed(const Description& description) {
  std::vector<bool> windowed;
  for (const LayerCache& layer : description.model.kv_cache.layers) {
    windowed.push_back(layer.windowed);
  }
  return windowed;
}

TEST(GgufModel, DenseOneIsExactInBytesParametersAndCache) {
  GgufWriter writer = Start("qwen3", 2);
  for (int i = 0; i < 2; ++i) {
    AddAttention(writer, i);
    AddMlp(writer, i);
  }
  const auto d = Described(writer);
  ASSERT_TRUE(d.ok()) << d.status();
  const double attention = 512.0 * (512 + 128 + 128 + 512);
  const double mlp = 3.0 * 512 * 1'024;
  const double vocabulary = 512.0 * 1'024;
  EXPECT_EQ(*d->model.parameters.total, 2 * (attention + mlp + 2 * 512) + 2 * vocabulary + 512);
  EXPECT_EQ(*d->model.parameters.decode_read, *d->model.parameters.total - vocabulary);
  EXPECT_EQ(d->layers[1].bytes.count,
            static_cast<std::int64_t>((attention + mlp) * 34 / 32 + 2 * 512 * 4));
  EXPECT_EQ(d->artifact.layout->input.count, static_cast<std::int64_t>(vocabulary * 34 / 32));
  EXPECT_EQ(d->artifact.layout->output.count,
            static_cast<std::int64_t>(vocabulary * 34 / 32) + 512 * 4);
  EXPECT_FALSE(d->artifact.layout->tied);
  EXPECT_EQ(d->artifact.bytes.count, d->artifact.layout->input.count +
                                         d->artifact.layout->output.count +
                                         2 * d->layers[0].bytes.count);
  EXPECT_EQ(d->model.kv_cache.global_bytes_per_token_bf16, 2.0 * 2 * (128 + 128));
  EXPECT_EQ(d->model.architecture.attention, AttentionKind::kGqa);
  EXPECT_EQ(d->quant.id, "q8_0");
  EXPECT_FALSE(d->quant_is_new);
  EXPECT_DOUBLE_EQ(d->artifact.bits->head, 8.5);
  EXPECT_TRUE(d->known_architecture);
  EXPECT_THAT(d->warnings, IsEmpty());
  EXPECT_EQ(d->model.own_file->engines,
            (std::vector<catalog::Engine>{catalog::Engine::kLlamaCpp, catalog::Engine::kOllama}));
}

TEST(GgufModel, TiedOneReadsItsEmbeddingAsHead) {
  GgufWriter writer("llama");
  writer.Count("*.block_count", 1)
      .Count("*.embedding_length", kHidden)
      .Count("*.attention.head_count", 8)
      .Tensor("token_embd.weight", {kHidden, kVocab}, kQ6_K);
  AddAttention(writer, 0);
  const auto d = Described(writer);
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_TRUE(d->artifact.layout->tied);
  EXPECT_EQ(d->model.parameters.head, d->model.parameters.embedding);
  EXPECT_EQ(d->model.parameters.decode_read, d->model.parameters.total);
  EXPECT_DOUBLE_EQ(d->artifact.bits->head, 6.5625);
  EXPECT_EQ(KeyCells(*d), std::vector<int>{512}) << "as many kv heads as heads, of 512 / 8";
}

TEST(GgufModel, MixtureCountsExpertsRoutersAndShared) {
  GgufWriter writer = Start("qwen3moe", 3);
  writer.Count("*.expert_count", 16).Count("*.expert_used_count", 4);
  writer.Count("*.leading_dense_block_count", 1).Count("*.expert_gating_func", 2);
  for (int i = 0; i < 3; ++i) AddAttention(writer, i);
  AddMlp(writer, 0);
  for (int i = 1; i < 3; ++i) {
    AddExperts(writer, i, 16, kQ4_K);
    writer.Tensor(absl::StrCat("blk.", i, ".ffn_up_shexp.weight"), {kHidden, 768}, kQ8_0);
  }
  const auto d = Described(writer);
  ASSERT_TRUE(d.ok()) << d.status();
  const double experts = 2 * 16 * 3.0 * 512 * 256;
  EXPECT_EQ(d->model.parameters.routed_experts, experts);
  EXPECT_EQ(*d->model.parameters.decode_read,
            *d->model.parameters.total - 512.0 * 1'024 - experts * 12 / 16);
  const catalog::Architecture& shape = d->model.architecture;
  EXPECT_EQ(shape.experts, 16);
  EXPECT_EQ(shape.experts_per_token, 4);
  EXPECT_EQ(shape.expert_ffn_size, 256);
  EXPECT_EQ(shape.expert_matrices, 3);
  EXPECT_EQ(shape.moe_layers, 2);
  EXPECT_EQ(shape.first_dense_layers, 1);
  EXPECT_EQ(shape.shared_experts, 1);
  EXPECT_EQ(shape.shared_expert_ffn, 768);
  EXPECT_TRUE(shape.balanced_routing);
  EXPECT_DOUBLE_EQ(d->artifact.bits->experts, 4.5);
  EXPECT_EQ(d->quant.id, "q4_k_m") << "most of it is Q4_K, whatever it calls itself";
  EXPECT_THAT(d->warnings, Contains(HasSubstr("calls itself Q8_0; most of its weights are Q4_K")));
}

TEST(GgufModel, WindowsFollowTheArchitecturesPattern) {
  const std::pair<std::string, std::vector<bool>> cases[] = {
      {"gemma2", {true, false, true, false, true, false, true, false}},
      {"gpt-oss", {true, false, true, false, true, false, true, false}},
      {"gemma3", {true, true, true, true, true, false, true, true}},
      {"cohere2", {true, true, true, false, true, true, true, false}},
      {"llama4", {true, true, true, false, true, true, true, false}},
      {"smallthinker", {false, true, true, true, false, true, true, true}},
      {"llama", std::vector<bool>(8, false)},
      {"phi3", std::vector<bool>(8, false)},
  };
  for (const auto& [architecture, expected] : cases) {
    GgufWriter writer = Start(architecture, 8);
    writer.Count("*.attention.sliding_window", 256);
    for (int i = 0; i < 8; ++i) AddAttention(writer, i);
    const auto d = Described(writer);
    ASSERT_TRUE(d.ok()) << architecture << d.status();
    EXPECT_EQ(Windowed(*d), expected) << architecture;
    const bool any = std::find(expected.begin(), expected.end(), true) != expected.end();
    EXPECT_EQ(d->model.architecture.sliding_window.has_value(), any) << architecture;
    if (architecture == "llama4") {
      EXPECT_EQ(d->model.architecture.sliding_window, 8'192);
      EXPECT_EQ(d->model.architecture.attention, AttentionKind::kChunked);
    }
  }
}

TEST(GgufModel, WindowsOfTheFileGoBeforeThoseOfTheArchitecture) {
  GgufWriter writer = Start("gemma4", 3);
  writer.Count("*.attention.sliding_window", 512).Count("*.attention.key_length_swa", 32);
  writer.Count("*.attention.value_length_swa", 16).Count("*.attention.shared_kv_layers", 1);
  writer.Array("*.attention.sliding_window_pattern", {1, 0, 1});
  for (int i = 0; i < 3; ++i) AddAttention(writer, i);
  const auto d = Described(writer);
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_EQ(Windowed(*d), (std::vector<bool>{true, false, true}));
  EXPECT_EQ(KeyCells(*d), (std::vector<int>{64, 128, 0})) << "the last reads an earlier one's";
  EXPECT_EQ(d->model.kv_cache.layers[0].value_cells_per_token, 32);
  EXPECT_EQ(d->model.kv_cache.window_bytes_per_token_bf16, 2.0 * (64 + 32));
}

TEST(GgufModel, WindowsWithoutAPatternAreTakenForTheWholeContext) {
  GgufWriter writer = Start("novel", 2);
  writer.Count("*.attention.sliding_window", 512);
  for (int i = 0; i < 2; ++i) AddAttention(writer, i);
  const auto d = Described(writer);
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_EQ(Windowed(*d), (std::vector<bool>{false, false}));
  EXPECT_THAT(d->warnings, Contains(HasSubstr("window of 512 tokens is not stated")));
}

TEST(GgufModel, LatentAttentionCachesOneVector) {
  GgufWriter writer("deepseek2");
  writer.Count("*.block_count", 2)
      .Count("*.nextn_predict_layers", 1)
      .Count("*.embedding_length", kHidden)
      .Count("*.attention.head_count", 8)
      .Count("*.attention.head_count_kv", 1)
      .Count("*.attention.key_length", 576)
      .Count("*.attention.value_length", 512)
      .Count("*.attention.key_length_mla", 192)
      .Count("*.attention.kv_lora_rank", 512)
      .Count("*.rope.dimension_count", 64)
      .Tensor("token_embd.weight", {kHidden, kVocab}, kQ8_0);
  for (int i = 0; i < 2; ++i) {
    const std::string block = absl::StrCat("blk.", i, ".");
    writer.Tensor(block + "attn_kv_a_mqa.weight", {kHidden, 576}, kQ8_0)
        .Tensor(block + "attn_k_b.weight", {128, 512, 8}, kQ8_0)
        .Tensor(block + "attn_v_b.weight", {512, 128, 8}, kQ8_0);
  }
  const auto d = Described(writer);
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_EQ(d->model.architecture.attention, AttentionKind::kMla);
  EXPECT_EQ(d->model.architecture.layers, 1) << "the other predicts further tokens";
  EXPECT_EQ(d->model.architecture.mtp_layers, 1);
  EXPECT_EQ(KeyCells(*d), std::vector<int>{576});
  EXPECT_EQ(d->model.kv_cache.layers[0].value_cells_per_token, 0);
  EXPECT_EQ(d->artifact.layout->other, d->layers[0].bytes);
  EXPECT_GT(d->Of(TensorClass::kMtp).bytes.count, 0);
  EXPECT_EQ(d->model.architecture.qk_nope_head_dim, 128);
}

TEST(GgufModel, LatentAttentionThatIsNotAbsorbedCachesEveryHead) {
  GgufWriter writer = Start("deepseek2", 1);
  writer.Count("*.attention.kv_lora_rank", 512).Count("*.rope.dimension_count", 64);
  writer.Tensor("blk.0.attn_kv_a_mqa.weight", {kHidden, 576}, kQ8_0)
      .Tensor("blk.0.attn_kv_b.weight", {512, 2'048}, kQ8_0);
  const auto d = Described(writer);
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_EQ(KeyCells(*d), std::vector<int>{2 * 64});
}

TEST(GgufModel, HybridsKeepAStateWhereTheyAreRecurrent) {
  GgufWriter writer("granitehybrid");
  writer.Count("*.block_count", 2)
      .Count("*.embedding_length", kHidden)
      .Count("*.attention.head_count", 8)
      .Array("*.attention.head_count_kv", {0, 2})
      .Count("*.ssm.conv_kernel", 4)
      .Count("*.ssm.inner_size", 1'024)
      .Count("*.ssm.state_size", 128)
      .Count("*.ssm.group_count", 1)
      .Tensor("token_embd.weight", {kHidden, kVocab}, kQ8_0)
      .Tensor("blk.0.ssm_in.weight", {kHidden, 2'304}, kQ8_0);
  AddAttention(writer, 1);
  const auto d = Described(writer);
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_EQ(KeyCells(*d), (std::vector<int>{0, 128}));
  EXPECT_EQ(d->model.kv_cache.layers[0].state_bytes, 4 * (3 * (1'024 + 2 * 128) + 128 * 1'024));
  EXPECT_EQ(d->model.kv_cache.layers[1].state_bytes, 0);
  EXPECT_EQ(d->model.architecture.attention, AttentionKind::kHybridMamba2);
  EXPECT_EQ(d->model.architecture.recurrent_layers, 1);
  EXPECT_EQ(d->model.architecture.full_attention_layers, 1);
}

// Qwen3-Next's linear layers have fused projections, which cache nothing.
TEST(GgufModel, LinearAttentionIsToldFromAttention) {
  GgufWriter writer = Start("qwen3next", 2);
  writer.Count("*.ssm.conv_kernel", 4)
      .Count("*.ssm.inner_size", 4'096)
      .Count("*.ssm.state_size", 128)
      .Count("*.ssm.group_count", 16)
      .Tensor("blk.0.attn_qkv.weight", {kHidden, 8'192}, kQ8_0)
      .Tensor("blk.0.ssm_ba.weight", {kHidden, 64}, kQ8_0);
  AddAttention(writer, 1);
  const auto d = Described(writer);
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_EQ(KeyCells(*d), (std::vector<int>{0, 128}));
  EXPECT_EQ(d->model.architecture.attention, AttentionKind::kHybridDeltaNet);
  // What the catalogue has for each of the model's 36 linear layers.
  EXPECT_EQ(d->model.kv_cache.recurrent_state_bytes, 79'036'416.0 / 36);
}

TEST(GgufModel, RwkvKeepsAStateOnly) {
  GgufWriter writer("rwkv7");
  writer.Count("*.block_count", 1).Count("*.embedding_length", kHidden);
  writer.Count("*.attention.head_count", 0).Count("*.wkv.head_size", 64);
  writer.Tensor("token_embd.weight", {kHidden, kVocab}, kQ8_0)
      .Tensor("blk.0.time_mix_key.weight", {kHidden, kHidden}, kQ8_0);
  const auto d = Described(writer);
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_EQ(KeyCells(*d), std::vector<int>{0});
  EXPECT_EQ(d->model.kv_cache.recurrent_state_bytes, 4.0 * (2 * 512 + 512 * 64));
}

TEST(GgufModel, UnknownArchitectureIsPlannedFromItsTensors) {
  GgufWriter writer("novel");
  writer.Tensor("token_embd.weight", {kHidden, kVocab}, kQ8_0);
  for (int i = 0; i < 3; ++i) AddAttention(writer, i);
  const auto d = Described(writer);
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_FALSE(d->known_architecture);
  EXPECT_TRUE(d->model.unknown_architecture);
  EXPECT_EQ(d->model.architecture.layers, 3);
  EXPECT_EQ(d->model.architecture.hidden_size, 512);
  EXPECT_EQ(KeyCells(*d), std::vector<int>(3, 128)) << "rows of attn_k";
  EXPECT_THAT(d->warnings, Contains(HasSubstr("architecture \"novel\" is not known")));
}

TEST(GgufModel, FormatsThatTheCatalogueHasNotGetAnEntryOfTheirOwn) {
  GgufWriter writer("llama");
  writer.Count("*.block_count", 1).Count("*.embedding_length", kHidden);
  writer.Count("*.attention.head_count", 8).Count("general.file_type", 36);
  writer.Tensor("token_embd.weight", {kHidden, kVocab}, 34);
  writer.Tensor("blk.0.attn_k.weight", {kHidden, 512}, 34);
  const auto d = Described(writer);
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_TRUE(d->quant_is_new);
  EXPECT_EQ(d->quant.id, "gguf-tq1_0-x");
  EXPECT_EQ(d->quant.native_to, std::vector<std::string>{"x"});
  EXPECT_DOUBLE_EQ(*d->quant.nominal_bits, 8 * 54.0 / 256);
  catalog::Catalog catalog = testing::Shipped();
  ASSERT_TRUE(AddTo(*d, catalog).ok());
  EXPECT_NE(catalog.FindQuantization("gguf-tq1_0-x"), nullptr);
  EXPECT_EQ(AddTo(*d, catalog).code(), absl::StatusCode::kAlreadyExists);
}

TEST(GgufModel, KnownModelIsRecognizedByNameAndSize) {
  GgufWriter writer("qwen3");  // Qwen3 0.6B, its published shape
  writer.Text("general.name", "Qwen3 0.6B").Count("*.block_count", 28);
  writer.Count("*.embedding_length", 1'024).Count("*.attention.head_count", 16);
  writer.Count("*.attention.head_count_kv", 8).Count("*.attention.key_length", 128);
  writer.Count("*.attention.value_length", 128);
  writer.Tensor("token_embd.weight", {1'024, 151'936}, kQ8_0);
  for (int i = 0; i < 28; ++i) {
    const std::string block = absl::StrCat("blk.", i, ".");
    writer.Tensor(block + "attn_q.weight", {1'024, 2'048}, kQ8_0)
        .Tensor(block + "attn_k.weight", {1'024, 1'024}, kQ8_0)
        .Tensor(block + "attn_v.weight", {1'024, 1'024}, kQ8_0)
        .Tensor(block + "attn_output.weight", {2'048, 1'024}, kQ8_0)
        .Tensor(block + "ffn_gate.weight", {1'024, 3'072}, kQ8_0)
        .Tensor(block + "ffn_up.weight", {1'024, 3'072}, kQ8_0)
        .Tensor(block + "ffn_down.weight", {3'072, 1'024}, kQ8_0);
  }
  const auto d = Described(writer);
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_EQ(d->same_as, "qwen3-0.6b");
  EXPECT_EQ(d->model.priced_as(), "qwen3-0.6b");
  const catalog::Model& known = *testing::Shipped().FindModel("qwen3-0.6b");
  EXPECT_EQ(d->model.kv_cache.global_bytes_per_token_bf16,
            known.kv_cache.global_bytes_per_token_bf16);
  EXPECT_NEAR(*d->model.parameters.total / *known.parameters.total, 1, 1e-3);
}

// ---------------------------------------------------------------- what makes no model

TEST(GgufModel, WhatIsNoTextModelIsNamed) {
  EXPECT_THAT(Failure(GgufWriter("clip")), HasSubstr("a projector for images or sound"));
  EXPECT_THAT(Failure(GgufWriter("bert")), HasSubstr("an encoder, which generates no tokens"));
  GgufWriter adapter("llama");
  adapter.Text("general.type", "adapter");
  EXPECT_THAT(Failure(adapter), HasSubstr("a LoRA adapter"));
  EXPECT_THAT(Failure(GgufWriter("")), HasSubstr("\"general.architecture\" is missing"));
  EXPECT_THAT(Failure(GgufWriter("llama")), HasSubstr("the file has 0 blocks"));
  GgufWriter bare("llama");
  bare.Count("*.block_count", 1);
  EXPECT_THAT(Failure(bare), HasSubstr("no token embedding"));
}

TEST(GgufModel, AbsurdMetadataAreNamedWithTheirKey) {
  GgufWriter many("llama");
  many.Count("*.block_count", 1'000'000'000);
  EXPECT_THAT(Failure(many), HasSubstr("\"llama.block_count\" is no count up to 4096"));
  GgufWriter nextn = Start("deepseek2", 1);
  nextn.Count("*.nextn_predict_layers", 1);
  EXPECT_THAT(Failure(nextn), HasSubstr("\"deepseek2.nextn_predict_layers\" is 1 of 1 blocks"));
  GgufWriter lengths("llama");
  lengths.Count("*.block_count", 4).Array("*.attention.head_count_kv", {1, 2});
  EXPECT_THAT(Failure(lengths),
              HasSubstr("\"llama.attention.head_count_kv\" has 2 items for 4 blocks"));
  GgufWriter negative("llama");
  negative.Count("*.block_count", 2).Array("*.attention.head_count", {-1, 2});
  EXPECT_THAT(Failure(negative), HasSubstr("\"llama.attention.head_count\" is -1, no count"));
  GgufWriter huge("llama");
  huge.Count("*.block_count", 1)
      .Count("*.attention.head_count", 1'000'000)
      .Count("*.attention.key_length", 1'000'000)
      .Tensor("token_embd.weight", {kHidden, kVocab}, kQ8_0);
  AddAttention(huge, 0);
  EXPECT_THAT(Failure(huge), HasSubstr("block 0 would cache 1e+12 keys"));
  GgufWriter experts = Start("qwen3moe", 1);
  experts.Count("*.expert_count", 99);
  AddExperts(experts, 0, 16, kQ8_0);
  EXPECT_THAT(Failure(experts),
              HasSubstr("\"qwen3moe.expert_count\" is 99; the tensors hold 16 experts"));
  GgufWriter state = Start("mamba2", 1);
  state.Tensor("blk.0.ssm_in.weight", {kHidden, 64}, kQ8_0);
  EXPECT_THAT(Failure(state), HasSubstr("do not say how large its state is"));
}

TEST(GgufModel, BlocksThatTheFileLacksOrHasTooManyOfAreNamed) {
  GgufWriter lacking = Start("llama", 3);
  AddAttention(lacking, 0);
  AddAttention(lacking, 2);
  EXPECT_THAT(Failure(lacking), HasSubstr("\"llama.block_count\" is 3; the file holds no tensor of "
                                          "block 1"));
  GgufWriter surplus = Start("llama", 1);
  AddAttention(surplus, 0);
  AddAttention(surplus, 1);
  EXPECT_THAT(Failure(surplus), HasSubstr("\"llama.block_count\" is 1; the file holds tensors of "
                                          "block 1"));
}

TEST(GgufModel, BlocksMadeWithoutTensorsAreNone) {
  GgufWriter writer("deci");
  writer.Count("*.block_count", 2).Count("*.embedding_length", kHidden);
  writer.Array("*.attention.head_count", {4, 0}).Array("*.attention.head_count_kv", {2, 0});
  writer.Array("*.feed_forward_length", {64, 0}).Count("*.attention.key_length", 8);
  writer.Tensor("token_embd.weight", {kHidden, kVocab}, kQ8_0);
  AddAttention(writer, 0);
  EXPECT_EQ(Failure(writer), "accepted");
}

TEST(GgufModel, EncodersWithADecoderAreRefused) {
  GgufWriter writer = Start("t5", 1);
  EXPECT_THAT(Failure(writer), HasSubstr("an encoder with a decoder"));
}

// ---------------------------------------------------------------- split files

class SplitGguf : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = ::testing::TempDir() + "split_" + std::to_string(getpid());
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Path(int part, int of) const {
    char name[64];
    std::snprintf(name, sizeof(name), "/m-%05d-of-%05d.gguf", part, of);
    return directory_ + name;
  }
  void Write(const std::string& path, const GgufWriter& writer) const {
    std::ofstream(path, std::ios::binary) << writer.Header();
    ASSERT_EQ(truncate(path.c_str(), static_cast<off_t>(writer.size())), 0);
  }
  // Layer 0 in the first part, layer 1 in the second.
  void WriteBoth(std::uint32_t stated_tensors) const {
    GgufWriter first = Start("llama", 2);
    AddAttention(first, 0);
    first.Count("split.no", 0).Count("split.count", 2).Count("split.tensors.count", stated_tensors);
    Write(Path(1, 2), first);
    GgufWriter second("llama");
    AddAttention(second, 1);
    second.Count("split.no", 1).Count("split.count", 2);
    Write(Path(2, 2), second);
  }
  static std::string Failure(const std::string& path) {
    const auto description = DescribeFile(path, "", testing::Shipped());
    return description.ok() ? "accepted" : std::string(description.status().message());
  }

  std::string directory_;
};

TEST_F(SplitGguf, PartsAreFoundFromAnyOfThem) {
  WriteBoth(13);
  for (const int part : {1, 2}) {
    const auto d = DescribeFile(Path(part, 2), "", testing::Shipped());
    ASSERT_TRUE(d.ok()) << d.status();
    EXPECT_EQ(d->files, (std::vector<std::string>{Path(1, 2), Path(2, 2)}));
    EXPECT_EQ(d->layers[0].bytes, d->layers[1].bytes);
    EXPECT_EQ(d->model.id, "m");
    EXPECT_EQ(d->model.own_file->path, Path(1, 2)) << "what an engine is given";
  }
}

TEST_F(SplitGguf, MissingPartIsNamed) {
  WriteBoth(13);
  unlink(Path(2, 2).c_str());
  EXPECT_THAT(Failure(Path(1, 2)), StartsWith(Path(2, 2) + ": missing; the model has 2 parts"));
  WriteBoth(13);
  unlink(Path(1, 2).c_str());
  EXPECT_THAT(Failure(Path(2, 2)), StartsWith(Path(1, 2) + ": missing"));
}

TEST_F(SplitGguf, PartsThatDoNotBelongTogetherAreNamed) {
  WriteBoth(99);
  EXPECT_THAT(Failure(Path(1, 2)), HasSubstr("split.tensors.count is 99; the parts hold 13"));
  std::filesystem::copy_file(Path(1, 2), Path(2, 2),
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(Failure(Path(1, 2)),
              HasSubstr("by its name part 2 of 2, by its metadata part 1 of 2"));
  WriteBoth(13);
  GgufWriter alone = Start("llama", 1);
  AddAttention(alone, 0);
  alone.Count("split.no", 0).Count("split.count", 1);
  Write(Path(1, 2), alone);
  EXPECT_THAT(Failure(Path(1, 2)),
              HasSubstr("by its name part 1 of 2, by its metadata part 1 of 1"));
  alone.Count("split.tensors.count", 99);
  Write(directory_ + "/alone.gguf", alone);
  EXPECT_THAT(Failure(directory_ + "/alone.gguf"),
              HasSubstr("split.tensors.count is 99; the file"));
  WriteBoth(13);
  std::filesystem::rename(Path(1, 2), directory_ + "/renamed.gguf");
  EXPECT_THAT(Failure(directory_ + "/renamed.gguf"), HasSubstr("one of 2 parts"));
}

}  // namespace
}  // namespace capacity::modelfile
