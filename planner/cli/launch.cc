#include <memory>

#include "planner/answer/launch.h"
#include "planner/cli/commands.h"
#include "planner/cli/launch_arguments.h"
#include "planner/report/launch.h"

namespace capacity::cli {
namespace {

struct Arguments {
  LaunchArguments launch;
  bool dry_run = false;
};

int RunLaunch(const Common& common, const Arguments& arguments) {
  const std::optional<answer::Facts> facts = LoadFactsOrPrint(common);
  if (!facts) return kBadInput;
  int exit_code = kBadInput;
  const auto question = LaunchQuestionOrPrint(common, *facts, arguments.launch, exit_code);
  if (!question) return exit_code;
  const auto answered = answer::AnswerLaunch(*facts, *question);
  if (!answered.value) return Refuse("launch", answered.problems, answered.arguments);
  const answer::LaunchAnswer& answer = *answered.value;
  const fleet::Fleet& fleet = answer.scenario.fleet;
  const placement::Load& load = question->facts.load;
  if (arguments.dry_run) {
    return Print(
        common.json()
            ? report::LaunchJson(fleet, answer.placement, load, answer.plan, nullptr)
            : report::LaunchText(fleet, answer.placement, load, answer.plan, common.style));
  }
  return BadArgument("launch", "only --dry-run is there yet");
}

}  // namespace

void AddLaunch(CLI::App& app, Common& common, Action& action) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("launch", "Start a model where the planner would place it, or show how");
  command->footer(
      "Example:\n  planner launch --model gpt-oss-120b --inventory inventories/two-sparks.yaml "
      "\\\n      --engine llama.cpp --address spark-2=10.0.0.2 --file gpt-oss-120b.gguf --dry-run");
  AddLaunchArguments(*command, arguments->launch)->required();
  command->add_flag("--dry-run", arguments->dry_run, "Show every step and do none");
  AddCommonOptions(*command, common);
  command->callback([arguments, &common, &action] {
    action = [arguments, &common] { return RunLaunch(common, *arguments); };
  });
}

}  // namespace capacity::cli
