// The commands of node-agent: one function each adds it to the command line.
#pragma once

#include <functional>
#include <string>

#include "CLI/CLI.hpp"

namespace capacity::agent_cli {

// Documented in docs/node-agent.md.
enum ExitCode : int {
  kOk = 0,
  kWorldFailed = 1,    // something could not be read, written or measured
  kBadInput = 2,       // an argument makes no sense; nothing was printed on stdout, nothing written
  kSomethingToDo = 3,  // doctor: there is at least one problem
};

// What the command line chose; set by its CLI11 callback.
using Action = std::function<int()>;

void AddReport(CLI::App& app, Action& action);
void AddCapture(CLI::App& app, Action& action);
void AddDoctor(CLI::App& app, Action& action);
void AddRun(CLI::App& app, Action& action);
void AddBench(CLI::App& app, Action& action);

}  // namespace capacity::agent_cli
