// What config.json says: Hugging Face's, and MLX's with its quantization block.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/catalog/catalog.h"
#include "planner/modelfile/json.h"
#include "planner/modelfile/quant_scheme.h"

namespace capacity::modelfile {

// What one layer keeps of a sequence.
struct LayerPlan {
  catalog::LayerCache cache;  // cells 0 where the layer attends and the config does not tell
  bool attends = false;       // caches keys and values of its own
  int heads = 0;              // of queries; 0: unknown
  bool may_be_empty = false;  // the model was made without the layer's tensors
};

// The text decoder's part of a config.
struct Config {
  std::string architecture;  // "Qwen3MoeForCausalLM"
  std::string model_type;    // of the text decoder: "qwen3_moe"
  std::string whole_type;    // with its encoders: "mistral3"; else the same
  bool known = false;        // the kinds of its layers' caches are known
  std::string name;          // _name_or_path; may be empty
  std::optional<std::int64_t> max_context;
  std::optional<int> vocab;
  QuantScheme quant;
  catalog::Architecture shape;
  std::vector<LayerPlan> layers;  // one for each of shape.layers
  std::vector<std::string> warnings;
};

// InvalidArgument: "FILE: /json/path: what; what would be right".
absl::StatusOr<Config> ReadConfig(const JsonValue& root, const std::string& file);

}  // namespace capacity::modelfile
