// A directory with config.json and safetensors as a model: docs/models.md.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iterator>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/modelfile/composed.h"
#include "planner/modelfile/config.h"
#include "planner/modelfile/json.h"
#include "planner/modelfile/safetensors.h"
#include "planner/modelfile/shown_text.h"

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
  BlankNonNumbers(text);
  absl::StatusOr<JsonValue> root = ParseJson(text);
  if (root.ok()) return root;
  return absl::InvalidArgumentError(absl::StrCat(name, ": ", std::string(root.status().message())));
}

// Rows of a layer's projections: what it caches, whatever the config says. 0: no such tensor.
struct LayerRows {
  std::uint64_t keys = 0;
  std::uint64_t values = 0;
  std::uint64_t fused = 0;  // queries, keys and values together
};

// Whether the module holds queries, keys and values in one matrix.
bool IsFused(std::string_view module) {
  constexpr std::string_view kNames[] = {"qkv_proj", "query_key_value", "Wqkv",
                                         "wqkv",     "c_attn",          "W_pack"};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [&](std::string_view name) { return EndsWith(module, name); });
}

// What stands beside a module's packed weights.
struct Companions {
  bool any = false;
  const SafetensorsTensor* scale = nullptr;
};

// ---------------------------------------------------------------- directory

class Directory {
 public:
  explicit Directory(Folder& folder) : folder_(folder), path_(folder.path()) {}

