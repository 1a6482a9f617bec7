#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "planner/base/parse.h"
#include "planner/cli/commands.h"
#include "planner/cli/load_arguments.h"
#include "planner/placement/placement.h"
#include "planner/report/json.h"
#include "planner/report/text.h"

namespace capacity::cli {
namespace {

using placement::Placement;

struct FitArguments {
  std::string inventory;
  std::vector<std::string> overlays;
  std::vector<std::string> models;
  std::vector<std::string> quants;
  LoadArguments load;
  int top = 1;
  bool all = false;
};

// The named entries, or all when none is named. Unknown names are reported together.
template <class Entry, class Find>
bool Select(const std::vector<std::string>& names, const std::vector<Entry>& entries,
            const char* option, const char* what, Find find, std::vector<const Entry*>& selected) {
  if (names.empty()) {
    for (const Entry& entry : entries) selected.push_back(&entry);
    return true;
  }
  bool known = true;
  for (const std::string& name : names) {
    if (const Entry* entry = find(name)) {
      selected.push_back(entry);
      continue;
    }
    known = false;
    BadArgument(option, absl::StrCat("unknown ", what, " \"", name, "\"; ",
                                     DidYouMean(name, Ids(entries))));
  }
  return known;
}

// Of rejected placements the one that lacks the least memory, or, when none got as far as memory,
// the first.
std::vector<Placement> Nearest(std::vector<Placement> rejected) {
  const auto nearest = std::min_element(rejected.begin(), rejected.end(),
                                        [](const Placement& a, const Placement& b) {
                                          if (a.memory.empty() != b.memory.empty())
                                            return b.memory.empty();
                                          return placement::Shortfall(a) < placement::Shortfall(b);
                                        });
  if (nearest == rejected.end()) return {};
  return {std::move(*nearest)};
}

// The `top` best that fit, or, when none does, the one that comes closest with its reason. Replicas
// are left out: each is a placement of its own on fewer nodes.
std::vector<Placement> Summarize(std::vector<Placement> placements, int top) {
  std::erase_if(placements, [](const Placement& placement) {
    return placement.strategy == throughput::Strategy::kReplicas;
  });
  const auto rejected = std::find_if(placements.begin(), placements.end(),
                                     [](const Placement& p) { return !p.why_not.empty(); });
  if (rejected == placements.begin()) return Nearest(std::move(placements));
  const auto kept = std::min<std::ptrdiff_t>(top, rejected - placements.begin());
  placements.erase(placements.begin() + kept, placements.end());
  return placements;
}

int RunFit(const Common& common, const FitArguments& arguments) {
  const std::optional<Facts> facts = LoadFactsOrPrint(common);
  if (!facts) return kBadInput;
  const catalog::Catalog& catalog = facts->catalog;
  const absl::StatusOr<placement::Load> load = ParseLoad(catalog, arguments.load);
  if (!load.ok()) return BadArgument("fit", std::string(load.status().message()));
  const std::string inventory =
      arguments.inventory.empty() ? ExampleInventory(common) : arguments.inventory;
  const auto scenario = LoadScenarioOrPrint(catalog, inventory, arguments.overlays);
  if (!scenario) return kBadInput;
  std::vector<const catalog::Model*> models;
  std::vector<const catalog::Quantization*> quants;
  const bool models_known = Select(
      arguments.models, catalog.models, "--model", "model",
      [&](const std::string& name) { return catalog.FindModel(name); }, models);
  const bool quants_known = Select(
      arguments.quants, catalog.quantizations, "--quant", "quantization",
      [&](const std::string& name) { return catalog.FindQuantization(name); }, quants);
  if (!models_known || !quants_known) return kBadInput;

  placement::Options options;
  options.keep_rejected = true;
  const placement::Placer placer(catalog, facts->calibration, scenario->fleet, options);
  std::vector<Placement> rows;
  for (const catalog::Model* model : models) {
    for (const catalog::Quantization* quant : quants) {
      std::vector<Placement> placements = placer.Enumerate(*model, *quant, *load);
      if (!arguments.all) placements = Summarize(std::move(placements), arguments.top);
      std::move(placements.begin(), placements.end(), std::back_inserter(rows));
    }
  }
  return Print(common.json() ? report::FitJson(*scenario, *load, rows)
                             : report::FitText(*scenario, *load, rows, common.style));
}

}  // namespace

void AddFit(CLI::App& app, Common& common, Action& action) {
  auto arguments = std::make_shared<FitArguments>();
  CLI::App* command = app.add_subcommand(
      "fit", "Every model and quantization: where it fits, how fast, or why not");
  command->footer(
      "Example:\n  planner fit --inventory inventories/home-lab.yaml --model gpt-oss-120b "
      "--context 128k");
  command
      ->add_option("--inventory", arguments->inventory,
                   "Your machines (default: the example fleet)")
      ->type_name("FILE");
  command
      ->add_option("--what-if", arguments->overlays,
                   "Changes to the inventory; repeatable, in order")
      ->type_name("FILE");
  command->add_option("--model", arguments->models, "Only this model; repeatable")
      ->type_name("MODEL");
  command->add_option("--quant", arguments->quants, "Only this quantization; repeatable")
      ->type_name("QUANT");
  AddLoadOptions(*command, arguments->load);
  command->add_option("--top", arguments->top, "Placements shown for each model and quantization")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_flag("--all", arguments->all,
                    "Every placement, the rejected ones with their reason");
  AddCommonOptions(*command, common);
  command->callback([arguments, &common, &action] {
    action = [arguments, &common] { return RunFit(common, *arguments); };
  });
}

}  // namespace capacity::cli
