// A model that is a file of the user's: --model-file and --model-dir.
#pragma once

#include <optional>
#include <string>

#include "CLI/CLI.hpp"
#include "planner/catalog/catalog.h"
#include "planner/modelfile/describe.h"

namespace capacity::cli {

struct ModelFileArguments {
  std::string file;
  std::string directory;

  bool given() const { return !file.empty() || !directory.empty(); }
};

void AddModelFileOptions(CLI::App& command, ModelFileArguments& arguments);

// Reads the file and puts its model into `catalog` as `id` (empty: named after the file); prints
// its warnings to stderr. Nullopt after printing what is wrong with it.
std::optional<modelfile::Description> DescribeOrPrint(const ModelFileArguments& arguments,
                                                      const std::string& id,
                                                      catalog::Catalog& catalog);

// Refuses the two options beside --planner.
int NotOverTheNetwork();

}  // namespace capacity::cli
