#include "planner/answer/predict.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "planner/report/json.h"
#include "planner/report/text.h"

namespace capacity::answer {
namespace {

using placement::Placement;

constexpr int kMostNodes = 64;  // one cluster, not a fleet

// The index of the owned node of this name.
std::optional<int> FindNode(const fleet::Fleet* owned, const std::string& name) {
  if (owned == nullptr) return std::nullopt;
  const auto& nodes = owned->nodes();
  const auto it = std::find_if(nodes.begin(), nodes.end(),
                               [&](const fleet::Node& node) { return node.name == name; });
  if (it == nodes.end()) return std::nullopt;
  return static_cast<int>(it - nodes.begin());
}

// Names of owned nodes, "MACHINE", "MACHINE:COUNT" or "MACHINE/CHIP:COUNT" into nodes, all joined
// by `link`. FailedPrecondition when they need one.
absl::StatusOr<fleet::Fleet> MakeFleet(const catalog::Catalog& catalog, const fleet::Fleet* owned,
                                       const PredictQuestion& question, const catalog::Link* link) {
  std::vector<fleet::Node> nodes;
  for (const std::string& text : question.nodes) {
    if (const std::optional<int> own = FindNode(owned, text)) {
      nodes.push_back(owned->nodes()[static_cast<std::size_t>(*own)]);
      continue;
    }
    const std::vector<std::string> name_and_count = absl::StrSplit(text, absl::MaxSplits(':', 1));
    const std::vector<std::string> machine_and_chip =
        absl::StrSplit(name_and_count[0], absl::MaxSplits('/', 1));
    int count = 1;
    if (name_and_count.size() == 2 &&
        (!absl::SimpleAtoi(name_and_count[1], &count) || count < 1 || count > kMostNodes)) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", name_and_count[1], "\" is not a count between 1 and ", kMostNodes));
    }
    const catalog::Machine* machine = catalog.FindMachine(machine_and_chip[0]);
    if (machine == nullptr) {
      return absl::InvalidArgumentError(
          Unknown("machine", machine_and_chip[0], Ids(catalog.machines)));
    }
    const std::string chip_name =
        machine_and_chip.size() == 2 ? machine_and_chip[1] : machine->chip;
    const catalog::Chip* chip = catalog.FindChip(chip_name);
    if (chip == nullptr) {
      return absl::InvalidArgumentError(Unknown("chip", chip_name, Ids(catalog.chips)));
    }
    for (int i = 1; i <= count; ++i) {
      fleet::Node node;
      node.machine = machine;
      node.chip = chip;
      node.name = absl::StrCat(machine->id, "-", nodes.size() + 1);
      node.os_version = fleet::ParseOsVersion(question.os_version);
      nodes.push_back(std::move(node));
    }
  }
  if (static_cast<int>(nodes.size()) > kMostNodes) {
    return absl::InvalidArgumentError(
        absl::StrCat("more than ", kMostNodes, " nodes in one cluster"));
  }
  if (nodes.size() > 1 && link == nullptr) {
    return absl::FailedPreconditionError(
        "several nodes need one; say how they are joined, for example thunderbolt5-rdma");
  }
  // Links are judged by the placement, so that "too few ports" is an answer and not an error.
  std::vector<fleet::LinkGroup> links;
  if (link != nullptr && nodes.size() > 1) {
    fleet::LinkGroup group;
    group.link = link;
    for (int a = 0; a < static_cast<int>(nodes.size()); ++a) {
      group.members.push_back(a);
      for (int b = a + 1; b < static_cast<int>(nodes.size()); ++b) group.pairs.emplace_back(a, b);
    }
    links.push_back(std::move(group));
  }
  return fleet::Fleet::Create(std::move(nodes), std::move(links), {});
}

// The fastest that fits and matches what was asked for; when none fits, the first with its reason.
std::optional<Placement> Choose(std::vector<Placement> placements,
                                const PredictQuestion& question) {
  for (Placement& placement : placements) {
    if (!question.engine.empty() && question.engine != catalog::Name(placement.engine)) continue;
    if (!question.strategy.empty() && question.strategy != throughput::Name(placement.strategy))
      continue;
    // Copies side by side answer another question than one stream's speed.
    if (question.strategy.empty() && placement.strategy == throughput::Strategy::kReplicas)
      continue;
    return std::move(placement);
  }
  return std::nullopt;
}

