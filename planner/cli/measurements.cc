#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "planner/base/parse.h"
#include "planner/catalog/recognize.h"
#include "planner/cli/commands.h"
#include "planner/cli/measurement_file.h"
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

// The comments below "# Measured speeds that are not used:" of an exported inventory.
std::vector<std::string> UnusedSpeeds(const std::string& yaml) {
  std::vector<std::string> notes;
  bool here = false;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(yaml, '\n'))) {
    constexpr char kEntry[] = "  # ";
    if (absl::StartsWith(line, "# ")) here = absl::StrContains(line, "speeds that are not used");
    if (here && absl::StartsWith(line, kEntry)) {
      notes.push_back("not used: " + line.substr(sizeof kEntry - 1));
    }
  }
  return notes;
}

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
  notes = UnusedSpeeds(response.yaml());
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
  placement::Judgements judged = placement::JudgeMeasurements(facts->calibration, fleet);
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

// Reads rows of a file as measurements on one node.
class RowImporter {
 public:
  // `node` null: no inventory says what machine `name` is.
  RowImporter(const catalog::Catalog& catalog, std::string name, const fleet::Node* node)
      : catalog_(catalog), name_(std::move(name)), node_(node), resolver_(catalog) {}

  // The measurement; else `why` says what speaks against it. `no_prefill`: why only the prefill is
  // left out, "" when it is not.
  std::optional<fleet::SpeedMeasurement> Read(const validation::Measurement& row, std::string& why,
                                              std::string& no_prefill) {
    fleet::SpeedMeasurement out;
    why = Name(row, out);
    if (why.empty()) why = OtherMachine(row);
    if (!why.empty()) return std::nullopt;
    auto resolved = resolver_.Resolve(AsResolved(row, out));
    if (const auto* unknown = std::get_if<std::string>(&resolved)) {
      why = *unknown;
      return std::nullopt;
    }
    const auto& found = std::get<validation::Case>(resolved);
    why = NotComparable(found);
    if (why.empty()) ReadSpeeds(row, found, out, no_prefill);
    if (why.empty() && !out.decode && !out.prefill) {
      why = no_prefill.empty() ? "it holds no speed" : no_prefill;
      no_prefill.clear();
    }
    if (!why.empty()) return std::nullopt;
    return out;
  }

 private:
  // Model, quantization and engine; else why not.
  std::string Name(const validation::Measurement& row, fleet::SpeedMeasurement& out) const {
    const std::string engine = row.engine_family.empty() ? row.engine : row.engine_family;
    if (engine.empty()) return "no engine: column engine_family";
    const auto known = catalog::ParseEngine(engine);
    if (!known) {
      return absl::StrCat("unknown engine \"", engine,
                          "\"; llama.cpp, mlx, vllm, exo, ollama or other");
    }
    if (row.model.empty()) return "no model: column model_id";
    catalog::SeenModel seen{engine, row.model, row.quant, {}, {}};
    seen.stated_model = catalog_.FindModel(row.model);
    // The name of a file says more than what llama.cpp calls its mixture.
    if (seen.stated_model != nullptr) seen.stated_quant = catalog_.FindQuantization(row.quant);
    const catalog::Recognized recognized = catalog::Recognize(catalog_, seen);
    out.model = recognized.model;
    out.quant = recognized.quant;
    out.engine = *known;
    const bool no_column = out.model != nullptr && out.quant == nullptr && row.quant.empty();
    return absl::StrCat(recognized.why,
                        no_column ? ", and it has no quantization: column quant_id" : "");
  }

  std::string OtherMachine(const validation::Measurement& row) const {
    const bool several = row.world.value_or(1) > 1 || row.nodes.value_or(1) > 1;
    if (several || (!row.strategy.empty() && row.strategy != "single")) {
      return "several accelerators took part; write it under measurements: by hand";
    }
    if (node_ == nullptr || node_->chip == nullptr) return "";
    const catalog::Chip* chip = catalog_.FindChip(row.chip);
    const bool other_chip = !row.chip.empty() && chip != node_->chip;
    const bool other_family =
        row.chip.empty() && !row.chip_family.empty() && row.chip_family != node_->chip->family;
    if (other_chip || other_family) {
      return absl::StrCat("it was measured on ", row.chip.empty() ? row.chip_family : row.chip,
                          ", and ", name_, " has ", node_->chip->id);
    }
    const int accelerators = node_->machine != nullptr ? node_->machine->accelerators : 1;
    if (row.world && *row.world != accelerators) {
      return absl::StrCat("one accelerator took part, and ", name_, " has ", accelerators);
    }
    return "";
  }

