// A directory with config.json and safetensors as a model: docs/models.md.
#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/modelfile/composed.h"
#include "planner/modelfile/config.h"
#include "planner/modelfile/json.h"
#include "planner/modelfile/safetensors.h"

namespace capacity::modelfile {
namespace {

namespace fs = std::filesystem;
using catalog::Engine;
using Kind = TensorClass;

constexpr std::uint64_t kConfigBytes = 16 << 20;
constexpr std::uint64_t kIndexBytes = 64 << 20;
constexpr std::size_t kMostFiles = 10'000;  // of a directory
constexpr std::size_t kMostTensors = 400'000;

bool EndsWith(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

absl::StatusOr<JsonValue> ReadJson(ByteSource& source, std::uint64_t most) {
  const std::string& name = source.name();
  if (source.size() > most) {
    return absl::OutOfRangeError(
        absl::StrCat(name, ": ", source.size(), " bytes; at most ", most, " are read"));
  }
  std::string text(static_cast<std::size_t>(source.size()), '\0');
  if (absl::Status status = source.Read(0, text.data(), text.size()); !status.ok()) return status;
  if (text.empty()) return absl::InvalidArgumentError(absl::StrCat(name, ": the file is empty"));
  absl::StatusOr<JsonValue> root = ParseJson(text);
  if (root.ok()) return root;
  return absl::InvalidArgumentError(absl::StrCat(name, ": ", std::string(root.status().message())));
}

// ---------------------------------------------------------------- names

// "model.layers.3.mlp.up_proj" and "weight_scale_inv" of the name with both.
struct Named {
  std::string_view module;
  std::string_view leaf;
};

Named Split(std::string_view name) {
  // bitsandbytes: "up_proj.weight.absmax" belongs to "up_proj.weight".
  constexpr std::string_view kWithin = ".weight.";
  if (const std::size_t at = name.find(kWithin); at != std::string_view::npos) {
    return {name.substr(0, at), name.substr(at + kWithin.size())};
  }
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return {"", name};
  Named named{name.substr(0, dot), name.substr(dot + 1)};
  // gpt-oss: "mlp.experts.gate_up_proj_blocks" and "..._scales" belong together.
  for (std::string_view suffix : {"_blocks", "_scales"}) {
    if (named.leaf.size() <= suffix.size() || !EndsWith(named.leaf, suffix)) continue;
    named.module = name.substr(0, name.size() - suffix.size());
    named.leaf = name.substr(name.size() - suffix.size());
    return named;
  }
  return named;
}

// What stands beside packed weights and counts as no weight itself.
bool IsCompanion(std::string_view leaf) {
  static const std::set<std::string_view> kLeaves = {"scales",
                                                     "biases",
                                                     "_scales",
                                                     "weight_scale",
                                                     "weight_scale_inv",
                                                     "weight_scale_2",
                                                     "weight_global_scale",
                                                     "input_global_scale",
                                                     "input_scale",
                                                     "output_scale",
                                                     "k_scale",
                                                     "v_scale",
                                                     "kv_scale",
                                                     "q_scale",
                                                     "prob_output_scale",
                                                     "qzeros",
                                                     "g_idx",
                                                     "weight_shape",
                                                     "weight_zero_point",
                                                     "zeros",
                                                     "weight_g_idx",
                                                     "absmax",
                                                     "quant_map",
                                                     "nested_absmax",
                                                     "nested_quant_map",
                                                     "SCB",
                                                     "weight_format",
                                                     "activation_scale"};
  return kLeaves.count(leaf) > 0 || leaf.find("quant_state") != std::string_view::npos ||
         leaf.find("bitsandbytes") != std::string_view::npos;
}

// ---------------------------------------------------------------- tensors

// How many weights a tensor holds, and what their type is called.
struct Weights {
  double parameters = 0;
  std::string type;
};

class Packer {
 public:
  explicit Packer(const QuantScheme& scheme) : scheme_(scheme) {}

  Weights Of(const SafetensorsTensor& tensor, bool has_scales) const {
    const Named named = Split(tensor.name);
    const auto numbers = static_cast<double>(tensor.numbers);
    const std::string_view type = tensor.type->name;
    const bool words = type == "U32" || type == "I32";
    const bool bytes = type == "U8" || type == "I8";
    switch (scheme_.packing) {
      case Packing::kMlx:
        if (type == "U32" && has_scales) return MlxWords(named.module, numbers);
        break;
      case Packing::kAwq:
        if (words && (named.leaf == "qweight" || has_scales)) return Codes(numbers, 32, "int");
        break;
      case Packing::kPacked:
        if (words && named.leaf == "weight_packed") return Codes(numbers, 32, "int");
        break;
      case Packing::kNvfp4:
        if (bytes && has_scales) return {numbers * 2, "NVFP4"};
        break;
      case Packing::kMxfp4:
        if (bytes && has_scales) return {numbers * 2, "MXFP4"};
        break;
      case Packing::kBitsAndBytes:
        if (bytes && has_scales) {
          return {numbers * 8 / scheme_.usual.bits,
                  absl::StrCat("bnb-", scheme_.usual.bits, "bit")};
        }
        break;
      case Packing::kPlain:
      case Packing::kFp8:
      case Packing::kInt8:
        break;
    }
    return {numbers, std::string(type.substr(0, 2) == "F8" ? std::string_view("FP8") : type)};
  }

 private:
  const GroupBits& GroupOf(std::string_view module) const {
    const auto own = scheme_.overrides.find(module);
    return own == scheme_.overrides.end() ? scheme_.usual : own->second;
  }

  Weights MlxWords(std::string_view module, double numbers) const {
    const GroupBits& group = GroupOf(module);
    const std::string type = group.mode == "affine" || group.mode.empty()
                                 ? absl::StrCat(group.bits, "-bit g", group.group)
                                 : group.mode;
    return {numbers * 32 / group.bits, type};
  }

  Weights Codes(double numbers, double word_bits, std::string_view prefix) const {
    return {numbers * word_bits / scheme_.usual.bits,
            absl::StrCat(std::string(prefix), scheme_.usual.bits, " g", scheme_.usual.group)};
  }

  const QuantScheme& scheme_;
};

// What the cache of an unknown architecture can be told from.
struct LayerRows {
  std::uint64_t keys = 0;
  std::uint64_t values = 0;
};

// ---------------------------------------------------------------- directory

class Directory {
 public:
  explicit Directory(Folder& folder) : folder_(folder), path_(folder.path()) {}

  absl::StatusOr<FileFacts> Run() {
    for (absl::Status (Directory::*step)() :
         {&Directory::ReadConfigFile, &Directory::FindShards, &Directory::ReadShards,
          &Directory::CheckIndex, &Directory::CountTensors, &Directory::Blocks, &Directory::Caches,
          &Directory::Format}) {
      if (absl::Status status = (this->*step)(); !status.ok()) return status;
    }
    return std::move(facts_);
  }

 private:
  std::string In(const std::string& name) const { return absl::StrCat(path_, "/", name); }
  static absl::Status Wrong(const std::string& file, const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": ", what));
  }

