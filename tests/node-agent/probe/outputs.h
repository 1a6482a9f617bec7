// Outputs of commands as the tests write them, and the report that they make.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "node-agent/host/capture.h"
#include "node-agent/probe/probe.h"

namespace capacity::testing {

inline host::Output Ran(const std::string& command, const std::string& text, int exit_code = 0) {
  return {.arguments = host::SplitCommandLine(command), .exit_code = exit_code, .text = text};
}

inline agent::Report ReportOf(std::vector<host::Output> commands,
                              std::map<std::string, std::string> files = {}) {
  host::Capture capture;
  capture.commands = std::move(commands);
  capture.files = std::move(files);
  return probe::TakeReport(*host::Replay(capture), {});
}

// What `probe` says it could not find out.
inline std::vector<std::string> UnknownsOf(const agent::Report& report, const std::string& probe) {
  for (const agent::ProbeResult& one : report.probes) {
    if (one.name == probe) return one.unknowns;
  }
  return {};
}

inline agent::ProbeResult::Outcome OutcomeOf(const agent::Report& report,
                                             const std::string& probe) {
  for (const agent::ProbeResult& one : report.probes) {
    if (one.name == probe) return one.outcome;
  }
  return agent::ProbeResult::Outcome::kUnknown;
}

}  // namespace capacity::testing
