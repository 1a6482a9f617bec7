// The ports of a Linux machine, of the interfaces and RDMA devices that it has.
#pragma once

#include "node-agent/host/host.h"
#include "node-agent/report.h"

namespace capacity::probe {

// Fills the report's ports, RDMA state and the result of this probe; reads its machine.kind.
//
// The cages of a GB10 machine are ports of kind ConnectX; every other network interface that leads
// out is one of kind Ethernet, Wi-Fi or Thunderbolt, whether or not it can do RDMA too. What
// several interfaces are joined to, a bond or a bridge, is one port with the joined interfaces
// behind it, at the rate of the slowest that is up: a connection runs over one of them. What stands
// over a port, a VLAN say, is a part of it, and so are functions of its card (SR-IOV). InfiniBand
// is of no known kind.
void ProbeNetwork(host::Host& host, agent::Report& report);

}  // namespace capacity::probe
