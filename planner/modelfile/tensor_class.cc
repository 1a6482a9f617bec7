#include "planner/modelfile/tensor_class.h"

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"

namespace capacity::modelfile {
namespace {

using Kind = TensorClass;

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}
bool EndsWith(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}
bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

template <std::size_t N>
bool StartsWithAny(std::string_view text, const std::string_view (&prefixes)[N]) {
  for (std::string_view prefix : prefixes) {
    if (StartsWith(text, prefix)) return true;
  }
  return false;
}
template <std::size_t N>
bool ContainsAny(std::string_view text, const std::string_view (&parts)[N]) {
  for (std::string_view part : parts) {
    if (Contains(text, part)) return true;
  }
  return false;
}

constexpr int kMostLayers = 100'000;

// Takes "12." off the front; nullopt when no number of a layer stands there.
std::optional<int> TakeLayer(std::string_view& text) {
  int number = 0;
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
    number = number * 10 + (text[digits] - '0');
    if (number >= kMostLayers) return std::nullopt;
    ++digits;
  }
  if (digits == 0 || digits >= text.size() || text[digits] != '.') return std::nullopt;
  text.remove_prefix(digits + 1);
  return number;
}

ClassifiedTensor Known(Kind kind, int layer = -1) { return {kind, layer, true}; }

struct Rule {
  std::string_view prefix;
  Kind kind;
};

template <std::size_t N>
std::optional<Kind> FirstOf(const Rule (&rules)[N], std::string_view text) {
  for (const Rule& rule : rules) {
    if (StartsWith(text, rule.prefix)) return rule.kind;
  }
  return std::nullopt;
}

// ---------------------------------------------------------------- GGUF

// Names from gguf-py 0.19 (constants.py), the more special before the more general.
constexpr Rule kGgufWhole[] = {
    {"token_embd_norm", Kind::kNorm},
    {"token_embd", Kind::kEmbedding},
    {"per_layer_token_embd", Kind::kLookup},
    {"per_layer_model_proj", Kind::kOther},
    {"per_layer_proj_norm", Kind::kNorm},
    {"position_embd", Kind::kLookup},
    {"token_types", Kind::kLookup},
    {"output_norm", Kind::kNorm},
    {"output_hc_", Kind::kOther},
    {"output_res_score", Kind::kOther},
    {"output.", Kind::kHead},
    {"rope_freqs", Kind::kOther},
    {"rope_factors_", Kind::kOther},
    {"altup_", Kind::kOther},
    {"nextn.", Kind::kMtp},
    {"mtp.", Kind::kMtp},
    {"v.", Kind::kTower},
    {"a.", Kind::kTower},
    {"mm.", Kind::kTower},
    {"resampler.", Kind::kTower},
};
constexpr Rule kGgufInLayer[] = {
    {"attn_norm", Kind::kNorm},
    {"attn_post_norm", Kind::kNorm},
    {"attn_sub_norm", Kind::kNorm},
    {"attn_", Kind::kAttention},
    {"indexer", Kind::kAttention},
    {"post_attention_norm", Kind::kNorm},
    {"ffn_gate_inp", Kind::kRouter},
    {"exp_probs_b", Kind::kRouter},
    {"ffn_gate_tid2eid", Kind::kRouter},
    {"ffn_exp_probs", Kind::kRouter},
    {"ffn_latent_", Kind::kMlp},
    {"ffn_routed_norm", Kind::kNorm},
    {"ffn_routed_", Kind::kMlp},
    {"ffn_norm", Kind::kNorm},
    {"ffn_sub_norm", Kind::kNorm},
    {"ffn_post_norm", Kind::kNorm},
    {"ffn_res_score", Kind::kOther},
    {"ffn_", Kind::kMlp},
    {"ffn.", Kind::kMlp},
    {"post_ffw_norm", Kind::kNorm},
    {"pre_ffw_norm", Kind::kNorm},
    {"post_norm", Kind::kNorm},
    {"layer_output_norm", Kind::kNorm},
    {"layer_output_scale", Kind::kNorm},
    {"ssm_", Kind::kRecurrent},
    {"time_mix_", Kind::kRecurrent},
    {"shortconv.", Kind::kRecurrent},
    {"channel_mix_", Kind::kMlp},
    {"nextn.", Kind::kMtp},
    {"vis_", Kind::kTower},
    {"inp_gate", Kind::kOther},
    {"proj.", Kind::kOther},
    {"altup_", Kind::kOther},
    {"laurel_", Kind::kOther},
    {"hc_", Kind::kOther},
    {"ple_", Kind::kOther},
    {"rope_", Kind::kOther},
};

// ---------------------------------------------------------------- Hugging Face

