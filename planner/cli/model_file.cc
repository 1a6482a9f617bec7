#include "planner/cli/model_file.h"

#include <iostream>

#include "planner/cli/common.h"
#include "planner/modelfile/shown_text.h"

namespace capacity::cli {

void AddModelFileOptions(CLI::App& command, ModelFileArguments& arguments) {
  CLI::Option* file = command
                          .add_option("--model-file", arguments.file,
                                      "A GGUF; of a split one any part, the others beside it")
                          ->type_name("FILE");
  command
      .add_option("--model-dir", arguments.directory,
                  "A directory with config.json and *.safetensors (Hugging Face or MLX)")
      ->type_name("DIR")
      ->excludes(file);
}

std::optional<modelfile::Description> DescribeOrPrint(const ModelFileArguments& arguments,
                                                      const std::string& id,
                                                      catalog::Catalog& catalog) {
  absl::StatusOr<modelfile::Description> description =
      arguments.file.empty() ? modelfile::DescribeDirectory(arguments.directory, id, catalog)
                             : modelfile::DescribeFile(arguments.file, id, catalog);
  if (!description.ok()) {
    std::cerr << description.status().message() << "\n";
    return std::nullopt;
  }
  if (const absl::Status added = modelfile::AddTo(*description, catalog); !added.ok()) {
    std::cerr << "planner: " << added.message() << "\n";
    return std::nullopt;
  }
  for (const std::string& warning : description->warnings) {
    std::cerr << modelfile::Shown(description->path) << ": warning: " << warning << "\n";
  }
  return *std::move(description);
}

int NotOverTheNetwork() {
  return BadArgument("--model-file",
                     "is read on this machine, --planner answers on another; add the model there "
                     "with planner catalog add");
}

}  // namespace capacity::cli
