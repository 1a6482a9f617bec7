// Measuring this machine's memory bandwidth, for `bench` and for `run`.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "node-agent/host/host.h"
#include "node-agent/report.h"

namespace capacity::agent_cli {

// Load, power and temperature now, and why nothing should be measured under them (empty: it may).
struct Moment {
  agent::Conditions conditions;
  std::string why_not;
};
Moment ThisMoment(host::Host& machine);

struct MemorySpeeds {
  std::vector<agent::MemoryBandwidth> measured;
  std::vector<std::string> missing;  // what was not measured, and why
};

// Processors, then NVIDIA cards; takes seconds, and memory while it lasts. `repeats`: timed passes
// of each kind.
MemorySpeeds MeasureMemory(host::Host& machine, const agent::Conditions& conditions, int repeats);

}  // namespace capacity::agent_cli