constexpr std::string_view kTowers[] = {
    "vision",
    "visual",
    "audio_tower",
    "embed_audio",
    "multi_modal_projector",
    "mm_proj",
    "vit.",
    "image_newline",
    "patch_merger",
    "speech",
    "mlp1.",
    "sound",
    "audio_encoder",
    "img_projector",
    "perceiver",
    "talker.",
    "tts.",
    "token2wav.",
    "code2wav.",
    "vpm.",
    "apm.",
    "aligner",
    "resampler",
    "audio_projection_layer",
    "projector.",
    "gen_",
    "sam_model",
    "view_seperator",
};
// What models put before the text decoder's own names.
constexpr std::string_view kPrefixes[] = {
    "transformer.encoder.", "language_model.", "model.", "transformer.", "backbone.", "gpt_neox.",
    "text_model.",          "decoder.",        "rwkv.",  "thinker.",     "llm.",      "language."};
constexpr std::string_view kLayerLists[] = {"layers.", "h.", "blocks.", "block.", "layer."};

constexpr Rule kHfWhole[] = {
    {"embed_tokens_per_layer", Kind::kLookup},
    {"embed_tokens", Kind::kEmbedding},
    {"embeddings.", Kind::kEmbedding},
    {"embedding.", Kind::kEmbedding},
    {"word_embeddings.", Kind::kEmbedding},
    {"word_embeddings_layernorm", Kind::kNorm},
    {"token_embeddings", Kind::kEmbedding},
    {"embed_positions", Kind::kLookup},
    {"tok_embeddings", Kind::kEmbedding},
    {"wte.", Kind::kEmbedding},
    {"embed_in.", Kind::kEmbedding},
    {"wpe.", Kind::kLookup},
    {"lm_head", Kind::kHead},
    {"embed_out.", Kind::kHead},
    {"output_layer", Kind::kHead},
    {"head.", Kind::kHead},
    {"output.", Kind::kHead},
    {"norm", Kind::kNorm},
    {"final_norm", Kind::kNorm},
    {"final_layernorm", Kind::kNorm},
    {"final_layer_norm", Kind::kNorm},
    {"ln_", Kind::kNorm},
    {"embedding_norm", Kind::kNorm},
    {"per_layer_model_projection", Kind::kOther},
    {"per_layer_projection_norm", Kind::kNorm},
    {"altup_", Kind::kOther},
    {"rotary_emb", Kind::kOther},
    {"rotary_pos_emb", Kind::kOther},
    {"project_in", Kind::kOther},
    {"project_out", Kind::kOther},
    {"mtp", Kind::kMtp},
};
constexpr Rule kHfInLayer[] = {
    // Experts and routers stand inside the block of the feed-forward.
    {"mlp.shared_expert_gate", Kind::kRouter},
    {"shared_expert_gate", Kind::kRouter},
    {"router", Kind::kRouter},
    {"gate.", Kind::kRouter},
    {"self_attn.rotary_emb", Kind::kOther},
    {"self_attn_layer_norm", Kind::kNorm},
    {"self_attn", Kind::kAttention},
    // RWKV-4 calls its mixer attention.
    {"attention.key.", Kind::kRecurrent},
    {"attention.value.", Kind::kRecurrent},
    {"attention.receptance.", Kind::kRecurrent},
    {"attention.time_", Kind::kRecurrent},
    {"attention.", Kind::kAttention},
    {"norm_attn_norm.attn.", Kind::kAttention},
    {"self_attention", Kind::kAttention},
    {"attn.", Kind::kAttention},
    {"linear_attn", Kind::kRecurrent},
    {"mamba", Kind::kRecurrent},
    {"ssm.", Kind::kRecurrent},
    {"conv.", Kind::kRecurrent},
    {"time_mix", Kind::kRecurrent},
    {"temporal_pre_norm", Kind::kNorm},
    {"channel_pre_norm", Kind::kNorm},
    {"shared_transformer.self_attn", Kind::kAttention},
    {"shared_transformer.feed_forward", Kind::kMlp},
    {"shared_transformer", Kind::kNorm},
    {"input_layernorm", Kind::kNorm},
    {"post_", Kind::kNorm},
    {"pre_", Kind::kNorm},
    {"norm", Kind::kNorm},
    {"ln", Kind::kNorm},
    {"operator_norm", Kind::kNorm},
    {"ffn_norm", Kind::kNorm},
    {"attention_norm", Kind::kNorm},
    {"enorm", Kind::kMtp},
    {"hnorm", Kind::kMtp},
    {"eh_proj", Kind::kMtp},
    {"shared_head", Kind::kMtp},
    {"embed_tokens", Kind::kMtp},
    {"mlp", Kind::kMlp},
    {"fc1.", Kind::kMlp},
    {"fc2.", Kind::kMlp},
    {"final_layer_norm", Kind::kNorm},
    {"linear.", Kind::kOther},
    {"feed_forward", Kind::kMlp},
    {"ffn", Kind::kMlp},
    {"block_sparse_moe", Kind::kMlp},
    {"shared_mlp", Kind::kMlp},
    {"channel_mix", Kind::kMlp},
    {"moe", Kind::kMlp},
    {"per_layer_", Kind::kOther},
    {"altup", Kind::kOther},
    {"laurel", Kind::kOther},
    {"layer_scalar", Kind::kNorm},
};
constexpr std::string_view kShared[] = {"shared_expert", "shared_mlp", "shared_moe"};
constexpr std::string_view kExperts[] = {".experts.", "switch_mlp",       "switch_glu",
                                         "experts.",  "moe.input_linear", "moe.output_linear",
                                         ".experts_"};
