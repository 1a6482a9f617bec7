#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "planner/fit/fit.h"
#include "tests/support/world.h"

namespace capacity::fit {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kMib = 1048576;

class Budgets : public ::testing::Test {
 protected:
  Budget Of(const fleet::Node& node) {
    auto budget = NodeBudget(catalog_, node);
    EXPECT_TRUE(budget.ok()) << budget.status();
    return budget.ok() ? *budget : Budget();
  }
  fleet::Node Node(const std::string& machine, std::optional<fleet::OsVersion> os) {
    fleet::Node node = testing::MakeNode(catalog_, machine, "n");
    node.os_version = os;
    return node;
  }
  catalog::Catalog catalog_ = testing::SmallCatalog();
};

TEST_F(Budgets, AMacGetsTheTableRowOfItsMemoryAndRelease) {
  EXPECT_EQ(Of(Node("max-128", fleet::OsVersion{15, 7})).bytes.count, 98304 * kMib);
  EXPECT_EQ(Of(Node("max-128", fleet::OsVersion{26, 2})).bytes.count, 110100 * kMib + kMib / 2);
  EXPECT_EQ(Of(Node("ultra-512", fleet::OsVersion{26, 2})).bytes, GiB(464));
}

TEST_F(Budgets, WithoutAReleaseTheSmallerIsTakenAndSaid) {
  const Budget budget = Of(Node("max-128", std::nullopt));
  EXPECT_EQ(budget.bytes.count, 98304 * kMib);
  EXPECT_THAT(budget.source, HasSubstr("not stated"));
  EXPECT_THAT(Of(Node("ultra-512", std::nullopt)).source, ::testing::Not(HasSubstr("not stated")));
}

TEST_F(Budgets, AnUnseenSizeIsInterpolatedAndSaid) {
  fleet::Node node = Node("max-128", fleet::OsVersion{26, 0});
  node.overrides.memory = GiB(96);
  const Budget budget = Of(node);
  // Half way between 64 GiB (0.81) and 128 GiB (0.84).
  EXPECT_NEAR(budget.bytes.gib() / 96, (53084.2 / 65536 + 110100.5 / 131072) / 2, 1e-6);
  EXPECT_THAT(budget.source, HasSubstr("has not been seen"));
}

TEST_F(Budgets, BeforeMacos26TheRuleIsTwoThirdsThenThreeQuarters) {
  fleet::Node node = Node("max-128", fleet::OsVersion{14, 0});
  node.overrides.memory = GiB(24);
  EXPECT_NEAR(Of(node).bytes.gib(), 16, 1e-6);
  node.overrides.memory = GiB(192);
  EXPECT_NEAR(Of(node).bytes.gib(), 144, 1e-6);
}

TEST_F(Budgets, WhatTheNodeReportsGoesBeforeTheTable) {
  fleet::Node node = Node("max-128", fleet::OsVersion{26, 2});
  node.overrides.wired_limit = GiB(120);
  EXPECT_EQ(Of(node).bytes, GiB(120));
  node.overrides.memory_budget = GiB(100);
  EXPECT_EQ(Of(node).bytes, GiB(100));
  node.overrides.memory_used = GiB(10);
  EXPECT_EQ(Of(node).bytes, GiB(90));
}

TEST_F(Budgets, AMacWithoutAnyLimitIsNotGuessed) {
  catalog_.metal_limits.clear();
  const auto budget = NodeBudget(catalog_, Node("max-128", fleet::OsVersion{26, 2}));
  EXPECT_EQ(budget.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(budget.status().message()), HasSubstr("memory_budget"));
}

TEST_F(Budgets, ASparkOffersWhatLinuxLeavesAvailable) {
  fleet::Node node = Node("dgx-spark", std::nullopt);
  EXPECT_NEAR(Of(node).bytes.gib(), 115.8, 1e-6);
  node.overrides.memory_used = GiB(10);
  EXPECT_NEAR(Of(node).bytes.gib(), 105.8, 1e-6);
  // MemAvailable, when reported, is net already.
  node.overrides.memory_budget = GiB(100);
  EXPECT_EQ(Of(node).bytes, GiB(100));
}

TEST_F(Budgets, AUnifiedMachineWithoutAFigureIsNotGuessed) {
  catalog::Machine machine = *catalog_.FindMachine("dgx-spark");
  machine.memory_available.reset();
  fleet::Node node = Node("dgx-spark", std::nullopt);
  node.machine = &machine;
  EXPECT_EQ(NodeBudget(catalog_, node).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(Budgets, CardsAreSeparateMemoriesLessTheirDriver) {
  const Budget budget = Of(Node("dual-rtx-3090", std::nullopt));
  EXPECT_EQ(budget.devices, 2);
  EXPECT_LT(budget.bytes, GiB(48));
  EXPECT_GT(budget.bytes, GiB(46));
}

TEST_F(Budgets, CardsThatTheOwnerStates) {
  catalog::Machine workstation;
  workstation.id = "workstation";
  catalog::Chip card;
  card.id = "rtx-4080";
  card.unified_memory = false;
  card.memory_options = {GiB(16)};
  card.power_limit = Watts{320};
  fleet::Node node;
  node.name = "rig";
  node.machine = &workstation;
  node.chip = &card;
  EXPECT_EQ(Of(node).devices, 1);
  node.overrides.accelerators = 4;
  const Budget four = Of(node);
  EXPECT_EQ(four.devices, 4);
  EXPECT_LT(four.bytes, GiB(64));
  EXPECT_GT(four.bytes, GiB(60));
  EXPECT_EQ(node.load_power()->value, 4 * 320);
  // Sold with 8 and with 16 GiB: which one is not guessed.
  card.memory_options = {GiB(8), GiB(16)};
  EXPECT_EQ(NodeBudget(catalog_, node).status().code(), absl::StatusCode::kFailedPrecondition);
  node.overrides.vram_per_accelerator = GiB(16);
  EXPECT_EQ(Of(node).bytes, four.bytes);
}

TEST_F(Budgets, TightBeginsBelowTheBudget) {
  for (const char* machine : {"max-128", "dgx-spark", "dual-rtx-3090"}) {
    const Budget budget = Of(Node(machine, std::nullopt));
    EXPECT_LT(budget.tight_above, budget.bytes);
    EXPECT_GT(budget.tight_above, budget.bytes * 0.9);
  }
}

}  // namespace
}  // namespace capacity::fit
