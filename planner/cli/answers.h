// Arguments and refusals that plan, fit and predict share.
#pragma once

#include <string>
#include <vector>

#include "planner/answer/question.h"
#include "planner/cli/common.h"

namespace capacity::cli {

// Which fleet a question is about.
struct FleetArguments {
  std::string inventory;
  std::vector<std::string> overlays;
};

// Adds --inventory and --what-if.
void AddFleetOptions(CLI::App& command, FleetArguments& arguments);

// The files that these name; the example fleet when none is.
answer::Documents DocumentsOf(const Common& common, const FleetArguments& arguments);

// Prints everything that is wrong with a question of `command` ("plan"); returns kBadInput.
int Refuse(const std::string& command, const Diagnostics& problems,
           const std::vector<answer::ArgumentProblem>& arguments);

}  // namespace capacity::cli
