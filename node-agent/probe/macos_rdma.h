// RDMA over the Thunderbolt ports of a Mac.
#pragma once

#include "node-agent/host/host.h"
#include "node-agent/probe/macos_ports.h"
#include "node-agent/report.h"

namespace capacity::probe {

// Fills the report's RDMA state, what its ports can do, and the result of this probe; reads its
// machine, chip, system version and ports; `ports` is what ProbePorts found. Never makes an RDMA
// resource: those leak until the next start.
void ProbeRdma(host::Host& host, const Ports& ports, agent::Report& report);

}  // namespace capacity::probe
