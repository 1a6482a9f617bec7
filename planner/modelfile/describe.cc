#include "planner/modelfile/describe.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/catalog/recognize.h"
#include "planner/modelfile/composed.h"
#include "planner/modelfile/shown_text.h"

namespace capacity::modelfile {
namespace {

using catalog::LayerCache;
using Kind = TensorClass;

constexpr int kMostLayers = 4'096;      // llama.cpp stops at 512
constexpr double kMostBytes = 1e18;     // of one model; a sum of them fits 63 bits
constexpr double kUnknownShare = 0.01;  // of the bytes; below it nobody needs to hear

Bytes ToBytes(double bytes) { return Bytes{static_cast<std::int64_t>(bytes)}; }

bool InDecoder(Kind kind) { return kind != Kind::kMtp && kind != Kind::kTower; }

// An id that no model of the catalogue has, nor a name of one.
std::string FreeId(const catalog::Catalog& catalog, const std::string& id) {
  std::string free = id;
  for (int i = 1; catalog.FindModel(free) != nullptr; ++i) {
    free = i == 1 ? absl::StrCat(id, "-file") : absl::StrCat(id, "-file-", i);
  }
  return free;
}

double BitsOf(double bytes, double parameters, double otherwise) {
  return parameters > 0 ? bytes * 8 / parameters : otherwise;
}

class Composer {
 public:
  Composer(FileFacts facts, const std::string& path, const std::string& id,
           const catalog::Catalog& catalog)
      : facts_(std::move(facts)), path_(path), wanted_id_(id), catalog_(catalog) {}

  absl::StatusOr<Description> Run() {
    if (absl::Status status = CheckLayers(); !status.ok()) return status;
    SumUp();
    if (absl::Status status = CheckSums(); !status.ok()) return status;
    Identify();
    FillModel();
    FillFormat();
    FillArtifact();
    Warn();
    return std::move(out_);
  }

 private:
  absl::Status CheckLayers() {
    const int layers = facts_.shape.layers;
    if (layers <= 0 || layers > kMostLayers) {
      return absl::InvalidArgumentError(
          absl::StrCat(path_, ": ", layers, " layers; a text model has 1 to ", kMostLayers));
    }
    facts_.cache.resize(static_cast<std::size_t>(layers));
    return absl::OkStatus();
  }

  // Blocks behind the last layer predict further tokens.
  Kind KindOf(const StoredKey& key) const {
    return key.layer >= facts_.shape.layers ? Kind::kMtp : key.kind;
  }

  void SumUp() {
    out_.layers.resize(static_cast<std::size_t>(facts_.shape.layers));
    std::vector<double> layer_bytes(out_.layers.size());
    std::array<double, kTensorClasses> class_bytes{};
    std::array<std::map<std::string, std::pair<double, double>>, kTensorClasses> types;
    for (const auto& [key, stored] : facts_.tensors) {
      const Kind kind = KindOf(key);
      const auto index = static_cast<std::size_t>(kind);
      const auto bytes = static_cast<double>(stored.bytes);
      ClassTotal& total = out_.classes[index];
      total.tensors += stored.tensors;
      total.parameters += stored.parameters;
      class_bytes[index] += bytes;
      types[index][key.type].first += stored.parameters;
      types[index][key.type].second += bytes;
      all_bytes_ += bytes;
      if (!InDecoder(kind)) {
        other_bytes_ += bytes;
      } else if (key.layer >= 0) {
        const auto layer = static_cast<std::size_t>(key.layer);
        out_.layers[layer].parameters += stored.parameters;
        layer_bytes[layer] += bytes;
      } else if (kind == Kind::kEmbedding || kind == Kind::kLookup) {
        input_bytes_ += bytes;
      } else {
        output_bytes_ += bytes;
      }
    }
    if (all_bytes_ > kMostBytes) return;
    for (std::size_t i = 0; i < layer_bytes.size(); ++i) {
      out_.layers[i].bytes = ToBytes(layer_bytes[i]);
    }
    for (std::size_t i = 0; i < types.size(); ++i) {
      out_.classes[i].bytes = ToBytes(class_bytes[i]);
      for (const auto& [type, sums] : types[i]) {
        out_.classes[i].types.push_back({type, sums.first, ToBytes(sums.second)});
      }
      std::stable_sort(out_.classes[i].types.begin(), out_.classes[i].types.end(),
                       [](const TypeShare& a, const TypeShare& b) { return b.bytes < a.bytes; });
    }
  }

