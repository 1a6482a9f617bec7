// The network of a Linux machine: interfaces, what joins several of them, RDMA devices, and the
// ports that these make.
#pragma once

#include "node-agent/host/host.h"
#include "node-agent/report.h"

namespace capacity::probe {

// Fills the report's ports, RDMA state and the result of this probe; reads its machine.kind.
//
// The cages of a GB10 machine are ports of kind ConnectX; every other network interface that leads
// out is one of kind Ethernet or Wi-Fi, whether or not it can do RDMA too. What several interfaces
// are joined to, a bond or a bridge, is one port with the joined interfaces behind it, at the rate
// of the slowest that is up: a connection runs over one of them. InfiniBand is of no known kind.
void ProbeNetwork(host::Host& host, agent::Report& report);

}  // namespace capacity::probe
