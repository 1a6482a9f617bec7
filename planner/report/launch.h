// What `planner launch` shows: the placement, and the steps that make it run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/fleet/fleet.h"
#include "planner/launch/launch.h"
#include "planner/placement/placement.h"
#include "planner/report/table.h"

namespace capacity::report {

// What became of the steps.
struct Applied {
  bool running = false;
  std::string url;                  // of the engine's API
  std::string problem;              // why it does not run; empty: it does
  std::vector<std::string> done;    // in order
  std::vector<std::string> undone;  // what was taken back after a problem
  std::vector<std::string> left;    // what may still be there, and what removes it
};

// `applied` may be null: only shown.
std::string LaunchJson(const fleet::Fleet& fleet, const placement::Placement& placement,
                       const placement::Load& load, const launch::LaunchPlan& plan,
                       const Applied* applied);
std::string LaunchText(const fleet::Fleet& fleet, const placement::Placement& placement,
                       const placement::Load& load, const launch::LaunchPlan& plan,
                       const Style& style);

// What was done, and where the model is reached.
std::string AppliedText(const Applied& applied);

// `command` as lines that a shell takes as one, none wider than `width` where words allow it, each
// after the first indented by `indent`.
std::string ShellLines(const launch::Command& command, int width, int indent);

}  // namespace capacity::report
