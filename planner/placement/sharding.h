// Whether the code of a model in an engine can be split over machines. MLX and EXO have it written
// for some models only.
#pragma once

#include <string>

#include "planner/catalog/catalog.h"
#include "planner/throughput/throughput.h"

namespace capacity::placement {

enum class Splittable { kYes, kNo, kUnknown };

// `model_type` as the maker's config.json has it; empty: not known. kYes for engines that split
// every model they load.
Splittable CanSplit(catalog::Engine engine, throughput::Strategy strategy,
                    const std::string& model_type);

}  // namespace capacity::placement
