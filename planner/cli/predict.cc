#include <algorithm>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "planner/base/parse.h"
#include "planner/cli/commands.h"
#include "planner/cli/load_arguments.h"
#include "planner/placement/placement.h"
#include "planner/report/json.h"
#include "planner/report/text.h"

namespace capacity::cli {
namespace {

using placement::Placement;

constexpr int kMostNodes = 64;  // one cluster, not a fleet

struct PredictArguments {
  std::string model;
  std::string quant;
  std::vector<std::string> nodes;
  std::string link;
  std::string engine;
  std::string strategy;
  std::string os_version;
  LoadArguments load;
  bool explain = false;
};

std::string Unknown(const char* what, const std::string& name,
                    const std::vector<std::string>& known) {
  return absl::StrCat("unknown ", what, " \"", name, "\"; ", DidYouMean(name, known));
}

// "MACHINE", "MACHINE:COUNT" or "MACHINE/CHIP:COUNT" into nodes, all joined by `link`.
absl::StatusOr<fleet::Fleet> MakeFleet(const catalog::Catalog& catalog,
                                       const PredictArguments& arguments,
                                       const catalog::Link* link) {
  std::vector<fleet::Node> nodes;
  for (const std::string& text : arguments.nodes) {
    const std::vector<std::string> name_and_count = absl::StrSplit(text, absl::MaxSplits(':', 1));
    const std::vector<std::string> machine_and_chip =
        absl::StrSplit(name_and_count[0], absl::MaxSplits('/', 1));
    int count = 1;
    if (name_and_count.size() == 2 &&
        (!absl::SimpleAtoi(name_and_count[1], &count) || count < 1 || count > kMostNodes)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--nodes: \"", name_and_count[1], "\" is not a count between 1 and ", kMostNodes));
    }
    const catalog::Machine* machine = catalog.FindMachine(machine_and_chip[0]);
    if (machine == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--nodes: ", Unknown("machine", machine_and_chip[0], Ids(catalog.machines))));
    }
    const std::string chip_name =
        machine_and_chip.size() == 2 ? machine_and_chip[1] : machine->chip;
    const catalog::Chip* chip = catalog.FindChip(chip_name);
    if (chip == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("--nodes: ", Unknown("chip", chip_name, Ids(catalog.chips))));
    }
    for (int i = 1; i <= count; ++i) {
      fleet::Node node;
      node.machine = machine;
      node.chip = chip;
      node.name = absl::StrCat(machine->id, "-", nodes.size() + 1);
      node.os_version = fleet::ParseOsVersion(arguments.os_version);
      nodes.push_back(std::move(node));
    }
  }
  if (static_cast<int>(nodes.size()) > kMostNodes) {
    return absl::InvalidArgumentError(
        absl::StrCat("--nodes: more than ", kMostNodes, " nodes in one cluster"));
  }
  if (nodes.size() > 1 && link == nullptr) {
    return absl::InvalidArgumentError(
        "--link: several nodes need one; say how they are joined, for example --link "
        "thunderbolt5-rdma");
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
                                const PredictArguments& arguments) {
  for (Placement& placement : placements) {
    if (!arguments.engine.empty() && arguments.engine != catalog::Name(placement.engine)) continue;
    if (!arguments.strategy.empty() && arguments.strategy != throughput::Name(placement.strategy))
      continue;
    // Copies side by side answer another question than one stream's speed.
    if (arguments.strategy.empty() && placement.strategy == throughput::Strategy::kReplicas)
      continue;
    return std::move(placement);
  }
  return std::nullopt;
}

