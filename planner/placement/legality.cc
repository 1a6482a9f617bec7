#include "planner/placement/legality.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "planner/placement/placement.h"

namespace capacity::placement {
namespace {

using catalog::Engine;
using catalog::Platform;
using catalog::Transport;
using throughput::Strategy;

bool Contains(const std::vector<std::string>& list, std::string_view entry) {
  return std::find(list.begin(), list.end(), entry) != list.end();
}

// EXO runs on CUDA only as the partner of a Mac.
bool RunsOn(Engine engine, Platform platform) {
  switch (engine) {
    case Engine::kLlamaCpp:
    case Engine::kOllama:
      return true;
    case Engine::kMlx:
      return platform == Platform::kMetal;
    case Engine::kExo:
      return platform == Platform::kMetal || platform == Platform::kCuda;
    case Engine::kVllm:
      return platform == Platform::kCuda || platform == Platform::kRocm;
    case Engine::kOther:
      return false;
  }
  return false;
}

class Check {
 public:
  Check(const Combination& c, Reasons& reasons) : c_(c), reasons_(reasons) {
    for (int index : *c.nodes) {
      const fleet::Node& node = NodeAt(index);
      platforms_ |= 1u << static_cast<unsigned>(node.chip->platform());
      ranks_ += DevicesOf(node);
    }
  }

  void Run() {
    for (void (Check::*step)() : {&Check::Platforms, &Check::Shape, &Check::StrategyOfEngine,
                                  &Check::LinkBetween, &Check::Divisibility}) {
      (this->*step)();
      if (reasons_.settled()) return;
    }
  }

 private:
  const fleet::Node& NodeAt(int index) const {
    return c_.fleet->nodes()[static_cast<std::size_t>(index)];
  }
  std::size_t count() const { return c_.nodes->size(); }
  bool has(Platform platform) const {
    return (platforms_ >> static_cast<unsigned>(platform) & 1u) != 0;
  }
  bool mixed() const { return (platforms_ & (platforms_ - 1)) != 0; }
  bool splits() const {
    return c_.strategy == Strategy::kTensor || c_.strategy == Strategy::kPipeline;
  }

  void Platforms() {
    for (int index : *c_.nodes) {
      const fleet::Node& node = NodeAt(index);
      const Platform platform = node.chip->platform();
      if (!RunsOn(c_.engine, platform)) {
        reasons_.Add([&] {
          return absl::StrCat(Name(c_.engine), " does not run on ", node.name, " (", Name(platform),
                              ")");
        });
      } else if (!c_.quant->platforms.empty() && !Contains(c_.quant->platforms, Name(platform))) {
        reasons_.Add([&] {
          return absl::StrCat(c_.quant->id, " runs on ", absl::StrJoin(c_.quant->platforms, ", "),
                              " only; ", node.name, " is ", Name(platform));
        });
      }
      if (!c_.quant->chip_generations.empty() &&
          !Contains(c_.quant->chip_generations, node.chip->generation)) {
        reasons_.Add([&] {
          return absl::StrCat(c_.quant->id, " needs a chip of generation ",
                              absl::StrJoin(c_.quant->chip_generations, " or "), "; ", node.name,
                              " has ", node.chip->id);
        });
      }
      if (reasons_.settled()) return;
    }
    if (c_.engine == Engine::kExo && !has(Platform::kMetal)) {
      reasons_.Add([] { return std::string("EXO uses a CUDA node only together with a Mac"); });
    }
  }

  // Whether the strategy makes sense for this many nodes and devices.
  void Shape() {
    switch (c_.strategy) {
      case Strategy::kSingle:
        if (count() != 1) {
          reasons_.Add([&] { return absl::StrCat("single means one node, not ", count()); });
        }
        return;
      case Strategy::kReplicas:
      case Strategy::kTensor:
      case Strategy::kPipeline:
        if (ranks_ < 2) {
          reasons_.Add([&] {
            return absl::StrCat(Name(c_.strategy), " needs at least two nodes or cards");
          });
        }
        return;
      case Strategy::kDisaggregated:
        if (count() != 2 || !has(Platform::kMetal) || !has(Platform::kCuda)) {
          reasons_.Add([] {
            return std::string(
                "disaggregated prefill pairs one CUDA node (prefill) with one Mac (decode)");
          });
        }
        return;
    }
  }

