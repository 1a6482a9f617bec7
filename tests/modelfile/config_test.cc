// What the configs of published models come down to, by their own names for things. The expected
// bytes are 2 for each cached number and 4 for each of a state, from the models' shapes.
#include "planner/modelfile/config.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace capacity::modelfile {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::StatusOr<Config> Read(const std::string& json) {
  auto root = ParseJson(json);
  if (!root.ok()) return root.status();
  return ReadConfig(*root, "config.json");
}

struct Cached {
  double full = 0;      // bytes for a token
  double windowed = 0;  // bytes for a token in the window
  double state = 0;     // bytes

  friend bool operator==(const Cached&, const Cached&) = default;
};
void PrintTo(const Cached& cached, std::ostream* out) {
  *out << cached.full << " full, " << cached.windowed << " windowed, state " << cached.state;
}

Cached Sum(const Config& config) {
  Cached sum;
  for (const LayerPlan& layer : config.layers) {
    const double bytes = 2.0 * (layer.cache.key_cells_per_token +
                                static_cast<double>(layer.cache.value_cells_per_token));
    (layer.cache.windowed ? sum.windowed : sum.full) += bytes;
    sum.state += layer.cache.state_bytes;
  }
  return sum;
}

void ExpectCache(const std::string& json, const Cached& expected) {
  const auto config = Read(json);
  ASSERT_TRUE(config.ok()) << config.status() << " of " << json;
  EXPECT_EQ(Sum(*config), expected) << json;
  EXPECT_TRUE(config->known) << json;
  EXPECT_THAT(config->warnings, IsEmpty());
}

// ---------------------------------------------------------------- what a nested config leaves out

TEST(Config, NestedFieldsThatAreLeftOutHaveTheirTypesDefault) {
  // gemma-3-4b-it: no heads, no width of a head; five of 34 layers see everything.
  ExpectCache(R"({"model_type": "gemma3", "text_config": {"model_type": "gemma3_text",
      "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34,
      "sliding_window": 1024}})",
              {5 * 2 * 2 * 4 * 256, 29 * 2 * 2 * 4 * 256, 0});
  // gemma-3-12b-it: heads of 256, not of 3840 / 16.
  ExpectCache(R"({"model_type": "gemma3", "text_config": {"model_type": "gemma3_text",
      "hidden_size": 3840, "num_attention_heads": 16, "num_key_value_heads": 8,
      "num_hidden_layers": 48, "sliding_window": 1024}})",
              {8 * 2 * 2 * 8 * 256, 40 * 2 * 2 * 8 * 256, 0});
  // llava-1.5-7b: Vicuna's shape is Llama's default.
  ExpectCache(R"({"model_type": "llava", "text_config": {"model_type": "llama",
      "max_position_embeddings": 4096, "vocab_size": 32064}})",
              {32 * 2 * 2 * 4096, 0, 0});
  ExpectCache(R"({"model_type": "llava", "text_config": {"vocab_size": 32064}})",
              {32 * 2 * 2 * 4096, 0, 0});
  ExpectCache(R"({"model_type": "mistral3", "text_config": {"num_key_value_heads": null}})",
              {32 * 2 * 2 * 4096, 0, 0});
}

TEST(Config, ATopLevelConfigHasNoDefaults) {
  EXPECT_THAT(std::string(Read(R"({"model_type": "llama"})").status().message()),
              HasSubstr("/num_hidden_layers: missing"));
}

// ---------------------------------------------------------------- other names

