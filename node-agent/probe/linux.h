// The probes of a Linux machine: a DGX Spark or another GB10 machine, one with NVIDIA cards, or one
// with neither.
#pragma once

#include "node-agent/host/host.h"
#include "node-agent/probe/probe.h"
#include "node-agent/report.h"

namespace capacity::probe {

// Fills everything of `report` but its version, time and identity.
void ProbeLinux(host::Host& host, const Options& options, agent::Report& report);

}  // namespace capacity::probe
