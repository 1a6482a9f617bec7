#include "planner/plan.h"

#include <memory>

#include "planner/cli/commands.h"
#include "planner/report/json.h"
#include "planner/report/text.h"

namespace capacity::cli {
namespace {

struct PlanArguments {
  std::string budget;
  std::string inventory;
  std::vector<std::string> overlays;
  std::string baseline = fleet::Name(fleet::Baseline::kFrontierEquivalent);
  double min_bits = 4;
};

int RunPlan(const Common& common, const PlanArguments& arguments) {
  const absl::StatusOr<Usd> budget = ParseUsd(arguments.budget);
  if (!budget.ok()) return BadArgument("--budget", std::string(budget.status().message()));
  const std::optional<Facts> facts = LoadFactsOrPrint(common);
  if (!facts) return kBadInput;
  const std::string inventory =
      arguments.inventory.empty() ? ExampleInventory(common) : arguments.inventory;
  PlanOptions options;
  options.budget = *budget;
  options.baseline = *fleet::ParseBaseline(arguments.baseline);
  options.min_nominal_bits = arguments.min_bits;

  const auto scenario = LoadScenarioOrPrint(facts->catalog, inventory, arguments.overlays);
  if (!scenario) return kBadInput;
  const absl::StatusOr<Plan> plan =
      MakePlan(facts->catalog, facts->calibration, *scenario, options);
  if (!plan.ok()) return BadArgument("plan", std::string(plan.status().message()));

  std::optional<Plan> before;
  if (!arguments.overlays.empty()) {
    const auto base = LoadScenarioOrPrint(facts->catalog, inventory, {});
    if (!base) return kBadInput;
    absl::StatusOr<Plan> base_plan = MakePlan(facts->catalog, facts->calibration, *base, options);
    if (!base_plan.ok()) return BadArgument("plan", std::string(base_plan.status().message()));
    before = *std::move(base_plan);
  }
  const Plan* earlier = before ? &*before : nullptr;
  return Print(common.json() ? report::PlanJson(*plan, earlier)
                             : report::PlanText(facts->catalog, *plan, earlier, common.style));
}

}  // namespace

void AddPlan(CLI::App& app, Common& common, Action& action) {
  auto arguments = std::make_shared<PlanArguments>();
  CLI::App* command =
      app.add_subcommand("plan", "What runs on your machines, and what to buy next");
  command->footer(
      "Example:\n  planner plan --budget 10000 --inventory inventories/home-lab.yaml \\\n"
      "      --what-if inventories/what-if/second-spark.yaml");
  command->add_option("--budget", arguments->budget, "US dollars that may be spent: 10000, 10k")
      ->required()
      ->type_name("USD");
  command
      ->add_option("--inventory", arguments->inventory,
                   "Your machines (default: the example fleet)")
      ->type_name("FILE");
  command
      ->add_option("--what-if", arguments->overlays,
                   "Changes to the inventory; repeatable, in order")
      ->type_name("FILE");
  command->add_option("--baseline", arguments->baseline, "What the tokens would otherwise cost")
      ->check(CLI::IsMember({fleet::Name(fleet::Baseline::kFrontierEquivalent),
                             fleet::Name(fleet::Baseline::kSameModelHosted)}))
      ->capture_default_str();
  command
      ->add_option("--min-bits", arguments->min_bits,
                   "Coarsest quantization to propose, nominal bits")
      ->check(CLI::Range(1.0, 16.0))
      ->capture_default_str();
  AddCommonOptions(*command, common);
  command->callback([arguments, &common, &action] {
    action = [arguments, &common] { return RunPlan(common, *arguments); };
  });
}

}  // namespace capacity::cli
