// planner catalog: what is known, and the user's own models beside it.
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "planner/base/file_lock.h"
#include "planner/base/parse.h"
#include "planner/cli/commands.h"
#include "planner/cli/model_file.h"
#include "planner/inventory/own_models.h"
#include "planner/modelfile/shown_text.h"
#include "planner/prices/date.h"
#include "planner/prices/store.h"
#include "planner/report/json.h"
#include "planner/report/model_file.h"
#include "planner/report/text.h"

namespace capacity::cli {
namespace {

namespace fs = std::filesystem;
using report::CatalogTopic;

struct CatalogArguments {
  std::string topic;
  ModelFileArguments file;
  std::string id;
  bool replace = false;
};

int RunTopic(const Common& common, CatalogTopic topic) {
  const std::optional<catalog::Catalog> catalog = LoadCatalogOrPrint(common);
  if (!catalog) return kBadInput;
  return Print(common.json() ? report::CatalogJson(*catalog, topic)
                             : report::CatalogText(*catalog, topic, common.style));
}

// ---------------------------------------------------------------- add, describe, remove

// "" after printing that there is no place for own models.
std::string DirectoryOrPrint() {
  std::string directory = OwnCatalogDirectory();
  if (directory.empty()) {
    BadArgument("catalog", "neither XDG_DATA_HOME nor HOME says where your own models are kept");
  }
  return directory;
}

int WorldFailed(const std::string& what) {
  std::cerr << "planner: " << what << "\n";
  return kWorldFailed;
}

int NeedsFile() { return BadArgument("catalog", "needs --model-file FILE or --model-dir DIR"); }

int PrintDescription(const Common& common, const modelfile::Description& description,
                     const std::string& kept_in) {
  return Print(common.json() ? report::ModelFileJson(description, kept_in)
                             : report::ModelFileText(description, kept_in, common.style));
}

int RunDescribe(const Common& common, const CatalogArguments& arguments) {
  if (!arguments.file.given()) return NeedsFile();
  std::optional<catalog::Catalog> catalog = LoadWrittenCatalogOrPrint(common);
  if (!catalog) return kBadInput;
  const std::optional<modelfile::Description> description =
      DescribeOrPrint(arguments.file, arguments.id, *catalog);
  return description ? PrintDescription(common, *description, "") : kBadInput;
}

// The name that was asked for, else the file's; a shipped model's stays its own.
std::string IdFor(const catalog::Catalog& catalog, const CatalogArguments& arguments) {
  if (!arguments.id.empty()) return arguments.id;
  const std::string& path =
      arguments.file.file.empty() ? arguments.file.directory : arguments.file.file;
  const std::string id = modelfile::IdFromPath(path);
  const catalog::Model* held = catalog.FindModel(id);
  return held != nullptr && !held->own_file ? absl::StrCat(id, "-file") : id;
}

// What stands in the way of adding a model called `id`; "" when nothing does.
std::string Obstacle(const catalog::Catalog& catalog, const std::string& id, bool replace) {
  if (!inventory::IsModelId(id)) {
    return absl::StrCat("\"", id,
                        "\" is no id; up to 80 lower case letters, digits, '.', '_' and "
                        "'-' are, beginning with a letter or digit");
  }
  const catalog::Model* held = catalog.FindModel(id);
  if (held == nullptr) return "";
  if (!held->own_file) {
    return absl::StrCat("\"", id, "\" is ", held->id, " of the shipped catalogue; name another");
  }
  if (replace && held->id == id) return "";
  return absl::StrCat("you already have a model \"", held->id, "\", ",
                      modelfile::Shown(held->own_file->path),
                      "; name another, or replace it with --replace");
}

// The file's model is not yet known to the catalogue that describes it.
catalog::Catalog Without(catalog::Catalog catalog, const std::string& id) {
  std::erase_if(catalog.models, [&](const catalog::Model& model) { return model.id == id; });
  std::erase_if(catalog.artifacts, [&](const catalog::Artifact& file) { return file.model == id; });
  std::erase_if(catalog.quantizations, [&](const catalog::Quantization& quant) {
    return quant.native_to == std::vector<std::string>{id};
  });
  catalog.Index();
  return catalog;
}

void Date(modelfile::Description& description) {
  const std::string today =
      prices::ToString(std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now()));
  for (catalog::Provenance* provenance :
       {&description.model.provenance, &description.artifact.provenance}) {
    provenance->as_of = today;
  }
}

int RunAdd(const Common& common, const CatalogArguments& arguments) {
  if (!arguments.file.given()) return NeedsFile();
  const std::string directory = DirectoryOrPrint();
  if (directory.empty()) return kBadInput;
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return WorldFailed(absl::StrCat(directory, ": ", error.message()));
  // From the look at what is there to the writing: of several that add a name one does.
  const absl::StatusOr<FileLock> lock = FileLock::Acquire((fs::path(directory) / ".lock").string());
  if (!lock.ok()) return WorldFailed(std::string(lock.status().message()));
  std::optional<catalog::Catalog> catalog = LoadWrittenCatalogOrPrint(common);
  if (!catalog) return kBadInput;
  const std::string id = IdFor(*catalog, arguments);
  const std::string obstacle = Obstacle(*catalog, id, arguments.replace);
  if (!obstacle.empty()) return BadArgument("--id", obstacle);
  *catalog = Without(*std::move(catalog), id);
  // A file keeps its path wherever the planner is called from.
  ModelFileArguments absolute = arguments.file;
  for (std::string* path : {&absolute.file, &absolute.directory}) {
    if (!path->empty()) *path = fs::absolute(*path, error).lexically_normal().string();
  }
  std::optional<modelfile::Description> description = DescribeOrPrint(absolute, id, *catalog);
  if (!description) return kBadInput;
  Date(*description);
  const std::string file = inventory::OwnModelFile(directory, description->model.id);
  const absl::StatusOr<std::string> text =
      inventory::ToYaml({&description->model, &description->artifact,
                         description->quant_is_new ? &description->quant : nullptr});
  if (!text.ok()) return BadArgument("catalog add", std::string(text.status().message()));
  if (const absl::Status written = prices::ReplaceFile(file, *text); !written.ok()) {
    return WorldFailed(std::string(written.message()));
  }
  return PrintDescription(common, *description, file);
}

int RunRemove(const Common& common, const CatalogArguments& arguments) {
  const std::string directory = DirectoryOrPrint();
  if (directory.empty()) return kBadInput;
  std::vector<std::string> own;
  for (const std::string& file : inventory::OwnModelFiles(directory)) {
    own.push_back(fs::path(file).stem().string());
  }
  const std::string file = inventory::OwnModelFile(directory, arguments.id);
  if (!inventory::IsModelId(arguments.id) ||
      std::find(own.begin(), own.end(), arguments.id) == own.end()) {
    const std::string near = DidYouMean(arguments.id, own);
    return BadArgument("MODEL", absl::StrCat("you have no model \"", arguments.id, "\" of your own",
                                             near.empty() ? "" : "; ", near));
  }
  if (unlink(file.c_str()) != 0) {
    return WorldFailed(
        absl::StrCat(file, ": ", std::error_code(errno, std::generic_category()).message()));
  }
  return Print(common.json() ? report::ModelRemovedJson(arguments.id, file)
                             : report::ModelRemovedText(arguments.id, file));
}

// ---------------------------------------------------------------- command line

using Runner = int (*)(const Common&, const CatalogArguments&);

CLI::App* AddSubcommand(CLI::App& group, const char* name, const char* what, const char* example,
                        Common& common, Action& action,
                        const std::shared_ptr<CatalogArguments>& arguments, Runner run) {
  CLI::App* command = group.add_subcommand(name, what);
  command->footer(absl::StrCat("Example:\n  planner catalog ", example));
  AddCatalogOptions(*command, common);
  command->callback([arguments, run, &common, &action] {
    action = [arguments, run, &common] { return run(common, *arguments); };
  });
  return command;
}

}  // namespace

