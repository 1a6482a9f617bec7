// What runs against what was planned.
#include "planner/launch/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace capacity::launch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using State = Standing::State;

Record LlamaPlan() {
  Record plan;
  plan.engine = "llama.cpp";
  plan.model = "qwen3-0.6b";
  plan.url = "http://127.0.0.1:8080";
  plan.file = "/models/qwen.gguf";
  plan.context_tokens = 4096;
  plan.streams = 2;
  return plan;
}

// No name says anything.
const ModelCalled kNobody = [](const std::string&) { return std::string(); };
// "Qwen3-0.6B-..." is the plan's model, "gemma" is another.
const ModelCalled kCatalogue = [](const std::string& name) -> std::string {
  if (name.rfind("Qwen3-0.6B", 0) == 0) return "qwen3-0.6b";
  return name.rfind("gemma", 0) == 0 ? "gemma-3-4b" : "";
};

std::vector<Difference> ModelDifferences(const std::string& planned_file, const std::string& alias,
                                         const std::string& path) {
  Record plan = LlamaPlan();
  plan.file = planned_file;
  std::vector<Difference> differences =
      CompareLlama(plan, {.model_path = path, .alias = alias}, nullptr, kCatalogue).differences;
  std::erase_if(differences, [](const Difference& one) { return one.what == "file"; });
  return differences;
}

TEST(CompareLlama, TheAliasSaysWhichModelItIs) {
  EXPECT_THAT(ModelDifferences("", "qwen3-0.6b", "/m/x.gguf"), IsEmpty());
  EXPECT_THAT(ModelDifferences("", "Qwen3-0.6B-Instruct", "/m/x.gguf"), IsEmpty());
  EXPECT_THAT(ModelDifferences("", "totally-other", "/m/other-model.gguf"),
              ElementsAre(Difference{"model", "qwen3-0.6b", "totally-other"}));
  EXPECT_THAT(ModelDifferences("", "gemma-3", "/m/x.gguf"),
              ElementsAre(Difference{"model", "qwen3-0.6b", "gemma-3-4b"}));
  EXPECT_THAT(ModelDifferences("/a/q.gguf", "mine", "/m/q.gguf"),
              ElementsAre(Difference{"alias", "qwen3-0.6b", "mine"}));
}

TEST(CompareLlama, WithoutAnAliasTheFileDoesWhereItCan) {
  for (const std::string alias : {"", "/m/q.gguf", "q.gguf"}) {
    EXPECT_THAT(ModelDifferences("/a/q.gguf", alias, "/m/q.gguf"), IsEmpty());
    EXPECT_THAT(
        ModelDifferences("", alias, "/m/q.gguf"),
        ElementsAre(Difference{"model", "qwen3-0.6b", "q.gguf, which may be it or another"}));
  }
  EXPECT_THAT(ModelDifferences("", "", "/m/Qwen3-0.6B-Q8_0.gguf"), IsEmpty());
  EXPECT_THAT(ModelDifferences("", "", "/m/gemma.gguf"),
              ElementsAre(Difference{"model", "qwen3-0.6b", "gemma-3-4b"}));
}

TEST(CompareLlama, AsPlanned) {
  const LlamaProps props = {.model_path = "/mnt/qwen.gguf", .slots = 2, .context_tokens = 4096};
  const std::vector<LlamaSlot> slots = {{0, 4096, true}, {1, 4096, false}};
  const Standing standing = CompareLlama(LlamaPlan(), props, &slots, kNobody);
  EXPECT_TRUE(standing.AsPlanned());
  EXPECT_EQ(standing.busy, 1);
}

TEST(CompareLlama, SaysWhatDiffers) {
  const LlamaProps props = {.model_path = "/mnt/other.gguf", .slots = 1, .context_tokens = 2048};
  const Standing standing = CompareLlama(LlamaPlan(), props, nullptr, kNobody);
  EXPECT_FALSE(standing.AsPlanned());
  EXPECT_THAT(standing.differences, ElementsAre(Difference{"file", "qwen.gguf", "other.gguf"},
                                                Difference{"context of one stream", "4096", "2048"},
                                                Difference{"streams", "2", "1"}));
}

