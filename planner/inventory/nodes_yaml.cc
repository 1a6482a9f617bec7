#include "planner/inventory/nodes_yaml.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/base/calendar.h"
#include "planner/base/parse.h"

namespace capacity::inventory {
namespace {

using fleet::LinkGroup;
using fleet::Node;
using fleet::SpeedMeasurement;

// ---------------------------------------------------------------- nodes

constexpr double kMostCards = 64;  // in one machine: more is a slip of the pen

// The chips that `machine` was sold with, its default first.
std::vector<std::string> ChipsOf(const catalog::Machine& machine) {
  std::vector<std::string> chips;
  if (!machine.chip.empty()) chips.push_back(machine.chip);
  chips.insert(chips.end(), machine.other_chips.begin(), machine.other_chips.end());
  return chips;
}

// Of a machine whose owner states the cards.
const catalog::Chip* ReadCard(const catalog::Catalog& catalog, const catalog::Machine& machine,
                              Fields& fields, Problems& problems) {
  fields.Require({"chip"});
  const std::optional<Word> name = fields.Reference("chip");
  if (!name) return nullptr;
  std::vector<std::string> cards;
  for (const catalog::Chip& chip : catalog.chips) {
    if (!chip.unified_memory) cards.push_back(chip.id);
  }
  const catalog::Chip* chip = catalog.FindChip(name->text);
  if (chip == nullptr) {
    problems.AddUnknown(*name->at, "card", name->text, cards);
  } else if (chip->unified_memory) {
    problems.Add(*name->at, absl::StrCat(chip->id, " is no card of a ", machine.id),
                 absl::StrCat("for example ", cards.empty() ? "" : cards.front()));
    return nullptr;
  }
  return chip;
}

const catalog::Chip* ReadChip(const catalog::Catalog& catalog, const catalog::Machine& machine,
                              Fields& fields, Problems& problems) {
  if (machine.chip.empty()) return ReadCard(catalog, machine, fields, problems);
  const std::optional<Word> name = fields.Reference("chip");
  const std::optional<int> cores = fields.Integer("gpu_cores", Between(1, 1e6));
  const std::vector<std::string> sold = ChipsOf(machine);
  if (name) {
    const catalog::Chip* chip = catalog.FindChip(name->text);
    if (chip == nullptr) {
      problems.AddUnknown(*name->at, "chip", name->text, IdsOf(catalog.chips));
      return nullptr;
    }
    if (std::find(sold.begin(), sold.end(), chip->id) == sold.end()) {
      problems.Add(*name->at, absl::StrCat(machine.id, " was not sold with ", chip->id),
                   absl::StrCat("it has ", Quoted(sold, " or ")));
      return nullptr;
    }
    if (cores && chip->gpu_cores && *cores != *chip->gpu_cores) {
      problems.Add(*fields.Find("gpu_cores"),
                   absl::StrCat(chip->id, " has ", *chip->gpu_cores, " GPU cores, not ", *cores),
                   "give chip or gpu_cores");
    }
    return chip;
  }
  if (!cores) return catalog.FindChip(machine.chip);
  std::vector<std::string> possible;
  for (const std::string& id : sold) {
    const catalog::Chip* chip = catalog.FindChip(id);
    if (chip == nullptr || !chip->gpu_cores) continue;
    if (*chip->gpu_cores == *cores) return chip;
    possible.push_back(absl::StrCat(*chip->gpu_cores));
  }
  problems.Add(
      *fields.Find("gpu_cores"),
      absl::StrCat(machine.id, " was not sold with ", *cores, " GPU cores"),
      possible.empty() ? "leave gpu_cores out" : absl::StrCat("it has ", Quoted(possible, " or ")));
  return nullptr;
}

// What no machine can report: more in use, or more for the GPU, than is installed.
void CheckMemory(const Node& node, Fields& fields, Problems& problems) {
  const Bytes installed = node.memory();
  if (node.machine->chip.empty() || node.machine->vram_per_accelerator || installed.count == 0) {
    return;
  }
  for (std::string_view key : {"memory_budget", "wired_limit", "memory_used"}) {
    const Value* value = fields.Find(key);
    const std::optional<Bytes>& size = key == "memory_budget" ? node.overrides.memory_budget
                                       : key == "wired_limit" ? node.overrides.wired_limit
                                                              : node.overrides.memory_used;
    if (value == nullptr || !size || *size <= installed) continue;
    problems.Add(*value,
                 absl::StrCat(std::string(key), " ", value->text, " is more than the ",
                              installed.gib(), " GiB installed"),
                 "state memory if the machine has more");
  }
}

// Cards are stated of machines that have some.
void CheckCards(const Node& node, Fields& fields, Problems& problems) {
  const bool cards = node.machine->chip.empty() || node.machine->vram_per_accelerator;
  for (std::string_view key : {"accelerators", "vram_per_accelerator"}) {
    const Value* value = fields.Find(key);
    if (value == nullptr || cards) continue;
    problems.Add(*value, absl::StrCat(node.machine->id, " has no cards"),
                 absl::StrCat("leave ", std::string(key), " out"));
  }
  if (node.machine->chip.empty() && node.chip != nullptr && node.vram_per_card().count == 0) {
    fields.Require({"vram_per_accelerator"});
  }
}

// A node without its name; chip or machine is null when that was reported.
Node ReadNode(const catalog::Catalog& catalog, const Value& value, Problems& problems) {
  Fields fields(value, "node", problems);
  Node node;
  fields.Require({"machine"});
  fields.Text("name");
  fields.Integer("count", Between(1, kMaxNodes));
  const std::optional<Word> machine = fields.Reference("machine");
  if (machine) {
    node.machine = catalog.FindMachine(machine->text);
    if (node.machine == nullptr) {
      problems.AddUnknown(*machine->at, "machine", machine->text, IdsOf(catalog.machines));
    }
  }
  if (node.machine != nullptr) {
    node.chip = ReadChip(catalog, *node.machine, fields, problems);
  } else {  // known fields all the same
    fields.Find("chip");
    fields.Find("gpu_cores");
  }
  if (const std::optional<Word> version = fields.Reference("os_version")) {
    node.os_version = fleet::ParseOsVersion(version->text);
    if (!node.os_version) {
      problems.Add(*version->at, absl::StrCat("os_version is \"", version->text, "\""),
                   "write for example 26.2");
    }
  }
  node.rdma_enabled = fields.Flag("rdma_enabled");
  node.overrides = {
      .memory = fields.Size("memory"),
      .accelerators = fields.Integer("accelerators", Between(1, kMostCards)),
      .vram_per_accelerator = fields.Size("vram_per_accelerator"),
      .memory_budget = fields.Size("memory_budget"),
      .wired_limit = fields.Size("wired_limit"),
      .memory_used = fields.Size("memory_used"),
      .memory_bandwidth = fields.Bandwidth("memory_bandwidth"),
      .idle_power = fields.Power("idle_w"),
      .load_power = fields.Power("load_w"),
      .resale_value = fields.Dollars("resale_value_usd"),
  };
  if (node.overrides.idle_power && node.overrides.load_power &&
      *node.overrides.idle_power > *node.overrides.load_power) {
    problems.Add(*fields.Find("idle_w"), "idle_w is more than load_w");
  }
  if (node.machine != nullptr) {
    CheckMemory(node, fields, problems);
    CheckCards(node, fields, problems);
  }
  fields.ReportUnknown();
  return node;
}

bool IsNodeName(const std::string& name) {
  constexpr std::size_t kLongest = 100;
  if (name.empty() || name.size() > kLongest) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != ',' && c != ':' && c != '"';
  });
}