TEST(Config, HeadsUnderOtherNames) {
  // falcon-7b's num_kv_heads does not count; falcon-40b's does.
  ExpectCache(R"({"model_type": "falcon", "hidden_size": 4544, "num_attention_heads": 71,
      "num_hidden_layers": 32, "num_kv_heads": 71, "multi_query": true,
      "new_decoder_architecture": false})",
              {32 * 2 * 2 * 64, 0, 0});
  ExpectCache(R"({"model_type": "falcon", "hidden_size": 8192, "num_attention_heads": 128,
      "num_hidden_layers": 60, "num_kv_heads": 8, "multi_query": true,
      "new_decoder_architecture": true})",
              {60 * 2 * 2 * 8 * 64, 0, 0});
  ExpectCache(R"({"model_type": "chatglm", "hidden_size": 4096, "num_attention_heads": 32,
      "num_layers": 40, "kv_channels": 128, "multi_query_attention": true,
      "multi_query_group_num": 2})",
              {40 * 2 * 2 * 2 * 128, 0, 0});
  ExpectCache(R"({"model_type": "bloom", "n_embed": 14336, "n_layer": 70,
      "num_attention_heads": 112})",
              {70 * 2 * 2 * 14336, 0, 0});
  ExpectCache(R"({"model_type": "gpt_bigcode", "n_embd": 6144, "n_layer": 40, "n_head": 48,
      "multi_query": true})",
              {40 * 2 * 2 * 128, 0, 0});
  ExpectCache(R"({"model_type": "mpt", "d_model": 4096, "n_heads": 32, "n_layers": 32,
      "attn_config": {"kv_n_heads": 8}})",
              {32 * 2 * 2 * 8 * 128, 0, 0});
  ExpectCache(R"({"model_type": "deepseek_vl_v2", "language_config": {"model_type": "deepseek_v2",
      "hidden_size": 1280, "num_hidden_layers": 12, "num_attention_heads": 10,
      "num_key_value_heads": 10, "kv_lora_rank": null, "v_head_dim": 0}})",
              {12 * 2 * 2 * 1280, 0, 0});
  ExpectCache(R"({"model_type": "qwen2_5_omni", "thinker_config": {"model_type": "t", "text_config":
      {"model_type": "qwen2_5_omni_text", "hidden_size": 3584, "num_hidden_layers": 28,
       "num_attention_heads": 28, "num_key_value_heads": 4}}})",
              {28 * 2 * 2 * 512, 0, 0});
}

TEST(Config, BlocksThatWereSearchedFor) {
  const auto config = Read(R"({"model_type": "nemotron-nas", "hidden_size": 64,
      "num_attention_heads": 8, "num_hidden_layers": 3, "block_configs": [
      {"attention": {"n_heads_in_group": 2}, "ffn": {}},
      {"attention": {"no_op": true}, "ffn": {"no_op": true}},
      {"attention": {"replace_with_linear": true}, "ffn": {"no_op": true}}]})");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->layers[0].cache.key_cells_per_token, 4 * 8);
  EXPECT_FALSE(config->layers[0].may_be_empty);
  EXPECT_TRUE(config->layers[1].may_be_empty);
  EXPECT_FALSE(config->layers[2].may_be_empty) << "its attention is a matrix";
  EXPECT_FALSE(config->layers[2].attends);
}

TEST(Config, ExpertsInOtherPlaces) {
  const auto dbrx = Read(R"({"model_type": "dbrx", "d_model": 6144, "n_heads": 48, "n_layers": 40,
      "attn_config": {"kv_n_heads": 8}, "ffn_config": {"ffn_hidden_size": 10752,
      "moe_num_experts": 16, "moe_top_k": 4}})");
  ASSERT_TRUE(dbrx.ok()) << dbrx.status();
  EXPECT_EQ(Sum(*dbrx), (Cached{40 * 2 * 2 * 8 * 128, 0, 0}));
  EXPECT_EQ(dbrx->shape.experts, 16);
  EXPECT_EQ(dbrx->shape.experts_per_token, 4);
  EXPECT_EQ(dbrx->shape.expert_ffn_size, 10'752);
  const auto hunyuan = Read(R"({"model_type": "hunyuan_v1_moe", "hidden_size": 4096,
      "num_attention_heads": 32, "num_key_value_heads": 8, "num_hidden_layers": 2,
      "num_experts": 64, "moe_topk": [8, 8], "num_shared_expert": [1, 1],
      "moe_intermediate_size": [3072, 3072]})");
  ASSERT_TRUE(hunyuan.ok()) << hunyuan.status();
  EXPECT_EQ(hunyuan->shape.experts_per_token, 8);
  EXPECT_EQ(hunyuan->shape.shared_experts, 1);
  EXPECT_EQ(hunyuan->shape.shared_expert_ffn, 3'072);
  EXPECT_THAT(hunyuan->warnings, IsEmpty());
}

// ---------------------------------------------------------------- states

