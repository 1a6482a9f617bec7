// What a purchase makes possible besides money.
#pragma once

#include <string>
#include <vector>

#include "planner/purchase/climb.h"
#include "planner/purchase/clusters.h"

namespace capacity::purchase {

// Models that the rung's clusters run and that no cluster before could hold, models that it could
// now hold, and models that it runs faster: "deepseek-v3.1 mlx-8bit: did not fit",
// "gpt-oss-120b: 62 -> 84 tokens/s". Services are those of `candidates`, columns of `problem`.
std::vector<std::string> Unlocks(const catalog::Catalog& catalog, const Candidates& candidates,
                                 const Problem& problem, const Step& step, double min_nominal_bits);

}  // namespace capacity::purchase
