// What a model file or directory says of its model, as catalogue entries.
//
// Weights are exact, by tensor class and by layer; the architecture comes from the file's own
// fields. Of an architecture that nothing here knows, the cache is taken from head counts or from
// the shapes of the key and value projections, and `Description::known_architecture` is false.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/base/units.h"
#include "planner/catalog/catalog.h"
#include "planner/modelfile/tensor_class.h"

namespace capacity::modelfile {

enum class FileForm { kGguf, kMlx, kSafetensors };
const char* Name(FileForm form);  // "gguf", "mlx", "safetensors"

// One storage type within one tensor class.
struct TypeShare {
  std::string type;  // "Q4_K", "BF16", "4 bits in groups of 64"
  double parameters = 0;
  Bytes bytes;
};

struct ClassTotal {
  int tensors = 0;
  double parameters = 0;
  Bytes bytes;                   // scales and zero points included
  std::vector<TypeShare> types;  // most bytes first
};

struct LayerTotal {
  double parameters = 0;
  Bytes bytes;
};

struct Description {
  std::string path;  // as it was named
  FileForm form = FileForm::kGguf;
  std::vector<std::string> files;  // in shard order
  std::string architecture;        // "llama", "qwen3moe", "Qwen3MoeForCausalLM"
  bool known_architecture = false;
  std::string name;          // what the file calls the model; may be empty
  std::string quantization;  // as the file says it: "Q4_K - Medium"; may be empty
  std::array<ClassTotal, kTensorClasses> classes;
  std::vector<LayerTotal> layers;  // of the text decoder, first to last
  // Ready for a catalogue: add with AddTo.
  catalog::Model model;
  catalog::Quantization quant;
  bool quant_is_new = false;  // false: `quant` is the catalogue's own
  catalog::Artifact artifact;
  std::string same_as;                // id of the catalogue's model that this is; empty: none
  std::vector<std::string> warnings;  // one sentence each

  const ClassTotal& Of(TensorClass kind) const { return classes[static_cast<std::size_t>(kind)]; }
};

// A GGUF, or one shard of a split one (the others are found beside it). `id`: of the model; empty:
// made from the file's name. Errors: InvalidArgument, OutOfRange, NotFound, whose message is the
// whole line for a person: "FILE: byte N: what; what would be right".
absl::StatusOr<Description> DescribeFile(const std::string& path, const std::string& id,
                                         const catalog::Catalog& catalog);
// A directory with config.json and *.safetensors, Hugging Face's or MLX's.
absl::StatusOr<Description> DescribeDirectory(const std::string& path, const std::string& id,
                                              const catalog::Catalog& catalog);

// What a model is called after its file: "dir/Qwen3-8B-Q4_K_M-00001-of-00002.gguf" is
// "qwen3-8b-q4_k_m".
std::string IdFromPath(std::string_view path);

// Puts the entries into `catalog` and indexes it again. AlreadyExists when another model has the
// id.
absl::Status AddTo(const Description& description, catalog::Catalog& catalog);

}  // namespace capacity::modelfile