TEST(Config, StatesOfRecurrentLayers) {
  // Mamba-Codestral-7B.
  ExpectCache(R"({"model_type": "mamba2", "hidden_size": 4096, "num_hidden_layers": 64, "expand": 2,
      "num_heads": 128, "head_dim": 64, "state_size": 128, "n_groups": 8, "conv_kernel": 4})",
              {0, 0, 64.0 * 4 * (8192 * 128 + 3 * (8192 + 2 * 8 * 128))});
  ExpectCache(R"({"model_type": "mamba", "hidden_size": 2560, "num_hidden_layers": 64, "expand": 2,
      "intermediate_size": 5120, "state_size": 16, "conv_kernel": 4})",
              {0, 0, 64.0 * 4 * (5120 * 16 + 3 * 5120)});
  ExpectCache(R"({"model_type": "rwkv", "hidden_size": 2560, "attention_hidden_size": 2560,
      "num_hidden_layers": 32})",
              {0, 0, 32.0 * 4 * 5 * 2560});
  for (const char* type : {"minimax", "minimax_text_01", "minimax_m1"}) {
    ExpectCache(
        absl::StrCat(R"({"model_type": ")", type, R"(", "hidden_size": 6144, "head_dim": 128,
        "num_attention_heads": 64, "num_key_value_heads": 8, "num_hidden_layers": 2,
        "attn_type_list": [0, 1]})"),
        {2 * 2 * 8 * 128, 0, 64 * 128 * 128 * 4});
  }
  // recurrentgemma-2b.
  ExpectCache(R"({"model_type": "recurrent_gemma", "hidden_size": 2560, "lru_width": 2560,
      "num_attention_heads": 10, "num_key_value_heads": 1, "head_dim": 256, "conv1d_width": 4,
      "attention_window_size": 2048, "num_hidden_layers": 26,
      "block_types": ["recurrent", "recurrent", "attention"]})",
              {0, 8 * 2 * 2 * 256, 18.0 * 4 * 4 * 2560});
  // Zamba2: its heads are twice as wide as kv_channels says, its feed-forward is no state space.
  ExpectCache(R"({"model_type": "zamba2", "hidden_size": 3584, "num_hidden_layers": 2,
      "num_attention_heads": 32, "num_key_value_heads": 32, "attention_head_dim": 224,
      "kv_channels": 112, "intermediate_size": 14336, "mamba_expand": 2, "mamba_d_state": 64,
      "mamba_ngroups": 2, "mamba_d_conv": 4, "layers_block_type": ["mamba", "hybrid"]})",
              {2 * 2 * 7168, 0, 2.0 * 4 * (7168 * 64 + 3 * (7168 + 2 * 2 * 64))});
}

TEST(Config, StatesOfUnknownArchitecturesAreSaidToBe) {
  const char kNovel[] = R"({"model_type": "novel", "hidden_size": 8, "num_hidden_layers": 1,
      "num_attention_heads": 1, "layer_types": ["mamba"]MORE})";
  const auto with = [&](const std::string& more) {
    std::string json = kNovel;
    return Read(json.replace(json.find("MORE"), 4, more));
  };
  const auto none = with("");
  ASSERT_TRUE(none.ok()) << none.status();
  ASSERT_EQ(none->warnings.size(), 1u);
  EXPECT_THAT(none->warnings[0], HasSubstr("is not known: it is planned as nothing"));
  const auto some = with(R"(, "expand": 2, "state_size": 4)");
  ASSERT_TRUE(some.ok()) << some.status();
  ASSERT_EQ(some->warnings.size(), 1u);
  EXPECT_THAT(some->warnings[0], HasSubstr("how large this one's is, is not known"));
}

// ---------------------------------------------------------------- what is no decoder

TEST(Config, EncodersAreRefusedByName) {
  for (const char* type : {"bert", "modernbert", "roberta"}) {
    EXPECT_THAT(
        std::string(Read(absl::StrCat(R"({"model_type": ")", type, "\"}")).status().message()),
        HasSubstr("is an encoder, which generates no tokens"))
        << type;
  }
  for (const char* type : {"whisper", "bart", "t5"}) {
    EXPECT_THAT(
        std::string(Read(absl::StrCat(R"({"model_type": ")", type, "\"}")).status().message()),
        HasSubstr("is an encoder with a decoder"))
        << type;
  }
  EXPECT_THAT(
      std::string(
          Read(R"({"model_type": "novel", "is_encoder_decoder": true})").status().message()),
      HasSubstr("is an encoder with a decoder"));
  EXPECT_THAT(std::string(Read(R"({"model_type": "gemma3_text", "num_hidden_layers": 24,
                                   "use_bidirectional_attention": true})")
                              .status()
                              .message()),
              HasSubstr("is an encoder"));
}

TEST(Config, NumbersThatAreNoCountsAreRefused) {
  EXPECT_THAT(
      std::string(Read(R"({"model_type": "llama", "num_hidden_layers": 2.5})").status().message()),
      HasSubstr("/num_hidden_layers: missing or no count"));
  EXPECT_THAT(std::string(Read(R"({"model_type": "llama", "num_hidden_layers": 2,
                                   "hidden_size": "64"})")
                              .status()
                              .message()),
              HasSubstr("/hidden_size: no count"));
}

}  // namespace
}  // namespace capacity::modelfile
