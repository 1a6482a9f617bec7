#include "planner/fleet/scenario.h"

namespace capacity::fleet {

const char* Name(Baseline baseline) {
  switch (baseline) {
    case Baseline::kFrontierEquivalent:
      return "frontier-equivalent";
    case Baseline::kSameModelHosted:
      return "same-model-hosted";
    case Baseline::kCustom:
      return "custom";
  }
  return "unknown";
}

const char* ColumnName(Baseline baseline) {
  switch (baseline) {
    case Baseline::kFrontierEquivalent:
      return "frontier";
    case Baseline::kSameModelHosted:
      return "hosted";
    case Baseline::kCustom:
      return "custom";
  }
  return "unknown";
}

std::vector<Baseline> ActiveBaselines(const Scenario& scenario) {
  std::vector<Baseline> active = {Baseline::kFrontierEquivalent, Baseline::kSameModelHosted};
  for (const Workload& workload : scenario.workloads) {
    if (!workload.custom_price) continue;
    active.push_back(Baseline::kCustom);
    break;
  }
  return active;
}

std::optional<Baseline> ParseBaseline(std::string_view name) {
  for (Baseline baseline : kBaselines) {
    if (name == Name(baseline)) return baseline;
  }
  return std::nullopt;
}

Workload FromPreset(const catalog::WorkloadPreset& preset, double utilization) {
  Workload workload;
  workload.preset = preset.id;
  workload.input_per_output = preset.input_per_output;
  workload.cached_input_share = preset.cached_input_share;
  workload.context_tokens = preset.context_tokens;
  workload.prompt_tokens = preset.prompt_tokens;
  workload.concurrency = preset.concurrency;
  workload.utilization = preset.utilization.value_or(utilization);
  return workload;
}

}  // namespace capacity::fleet
