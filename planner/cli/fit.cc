#include "planner/answer/fit.h"

#include <memory>

#include "planner/cli/answers.h"
#include "planner/cli/commands.h"
#include "planner/cli/load_arguments.h"
#include "planner/cli/model_file.h"
#include "planner/cli/remote_questions.h"
#include "planner/report/model_file.h"

namespace capacity::cli {
namespace {

struct FitArguments {
  FleetArguments fleet;
  RemoteArguments remote;
  std::vector<std::string> models;
  std::vector<std::string> quants;
  ModelFileArguments model_file;
  LoadArguments load;
  int top = 1;
  bool all = false;
  bool longest_context = false;
  bool breakdown = false;
};

int AskRemote(const Common& common, const FitArguments& arguments) {
  if (arguments.longest_context || arguments.breakdown) {
    return BadArgument("fit",
                       "--longest-context and --breakdown are answered here only: leave out "
                       "--planner");
  }
  const auto load = WireLoad(arguments.load);
  if (!load.ok()) return BadArgument("fit", std::string(load.status().message()));
  v1::FitRequest request;
  for (const std::string& model : arguments.models) request.add_models(model);
  for (const std::string& quant : arguments.quants) request.add_quants(quant);
  *request.mutable_load() = *load;
  request.set_top(static_cast<std::uint32_t>(arguments.top));
  request.set_all(arguments.all);
  return AskFit(common, arguments.remote, arguments.fleet, request);
}

int RunFit(const Common& common, const FitArguments& arguments) {
  if (!arguments.remote.planner.empty()) {
    if (arguments.model_file.given()) return NotOverTheNetwork();
    return AskRemote(common, arguments);
  }
  std::optional<answer::Facts> facts = LoadFactsOrPrint(common);
  if (!facts) return kBadInput;
  std::vector<std::string> models = arguments.models;
  std::string head;
  if (arguments.model_file.given()) {
    const std::optional<modelfile::Description> file =
        DescribeOrPrint(arguments.model_file, "", facts->catalog);
    if (!file) return kBadInput;
    models.push_back(file->model.id);
    head = report::ModelFileHead(*file, common.style) + "\n";
  }
  const absl::StatusOr<placement::Load> load = ParseLoad(facts->catalog, arguments.load);
  if (!load.ok()) return BadArgument("fit", std::string(load.status().message()));
  const auto answered = answer::AnswerFit(
      *facts, {DocumentsOf(common, arguments.fleet), models, arguments.quants, *load, arguments.top,
               arguments.all, arguments.longest_context, arguments.breakdown});
  if (!answered.value) return Refuse("fit", answered.problems, answered.arguments);
  return Print(common.json() ? answer::FitJson(*answered.value)
                             : head + answer::FitText(*answered.value, common.style));
}

}  // namespace

void AddFit(CLI::App& app, Common& common, Action& action) {
  auto arguments = std::make_shared<FitArguments>();
  CLI::App* command = app.add_subcommand(
      "fit", "Every model and quantization: where it fits, how fast, or why not");
  command->footer(
      "Example:\n  planner fit --inventory inventories/home-lab.yaml --model gpt-oss-120b "
      "--context 128k");
  AddFleetOptions(*command, arguments->fleet);
  AddRemoteOptions(*command, arguments->remote);
  command->add_option("--model", arguments->models, "Only this model; repeatable")
      ->type_name("MODEL");
  command->add_option("--quant", arguments->quants, "Only this quantization; repeatable")
      ->type_name("QUANT");
  AddModelFileOptions(*command, arguments->model_file);
  AddLoadOptions(*command, arguments->load);
  command->add_option("--top", arguments->top, "Placements shown for each model and quantization")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_flag("--all", arguments->all,
                    "Every placement, the rejected ones with their reason");
  command->add_flag("--longest-context", arguments->longest_context,
                    "Also the longest context with which each placement still fits");
  command->add_flag("--breakdown", arguments->breakdown,
                    "Also what each node holds: weights, KV cache, state, buffers, engine");
  AddCommonOptions(*command, common);
  command->callback([arguments, &common, &action] {
    action = [arguments, &common] { return RunFit(common, *arguments); };
  });
}

}  // namespace capacity::cli
