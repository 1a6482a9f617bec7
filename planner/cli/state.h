// The directory that `planner serve` keeps its fleet in, for commands on the same machine.
#pragma once

#include <string>

#include "planner/cli/common.h"

namespace capacity::cli {

// Adds --state.
void AddStateOption(CLI::App& command, std::string& directory);

// Prints a status of the store or of files; returns the exit code it means.
int PrintFailure(const std::string& command, const absl::Status& status);

// sysexits.h: the configuration is not one to start with.
inline constexpr int kBadConfiguration = 78;

}  // namespace capacity::cli