TEST(CompareLlama, WhatTheServerDoesNotSayIsNoDifference) {
  EXPECT_THAT(CompareLlama(LlamaPlan(), LlamaProps{}, nullptr, kNobody).differences, IsEmpty());
}

class CompareExoTest : public ::testing::Test {
 protected:
  void SetUp() override {
    state_.nodes = {{"A", "one", {"10.0.0.1"}}, {"B", "two", {"10.0.0.2"}}};
    ExoInstance instance;
    instance.id = "i1";
    instance.model = "mlx-community/M";
    instance.choice = {"Pipeline", "MlxRing"};
    instance.layers = 36;
    instance.shards = {{"A", "rA", 0, 0, 24}, {"B", "rB", 1, 24, 36}};
    state_.instances = {instance};
    state_.runners = {{"rA", {"RunnerReady", "", 0, 0}}, {"rB", {"RunnerRunning", "", 0, 0}}};
    plan_.engine = "exo";
    plan_.model = "m";
    plan_.source = "mlx-community/M";
    plan_.strategy = "pipeline";
    plan_.instance = "i1";
    plan_.shares = {{"ultra-1", 0, 24}, {"ultra-2", 24, 12}};
    plan_.engine_nodes = {"A", "B"};
  }
  std::vector<Standing> Compare() { return CompareExo("http://x", {plan_}, state_); }

  ExoState state_;
  Record plan_;
};

TEST_F(CompareExoTest, AsPlanned) {
  ASSERT_THAT(Compare(), SizeIs(1));
  EXPECT_TRUE(Compare()[0].AsPlanned()) << Compare()[0].detail;
}

TEST_F(CompareExoTest, AnotherSplitIsNamedByNode) {
  state_.instances[0].shards[0].end = 18;
  state_.instances[0].shards[1].first = 18;
  EXPECT_THAT(Compare()[0].differences, ElementsAre(Difference{"layers of ultra-1", "24", "18"},
                                                    Difference{"layers of ultra-2", "12", "18"}));
}

TEST_F(CompareExoTest, AnotherNodeIsNamed) {
  state_.nodes.push_back({"C", "three", {}});
  state_.instances[0].shards[1].node = "C";
  EXPECT_THAT(Compare()[0].differences, ElementsAre(Difference{"layers of ultra-2", "12", "0"},
                                                    Difference{"layers of three", "0", "12"}));
}

TEST_F(CompareExoTest, ARunnerThatFailedIsNamedWithItsError) {
  state_.runners["rB"] = {"RunnerFailed", "out of memory", 0, 0};
  EXPECT_EQ(Compare()[0].state, State::kFailed);
  EXPECT_THAT(Compare()[0].detail, HasSubstr("two: out of memory"));
}

TEST_F(CompareExoTest, LoadingSaysHowFar) {
  state_.runners["rB"] = {"RunnerLoading", "", 3, 12};
  EXPECT_EQ(Compare()[0].state, State::kLoading);
  EXPECT_THAT(Compare()[0].detail, HasSubstr("1 of 2 runners are ready: two RunnerLoading 3/12"));
  state_.runners.erase("rB");
  EXPECT_EQ(Compare()[0].state, State::kLoading);
}

TEST_F(CompareExoTest, WhatIsPlannedAndAbsentAndWhatRunsUnplanned) {
  state_.instances[0].model = "mlx-community/Other";
  state_.instances[0].id = "i2";
  const std::vector<Standing> standings = Compare();
  ASSERT_THAT(standings, SizeIs(2));
  EXPECT_EQ(standings[0].state, State::kAbsent);
  EXPECT_FALSE(standings[1].plan.has_value());
  EXPECT_EQ(standings[1].model, "mlx-community/Other");
  EXPECT_EQ(standings[1].shares[0].node, "one");
}

TEST_F(CompareExoTest, AnInstanceThatWasMadeAnewIsFoundByItsModel) {
  state_.instances[0].id = "i9";
  EXPECT_TRUE(Compare()[0].AsPlanned());
}

TEST_F(CompareExoTest, NoShardsAreNotReady) {
  state_.instances[0].shards.clear();
  EXPECT_EQ(Compare()[0].state, State::kLoading);
}

}  // namespace
}  // namespace capacity::launch
