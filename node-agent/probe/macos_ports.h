// The ports of a Mac: Thunderbolt receptacles with what is plugged in, and its networks.
#pragma once

#include <cstddef>
#include <optional>

#include "node-agent/host/host.h"
#include "node-agent/probe/probe.h"
#include "node-agent/report.h"

namespace capacity::probe {

// Fills the report's ports and the results of the probes "network" and "thunderbolt"; reads what
// the others found out of the machine. Returns how many Thunderbolt buses there are; nullopt: not
// known.
std::optional<std::size_t> ProbePorts(host::Host& host, const Options& options,
                                      agent::Report& report);

}  // namespace capacity::probe