  void StrategyOfEngine() {
    if (c_.strategy == Strategy::kDisaggregated && c_.engine != Engine::kExo) {
      Refuse("only EXO splits prefill and decode between nodes");
    }
    if (c_.strategy == Strategy::kTensor && mixed()) {
      Refuse("no engine runs tensor parallelism across Metal and CUDA; a pipeline does");
    }
    if (c_.strategy == Strategy::kTensor &&
        (c_.engine == Engine::kLlamaCpp || c_.engine == Engine::kOllama)) {
      reasons_.Add([&] { return absl::StrCat(Name(c_.engine), " splits layers, not tensors"); });
    }
    if (c_.strategy == Strategy::kPipeline && count() > 1) {
      if (c_.engine == Engine::kOllama) Refuse("ollama runs on one node");
      if (mixed() && c_.engine != Engine::kExo && c_.engine != Engine::kLlamaCpp) {
        Refuse("across Metal and CUDA only EXO and llama.cpp RPC run a pipeline");
      }
    }
  }

  void LinkBetween() {
    if (count() < 2 || c_.strategy == Strategy::kReplicas) return;
    if (c_.joint == nullptr || c_.joint->link == nullptr) {
      return reasons_.Add([&] {
        return absl::StrCat("no link joins ", NodeNames(), ", and ", Name(c_.strategy),
                            " needs one");
      });
    }
    const catalog::Link& link = *c_.joint->link;
    if (link.transport == Transport::kNone || link.transport == Transport::kPcie) {
      return reasons_.Add([&] { return absl::StrCat(link.id, " does not join machines"); });
    }
    CheckCables(link);
    if (reasons_.settled()) return;
    if (!EngineUses(link)) {
      reasons_.Add([&] {
        return absl::StrCat(Name(c_.engine), " does not run ", Name(c_.strategy), " over ",
                            link.id);
      });
    }
  }

  // The catalogue's list is of engines that use the link as what it is. A cable that does RDMA also
  // carries IP, and a pipeline's hops need no more.
  bool EngineUses(const catalog::Link& link) const {
    if (c_.strategy != Strategy::kTensor && link.transport == Transport::kRdma) return true;
    return link.engines.empty() ||
           std::find(link.engines.begin(), link.engines.end(), c_.engine) != link.engines.end();
  }

  // What tensor parallelism needs of the cables is a full mesh; of a pipeline or a pair, a row.
  void CheckCables(const catalog::Link& link) {
    const bool every_pair = c_.strategy == Strategy::kTensor;
    if (every_pair ? c_.joint->full_mesh : c_.joint->chain) return;
    CheckHardware(every_pair ? fleet::FullMesh(link, Sorted()) : Row(link));
    if (reasons_.settled()) return;
    reasons_.Add([&] {
      std::vector<std::string> pairs;
      for (const auto& [a, b] : c_.joint->missing) {
        pairs.push_back(absl::StrCat(NodeAt(a).name, " - ", NodeAt(b).name));
      }
      return absl::StrCat(
          "no ", link.id, " between ", absl::StrJoin(pairs, ", "), "; ", Name(c_.strategy),
          every_pair ? " needs one between every pair" : " needs the nodes joined in a row",
          link.direct_cable.empty() ? "" : absl::StrCat(" (", link.direct_cable, ")"));
    });
  }

  // Ports, generation, OS and RDMA state, if the nodes were joined like this. (The fleet's own
  // links were checked when it was made.)
  void CheckHardware(const fleet::LinkGroup& group) {
    for (std::string& violation : fleet::LinkViolations(c_.fleet->nodes(), group)) {
      reasons_.Add([&] { return std::move(violation); });
    }
  }

  std::vector<int> Sorted() const {
    std::vector<int> nodes = *c_.nodes;
    std::sort(nodes.begin(), nodes.end());
    return nodes;
  }
  fleet::LinkGroup Row(const catalog::Link& link) const {
    fleet::LinkGroup group;
    group.link = &link;
    group.members = Sorted();
    for (std::size_t i = 1; i < group.members.size(); ++i) {
      group.pairs.push_back({group.members[i - 1], group.members[i]});
    }
    return group;
  }

