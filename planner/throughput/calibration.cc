#include "planner/throughput/calibration.h"

#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace capacity::throughput {

absl::Status Calibration::Resolve() {
  std::vector<std::string> problems;
  std::map<std::string, const ParameterSpec*, std::less<>> specs;
  for (const ParameterSpec& spec : ParameterSpecs()) specs[spec.name] = &spec;
  Coefficients resolved;
  for (const auto& [name, parameter] : parameters) {
    auto it = specs.find(name);
    if (it == specs.end()) {
      problems.push_back(absl::StrCat("unknown parameter \"", name, "\""));
    } else if (!(parameter.value > 0) || !std::isfinite(parameter.value)) {
      problems.push_back(absl::StrCat("parameter \"", name, "\" must be positive"));
    } else {
      *it->second->at(resolved, it->second->index) = parameter.value;
    }
  }
  if (!problems.empty()) return absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
  coefficients = resolved;
  return absl::OkStatus();
}

int Calibration::RowsBehind(std::string_view parameter) const {
  auto it = parameters.find(parameter);
  return it == parameters.end() ? 0 : it->second.rows;
}

double Calibration::LabsBehind(ChipFamily family) const {
  auto it = parameters.find(absl::StrCat("decode.bandwidth_share.", Name(family)));
  return it == parameters.end() ? 0 : it->second.labs;
}

}  // namespace capacity::throughput