  absl::Status ReadConfigFile() {
    const std::string file = In("config.json");
    absl::StatusOr<std::unique_ptr<ByteSource>> source = folder_.Open("config.json");
    if (!source.ok()) {
      if (source.status().code() != absl::StatusCode::kNotFound) return source.status();
      return absl::NotFoundError(
          absl::StrCat(file, ": missing; a model's directory holds it beside *.safetensors"));
    }
    absl::StatusOr<JsonValue> root = ReadJson(**source, kConfigBytes);
    if (!root.ok()) return root.status();
    absl::StatusOr<Config> config = ReadConfig(*root, file);
    if (!config.ok()) return config.status();
    config_ = *std::move(config);
    return absl::OkStatus();
  }

  absl::Status FindShards() {
    constexpr const char* kIndex = "model.safetensors.index.json";
    absl::StatusOr<std::unique_ptr<ByteSource>> index = folder_.Open(kIndex);
    if (index.ok()) return ShardsOfIndex(In(kIndex), **index);
    if (index.status().code() != absl::StatusCode::kNotFound) return index.status();
    absl::StatusOr<std::vector<std::string>> names = folder_.List();
    if (!names.ok()) return names.status();
    if (std::find(names->begin(), names->end(), "model.safetensors") != names->end()) {
      shards_ = {"model.safetensors"};
      return absl::OkStatus();
    }
    return ShardsOfListing(*names);
  }

