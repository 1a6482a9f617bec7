// Checkpoints of real models, their tensors by name and shape: what the reader makes of them, and
// what the catalogue holds of the same models from other sources.
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
using ::testing::StartsWith;

using Shape = std::vector<std::uint64_t>;

// Writes matrices as one kind of checkpoint stores them.
class Weights {
 public:
  virtual ~Weights() = default;
  virtual void Matrix(SafetensorsWriter& out, const std::string& module, const Shape& shape) const {
    out.Tensor(module + ".weight", "BF16", shape);
  }
};

// FP8 with one scale for 128 x 128.
class Fp8 : public Weights {
 public:
  void Matrix(SafetensorsWriter& out, const std::string& module,
              const Shape& shape) const override {
    out.Tensor(module + ".weight", "F8_E4M3", shape);
    out.Tensor(module + ".weight_scale_inv", "F32",
               {(shape[0] + 127) / 128, (shape[1] + 127) / 128});
  }
};

class Mlx : public Weights {
 public:
  Mlx(std::uint64_t bits, std::uint64_t group) : bits_(bits), group_(group) {}
  void Matrix(SafetensorsWriter& out, const std::string& module,
              const Shape& shape) const override {
    out.Tensor(module + ".weight", "U32", {shape[0], shape[1] * bits_ / 32});
    out.Tensor(module + ".scales", "BF16", {shape[0], shape[1] / group_});
    out.Tensor(module + ".biases", "BF16", {shape[0], shape[1] / group_});
  }

 private:
  std::uint64_t bits_;
  std::uint64_t group_;
};

void Norms(SafetensorsWriter& out, const std::string& layer, std::uint64_t width,
           const std::vector<std::string>& names) {
  for (const std::string& name : names) out.Tensor(layer + name + ".weight", "BF16", {width});
}
void Gated(SafetensorsWriter& out, const Weights& weights, const std::string& module,
           std::uint64_t hidden, std::uint64_t width) {
  weights.Matrix(out, module + ".gate_proj", {width, hidden});
  weights.Matrix(out, module + ".up_proj", {width, hidden});
  weights.Matrix(out, module + ".down_proj", {hidden, width});
}
void Attention(SafetensorsWriter& out, const Weights& weights, const std::string& module,
               std::uint64_t hidden, std::uint64_t queries, std::uint64_t keys) {
  weights.Matrix(out, module + ".q_proj", {queries, hidden});
  weights.Matrix(out, module + ".k_proj", {keys, hidden});
  weights.Matrix(out, module + ".v_proj", {keys, hidden});
  weights.Matrix(out, module + ".o_proj", {hidden, queries});
}
std::string Layer(int index, const std::string& prefix = "model.") {
  return absl::StrCat(prefix, "layers.", index, ".");
}

absl::StatusOr<Description> Described(const std::string& config, const SafetensorsWriter& tensors,
                                      const std::string& id = "x") {
  ImaginedFolder folder;
  folder.Add("config.json", config).Add("model.safetensors", tensors);
  auto facts = CheckpointFacts(folder);
  if (!facts.ok()) return facts.status();
  return Compose(*std::move(facts), "dir", id, testing::Shipped());
}

// The file says what the catalogue says.
void ExpectAsInTheCatalogue(const absl::StatusOr<Description>& d, const std::string& id) {
  ASSERT_TRUE(d.ok()) << d.status();
  const catalog::Model& known = *testing::Shipped().FindModel(id);
  const catalog::Model& read = d->model;
  const auto near = [&](std::optional<double> a, std::optional<double> b, const char* what) {
    ASSERT_EQ(a.has_value(), b.has_value()) << what;
    if (!a) return;
    EXPECT_NEAR(*a / *b, 1, 2e-4) << what << " " << *a << " against " << *b;
  };
  EXPECT_TRUE(d->known_architecture) << d->architecture;
  near(read.parameters.total, known.parameters.total, "total");
  near(read.parameters.decode_read, known.parameters.decode_read, "read for a token");
  near(read.parameters.routed_experts, known.parameters.routed_experts, "experts");
  near(read.parameters.head, known.parameters.head, "head");
  near(read.parameters.embedding, known.parameters.embedding, "embedding");
  EXPECT_EQ(read.kv_cache.global_bytes_per_token_bf16, known.kv_cache.global_bytes_per_token_bf16);
  EXPECT_EQ(read.kv_cache.window_bytes_per_token_bf16, known.kv_cache.window_bytes_per_token_bf16);
  EXPECT_EQ(read.kv_cache.recurrent_state_bytes, known.kv_cache.recurrent_state_bytes);
  const catalog::Architecture& a = read.architecture;
  const catalog::Architecture& b = known.architecture;
  EXPECT_STREQ(Name(a.attention), Name(b.attention));
  EXPECT_EQ(a.layers, b.layers);
  EXPECT_EQ(a.heads, b.heads);
  EXPECT_EQ(a.experts, b.experts);
  EXPECT_EQ(a.experts_per_token, b.experts_per_token);
  EXPECT_EQ(a.shared_experts > 0, b.shared_experts > 0);
  if (b.shared_experts > 0) {
    EXPECT_EQ(a.shared_expert_ffn, b.shared_expert_ffn);
  }
  if (b.is_moe()) {
    EXPECT_EQ(a.expert_ffn_size, b.expert_ffn_size);
    EXPECT_EQ(a.moe_layers, b.moe_layers);
    EXPECT_EQ(a.expert_matrices, b.expert_matrices);
  }
  EXPECT_EQ(a.recurrent_layers, b.recurrent_layers);
  EXPECT_EQ(a.full_attention_layers, b.full_attention_layers);
  EXPECT_EQ(a.sliding_window, b.sliding_window);
  EXPECT_EQ(a.balanced_routing, b.balanced_routing);
  EXPECT_EQ(a.tied_embeddings, b.tied_embeddings);
  EXPECT_EQ(read.max_context, known.max_context);
}

// ---------------------------------------------------------------- dense

const char kQwen3_8b[] = R"({"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3",
  "num_hidden_layers": 36, "hidden_size": 4096, "num_attention_heads": 32, "head_dim": 128,
  "num_key_value_heads": 8, "intermediate_size": 12288, "vocab_size": 151936,
  "max_position_embeddings": 40960, "sliding_window": null, "use_sliding_window": false,
  "torch_dtype": "bfloat16"QUANT})";