  absl::Status CheckSums() {
    if (all_bytes_ > kMostBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat(path_, ": the tensors have more than 10^18 bytes in all"));
    }
    if (Parameters(Kind::kEmbedding) <= 0 && Parameters(Kind::kHead) <= 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(path_, ": no token embedding and no output matrix; this is no text model"));
    }
    if (all_bytes_ - other_bytes_ - input_bytes_ - output_bytes_ <= 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(path_, ": the layers have no tensors; this is no text model"));
    }
    return absl::OkStatus();
  }

  double Parameters(Kind kind) const { return out_.Of(kind).parameters; }
  double BytesIn(Kind kind) const { return static_cast<double>(out_.Of(kind).bytes.count); }
  bool tied() const { return Parameters(Kind::kHead) <= 0; }
  double DecoderParameters() const {
    double sum = 0;
    for (int i = 0; i < kTensorClasses; ++i) {
      const auto kind = static_cast<Kind>(i);
      if (InDecoder(kind)) sum += Parameters(kind);
    }
    return sum;
  }

  void Identify() {
    out_.path = path_;
    out_.form = facts_.form;
    out_.files = facts_.files;
    out_.architecture = facts_.architecture;
    out_.known_architecture = facts_.known_architecture;
    out_.name = facts_.name;
    out_.quantization = facts_.quantization;
    out_.model.id = wanted_id_.empty() ? FreeId(catalog_, IdFromPath(path_)) : wanted_id_;
    std::vector<std::string> names = facts_.other_names;
    names.insert(names.begin(), facts_.name);
    names.push_back(path_);
    for (const std::string& name : names) {
      if (name.empty()) continue;
      const catalog::Recognized found = catalog::Recognize(
          catalog_, {.engine = "",
                     .name = name,
                     .quant_name = "",
                     .parameters = static_cast<std::uint64_t>(DecoderParameters()),
                     .bytes = std::nullopt});
      if (found.model == nullptr || found.model->own_file) continue;
      out_.same_as = found.model->id;
      return;
    }
  }

  void FillModel() {
    catalog::Model& model = out_.model;
    model.name = facts_.name.empty() ? model.id : facts_.name;
    model.license = facts_.license;
    model.model_type = facts_.model_type;
    if (facts_.max_context && *facts_.max_context > 0) {
      model.max_context = static_cast<int>(std::min<std::int64_t>(*facts_.max_context, 1 << 30));
    }
    model.architecture = facts_.shape;
    model.architecture.tied_embeddings = tied();
    model.fp8_block_scales = facts_.fp8_block_scales;
    model.unknown_architecture = !facts_.known_architecture;
    FillParameters(model);
    FillCache(model.kv_cache);
    model.provenance = {absl::StrCat("the file ", path_), ""};
  }

  void FillParameters(catalog::Model& model) {
    const catalog::Architecture& shape = model.architecture;
    catalog::ParameterCounts& counts = model.parameters;
    const double embedding = Parameters(Kind::kEmbedding);
    const double experts = Parameters(Kind::kExperts);
    const double lookup = Parameters(Kind::kLookup);
    counts.total = DecoderParameters();
    counts.head = tied() ? embedding : Parameters(Kind::kHead);
    counts.embedding = embedding;
    if (experts > 0) counts.routed_experts = experts;
    if (lookup > 0) counts.not_read = lookup;
    if (Parameters(Kind::kTower) > 0) counts.towers = Parameters(Kind::kTower);
    const double idle_experts =
        shape.is_moe()
            ? experts * (1 - static_cast<double>(shape.experts_per_token) / shape.experts)
            : 0;
    counts.decode_read = *counts.total - (tied() ? 0 : embedding) - idle_experts - lookup;
  }

  void FillCache(catalog::KvCache& cache) {
    constexpr double kBytesAt16Bits = 2;
    double global = 0;
    for (const LayerCache& layer : facts_.cache) {
      const double bytes = kBytesAt16Bits * (static_cast<double>(layer.key_cells_per_token) +
                                             layer.value_cells_per_token);
      (layer.windowed ? cache.window_bytes_per_token_bf16 : global) += bytes;
      cache.recurrent_state_bytes += layer.state_bytes;
    }
    cache.global_bytes_per_token_bf16 = global;
    cache.layers = facts_.cache;
  }

  // Effective bits by class. What is neither expert nor head nor embedding counts as dense, so that
  // the classes sum to the file.
  catalog::TensorBits Bits() const {
    double dense = 0;
    double dense_bytes = 0;
    for (Kind kind : {Kind::kSharedExpert, Kind::kMlp, Kind::kAttention, Kind::kRecurrent,
                      Kind::kRouter, Kind::kNorm, Kind::kOther}) {
      dense += Parameters(kind);
      dense_bytes += BytesIn(kind);
    }
    catalog::TensorBits bits;
    bits.dense = BitsOf(dense_bytes, dense, 16);
    bits.experts = BitsOf(BytesIn(Kind::kExperts), Parameters(Kind::kExperts), bits.dense);
    bits.embedding = BitsOf(BytesIn(Kind::kEmbedding), Parameters(Kind::kEmbedding), 16);
    bits.head = tied() ? bits.embedding : BitsOf(BytesIn(Kind::kHead), Parameters(Kind::kHead), 16);
    return bits;
  }

  void FillFormat() {
    const catalog::Quantization* known =
        facts_.quant_id.empty() ? nullptr : catalog_.FindQuantization(facts_.quant_id);
    if (known != nullptr) {
      out_.quant = *known;
      return;
    }
    out_.quant_is_new = true;
    catalog::Quantization& quant = out_.quant;
    quant.id = absl::StrCat(facts_.kernel_like.empty() ? Name(facts_.form) : facts_.kernel_like,
                            "-", out_.model.id);
    quant.family = Name(facts_.form);
    quant.engines = facts_.engines;
    quant.native_to = {out_.model.id};
    quant.uncommon = true;
    quant.bits = Bits();
    const catalog::TensorBits& bits = *quant.bits;
    quant.nominal_bits = Parameters(Kind::kExperts) > 0 ? bits.experts : bits.dense;
    quant.notes = facts_.quantization;
    quant.provenance = out_.model.provenance;
  }

  void FillArtifact() {
    catalog::Artifact& artifact = out_.artifact;
    artifact.model = out_.model.id;
    artifact.quant = out_.quant.id;
    artifact.name = path_;
    artifact.bytes = ToBytes(all_bytes_);
    artifact.exact = true;
    artifact.bits = Bits();
    artifact.provenance = out_.model.provenance;
    catalog::FileLayout layout;
    layout.input = ToBytes(input_bytes_);
    for (const LayerTotal& layer : out_.layers) layout.layers.push_back(layer.bytes);
    layout.output = ToBytes(output_bytes_);
    layout.tied = tied();
    layout.other = ToBytes(other_bytes_);
    artifact.layout = std::move(layout);
    out_.model.own_file = catalog::OwnFile{path_, out_.quant.id, facts_.engines, out_.same_as};
  }

  void Warn() {
    out_.warnings = std::move(facts_.warnings);
    if (!facts_.known_architecture) {
      out_.warnings.insert(
          out_.warnings.begin(),
          absl::StrCat("architecture \"", facts_.architecture,
                       "\" is not known: planned from the sizes of its tensors, speeds with a "
                       "wider interval"));
    }
    if (static_cast<double>(facts_.unknown_bytes) > kUnknownShare * all_bytes_) {
      out_.warnings.push_back(absl::StrCat(
          "tensors with unknown names, ",
          static_cast<int>(
              std::lround(static_cast<double>(facts_.unknown_bytes) * 100 / all_bytes_)),
          " % of the bytes, are taken to be read for every token"));
    }
  }

  FileFacts facts_;
  const std::string& path_;
  const std::string& wanted_id_;
  const catalog::Catalog& catalog_;
  Description out_;
  double all_bytes_ = 0;
  double input_bytes_ = 0;
  double output_bytes_ = 0;
  double other_bytes_ = 0;
};

}  // namespace

