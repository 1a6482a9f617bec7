#include <algorithm>
#include <iostream>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "planner/cli/api_key.h"

#include "planner/cli/launch_arguments.h"
#include "planner/cli/launch_commands.h"
#include "planner/http/exchange.h"
#include "planner/launch/compare.h"
#include "planner/operate/look.h"
#include "planner/operate/records.h"
#include "planner/report/launch_status.h"

namespace capacity::cli {
namespace {

struct Arguments {
  LaunchArguments launch;
  ApiKeyArguments key;
  std::vector<std::string> urls;
};

// The plan that these arguments would make, in place of what was launched last.
std::optional<launch::Record> PlannedOrPrint(const Common& common, const Arguments& arguments,
                                             int& exit_code) {
  std::optional<answer::Facts> facts = LoadFactsOrPrint(common);
  exit_code = kBadInput;
  if (!facts) return std::nullopt;
  const auto question = LaunchQuestionOrPrint(common, *facts, arguments.launch, exit_code);
  if (!question) return std::nullopt;
  const auto answered = answer::AnswerLaunch(*facts, *question);
  if (!answered.value) {
    exit_code = Refuse("status", answered.problems, answered.arguments);
    return std::nullopt;
  }
  const launch::LaunchPlan& plan = answered.value->plan;
  if (!plan.not_applied.empty()) {
    exit_code = BadArgument("status", absl::StrCat("what ", catalog::Name(plan.engine),
                                                   " runs is not known here; EXO and "
                                                   "llama-server are asked"));
    return std::nullopt;
  }
  return launch::RecordOf(plan);
}

int RunStatus(const Common& common, const Arguments& arguments) {
  const absl::StatusOr<http::ApiKey> key = ReadApiKey(arguments.key);
  if (!key.ok()) return BadArgument("status", std::string(key.status().message()));
  std::vector<launch::Record> plans;
  if (arguments.launch.model.empty() && !arguments.launch.model_file.given()) {
    absl::StatusOr<std::vector<launch::Record>> kept =
        operate::LoadRecords(operate::DefaultLaunchDirectory());
    if (!kept.ok()) return BadArgument("status", std::string(kept.status().message()));
    plans = *std::move(kept);
  } else {
    int exit_code = kBadInput;
    const std::optional<launch::Record> plan = PlannedOrPrint(common, arguments, exit_code);
    if (!plan) return exit_code;
    plans = {*plan};
  }
  std::vector<std::string> urls;
  for (const std::string& text : arguments.urls) {
    const bool with_scheme = absl::StartsWith(text, "http://");
    const absl::StatusOr<launch::Address> address =
        launch::ParseAddress(with_scheme ? text.substr(7) : text);
    if (!address.ok()) return BadArgument("--url", std::string(address.status().message()));
    urls.push_back(absl::StrCat("http://", launch::ToString(*address)));
  }
  const std::vector<launch::Standing> standings = operate::Look(plans, urls, *key);
  return Print(common.json() ? report::LaunchStatusJson(standings)
                             : report::LaunchStatusText(standings, common.style));
}

}  // namespace

void AddStatus(CLI::App& app, Common& common, Action& action) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("status", "What runs on the engines, against what was launched");
  command->footer(
      "Example:\n  planner status\n  planner status --url 10.0.0.2:52415 --output json");
  AddLaunchArguments(*command, "Compare with the plan for this model, not with what was launched",
                     arguments->launch);
  command
      ->add_option("--url", arguments->urls,
                   "HOST:PORT of an EXO or a llama-server to look at, too; repeatable")
      ->type_name("ADDRESS");
  AddApiKeyOptions(*command, arguments->key);
  AddCommonOptions(*command, common);
  command->callback([arguments, &common, &action] {
    action = [arguments, &common] { return RunStatus(common, *arguments); };
  });
}

}  // namespace capacity::cli