  absl::Status ShardsOfIndex(const std::string& file, ByteSource& source) {
    absl::StatusOr<JsonValue> root = ReadJson(source, kIndexBytes);
    if (!root.ok()) return root.status();
    const JsonValue* map = root->Find("weight_map");
    if (map == nullptr || !map->is_object() || map->items.empty()) {
      return Wrong(file, "/weight_map: missing or empty; it names each tensor's file");
    }
    std::set<std::string> names;
    for (std::size_t i = 0; i < map->items.size(); ++i) {
      const JsonValue& shard = map->items[i];
      // Only files of this very directory: the index is a stranger's.
      if (shard.kind != JsonValue::Kind::kString || shard.text.empty() ||
          shard.text.find('/') != std::string::npos || shard.text.find('\0') != std::string::npos ||
          shard.text.size() > 255 || shard.text.front() == '.') {
        return Wrong(file, "/weight_map: a value that is no plain file name");
      }
      names.insert(shard.text);
      index_[map->keys[i]] = shard.text;
    }
    if (names.size() > kMostFiles) {
      return Wrong(file, absl::StrCat("/weight_map: more than ", kMostFiles, " files"));
    }
    shards_.assign(names.begin(), names.end());
    if (const JsonValue* metadata = root->Find("metadata"); metadata != nullptr) {
      total_size_ = metadata->Number("total_size");
    }
    return absl::OkStatus();
  }

  absl::Status ShardsOfListing(const std::vector<std::string>& names) {
    bool torch = false;
    bool adapter = false;
    for (const std::string& name : names) {
      adapter = adapter || name == "adapter_model.safetensors";
      torch = torch || name.rfind("pytorch_model", 0) == 0;
      if (!EndsWith(name, ".safetensors") || name.rfind("adapter_", 0) == 0) continue;
      shards_.push_back(name);
    }
    std::sort(shards_.begin(), shards_.end());
    // Mistral's own copy of the same weights.
    const auto consolidated = [](const std::string& name) {
      return name.rfind("consolidated", 0) == 0;
    };
    if (!std::all_of(shards_.begin(), shards_.end(), consolidated)) {
      std::erase_if(shards_, consolidated);
    }
    if (!shards_.empty()) return CheckNumbers();
    if (adapter) return Wrong(path_, "holds a LoRA adapter, not a model");
    if (torch) {
      return Wrong(path_, "holds pytorch_model.bin, which is not read; *.safetensors are");
    }
    return Wrong(path_, "holds no *.safetensors");
  }

  // Without an index the names alone say whether a part is missing: "model-00001-of-00003...".
  absl::Status CheckNumbers() {
    for (const std::string& name : shards_) {
      const std::size_t of = name.find("-of-");
      constexpr std::size_t kDigits = 5;
      if (of == std::string::npos || of < kDigits || name.size() < of + 4 + kDigits) continue;
      const std::string count = name.substr(of + 4, kDigits);
      if (count.find_first_not_of("0123456789") != std::string::npos) continue;
      const auto wanted = static_cast<std::size_t>(std::stoul(count));
      for (std::size_t i = 1; i <= wanted && i <= kMostFiles; ++i) {
        std::string digits = std::to_string(i);
        digits.insert(0, kDigits - std::min(kDigits, digits.size()), '0');
        std::string part = name;
        part.replace(of - kDigits, kDigits, digits);
        if (std::binary_search(shards_.begin(), shards_.end(), part)) continue;
        return absl::NotFoundError(absl::StrCat(In(part), ": missing; the model has ", wanted,
                                                " parts, and all must be there"));
      }
      return absl::OkStatus();
    }
    return absl::OkStatus();
  }

  absl::Status ReadShards() {
    for (const std::string& shard : shards_) {
      const std::string file = In(shard);
      absl::StatusOr<std::unique_ptr<ByteSource>> source = folder_.Open(shard);
      if (!source.ok()) {
        if (source.status().code() != absl::StatusCode::kNotFound) return source.status();
        return absl::NotFoundError(absl::StrCat(
            file, ": missing; model.safetensors.index.json names it, and all parts must be there"));
      }
      absl::StatusOr<SafetensorsHeader> header = ReadSafetensorsHeader(**source);
      if (!header.ok()) return header.status();
      if (header->format == "mlx") mlx_ = true;
      for (SafetensorsTensor& tensor : header->tensors) {
        if (tensors_.size() >= kMostTensors) {
          return Wrong(path_, absl::StrCat("more than ", kMostTensors, " tensors"));
        }
        std::string name = tensor.name;
        const auto [held, added] =
            tensors_.try_emplace(std::move(name), Held{std::move(tensor), shard});
        if (!added) {
          return Wrong(file,
                       absl::StrCat("holds a tensor that ", held->second.shard, " holds, too"));
        }
      }
      facts_.files.push_back(file);
    }
    return absl::OkStatus();
  }

