// The graphics cards of a Linux machine: what the slots hold, and what NVIDIA's driver tells of it.
#pragma once

#include "node-agent/host/host.h"
#include "node-agent/report.h"

namespace capacity::probe {

// Fills the report's accelerators, the kind of machine, whether its memory is shared with the GPU,
// and the results of the probes "pci" and "nvidia-smi"; reads its container and machine.product.
// `spark`: the system's release says that this is a DGX Spark.
void ProbeCards(host::Host& host, bool spark, agent::Report& report);

}  // namespace capacity::probe