  void Divisibility() {
    if (!splits()) return;
    const catalog::Architecture& a = c_.model->architecture;
    if (c_.strategy == Strategy::kPipeline) {
      if (a.layers < ranks_) {
        reasons_.Add([&] { return absl::StrCat(a.layers, " layers cannot be dealt to ", ranks_); });
      }
      return;
    }
    const auto divides = [&](int number, const char* what) {
      if (number % ranks_ == 0) return;
      reasons_.Add([&] {
        return absl::StrCat(number, " ", what, " do not divide by ", ranks_,
                            "; an equal tensor split is impossible");
      });
    };
    divides(a.heads, "attention heads");
    if (reasons_.settled()) return;
    if (c_.engine != Engine::kVllm) divides(a.hidden_size, "hidden units");
    if (reasons_.settled() || a.is_mla()) return;
    // vLLM gives several ranks a copy of one kv head; the MLX family does not.
    if (c_.engine == Engine::kVllm && a.kv_heads > 0 && ranks_ % a.kv_heads == 0) return;
    divides(a.kv_heads, "kv heads");
  }

  std::string NodeNames() const {
    std::vector<std::string> names;
    for (int index : *c_.nodes) names.push_back(NodeAt(index).name);
    return absl::StrJoin(names, ", ");
  }

  void Refuse(const char* text) {
    reasons_.Add([&] { return std::string(text); });
  }

  const Combination& c_;
  Reasons& reasons_;
  unsigned platforms_ = 0;  // one bit for each Platform
  int ranks_ = 0;
};

}  // namespace

int DevicesOf(const fleet::Node& node) { return node.cards(); }

namespace {

// Of a model that is a file of the user's there is that file, and the engines that load it.
void CheckOwnFile(const catalog::Model& model, const catalog::Quantization& quant,
                  catalog::Engine engine, Reasons& reasons) {
  const catalog::OwnFile& file = *model.own_file;
  if (quant.id != file.quant) {
    reasons.Add(
        [&] { return absl::StrCat(file.path, " is in ", file.quant, ", not in ", quant.id); });
  }
  if (reasons.settled()) return;
  if (std::find(file.engines.begin(), file.engines.end(), engine) == file.engines.end()) {
    reasons.Add([&] { return absl::StrCat(Name(engine), " does not load ", file.path); });
  }
}

}  // namespace

void CheckFormat(const catalog::Model& model, const catalog::Quantization& quant,
                 catalog::Engine engine, Reasons& reasons) {
  if (std::find(quant.engines.begin(), quant.engines.end(), engine) == quant.engines.end()) {
    reasons.Add([&] { return absl::StrCat(Name(engine), " does not load ", quant.id); });
  }
  if (reasons.settled()) return;
  if (model.own_file) return CheckOwnFile(model, quant, engine, reasons);
  if (!quant.native_to.empty() && !Contains(quant.native_to, model.id)) {
    reasons.Add([&] {
      return absl::StrCat(quant.id, " exists for ", absl::StrJoin(quant.native_to, ", "),
                          " only, not for ", model.id);
    });
  }
}

void CheckCombination(const Combination& combination, Reasons& reasons) {
  Check(combination, reasons).Run();
}

std::vector<std::string> LegalityViolations(const fleet::Fleet& fleet,
                                            const std::vector<int>& nodes,
                                            const catalog::Model& model,
                                            const catalog::Quantization& quant,
                                            catalog::Engine engine, throughput::Strategy strategy,
                                            const catalog::Link* link) {
  Reasons reasons(Reasons::Detail::kAll);
  Joint joint;
  if (link != nullptr && nodes.size() > 1) joint = Topology(fleet).Join(nodes, link);
  CheckFormat(model, quant, engine, reasons);
  CheckCombination({&fleet, &nodes, &model, &quant, engine, strategy, &joint}, reasons);
  return reasons.Take();
}

}  // namespace capacity::placement
