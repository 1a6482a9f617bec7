// The commands that look beyond the planner to engines; otherwise as in commands.h.
#pragma once

#include "planner/cli/common.h"

namespace capacity::cli {

void AddLaunch(CLI::App& app, Common& common, Action& action);
void AddStatus(CLI::App& app, Common& common, Action& action);

}  // namespace capacity::cli