int RunPredict(const Common& common, const PredictArguments& arguments) {
  const std::optional<Facts> facts = LoadFactsOrPrint(common);
  if (!facts) return kBadInput;
  const catalog::Catalog& catalog = facts->catalog;
  const catalog::Model* model = catalog.FindModel(arguments.model);
  if (model == nullptr) {
    return BadArgument("--model", Unknown("model", arguments.model, Ids(catalog.models)));
  }
  const catalog::Quantization* quant = catalog.FindQuantization(arguments.quant);
  if (quant == nullptr) {
    return BadArgument("--quant",
                       Unknown("quantization", arguments.quant, Ids(catalog.quantizations)));
  }
  const catalog::Link* link = nullptr;
  if (!arguments.link.empty()) {
    link = catalog.FindLink(arguments.link);
    if (link == nullptr)
      return BadArgument("--link", Unknown("link", arguments.link, Ids(catalog.links)));
  }
  if (!arguments.os_version.empty() && !fleet::ParseOsVersion(arguments.os_version)) {
    return BadArgument("--os-version",
                       absl::StrCat("\"", arguments.os_version, "\" is not a version; write 26.2"));
  }
  const absl::StatusOr<placement::Load> load = ParseLoad(catalog, arguments.load);
  if (!load.ok()) return BadArgument("predict", std::string(load.status().message()));
  const absl::StatusOr<fleet::Fleet> fleet = MakeFleet(catalog, arguments, link);
  if (!fleet.ok()) return BadArgument("predict", std::string(fleet.status().message()));

  std::vector<int> nodes;
  for (int i = 0; i < static_cast<int>(fleet->nodes().size()); ++i) nodes.push_back(i);
  placement::Options options;
  options.keep_rejected = true;
  options.max_cluster_nodes = kMostNodes;
  std::optional<Placement> chosen =
      Choose(placement::EnumerateOn(catalog, facts->calibration, *fleet, nodes, *model, *quant,
                                    *load, options),
             arguments);
  if (!chosen) {
    return BadArgument("predict", absl::StrCat("no engine runs ", quant->id,
                                               " as asked; see `planner catalog quants`"));
  }
  std::optional<throughput::Explanation> explanation;
  if (arguments.explain && chosen->speed) {
    auto explained = placement::Explain(catalog, facts->calibration, *fleet, *chosen, *load);
    if (!explained.ok()) return BadArgument("--explain", std::string(explained.status().message()));
    explanation = *std::move(explained);
  }
  const throughput::Explanation* terms = explanation ? &*explanation : nullptr;
  return Print(common.json() ? report::PredictJson(*fleet, *chosen, *load, terms)
                             : report::PredictText(*fleet, *chosen, *load, terms, common.style));
}

}  // namespace

void AddPredict(CLI::App& app, Common& common, Action& action) {
  auto arguments = std::make_shared<PredictArguments>();
  CLI::App* command =
      app.add_subcommand("predict", "Memory and speed of one model on given machines");
  command->footer(
      "Example:\n  planner predict --model gpt-oss-120b --quant mxfp4 \\\n"
      "      --nodes mac-studio-m3-ultra-512gb:2 --link thunderbolt5-rdma --explain");
  command->add_option("--model", arguments->model, "A model of the catalogue")
      ->required()
      ->type_name("MODEL");
  command->add_option("--quant", arguments->quant, "A quantization of the catalogue")
      ->required()
      ->type_name("QUANT");
  command
      ->add_option("--nodes", arguments->nodes,
                   "MACHINE[/CHIP][:COUNT], comma-separated or repeated")
      ->required()
      ->delimiter(',')
      ->type_name("NODES");
  command
      ->add_option("--link", arguments->link, "What joins them: thunderbolt5-rdma, tcp-10gbe, ...")
      ->type_name("LINK");
  command->add_option("--engine", arguments->engine, "Only this engine")
      ->check(CLI::IsMember({"llama.cpp", "mlx", "vllm", "exo", "ollama", "other"}))
      ->type_name("ENGINE");
  command->add_option("--strategy", arguments->strategy, "Only this way to share the work")
      ->check(CLI::IsMember({"single", "replicas", "tensor", "pipeline", "disaggregated"}))
      ->type_name("STRATEGY");
  command
      ->add_option("--os-version", arguments->os_version,
                   "macOS version of the Macs, for example 26.2")
      ->type_name("VERSION");
  AddLoadOptions(*command, arguments->load);
  command->add_flag("--explain", arguments->explain,
                    "Every term of the speed and where it came from");
  AddCommonOptions(*command, common);
  command->callback([arguments, &common, &action] {
    action = [arguments, &common] { return RunPredict(common, *arguments); };
  });
}

}  // namespace capacity::cli
