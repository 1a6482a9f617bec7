#include "planner/answer/predict.h"

#include <memory>

#include "planner/cli/answers.h"
#include "planner/cli/commands.h"
#include "planner/cli/load_arguments.h"
#include "planner/cli/model_file.h"
#include "planner/cli/remote_questions.h"

namespace capacity::cli {
namespace {

struct PredictArguments {
  answer::PredictQuestion question;
  LoadArguments load;
  RemoteArguments remote;
  ModelFileArguments model_file;
};

// What stands in the place of --model and --quant that were not given; "" when nothing is missing.
std::string Missing(const answer::PredictQuestion& question) {
  if (question.model.empty()) return "--model is required, or --model-file or --model-dir";
  return question.quant.empty() ? "--quant is required; only a file of your own says it itself"
                                : "";
}

// A model that is a file of the user's is in that file's format.
void TakeOwnFormat(const catalog::Catalog& catalog, answer::PredictQuestion& question) {
  const catalog::Model* model = catalog.FindModel(question.model);
  if (question.quant.empty() && model != nullptr && model->own_file) {
    question.quant = model->own_file->quant;
  }
}

int AskRemote(const Common& common, const PredictArguments& arguments) {
  if (arguments.model_file.given()) return NotOverTheNetwork();
  if (const std::string missing = Missing(arguments.question); !missing.empty()) {
    return BadArgument("predict", missing);
  }
  const auto load = WireLoad(arguments.load);
  if (!load.ok()) return BadArgument("predict", std::string(load.status().message()));
  if (!arguments.question.os_version.empty()) {
    return BadArgument("--os-version", "nodes of a running planner report their own");
  }
  v1::PredictRequest request;
  request.set_model(arguments.question.model);
  request.set_quant(arguments.question.quant);
  for (const std::string& node : arguments.question.nodes) request.add_nodes(node);
  request.set_link(arguments.question.link);
  request.set_engine(arguments.question.engine);
  request.set_strategy(arguments.question.strategy);
  *request.mutable_load() = *load;
  request.set_explain(arguments.question.explain);
  return AskPredict(common, arguments.remote, request);
}

int RunPredict(const Common& common, const PredictArguments& arguments) {
  if (!arguments.remote.planner.empty()) return AskRemote(common, arguments);
  std::optional<answer::Facts> facts = LoadFactsOrPrint(common);
  if (!facts) return kBadInput;
  const absl::StatusOr<placement::Load> load = ParseLoad(facts->catalog, arguments.load);
  if (!load.ok()) return BadArgument("predict", std::string(load.status().message()));
  answer::PredictQuestion question = arguments.question;
  question.load = *load;
  if (arguments.model_file.given()) {
    const auto file = DescribeOrPrint(arguments.model_file, "", facts->catalog);
    if (!file) return kBadInput;
    question.model = file->model.id;
  }
  TakeOwnFormat(facts->catalog, question);
  if (const std::string missing = Missing(question); !missing.empty()) {
    return BadArgument("predict", missing);
  }
  const auto answered = answer::AnswerPredict(*facts, nullptr, question);
  if (!answered.value) return Refuse("predict", answered.problems, answered.arguments);
  return Print(common.json() ? answer::PredictJson(*answered.value)
                             : answer::PredictText(*answered.value, common.style));
}

}  // namespace

void AddPredict(CLI::App& app, Common& common, Action& action) {
  auto arguments = std::make_shared<PredictArguments>();
  CLI::App* command =
      app.add_subcommand("predict", "Memory and speed of one model on given machines");
  command->footer(
      "Example:\n  planner predict --model gpt-oss-120b --quant mxfp4 \\\n"
      "      --nodes mac-studio-m3-ultra-512gb:2 --link thunderbolt5-rdma --explain");
  command->add_option("--model", arguments->question.model, "A model of the catalogue")
      ->type_name("MODEL");
  command->add_option("--quant", arguments->question.quant, "A quantization of the catalogue")
      ->type_name("QUANT");
  AddModelFileOptions(*command, arguments->model_file);
  command
      ->add_option("--nodes", arguments->question.nodes,
                   "MACHINE[/CHIP][:COUNT], comma-separated or repeated")
      ->required()
      ->delimiter(',')
      ->type_name("NODES");
  command
      ->add_option("--link", arguments->question.link,
                   "What joins them: thunderbolt5-rdma, tcp-10gbe, ...")
      ->type_name("LINK");
  command->add_option("--engine", arguments->question.engine, "Only this engine")
      ->check(CLI::IsMember({"llama.cpp", "mlx", "vllm", "exo", "ollama", "other"}))
      ->type_name("ENGINE");
  command->add_option("--strategy", arguments->question.strategy, "Only this way to share the work")
      ->check(CLI::IsMember({"single", "replicas", "tensor", "pipeline", "disaggregated"}))
      ->type_name("STRATEGY");
  command
      ->add_option("--os-version", arguments->question.os_version,
                   "macOS version of the Macs, for example 26.2")
      ->type_name("VERSION");
  AddLoadOptions(*command, arguments->load);
  AddRemoteOptions(*command, arguments->remote);
  command->add_flag("--explain", arguments->question.explain,
                    "Every term of the speed and where it came from");
  AddCommonOptions(*command, common);
  command->callback([arguments, &common, &action] {
    action = [arguments, &common] { return RunPredict(common, *arguments); };
  });
}

}  // namespace capacity::cli