const char* Name(FileForm form) {
  switch (form) {
    case FileForm::kGguf:
      return "gguf";
    case FileForm::kMlx:
      return "mlx";
    case FileForm::kSafetensors:
      return "safetensors";
  }
  return "unknown";
}

void FileFacts::Add(TensorClass kind, int layer, std::string_view type, double parameters,
                    std::uint64_t bytes) {
  Stored& stored = tensors[{kind, layer, std::string(type)}];
  ++stored.tensors;
  stored.parameters += parameters;
  // Beyond 63 bits the sum stays where it is; Compose refuses far less.
  if (__builtin_add_overflow(stored.bytes, bytes, &stored.bytes)) stored.bytes = ~std::uint64_t{0};
}

std::optional<int> Count(std::optional<double> number) {
  constexpr double kMost = 1 << 30;
  if (!number || !(*number >= 0) || *number > kMost || *number != std::floor(*number)) {
    return std::nullopt;
  }
  return static_cast<int>(*number);
}

absl::StatusOr<Description> Compose(FileFacts facts, const std::string& path, const std::string& id,
                                    const catalog::Catalog& catalog) {
  absl::StatusOr<Description> description = Composer(std::move(facts), path, id, catalog).Run();
  if (!description.ok()) return Shown(description.status());
  for (std::string& warning : description->warnings) warning = Shown(warning);
  return description;
}

