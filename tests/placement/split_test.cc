#include "planner/placement/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace capacity::placement {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;

Stage Of(int most_layers, double gb_per_second) {
  return {most_layers, BytesPerSecond{gb_per_second * 1e9}};
}

TEST(SplitForOneStream, FillsTheFastestFirst) {
  EXPECT_THAT(SplitForOneStream(60, {Of(40, 273), Of(50, 819)}), Optional(ElementsAre(10, 50)));
}

TEST(SplitForOneStream, EqualNodesShareEvenly) {
  EXPECT_THAT(SplitForOneStream(61, {Of(50, 819), Of(50, 819)}), Optional(ElementsAre(31, 30)));
}

TEST(SplitForOneStream, EveryNodeHoldsALayer) {
  EXPECT_THAT(SplitForOneStream(10, {Of(100, 819), Of(100, 100)}), Optional(ElementsAre(9, 1)));
}

TEST(SplitForManyStreams, FollowsBandwidthUpToTheMemory) {
  EXPECT_THAT(SplitForManyStreams(40, {Of(100, 300), Of(100, 100)}), Optional(ElementsAre(30, 10)));
  EXPECT_THAT(SplitForManyStreams(40, {Of(20, 300), Of(100, 100)}), Optional(ElementsAre(20, 20)));
}

TEST(Split, RefusesWhatDoesNotFit) {
  EXPECT_EQ(SplitForOneStream(61, {Of(30, 819), Of(30, 819)}), std::nullopt);
  EXPECT_EQ(SplitForOneStream(61, {Of(100, 819), Of(0, 819)}), std::nullopt);
  EXPECT_EQ(SplitForManyStreams(1, {Of(10, 819), Of(10, 819)}), std::nullopt);
}

// Every way of dealing the layers, for few of them.
void ForEachSplit(int layers, const std::vector<Stage>& stages, std::vector<int>& held,
                  const std::function<void(const std::vector<int>&)>& use) {
  if (held.size() + 1 == stages.size()) {
    if (layers < 1 || layers > stages[held.size()].most_layers) return;
    held.push_back(layers);
    use(held);
    held.pop_back();
    return;
  }
  for (int n = 1; n <= std::min(layers, stages[held.size()].most_layers); ++n) {
    held.push_back(n);
    ForEachSplit(layers - n, stages, held, use);
    held.pop_back();
  }
}

double Sum(const std::vector<int>& held, const std::vector<Stage>& stages) {
  double sum = 0;
  for (std::size_t i = 0; i < held.size(); ++i) sum += held[i] / stages[i].bandwidth.value;
  return sum;
}
double Slowest(const std::vector<int>& held, const std::vector<Stage>& stages) {
  double slowest = 0;
  for (std::size_t i = 0; i < held.size(); ++i) {
    slowest = std::max(slowest, held[i] / stages[i].bandwidth.value);
  }
  return slowest;
}

// Against every split there is: many streams exactly, one stream within the tenth that separates
// tiers.
TEST(Split, IsTheBestOfAll) {
  std::mt19937 random(1);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<Stage> stages;
    const int count = 2 + static_cast<int>(random() % 2);
    for (int i = 0; i < count; ++i) {
      stages.push_back(Of(1 + static_cast<int>(random() % 12), 100.0 + random() % 900));
    }
    const int layers = 4 + static_cast<int>(random() % 16);
    double best_sum = -1;
    double best_slowest = -1;
    std::vector<int> held;
    ForEachSplit(layers, stages, held, [&](const std::vector<int>& split) {
      if (best_sum < 0 || Sum(split, stages) < best_sum) best_sum = Sum(split, stages);
      if (best_slowest < 0 || Slowest(split, stages) < best_slowest) {
        best_slowest = Slowest(split, stages);
      }
    });
    const auto one = SplitForOneStream(layers, stages);
    const auto many = SplitForManyStreams(layers, stages);
    ASSERT_EQ(one.has_value(), best_sum >= 0);
    ASSERT_EQ(many.has_value(), best_sum >= 0);
    if (!one) continue;
    EXPECT_EQ(std::accumulate(one->begin(), one->end(), 0), layers);
    EXPECT_EQ(std::accumulate(many->begin(), many->end(), 0), layers);
    EXPECT_LE(Sum(*one, stages), best_sum * 1.12);
    EXPECT_NEAR(Slowest(*many, stages), best_slowest, best_slowest * 1e-9);
  }
}

}  // namespace
}  // namespace capacity::placement
