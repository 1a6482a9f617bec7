#include "node-agent/engine/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace capacity::engine {

double Quantile(std::vector<double> samples, double share) {
  if (samples.empty()) return 0;
  std::sort(samples.begin(), samples.end());
  const double at = share * static_cast<double>(samples.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(at));
  const std::size_t above = std::min(below + 1, samples.size() - 1);
  return samples[below] + (at - std::floor(at)) * (samples[above] - samples[below]);
}

agent::Rate RateOver(const std::vector<double>& tokens_per_second) {
  if (tokens_per_second.empty()) return {};
  const auto [low, high] = std::minmax_element(tokens_per_second.begin(), tokens_per_second.end());
  return {.median = Quantile(tokens_per_second, 0.5), .low = *low, .high = *high};
}

}  // namespace capacity::engine