  // The row with what is known by now, on its own: `validate` understands ids only.
  validation::Measurement AsResolved(const validation::Measurement& row,
                                     const fleet::SpeedMeasurement& named) const {
    validation::Measurement out = row;
    out.model = named.model->id;
    out.quant = named.quant->id;
    out.engine_family = catalog::Name(named.engine);
    out.strategy = "single";
    out.interconnect = "none";
    out.nodes = out.world = 1;
    if (node_ != nullptr && node_->chip != nullptr) {
      out.chip = node_->chip->id;
    } else {
      // Any: what makes a row comparable does not depend on it.
      out.chip_family = "other";
      out.bandwidth_gbps = 1;
    }
    return out;
  }

  static std::string NotComparable(const validation::Case& found) {
    constexpr double kWideCache = 16;
    if (found.wall_clock_tokens) return "its speed is of whole requests, prompts included";
    if (found.query.kv_bits != kWideCache) {
      return absl::StrCat("its cache has ", found.query.kv_bits, " bits, not 16");
    }
    if (found.query.build == throughput::EngineBuild::kBefore2025) {
      return "its engine is of 2024 or before, and today's are faster";
    }
    return "";
  }

  static void ReadSpeeds(const validation::Measurement& row, const validation::Case& found,
                         fleet::SpeedMeasurement& out, std::string& no_prefill) {
    out.nodes = {0};
    out.batch = found.query.batch;
    out.context_tokens = row.context_tokens || found.query.prompt_depth == 0
                             ? found.query.context_tokens
                             : found.query.prompt_depth;
    if (row.decode_tps) out.decode = TokensPerSecond{*row.decode_tps};
    out.as_of = row.date;
    if (!row.prefill_tps) return;
    if (!found.prefill_unusable.empty()) {
      no_prefill = found.prefill_unusable;
    } else if (found.query.prompt_depth > 0) {
      no_prefill = absl::StrCat("its prompt was read with ", found.query.prompt_depth,
                                " tokens in the cache");
    } else if (row.prompt_tokens.value_or(0) < 1) {
      no_prefill = "the length of its prompt is not said: column prompt_tokens";
    } else {
      out.prompt_tokens = found.query.prompt_tokens;
      out.prefill = TokensPerSecond{*row.prefill_tps};
    }
  }

  const catalog::Catalog& catalog_;
  const std::string name_;
  const fleet::Node* node_;
  validation::Resolver resolver_;
};

struct ImportedRows {
  std::string yaml;  // entries of `measurements:`
  int count = 0;
  std::vector<report::LeftOutRow> left_out;
};

ImportedRows ImportRows(const std::vector<validation::Measurement>& rows, const std::string& node,
                        RowImporter importer) {
  ImportedRows out;
  std::map<std::string, std::string> known;  // entries, with the row that was first
  for (const validation::Measurement& row : rows) {
    std::string why;
    std::string no_prefill;
    const auto measured = importer.Read(row, why, no_prefill);
    if (!measured) {
      out.left_out.push_back({row.id, why});
      continue;
    }
    if (!no_prefill.empty()) out.left_out.push_back({row.id + " (prefill)", no_prefill});
    const std::string entry = fleet::MeasurementYaml(*measured, {node}, 4);
    const auto [same, is_new] = known.insert({entry, row.id});
    if (!is_new) {
      out.left_out.push_back({row.id, absl::StrCat("it says the same as ", same->second)});
      continue;
    }
    out.yaml += entry;
    ++out.count;
  }
  return out;
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
  const ImportedRows imported =
      ImportRows(*rows, arguments.node, RowImporter(*catalog, arguments.node, node));
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
