#include "planner/catalog/catalog.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace capacity::catalog {
namespace {

template <class Enum, std::size_t N>
using NameTable = std::array<std::pair<Enum, const char*>, N>;

constexpr NameTable<AttentionKind, 7> kAttentionNames = {{
    {AttentionKind::kGqa, "gqa"},
    {AttentionKind::kMla, "mla"},
    {AttentionKind::kMlaSparse, "mla-sparse"},
    {AttentionKind::kSliding, "sliding"},
    {AttentionKind::kChunked, "chunked"},
    {AttentionKind::kHybridDeltaNet, "hybrid-deltanet"},
    {AttentionKind::kHybridMamba2, "hybrid-mamba2"},
}};
constexpr NameTable<Engine, 6> kEngineNames = {{
    {Engine::kLlamaCpp, "llama.cpp"},
    {Engine::kMlx, "mlx"},
    {Engine::kVllm, "vllm"},
    {Engine::kExo, "exo"},
    {Engine::kOllama, "ollama"},
    {Engine::kOther, "other"},
}};
constexpr NameTable<Condition, 3> kConditionNames = {{
    {Condition::kNew, "new"},
    {Condition::kUsed, "used"},
    {Condition::kRefurbished, "refurbished"},
}};

template <class Enum, std::size_t N>
const char* NameIn(const NameTable<Enum, N>& table, Enum value) {
  for (const auto& [candidate, name] : table) {
    if (candidate == value) return name;
  }
  return "unknown";
}

template <class Enum, std::size_t N>
std::optional<Enum> ParseIn(const NameTable<Enum, N>& table, std::string_view name) {
  for (const auto& [value, candidate] : table) {
    if (name == candidate) return value;
  }
  return std::nullopt;
}

// Entries later in the file win, so that a user's file can correct a shipped entry.
template <class Entry>
void IndexNames(const std::vector<Entry>& entries, std::map<std::string, int, std::less<>>& index) {
  index.clear();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    for (const std::string& alias : entries[i].aliases)
      index[NormalizeId(alias)] = static_cast<int>(i);
  }
  for (std::size_t i = 0; i < entries.size(); ++i) {
    index[NormalizeId(entries[i].id)] = static_cast<int>(i);
  }
}

template <class Entry>
const Entry* Look(const std::vector<Entry>& entries,
                  const std::map<std::string, int, std::less<>>& index, std::string_view name) {
  auto it = index.find(name);
  if (it == index.end()) it = index.find(NormalizeId(name));
  return it == index.end() ? nullptr : &entries[static_cast<std::size_t>(it->second)];
}

}  // namespace

const char* Name(AttentionKind kind) { return NameIn(kAttentionNames, kind); }
std::optional<AttentionKind> ParseAttentionKind(std::string_view name) {
  return ParseIn(kAttentionNames, name);
}
const char* Name(Engine engine) { return NameIn(kEngineNames, engine); }
std::optional<Engine> ParseEngine(std::string_view name) { return ParseIn(kEngineNames, name); }
const char* Name(Condition condition) { return NameIn(kConditionNames, condition); }
std::optional<Condition> ParseCondition(std::string_view name) {
  return ParseIn(kConditionNames, name);
}

const char* Name(Platform platform) {
  switch (platform) {
    case Platform::kMetal:
      return "metal";
    case Platform::kCuda:
      return "cuda";
    case Platform::kRocm:
      return "rocm";
    case Platform::kCpu:
      return "cpu";
  }
  return "unknown";
}

const char* Name(OperatingSystem os) {
  switch (os) {
    case OperatingSystem::kMacos:
      return "macos";
    case OperatingSystem::kLinux:
      return "linux";
    case OperatingSystem::kWindows:
      return "windows";
  }
  return "unknown";
}

const char* Name(Transport transport) {
  switch (transport) {
    case Transport::kNone:
      return "none";
    case Transport::kRdma:
      return "rdma";
    case Transport::kTcp:
      return "tcp";
    case Transport::kPcie:
      return "pcie";
  }
  return "unknown";
}

const TensorBits* Quantization::BitsFor(Engine engine) const {
  auto it = bits_by_engine.find(engine);
  if (it != bits_by_engine.end()) return &it->second;
  return bits ? &*bits : nullptr;
}

