#include "planner/throughput/calibration.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace capacity::throughput {

const char* Name(IntervalGroup group) {
  switch (group) {
    case IntervalGroup::kDense:
      return "decode-dense";
    case IntervalGroup::kMoe:
      return "decode-moe";
    case IntervalGroup::kSmall:
      return "decode-small";
    case IntervalGroup::kBatch:
      return "decode-batch";
    case IntervalGroup::kTensor:
      return "decode-tensor";
    case IntervalGroup::kTensorUnknown:
      return "decode-tensor-unknown-link";
    case IntervalGroup::kPipeline:
      return "decode-pipeline";
    case IntervalGroup::kPrefill:
      return "prefill";
    case IntervalGroup::kPrefillCluster:
      return "prefill-cluster";
  }
  return "unknown";
}

absl::Status Calibration::Resolve() {
  std::vector<std::string> problems;
  std::map<std::string, const ParameterSpec*> specs;
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
  std::map<std::string, int> groups;
  for (int i = 0; i < kIntervalGroups; ++i) groups[Name(static_cast<IntervalGroup>(i))] = i;
  auto table = Calibration().interval_table;
  for (const auto& [name, factors] : intervals) {
    auto it = groups.find(name);
    if (it == groups.end()) {
      problems.push_back(absl::StrCat("unknown interval group \"", name, "\""));
    } else if (!(factors.below >= 1) || !(factors.above >= 1)) {
      problems.push_back(absl::StrCat("interval \"", name, "\" needs factors of at least 1"));
    } else {
      table[static_cast<std::size_t>(it->second)] = factors;
    }
  }
  if (!problems.empty()) return absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
  coefficients = resolved;
  interval_table = table;
  return absl::OkStatus();
}

}  // namespace capacity::throughput