std::string Today() {
  constexpr auto kZone = std::chrono::hours(14);  // it is tomorrow already somewhere
  const auto now = std::chrono::system_clock::now() + kZone;
  return CalendarDay(
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
}

// Nodes by their own name and by that of the counted entry they are a copy of.
using NodeNames = std::map<std::string, std::vector<int>, std::less<>>;

class FleetReader {
 public:
  FleetReader(const catalog::Catalog& catalog, const Draft& draft, Problems& problems)
      : catalog_(catalog), draft_(draft), problems_(problems) {}

  fleet::Fleet Read() {
    ReadNodes();
    for (const DraftEntry& entry : draft_.links) ReadLink(*entry.value);
    CheckPorts();
    for (const DraftEntry& entry : draft_.measurements) ReadMeasurement(*entry.value);
    if (!problems_.empty()) return {};
    absl::StatusOr<fleet::Fleet> made =
        fleet::Fleet::Create(std::move(nodes_), std::move(links_), std::move(measurements_));
    if (made.ok()) return *std::move(made);
    problems_.Add({draft_.name, 0, 0, std::string(made.status().message()), ""});
    return {};
  }

 private:
  void ReadNodes();
  void NameNode(const DraftNode& draft, int index);
  void ReadLink(const Value& value);
  void ReadPairs(Fields& fields, LinkGroup& group);
  std::vector<int> ReadMembers(Fields& fields, std::string_view key);
  std::vector<int> NodesCalled(const Word& word);
  std::optional<int> NodeCalled(const Value& value);
  void CheckPorts();
  void ReadMeasurement(const Value& value);
  const catalog::Link* ReadLinkKind(Fields& fields, std::string_view key);

  const catalog::Catalog& catalog_;
  const Draft& draft_;
  Problems& problems_;
  std::vector<Node> nodes_;
  std::vector<LinkGroup> links_;
  std::vector<const Value*> link_places_;
  std::vector<SpeedMeasurement> measurements_;
  NodeNames names_;
  std::vector<std::string> groups_;  // for suggestions
  // A name in the entry being read is no node: reported, or removed by a what-if.
  bool name_missing_ = false;
};

void FleetReader::ReadNodes() {
  const Value* read = nullptr;
  Node entry;
  for (const DraftNode& draft : draft_.nodes) {
    if (draft.value != read) {  // copies of one entry follow each other
      read = draft.value;
      entry = ReadNode(catalog_, *read, problems_);
      if (names_.count(draft.group) == 0) groups_.push_back(draft.group);
      if (!IsNodeName(draft.name) && read->is_map()) {
        const Value* name = read->Find("name");
        problems_.Add(name != nullptr ? *name : *read,
                      absl::StrCat("\"", draft.group, "\" cannot name a node"),
                      "use letters, digits and hyphens");
      }
    }
    nodes_.push_back(entry);
    nodes_.back().name = draft.name;
    NameNode(draft, static_cast<int>(nodes_.size()) - 1);
  }
}

void FleetReader::NameNode(const DraftNode& draft, int index) {
  std::vector<int>& same = names_[draft.name];
  const auto is_copy_name = [&](int other) {
    return nodes_[static_cast<std::size_t>(other)].name == draft.name;
  };
  if (std::any_of(same.begin(), same.end(), is_copy_name)) {
    const Value* name = draft.value->Find("name");
    problems_.Add(name != nullptr ? *name : *draft.value,
                  absl::StrCat("two nodes are named \"", draft.name, "\""),
                  name != nullptr ? "give each its own name" : "give each a name of its own");
  }
  same.push_back(index);
  if (draft.group != draft.name) names_[draft.group].push_back(index);
}

// ---------------------------------------------------------------- links

std::vector<int> FleetReader::NodesCalled(const Word& word) {
  const auto it = names_.find(word.text);
  if (it != names_.end()) return it->second;
  name_missing_ = true;
  if (draft_.removed_nodes.count(word.text) == 0) {
    problems_.AddUnknown(*word.at, "node", word.text, groups_);
  }
  return {};
}

// The single node that `value` names; nullopt, reported, when it names none or several.
std::optional<int> FleetReader::NodeCalled(const Value& value) {
  if (!value.is_scalar()) {
    problems_.Add(value, absl::StrCat(Describe(value), " stands where a node's name is expected"));
    return std::nullopt;
  }
  const std::vector<int> nodes = NodesCalled({value.text, &value});
  if (nodes.size() == 1) return nodes[0];
  name_missing_ = true;
  if (nodes.size() > 1) {
    problems_.Add(value, absl::StrCat("\"", value.text, "\" is ", nodes.size(), " nodes"),
                  absl::StrCat("name one of them, such as ",
                               nodes_[static_cast<std::size_t>(nodes[0])].name));
  }
  return std::nullopt;
}

// The nodes listed under `key`, ascending. A name listed twice is reported.
std::vector<int> FleetReader::ReadMembers(Fields& fields, std::string_view key) {
  std::vector<int> members;
  std::set<int> seen;
  for (const Word& word : fields.References(key)) {
    for (int node : NodesCalled(word)) {
      if (seen.insert(node).second) {
        members.push_back(node);
        continue;
      }
      problems_.Add(*word.at,
                    absl::StrCat(nodes_[static_cast<std::size_t>(node)].name, " is listed twice"));
      break;
    }
  }
  return members;
}

const catalog::Link* FleetReader::ReadLinkKind(Fields& fields, std::string_view key) {
  const std::optional<Word> word = fields.Reference(key);
  if (!word) return nullptr;
  const catalog::Link* link = catalog_.FindLink(word->text);
  if (link == nullptr) {
    std::vector<std::string> names;
    for (const catalog::Link& known : catalog_.links) {
      names.push_back(known.id);
      names.insert(names.end(), known.aliases.begin(), known.aliases.end());
    }
    problems_.AddUnknown(*word->at, "link", word->text, names);
  } else if (link->transport == catalog::Transport::kNone ||
             link->transport == catalog::Transport::kPcie) {
    problems_.Add(*word->at, absl::StrCat(link->id, " does not join nodes"),
                  "leave it out, or name a link between machines such as tcp-10gbe");
    return nullptr;
  }
  return link;
}

// Fills members and pairs from `pairs: [[a, b], ...]`.
void FleetReader::ReadPairs(Fields& fields, LinkGroup& group) {
  std::set<std::pair<int, int>> pairs;
  std::set<int> joined;
  for (const Value* item : fields.List("pairs")) {
    if (!item->is_list() || item->items.size() != 2) {
      problems_.Add(*item, absl::StrCat("a pair is ", Describe(*item)), "write [node, node]");
      continue;
    }
    const std::optional<int> a = NodeCalled(*item->items[0]);
    const std::optional<int> b = NodeCalled(*item->items[1]);
    if (!a || !b) continue;
    if (*a == *b) {
      problems_.Add(*item, "a node is paired with itself");
      name_missing_ = true;
      continue;
    }
    pairs.insert(std::minmax(*a, *b));
    joined.insert({*a, *b});
  }
  const std::vector<int> members = std::move(group.members);
  for (int member : members) {
    if (joined.count(member) > 0 || name_missing_) continue;
    problems_.Add(fields.value(), absl::StrCat(nodes_[static_cast<std::size_t>(member)].name,
                                               " is a member but in no pair"));
  }
  group.members.assign(joined.begin(), joined.end());
  group.pairs.assign(pairs.begin(), pairs.end());
  const std::size_t n = group.members.size();
  group.full_mesh = group.pairs.size() == n * (n - 1) / 2;
}

// Neighbours in the order in which the members are listed, and the last with the first.
LinkGroup Ring(const catalog::Link* link, const std::vector<int>& members) {
  LinkGroup group;
  group.link = link;
  std::set<std::pair<int, int>> pairs;
  for (std::size_t i = 0; members.size() > 1 && i < members.size(); ++i) {
    pairs.insert(std::minmax(members[i], members[(i + 1) % members.size()]));
  }
  group.pairs.assign(pairs.begin(), pairs.end());
  group.members = members;
  std::sort(group.members.begin(), group.members.end());
  group.full_mesh = members.size() <= 3;
  return group;
}

void FleetReader::ReadLink(const Value& value) {
  Fields fields(value, "link", problems_);
  if (!fields.valid()) return;
  name_missing_ = false;
  fields.Require({"kind"});
  fields.Text("name");
  const catalog::Link* link = ReadLinkKind(fields, "kind");
  std::vector<int> members = ReadMembers(fields, "members");
  const std::string topology =
      fields.OneOf("topology", {"full-mesh", "ring"}).value_or("full-mesh");
  const Value* pairs = fields.Find("pairs");
  LinkGroup group;
  if (pairs != nullptr) {
    if (const Value* stated = fields.Find("topology")) {
      problems_.Add(*stated, "a link has both topology and pairs", "keep one of them");
    }
    group.members = members;
    ReadPairs(fields, group);
    members = group.members;
  } else if (fields.Find("members") == nullptr) {
    problems_.Add(value, "link has neither \"members\" nor \"pairs\"");
  } else if (topology == "ring") {
    group = Ring(link, members);
  } else if (link != nullptr) {
    std::sort(members.begin(), members.end());
    group = fleet::FullMesh(*link, members);
  }
  group.link = link;
  constexpr double kMicro = 1e-6;
  constexpr Range kMicroseconds = Above(0, 1e7);
  if (auto us = fields.Number("all_reduce_us", kMicroseconds)) {
    group.all_reduce_latency = Seconds{*us * kMicro};
  }
  if (auto us = fields.Number("round_trip_us", kMicroseconds)) {
    group.round_trip = Seconds{*us * kMicro};
  }
  group.measured_bandwidth = fields.LineRate("bandwidth");
  fields.ReportUnknown();
  if (link == nullptr) return;
  if (members.size() < 2) {
    // Nodes that a what-if removed take their links with them; otherwise somebody forgot one.
    if (!name_missing_ && (fields.Find("members") != nullptr || pairs != nullptr)) {
      problems_.Add(value, absl::StrCat("a link joins at least two nodes, not ", members.size()));
    }
    return;
  }
  links_.push_back(std::move(group));
  link_places_.push_back(&value);
}

void FleetReader::CheckPorts() {
  constexpr std::size_t kShown = 8;  // of a link: a mesh of hundreds fails for each node alike
  const bool resolved = std::all_of(nodes_.begin(), nodes_.end(), [](const Node& node) {
    return node.machine != nullptr && node.chip != nullptr;
  });
  if (!resolved) return;
  bool sound = true;
  for (std::size_t i = 0; i < links_.size(); ++i) {
    const std::vector<std::string> violations = fleet::LinkViolations(nodes_, links_[i]);
    sound = sound && violations.empty();
    for (std::size_t v = 0; v < std::min(violations.size(), kShown); ++v) {
      problems_.Add(*link_places_[i], absl::StrCat(links_[i].link->id, ": ", violations[v]));
    }
    if (violations.size() > kShown) {
      problems_.Add(*link_places_[i], absl::StrCat(links_[i].link->id, ": ",
                                                   violations.size() - kShown, " more like these"));
    }
  }
  if (!sound) return;
  for (const fleet::PortShortage& shortage : fleet::PortShortages(nodes_, links_)) {
    const std::size_t i = static_cast<std::size_t>(shortage.group);
    problems_.Add(*link_places_[i], absl::StrCat(links_[i].link->id, ": ", shortage.problem));
  }
}

// ---------------------------------------------------------------- measurements

void FleetReader::ReadMeasurement(const Value& value) {
  Fields fields(value, "measurement", problems_);
  if (!fields.valid()) return;
  fields.Require({"model", "quant", "engine"});
  SpeedMeasurement out;
  name_missing_ = false;
  const std::optional<Word> node = fields.Reference("node");
  std::vector<int> alone;  // each of these was measured so
  if (node) alone = NodesCalled(*node);
  out.nodes = ReadMembers(fields, "nodes");
  std::sort(out.nodes.begin(), out.nodes.end());
  const bool cluster = fields.Find("nodes") != nullptr;
  if (node.has_value() == cluster) {
    problems_.Add(value, node ? "measurement has both \"node\" and \"nodes\""
                              : "measurement has neither \"node\" nor \"nodes\"");
  }
  if (const std::optional<Word> model = fields.Reference("model")) {
    out.model = catalog_.FindModel(model->text);
    if (out.model == nullptr) {
      problems_.AddUnknown(*model->at, "model", model->text, IdsOf(catalog_.models));
    }
  }
  if (const std::optional<Word> quant = fields.Reference("quant")) {
    out.quant = catalog_.FindQuantization(quant->text);
    if (out.quant == nullptr) {
      problems_.AddUnknown(*quant->at, "quantization", quant->text, IdsOf(catalog_.quantizations));
    }
  }
  using catalog::Engine;
  out.engine = fields
                   .Choice("engine", {Engine::kLlamaCpp, Engine::kMlx, Engine::kVllm, Engine::kExo,
                                      Engine::kOllama, Engine::kOther})
                   .value_or(Engine::kOther);
  out.strategy = fields.OneOf("strategy", {"single", "tensor", "pipeline"}).value_or("");
  if (cluster && out.nodes.size() > 1 && (out.strategy.empty() || out.strategy == "single")) {
    const Value* at = fields.Find("strategy");
    problems_.Add(at != nullptr ? *at : value,
                  "several nodes together are not a single-node measurement",
                  "write strategy: tensor or strategy: pipeline");
  }
  out.link = ReadLinkKind(fields, "link");
  constexpr Range kTokens = Between(0, 1e8);
  constexpr Range kSpeed = Above(0, 1e7);
  out.context_tokens = static_cast<int>(fields.Tokens("context", kTokens).value_or(0));
  out.prompt_tokens = static_cast<int>(fields.Tokens("prompt", kTokens).value_or(0));
  out.batch = fields.Integer("batch", Between(1, 1e6)).value_or(1);
  if (auto speed = fields.Number("decode_tps", kSpeed)) out.decode = TokensPerSecond{*speed};
  if (auto speed = fields.Number("prefill_tps", kSpeed)) out.prefill = TokensPerSecond{*speed};
  if (fields.Find("decode_tps") == nullptr && fields.Find("prefill_tps") == nullptr) {
    problems_.Add(value, "measurement has neither \"decode_tps\" nor \"prefill_tps\"");
  }
  out.as_of = fields.Text("as_of").value_or("");
  if (!out.as_of.empty() && !IsCalendarDate(out.as_of)) {
    problems_.Add(*fields.Find("as_of"), absl::StrCat("\"", out.as_of, "\" is no date"),
                  "a year, month or day: \"2026\", \"2026-11\", \"2026-11-20\"");
  } else if (const std::string today = Today(); out.as_of > today.substr(0, out.as_of.size())) {
    problems_.Add(*fields.Find("as_of"),
                  absl::StrCat("measured on ", out.as_of, ", and today is ", today), "");
  }
  fields.Text("source");
  fields.ReportUnknown();
  if (name_missing_) return;
  if (cluster && !out.nodes.empty()) measurements_.push_back(out);
  for (int index : alone) {
    out.nodes = {index};
    measurements_.push_back(out);
  }
}

}  // namespace

fleet::Fleet ReadFleet(const catalog::Catalog& catalog, const Draft& draft, Problems& problems) {
  return FleetReader(catalog, draft, problems).Read();
}

}  // namespace capacity::inventory
