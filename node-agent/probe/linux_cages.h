// The two cages of a GB10 machine's ConnectX-7.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "node-agent/probe/finding.h"
#include "node-agent/probe/linux_interfaces.h"
#include "node-agent/probe/linux_rdma.h"
#include "node-agent/report.h"

namespace capacity::probe {

// Adds the cages to the report's ports and takes their RDMA devices out of `ends`. Returns their
// interfaces: the hardware.
std::set<std::string> AddCages(const Interfaces& interfaces, std::vector<RdmaEnd>& ends,
                               Finding& finding, agent::Report& report);

}  // namespace capacity::probe
