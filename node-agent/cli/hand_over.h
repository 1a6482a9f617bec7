// Measured speeds, handed to the agent that reports to the planner.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "node-agent/report.h"

namespace capacity::agent_cli {

// Where `node-agent run` keeps its state unless told otherwise: $STATE_DIRECTORY (what systemd made
// for the service), /var/lib/node-agent for root, ~/.local/state/node-agent.
std::string DefaultStateDirectory();

struct HandedOver {
  std::string directory;  // that holds them until they are sent
  int kept = 0;
  int dropped = 0;        // older ones, for which there was no more room
  bool enrolled = false;  // an agent with this state directory is known to a planner
};

// Keeps the measurements where `node-agent run --state-dir DIRECTORY`, running or not yet, finds
// them and sends them to its planner. Empty directory: the default. All or, when the disk refuses
// (Unavailable), those before the one that it refused. InvalidArgument: a measurement that is none.
absl::StatusOr<HandedOver> HandOver(const std::string& state_directory,
                                    const std::vector<agent::SpeedMeasurement>& measured);

// For people: what becomes of them now. Sentences without a newline.
std::string Describe(const HandedOver& handed_over);

}  // namespace capacity::agent_cli