// A fleet, and which of its nodes are to run the model.
struct Cluster {
  fleet::Fleet fleet;
  std::vector<int> nodes;
};

// Owned nodes as they are joined when nothing else is named, else a fleet made for the question.
absl::StatusOr<Cluster> MakeCluster(const catalog::Catalog& catalog, const fleet::Fleet* owned,
                                    const PredictQuestion& question, const catalog::Link* link) {
  std::set<int> members;
  for (const std::string& name : question.nodes) {
    if (const std::optional<int> own = FindNode(owned, name)) members.insert(*own);
  }
  if (link == nullptr && members.size() == question.nodes.size()) {
    return Cluster{*owned, {members.begin(), members.end()}};
  }
  absl::StatusOr<fleet::Fleet> made = MakeFleet(catalog, owned, question, link);
  if (!made.ok()) return made.status();
  Cluster cluster{*std::move(made), {}};
  for (std::size_t i = 0; i < cluster.fleet.nodes().size(); ++i) {
    cluster.nodes.push_back(static_cast<int>(i));
  }
  return cluster;
}

Answered<PredictAnswer> Refused(const char* argument, std::string problem) {
  return {std::nullopt, {}, {{argument, std::move(problem)}}};
}

}  // namespace

Answered<PredictAnswer> AnswerPredict(const Facts& facts, const fleet::Fleet* owned,
                                      const PredictQuestion& question) {
  const catalog::Catalog& catalog = facts.catalog;
  const catalog::Model* model = catalog.FindModel(question.model);
  if (model == nullptr) {
    return Refused("model", Unknown("model", question.model, Ids(catalog.models)));
  }
  const catalog::Quantization* quant = catalog.FindQuantization(question.quant);
  if (quant == nullptr) {
    return Refused("quant", Unknown("quantization", question.quant, Ids(catalog.quantizations)));
  }
  const catalog::Link* link = nullptr;
  if (!question.link.empty()) {
    link = catalog.FindLink(question.link);
    if (link == nullptr) return Refused("link", Unknown("link", question.link, Ids(catalog.links)));
  }
  if (!question.os_version.empty() && !fleet::ParseOsVersion(question.os_version)) {
    return Refused("os_version",
                   absl::StrCat("\"", question.os_version, "\" is not a version; write 26.2"));
  }
  absl::StatusOr<Cluster> cluster = MakeCluster(catalog, owned, question, link);
  if (!cluster.ok()) {
    return Refused(absl::IsFailedPrecondition(cluster.status()) ? "link" : "nodes",
                   std::string(cluster.status().message()));
  }

  placement::Options options;
  options.keep_rejected = true;
  options.max_cluster_nodes = kMostNodes;
  std::optional<Placement> chosen =
      Choose(placement::EnumerateOn(catalog, facts.calibration, cluster->fleet, cluster->nodes,
                                    *model, *quant, question.load, options),
             question);
  if (!chosen) {
    return Refused(
        "", absl::StrCat("no engine runs ", quant->id, " as asked; see `planner catalog quants`"));
  }
  PredictAnswer answer{std::move(cluster->fleet), *std::move(chosen), question.load, std::nullopt};
  if (question.explain && answer.placement.speed) {
    auto explained =
        placement::Explain(catalog, facts.calibration, answer.fleet, answer.placement, answer.load);
    if (!explained.ok()) return Refused("explain", std::string(explained.status().message()));
    answer.explanation = *std::move(explained);
  }
  return {std::move(answer), {}, {}};
}

std::string PredictJson(const PredictAnswer& answer) {
  return report::PredictJson(answer.fleet, answer.placement, answer.load,
                             answer.explanation ? &*answer.explanation : nullptr);
}

std::string PredictText(const PredictAnswer& answer, const report::Style& style) {
  return report::PredictText(answer.fleet, answer.placement, answer.load,
                             answer.explanation ? &*answer.explanation : nullptr, style);
}

}  // namespace capacity::answer
