// What both kinds of files come down to, before it is made into catalogue entries.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/catalog/catalog.h"
#include "planner/modelfile/byte_source.h"
#include "planner/modelfile/describe.h"
#include "planner/modelfile/tensor_class.h"

namespace capacity::modelfile {

// Tensors of one class, layer and storage type together.
struct Stored {
  int tensors = 0;
  double parameters = 0;
  std::uint64_t bytes = 0;
};
struct StoredKey {
  TensorClass kind = TensorClass::kOther;
  int layer = -1;
  std::string type;

  friend auto operator<=>(const StoredKey&, const StoredKey&) = default;
};

// What a file says of its model.
struct FileFacts {
  FileForm form = FileForm::kGguf;
  std::vector<std::string> files;
  std::string architecture;
  std::string model_type;  // as catalog::Model has it; empty of a GGUF
  bool known_architecture = false;
  std::string name;
  std::vector<std::string> other_names;  // by which the catalogue may know it
  std::string quantization;              // in words
  std::string quant_id;                  // of the catalogue, where the file's format is one's
  std::string kernel_like;               // id that a new quantization begins with
  std::vector<catalog::Engine> engines;  // that load it
  std::optional<std::int64_t> max_context;
  std::string license;
  catalog::Architecture shape;
  std::vector<catalog::LayerCache> cache;  // one for each of shape.layers
  bool fp8_block_scales = false;
  std::map<StoredKey, Stored> tensors;
  std::uint64_t unknown_bytes = 0;  // of tensors whose names no rule knows
  std::vector<std::string> warnings;

  void Add(TensorClass kind, int layer, std::string_view type, double parameters,
           std::uint64_t bytes);
};

struct GgufHeader;
// A GGUF's header as a model; of a split one only if it holds all tensors. InvalidArgument names
// `file` and the metadata key.
absl::StatusOr<FileFacts> GgufFacts(const GgufHeader& header, const std::string& file);

// The files of a checkpoint, on disk or in memory.
class Folder {
 public:
  virtual ~Folder() = default;

  virtual const std::string& path() const = 0;
  // NotFound when there is no such file.
  virtual absl::StatusOr<std::unique_ptr<ByteSource>> Open(const std::string& name) = 0;
  // Names of its files, in any order.
  virtual absl::StatusOr<std::vector<std::string>> List() = 0;
};
// config.json and *.safetensors as a model; every message begins with the folder's path.
absl::StatusOr<FileFacts> CheckpointFacts(Folder& folder);

// The file's facts as a description. InvalidArgument when they make no model.
absl::StatusOr<Description> Compose(FileFacts facts, const std::string& path, const std::string& id,
                                    const catalog::Catalog& catalog);

// A metadata number as a count; nullopt beyond what a model can have (2^30), below zero, and for
// what is no whole number.
std::optional<int> Count(std::optional<double> number);

}  // namespace capacity::modelfile
