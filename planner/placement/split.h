// How a pipeline deals layers to nodes (docs/model.md 3.2).
#pragma once

#include <optional>
#include <vector>

#include "planner/base/units.h"

namespace capacity::placement {

// One stage of a pipeline.
struct Stage {
  int most_layers = 0;  // that its memory holds
  BytesPerSecond bandwidth;
};

// Layers per stage, at least one each, in the order of `stages`; nullopt when they do not all fit.
// Each minimises the decode time of what its name says, ties by more even memory.
//
// One stream passes the stages one after the other, so time is the sum over stages: the fastest
// stages are filled first, and stages within a tenth of each other's bandwidth share evenly.
std::optional<std::vector<int>> SplitForOneStream(int layers, const std::vector<Stage>& stages);
// Several streams keep all stages busy, so the slowest stage sets the pace: layers in proportion to
// bandwidth, up to what fits.
std::optional<std::vector<int>> SplitForManyStreams(int layers, const std::vector<Stage>& stages);

}  // namespace capacity::placement
