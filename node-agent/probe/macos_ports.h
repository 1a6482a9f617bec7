// The ports of a Mac: Thunderbolt receptacles with what is plugged in, and its networks.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "node-agent/host/host.h"
#include "node-agent/probe/apple.h"
#include "node-agent/probe/probe.h"
#include "node-agent/report.h"

namespace capacity::probe {

struct Network {
  std::vector<HardwarePort> ports;
  std::map<std::string, InterfaceState> interfaces;
  bool cut = false;  // other interfaces may stand behind the end
};

// The addresses of the port's interfaces, and which bridges they are in.
void JoinNetwork(const Network& network, agent::Port& port);

struct Ports {
  std::optional<std::size_t> buses;  // of Thunderbolt; nullopt: not known
  Network network;
};

// Fills the report's ports and the results of the probes "network" and "thunderbolt"; reads what
// the others found out of the machine.
Ports ProbePorts(host::Host& host, const Options& options, agent::Report& report);

}  // namespace capacity::probe
