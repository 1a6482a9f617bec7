// How the weights of a checkpoint are packed: what its configs say, and what its tensors show.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "planner/modelfile/json.h"
#include "planner/modelfile/safetensors.h"

namespace capacity::modelfile {

enum class Packing {
  kPlain,         // one number of the tensor's own type for each weight
  kMlx,           // words of packed integers, with scales and, unless floating, biases
  kFp8,           // 8-bit floats with scales
  kAwq,           // 32-bit words of packed integers: AWQ, GPTQ
  kPacked,        // the same in compressed-tensors' layout
  kNvfp4,         // two 4-bit floats in a byte, one 8-bit scale for 16
  kMxfp4,         // two 4-bit floats in a byte, one 8-bit scale for 32
  kBitsAndBytes,  // two 4-bit codes in a byte, or 8-bit integers
  kInt8,
  kMixed,  // several of these, each tensor as its own type and scales show
};

struct GroupBits {
  int bits = 0;
  int group = 0;     // weights that share a scale; 0: a row of them, or all
  std::string mode;  // of MLX: "affine", "mxfp4", "mxfp8", "nvfp4"

  friend bool operator==(const GroupBits&, const GroupBits&) = default;
};

// One of compressed-tensors' groups of modules.
struct ModuleGroup {
  GroupBits bits;
  std::vector<std::string> targets;  // names, classes ("Linear") or "re:" with an expression
};

struct QuantScheme {
  Packing packing = Packing::kPlain;
  std::string method;  // as the file calls it: "awq", "compressed-tensors"; "" when plain
  GroupBits usual;
  std::map<std::string, GroupBits, std::less<>> overrides;  // of MLX, by module
  std::vector<ModuleGroup> groups;                          // of compressed-tensors
  bool block_scales = false;                                // FP8 with one scale per block
  std::string number_type;  // of what is not packed: "bfloat16", "float16", "float32"
};

// What config.json says; `text` is the text decoder's part of `root`. InvalidArgument:
// "FILE: /json/path: what; what would be right".
absl::StatusOr<QuantScheme> ReadQuantScheme(const JsonValue& root, const JsonValue& text,
                                            const std::string& file);
// What ModelOpt's hf_quant_config.json says, for a scheme that config.json left plain.
absl::Status ReadModelOptConfig(const JsonValue& root, const std::string& file,
                                QuantScheme& scheme);

// How many weights a tensor holds, and what their type is called.
struct Weights {
  double parameters = 0;
  std::string type;
};

// A name in its module and what stands there: "model.layers.3.mlp.up_proj", "weight_scale_inv".
struct Named {
  std::string_view module;
  std::string_view leaf;
};
Named SplitName(std::string_view name);

// Whether the tensor stands beside packed weights and counts as no weight itself.
bool IsCompanion(std::string_view leaf);
// Whether it holds a scale for each group, row or block of them.
bool IsScale(std::string_view leaf);

// Counts the weights of packed tensors. `scale`: the scales that stand beside the tensor, null
// without; where both shapes fix the bits of a word they are believed before the config.
class Packer {
 public:
  explicit Packer(const QuantScheme& scheme) : scheme_(scheme) {}

  // InvalidArgument when the tensor is packed and nothing says how: "what; what would be right".
  absl::StatusOr<Weights> Of(const SafetensorsTensor& tensor, bool has_companions,
                             const SafetensorsTensor* scale) const;

 private:
  GroupBits GroupOf(const Named& named, const SafetensorsTensor& words,
                    const SafetensorsTensor* scale) const;
  absl::StatusOr<Weights> Words32(const Named& named, const SafetensorsTensor& words,
                                  const SafetensorsTensor* scale) const;
  absl::StatusOr<Weights> Halves(const SafetensorsTensor& bytes,
                                 const SafetensorsTensor* scale) const;

  const QuantScheme& scheme_;
};

}  // namespace capacity::modelfile
