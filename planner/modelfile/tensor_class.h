// What a tensor is for, from its name.
#pragma once

#include <string_view>

namespace capacity::modelfile {

enum class TensorClass {
  kEmbedding,     // input: one row per token of the vocabulary
  kHead,          // output projection to the vocabulary
  kExperts,       // routed experts
  kSharedExpert,  // an expert that every token passes
  kMlp,           // dense feed-forward
  kAttention,     // projections, their biases, norms of heads, indexers
  kRecurrent,     // state-space and linear-attention mixers
  kRouter,        // which experts a token goes to
  kNorm,
  kLookup,  // tables of which a token reads one row, beside the embedding (Gemma 3n)
  kOther,   // of the text decoder, none of the above
  kMtp,     // blocks that predict further tokens; not loaded for plain decoding
  kTower,   // vision and audio encoders, projectors
};
const char* Name(TensorClass kind);  // "embedding", "head", "experts", ...
inline constexpr int kTensorClasses = 13;

struct ClassifiedTensor {
  TensorClass kind = TensorClass::kOther;
  int layer = -1;      // of the text decoder, from 0; -1: not in a layer
  bool known = false;  // false: no rule knows the name
};

// "blk.3.ffn_gate_exps.weight" and its kind.
ClassifiedTensor ClassifyGguf(std::string_view name);
// "model.layers.3.mlp.experts.7.down_proj.weight" and its kind.
ClassifiedTensor ClassifyHuggingFace(std::string_view name);

}  // namespace capacity::modelfile
