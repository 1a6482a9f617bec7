#include "planner/answer/plan.h"

#include <memory>

#include "planner/cli/answers.h"
#include "planner/cli/commands.h"
#include "planner/cli/model_file.h"
#include "planner/cli/remote_questions.h"
#include "planner/cli/watch.h"

namespace capacity::cli {
namespace {

struct PlanArguments {
  std::string budget;
  FleetArguments fleet;
  RemoteArguments remote;
  ModelFileArguments model_file;
  std::string baseline = fleet::Name(fleet::Baseline::kFrontierEquivalent);
  double min_bits = 4;
  std::vector<double> thresholds = PlanOptions{}.thresholds_months;
  int explain = 0;  // a rung, from 1; 0: none
};

int RunPlan(const Common& common, const PlanArguments& arguments) {
  const absl::StatusOr<Usd> budget = ParseUsd(arguments.budget);
  if (!budget.ok()) return BadArgument("--budget", std::string(budget.status().message()));
  if (!arguments.remote.planner.empty()) {
    if (arguments.model_file.given()) return NotOverTheNetwork();
    v1::PlanRequest request;
    request.set_budget_usd(budget->dollars());
    request.set_baseline(arguments.baseline);
    request.set_min_nominal_bits(arguments.min_bits);
    request.mutable_threshold_months()->Assign(arguments.thresholds.begin(),
                                               arguments.thresholds.end());
    request.set_explain_rung(static_cast<std::uint32_t>(arguments.explain));
    return AskPlan(common, arguments.remote, arguments.fleet, request);
  }
  std::optional<answer::Facts> facts = LoadFactsOrPrint(common);
  if (!facts) return kBadInput;
  if (arguments.model_file.given() && !DescribeOrPrint(arguments.model_file, "", facts->catalog)) {
    return kBadInput;
  }
  answer::PlanQuestion question;
  question.documents = DocumentsOf(common, arguments.fleet);
  question.options.budget = *budget;
  question.options.baseline = *fleet::ParseBaseline(arguments.baseline);
  question.options.min_nominal_bits = arguments.min_bits;
  question.options.thresholds_months = arguments.thresholds;
  question.explain_rung = arguments.explain;

  std::optional<Watched> watched(std::in_place);
  question.options.watch = watched->watch();
  const auto answered = answer::AnswerPlan(*facts, question);
  const bool interrupted = watched->interrupted();
  watched.reset();
  if (!answered.value) return Refuse("plan", answered.problems, answered.arguments);
  const int printed =
      Print(common.json() ? answer::PlanJson(*answered.value)
                          : answer::PlanText(*facts, *answered.value, common.style));
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
  AddFleetOptions(*command, arguments->fleet);
  AddRemoteOptions(*command, arguments->remote);
  AddModelFileOptions(*command, arguments->model_file);
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