  absl::Status CheckIndex() {
    if (index_.empty()) return absl::OkStatus();
    const std::string file = In("model.safetensors.index.json");
    for (const auto& [name, shard] : index_) {
      const auto held = tensors_.find(name);
      if (held != tensors_.end() && held->second.shard == shard) continue;
      return Wrong(file, absl::StrCat("/weight_map: a tensor that it places in ", shard,
                                      " is not there (a truncated download, or parts of two "
                                      "models?)"));
    }
    double bytes = 0;
    for (const auto& [name, held] : tensors_) bytes += static_cast<double>(held.tensor.bytes);
    if (total_size_ && *total_size_ != bytes) {
      facts_.warnings.push_back(absl::StrCat(
          "model.safetensors.index.json states ",
          static_cast<std::int64_t>(std::clamp(*total_size_, 0.0, 9e18)),
          " bytes in all; the files hold ", static_cast<std::int64_t>(std::min(bytes, 9e18))));
    }
    return absl::OkStatus();
  }

  absl::Status CountTensors() {
    // Which modules have packed weights, and what those are called.
    std::set<std::string, std::less<>> scaled;
    for (const auto& [name, held] : tensors_) {
      const Named named = Split(name);
      if (IsCompanion(named.leaf)) scaled.emplace(named.module);
    }
    const Packer packer(config_.quant);
    std::map<std::string, std::string, std::less<>> types;
    for (const auto& [name, held] : tensors_) {
      const Named named = Split(name);
      if (IsCompanion(named.leaf)) continue;
      const bool has_scales = scaled.find(named.module) != scaled.end();
      const Weights weights = packer.Of(held.tensor, has_scales);
      if (has_scales && named.leaf != "bias") types[std::string(named.module)] = weights.type;
      Keep(name, weights.type, weights.parameters, held.tensor.bytes);
      Note(named, name, held.tensor, weights.parameters);
    }
    for (const auto& [name, held] : tensors_) {
      const Named named = Split(name);
      if (!IsCompanion(named.leaf)) continue;
      const auto type = types.find(named.module);
      Keep(name, type == types.end() ? held.tensor.type->name : std::string_view(type->second), 0,
           held.tensor.bytes);
    }
    return absl::OkStatus();
  }

  void Keep(const std::string& name, std::string_view type, double parameters,
            std::uint64_t bytes) {
    const ClassifiedTensor seen = ClassifyHuggingFace(name);
    facts_.Add(seen.kind, seen.layer, type, parameters, bytes);
    if (!seen.known) facts_.unknown_bytes += std::min(bytes, ~facts_.unknown_bytes);
    if (seen.layer < 0 || seen.layer >= config_.shape.layers) return;
    if (seen.kind == Kind::kExperts) moe_layers_.insert(seen.layer);
    if (seen.kind == Kind::kMlp) mlp_layers_.insert(seen.layer);
    if (seen.kind == Kind::kRouter && name.find("correction_bias") != std::string::npos) {
      balanced_ = true;
    }
  }

  void Note(const Named& named, const std::string& name, const SafetensorsTensor& tensor,
            double parameters) {
    const ClassifiedTensor seen = ClassifyHuggingFace(name);
    if (seen.kind == Kind::kEmbedding && tensor.shape.size() == 2)
      embedding_rows_ = tensor.shape[0];
    if (seen.kind == Kind::kExperts && name.find("gate") != std::string::npos) gated_ = true;
    if (seen.layer < 0 || seen.kind != Kind::kAttention || config_.shape.hidden_size <= 0) return;
    if (named.leaf != "weight" && named.leaf != "qweight" && named.leaf != "weight_packed") return;
    const auto rows =
        static_cast<std::uint64_t>(std::min(parameters / config_.shape.hidden_size, 1e12));
    if (EndsWith(named.module, "k_proj")) rows_[seen.layer].keys = rows;
    if (EndsWith(named.module, "v_proj")) rows_[seen.layer].values = rows;
  }

