#include "planner/inventory/catalog_yaml.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "planner/inventory/catalog_entries.h"

namespace capacity::inventory {
namespace {

// What makes an entry the same as one of an earlier file.
template <class Entry>
std::string KeyOf(const Entry& entry) {
  return entry.id;
}
std::string KeyOf(const catalog::MetalLimit& limit) {
  return absl::StrCat(limit.ram.count, " bytes from macOS ", limit.macos_min);
}
std::string KeyOf(const catalog::FrontierEquivalent& equivalent) { return equivalent.model; }
std::string KeyOf(const catalog::PriceDecline& decline) { return decline.baseline; }

template <class Entry>
std::vector<std::string> Ids(const std::vector<Entry>& entries) {
  std::vector<std::string> ids;
  for (const Entry& entry : entries) ids.push_back(entry.id);
  return ids;
}

}  // namespace

class CatalogReader::State {
 public:
  explicit State(Problems& problems) : problems_(problems) {}

  void Read(const Document& document);
  catalog::Catalog Finish();

 private:
  // Something that an entry refers to by id, checked once all files are read.
  enum class Target { kModel, kQuantization, kChip, kOfferItem, kInterconnectItem, kCloudModel };
  struct PendingReference {
    Target target;
    Word word;
  };

  // Where an entry stands in its list.
  struct Place {
    std::size_t index;
    const Value* at;
  };

  // Adds `entry`, or replaces the one of the same key from an earlier file.
  template <class Entry>
  void Keep(std::vector<Entry>& list, std::string_view section, const Value& at, Entry entry) {
    const std::string key = KeyOf(entry);
    if (key.empty()) return;  // reported as missing
    const auto [it, added] =
        places_.try_emplace(absl::StrCat(std::string(section), "/", key), Place{list.size(), &at});
    if (added) {
      list.push_back(std::move(entry));
      return;
    }
    if (it->second.at->file == at.file) {
      problems_.Add(at, absl::StrCat("a second ", std::string(section), " \"", key, "\""),
                    absl::StrCat("the first is on line ", it->second.at->line));
      return;
    }
    it->second.at = &at;
    list[it->second.index] = std::move(entry);
  }

  void Refer(Target target, const Value& entry, std::string_view key);
  void ReferToEach(Target target, const Value& entry, std::string_view key);
  void Resolve(const PendingReference& reference);
  template <class Entry, class Belongs>
  void MakeRoom(std::vector<Entry>& list, std::string key, const Value& at, Belongs belongs);
  void KeepArtifact(const Value& at, catalog::Artifact artifact);
  void ReadHosted(const Value& value);
  void ReadEntry(std::string_view section, const Value& value);

