#include <algorithm>
#include <iostream>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "planner/catalog/recognize.h"
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
  std::vector<std::string> forget;
};

// "http://HOST:PORT" of each; nullopt after printing that one is no address.
std::optional<std::vector<std::string>> UrlsOrPrint(const std::string& option,
                                                    const std::vector<std::string>& texts) {
  std::vector<std::string> urls;
  for (const std::string& text : texts) {
    const bool with_scheme = absl::StartsWith(text, "http://");
    const absl::StatusOr<launch::Address> address =
        launch::ParseAddress(with_scheme ? text.substr(7) : text);
    if (!address.ok()) {
      BadArgument(option, std::string(address.status().message()));
      return std::nullopt;
    }
    urls.push_back(absl::StrCat("http://", launch::ToString(*address)));
  }
  return urls;
}

// Drops the record of what was launched at `url`; false after printing that nothing was.
bool ForgetOrPrint(const std::string& url, std::vector<launch::Record>& records) {
  std::vector<std::string> known;
  bool found = false;
  for (const launch::Record& record : records) {
    known.push_back(record.url);
    if (record.url != url) continue;
    const absl::Status forgotten =
        operate::ForgetRecord(operate::DefaultLaunchDirectory(), url, record.model);
    if (!forgotten.ok()) {
      BadArgument("--forget", std::string(forgotten.message()));
      return false;
    }
    std::cerr << "planner: status: forgot " << record.model << " at " << url << "\n";
    found = true;
  }
  if (!found) {
    BadArgument("--forget",
                absl::StrCat("nothing was launched at ", url,
                             known.empty() ? "" : "; known: ", absl::StrJoin(known, ", ")));
  }
  std::erase_if(records, [&](const launch::Record& record) { return record.url == url; });
  return found;
}

// A process that is gone does not come back: its record is of no use to anybody.
void ForgetEnded(const std::vector<launch::Standing>& standings) {
  for (const launch::Standing& standing : standings) {
    if (!standing.ended || !standing.plan) continue;
    const absl::Status forgotten = operate::ForgetRecord(operate::DefaultLaunchDirectory(),
                                                         standing.url, standing.plan->model);
    std::cerr << "planner: status: " << standing.plan->model << " at " << standing.url << ": "
              << (forgotten.ok() ? std::string("its process has ended; its record is dropped")
                                 : std::string(forgotten.message()))
              << "\n";
  }
}

// The plan that these arguments would make, in place of what was launched last.
std::optional<launch::Record> PlannedOrPrint(const Common& common, const Arguments& arguments,
                                             answer::Facts& facts, int& exit_code) {
  exit_code = kBadInput;
  const auto question = LaunchQuestionOrPrint(common, facts, arguments.launch, exit_code);
  if (!question) return std::nullopt;
  const auto answered = answer::AnswerLaunch(facts, *question);
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
  std::optional<answer::Facts> facts = LoadFactsOrPrint(common);
  if (!facts) return kBadInput;
  const bool launched = arguments.launch.model.empty() && !arguments.launch.model_file.given();
  if (!launched && !arguments.forget.empty()) {
    return BadArgument("--forget", "beside a model there is nothing to forget");
  }
  std::vector<launch::Record> plans;
  if (launched) {
    absl::StatusOr<std::vector<launch::Record>> kept =
        operate::LoadRecords(operate::DefaultLaunchDirectory());
    if (!kept.ok()) return BadArgument("status", std::string(kept.status().message()));
    plans = *std::move(kept);
    const auto forget = UrlsOrPrint("--forget", arguments.forget);
    if (!forget) return kBadInput;
    for (const std::string& url : *forget) {
      if (!ForgetOrPrint(url, plans)) return kBadInput;
    }
  } else {
    int exit_code = kBadInput;
    const std::optional<launch::Record> plan = PlannedOrPrint(common, arguments, *facts, exit_code);
    if (!plan) return exit_code;
    plans = {*plan};
  }
  const auto urls = UrlsOrPrint("--url", arguments.urls);
  if (!urls) return kBadInput;
  const auto called = [&](const std::string& name) {
    catalog::SeenModel seen;
    seen.engine = "llama.cpp";
    seen.name = name;
    const catalog::Model* model = catalog::Recognize(facts->catalog, seen).model;
    return model == nullptr ? std::string() : model->id;
  };
  const std::vector<launch::Standing> standings = operate::Look(plans, *urls, *key, called);
  ForgetEnded(standings);
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
  command
      ->add_option("--forget", arguments->forget,
                   "HOST:PORT: drop the record of what was launched there; nothing is stopped; "
                   "repeatable")
      ->type_name("ADDRESS");
  AddApiKeyOptions(*command, arguments->key);
  AddCommonOptions(*command, common);
  command->callback([arguments, &common, &action] {
    action = [arguments, &common] { return RunStatus(common, *arguments); };
  });
}

}  // namespace capacity::cli
