// What config.json says: Hugging Face's, and MLX's with its quantization block.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/catalog/catalog.h"
#include "planner/modelfile/json.h"

namespace capacity::modelfile {

// How the weights of a checkpoint are packed.
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
};

struct GroupBits {
  int bits = 0;
  int group = 0;
  std::string mode;  // of MLX: "affine", "mxfp4", "mxfp8", "nvfp4"
};

struct QuantScheme {
  Packing packing = Packing::kPlain;
  std::string method;  // as the file calls it: "awq", "compressed-tensors"; "" when plain
  GroupBits usual;
  std::map<std::string, GroupBits, std::less<>> overrides;  // of MLX, by module
  bool block_scales = false;                                // FP8 with one scale per block
  std::string number_type;  // of what is not packed: "bfloat16", "float16", "float32"
};

// The text decoder's part of a config.
struct Config {
  std::string architecture;  // "Qwen3MoeForCausalLM"
  std::string model_type;    // "qwen3_moe"
  bool known = false;        // the kinds of its layers' caches are known
  std::string name;          // _name_or_path; may be empty
  std::optional<std::int64_t> max_context;
  std::optional<int> vocab;
  QuantScheme quant;
  catalog::Architecture shape;
  std::vector<catalog::LayerCache> cache;  // empty: to be taken from the tensors
  std::vector<std::string> warnings;
};

// InvalidArgument: "FILE: /json/path: what; what would be right".
absl::StatusOr<Config> ReadConfig(const JsonValue& root, const std::string& file);

}  // namespace capacity::modelfile