  absl::Status Blocks() {
    catalog::Architecture& shape = config_.shape;
    if (shape.experts > 0) {
      shape.moe_layers = static_cast<int>(moe_layers_.size());
      shape.expert_matrices = gated_ ? 3 : 2;
      if (moe_layers_.empty()) {
        facts_.warnings.push_back("config.json states experts and no tensor is one");
        shape.experts = 0;
      }
      shape.balanced_routing = shape.balanced_routing || balanced_;
    }
    const int dense = static_cast<int>(mlp_layers_.size());
    if (dense != shape.layers - shape.moe_layers.value_or(0)) shape.mlp_layers = dense;
    if (embedding_rows_ > 0) shape.vocab = Count(static_cast<double>(embedding_rows_)).value_or(0);
    return absl::OkStatus();
  }

  absl::Status Caches() {
    facts_.cache = config_.cache;
    if (!facts_.cache.empty()) return absl::OkStatus();
    // The config does not tell: the projections' widths do.
    bool any = false;
    for (int i = 0; i < config_.shape.layers; ++i) {
      catalog::LayerCache cache;
      if (const auto rows = rows_.find(i); rows != rows_.end()) {
        cache.key_cells_per_token = Count(static_cast<double>(rows->second.keys)).value_or(0);
        cache.value_cells_per_token =
            Count(static_cast<double>(rows->second.values)).value_or(cache.key_cells_per_token);
        any = any || cache.key_cells_per_token > 0;
      }
      facts_.cache.push_back(cache);
    }
    if (any) return absl::OkStatus();
    return Wrong(In("config.json"),
                 "/num_key_value_heads: missing, and no k_proj says what a token caches");
  }

  // ---------------------------------------------------------------- format

  absl::Status Format() {
    facts_.form =
        config_.quant.packing == Packing::kMlx || mlx_ ? FileForm::kMlx : FileForm::kSafetensors;
    facts_.architecture = config_.model_type;
    facts_.known_architecture = config_.known;
    facts_.name = NameOf();
    if (!config_.name.empty()) facts_.other_names.push_back(config_.name);
    facts_.max_context = config_.max_context;
    facts_.shape = config_.shape;
    facts_.fp8_block_scales = config_.quant.block_scales;
    for (const std::string& warning : config_.warnings) facts_.warnings.push_back(warning);
    Engines();
    Quantized();
    return absl::OkStatus();
  }

