#include "planner/inventory/draft.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace capacity::inventory {
namespace {

// The text of a field without judging it: entries are read, and complained about, once, later.
std::string Glance(const Value& entry, std::string_view key) {
  const Value* value = entry.Find(key);
  return value != nullptr && value->is_scalar() ? value->text : "";
}

// The count of a node entry; 1 where it makes no sense.
int GlanceCount(const Value& entry) {
  int count = 1;
  if (!absl::SimpleAtoi(Glance(entry, "count"), &count)) return 1;
  return count >= 1 && count <= kMaxNodes ? count : 1;
}

// The copies of a node entry. "spark" with count 2 is spark-1 and spark-2, and both are "spark".
std::vector<DraftNode> Copies(const Value& entry, const std::string& default_name) {
  std::string name = Glance(entry, "name");
  if (name.empty()) name = default_name;
  if (name.empty()) name = Glance(entry, "machine");
  const bool counted = entry.Find("count") != nullptr;
  if (!counted) return {{name, name, &entry}};
  std::vector<DraftNode> copies;
  for (int i = 1; i <= GlanceCount(entry); ++i) {
    copies.push_back({absl::StrCat(name, "-", i), name, &entry});
  }
  return copies;
}

// Adds copies of `entry` at `position`, unless that makes more nodes than anybody has.
void InsertCopies(const Value& entry, const std::string& default_name, std::size_t position,
                  Draft& draft, Problems& problems) {
  std::vector<DraftNode> copies = Copies(entry, default_name);
  if (draft.nodes.size() + copies.size() > kMaxNodes) {
    problems.Add(entry, absl::StrCat("more than ", kMaxNodes, " nodes in all"));
    return;
  }
  for (const DraftNode& copy : copies) draft.removed_nodes.erase(copy.name);
  if (!copies.empty()) draft.removed_nodes.erase(copies[0].group);
  draft.nodes.insert(draft.nodes.begin() + static_cast<std::ptrdiff_t>(position),
                     std::make_move_iterator(copies.begin()),
                     std::make_move_iterator(copies.end()));
}

std::string LinkName(const Value& entry) {
  const std::string name = Glance(entry, "name");
  return name.empty() ? Glance(entry, "kind") : name;
}
std::string WorkloadName(const Value& entry) { return Glance(entry, "name"); }
std::string OfferName(const Value& entry) {
  const std::string machine = Glance(entry, "machine");
  return machine.empty() ? Glance(entry, "item") : machine;
}
std::string NoName(const Value&) { return ""; }

// A list of an inventory other than its nodes.
struct Section {
  std::string_view key;
  std::string_view what;
  std::vector<DraftEntry> Draft::* list;
  std::string (*name_of)(const Value&);
};
constexpr Section kSections[] = {
    {"links", "link", &Draft::links, LinkName},
    {"measurements", "measurement", &Draft::measurements, NoName},
    {"workloads", "workload", &Draft::workloads, WorkloadName},
    {"offers", "offer", &Draft::offers, OfferName},
};

// Appends the lists of an inventory, or of the `add` of a what-if.
void AppendLists(Fields& fields, Draft& draft, Problems& problems) {
  for (const Value* entry : fields.List("nodes")) {
    InsertCopies(*entry, "", draft.nodes.size(), draft, problems);
  }
  for (const Section& section : kSections) {
    for (const Value* entry : fields.List(section.key)) {
      (draft.*section.list).push_back({section.name_of(*entry), entry});
    }
  }
}

// ---------------------------------------------------------------- overlays

// `base` with the fields of `patch` in place of its own; maps within are merged in turn.
const Value& Merge(Document& document, const Value& base, const Value& patch) {
  if (!base.is_map() || !patch.is_map()) return patch;
  Value& merged = document.Add(Value::Kind::kMap);
  merged.file = base.file;
  merged.line = base.line;
  merged.column = base.column;
  for (const Value::Entry& entry : base.entries) {
    const Value* changed = patch.Find(entry.key->text);
    const Value* value =
        changed == nullptr ? entry.value : &Merge(document, *entry.value, *changed);
    merged.entries.push_back({entry.key, value});
  }
  for (const Value::Entry& entry : patch.entries) {
    if (base.Find(entry.key->text) == nullptr) merged.entries.push_back(entry);
  }
  return merged;
}

// Applies the operations of one what-if.
class Overlay {
 public:
  Overlay(Document& document, Draft& draft, Problems& problems)
      : document_(document), draft_(draft), problems_(problems) {}

