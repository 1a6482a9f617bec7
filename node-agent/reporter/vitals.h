// What changes all the time and costs nothing to ask: for heartbeats.
#pragma once

#include "node-agent/host/host.h"
#include "node-agent/reporter/run.h"

namespace capacity::reporter {

// Load of the last minute, and on Linux the memory that programs could have now (MemAvailable of
// /proc/meminfo). On a Mac asking for the latter would take a process every time: not known.
Vitals ReadVitals(host::Host& host);

}  // namespace capacity::reporter