  Problems& problems_;
  catalog::Catalog catalog_;
  std::map<std::string, Place> places_;
  std::vector<PendingReference> references_;
  std::map<std::string, const std::string*> list_files_;  // which file last gave a whole list
};

void CatalogReader::State::Refer(Target target, const Value& entry, std::string_view key) {
  const Value* value = entry.Find(key);
  if (value != nullptr && value->is_scalar()) {
    references_.push_back({target, {value->text, value}});
  }
}

void CatalogReader::State::ReferToEach(Target target, const Value& entry, std::string_view key) {
  const Value* list = entry.Find(key);
  if (list == nullptr) return;
  for (const Value* item : list->items) {
    if (item->is_scalar()) references_.push_back({target, {item->text, item}});
  }
}

// A list that one file gives for `key` as a whole: the rows of an earlier file go.
template <class Entry, class Belongs>
void CatalogReader::State::MakeRoom(std::vector<Entry>& list, std::string key, const Value& at,
                                    Belongs belongs) {
  const auto [it, added] = list_files_.try_emplace(std::move(key), at.file);
  if (added || it->second == at.file) return;
  it->second = at.file;
  std::erase_if(list, belongs);
}

void CatalogReader::State::KeepArtifact(const Value& at, catalog::Artifact artifact) {
  MakeRoom(catalog_.artifacts, absl::StrCat("artifact/", artifact.model, "/", artifact.quant), at,
           [&](const catalog::Artifact& held) {
             return held.model == artifact.model && held.quant == artifact.quant;
           });
  catalog_.artifacts.push_back(std::move(artifact));
}

void CatalogReader::State::ReadHosted(const Value& value) {
  Fields fields(value, "hosted", problems_);
  fields.Require({"model", "offers"});
  const std::string model = fields.Text("model").value_or("");
  Refer(Target::kModel, value, "model");
  MakeRoom(catalog_.hosted, absl::StrCat("hosted/", model), value,
           [&](const catalog::HostedOffer& held) { return held.model == model; });
  for (const Value* item : fields.List("offers")) {
    Fields offer_fields(*item, "hosted_offer", problems_);
    catalog::HostedOffer offer = ReadHostedOffer(offer_fields);
    offer_fields.ReportUnknown();
    offer.model = model;
    catalog_.hosted.push_back(std::move(offer));
  }
  fields.ReportUnknown();
}

void CatalogReader::State::ReadEntry(std::string_view section, const Value& value) {
  if (section == "hosted") return ReadHosted(value);
  Fields fields(value, section, problems_);
  if (!fields.valid()) return;
  catalog::Catalog& out = catalog_;
  if (section == "model") {
    catalog::Model model = ReadModel(fields, problems_);
    Refer(Target::kQuantization, value, "released_as");
    if (const Value* file = value.Find("own_file")) {
      Refer(Target::kModel, *file, "same_as");
      Refer(Target::kQuantization, *file, "quant");
    }
    Keep(out.models, section, value, std::move(model));
  } else if (section == "quantization") {
    catalog::Quantization quant = ReadQuantization(fields, problems_);
    ReferToEach(Target::kModel, value, "native_to");
    Keep(out.quantizations, section, value, std::move(quant));
  } else if (section == "kv_cache_type") {
    catalog::KvCacheType type = ReadKvCacheType(fields, problems_);
    Keep(out.kv_cache_types, section, value, std::move(type));
  } else if (section == "artifact") {
    Refer(Target::kModel, value, "model");
    Refer(Target::kQuantization, value, "quant");
    KeepArtifact(value, ReadArtifact(fields, problems_));
  } else if (section == "chip") {
    catalog::Chip chip = ReadChip(fields, problems_);
    Keep(out.chips, section, value, std::move(chip));
  } else if (section == "machine") {
    catalog::Machine machine = ReadMachine(fields, problems_);
    Refer(Target::kChip, value, "chip");
    ReferToEach(Target::kChip, value, "other_chips");
    Keep(out.machines, section, value, std::move(machine));
  } else if (section == "metal_limit") {
    catalog::MetalLimit limit = ReadMetalLimit(fields);
    Keep(out.metal_limits, section, value, std::move(limit));
  } else if (section == "link") {
    catalog::Link link = ReadLink(fields, problems_);
    Refer(Target::kInterconnectItem, value, "direct_cable");
    ReferToEach(Target::kInterconnectItem, value, "switch");
    Keep(out.links, section, value, std::move(link));
  } else if (section == "item") {
    catalog::InterconnectItem item = ReadItem(fields);
    Keep(out.items, section, value, std::move(item));
  } else if (section == "offer") {
    catalog::PriceOffer offer = ReadOffer(fields);
    Refer(Target::kOfferItem, value, "item");
    Keep(out.offers, section, value, std::move(offer));
  } else if (section == "cloud_model") {
    catalog::CloudModel model = ReadCloudModel(fields);
    Keep(out.cloud_models, section, value, std::move(model));
  } else if (section == "frontier_equivalent") {
    catalog::FrontierEquivalent equivalent = ReadFrontierEquivalent(fields);
    Refer(Target::kModel, value, "model");
    Refer(Target::kCloudModel, value, "cloud_model");
    Keep(out.frontier_equivalents, section, value, std::move(equivalent));
  } else if (section == "decline") {
    catalog::PriceDecline decline = ReadDecline(fields);
    Keep(out.declines, section, value, std::move(decline));
  } else if (section == "workload_preset") {
    catalog::WorkloadPreset preset = ReadWorkloadPreset(fields);
    Keep(out.workload_presets, section, value, std::move(preset));
  }
  fields.ReportUnknown();
}

void CatalogReader::State::Read(const Document& document) {
  // The list's key in the file, and what one of its entries is called.
  static constexpr std::pair<std::string_view, std::string_view> kSections[] = {
      {"models", "model"},
      {"quantizations", "quantization"},
      {"kv_cache_types", "kv_cache_type"},
      {"artifacts", "artifact"},
      {"chips", "chip"},
      {"machines", "machine"},
      {"metal_limits", "metal_limit"},
      {"links", "link"},
      {"items", "item"},
      {"offers", "offer"},
      {"cloud_models", "cloud_model"},
      {"hosted", "hosted"},
      {"frontier_equivalents", "frontier_equivalent"},
      {"declines", "decline"},
      {"workload_presets", "workload_preset"},
  };
  Fields fields(document.root(), "catalogue", problems_);
  fields.Require({"schema"});
  fields.OneOf("schema", {std::string(kCatalogSchema)});
  for (const auto& [key, section] : kSections) {
    for (const Value* value : fields.List(key)) ReadEntry(section, *value);
  }
  fields.ReportUnknown();
}

void CatalogReader::State::Resolve(const PendingReference& reference) {
  const std::string& text = reference.word.text;
  const Value& at = *reference.word.at;
  const auto missing = [&](const auto* found, std::string_view what, auto& list) {
    if (found == nullptr) problems_.AddUnknown(at, what, text, Ids(list));
  };
  switch (reference.target) {
    case Target::kModel:
      return missing(catalog_.FindModel(text), "model", catalog_.models);
    case Target::kQuantization:
      return missing(catalog_.FindQuantization(text), "quantization", catalog_.quantizations);
    case Target::kChip:
      return missing(catalog_.FindChip(text), "chip", catalog_.chips);
    case Target::kInterconnectItem:
      return missing(catalog_.FindItem(text), "item", catalog_.items);
    case Target::kCloudModel:
      return missing(catalog_.FindCloudModel(text), "cloud model", catalog_.cloud_models);
    case Target::kOfferItem:
      if (catalog_.FindItem(text) != nullptr) return;
      return missing(catalog_.FindMachine(text), "machine or item", catalog_.machines);
  }
}

catalog::Catalog CatalogReader::State::Finish() {
  catalog_.Index();
  for (const PendingReference& reference : references_) Resolve(reference);
  return std::move(catalog_);
}

CatalogReader::CatalogReader(Problems& problems) : state_(std::make_unique<State>(problems)) {}
CatalogReader::~CatalogReader() = default;
void CatalogReader::Read(const Document& document) { state_->Read(document); }
catalog::Catalog CatalogReader::Finish() { return state_->Finish(); }

}  // namespace capacity::inventory