  void Remove(const Value& value) {
    Fields fields(value, "remove", problems_);
    for (const Word& word : fields.References("nodes")) RemoveNode(word);
    for (const Section& section : kSections) {
      if (section.name_of == NoName) continue;
      std::vector<DraftEntry>& list = draft_.*section.list;
      for (const Word& word : fields.References(section.key)) {
        if (Known(section, word)) {
          std::erase_if(list, [&](const DraftEntry& entry) { return entry.name == word.text; });
        }
      }
    }
    fields.ReportUnknown();
  }

  void Replace(const Value& value) {
    Fields fields(value, "replace", problems_);
    ForEachNamed(fields, "nodes", [this](const Word& name, const Value& entry) {
      ReplaceNode(name, entry, name.text);
    });
    for (const Section& section : kSections) {
      if (section.name_of == NoName) continue;
      ForEachNamed(fields, section.key, [&](const Word& name, const Value& entry) {
        ReplaceEntry(section, name, entry);
      });
    }
    fields.ReportUnknown();
  }

  void Change(const Value& value) {
    Fields fields(value, "change", problems_);
    ForEachNamed(fields, "nodes",
                 [this](const Word& name, const Value& patch) { ChangeNode(name, patch); });
    for (const Section& section : kSections) {
      if (section.name_of == NoName) continue;
      ForEachNamed(fields, section.key, [&](const Word& name, const Value& patch) {
        ChangeEntries(section, name, patch);
      });
    }
    if (const Value* patch = fields.Find("economics")) {
      draft_.economics =
          draft_.economics == nullptr ? patch : &Merge(document_, *draft_.economics, *patch);
    }
    fields.ReportUnknown();
  }

  void Add(const Value& value) {
    Fields fields(value, "add", problems_);
    AppendLists(fields, draft_, problems_);
    fields.ReportUnknown();
  }

 private:
  // Calls `use(name, value)` for each entry of the map under `key`.
  template <class Use>
  void ForEachNamed(Fields& fields, std::string_view key, Use use) {
    const Value* map = fields.Find(key);
    if (map == nullptr) return;
    if (!map->is_map()) {
      problems_.Add(*map, absl::StrCat(std::string(key), " is ", Describe(*map)),
                    "write `name: {field: value}` for each");
      return;
    }
    for (const Value::Entry& entry : map->entries) {
      use(Word{entry.key->text, entry.key}, *entry.value);
    }
  }

  static bool Is(const DraftNode& node, const std::string& name) {
    return node.name == name || node.group == name;
  }

  // Where the nodes called `name` start; nullopt, reported, when there are none.
  std::optional<std::size_t> FindNode(const Word& name) {
    const auto it = std::find_if(draft_.nodes.begin(), draft_.nodes.end(),
                                 [&](const DraftNode& node) { return Is(node, name.text); });
    if (it != draft_.nodes.end()) return static_cast<std::size_t>(it - draft_.nodes.begin());
    std::vector<std::string> names;
    for (const DraftNode& node : draft_.nodes) {
      if (names.empty() || names.back() != node.group) names.push_back(node.group);
    }
    problems_.AddUnknown(*name.at, "node", name.text, names);
    return std::nullopt;
  }

  void RemoveNode(const Word& name) {
    if (!FindNode(name)) return;
    draft_.removed_nodes.insert(name.text);
    std::erase_if(draft_.nodes, [&](const DraftNode& node) {
      if (!Is(node, name.text)) return false;
      draft_.removed_nodes.insert(node.name);
      return true;
    });
    ForgetEmptyGroups(name.text);
  }

  // "spark" stays a name for links while one of its copies is left.
  void ForgetEmptyGroups(const std::string& name) {
    for (const DraftNode& node : draft_.nodes) {
      if (node.group == name) draft_.removed_nodes.erase(name);
    }
  }

  void ReplaceNode(const Word& name, const Value& entry, const std::string& new_name) {
    const std::optional<std::size_t> position = FindNode(name);
    if (!position) return;
    const std::string group = draft_.nodes[*position].group;
    RemoveNode(name);
    // A copy that is replaced stays one of its group.
    InsertCopies(entry, new_name, *position, draft_, problems_);
    if (group == name.text || entry.Find("count") != nullptr) return;
    if (*position < draft_.nodes.size() && draft_.nodes[*position].value == &entry) {
      draft_.nodes[*position].group = group;
      draft_.removed_nodes.erase(group);
    }
  }

