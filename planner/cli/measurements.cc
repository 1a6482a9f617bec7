#include <algorithm>
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "planner/base/parse.h"
#include "planner/cli/commands.h"
#include "planner/cli/measurement_file.h"
#include "planner/cli/measurement_import.h"
#include "planner/cli/remote.h"
#include "planner/fleet/measurement_yaml.h"
#include "planner/inventory/inventory.h"
#include "planner/report/measurements.h"

namespace capacity::cli {
namespace {

struct ListArguments {
  std::string inventory;
  std::vector<std::string> overlays;
  std::string node;
  RemoteArguments remote;
};

struct ImportArguments {
  std::string file;
  std::string inventory;
  std::string node;
};

// The fleet that the arguments name: of a running planner, or of a file.
std::optional<fleet::Scenario> ScenarioOrPrint(const Common& common, const Facts& facts,
                                               const ListArguments& arguments,
                                               std::vector<std::string>& notes) {
  if (arguments.remote.planner.empty()) {
    return LoadScenarioOrPrint(
        facts.catalog, arguments.inventory.empty() ? ExampleInventory(common) : arguments.inventory,
        arguments.overlays);
  }
  const auto channel = ConnectOrPrint(arguments.remote);
  if (channel == nullptr) return std::nullopt;
  grpc::ClientContext context;
  constexpr int kPatienceSeconds = 30;
  SetDeadline(context, kPatienceSeconds);
  v1::ExportInventoryResponse response;
  const grpc::Status status = v1::Planner::NewStub(channel)->ExportInventory(
      &context, v1::ExportInventoryRequest(), &response);
  if (!status.ok()) {
    PrintRefusal("measurements", status);
    return std::nullopt;
  }
  for (const std::string& unused : response.unused_speeds()) {
    notes.push_back(absl::StrCat("not used: ", unused));
  }
  constexpr char kLive[] = "live-fleet.yaml";
  auto loaded = inventory::LoadScenarioWith(
      [&](const std::string& file) {
        return file == kLive
                   ? inventory::ParseDocument(file, response.yaml(), inventory::DocumentLimits{})
                   : inventory::ReadDocument(file, inventory::DocumentLimits{});
      },
      facts.catalog, kLive, arguments.overlays);
  if (!loaded.value) PrintProblems(loaded.problems);
  return std::move(loaded.value);
}

// "no node is called "x"; did you mean "y"?", or the names there are.
std::string NoSuchNode(const fleet::Fleet& fleet, const std::string& name) {
  std::vector<std::string> names;
  for (const fleet::Node& node : fleet.nodes()) names.push_back(node.name);
  std::string hint = DidYouMean(name, names);
  constexpr std::size_t kShown = 12;
  if (hint.empty() && !names.empty()) {
    const std::size_t shown = std::min(kShown, names.size());
    hint = absl::StrCat("the nodes are ", absl::StrJoin(names.begin(), names.begin() + shown, ", "),
                        shown < names.size() ? ", ..." : "");
  }
  return absl::StrCat("no node is called \"", name, "\"",
                      hint.empty() ? ", and there is none at all" : "; ", hint);
}

int RunList(const Common& common, const ListArguments& arguments) {
  const std::optional<Facts> facts = LoadFactsOrPrint(common);
  if (!facts) return kBadInput;
  std::vector<std::string> notes;
  const auto scenario = ScenarioOrPrint(common, *facts, arguments, notes);
  if (!scenario) return kBadInput;
  const fleet::Fleet& fleet = scenario->fleet;
  placement::Judgements judged =
      placement::JudgeMeasurements(facts->catalog, facts->calibration, fleet);
  if (!arguments.node.empty()) {
    std::vector<std::string> names;
    for (const fleet::Node& node : fleet.nodes()) names.push_back(node.name);
    const auto found = std::find(names.begin(), names.end(), arguments.node);
    if (found == names.end()) {
      return BadArgument("--node", NoSuchNode(fleet, arguments.node));
    }
    const int index = static_cast<int>(found - names.begin());
    std::erase_if(judged.measurements, [&](const placement::Judged& one) {
      const std::vector<int>& nodes = one.measurement->nodes;
      return std::find(nodes.begin(), nodes.end(), index) == nodes.end();
    });
  }
  return Print(common.json() ? report::MeasurementsJson(fleet, judged, notes)
                             : report::MeasurementsText(fleet, judged, notes, common.style));
}

// The node of that name, or the first of a group of that name; null when there is none.
const fleet::Node* NodeCalled(const fleet::Fleet& fleet, const std::string& name) {
  for (const fleet::Node& node : fleet.nodes()) {
    if (node.name == name || node.name == name + "-1") return &node;
  }
  return nullptr;
}

int RunImport(const Common& common, const ImportArguments& arguments) {
  const std::optional<catalog::Catalog> catalog = LoadCatalogOrPrint(common);
  if (!catalog) return kBadInput;
  const auto rows = LoadMeasurementsOrPrint(arguments.file);
  if (!rows) return kBadInput;
  std::optional<fleet::Scenario> scenario;
  const fleet::Node* node = nullptr;
  if (!arguments.inventory.empty()) {
    scenario = LoadScenarioOrPrint(*catalog, arguments.inventory, {});
    if (!scenario) return kBadInput;
    node = NodeCalled(scenario->fleet, arguments.node);
    if (node == nullptr) {
      return BadArgument("--node", NoSuchNode(scenario->fleet, arguments.node));
    }
  } else {
    for (const validation::Measurement& row : *rows) {
      if (row.chip.empty() && row.chip_family.empty()) continue;
      return BadArgument(
          "--inventory",
          absl::StrCat(arguments.file, ":", row.line, " was measured on ",
                       row.chip.empty() ? row.chip_family : row.chip,
                       "; name the inventory that says what ", arguments.node, " is"));
    }
  }
  const ImportedRows imported = ImportRows(*catalog, *rows, arguments.node, node);
  if (!common.json() || imported.count == 0) {
    for (const report::LeftOutRow& row : imported.left_out) {
      std::cerr << "planner: " << arguments.file << ": " << row.row
                << " is left out: " << row.reason << "\n";
    }
  }
  if (imported.count == 0) {
    return BadArgument("FILE", absl::StrCat("no row of ", arguments.file,
                                            " can be used; docs/accuracy.md lists the columns"));
  }
  const std::string yaml =
      absl::StrCat("# Measured speeds of ", imported.count, imported.count == 1 ? " row" : " rows",
                   ", for --what-if with an inventory that has this node.\n",
                   "schema: capacity-planner/what-if/v1\nname: ",
                   fleet::YamlQuoted(absl::StrCat("measured on ", arguments.node)),
                   "\nadd:\n  measurements:\n", imported.yaml);
  return Print(common.json()
                   ? report::MeasurementsImportJson(yaml, imported.count, imported.left_out)
                   : yaml);
}

}  // namespace

void AddMeasurements(CLI::App& app, Common& common, Action& action) {
  CLI::App* command = app.add_subcommand(
      "measurements", "What was measured, and what would have been predicted before and after");
  command->footer(
      "Example:\n  planner measurements --inventory fleet.yaml\n"
      "  planner measurements --planner 127.0.0.1:7443 --node studio\n"
      "  planner measurements import bench.csv --node studio > studio-measured.yaml");
  auto arguments = std::make_shared<ListArguments>();
  command->add_option("--inventory", arguments->inventory, "Your machines; default: an example")
      ->type_name("FILE");
  command->add_option("--what-if", arguments->overlays, "Changes to the inventory; repeatable")
      ->type_name("FILE");
  command->add_option("--node", arguments->node, "Only what this node took part in")
      ->type_name("NAME");
  AddRemoteOptions(*command, arguments->remote);
  AddCommonOptions(*command, common);
  command->require_subcommand(0, 1);

  auto wanted = std::make_shared<ImportArguments>();
  CLI::App* import = command->add_subcommand(
      "import", "Benchmarks that you have (CSV) as a what-if document, on stdout");
  import->footer(
      "Example:\n"
      "  planner measurements import bench.csv --node studio --inventory fleet.yaml \\\n"
      "      > studio-measured.yaml\n"
      "  planner plan --budget 10000 --inventory fleet.yaml --what-if studio-measured.yaml");
  import->add_option("FILE", wanted->file, "CSV; docs/accuracy.md lists the columns")->required();
  import->add_option("--node", wanted->node, "The node of your inventory that was measured")
      ->required()
      ->type_name("NAME");
  import
      ->add_option("--inventory", wanted->inventory,
                   "Your machines; needed where rows name the chip they ran on")
      ->type_name("FILE");
  AddCommonOptions(*import, common);
  command->callback([command, arguments, &common, &action] {
    if (!command->get_subcommands().empty()) return;
    action = [arguments, &common] { return RunList(common, *arguments); };
  });
  import->callback([wanted, &common, &action] {
    action = [wanted, &common] { return RunImport(common, *wanted); };
  });
}

}  // namespace capacity::cli
