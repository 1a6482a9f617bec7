// Memory bandwidth of NVIDIA cards, through the driver's own library loaded at run time: no toolkit
// is needed to build or to run.
#pragma once

#include <string>
#include <vector>

#include "node-agent/report.h"

namespace capacity::bench {

struct CudaMeasurements {
  std::vector<agent::MemoryBandwidth> measured;  // one a card: device-to-device copies
  std::vector<std::string> missing;  // what was not measured and why; never empty without a figure
};

// Copies between two buffers of a card, timed by the card's own events; a copied byte counts twice,
// read and written. Uses at most an eighth of the card's free memory and 2 GiB for both buffers.
CudaMeasurements MeasureGpuMemory(int repeats);

}  // namespace capacity::bench
