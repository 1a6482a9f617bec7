// Arguments that say under which load a model is to run; shared by fit and predict.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "planner/catalog/catalog.h"
#include "planner/cli/common.h"
#include "planner/placement/placement.h"

namespace capacity::cli {

struct LoadArguments {
  std::string context = "8192";
  std::string prompt = "1024";
  int streams = 1;
  std::string kv_type = "f16";
};

void AddLoadOptions(CLI::App& command, LoadArguments& arguments);

struct Tokens {
  int context = 0;  // in the cache while decoding
  int prompt = 0;
};

// InvalidArgument names the option and what would be right; so does ParseLoad.
absl::StatusOr<Tokens> ParseLoadTokens(const LoadArguments& arguments);

absl::StatusOr<placement::Load> ParseLoad(const catalog::Catalog& catalog,
                                          const LoadArguments& arguments);

}  // namespace capacity::cli
