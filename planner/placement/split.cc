#include "planner/placement/split.h"

#include <algorithm>
#include <numeric>

namespace capacity::placement {
namespace {

constexpr double kSameBandwidth = 0.9;  // of the fastest of a tier: within measurement scatter

bool CanHold(int layers, const std::vector<Stage>& stages) {
  long long room = 0;
  for (const Stage& stage : stages) {
    if (stage.most_layers < 1) return false;
    room += stage.most_layers;
  }
  return room >= layers && layers >= static_cast<int>(stages.size());
}

double Speed(const Stage& stage) { return std::max(1.0, stage.bandwidth.value); }

// Deals `rest` further layers to `chosen`, each to the stage that would finish first with it.
// Returns how many found no room.
int Deal(int rest, const std::vector<Stage>& stages, const std::vector<std::size_t>& chosen,
         std::vector<int>& held) {
  for (; rest > 0; --rest) {
    std::optional<std::size_t> best;
    double best_time = 0;
    for (std::size_t i : chosen) {
      if (held[i] >= stages[i].most_layers) continue;
      const double time = (held[i] + 1) / Speed(stages[i]);
      if (!best || time < best_time) {
        best = i;
        best_time = time;
      }
    }
    if (!best) return rest;
    ++held[*best];
  }
  return 0;
}

}  // namespace

std::optional<std::vector<int>> SplitForManyStreams(int layers, const std::vector<Stage>& stages) {
  if (!CanHold(layers, stages)) return std::nullopt;
  std::vector<int> held(stages.size(), 1);
  std::vector<std::size_t> all(stages.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  Deal(layers - static_cast<int>(stages.size()), stages, all, held);
  return held;
}

std::optional<std::vector<int>> SplitForOneStream(int layers, const std::vector<Stage>& stages) {
  if (!CanHold(layers, stages)) return std::nullopt;
  std::vector<std::size_t> fastest_first(stages.size());
  std::iota(fastest_first.begin(), fastest_first.end(), std::size_t{0});
  std::stable_sort(fastest_first.begin(), fastest_first.end(), [&](std::size_t a, std::size_t b) {
    return Speed(stages[a]) > Speed(stages[b]);
  });
  std::vector<int> held(stages.size(), 1);
  int rest = layers - static_cast<int>(stages.size());
  for (std::size_t at = 0; at < fastest_first.size() && rest > 0;) {
    std::vector<std::size_t> tier;
    const double slowest = kSameBandwidth * Speed(stages[fastest_first[at]]);
    for (; at < fastest_first.size() && Speed(stages[fastest_first[at]]) >= slowest; ++at) {
      tier.push_back(fastest_first[at]);
    }
    rest = Deal(rest, stages, tier, held);
  }
  return held;
}

}  // namespace capacity::placement
