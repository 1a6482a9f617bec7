#include "planner/fleet/scenario.h"

namespace capacity::fleet {

const char* Name(Baseline baseline) {
  switch (baseline) {
    case Baseline::kFrontierEquivalent:
      return "frontier-equivalent";
    case Baseline::kSameModelHosted:
      return "same-model-hosted";
  }
  return "unknown";
}

std::optional<Baseline> ParseBaseline(std::string_view name) {
  for (Baseline baseline : kBaselines) {
    if (name == Name(baseline)) return baseline;
  }
  return std::nullopt;
}

}  // namespace capacity::fleet