  // The repository's name: of a Hugging Face cache the folder above the snapshots.
  std::string NameOf() const {
    std::error_code error;
    const fs::path whole = fs::absolute(path_, error).lexically_normal();
    const fs::path above = whole.parent_path();
    const std::string owner = above.parent_path().filename().string();
    std::string name = whole.filename().string();
    constexpr std::string_view kModels = "models--";
    if (above.filename() == "snapshots" && owner.rfind(kModels, 0) == 0) {
      name = owner.substr(owner.rfind("--") + 2);
    }
    std::string printable;
    for (const char c : name) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte >= 0x20 && byte < 0x7f) printable += c;
    }
    return printable;
  }

  void Engines() {
    switch (config_.quant.packing) {
      case Packing::kMlx:
        facts_.engines = {Engine::kMlx, Engine::kExo};
        return;
      case Packing::kPlain:
        facts_.engines = {Engine::kMlx, Engine::kExo};
        if (!mlx_) facts_.engines.push_back(Engine::kVllm);
        return;
      case Packing::kFp8:
      case Packing::kAwq:
      case Packing::kPacked:
      case Packing::kNvfp4:
      case Packing::kMxfp4:
      case Packing::kBitsAndBytes:
      case Packing::kInt8:
        facts_.engines = {Engine::kVllm};
        return;
    }
  }

  // The catalogue's name of the format, where it has one, and what a person calls it.
  void Quantized() {
    const QuantScheme& quant = config_.quant;
    const GroupBits& usual = quant.usual;
    const std::string bits = absl::StrCat(usual.bits);
    const std::string group = usual.group > 0 ? absl::StrCat(" g", usual.group) : "";
    switch (quant.packing) {
      case Packing::kPlain: {
        const bool half = quant.number_type == "float16";
        const bool full = quant.number_type == "float32";
        facts_.quantization = half ? "F16" : full ? "F32" : "BF16";
        facts_.quant_id = half ? "f16" : full ? "" : "bf16";
        facts_.kernel_like = full ? "f32" : "";
        return;
      }
      case Packing::kMlx:
        return QuantizedByMlx(usual);
      case Packing::kFp8:
        facts_.quantization = quant.block_scales ? "FP8 in blocks" : "FP8";
        facts_.quant_id = "fp8";
        return;
      case Packing::kAwq:
      case Packing::kPacked:
        facts_.quantization = absl::StrCat(quant.method, " ", bits, "-bit", group);
        if (usual.bits == 4) facts_.quant_id = usual.group == 32 ? "int4-g32" : "int4-awq";
        facts_.kernel_like = absl::StrCat("int", bits);
        return;
      case Packing::kNvfp4:
        facts_.quantization = "NVFP4";
        facts_.quant_id = "nvfp4";
        return;
      case Packing::kMxfp4:
        facts_.quantization = "MXFP4";
        facts_.quant_id = "mxfp4";
        return;
      case Packing::kBitsAndBytes:
        facts_.quantization = absl::StrCat("bitsandbytes ", bits, "-bit");
        facts_.kernel_like = absl::StrCat("bnb-", bits, "bit");
        return;
      case Packing::kInt8:
        facts_.quantization = "INT8";
        facts_.kernel_like = "int8";
        return;
    }
  }

  void QuantizedByMlx(const GroupBits& usual) {
    if (usual.mode == "affine" || usual.mode.empty()) {
      facts_.quantization = absl::StrCat(usual.bits, "-bit in groups of ", usual.group);
      facts_.quant_id = absl::StrCat("mlx-", usual.bits, "bit",
                                     usual.group == 64 ? "" : absl::StrCat("-g", usual.group));
    } else {
      facts_.quantization = usual.mode;
      facts_.quant_id = absl::StrCat("mlx-", usual.mode);
    }
    facts_.kernel_like = absl::StrCat("mlx-", usual.bits, "bit");
    if (!config_.quant.overrides.empty()) {
      absl::StrAppend(&facts_.quantization, ", ", config_.quant.overrides.size(),
                      " modules otherwise");
    }
  }

  struct Held {
    SafetensorsTensor tensor;
    std::string shard;
  };

  Folder& folder_;
  const std::string& path_;
  Config config_;
  FileFacts facts_;
  std::vector<std::string> shards_;           // file names, sorted
  std::map<std::string, std::string> index_;  // tensor -> shard
  std::optional<double> total_size_;
  std::map<std::string, Held> tensors_;
  std::map<int, LayerRows> rows_;
  std::set<int> moe_layers_;
  std::set<int> mlp_layers_;
  std::uint64_t embedding_rows_ = 0;
  bool gated_ = false;
  bool balanced_ = false;
  bool mlx_ = false;
};

class DiskFolder : public Folder {
 public:
  explicit DiskFolder(std::string path) : path_(std::move(path)) {
    while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
  }

  const std::string& path() const override { return path_; }

  absl::StatusOr<std::unique_ptr<ByteSource>> Open(const std::string& name) override {
    return OpenFile(absl::StrCat(path_, "/", name));
  }

  absl::StatusOr<std::vector<std::string>> List() override {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator entry(path_, error), end; !error && entry != end;
         entry.increment(error)) {
      names.push_back(entry->path().filename().string());
      if (names.size() > kMostFiles) {
        return absl::OutOfRangeError(absl::StrCat(path_, ": more than ", kMostFiles, " files"));
      }
    }
    if (error) return absl::InvalidArgumentError(absl::StrCat(path_, ": ", error.message()));
    return names;
  }

 private:
  std::string path_;
};

absl::Status CheckDirectory(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) {
    return absl::NotFoundError(absl::StrCat(path, ": no such directory"));
  }
  if (error) return absl::InvalidArgumentError(absl::StrCat(path, ": ", error.message()));
  if (fs::is_directory(status)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": is no directory; a GGUF is named with --model-file"));
}

}  // namespace

absl::StatusOr<FileFacts> CheckpointFacts(Folder& folder) { return Directory(folder).Run(); }

absl::StatusOr<Description> DescribeDirectory(const std::string& path, const std::string& id,
                                              const catalog::Catalog& catalog) {
  if (absl::Status status = CheckDirectory(path); !status.ok()) return status;
  DiskFolder folder(path);
  absl::StatusOr<FileFacts> facts = CheckpointFacts(folder);
  if (!facts.ok()) return facts.status();
  return Compose(*std::move(facts), folder.path(), id, catalog);
}

}  // namespace capacity::modelfile
