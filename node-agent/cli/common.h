// What the commands share: where facts are, how to print, how to fail.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "node-agent/probe/probe.h"
#include "node-agent/report.h"

namespace capacity::agent_cli {

// "0.1.0".
const char* AgentVersion();

// Of probing now.
probe::Options ProbeOptions();

// Adds the catalogue's names for what `report` shows. `data_directory` holds catalog/; empty: where
// the planner finds it. A catalogue that is not there leaves no identity; one that cannot be read
// leaves an identity that says so.
void AddIdentity(const std::string& data_directory, agent::Report& report);

// The report of this machine, or of a capture. NotFound, InvalidArgument: as host::ReadCapture.
absl::StatusOr<agent::Report> ReportOf(const std::string& capture_directory,
                                       const std::string& data_directory);

struct Style {
  bool color = false;  // stdout is a terminal and NO_COLOR is not set
  int width = 100;     // columns
};
Style TerminalStyle();
std::string Bold(const Style& style, std::string_view text);

// `text` broken at spaces into lines of at most `width` columns, every line but the first indented
// by `indent`.
std::string Wrap(std::string_view text, int width, int indent);

// To stdout; kWorldFailed when that fails (a closed pipe is kOk).
int Print(const std::string& text);
// "node-agent: WHAT" on stderr; the exit code that fits the status.
int Fail(const absl::Status& status);

}  // namespace capacity::agent_cli