void AddCatalog(CLI::App& app, Common& common, Action& action) {
  static const std::map<std::string, CatalogTopic> kTopics = {
      {"chips", CatalogTopic::kChips},       {"links", CatalogTopic::kLinks},
      {"machines", CatalogTopic::kMachines}, {"models", CatalogTopic::kModels},
      {"presets", CatalogTopic::kPresets},   {"prices", CatalogTopic::kPrices},
      {"quants", CatalogTopic::kQuants}};
  auto arguments = std::make_shared<CatalogArguments>();
  CLI::App* group = app.add_subcommand(
      "catalog", "What the planner knows, with source and date; your own models");
  group->footer(
      "Example:\n  planner catalog machines\n"
      "  planner catalog add --model-file Qwen3-8B-Q4_K_M.gguf");
  std::vector<std::string> names;
  for (const auto& [name, value] : kTopics) names.push_back(name);
  group
      ->add_option("topic", arguments->topic,
                   "chips, links, machines, models, presets, prices or quants")
      ->check(CLI::IsMember(names))
      ->type_name("TOPIC");
  AddCommonOptions(*group, common);
  group->callback([arguments, group, &common, &action] {
    if (!group->get_subcommands().empty()) return;
    if (arguments->topic.empty()) {
      action = [] {
        return BadArgument("catalog",
                           "needs a TOPIC (chips, links, machines, models, presets, prices or "
                           "quants), add, describe or remove");
      };
      return;
    }
    action = [arguments, &common] { return RunTopic(common, kTopics.at(arguments->topic)); };
  });

  CLI::App* add = AddSubcommand(*group, "add", "Keep a model of which you have a file",
                                "add --model-file Qwen3-8B-Q4_K_M.gguf --id my-qwen", common,
                                action, arguments, &RunAdd);
  AddModelFileOptions(*add, arguments->file);
  add->add_option("--id", arguments->id, "Its name here (default: from the file's)")
      ->type_name("NAME");
  add->add_flag("--replace", arguments->replace, "In the place of your own model of that name");

  CLI::App* describe =
      AddSubcommand(*group, "describe", "What a model file holds, by class and layer",
                    "describe --model-dir Qwen3-8B", common, action, arguments, &RunDescribe);
  AddModelFileOptions(*describe, arguments->file);

  CLI::App* remove = AddSubcommand(*group, "remove", "Forget a model of your own", "remove my-qwen",
                                   common, action, arguments, &RunRemove);
  remove->add_option("model", arguments->id, "Its name")->required()->type_name("MODEL");
}

}  // namespace capacity::cli
