#include "planner/modelfile/tensor_class.h"

#include <string>

#include "gtest/gtest.h"

namespace capacity::modelfile {
namespace {

struct Case {
  const char* name;
  TensorClass kind;
  int layer;
};

TEST(TensorClass, OfGgufNames) {
  const Case cases[] = {
      {"token_embd.weight", TensorClass::kEmbedding, -1},
      {"token_embd_norm.weight", TensorClass::kNorm, -1},
      {"per_layer_token_embd.weight", TensorClass::kLookup, -1},
      {"output.weight", TensorClass::kHead, -1},
      {"output_norm.weight", TensorClass::kNorm, -1},
      {"rope_freqs.weight", TensorClass::kOther, -1},
      {"blk.0.attn_norm.weight", TensorClass::kNorm, 0},
      {"blk.7.attn_q.weight", TensorClass::kAttention, 7},
      {"blk.7.attn_q_norm.weight", TensorClass::kAttention, 7},
      {"blk.7.attn_k.bias", TensorClass::kAttention, 7},
      {"blk.12.attn_sinks.weight", TensorClass::kAttention, 12},
      {"blk.12.attn_kv_a_mqa.weight", TensorClass::kAttention, 12},
      {"blk.12.indexer.attn_k.weight", TensorClass::kAttention, 12},
      {"blk.3.ffn_up.weight", TensorClass::kMlp, 3},
      {"blk.3.ffn_norm.weight", TensorClass::kNorm, 3},
      {"blk.3.post_ffw_norm.weight", TensorClass::kNorm, 3},
      {"blk.3.ffn_gate_inp.weight", TensorClass::kRouter, 3},
      {"blk.3.ffn_gate_inp_shexp.weight", TensorClass::kRouter, 3},
      {"blk.3.exp_probs_b.bias", TensorClass::kRouter, 3},
      {"blk.3.ffn_gate_exps.weight", TensorClass::kExperts, 3},
      {"blk.3.ffn_down_exps.bias", TensorClass::kExperts, 3},
      {"blk.3.ffn_gate_up_exps.weight", TensorClass::kExperts, 3},
      {"blk.3.ffn_up_shexp.weight", TensorClass::kSharedExpert, 3},
      {"blk.5.ssm_in.weight", TensorClass::kRecurrent, 5},
      {"blk.5.ssm_a", TensorClass::kRecurrent, 5},
      {"blk.5.time_mix_key.weight", TensorClass::kRecurrent, 5},
      {"blk.5.channel_mix_key.weight", TensorClass::kMlp, 5},
      {"blk.5.shortconv.conv.weight", TensorClass::kRecurrent, 5},
      {"blk.46.nextn.eh_proj.weight", TensorClass::kMtp, 46},
      {"v.blk.0.attn_q.weight", TensorClass::kTower, -1},
      {"mm.0.weight", TensorClass::kTower, -1},
  };
  for (const Case& expected : cases) {
    const ClassifiedTensor seen = ClassifyGguf(expected.name);
    EXPECT_EQ(std::string(Name(seen.kind)), Name(expected.kind)) << expected.name;
    EXPECT_EQ(seen.layer, expected.layer) << expected.name;
    EXPECT_TRUE(seen.known) << expected.name;
  }
}

TEST(TensorClass, OfHuggingFaceNames) {
  const Case cases[] = {
      {"model.embed_tokens.weight", TensorClass::kEmbedding, -1},
      {"language_model.model.embed_tokens.weight", TensorClass::kEmbedding, -1},
      {"model.language_model.embed_tokens.weight", TensorClass::kEmbedding, -1},
      {"backbone.embeddings.weight", TensorClass::kEmbedding, -1},
      {"transformer.wte.weight", TensorClass::kEmbedding, -1},
      {"model.language_model.embed_tokens_per_layer.weight", TensorClass::kLookup, -1},
      {"lm_head.weight", TensorClass::kHead, -1},
      {"language_model.lm_head.weight", TensorClass::kHead, -1},
      {"model.norm.weight", TensorClass::kNorm, -1},
      {"backbone.norm_f.weight", TensorClass::kNorm, -1},
      {"model.layers.0.self_attn.q_proj.weight", TensorClass::kAttention, 0},
      {"model.layers.0.self_attn.k_proj.bias", TensorClass::kAttention, 0},
      {"model.layers.3.self_attn.kv_a_proj_with_mqa.weight_scale_inv", TensorClass::kAttention, 3},
      {"model.layers.3.self_attn.indexer.wk.weight", TensorClass::kAttention, 3},
      {"model.layers.3.self_attn.sinks", TensorClass::kAttention, 3},
      {"model.layers.11.mlp.gate_proj.weight", TensorClass::kMlp, 11},
      {"model.layers.11.mlp.gate_up_proj.weight", TensorClass::kMlp, 11},
      {"model.layers.11.feed_forward.w1.weight", TensorClass::kMlp, 11},
      {"model.layers.11.mlp.experts.127.up_proj.weight", TensorClass::kExperts, 11},
      {"model.layers.11.mlp.experts.gate_up_proj_blocks", TensorClass::kExperts, 11},
      {"model.layers.11.mlp.switch_mlp.gate_proj.scales", TensorClass::kExperts, 11},
      {"model.layers.11.block_sparse_moe.experts.0.w1.weight", TensorClass::kExperts, 11},
      {"model.layers.11.block_sparse_moe.input_linear.weight", TensorClass::kExperts, 11},
      {"model.layers.11.feed_forward.experts.down_proj", TensorClass::kExperts, 11},
      {"model.layers.11.mlp.gate.weight", TensorClass::kRouter, 11},
      {"model.layers.11.mlp.gate.e_score_correction_bias", TensorClass::kRouter, 11},
      {"model.layers.11.block_sparse_moe.gate.weight", TensorClass::kRouter, 11},
      {"model.layers.11.block_sparse_moe.router.layer.weight", TensorClass::kRouter, 11},
      {"model.layers.11.feed_forward.router.weight", TensorClass::kRouter, 11},
      {"model.layers.11.mlp.router.weight", TensorClass::kRouter, 11},
      {"model.layers.11.mlp.shared_experts.up_proj.weight", TensorClass::kSharedExpert, 11},
      {"model.layers.11.mlp.shared_expert.up_proj.weight", TensorClass::kSharedExpert, 11},
      {"model.layers.11.shared_mlp.input_linear.weight", TensorClass::kSharedExpert, 11},
      {"model.layers.11.mlp.shared_expert_gate.weight", TensorClass::kRouter, 11},
      {"model.layers.11.input_layernorm.weight", TensorClass::kNorm, 11},
      {"model.layers.11.pre_feedforward_layernorm.weight", TensorClass::kNorm, 11},
      {"model.layers.2.linear_attn.in_proj_qkvz.weight", TensorClass::kRecurrent, 2},
      {"model.layers.2.linear_attn.A_log", TensorClass::kRecurrent, 2},
      {"model.layers.2.mamba.in_proj.weight", TensorClass::kRecurrent, 2},
      {"backbone.layers.2.mixer.in_proj.weight", TensorClass::kRecurrent, 2},
      {"backbone.layers.2.mixer.conv1d.bias", TensorClass::kRecurrent, 2},
      {"backbone.layers.2.mixer.q_proj.weight", TensorClass::kAttention, 2},
      {"backbone.layers.2.mixer.up_proj.weight", TensorClass::kMlp, 2},
      {"backbone.layers.2.mixer.experts.5.down_proj.weight", TensorClass::kExperts, 2},
      {"backbone.layers.2.mixer.shared_experts.down_proj.weight", TensorClass::kSharedExpert, 2},
      {"backbone.layers.2.mixer.gate.weight", TensorClass::kRouter, 2},
      {"model.layers.61.eh_proj.weight", TensorClass::kMtp, 61},
      {"mtp.layers.0.self_attn.q_proj.weight", TensorClass::kMtp, -1},
      {"visual.blocks.0.attn.qkv.weight", TensorClass::kTower, -1},
      {"model.vision_tower.encoder.layers.0.mlp.fc1.weight", TensorClass::kTower, -1},
      {"vision_tower.vision_model.embeddings.patch_embedding.weight", TensorClass::kTower, -1},
      {"transformer.encoder.layers.3.self_attention.query_key_value.weight",
       TensorClass::kAttention, 3},
      {"transformer.embedding.word_embeddings.weight", TensorClass::kEmbedding, -1},
      {"transformer.rotary_pos_emb.inv_freq", TensorClass::kOther, -1},
      {"thinker.model.layers.3.mlp.up_proj.weight", TensorClass::kMlp, 3},
      {"talker.model.layers.3.mlp.up_proj.weight", TensorClass::kTower, -1},
      {"llm.model.layers.3.self_attn.q_proj.weight", TensorClass::kAttention, 3},
      {"vpm.encoder.layers.3.self_attn.q_proj.weight", TensorClass::kTower, -1},
      {"language.model.layers.3.mlp.up_proj.weight", TensorClass::kMlp, 3},
      {"transformer.blocks.3.norm_attn_norm.attn.Wqkv.weight", TensorClass::kAttention, 3},
      {"transformer.blocks.3.norm_attn_norm.norm_1.weight", TensorClass::kNorm, 3},
      {"transformer.blocks.3.ffn.experts.mlp.v1", TensorClass::kExperts, 3},
      {"transformer.blocks.3.ffn.router.layer.weight", TensorClass::kRouter, 3},
      {"rwkv.blocks.3.attention.receptance.weight", TensorClass::kRecurrent, 3},
      {"model.layers.2.temporal_block.k_proj.weight", TensorClass::kAttention, 2},
      {"model.layers.1.temporal_block.linear_x.weight", TensorClass::kRecurrent, 1},
      {"word_embeddings_layernorm.weight", TensorClass::kNorm, -1},
      {"model.decoder.layers.3.fc1.weight", TensorClass::kMlp, 3},
      {"model.decoder.embed_positions.weight", TensorClass::kLookup, -1},
      {"multi_modal_projector.mm_input_projection_weight", TensorClass::kTower, -1},
  };
  for (const Case& expected : cases) {
    const ClassifiedTensor seen = ClassifyHuggingFace(expected.name);
    EXPECT_EQ(std::string(Name(seen.kind)), Name(expected.kind)) << expected.name;
    EXPECT_EQ(seen.layer, expected.layer) << expected.name;
    EXPECT_TRUE(seen.known) << expected.name;
  }
}

TEST(TensorClass, OfNamesThatNoRuleKnows) {
  EXPECT_FALSE(ClassifyGguf("blk.0.flux_capacitor.weight").known);
  EXPECT_EQ(ClassifyGguf("blk.0.flux_capacitor.weight").layer, 0);
  EXPECT_FALSE(ClassifyGguf("").known);
  EXPECT_FALSE(ClassifyGguf("blk.99999999999999999999.attn_q.weight").known);
  EXPECT_FALSE(ClassifyGguf("blk.-1.attn_q.weight").known);
  EXPECT_FALSE(ClassifyHuggingFace("model.layers.4.flux_capacitor.weight").known);
  EXPECT_EQ(ClassifyHuggingFace("model.layers.4.flux_capacitor.weight").layer, 4);
}

}  // namespace
}  // namespace capacity::modelfile
