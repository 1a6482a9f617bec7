#include "planner/payoff.h"

#include <algorithm>
#include <filesystem>
#include <memory>

#include "absl/strings/str_cat.h"
#include "planner/answer/question.h"
#include "planner/base/parse.h"
#include "planner/cli/commands.h"
#include "planner/economics/article.h"
#include "planner/inventory/preset_yaml.h"
#include "planner/report/owning.h"
#include "planner/report/payoff.h"

namespace capacity::cli {
namespace {

struct PayoffArguments {
  std::string preset;
  bool risk = false;
  // One machine.
  std::string machine;
  std::string model;
  std::string quant;
  std::string price;
  std::string condition;
  std::string workload;  // preset
  std::optional<double> utilization;
  std::optional<double> usd_per_kwh;
  // A ladder.
  std::string inventory;
  std::vector<std::string> overlays;
  std::string budget = "10000";
  std::string baseline = fleet::Name(fleet::Baseline::kFrontierEquivalent);
};

// ---------------------------------------------------------------- the article

int RunArticle(const Common& common, const PayoffArguments& arguments) {
  const std::string name = arguments.preset.empty() ? "article" : arguments.preset;
  const std::filesystem::path file =
      std::filesystem::path(common.data_directory) / "presets" / (name + ".yaml");
  const auto loaded = inventory::LoadArticlePreset(file.string());
  if (!loaded.value) {
    PrintProblems(loaded.problems);
    return kBadInput;
  }
  const economics::ArticlePreset& preset = *loaded.value;
  if (common.json()) {
    return Print(arguments.risk ? report::PayoffRiskJson(preset) : report::PayoffJson(preset));
  }
  std::string text = report::PayoffText(preset, common.style);
  if (arguments.risk) text += report::ArticleRiskText(preset, common.style);
  return Print(text);
}

// ---------------------------------------------------------------- purchases

int PrintPayoffs(const Common& common, const PayoffArguments& arguments,
                 const report::PayoffComparison& comparison) {
  if (common.json()) return Print(report::PayoffsJson(comparison));
  std::string text = report::OwningText(comparison, common.style);
  if (arguments.risk) text += report::RiskText(comparison, common.style);
  return Print(text);
}

// What the command line says in place of the inventory. Nullopt after printing what is wrong.
std::optional<fleet::Scenario> LoadStatedScenario(const catalog::Catalog& catalog,
                                                  const Common& common,
                                                  const PayoffArguments& arguments) {
  std::optional<fleet::Scenario> scenario = LoadScenarioOrPrint(
      catalog, arguments.inventory.empty() ? ExampleInventory(common) : arguments.inventory,
      arguments.overlays);
  if (!scenario) return std::nullopt;
  fleet::Assumptions& assumptions = scenario->assumptions;
  if (!arguments.workload.empty()) {
    const catalog::WorkloadPreset* preset = catalog.FindWorkloadPreset(arguments.workload);
    if (preset == nullptr) {
      BadArgument("--workload",
                  answer::Unknown("preset", arguments.workload, Ids(catalog.workload_presets)));
      return std::nullopt;
    }
    scenario->workloads = {fleet::FromPreset(*preset, assumptions.utilization)};
    scenario->workloads.front().name = preset->id;
    assumptions.workload_stated = true;
    assumptions.utilization_stated |= preset->utilization.has_value();
  }
  if (arguments.utilization) {
    assumptions.utilization = *arguments.utilization;
    assumptions.utilization_stated = true;
    assumptions.utilization_range.reset();
    for (fleet::Workload& workload : scenario->workloads) {
      workload.utilization = *arguments.utilization;
    }
  }
  if (arguments.usd_per_kwh) {
    assumptions.electricity_usd_per_kwh = *arguments.usd_per_kwh;
    assumptions.electricity_stated = true;
    assumptions.electricity_range.reset();
  }
  return scenario;
}

catalog::Condition ConditionOf(const std::string& name) {
  if (name == Name(catalog::Condition::kUsed)) return catalog::Condition::kUsed;
  if (name == Name(catalog::Condition::kRefurbished)) return catalog::Condition::kRefurbished;
  return catalog::Condition::kNew;
}

int RunMachine(const Common& common, const PayoffArguments& arguments) {
  const std::optional<Facts> facts = LoadFactsOrPrint(common);
  if (!facts) return kBadInput;
  const catalog::Catalog& catalog = facts->catalog;
  MachineQuestion question;
  question.machine = catalog.FindMachine(arguments.machine);
  if (question.machine == nullptr) {
    return BadArgument("--machine",
                       answer::Unknown("machine", arguments.machine, Ids(catalog.machines)));
  }
  question.model = catalog.FindModel(arguments.model);
  if (question.model == nullptr) {
    return BadArgument("--model", answer::Unknown("model", arguments.model, Ids(catalog.models)));
  }
  if (!arguments.quant.empty()) {
    question.quant = catalog.FindQuantization(arguments.quant);
    if (question.quant == nullptr) {
      return BadArgument(
          "--quant", answer::Unknown("quantization", arguments.quant, Ids(catalog.quantizations)));
    }
  }
  if (!arguments.price.empty()) {
    const absl::StatusOr<Usd> price = ParseUsd(arguments.price);
    if (!price.ok()) return BadArgument("--price", std::string(price.status().message()));
    question.price = *price;
  }
  if (!arguments.condition.empty()) question.condition = ConditionOf(arguments.condition);
  const std::optional<fleet::Scenario> scenario = LoadStatedScenario(catalog, common, arguments);
  if (!scenario) return kBadInput;

  report::PayoffComparison comparison;
  comparison.scenario = &*scenario;
  const absl::StatusOr<MachineAnswer> answer =
      MachineCases(catalog, facts->calibration, *scenario, question);
  if (answer.ok()) {
    for (const PayoffCase& purchase : answer->cases) {
      comparison.payoffs.push_back(Assess(purchase));
    }
    comparison.notes = answer->notes;
  } else if (absl::IsFailedPrecondition(answer.status())) {
    comparison.notes.push_back(std::string(answer.status().message()));
  } else {
    return BadArgument("payoff", std::string(answer.status().message()));
  }
  return PrintPayoffs(common, arguments, comparison);
}

int RunLadder(const Common& common, const PayoffArguments& arguments) {
  const absl::StatusOr<Usd> budget = ParseUsd(arguments.budget);
  if (!budget.ok()) return BadArgument("--budget", std::string(budget.status().message()));
  const std::optional<Facts> facts = LoadFactsOrPrint(common);
  if (!facts) return kBadInput;
  const std::optional<fleet::Scenario> scenario =
      LoadStatedScenario(facts->catalog, common, arguments);
  if (!scenario) return kBadInput;
  PlanOptions options;
  options.budget = *budget;
  options.baseline = *fleet::ParseBaseline(arguments.baseline);
  const absl::StatusOr<Plan> plan =
      MakePlan(facts->catalog, facts->calibration, *scenario, options);
  if (!plan.ok()) return BadArgument("payoff", std::string(plan.status().message()));

  report::PayoffComparison comparison;
  comparison.scenario = &*scenario;
  if (const absl::StatusOr<PayoffCase> owned = FleetCase(*plan); owned.ok()) {
    comparison.payoffs.push_back(Assess(*owned));
  } else {
    comparison.notes.push_back(
        absl::StrCat("nothing about the fleet as it is: ", std::string(owned.status().message())));
  }
  for (const PayoffCase& purchase : LadderCases(*plan)) {
    comparison.payoffs.push_back(Assess(purchase));
  }
  comparison.notes.push_back(absl::StrCat("each rung is against the one before, as ",
                                          fleet::Name(options.baseline), "; ",
                                          plan->ladder().stopped_reason));
  return PrintPayoffs(common, arguments, comparison);
}

// ---------------------------------------------------------------- which of them

// `ladder_asked`: an option was given that only a ladder has, or that it shares with a machine;
// `ladder_options`: one that only a ladder has.
int RunPayoff(const Common& common, const PayoffArguments& arguments, bool ladder_asked,
              bool ladder_options) {
  if (!arguments.machine.empty() || !arguments.model.empty()) {
    if (!arguments.preset.empty()) {
      return BadArgument("--preset", "the article's machines are its own; leave --machine out");
    }
    if (arguments.machine.empty()) return BadArgument("--machine", "say which one runs the model");
    if (arguments.model.empty()) return BadArgument("--model", "say what the machine runs");
    if (ladder_options) {
      return BadArgument("--budget, --baseline",
                         "are a ladder's; a machine is shown against every price");
    }
    return RunMachine(common, arguments);
  }
  for (const auto& [option, given] : {std::pair("--price", !arguments.price.empty()),
                                      std::pair("--condition", !arguments.condition.empty()),
                                      std::pair("--quant", !arguments.quant.empty())}) {
    if (given) return BadArgument(option, "needs --machine and --model");
  }
  const bool article = !arguments.preset.empty() || (!ladder_asked && !arguments.risk);
  for (const auto& [option, given] :
       {std::pair("--workload", !arguments.workload.empty()),
        std::pair("--utilization", arguments.utilization.has_value()),
        std::pair("--electricity", arguments.usd_per_kwh.has_value())}) {
    if (article && given) {
      return BadArgument(option,
                         "the article's inputs are its own; name a --machine or ask --risk");
    }
  }
  return article ? RunArticle(common, arguments) : RunLadder(common, arguments);
}

void AddMachineOptions(CLI::App& command, PayoffArguments& arguments) {
  command.add_option("--machine", arguments.machine, "One machine to buy")->type_name("MACHINE");
  command.add_option("--model", arguments.model, "What it runs")->type_name("MODEL");
  command
      .add_option("--quant", arguments.quant,
                  "In this quantization (default: the fastest proposed)")
      ->type_name("QUANT");
  command
      .add_option("--price", arguments.price,
                  "What it costs: 4699, 4.7k (default: the catalogue's, with its range)")
      ->type_name("USD");
  command
      .add_option("--condition", arguments.condition,
                  "Which of its offers: new, used or refurbished (default: the first there is)")
      ->check(CLI::IsMember({"new", "used", "refurbished"}));
}

void AddAssumptionOptions(CLI::App& command, PayoffArguments& arguments) {
  command
      .add_option("--workload", arguments.workload,
                  "A preset in place of the inventory's work: `planner catalog presets`")
      ->type_name("PRESET");
  command
      .add_option("--utilization", arguments.utilization,
                  "Share of all hours, in place of the inventory's")
      ->check(CLI::Range(0.001, 1.0))
      ->type_name("SHARE");
  command
      .add_option("--electricity", arguments.usd_per_kwh,
                  "US dollars per kWh, in place of the inventory's")
      ->check(CLI::Range(0.0, 10.0))
      ->type_name("USD");
  command
      .add_option(
          "--inventory", arguments.inventory,
          "Work, prices and costs (default: the example); without --machine: the fleet, too")
      ->type_name("FILE");
  command.add_option("--what-if", arguments.overlays, "Changes to the inventory; repeatable")
      ->type_name("FILE");
}

}  // namespace

void AddPayoff(CLI::App& app, Common& common, Action& action) {
  auto arguments = std::make_shared<PayoffArguments>();
  CLI::App* command = app.add_subcommand(
      "payoff",
      "When a machine, or each rung of a ladder, has paid for itself, and how sure that is");
  command->footer(
      "Example:\n  planner payoff --preset article\n"
      "  planner payoff --machine dgx-spark --model gpt-oss-120b --utilization 0.25 --risk\n"
      "  planner payoff --risk --inventory inventories/home-lab.yaml --budget 10000");
  command->add_option("--preset", arguments->preset, "Published inputs to recompute")
      ->check(CLI::IsMember({"article"}));
  command->add_flag("--risk", arguments->risk,
                    "Also the grid of hours and price decline, what matters most, and the odds");
  AddMachineOptions(*command, *arguments);
  AddAssumptionOptions(*command, *arguments);
  CLI::Option* budget =
      command->add_option("--budget", arguments->budget, "Of the ladder, in US dollars")
          ->type_name("USD")
          ->capture_default_str();
  command->add_option("--baseline", arguments->baseline, "Of the ladder")
      ->check(CLI::IsMember({fleet::Name(fleet::Baseline::kFrontierEquivalent),
                             fleet::Name(fleet::Baseline::kSameModelHosted),
                             fleet::Name(fleet::Baseline::kCustom)}))
      ->capture_default_str();
  AddCommonOptions(*command, common);
  command->callback([arguments, command, budget, &common, &action] {
    const bool ladder_asked =
        !arguments->inventory.empty() || !arguments->overlays.empty() || budget->count() > 0;
    const bool ladder_options = command->count("--budget") + command->count("--baseline") > 0;
    action = [arguments, ladder_asked, ladder_options, &common] {
      return RunPayoff(common, *arguments, ladder_asked, ladder_options);
    };
  });
}

}  // namespace capacity::cli
