// RDMA over the Thunderbolt ports of a Mac.
#pragma once

#include <cstddef>
#include <optional>

#include "node-agent/host/host.h"
#include "node-agent/report.h"

namespace capacity::probe {

// Fills the report's RDMA state, what its ports can do, and the result of this probe; reads its
// machine, chip, system version and ports. `buses`: how many Thunderbolt buses there are; nullopt:
// not known. Never makes an RDMA resource: those leak until the next start.
void ProbeRdma(host::Host& host, std::optional<std::size_t> buses, agent::Report& report);

}  // namespace capacity::probe
