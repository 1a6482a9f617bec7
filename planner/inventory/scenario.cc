// LoadScenario: an inventory, the overlays it is asked for, and what those extend.
#include <deque>
#include <filesystem>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/inventory/draft.h"
#include "planner/inventory/inventory.h"
#include "planner/inventory/scenario_yaml.h"

namespace capacity::inventory {
namespace {

constexpr std::size_t kMaxChain = 32;  // overlays extending overlays

// One spelling for every path to a file.
std::string Identity(const std::string& file) {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::weakly_canonical(file, error);
  return error ? file : path.string();
}

// Follows `extends` and applies each document to what it extends.
class Layers {
 public:
  Layers(const DocumentReader& read, Problems& problems) : read_(read), problems_(problems) {}

  // The inventory itself, or an overlay that extends one.
  void ReadBase(const std::string& file) {
    Open(file, nullptr);
    if (!draft_ && problems_.empty()) {
      problems_.Add({file, 0, 0, "a what-if has no nodes of its own",
                     "add `extends:` with the inventory that it changes"});
    }
  }

  void ReadOverlay(const std::string& file) {
    overlay_ = true;
    Open(file, nullptr);
  }

  std::optional<Draft>& draft() { return draft_; }

 private:
  void Open(const std::string& file, const Value* extends);
  void OpenExtended(const Document& document, const Value& extends);
  void Apply(Document& document, const Value* extends);
  std::string Chain(const std::string& file) const;

  const DocumentReader& read_;
  Problems& problems_;
  std::deque<Document> documents_;
  std::optional<Draft> draft_;
  std::set<std::string> applied_;
  std::vector<std::string> open_;  // the chain of files being read, as written
  bool overlay_ = false;           // an overlay's chain is being read, not the base's
};

std::string Layers::Chain(const std::string& file) const {
  std::string chain;
  for (const std::string& open : open_) absl::StrAppend(&chain, open, " -> ");
  return absl::StrCat(chain, file);
}

void Layers::Open(const std::string& file, const Value* extends) {
  ParsedDocument parsed = read_(file);
  for (Diagnostic& problem : parsed.problems) {
    // A file that cannot be read at all is a mistake of whoever names it.
    if (extends != nullptr && problem.line == 0) {
      problems_.Add(*extends, absl::StrCat("extends ", file, ": ", problem.problem));
    } else {
      problems_.Add(std::move(problem));
    }
  }
  if (!parsed.document) return;
  documents_.push_back(std::move(*parsed.document));
  open_.push_back(file);
  Apply(documents_.back(), extends);
  applied_.insert(Identity(file));
  open_.pop_back();
}

void Layers::OpenExtended(const Document& document, const Value& extends) {
  if (!extends.is_scalar()) {
    problems_.Add(extends, absl::StrCat("extends is ", Describe(extends)), "write one file");
    return;
  }
  const std::filesystem::path beside = std::filesystem::path(document.file()).parent_path();
  const std::string file = (beside / extends.text).lexically_normal().string();
  for (const std::string& open : open_) {
    if (Identity(open) != Identity(file)) continue;
    problems_.Add(extends, absl::StrCat("what-ifs extend each other in a circle: ", Chain(file)));
    return;
  }
  if (open_.size() >= kMaxChain) {
    problems_.Add(extends, absl::StrCat("more than ", kMaxChain, " files extend each other"));
    return;
  }
  if (applied_.count(Identity(file)) == 0) Open(file, &extends);
}

void Layers::Apply(Document& document, const Value* extends) {
  const Value& root = document.root();
  const std::string inventory(kInventorySchema);
  const std::string what_if(kWhatIfSchema);
  std::string schema = what_if;
  {
    Fields fields(root, overlay_ ? "what-if" : "inventory", problems_);
    if (!fields.valid()) return;
    if (fields.Find("schema") == nullptr) {
      problems_.Add(root, "the file does not say what it is",
                    absl::StrCat("start it with `schema: ", overlay_ ? what_if : inventory, "`"));
      return;
    }
    const std::optional<std::string> stated = fields.OneOf("schema", {inventory, what_if});
    if (!stated) return;
    schema = *stated;
  }
  if (schema == inventory) {
    if (overlay_) {
      problems_.Add(
          extends != nullptr ? *extends : *root.Find("schema"),
          absl::StrCat(document.file(), " is an inventory and another one is already the base"),
          absl::StrCat("a what-if starts with `schema: ", what_if, "`"));
      return;
    }
    draft_ = DraftOf(document, problems_);
    return;
  }
  if (const Value* further = root.Find("extends")) OpenExtended(document, *further);
  if (draft_) ApplyOverlay(document, *draft_, problems_);
}

}  // namespace

Loaded<fleet::Scenario> LoadScenarioWith(const DocumentReader& read,
                                         const catalog::Catalog& catalog,
                                         const std::string& inventory_file,
                                         const std::vector<std::string>& overlay_files) {
  Problems problems;
  Layers layers(read, problems);
  layers.ReadBase(inventory_file);
  for (const std::string& overlay : overlay_files) layers.ReadOverlay(overlay);
  if (!layers.draft()) return {std::nullopt, problems.Take()};
  fleet::Scenario scenario = ReadScenario(catalog, *layers.draft(), problems);
  if (!problems.empty()) return {std::nullopt, problems.Take()};
  return {std::move(scenario), {}};
}

Loaded<fleet::Scenario> LoadScenario(const catalog::Catalog& catalog,
                                     const std::string& inventory_file,
                                     const std::vector<std::string>& overlay_files) {
  return LoadScenarioWith(
      [](const std::string& file) { return ReadDocument(file, DocumentLimits{}); }, catalog,
      inventory_file, overlay_files);
}

}  // namespace capacity::inventory