std::string IdFromPath(std::string_view path) {
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  constexpr std::string_view kExtension = ".gguf";
  constexpr std::size_t kPart = 15;  // "-00001-of-00002"
  if (name.size() > kExtension.size() &&
      name.substr(name.size() - kExtension.size()) == kExtension) {
    name.remove_suffix(kExtension.size());
    if (name.size() > kPart && name.substr(name.size() - 9, 4) == "-of-") name.remove_suffix(kPart);
  }
  constexpr std::size_t kLongest = 80;
  std::string id;
  for (const char c : name.substr(0, kLongest)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool kept = byte < 0x80 && (std::isalnum(byte) != 0 || c == '.' || c == '_');
    if (kept) {
      id += static_cast<char>(std::tolower(byte));
    } else if (!id.empty() && id.back() != '-') {
      id += '-';
    }
  }
  while (!id.empty() && id.back() == '-') id.pop_back();
  return id.empty() ? "model" : id;
}

absl::Status AddTo(const Description& description, catalog::Catalog& catalog) {
  const std::string& id = description.model.id;
  if (catalog.FindModel(id) != nullptr) {
    return absl::AlreadyExistsError(
        absl::StrCat("the catalogue already has a model \"", id, "\"; name another with --id"));
  }
  catalog.models.push_back(description.model);
  if (description.quant_is_new) catalog.quantizations.push_back(description.quant);
  catalog.artifacts.push_back(description.artifact);
  catalog.Index();
  return absl::OkStatus();
}

}  // namespace capacity::modelfile