  absl::StatusOr<FileFacts> Run() {
    for (absl::Status (Directory::*step)() :
         {&Directory::ReadConfigFile, &Directory::ReadModelOptFile, &Directory::FindShards,
          &Directory::ReadShards, &Directory::CheckIndex, &Directory::CountTensors,
          &Directory::Blocks, &Directory::Caches, &Directory::Format}) {
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

  // Exports of ModelOpt up to 2025 say beside config.json, not in it, how they are packed.
  absl::Status ReadModelOptFile() {
    if (config_.quant.packing != Packing::kPlain) return absl::OkStatus();
    constexpr const char* kName = "hf_quant_config.json";
    absl::StatusOr<std::unique_ptr<ByteSource>> source = folder_.Open(kName);
    if (!source.ok()) {
      return source.status().code() == absl::StatusCode::kNotFound ? absl::OkStatus()
                                                                   : source.status();
    }
    absl::StatusOr<JsonValue> root = ReadJson(**source, kConfigBytes);
    if (!root.ok()) return root.status();
    return ReadModelOptConfig(*root, In(kName), config_.quant);
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
          shard.text.find('/') != std::string::npos || shard.text.size() > 255 ||
          shard.text.front() == '.' || Shown(shard.text) != shard.text) {
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
    std::map<std::string_view, Companions> beside;  // by module
    for (const auto& [name, held] : tensors_) {
      const Named named = SplitName(name);
      if (!IsCompanion(named.leaf)) continue;
      Companions& companions = beside[named.module];
      companions.any = true;
      if (IsScale(named.leaf)) companions.scale = &held.tensor;
    }
    const Packer packer(config_.quant);
    std::map<std::string_view, std::string> types;  // of packed modules
    for (const auto& [name, held] : tensors_) {
      const Named named = SplitName(name);
      if (IsCompanion(named.leaf)) continue;
      const auto found = beside.find(named.module);
      const Companions companions = found == beside.end() ? Companions() : found->second;
      const absl::StatusOr<Weights> weights =
          packer.Of(held.tensor, companions.any, companions.scale);
      if (!weights.ok()) {
        return Wrong(In(held.shard), absl::StrCat("tensor \"", name.substr(0, 80),
                                                  "\": ", std::string(weights.status().message())));
      }
      if (companions.any && named.leaf != "bias") types[named.module] = weights->type;
      Keep(name, weights->type, weights->parameters, held.tensor.bytes);
      Note(named, held.tensor, weights->parameters, companions.scale);
    }
    for (const auto& [name, held] : tensors_) {
      const Named named = SplitName(name);
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
    if (seen.kind == Kind::kTower || seen.kind == Kind::kMtp || seen.layer < 0) return;
    last_layer_ = std::max(last_layer_, seen.layer);
    if (seen.layer >= config_.shape.layers) return;
    layers_.insert(seen.layer);
    if (seen.kind == Kind::kRecurrent) recurrent_layers_.insert(seen.layer);
    if (seen.kind == Kind::kAttention) attention_layers_.insert(seen.layer);
    if (seen.kind == Kind::kExperts) moe_layers_.insert(seen.layer);
    if (seen.kind == Kind::kMlp) mlp_layers_.insert(seen.layer);
    if (seen.kind == Kind::kRouter && name.find("correction_bias") != std::string::npos) {
      balanced_ = true;
    }
  }

  void Note(const Named& named, const SafetensorsTensor& tensor, double parameters,
            const SafetensorsTensor* scale) {
    const std::string& name = tensor.name;
    const ClassifiedTensor seen = ClassifyHuggingFace(name);
    if (seen.kind == Kind::kEmbedding && tensor.shape.size() == 2 && tensor.shape[0] > 0) {
      embedding_rows_ = tensor.shape[0];
      embedding_width_ = parameters / static_cast<double>(tensor.shape[0]);
    }
    if (seen.kind == Kind::kExperts &&
        (name.find("gate") != std::string::npos || name.find("mlp.v1") != std::string::npos)) {
      gated_ = true;  // DBRX calls the gated matrix v1
    }
    if (seen.layer < 0 || seen.kind != Kind::kAttention) return;
    if (named.leaf != "weight" && named.leaf != "qweight" && named.leaf != "weight_packed") return;
    const std::uint64_t rows = RowsOf(named, tensor, parameters, scale);
    if (EndsWith(named.module, "k_proj")) rows_[seen.layer].keys = rows;
    if (EndsWith(named.module, "v_proj")) rows_[seen.layer].values = rows;
    if (IsFused(named.module)) rows_[seen.layer].fused = rows;
  }

  // Outputs of a projection; 0 where its shape does not tell.
  std::uint64_t RowsOf(const Named& named, const SafetensorsTensor& tensor, double parameters,
                       const SafetensorsTensor* scale) const {
    const auto hidden = static_cast<std::uint64_t>(std::max(0, config_.shape.hidden_size));
    if (named.leaf == "qweight") {  // AWQ and GPTQ hold the matrix turned round
      return scale != nullptr && scale->shape.size() == 2 ? scale->shape[1] : 0;
    }
    if (config_.quant.packing == Packing::kBitsAndBytes) {
      return hidden == 0 ? 0 : static_cast<std::uint64_t>(std::min(parameters, 1e15)) / hidden;
    }
    if (tensor.shape.size() != 2) return 0;
    // Of two weights in a byte some formats pack those of two rows; their scales stand by row.
    if (tensor.type->name == "U8") {
      return scale != nullptr && scale->shape.size() == 2 ? scale->shape[0] : 0;
    }
    // GPT-2's, too.
    const bool turned = EndsWith(named.module, "c_attn") && tensor.shape[0] == hidden;
    return turned ? tensor.shape[1] : tensor.shape[0];
  }

  absl::Status Blocks() {
    catalog::Architecture& shape = config_.shape;
    if (absl::Status status = CheckLayers(); !status.ok()) return status;
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
    if (shape.hidden_size <= 0) shape.hidden_size = Count(embedding_width_).value_or(0);
    if (embedding_rows_ > 0) shape.vocab = Count(static_cast<double>(embedding_rows_)).value_or(0);
    return absl::OkStatus();
  }

  // Every layer that the config states has tensors, and the other way round.
  absl::Status CheckLayers() {
    const int stated = config_.shape.layers;
    for (int i = 0; i < stated && !layers_.empty(); ++i) {
      if (layers_.count(i) > 0 || config_.layers[static_cast<std::size_t>(i)].may_be_empty)
        continue;
      return Wrong(In("config.json"),
                   absl::StrCat("/num_hidden_layers: ", stated,
                                " and the files hold no tensor of "
                                "layer ",
                                i,
                                ", counted from 0 (a download that lacks files, or "
                                "the config of another model?)"));
    }
    if (last_layer_ >= stated + config_.shape.mtp_layers) {
      facts_.warnings.push_back(absl::StrCat("num_hidden_layers is ", stated,
                                             " and the files hold ", last_layer_ + 1,
                                             " layers: what is beyond is planned as layers that "
                                             "predict further tokens and are not loaded"));
    }
    return absl::OkStatus();
  }

  // ---------------------------------------------------------------- caches

  absl::Status Caches() {
    for (std::size_t i = 0; i < config_.layers.size(); ++i) {
      const LayerPlan& plan = config_.layers[i];
      catalog::LayerCache cache = plan.cache;
      const int layer = static_cast<int>(i);
      const bool mixes = recurrent_layers_.count(layer) > 0;
      // Of an unknown architecture only the tensors say which layers attend.
      const bool attends =
          plan.attends && (config_.known || !mixes || attention_layers_.count(layer) > 0);
      if (!attends) {
        cache.key_cells_per_token = 0;
        cache.value_cells_per_token = 0;
      } else if (const auto rows = rows_.find(layer);
                 rows != rows_.end() && !config_.shape.is_mla()) {
        BelieveRows(rows->second, plan, cache);
      }
      if (attends && cache.key_cells_per_token <= 0) {
        if (config_.known || rows_.empty()) {
          return Wrong(In("config.json"),
                       absl::StrCat("/num_key_value_heads: missing or 0, and no k_proj of layer ",
                                    layer, " says what a token caches"));
        }
        ++unknown_caches_;
      }
      if (mixes && !config_.known && cache.state_bytes <= 0) ++unknown_states_;
      facts_.cache.push_back(cache);
    }
    WarnOfCaches();
    return absl::OkStatus();
  }

  // Puts what the projections' rows say in place of what the config's head counts make.
  void BelieveRows(const LayerRows& rows, const LayerPlan& plan, catalog::LayerCache& cache) {
    const std::uint64_t keys = static_cast<std::uint64_t>(cache.key_cells_per_token);
    const std::uint64_t values = static_cast<std::uint64_t>(cache.value_cells_per_token);
    LayerRows own = rows;
    if (own.keys == 0 && own.fused > 0) {
      const auto width = static_cast<std::uint64_t>(config_.shape.head_dim.value_or(0));
      const std::uint64_t queries = static_cast<std::uint64_t>(plan.heads) * width;
      const std::uint64_t rest = own.fused > queries ? own.fused - queries : 0;
      const bool gated = own.fused == 2 * queries + keys + values;
      if (width == 0 || rest % (2 * width) != 0 || rest == keys + values || gated) return;
      own.keys = own.values = rest / 2;
    }
    if (own.keys == 0 || !Count(static_cast<double>(own.keys))) return;
    // Where keys serve as values (Gemma 4) there is no projection of values.
    if (own.values == 0) own.values = keys == values ? own.keys : values;
    if (!Count(static_cast<double>(own.values))) return;
    if (own.keys == keys && own.values == values) return;
    if (keys > 0) {
      ++corrected_;
      stated_keys_ = keys;
      found_keys_ = own.keys;
    }
    cache.key_cells_per_token = static_cast<int>(own.keys);
    cache.value_cells_per_token = static_cast<int>(own.values);
  }

  void WarnOfCaches() {
    if (corrected_ > 0) {
      facts_.warnings.push_back(absl::StrCat(
          "config.json's heads make ", stated_keys_, " keys for a token and the projections of ",
          corrected_, corrected_ == 1 ? " layer " : " layers ", "make ", found_keys_,
          ": the projections are believed"));
      CorrectHeads();
    }
    if (unknown_caches_ > 0) {
      facts_.warnings.push_back(absl::StrCat(
          unknown_caches_, unknown_caches_ == 1 ? " layer has" : " layers have",
          " no projection of keys by a known name: what is cached there is planned as nothing"));
    }
    if (unknown_states_ > 0) {
      facts_.warnings.push_back(
          absl::StrCat(unknown_states_, unknown_states_ == 1 ? " layer keeps" : " layers keep",
                       " a recurrent state whose size is not known: it is planned as nothing"));
    }
  }

  // Of two numbers whose product was wrong the width of a head is believed where it divides.
  void CorrectHeads() {
    catalog::Architecture& shape = config_.shape;
    const int keys = Count(static_cast<double>(found_keys_)).value_or(0);
    const int width = shape.head_dim.value_or(0);
    if (width > 0 && keys % width == 0 && keys / width <= std::max(1, shape.heads)) {
      shape.kv_heads = keys / width;
    } else if (shape.kv_heads > 0 && keys % shape.kv_heads == 0) {
      shape.head_dim = keys / shape.kv_heads;
    }
  }

  // ---------------------------------------------------------------- format

  // Packed tensors whose config says nothing are what most of them show.
  void FindPacking() {
    if (config_.quant.packing != Packing::kPlain) return;
    std::map<std::string, double> bytes;
    for (const auto& [key, stored] : facts_.tensors) {
      if (key.layer >= 0) bytes[key.type] += static_cast<double>(stored.bytes);
    }
    const auto most =
        std::max_element(bytes.begin(), bytes.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    if (most == bytes.end()) return;
    if (most->first == "FP8") config_.quant.packing = Packing::kFp8;
    if (most->first == "NVFP4") config_.quant.packing = Packing::kNvfp4;
    if (most->first == "MXFP4") config_.quant.packing = Packing::kMxfp4;
  }

  absl::Status Format() {
    FindPacking();
    facts_.form =
        config_.quant.packing == Packing::kMlx || mlx_ ? FileForm::kMlx : FileForm::kSafetensors;
    facts_.architecture = config_.model_type;
    facts_.model_type = config_.whole_type;
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
    return Printable(name, name.size());
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
      case Packing::kMixed:
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
      case Packing::kMixed:
        return QuantizedMixed();
    }
  }

  // Several formats: called after all of them, planned with the kernels of the one that most bytes
  // are in.
  void QuantizedMixed() {
    std::map<std::string, double> bytes;
    for (const auto& [key, stored] : facts_.tensors) {
      const bool plain = key.type == "BF16" || key.type == "F16" || key.type == "F32";
      if (key.layer >= 0 && !plain) bytes[key.type] += static_cast<double>(stored.bytes);
    }
    facts_.quantization = absl::StrCat(config_.quant.method, ", mixed:");
    double most = 0;
    for (const auto& [type, sum] : bytes) {
      absl::StrAppend(&facts_.quantization, most == 0 ? " " : ", ", type);
      if (sum <= most) continue;
      most = sum;
      facts_.kernel_like = type.substr(0, type.find(' '));
    }
    for (char& c : facts_.kernel_like) c = static_cast<char>(std::tolower(c));
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
  std::set<int> layers_;  // those that have tensors
  int last_layer_ = -1;   // that has any, stated or not
  std::set<int> recurrent_layers_;
  std::set<int> attention_layers_;
  int corrected_ = 0;  // layers whose projections contradict the config
  std::uint64_t stated_keys_ = 0;
  std::uint64_t found_keys_ = 0;
  int unknown_caches_ = 0;  // layers of an unknown architecture
  int unknown_states_ = 0;
  std::set<int> moe_layers_;
  std::set<int> mlp_layers_;
  std::uint64_t embedding_rows_ = 0;
  double embedding_width_ = 0;
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

absl::StatusOr<FileFacts> CheckpointFacts(Folder& folder) {
  absl::StatusOr<FileFacts> facts = Directory(folder).Run();
  if (!facts.ok()) return Shown(facts.status());
  return facts;
}

absl::StatusOr<Description> DescribeDirectory(const std::string& path, const std::string& id,
                                              const catalog::Catalog& catalog) {
  if (absl::Status status = CheckDirectory(path); !status.ok()) return Shown(status);
  DiskFolder folder(path);
  absl::StatusOr<FileFacts> facts = CheckpointFacts(folder);
  if (!facts.ok()) return facts.status();
  return Compose(*std::move(facts), folder.path(), id, catalog);
}

}  // namespace capacity::modelfile
