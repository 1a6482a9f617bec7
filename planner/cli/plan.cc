#include "planner/plan.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "planner/cli/commands.h"
#include "planner/cli/watch.h"
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
  std::vector<double> thresholds = PlanOptions{}.thresholds_months;
  int explain = 0;  // a rung, from 1; 0: none
};

// Why one rung and not another.
int ExplainRung(const Common& common, const Facts& facts, const Plan& plan, int rung) {
  const auto rungs = static_cast<int>(plan.ladder().rungs.size());
  if (rung > rungs) {
    return BadArgument("--explain",
                       rungs == 0
                           ? absl::StrCat("there is no rung ", rung, ": nothing is worth ",
                                          "buying (", plan.ladder().stopped_reason, ")")
                           : absl::StrCat("there is no rung ", rung, "; the ladder has ",
                                          rungs == 1 ? "1 rung" : absl::StrCat(rungs, " rungs")));
  }
  const auto index = static_cast<std::size_t>(rung - 1);
  return Print(common.json() ? report::ExplainJson(plan, index)
                             : report::ExplainText(facts.catalog, plan, index, common.style));
}

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
  options.thresholds_months = arguments.thresholds;

  const auto scenario = LoadScenarioOrPrint(facts->catalog, inventory, arguments.overlays);
  if (!scenario) return kBadInput;
  std::optional<Watched> watched(std::in_place);
  options.watch = watched->watch();
  const absl::StatusOr<Plan> plan =
      MakePlan(facts->catalog, facts->calibration, *scenario, options);
  const bool interrupted = watched->interrupted();
  watched.reset();
  if (!plan.ok()) return BadArgument("plan", std::string(plan.status().message()));
  if (arguments.explain > 0) return ExplainRung(common, *facts, *plan, arguments.explain);

  std::optional<Plan> before;
  if (!arguments.overlays.empty()) {
    const auto base = LoadScenarioOrPrint(facts->catalog, inventory, {});
    if (!base) return kBadInput;
    options.watch = {};
    options.compare = false;
    absl::StatusOr<Plan> base_plan = MakePlan(facts->catalog, facts->calibration, *base, options);
    if (!base_plan.ok()) return BadArgument("plan", std::string(base_plan.status().message()));
    before = *std::move(base_plan);
  }
  const Plan* earlier = before ? &*before : nullptr;
  const int printed =
      Print(common.json() ? report::PlanJson(*plan, earlier)
                          : report::PlanText(facts->catalog, *plan, earlier, common.style));
  return printed == kOk && interrupted ? kInterrupted : printed;
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
                             fleet::Name(fleet::Baseline::kSameModelHosted),
                             fleet::Name(fleet::Baseline::kCustom)}))
      ->capture_default_str();
  command
      ->add_option("--min-bits", arguments->min_bits,
                   "Coarsest quantization to propose, nominal bits")
      ->check(CLI::Range(1.0, 16.0))
      ->capture_default_str();
  command
      ->add_option("--thresholds", arguments->thresholds,
                   "Payback months at which the ladder has a rung, ascending")
      ->delimiter(',')
      ->check(CLI::PositiveNumber)
      ->type_name("MONTHS,...")
      ->capture_default_str();
  command
      ->add_option("--explain", arguments->explain,
                   "Why this rung of the ladder (from 1) and not the runner-up")
      ->check(CLI::Range(1, 1000))
      ->type_name("RUNG");
  AddCommonOptions(*command, common);
  command->callback([arguments, &common, &action] {
    action = [arguments, &common] { return RunPlan(common, *arguments); };
  });
}

}  // namespace capacity::cli
