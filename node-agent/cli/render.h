// A report, measurements and advice as text for people and as JSON for programs.
#pragma once

#include <string>
#include <vector>

#include "node-agent/cli/common.h"
#include "node-agent/doctor/doctor.h"
#include "node-agent/engine/engine.h"
#include "node-agent/report.h"

namespace capacity::agent_cli {

std::string ReportText(const agent::Report& report, const Style& style);
// Schema capacity-planner/node-report/v1. What is not known is left out.
std::string ReportJson(const agent::Report& report);

std::string AdviceText(const std::vector<doctor::Advice>& advice, const Style& style);
// Schema capacity-planner/node-doctor/v1.
std::string AdviceJson(const std::vector<doctor::Advice>& advice);

std::string BandwidthText(const std::vector<agent::MemoryBandwidth>& measured,
                          const std::vector<std::string>& missing, const Style& style);
// Schema capacity-planner/node-bench-memory/v1; `missing` says what was not measured and why.
std::string BandwidthJson(const std::vector<agent::MemoryBandwidth>& measured,
                          const std::vector<std::string>& missing);

std::string SpeedsText(const engine::Outcome& outcome, const Style& style);
// Schema capacity-planner/node-bench-engine/v1; `not_measured` says what was not and why.
std::string SpeedsJson(const engine::Outcome& outcome);

}  // namespace capacity::agent_cli
