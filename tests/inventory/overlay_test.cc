// What-if overlays: what each operation does, and where its mistakes are reported.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/inventory/support.h"

namespace capacity::inventory {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const char kLab[] =
    "schema: capacity-planner/inventory/v1\n"
    "name: lab\n"
    "nodes:\n"
    "  - {name: spark, machine: dgx-spark, count: 3}\n"
    "  - {name: max, machine: mac-studio-m4-max-128gb, os_version: 26.2}\n"
    "links:\n"
    "  - {kind: 10gbe, members: [spark, max]}\n"
    "workloads:\n"
    "  - {name: code, tokens_per_day: {input: 6M, output: 1M}, concurrency: 2}\n";

Loaded<fleet::Scenario> With(const std::string& what_if) {
  return LoadTexts({{"base.yaml", kLab}, {"w.yaml", kWhatIfLine + what_if}}, {"w.yaml"});
}

fleet::Scenario Good(const Loaded<fleet::Scenario>& loaded) {
  EXPECT_THAT(Lines(loaded.problems), IsEmpty());
  return loaded.value.value_or(fleet::Scenario{});
}

// "spark-1=dgx-spark": names and machines.
std::vector<std::string> NodesOf(const fleet::Scenario& scenario) {
  std::vector<std::string> nodes;
  for (const fleet::Node& node : scenario.fleet.nodes()) {
    nodes.push_back(node.name + "=" + node.machine->id);
  }
  return nodes;
}

std::vector<std::string> MembersOf(const fleet::Scenario& scenario, std::size_t link) {
  std::vector<std::string> names;
  for (int member : scenario.fleet.links().at(link).members) {
    names.push_back(scenario.fleet.nodes()[static_cast<std::size_t>(member)].name);
  }
  return names;
}

TEST(WhatIf, NamesTheScenarioAfterBoth) { EXPECT_EQ(Good(With("name: x\n")).name, "lab + x"); }

TEST(WhatIf, AddsNodesAndLinksToWhatIsThere) {
  const fleet::Scenario scenario =
      Good(With("add:\n"
                "  nodes: [{name: new, machine: dgx-spark}]\n"
                "  links: [{kind: connectx7, members: [spark-1, new]}]\n"
                "  workloads: [{name: chat}]\n"
                "  offers: [{machine: dgx-spark, price_usd: 3000}]\n"));
  EXPECT_EQ(scenario.fleet.nodes().size(), 5u);
  EXPECT_THAT(MembersOf(scenario, 1), ElementsAre("spark-1", "new"));
  EXPECT_EQ(scenario.workloads.size(), 2u);
}

TEST(WhatIf, RemovesACopyAndItsPlaceInLinks) {
  const fleet::Scenario scenario = Good(With("remove: {nodes: [spark-2]}\n"));
  EXPECT_THAT(NodesOf(scenario),
              ElementsAre("spark-1=dgx-spark", "spark-3=dgx-spark", "max=mac-studio-m4-max-128gb"));
  EXPECT_THAT(MembersOf(scenario, 0), ElementsAre("spark-1", "spark-3", "max"));
}

TEST(WhatIf, RemovesAllCopiesAndLinksThatAreLeftWithOneMember) {
  const fleet::Scenario scenario = Good(With("remove: {nodes: [spark], workloads: [code]}\n"));
  EXPECT_THAT(NodesOf(scenario), ElementsAre("max=mac-studio-m4-max-128gb"));
  EXPECT_THAT(scenario.fleet.links(), IsEmpty());
  EXPECT_FALSE(scenario.assumptions.workload_stated);
}

TEST(WhatIf, RemovesLinksByKindOrName) {
  EXPECT_THAT(Good(With("remove: {links: [10gbe]}\n")).fleet.links(), IsEmpty());
}

TEST(WhatIf, ReplacesANodeWhereItStands) {
  const fleet::Scenario scenario =
      Good(With("replace:\n"
                "  nodes:\n"
                "    spark-2: {machine: mac-studio-m3-ultra-256gb}\n"
                "    max: {name: rtx, machine: dual-rtx-3090}\n"));
  EXPECT_THAT(NodesOf(scenario),
              ElementsAre("spark-1=dgx-spark", "spark-2=mac-studio-m3-ultra-256gb",
                          "spark-3=dgx-spark", "rtx=dual-rtx-3090"));
  // spark-2 is still one of the sparks; max is gone.
  EXPECT_THAT(MembersOf(scenario, 0), ElementsAre("spark-1", "spark-2", "spark-3"));
}

TEST(WhatIf, ReplacesAWorkload) {
  const fleet::Scenario scenario = Good(With("replace: {workloads: {code: {concurrency: 9}}}\n"));
  ASSERT_EQ(scenario.workloads.size(), 1u);
  EXPECT_EQ(scenario.workloads[0].name, "code");
  EXPECT_EQ(scenario.workloads[0].concurrency, 9);
  EXPECT_FALSE(scenario.workloads[0].output_tokens_per_day.has_value());
}

TEST(WhatIf, ChangesOnlyTheFieldsItNames) {
  const fleet::Scenario scenario =
      Good(With("change:\n"
                "  nodes:\n"
                "    spark: {memory_used: 7 GiB}\n"
                "    spark-3: {memory_budget: 99 GiB}\n"
                "  workloads:\n"
                "    code: {tokens_per_day: {output: 2M}}\n"
                "  economics: {electricity_usd_per_kwh: 0.4}\n"));
  for (int i : {0, 1, 2}) {
    EXPECT_EQ(scenario.fleet.nodes()[static_cast<std::size_t>(i)].overrides.memory_used, GiB(7));
  }
  EXPECT_FALSE(scenario.fleet.nodes()[1].overrides.memory_budget.has_value());
  EXPECT_EQ(scenario.fleet.nodes()[2].overrides.memory_budget, GiB(99));
  EXPECT_EQ(scenario.workloads[0].input_tokens_per_day, 6e6);
  EXPECT_EQ(scenario.workloads[0].output_tokens_per_day, 2e6);
  EXPECT_EQ(scenario.workloads[0].concurrency, 2);
  EXPECT_DOUBLE_EQ(scenario.assumptions.electricity_usd_per_kwh, 0.4);
}

TEST(WhatIf, ChangesACount) {
  const fleet::Scenario fewer = Good(With("change: {nodes: {spark: {count: 2}}}\n"));
  EXPECT_THAT(MembersOf(fewer, 0), ElementsAre("spark-1", "spark-2", "max"));
  const fleet::Scenario more = Good(With("change: {nodes: {max: {count: 2}}}\n"));
  EXPECT_THAT(MembersOf(more, 0), ElementsAre("spark-1", "spark-2", "spark-3", "max-1", "max-2"));
}

TEST(WhatIf, RemovingWhatItAddsGivesTheBaseBack) {
  const Texts texts = {
      {"base.yaml", kLab},
      {"plus.yaml", std::string(kWhatIfLine) +
                        "add: {nodes: [{name: n, machine: dgx-spark}],\n"
                        "      links: [{name: extra, kind: connectx7, members: [n, spark-1]}]}\n"
                        "change: {workloads: {code: {concurrency: 5}}}\n"},
      {"minus.yaml", std::string(kWhatIfLine) + "remove: {nodes: [n], links: [extra]}\n"
                                                "change: {workloads: {code: {concurrency: 2}}}\n"}};
  const fleet::Scenario base = Good(LoadTexts(texts));
  const fleet::Scenario back = Good(LoadTexts(texts, {"plus.yaml", "minus.yaml"}));
  EXPECT_EQ(NodesOf(back), NodesOf(base));
  ASSERT_EQ(back.fleet.links().size(), base.fleet.links().size());
  EXPECT_EQ(back.fleet.links()[0].pairs, base.fleet.links()[0].pairs);
  EXPECT_EQ(back.workloads[0].concurrency, base.workloads[0].concurrency);
}

TEST(WhatIf, ExtendsAnotherAndMayNameItsBase) {
  const Texts texts = {
      {"lab.yaml", kLab},
      {"more.yaml", std::string(kWhatIfLine) + "extends: lab.yaml\n"
                                               "change: {workloads: {code: {concurrency: 7}}}\n"},
      {"base.yaml", std::string(kWhatIfLine) + "extends: more.yaml\nremove: {nodes: [max]}\n"}};
  const fleet::Scenario scenario = Good(LoadTexts(texts));
  EXPECT_EQ(scenario.fleet.nodes().size(), 3u);
  EXPECT_EQ(scenario.workloads[0].concurrency, 7);
  EXPECT_EQ(scenario.name, "lab + more + base");
}

TEST(WhatIf, WhatTwoExtendIsAppliedOnce) {
  const Texts texts = {
      {"base.yaml", kLab},
      {"plus.yaml", std::string(kWhatIfLine) + "add: {nodes: [{name: n, machine: dgx-spark}]}\n"},
      {"a.yaml", std::string(kWhatIfLine) + "extends: plus.yaml\n"},
      {"b.yaml", std::string(kWhatIfLine) + "extends: plus.yaml\n"}};
  EXPECT_EQ(Good(LoadTexts(texts, {"a.yaml", "b.yaml"})).fleet.nodes().size(), 5u);
}

TEST(WhatIf, ReportsACircleWithItsChain) {
  const Texts texts = {{"base.yaml", kLab},
                       {"a.yaml", std::string(kWhatIfLine) + "extends: b.yaml\n"},
                       {"b.yaml", std::string(kWhatIfLine) + "name: b\nextends: ./a.yaml\n"}};
  EXPECT_THAT(Lines(LoadTexts(texts, {"a.yaml"}).problems),
              ElementsAre("b.yaml:3:10: what-ifs extend each other in a circle: a.yaml -> b.yaml "
                          "-> a.yaml"));
}

TEST(WhatIf, ReportsAMissingFileWhereItIsNamed) {
  EXPECT_THAT(Lines(With("extends: gone.yaml\n").problems),
              ElementsAre("w.yaml:2:10: extends gone.yaml: no such file"));
}

TEST(WhatIf, ReportsProblemsInTheFileThatHasThem) {
  const Loaded<fleet::Scenario> loaded = With(
      "remove: {nodes: [spork]}\n"
      "change:\n"
      "  nodes: {max: {memory_used: 5, name: min}}\n"
      "  workloads: {code: {concurency: 5}, chat: {}}\n"
      "add:\n"
      "  nodes: [{name: max, machine: dgx-spark}]\n"
      "  links: [{kind: 10gbe, members: [max, nobody]}]\n"
      "subtract: {}\n");
  EXPECT_THAT(
      Lines(loaded.problems),
      ElementsAre("w.yaml:2:18: unknown node \"spork\"; did you mean \"spark\"?",
                  "w.yaml:4:39: a change cannot rename a node; use replace",
                  "w.yaml:5:22: workload has no field \"concurency\"; did you mean "
                  "\"concurrency\"?",
                  "w.yaml:5:38: unknown workload \"chat\"; known: code",
                  "w.yaml:7:18: two nodes are named \"max\"; give each its own name",
                  "w.yaml:8:40: unknown node \"nobody\"; known: spark, max",
                  "w.yaml:9:1: what-if has no field \"subtract\"; it has schema, extends, name, "
                  "description, remove, replace, change, add and buy_only"));
}

TEST(WhatIf, NeedsABase) {
  EXPECT_THAT(Lines(LoadTexts({{"base.yaml", std::string(kWhatIfLine) + "name: x\n"}}).problems),
              ElementsAre("base.yaml: a what-if has no nodes of its own; add `extends:` with the "
                          "inventory that it changes"));
}

TEST(WhatIf, AnInventoryIsNoOverlay) {
  EXPECT_THAT(
      Lines(LoadTexts({{"base.yaml", kLab}, {"other.yaml", kLab}}, {"other.yaml"}).problems),
      ElementsAre("other.yaml:1:9: other.yaml is an inventory and another one is already "
                  "the base; a what-if starts with `schema: capacity-planner/what-if/v1`"));
}

}  // namespace
}  // namespace capacity::inventory
