// Under what conditions a measurement would be made now, and whether that is fair to anyone.
#pragma once

#include <string>

#include "node-agent/host/host.h"
#include "node-agent/report.h"

namespace capacity::bench {

// Load, power source and temperature, as far as the machine tells.
agent::Conditions ReadConditions(host::Host& host);

// Why nothing should be measured now: "the machine is busy (load 3.2 on 2 cores)"; empty when
// nothing speaks against it.
std::string WhyNotNow(const agent::Conditions& conditions, unsigned cores);

}  // namespace capacity::bench