std::optional<TensorBits> Quantization::BitsFor(Engine engine,
                                                const Architecture& architecture) const {
  const TensorBits* usual = BitsFor(engine);
  if (usual == nullptr) return std::nullopt;
  TensorBits kept = *usual;
  if (bits_moe && architecture.is_moe()) kept = *bits_moe;
  constexpr int kSuperBlock = 256;  // weights
  if (unaligned_expert_bits && architecture.expert_ffn_size.value_or(0) % kSuperBlock != 0) {
    kept.experts = *unaligned_expert_bits;
  }
  if (bits_unaligned && row_multiple && architecture.hidden_size % *row_multiple != 0) {
    kept = *bits_unaligned;
  }
  if (mamba_attention_16_bit && architecture.attention == AttentionKind::kHybridMamba2) {
    const double attention = architecture.full_attention_layers.value_or(0);
    const double mixers = attention + architecture.recurrent_layers.value_or(0);
    const double at_16 = mixers > 0 ? std::min(1.0, 2 * attention / mixers) : 0;
    kept.dense = usual->dense;
    kept.mixer = usual->dense + (16 - usual->dense) * at_16;
  }
  return kept;
}

Platform Chip::platform() const {
  if (vendor == "apple") return Platform::kMetal;
  if (vendor == "nvidia") return Platform::kCuda;
  if (vendor == "amd") return Platform::kRocm;
  return Platform::kCpu;
}

void Catalog::Index() {
  IndexNames(models, model_index_);
  IndexNames(quantizations, quant_index_);
  for (const Quantization& quant : quantizations) {
    if (quant.family == "mlx") continue;  // conversions: nothing is released as one
    for (const std::string& model : quant.native_to) {
      const auto held = model_index_.find(NormalizeId(model));
      if (held != model_index_.end()) {
        models[static_cast<std::size_t>(held->second)].released_quantized = true;
      }
    }
  }
  IndexNames(chips, chip_index_);
  IndexNames(machines, machine_index_);
  IndexNames(links, link_index_);
  item_index_.clear();
  for (std::size_t i = 0; i < items.size(); ++i) item_index_[items[i].id] = static_cast<int>(i);
  cloud_index_.clear();
  for (std::size_t i = 0; i < cloud_models.size(); ++i) {
    cloud_index_[cloud_models[i].id] = static_cast<int>(i);
  }
  equivalent_index_.clear();
  for (std::size_t i = 0; i < frontier_equivalents.size(); ++i) {
    equivalent_index_[frontier_equivalents[i].model] = static_cast<int>(i);
  }
  preset_index_.clear();
  for (std::size_t i = 0; i < workload_presets.size(); ++i) {
    preset_index_[NormalizeId(workload_presets[i].id)] = static_cast<int>(i);
  }
  artifact_index_.clear();
  for (std::size_t i = 0; i < artifacts.size(); ++i) {
    auto [it, inserted] =
        artifact_index_.try_emplace({artifacts[i].model, artifacts[i].quant}, static_cast<int>(i));
    const Artifact& held = artifacts[static_cast<std::size_t>(it->second)];
    if (!inserted && artifacts[i].exact && !held.exact) it->second = static_cast<int>(i);
  }
}

const Model* Catalog::FindModel(std::string_view name) const {
  return Look(models, model_index_, name);
}
const Quantization* Catalog::FindQuantization(std::string_view name) const {
  return Look(quantizations, quant_index_, name);
}
const Chip* Catalog::FindChip(std::string_view name) const {
  return Look(chips, chip_index_, name);
}
const Machine* Catalog::FindMachine(std::string_view name) const {
  return Look(machines, machine_index_, name);
}
const Link* Catalog::FindLink(std::string_view name) const {
  return Look(links, link_index_, name);
}
const InterconnectItem* Catalog::FindItem(std::string_view name) const {
  return Look(items, item_index_, name);
}
const CloudModel* Catalog::FindCloudModel(std::string_view name) const {
  return Look(cloud_models, cloud_index_, name);
}

const Artifact* Catalog::FindArtifact(std::string_view model, std::string_view quant) const {
  auto it = artifact_index_.find({std::string(model), std::string(quant)});
  return it == artifact_index_.end() ? nullptr : &artifacts[static_cast<std::size_t>(it->second)];
}

const FrontierEquivalent* Catalog::FindFrontierEquivalent(std::string_view model) const {
  return Look(frontier_equivalents, equivalent_index_, model);
}

const WorkloadPreset* Catalog::FindWorkloadPreset(std::string_view name) const {
  return Look(workload_presets, preset_index_, name);
}

const PriceOffer* Catalog::FindOffer(std::string_view item, Condition condition) const {
  const PriceOffer* newest = nullptr;
  for (const PriceOffer& offer : offers) {
    if (offer.item != item || offer.condition != condition || !offer.available) continue;
    if (newest == nullptr || offer.provenance.as_of >= newest->provenance.as_of) newest = &offer;
  }
  return newest;
}

std::string NormalizeId(std::string_view name) {
  std::string out;
  out.reserve(name.size());
  for (char c : name) {
    out.push_back(c == ' ' || c == '_'
                      ? '-'
                      : static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  }
  return out;
}

}  // namespace capacity::catalog