constexpr std::string_view kRouters[] = {".gate.",          ".gate_",      "router",
                                         "correction_bias", "expert_bias", "moe.gate"};

// A block named "mixer" (Nemotron-H) or "temporal_block" (RecurrentGemma) is a state space,
// attention or a feed-forward, as the names within it say.
Kind MixerKind(std::string_view inside) {
  constexpr std::string_view kAttention[] = {"q_proj", "k_proj",  "v_proj",
                                             "o_proj", "k_scale", "v_scale"};
  constexpr std::string_view kMlp[] = {"up_proj", "down_proj", "gate_proj", "fc1", "fc2"};
  if (StartsWith(inside, "gate.")) return Kind::kRouter;
  if (StartsWithAny(inside, kAttention)) return Kind::kAttention;
  return StartsWithAny(inside, kMlp) ? Kind::kMlp : Kind::kRecurrent;
}

std::optional<Kind> HfKindInLayer(std::string_view name) {
  if (ContainsAny(name, kShared)) {
    return Contains(name, "expert_gate") ? Kind::kRouter : Kind::kSharedExpert;
  }
  const bool feed_forward = !StartsWith(name, "self_attn") && !StartsWith(name, "linear_attn") &&
                            !StartsWith(name, "mamba");
  if (feed_forward && ContainsAny(name, kExperts)) return Kind::kExperts;
  for (std::string_view mixer : {"mixer.", "temporal_block."}) {
    if (StartsWith(name, mixer)) return MixerKind(name.substr(mixer.size()));
  }
  // "mlp.gate.weight" is a router, "mlp.gate_proj.weight" is not.
  if (feed_forward && ContainsAny(name, kRouters) && !Contains(name, "gate_proj") &&
      !Contains(name, "gate_up")) {
    return Kind::kRouter;
  }
  return FirstOf(kHfInLayer, name);
}

}  // namespace

const char* Name(TensorClass kind) {
  static constexpr std::array<std::pair<Kind, const char*>, kTensorClasses> kNames = {{
      {Kind::kEmbedding, "embedding"},
      {Kind::kHead, "head"},
      {Kind::kExperts, "experts"},
      {Kind::kSharedExpert, "shared-expert"},
      {Kind::kMlp, "mlp"},
      {Kind::kAttention, "attention"},
      {Kind::kRecurrent, "recurrent"},
      {Kind::kRouter, "router"},
      {Kind::kNorm, "norm"},
      {Kind::kLookup, "lookup"},
      {Kind::kOther, "other"},
      {Kind::kMtp, "mtp"},
      {Kind::kTower, "tower"},
  }};
  for (const auto& [candidate, name] : kNames) {
    if (candidate == kind) return name;
  }
  return "unknown";
}

ClassifiedTensor ClassifyGguf(std::string_view name) {
  constexpr std::string_view kBlock = "blk.";
  if (!StartsWith(name, kBlock)) {
    const std::optional<Kind> kind = FirstOf(kGgufWhole, name);
    return kind ? Known(*kind) : ClassifiedTensor{};
  }
  std::string_view rest = name.substr(kBlock.size());
  const std::optional<int> layer = TakeLayer(rest);
  if (!layer) return {};
  const std::string_view role = rest.substr(0, rest.find('.'));
  if (StartsWith(role, "ffn_gate_inp")) return Known(Kind::kRouter, *layer);
  if (EndsWith(role, "_shexp")) return Known(Kind::kSharedExpert, *layer);
  if (EndsWith(role, "exps")) return Known(Kind::kExperts, *layer);
  const std::optional<Kind> kind = FirstOf(kGgufInLayer, rest);
  return kind ? Known(*kind, *layer) : ClassifiedTensor{Kind::kOther, *layer, false};
}

ClassifiedTensor ClassifyHuggingFace(std::string_view name) {
  if (StartsWith(name, "mtp.") || Contains(name, ".mtp.")) return Known(Kind::kMtp);
  for (bool stripped = true; stripped;) {
    stripped = false;
    if (StartsWithAny(name, kTowers)) return Known(Kind::kTower);
    for (std::string_view prefix : kPrefixes) {
      if (!StartsWith(name, prefix)) continue;
      name.remove_prefix(prefix.size());
      stripped = true;
    }
  }
  for (std::string_view list : kLayerLists) {
    if (!StartsWith(name, list)) continue;
    std::string_view rest = name.substr(list.size());
    const std::optional<int> layer = TakeLayer(rest);
    if (!layer) continue;
    const std::optional<Kind> kind = HfKindInLayer(rest);
    return kind ? Known(*kind, *layer) : ClassifiedTensor{Kind::kOther, *layer, false};
  }
  const std::optional<Kind> kind = FirstOf(kHfWhole, name);
  return kind ? Known(*kind) : ClassifiedTensor{};
}

}  // namespace capacity::modelfile
