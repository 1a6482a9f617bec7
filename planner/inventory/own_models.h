// The user's own models as catalogue files: one file for each, in a directory of the user's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/catalog/catalog.h"

namespace capacity::inventory {

// What stands in one file: a model, its weight file, and its quantization where the catalogue has
// none like it.
struct OwnModel {
  const catalog::Model* model = nullptr;
  const catalog::Artifact* artifact = nullptr;
  const catalog::Quantization* quant = nullptr;  // null: one of the catalogue's
};

// Whether `id` can be the name of a model and of its file: lower case letters, digits, '.', '_' and
// '-', at most 80, beginning with a letter or digit.
bool IsModelId(std::string_view id);

// The YAML that LoadCatalog reads back as the same entries. InvalidArgument when a text in them is
// no UTF-8 (a path may be any bytes).
absl::StatusOr<std::string> ToYaml(const OwnModel& own);

// DIRECTORY/ID.yaml.
std::string OwnModelFile(const std::string& directory, const std::string& id);

// The `*.yaml` of `directory` in name order; none when it does not exist.
std::vector<std::string> OwnModelFiles(const std::string& directory);

}  // namespace capacity::inventory