  void ChangeNode(const Word& name, const Value& patch) {
    const std::optional<std::size_t> position = FindNode(name);
    if (!position) return;
    if (const Value* renamed = patch.Find("name")) {
      problems_.Add(*renamed, "a change cannot rename a node", "use replace");
      return;
    }
    if (const Value* count = patch.Find("count")) {
      if (draft_.nodes[*position].group != name.text) {
        problems_.Add(*count,
                      absl::StrCat(name.text, " is one copy of ", draft_.nodes[*position].group),
                      absl::StrCat("change the count of ", draft_.nodes[*position].group));
        return;
      }
      ReplaceNode(name, Merge(document_, *draft_.nodes[*position].value, patch), name.text);
      return;
    }
    // Copies share their entry and keep sharing it.
    std::map<const Value*, const Value*> merged;
    for (DraftNode& node : draft_.nodes) {
      if (!Is(node, name.text)) continue;
      const auto [it, added] = merged.try_emplace(node.value, nullptr);
      if (added) it->second = &Merge(document_, *node.value, patch);
      node.value = it->second;
    }
  }

  bool Known(const Section& section, const Word& name) {
    const std::vector<DraftEntry>& list = draft_.*section.list;
    std::vector<std::string> names;
    for (const DraftEntry& entry : list) {
      if (entry.name == name.text) return true;
      names.push_back(entry.name);
    }
    problems_.AddUnknown(*name.at, section.what, name.text, names);
    return false;
  }

  void ReplaceEntry(const Section& section, const Word& name, const Value& entry) {
    if (!Known(section, name)) return;
    std::vector<DraftEntry>& list = draft_.*section.list;
    const auto same = [&](const DraftEntry& held) { return held.name == name.text; };
    const auto first = std::find_if(list.begin(), list.end(), same);
    const DraftEntry replacement{name.text, &WithName(section, name, entry)};
    *first = replacement;
    list.erase(std::remove_if(std::next(first), list.end(), same), list.end());
  }

  // A replacement need not repeat the name it stands under.
  const Value& WithName(const Section& section, const Word& name, const Value& entry) {
    if (!entry.is_map() || !section.name_of(entry).empty()) return entry;
    Value& named = document_.Add(Value::Kind::kMap);
    named.line = entry.line;
    named.column = entry.column;
    Value& key = document_.Add(Value::Kind::kScalar);
    key.text = section.key == "offers" ? "item" : "name";
    named.entries.push_back({&key, name.at});
    named.entries.insert(named.entries.end(), entry.entries.begin(), entry.entries.end());
    return named;
  }

  void ChangeEntries(const Section& section, const Word& name, const Value& patch) {
    if (!Known(section, name)) return;
    if (!patch.is_map()) {
      problems_.Add(patch, absl::StrCat(Describe(patch), " stands where fields are expected"),
                    "write `field: value`");
      return;
    }
    for (DraftEntry& entry : draft_.*section.list) {
      if (entry.name != name.text) continue;
      entry.value = &Merge(document_, *entry.value, patch);
      entry.name = section.name_of(*entry.value);
    }
  }

  Document& document_;
  Draft& draft_;
  Problems& problems_;
};

std::string Stem(const std::string& file) { return std::filesystem::path(file).stem().string(); }

}  // namespace

Draft DraftOf(const Document& document, Problems& problems) {
  Draft draft;
  Fields fields(document.root(), "inventory", problems);
  fields.Require({"schema", "nodes"});
  fields.Find("schema");
  draft.name = fields.Text("name").value_or(Stem(document.file()));
  fields.Text("description");
  AppendLists(fields, draft, problems);
  draft.buy_only = fields.Find("buy_only");
  draft.economics = fields.Find("economics");
  fields.ReportUnknown();
  return draft;
}

void ApplyOverlay(Document& document, Draft& draft, Problems& problems) {
  Fields fields(document.root(), "what-if", problems);
  fields.Require({"schema"});
  fields.Find("extends");
  const std::string name = fields.Text("name").value_or(Stem(document.file()));
  fields.Text("description");
  draft.name = absl::StrCat(draft.name, " + ", name);
  Overlay overlay(document, draft, problems);
  if (const Value* value = fields.Find("remove")) overlay.Remove(*value);
  if (const Value* value = fields.Find("replace")) overlay.Replace(*value);
  if (const Value* value = fields.Find("change")) overlay.Change(*value);
  if (const Value* value = fields.Find("add")) overlay.Add(*value);
  if (const Value* value = fields.Find("buy_only")) draft.buy_only = value;
  fields.ReportUnknown();
}

}  // namespace capacity::inventory