std::string Qwen3_8b(const std::string& more) {
  std::string config = kQwen3_8b;
  return config.replace(config.find("QUANT"), 5, more);
}

SafetensorsWriter Qwen3_8bTensors(const Weights& weights) {
  SafetensorsWriter out;
  weights.Matrix(out, "model.embed_tokens", {151'936, 4'096});
  weights.Matrix(out, "lm_head", {151'936, 4'096});
  Norms(out, "model.", 4'096, {"norm"});
  for (int i = 0; i < 36; ++i) {
    const std::string layer = Layer(i);
    Norms(out, layer, 4'096, {"input_layernorm", "post_attention_layernorm"});
    Norms(out, layer + "self_attn.", 128, {"q_norm", "k_norm"});
    Attention(out, weights, layer + "self_attn", 4'096, 4'096, 1'024);
    Gated(out, weights, layer + "mlp", 4'096, 12'288);
  }
  return out;
}

TEST(Checkpoint, Qwen3_8b) {
  const auto d = Described(Qwen3_8b(""), Qwen3_8bTensors(Weights()));
  ExpectAsInTheCatalogue(d, "qwen3-8b");
  EXPECT_EQ(d->quant.id, "bf16");
  EXPECT_EQ(d->form, FileForm::kSafetensors);
  EXPECT_EQ(d->artifact.bytes.count, 2 * 8'190'735'360);
}

TEST(Checkpoint, Qwen3_8bForMlx) {
  const auto d = Described(Qwen3_8b(R"(, "quantization": {"group_size": 64, "bits": 4},
                                       "quantization_config": {"group_size": 64, "bits": 4})"),
                           Qwen3_8bTensors(Mlx(4, 64)));
  ExpectAsInTheCatalogue(d, "qwen3-8b");
  EXPECT_EQ(d->form, FileForm::kMlx);
  EXPECT_EQ(d->quant.id, "mlx-4bit");
  EXPECT_DOUBLE_EQ(d->artifact.bits->head, 4.5) << "scales and biases included";
  EXPECT_NEAR(d->artifact.bits->dense, 4.5, 0.001);
  EXPECT_EQ(d->model.own_file->engines,
            (std::vector<catalog::Engine>{catalog::Engine::kMlx, catalog::Engine::kExo}));
}

TEST(Checkpoint, MlxOverridesOfSingleModulesCount) {
  SafetensorsWriter mixed;
  Mlx(8, 64).Matrix(mixed, "model.embed_tokens", {1'024, 4'096});
  Mlx(4, 64).Matrix(mixed, "lm_head", {1'024, 4'096});
  for (int i = 0; i < 36; ++i) Mlx(4, 64).Matrix(mixed, Layer(i) + "mlp.up_proj", {4'096, 4'096});
  mixed.Tensor("model.layers.0.mlp.down_proj.weight", "BF16", {64, 64});
  const auto d = Described(Qwen3_8b(R"(, "quantization": {"group_size": 64, "bits": 4,
      "model.embed_tokens": {"group_size": 64, "bits": 8}, "model.layers.0.mlp.down_proj": false})"),
                           mixed);
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_DOUBLE_EQ(d->artifact.bits->embedding, 8.5);
  EXPECT_DOUBLE_EQ(d->artifact.bits->head, 4.5);
  EXPECT_EQ(d->Of(TensorClass::kEmbedding).parameters, 1'024 * 4'096);
  EXPECT_EQ(d->Of(TensorClass::kMlp).types.size(), 2u);
}

TEST(Checkpoint, Gemma3WithTower) {
  SafetensorsWriter out;
  const Weights weights;
  const std::string text = "language_model.model.";
  weights.Matrix(out, text + "embed_tokens", {262'208, 5'376});
  Norms(out, text, 5'376, {"norm"});
  for (int i = 0; i < 62; ++i) {
    const std::string layer = Layer(i, text);
    Norms(out, layer, 5'376,
          {"input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm",
           "post_feedforward_layernorm"});
    Norms(out, layer + "self_attn.", 128, {"q_norm", "k_norm"});
    Attention(out, weights, layer + "self_attn", 5'376, 4'096, 2'048);
    Gated(out, weights, layer + "mlp", 5'376, 21'504);
  }
  out.Tensor("vision_tower.vision_model.encoder.all.weight", "BF16", {423'060'336});
  const auto d = Described(R"({"model_type": "gemma3", "text_config": {
      "model_type": "gemma3_text", "num_hidden_layers": 62, "hidden_size": 5376, "head_dim": 128,
      "num_attention_heads": 32, "num_key_value_heads": 16, "intermediate_size": 21504,
      "max_position_embeddings": 131072, "sliding_window": 1024, "sliding_window_pattern": 6},
      "torch_dtype": "bfloat16"})",
                           out);
  ExpectAsInTheCatalogue(d, "gemma-3-27b");
  EXPECT_EQ(d->model.model_type, "gemma3");
  EXPECT_EQ(d->model.parameters.towers, 423'060'336);
  EXPECT_EQ(d->artifact.layout->other.count, 2 * 423'060'336);
}

// ---------------------------------------------------------------- mixtures of experts

TEST(Checkpoint, Qwen3_30bA3b) {
  SafetensorsWriter out;
  const Weights weights;
  weights.Matrix(out, "model.embed_tokens", {151'936, 2'048});
  weights.Matrix(out, "lm_head", {151'936, 2'048});
  Norms(out, "model.", 2'048, {"norm"});
  for (int i = 0; i < 48; ++i) {
    const std::string layer = Layer(i);
    Norms(out, layer, 2'048, {"input_layernorm", "post_attention_layernorm"});
    Norms(out, layer + "self_attn.", 128, {"q_norm", "k_norm"});
    Attention(out, weights, layer + "self_attn", 2'048, 4'096, 512);
    weights.Matrix(out, layer + "mlp.gate", {128, 2'048});
    for (int e = 0; e < 128; ++e) {
      Gated(out, weights, absl::StrCat(layer, "mlp.experts.", e), 2'048, 768);
    }
  }
  ExpectAsInTheCatalogue(
      Described(R"({"model_type": "qwen3_moe", "num_hidden_layers": 48, "hidden_size": 2048,
          "num_attention_heads": 32, "num_key_value_heads": 4, "head_dim": 128,
          "intermediate_size": 6144, "moe_intermediate_size": 768, "num_experts": 128,
          "num_experts_per_tok": 8, "vocab_size": 151936, "max_position_embeddings": 40960})",
                out),
      "qwen3-30b-a3b");
}

TEST(Checkpoint, GptOss120b) {
  SafetensorsWriter out;
  const Weights weights;
  weights.Matrix(out, "model.embed_tokens", {201'088, 2'880});
  weights.Matrix(out, "lm_head", {201'088, 2'880});
  Norms(out, "model.", 2'880, {"norm"});
  for (int i = 0; i < 36; ++i) {
    const std::string layer = Layer(i);
    Norms(out, layer, 2'880, {"input_layernorm", "post_attention_layernorm"});
    Attention(out, weights, layer + "self_attn", 2'880, 4'096, 512);
    for (const auto& [name, width] : {std::pair<const char*, std::uint64_t>{"q_proj", 4'096},
                                      {"k_proj", 512},
                                      {"v_proj", 512},
                                      {"o_proj", 2'880}}) {
      out.Tensor(layer + "self_attn." + name + ".bias", "BF16", {width});
    }
    out.Tensor(layer + "self_attn.sinks", "BF16", {64});
    weights.Matrix(out, layer + "mlp.router", {128, 2'880});
    out.Tensor(layer + "mlp.router.bias", "BF16", {128});
    for (const auto& [name, rows] :
         {std::pair<const char*, std::uint64_t>{"gate_up_proj", 5'760}, {"down_proj", 2'880}}) {
      const std::string module = layer + "mlp.experts." + name;
      out.Tensor(module + "_blocks", "U8", {128, rows, 90, 16});
      out.Tensor(module + "_scales", "U8", {128, rows, 90});
      out.Tensor(module + "_bias", "BF16", {128, rows});
    }
  }
  const auto d =
      Described(R"({"model_type": "gpt_oss", "num_hidden_layers": 36, "hidden_size": 2880,
          "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 64,
          "intermediate_size": 2880, "num_local_experts": 128, "num_experts_per_tok": 4,
          "experts_per_token": 4, "vocab_size": 201088, "max_position_embeddings": 131072,
          "sliding_window": 128, "quantization_config": {"quant_method": "mxfp4",
          "modules_to_not_convert": ["model.layers.*.self_attn"]}})",
                out);
  ExpectAsInTheCatalogue(d, "gpt-oss-120b");
  EXPECT_EQ(d->quant.id, "mxfp4");
  EXPECT_NEAR(d->artifact.bits->experts, 4.25, 0.01);
  EXPECT_DOUBLE_EQ(d->artifact.bits->head, 16);
  // 60.8 GiB: what the published checkpoint has.
  EXPECT_NEAR(d->artifact.bytes.gib(), 60.8, 0.1);
}

TEST(Checkpoint, DeepSeekV32) {
  SafetensorsWriter out;
  const Fp8 weights;
  const Weights plain;
  plain.Matrix(out, "model.embed_tokens", {129'280, 7'168});
  plain.Matrix(out, "lm_head", {129'280, 7'168});
  Norms(out, "model.", 7'168, {"norm"});
  for (int i = 0; i < 62; ++i) {
    const std::string layer = Layer(i);
    const std::string attention = layer + "self_attn.";
    Norms(out, layer, 7'168, {"input_layernorm", "post_attention_layernorm"});
    Norms(out, attention, 1'536, {"q_a_layernorm"});
    Norms(out, attention, 512, {"kv_a_layernorm"});
    weights.Matrix(out, attention + "q_a_proj", {1'536, 7'168});
    weights.Matrix(out, attention + "q_b_proj", {24'576, 1'536});
    weights.Matrix(out, attention + "kv_a_proj_with_mqa", {576, 7'168});
    weights.Matrix(out, attention + "kv_b_proj", {32'768, 512});
    weights.Matrix(out, attention + "o_proj", {7'168, 16'384});
    weights.Matrix(out, attention + "indexer.wq_b", {8'192, 1'536});
    weights.Matrix(out, attention + "indexer.wk", {128, 7'168});
    plain.Matrix(out, attention + "indexer.weights_proj", {64, 7'168});
    out.Tensor(attention + "indexer.k_norm.weight", "F32", {128});
    out.Tensor(attention + "indexer.k_norm.bias", "F32", {128});
    if (i < 3) {
      Gated(out, weights, layer + "mlp", 7'168, 18'432);
      continue;
    }
    plain.Matrix(out, layer + "mlp.gate", {256, 7'168});
    out.Tensor(layer + "mlp.gate.e_score_correction_bias", "F32", {256});
    Gated(out, weights, layer + "mlp.shared_experts", 7'168, 2'048);
    for (int e = 0; e < 256; ++e) {
      Gated(out, weights, absl::StrCat(layer, "mlp.experts.", e), 7'168, 2'048);
    }
  }
  plain.Matrix(out, "model.layers.61.eh_proj", {7'168, 14'336});
  const auto d =
      Described(R"({"model_type": "deepseek_v32", "num_hidden_layers": 61, "hidden_size": 7168,
          "num_attention_heads": 128, "num_key_value_heads": 128, "intermediate_size": 18432,
          "moe_intermediate_size": 2048, "n_routed_experts": 256, "num_experts_per_tok": 8,
          "n_shared_experts": 1, "first_k_dense_replace": 3, "kv_lora_rank": 512,
          "q_lora_rank": 1536, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128,
          "index_head_dim": 128, "index_n_heads": 64, "index_topk": 2048, "vocab_size": 129280,
          "max_position_embeddings": 163840, "num_nextn_predict_layers": 1,
          "scoring_func": "sigmoid", "quantization_config": {"quant_method": "fp8",
          "fmt": "e4m3", "weight_block_size": [128, 128]}})",
                out);
  ExpectAsInTheCatalogue(d, "deepseek-v3.2");
  EXPECT_EQ(d->quant.id, "fp8");
  EXPECT_TRUE(d->model.fp8_block_scales);
  EXPECT_NEAR(d->artifact.bits->experts, 8.002, 0.001);
  EXPECT_GT(d->Of(TensorClass::kMtp).parameters, 11e9) << "the 62nd layer";
  EXPECT_EQ(d->model.architecture.index_top_k, 2'048);
}

// ---------------------------------------------------------------- hybrids

TEST(Checkpoint, Qwen3Next) {
  SafetensorsWriter out;
  const Weights weights;
  weights.Matrix(out, "model.embed_tokens", {151'936, 2'048});
  weights.Matrix(out, "lm_head", {151'936, 2'048});
  Norms(out, "model.", 2'048, {"norm"});
  for (int i = 0; i < 48; ++i) {
    const std::string layer = Layer(i);
    Norms(out, layer, 2'048, {"input_layernorm", "post_attention_layernorm"});
    if (i % 4 == 3) {
      weights.Matrix(out, layer + "self_attn.q_proj", {8'192, 2'048});
      weights.Matrix(out, layer + "self_attn.k_proj", {512, 2'048});
      weights.Matrix(out, layer + "self_attn.v_proj", {512, 2'048});
      weights.Matrix(out, layer + "self_attn.o_proj", {2'048, 4'096});
      Norms(out, layer + "self_attn.", 256, {"q_norm", "k_norm"});
    } else {
      const std::string mixer = layer + "linear_attn.";
      weights.Matrix(out, mixer + "in_proj_qkvz", {12'288, 2'048});
      weights.Matrix(out, mixer + "in_proj_ba", {64, 2'048});
      out.Tensor(mixer + "conv1d.weight", "BF16", {8'192, 1, 4});
      out.Tensor(mixer + "A_log", "BF16", {32}).Tensor(mixer + "dt_bias", "BF16", {32});
      Norms(out, mixer, 128, {"norm"});
      weights.Matrix(out, mixer + "out_proj", {2'048, 4'096});
    }
    weights.Matrix(out, layer + "mlp.gate", {512, 2'048});
    Gated(out, weights, layer + "mlp.shared_expert", 2'048, 512);
    weights.Matrix(out, layer + "mlp.shared_expert_gate", {1, 2'048});
    for (int e = 0; e < 512; ++e) {
      Gated(out, weights, absl::StrCat(layer, "mlp.experts.", e), 2'048, 512);
    }
  }
  weights.Matrix(out, "mtp.fc", {2'048, 4'096});
  ExpectAsInTheCatalogue(
      Described(R"({"model_type": "qwen3_next", "num_hidden_layers": 48, "hidden_size": 2048,
          "num_attention_heads": 16, "num_key_value_heads": 2, "head_dim": 256,
          "intermediate_size": 5120, "moe_intermediate_size": 512, "num_experts": 512,
          "num_experts_per_tok": 10, "shared_expert_intermediate_size": 512,
          "full_attention_interval": 4, "linear_num_value_heads": 32, "linear_num_key_heads": 16,
          "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_conv_kernel_dim": 4,
          "vocab_size": 151936, "max_position_embeddings": 262144})",
                out),
      "qwen3-next-80b-a3b");
}

TEST(Checkpoint, NemotronH) {
  const std::string pattern = "M-M-M-MM-M-M*-M-M*-M-M-M*-M-M-MM*-MMM-M-M-";
  SafetensorsWriter out;
  const Weights weights;
  weights.Matrix(out, "backbone.embeddings", {131'072, 3'136});
  weights.Matrix(out, "lm_head", {131'072, 3'136});
  Norms(out, "backbone.", 3'136, {"norm_f"});
  for (int i = 0; i < 42; ++i) {
    const std::string layer = Layer(i, "backbone.");
    const std::string mixer = layer + "mixer";
    Norms(out, layer, 3'136, {"norm"});
    switch (pattern[static_cast<std::size_t>(i)]) {
      case 'M':
        weights.Matrix(out, mixer + ".in_proj", {17'504, 3'136});
        weights.Matrix(out, mixer + ".out_proj", {3'136, 7'680});
        out.Tensor(mixer + ".conv1d.weight", "BF16", {9'728, 1, 4});
        out.Tensor(mixer + ".conv1d.bias", "BF16", {9'728});
        out.Tensor(mixer + ".A_log", "BF16", {96}).Tensor(mixer + ".D", "BF16", {96});
        out.Tensor(mixer + ".dt_bias", "BF16", {96});
        Norms(out, mixer + ".", 7'680, {"norm"});
        break;
      case '*':
        Attention(out, weights, mixer, 3'136, 5'120, 1'024);
        break;
      default:
        weights.Matrix(out, mixer + ".up_proj", {12'544, 3'136});
        weights.Matrix(out, mixer + ".down_proj", {3'136, 12'544});
    }
  }
  const auto d = Described(
      absl::StrCat(R"({"model_type": "nemotron_h", "num_hidden_layers": 42, "hidden_size": 3136,
          "num_attention_heads": 40, "num_key_value_heads": 8, "head_dim": 128,
          "intermediate_size": 12544, "hybrid_override_pattern": ")",
                   pattern, R"(", "mamba_num_heads": 96, "mamba_head_dim": 80,
          "ssm_state_size": 128, "n_groups": 8, "conv_kernel": 4, "vocab_size": 131072,
          "max_position_embeddings": 262144})"),
      out);
  ExpectAsInTheCatalogue(d, "nemotron-3-nano-4b");
  EXPECT_EQ(d->model.architecture.mlp_layers, 17);
}

// ---------------------------------------------------------------- formats

// One layer with a matrix in the format, and what is around it in 16 bits.
absl::StatusOr<Description> WithFormat(const std::string& quantization, SafetensorsWriter tensors) {
  tensors.Tensor("model.embed_tokens.weight", "BF16", {1'024, 256});
  tensors.Tensor("lm_head.weight", "BF16", {1'024, 256});
  return Described(R"({"model_type": "llama", "num_hidden_layers": 1, "hidden_size": 256,
      "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 1024,
      "quantization_config": )" +
                       quantization + "}",
                   tensors);
}

TEST(Checkpoint, FormatsAreCountedInWeights) {
  const std::string up = "model.layers.0.mlp.up_proj.";
  struct Case {
    const char* what;
    std::string config;
    SafetensorsWriter tensors;
    double parameters;
    std::string quant;
  };
  const Case cases[] = {
      {"AWQ", R"({"quant_method": "awq", "bits": 4, "group_size": 128})",
       SafetensorsWriter()
           .Tensor(up + "qweight", "I32", {256, 128})
           .Tensor(up + "qzeros", "I32", {2, 128})
           .Tensor(up + "scales", "F16", {2, 1'024}),
       256 * 1'024, "int4-awq"},
      {"GPTQ of 8 bits", R"({"quant_method": "gptq", "bits": 8, "group_size": 128})",
       SafetensorsWriter()
           .Tensor(up + "qweight", "I32", {64, 1'024})
           .Tensor(up + "g_idx", "I32", {256})
           .Tensor(up + "scales", "F16", {2, 1'024}),
       256 * 1'024, "int8-x"},
      {"compressed-tensors, packed",
       R"({"quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups":
          {"group_0": {"weights": {"num_bits": 4, "group_size": 32}}}})",
       SafetensorsWriter()
           .Tensor(up + "weight_packed", "I32", {1'024, 32})
           .Tensor(up + "weight_scale", "BF16", {1'024, 8})
           .Tensor(up + "weight_shape", "I64", {2}),
       256 * 1'024, "int4-g32"},
      {"compressed-tensors, NVFP4",
       R"({"quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized",
          "config_groups": {"group_0": {"weights": {"num_bits": 4, "group_size": 16}}}})",
       SafetensorsWriter()
           .Tensor(up + "weight_packed", "U8", {1'024, 128})
           .Tensor(up + "weight_scale", "F8_E4M3", {1'024, 16})
           .Tensor(up + "weight_global_scale", "F32", {1}),
       256 * 1'024, "nvfp4"},
      {"ModelOpt NVFP4", R"({"quant_method": "modelopt", "quant_algo": "NVFP4"})",
       SafetensorsWriter()
           .Tensor(up + "weight", "U8", {1'024, 128})
           .Tensor(up + "weight_scale", "F8_E4M3", {1'024, 16})
           .Tensor(up + "weight_scale_2", "F32", {})
           .Tensor(up + "input_scale", "F32", {}),
       256 * 1'024, "nvfp4"},
      {"ModelOpt FP8", R"({"quant_method": "modelopt", "quant_algo": "FP8"})",
       SafetensorsWriter()
           .Tensor(up + "weight", "F8_E4M3", {1'024, 256})
           .Tensor(up + "weight_scale", "F32", {}),
       256 * 1'024, "fp8"},
      {"ModelOpt MXFP8", R"({"quant_method": "modelopt", "quant_algo": "MXFP8"})",
       SafetensorsWriter()
           .Tensor(up + "weight", "F8_E4M3", {1'024, 256})
           .Tensor(up + "weight_scale", "U8", {1'024, 8}),
       256 * 1'024, "fp8"},
      {"bitsandbytes", R"({"quant_method": "bitsandbytes", "load_in_4bit": true})",
       SafetensorsWriter()
           .Tensor(up + "weight", "U8", {131'072, 1})
           .Tensor(up + "weight.absmax", "F32", {4'096})
           .Tensor(up + "weight.quant_state.bitsandbytes__nf4", "U8", {80}),
       256 * 1'024, "bnb-4bit-x"},
  };
  for (const Case& expected : cases) {
    const auto d = WithFormat(expected.config, expected.tensors);
    ASSERT_TRUE(d.ok()) << expected.what << ": " << d.status();
    EXPECT_EQ(d->Of(TensorClass::kMlp).parameters, expected.parameters) << expected.what;
    EXPECT_EQ(d->quant.id, expected.quant) << expected.what;
    EXPECT_EQ(d->artifact.bytes.count,
              static_cast<std::int64_t>(expected.tensors.data_bytes() + 2 * 2 * 1'024 * 256))
        << expected.what;
    EXPECT_EQ(d->model.own_file->engines, std::vector<catalog::Engine>{catalog::Engine::kVllm});
  }
}

// ---------------------------------------------------------------- what is wrong

std::string Failure(ImaginedFolder& folder) {
  const auto facts = CheckpointFacts(folder);
  return facts.ok() ? "accepted" : std::string(facts.status().message());
}
std::string ConfigFailure(const std::string& config) {
  ImaginedFolder folder;
  folder.Add("config.json", config).Add("model.safetensors", SafetensorsWriter());
  return Failure(folder);
}
constexpr char kTiny[] = R"({"model_type": "llama", "num_hidden_layers": 1, "hidden_size": 8,
    "num_attention_heads": 2, "num_key_value_heads": 1})";
SafetensorsWriter TinyTensors() {
  SafetensorsWriter out;
  out.Tensor("model.embed_tokens.weight", "BF16", {16, 8});
  out.Tensor("model.layers.0.self_attn.k_proj.weight", "BF16", {4, 8});
  return out;
}

TEST(Checkpoint, DamagedConfigsAreNamedWithTheirPath) {
  EXPECT_THAT(ConfigFailure(""), HasSubstr("dir/config.json: the file is empty"));
  EXPECT_THAT(ConfigFailure("{"), HasSubstr("dir/config.json: byte 1: not JSON"));
  EXPECT_THAT(ConfigFailure("[]"), HasSubstr("no JSON object"));
  EXPECT_THAT(ConfigFailure("{}"), HasSubstr("/model_type: missing"));
  EXPECT_THAT(ConfigFailure(R"({"a": 1, "a": 2})"), HasSubstr("key \"a\" stands twice"));
  EXPECT_THAT(ConfigFailure("{\"a\":" + std::string(100'000, '[')), HasSubstr("nested deeper"));
  EXPECT_THAT(ConfigFailure(R"({"model_type": "llama"})"),
              HasSubstr("/num_hidden_layers: missing or no count from 1 to 4096"));
  EXPECT_THAT(ConfigFailure(R"({"model_type": "llama", "num_hidden_layers": 1e9})"),
              HasSubstr("/num_hidden_layers: missing or no count from 1 to 4096"));
  EXPECT_THAT(ConfigFailure(R"({"model_type": "llama", "num_hidden_layers": 2,
                                "layer_types": ["full_attention"]})"),
              HasSubstr("/layer_types: 1 items for 2 layers"));
  EXPECT_THAT(ConfigFailure(R"({"model_type": "llama", "num_hidden_layers": 1,
                                "layer_types": ["warp"]})"),
              HasSubstr("/layer_types/0: \"warp\" is no kind of layer"));
  EXPECT_THAT(ConfigFailure(R"({"model_type": "llama", "num_hidden_layers": 1,
                                "quantization_config": {"quant_method": "aqlm"}})"),
              HasSubstr("/quantization_config/quant_method: \"aqlm\" is not known"));
  EXPECT_THAT(ConfigFailure(R"({"model_type": "llama", "num_hidden_layers": 1,
                                "quantization": {"group_size": 64, "bits": 99}})"),
              HasSubstr("/quantization/bits: 1 to 8 would be right"));
  EXPECT_THAT(ConfigFailure(R"({"model_type": "mamba2", "num_hidden_layers": 1})"),
              HasSubstr("layer 0 is recurrent and the config does not say how large its state is"));
}

TEST(Checkpoint, MissingFilesAreNamed) {
  ImaginedFolder empty;
  EXPECT_THAT(Failure(empty), StartsWith("dir/config.json: missing"));
  ImaginedFolder bare;
  bare.Add("config.json", kTiny);
  EXPECT_THAT(Failure(bare), HasSubstr("dir: holds no *.safetensors"));
  bare.Add("pytorch_model-00001-of-00002.bin", "x");
  EXPECT_THAT(Failure(bare), HasSubstr("holds pytorch_model.bin, which is not read"));
  ImaginedFolder listed;
  listed.Add("config.json", kTiny).Add("model-00002-of-00003.safetensors", TinyTensors());
  EXPECT_THAT(Failure(listed),
              StartsWith("dir/model-00001-of-00003.safetensors: missing; the model "
                         "has 3 parts"));
  ImaginedFolder indexed;
  indexed.Add("config.json", kTiny)
      .Add("model.safetensors.index.json", R"({"weight_map": {"a": "gone.safetensors"}})");
  EXPECT_THAT(Failure(indexed), StartsWith("dir/gone.safetensors: missing"));
}

TEST(Checkpoint, IndexesThatLieAreNamed) {
  const auto failure = [](const std::string& index) {
    ImaginedFolder folder;
    folder.Add("config.json", kTiny).Add("a.safetensors", TinyTensors());
    folder.Add("model.safetensors.index.json", index);
    return Failure(folder);
  };
  EXPECT_THAT(failure("{}"), HasSubstr("/weight_map: missing or empty"));
  for (const char* name : {"../../etc/passwd", "/etc/passwd", "", ".hidden", "a/b.safetensors",
                           "\\u001b[31m.safetensors"}) {
    EXPECT_THAT(failure(absl::StrCat(R"({"weight_map": {"t": ")", name, "\"}}")),
                HasSubstr("/weight_map: a value that is no plain file name"))
        << name;
  }
  EXPECT_THAT(failure(R"({"weight_map": {"t": 1}})"), HasSubstr("no plain file name"));
  EXPECT_THAT(failure(R"({"weight_map": {"t": "a.safetensors"}})"),
              HasSubstr("a tensor that it places in a.safetensors is not there"));
}

TEST(Checkpoint, IndexWithAnotherTotalIsAWarning) {
  ImaginedFolder folder;
  folder.Add("config.json", kTiny).Add("a.safetensors", TinyTensors());
  folder.Add("model.safetensors.index.json", R"({"metadata": {"total_size": 7}, "weight_map": {
      "model.embed_tokens.weight": "a.safetensors",
      "model.layers.0.self_attn.k_proj.weight": "a.safetensors"}})");
  const auto facts = CheckpointFacts(folder);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_THAT(facts->warnings, Contains(HasSubstr("states 7 bytes in all; the files hold 320")));
}

TEST(Checkpoint, TensorsOfTwoShardsMustDiffer) {
  ImaginedFolder folder;
  folder.Add("config.json", kTiny).Add("a.safetensors", TinyTensors());
  folder.Add("b.safetensors", TinyTensors());
  EXPECT_THAT(Failure(folder), HasSubstr("dir/b.safetensors: holds a tensor that a.safetensors"));
}

// ---------------------------------------------------------------- configs against tensors

// Layers of attention whose projections make `keys` and `values` for a token.
SafetensorsWriter Attending(int layers, std::uint64_t queries, std::uint64_t keys,
                            std::uint64_t values) {
  SafetensorsWriter out;
  out.Tensor("model.embed_tokens.weight", "BF16", {16, 64});
  for (int i = 0; i < layers; ++i) {
    out.Tensor(Layer(i) + "self_attn.q_proj.weight", "BF16", {queries, 64});
    out.Tensor(Layer(i) + "self_attn.k_proj.weight", "BF16", {keys, 64});
    out.Tensor(Layer(i) + "self_attn.v_proj.weight", "BF16", {values, 64});
  }
  return out;
}

TEST(Checkpoint, ProjectionsAreBelievedBeforeHeadCounts) {
  const char kConfig[] = R"({"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 64,
      "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16})";
  const auto agreeing = Described(kConfig, Attending(2, 64, 32, 32));
  ASSERT_TRUE(agreeing.ok()) << agreeing.status();
  EXPECT_TRUE(agreeing->warnings.empty());
  const auto wider = Described(kConfig, Attending(2, 64, 64, 48));
  ASSERT_TRUE(wider.ok()) << wider.status();
  EXPECT_EQ(wider->model.kv_cache.global_bytes_per_token_bf16, 2 * 2 * (64 + 48));
  EXPECT_EQ(wider->model.architecture.kv_heads, 4);
  EXPECT_THAT(wider->warnings,
              Contains(HasSubstr("heads make 32 keys for a token and the projections of 2 layers "
                                 "make 64: the projections are believed")));
}

TEST(Checkpoint, PackedProjectionsAreBelieved) {
  // Words of 4 bits: rows stay rows, and AWQ's are turned round.
  SafetensorsWriter packed;
  packed.Tensor("model.embed_tokens.weight", "BF16", {16, 64});
  Mlx(4, 64).Matrix(packed, "model.layers.0.self_attn.k_proj", {64, 64});
  Mlx(4, 64).Matrix(packed, "model.layers.0.self_attn.v_proj", {64, 64});
  const std::string config = R"({"model_type": "llama", "num_hidden_layers": 1, "hidden_size": 64,
      "num_attention_heads": 4, "num_key_value_heads": 2, )";
  const auto as_mlx =
      Described(config + R"("quantization": {"group_size": 64, "bits": 4}})", packed);
  ASSERT_TRUE(as_mlx.ok()) << as_mlx.status();
  EXPECT_EQ(as_mlx->model.kv_cache.global_bytes_per_token_bf16, 2 * (64 + 64));
  SafetensorsWriter awq;
  awq.Tensor("model.embed_tokens.weight", "BF16", {16, 64});
  for (const char* name : {"k_proj", "v_proj"}) {
    const std::string module = Layer(0) + "self_attn." + name;
    awq.Tensor(module + ".qweight", "I32", {64, 8}).Tensor(module + ".scales", "F16", {2, 64});
  }
  const auto as_awq = Described(
      config + R"("quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 32}})",
      awq);
  ASSERT_TRUE(as_awq.ok()) << as_awq.status();
  EXPECT_EQ(as_awq->model.kv_cache.global_bytes_per_token_bf16, 2 * (64 + 64));
}

TEST(Checkpoint, RowsPackedInPairsStayRows) {
  // ModelOpt's 4-bit integers: a byte holds a weight of each of two rows.
  SafetensorsWriter tensors;
  tensors.Tensor("model.embed_tokens.weight", "BF16", {16, 64});
  for (const char* name : {"k_proj", "v_proj"}) {
    const std::string module = Layer(0) + "self_attn." + name;
    tensors.Tensor(module + ".weight", "U8", {16, 64});
    tensors.Tensor(module + ".weight_scale", "BF16", {32, 1});
  }
  const auto d = Described(R"({"model_type": "llama", "num_hidden_layers": 1, "hidden_size": 64,
      "num_attention_heads": 4, "num_key_value_heads": 2, "quantization_config": {
      "quant_method": "modelopt", "quant_algo": "W4A16_AWQ"}})",
                           tensors);
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_TRUE(d->warnings.empty());
  EXPECT_EQ(d->model.kv_cache.global_bytes_per_token_bf16, 2 * (32 + 32));
  EXPECT_EQ(d->Of(TensorClass::kAttention).parameters, 2 * 32 * 64);
}

TEST(Checkpoint, WidthThatTheConfigLeavesOutIsTheEmbeddings) {
  const auto d = Described(R"({"model_type": "llama", "num_hidden_layers": 1,
      "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16})",
                           Attending(1, 64, 32, 32));
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_EQ(d->model.architecture.hidden_size, 64);
}

TEST(Checkpoint, FusedProjectionsAreBelieved) {
  const char kConfig[] = R"({"model_type": "gpt_neox", "num_hidden_layers": 1, "hidden_size": 64,
      "num_attention_heads": 4})";
  const auto with = [&](std::uint64_t rows) {
    SafetensorsWriter out;
    out.Tensor("gpt_neox.embed_in.weight", "BF16", {16, 64});
    out.Tensor("gpt_neox.layers.0.attention.query_key_value.weight", "BF16", {rows, 64});
    return Described(kConfig, out);
  };
  const auto agreeing = with(192);
  ASSERT_TRUE(agreeing.ok()) << agreeing.status();
  EXPECT_EQ(agreeing->model.kv_cache.global_bytes_per_token_bf16, 2 * 2 * 64);
  EXPECT_TRUE(agreeing->warnings.empty());
  const auto fewer = with(64 + 2 * 16);
  ASSERT_TRUE(fewer.ok()) << fewer.status();
  EXPECT_EQ(fewer->model.kv_cache.global_bytes_per_token_bf16, 2 * 2 * 16);
  EXPECT_EQ(fewer->model.architecture.kv_heads, 1);
  // What no count of heads explains leaves the config's.
  EXPECT_EQ(with(70)->model.kv_cache.global_bytes_per_token_bf16, 2 * 2 * 64);
}

TEST(Checkpoint, WindowsStayWhereOnlyTheTensorsTellTheWidth) {
  const auto d = Described(R"({"model_type": "novel", "num_hidden_layers": 2, "hidden_size": 64,
      "sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"]})",
                           Attending(2, 64, 32, 32));
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_EQ(d->model.kv_cache.window_bytes_per_token_bf16, 2 * 64);
  EXPECT_EQ(d->model.kv_cache.global_bytes_per_token_bf16, 2 * 64);
}

TEST(Checkpoint, LayersThatTheFilesLackAreNamed) {
  const auto with = [](int stated, const std::string& more) {
    return Described(absl::StrCat(R"({"model_type": "llama", "hidden_size": 64,
        "num_attention_heads": 4, "num_hidden_layers": )",
                                  stated, more, "}"),
                     Attending(2, 64, 64, 64));
  };
  EXPECT_TRUE(with(2, "").ok());
  EXPECT_THAT(std::string(with(4'000, "").status().message()),
              HasSubstr("/num_hidden_layers: 4000 and the files hold no tensor of layer 2"));
  const auto fewer = with(1, "");
  ASSERT_TRUE(fewer.ok()) << fewer.status();
  EXPECT_THAT(fewer->warnings, Contains(HasSubstr("num_hidden_layers is 1 and the files hold 2")));
  EXPECT_TRUE(with(1, R"(, "num_nextn_predict_layers": 1)")->warnings.empty());
}

TEST(Checkpoint, RecurrentTensorsOfUnknownArchitecturesAreSaidToBe) {
  SafetensorsWriter out = Attending(1, 64, 32, 32);
  out.Tensor("model.layers.1.mamba.in_proj.weight", "BF16", {128, 64});
  const auto d = Described(R"({"model_type": "novel", "num_hidden_layers": 2, "hidden_size": 64,
      "num_attention_heads": 4, "num_key_value_heads": 2})",
                           out);
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_EQ(d->model.kv_cache.global_bytes_per_token_bf16, 2 * 64) << "one layer attends";
  EXPECT_THAT(d->warnings, Contains(HasSubstr("1 layer keeps a recurrent state whose size is not "
                                              "known")));
}

TEST(Checkpoint, LayersOfUnknownNamesAreSaidToBe) {
  SafetensorsWriter out = Attending(1, 64, 32, 32);
  out.Tensor("model.layers.1.novelty.weight", "BF16", {128, 64});
  const char kConfig[] = R"({"model_type": "novel", "num_hidden_layers": 2, "hidden_size": 64})";
  const auto d = Described(kConfig, out);
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_THAT(d->warnings,
              Contains(HasSubstr("1 layer has no projection of keys by a known name")));
  SafetensorsWriter none;
  none.Tensor("model.embed_tokens.weight", "BF16", {16, 64});
  none.Tensor("model.layers.0.novelty.weight", "BF16", {128, 64});
  none.Tensor("model.layers.1.novelty.weight", "BF16", {128, 64});
  EXPECT_THAT(std::string(Described(kConfig, none).status().message()),
              HasSubstr("/num_key_value_heads: missing or 0, and no k_proj of layer 0"));
}

TEST(Checkpoint, NumbersThatJsonHasNotAreRead) {
  std::string config = kTiny;
  config.insert(1, R"("time_step_limit": [0.0, Infinity], "x": NaN, )");
  EXPECT_TRUE(Described(config, TinyTensors()).ok());
}

// ---------------------------------------------------------------- packed as the tensors show

TEST(Checkpoint, ModelOptsOwnConfigIsRead) {
  const std::string up = "model.layers.0.mlp.up_proj.";
  SafetensorsWriter tensors = TinyTensors();
  tensors.Tensor(up + "weight", "U8", {1'024, 128});
  tensors.Tensor(up + "weight_scale", "F8_E4M3", {1'024, 16}).Tensor(up + "input_scale", "F32", {});
  ImaginedFolder folder;
  folder.Add("config.json", kTiny).Add("model.safetensors", tensors);
  folder.Add("hf_quant_config.json", R"({"producer": {"name": "modelopt"},
      "quantization": {"quant_algo": "NVFP4", "group_size": 16}})");
  auto facts = CheckpointFacts(folder);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->quant_id, "nvfp4");
  EXPECT_EQ(facts->engines, std::vector<catalog::Engine>{catalog::Engine::kVllm});
  const auto d = Compose(*std::move(facts), "dir", "x", testing::Shipped());
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_EQ(d->Of(TensorClass::kMlp).parameters, 1'024 * 256);
  folder.Add("hf_quant_config.json", R"({"quantization": {"quant_algo": "W2A2"}})");
  EXPECT_THAT(Failure(folder), HasSubstr("dir/hf_quant_config.json: /quantization/quant_algo: "
                                         "\"W2A2\" is not known"));
  folder.Add("hf_quant_config.json", "[");
  EXPECT_THAT(Failure(folder), HasSubstr("dir/hf_quant_config.json: byte 1: not JSON"));
}

TEST(Checkpoint, BytesWithScalesAreNeverPlainNumbers) {
  const std::string up = "model.layers.0.mlp.up_proj.";
  const auto with = [&](const char* type, const std::vector<std::uint64_t>& scales) {
    SafetensorsWriter tensors = TinyTensors();
    tensors.Tensor(up + "weight", "U8", {256, 128}).Tensor(up + "weight_scale", type, scales);
    return Described(kTiny, tensors);
  };
  const auto nvfp4 = with("F8_E4M3", {256, 16});
  ASSERT_TRUE(nvfp4.ok()) << nvfp4.status();
  EXPECT_EQ(nvfp4->Of(TensorClass::kMlp).parameters, 256 * 256);
  EXPECT_EQ(nvfp4->quant.id, "nvfp4");
  EXPECT_EQ(with("F8_E8M0", {256, 8})->quant.id, "mxfp4");
  EXPECT_THAT(std::string(with("F32", {}).status().message()),
              HasSubstr("up_proj.weight\": its bytes have no scales for groups"));
  SafetensorsWriter words = TinyTensors();
  words.Tensor(up + "weight", "U32", {256, 32}).Tensor(up + "scales", "BF16", {256, 4});
  EXPECT_THAT(std::string(Described(kTiny, words).status().message()),
              HasSubstr("its words are packed and config.json has no quantization block"));
}

TEST(Checkpoint, SeveralGroupsAreCountedByTheirShapes) {
  const std::string layer = "model.layers.0.";
  const char kGroups[] = R"({"quant_method": "compressed-tensors", "format": "mixed-precision",
      "config_groups": {
        "group_0": {"format": "float-quantized", "targets": ["re:.*mlp.*"],
                    "weights": {"num_bits": 8, "type": "float"}},
        "group_1": {"format": "pack-quantized", "targets": ["re:.*self_attn\\..*_proj$"],
                    "weights": {"num_bits": 4, "group_size": 128, "type": "int"}},
        "group_2": {"format": "pack-quantized", "targets": ["model.layers.0.self_attn.o_proj"],
                    "weights": {"num_bits": 8, "group_size": 64, "type": "int"}}}})";
  SafetensorsWriter tensors;
  tensors.Tensor(layer + "mlp.up_proj.weight", "F8_E4M3", {1'024, 256});
  tensors.Tensor(layer + "mlp.up_proj.weight_scale", "BF16", {1'024, 1});
  tensors.Tensor(layer + "self_attn.q_proj.weight_packed", "I32", {256, 32});
  tensors.Tensor(layer + "self_attn.q_proj.weight_scale", "BF16", {256, 2});
  // 8 bits in groups of 64 have as many words for a scale as 4 in groups of 128: the name decides.
  tensors.Tensor(layer + "self_attn.o_proj.weight_packed", "I32", {256, 64});
  tensors.Tensor(layer + "self_attn.o_proj.weight_scale", "BF16", {256, 4});
  const auto d = WithFormat(kGroups, tensors);
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_EQ(d->Of(TensorClass::kMlp).parameters, 1'024 * 256);
  EXPECT_EQ(d->Of(TensorClass::kAttention).parameters, 2 * 256 * 256);
  EXPECT_EQ(d->quantization, "compressed-tensors, mixed: FP8, int4 g128, int8 g64");
  EXPECT_EQ(d->model.own_file->engines, std::vector<catalog::Engine>{catalog::Engine::kVllm});
}

TEST(Checkpoint, UnknownArchitectureIsPlannedFromItsProjections) {
  SafetensorsWriter out = TinyTensors();
  out.Tensor("model.layers.0.self_attn.v_proj.weight", "BF16", {6, 8});
  const auto d =
      Described(R"({"model_type": "novel", "num_hidden_layers": 1, "hidden_size": 8})", out);
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_FALSE(d->known_architecture);
  EXPECT_EQ(d->model.kv_cache.layers[0].key_cells_per_token, 4);
  EXPECT_EQ(d->model.kv_cache.layers[0].value_cells_per_token, 6);
  EXPECT_THAT(d->warnings, Contains(HasSubstr("architecture \"novel\" is not known")));
}

}  // namespace
}  // namespace capacity::modelfile
