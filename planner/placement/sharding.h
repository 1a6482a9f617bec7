// Whether the code of a model in an engine can be split over machines. MLX and EXO have it written
// for some models only; people run others with code of their own, so that this is a caveat, never a
// verdict.
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

// For people, of what cannot be split: "mlx-lm d78bf58 (2026-08) has no code to split ...".
std::string WhyNotSplittable(catalog::Engine engine, throughput::Strategy strategy,
                             const std::string& model_type);

}  // namespace capacity::placement
