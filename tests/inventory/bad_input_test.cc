// Every class of mistake in an inventory, with the exact lines that the user reads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "tests/inventory/support.h"

namespace capacity::inventory {
namespace {

using ::testing::ElementsAreArray;

struct Case {
  std::string name;
  std::string text;  // from line 2 of base.yaml on
  std::vector<std::string> problems;

  friend void PrintTo(const Case& bad, std::ostream* out) { *out << bad.text; }
};

class BadInput : public testing::TestWithParam<Case> {};

TEST_P(BadInput, IsRefusedAtItsPlace) {
  const Loaded<fleet::Scenario> loaded = LoadText(GetParam().text);
  EXPECT_FALSE(loaded.value.has_value());
  EXPECT_THAT(Lines(loaded.problems), ElementsAreArray(GetParam().problems));
}

// A fleet without faults, for cases about everything else; 3 lines.
const char kStudio[] =
    "nodes:\n"
    "  - name: studio\n"
    "    machine: mac-studio-m4-max-128gb\n";

std::vector<Case> NodeCases() {
  return {
      {"UnknownMachine",
       "nodes:\n  - machine: mac-studio-m3-ultra-512g\n",
       {"base.yaml:3:14: unknown machine \"mac-studio-m3-ultra-512g\"; did you mean "
        "\"mac-studio-m3-ultra-512gb\" or \"mac-studio-m5-ultra-512gb\"?"}},
      {"NothingLikeIt",
       "nodes:\n  - machine: cray-1\n",
       {"base.yaml:3:14: unknown machine \"cray-1\"; none of the 129 known names is close"}},
      {"CardsNotStated",
       "nodes:\n  - machine: workstation\n",
       {"base.yaml:3:5: node has no \"chip\""}},
      {"CardsOfTwoSizes",
       "nodes:\n  - {machine: workstation, chip: rtx-5060-ti}\n",
       {"base.yaml:3:5: node has no \"vram_per_accelerator\""}},
      {"NoCard",
       "nodes:\n  - {machine: workstation, chip: gb10}\n",
       {"base.yaml:3:34: gb10 is no card of a workstation; for example rtx-2080"}},
      {"CardsInAMac",
       "nodes:\n  - machine: mac-studio-m4-max-128gb\n    accelerators: 2\n",
       {"base.yaml:4:19: mac-studio-m4-max-128gb has no cards; leave accelerators out"}},
      {"NoMachine", "nodes:\n  - name: studio\n", {"base.yaml:3:5: node has no \"machine\""}},
      {"UnknownField",
       "nodes:\n  - machine: dgx-spark\n    memory_bandwith: 250 GB/s\n",
       {"base.yaml:4:5: node has no field \"memory_bandwith\"; did you mean "
        "\"memory_bandwidth\"?"}},
      {"SizeWithoutUnit",
       "nodes:\n  - machine: dgx-spark\n    memory_budget: 128\n",
       {"base.yaml:4:20: memory_budget: size \"128\" has no unit; write \"128 GiB\" (2^30) or "
        "\"128 GB\" (1e9)"}},
      {"SizeInNonsense",
       "nodes:\n  - machine: dgx-spark\n    memory: 128 gigs\n",
       {"base.yaml:4:13: memory: unknown size unit \"gigs\"; use GiB, GB, MiB, MB, TiB or TB"}},
      {"NegativeSize",
       "nodes:\n  - machine: dgx-spark\n    memory_used: -3 GiB\n",
       {"base.yaml:4:18: memory_used: size \"-3 GiB\" is negative"}},
      {"AbsurdSize",
       "nodes:\n  - machine: dgx-spark\n    memory: 4000 TiB\n",
       {"base.yaml:4:13: memory is \"4000 TiB\"; it can be above 0 and at most 1 PiB"}},
      {"MoreThanInstalled",
       "nodes:\n  - machine: dgx-spark\n    memory_budget: 200 GiB\n",
       {"base.yaml:4:20: memory_budget 200 GiB is more than the 128 GiB installed; state memory if "
        "the machine has more"}},
      {"BandwidthWithoutUnit",
       "nodes:\n  - machine: dgx-spark\n    memory_bandwidth: 250\n",
       {"base.yaml:4:23: memory_bandwidth is \"250\"; write a rate with its unit, such as "
        "\"800 GB/s\""}},
      {"CountZero",
       "nodes:\n  - {machine: dgx-spark, count: 0}\n",
       {"base.yaml:3:33: count is \"0\"; it can be from 1 to 100000"}},
      {"CountAbsurd",
       "nodes:\n  - {machine: dgx-spark, count: 1000001}\n",
       {"base.yaml:3:33: count is \"1000001\"; it can be from 1 to 100000"}},
      {"CountFraction",
       "nodes:\n  - {machine: dgx-spark, count: 1.5}\n",
       {"base.yaml:3:33: count is \"1.5\"; write a whole number"}},
      {"TooManyInAll",
       "nodes:\n  - {machine: dgx-spark, name: a, count: 60000}\n"
       "  - {machine: dgx-spark, name: b, count: 60000}\n",
       {"base.yaml:4:5: more than 100000 nodes in all"}},
      {"NegativePower",
       "nodes:\n  - {machine: dgx-spark, idle_w: -5}\n",
       {"base.yaml:3:34: idle_w is \"-5\"; it can be from 0 to 1000000"}},
      {"IdleAboveLoad",
       "nodes:\n  - {machine: dgx-spark, idle_w: 300, load_w: 200}\n",
       {"base.yaml:3:34: idle_w is more than load_w"}},
      {"WrongChip",
       "nodes:\n  - {machine: dgx-spark, chip: apple-m4-max-40}\n",
       {"base.yaml:3:32: dgx-spark was not sold with apple-m4-max-40; it has gb10"}},
      {"UnknownChip",
       "nodes:\n  - {machine: dgx-spark, chip: gb11}\n",
       {"base.yaml:3:32: unknown chip \"gb11\"; did you mean \"gb10\"?"}},
      {"WrongCores",
       "nodes:\n  - {machine: mac-studio-m3-ultra-256gb, gpu_cores: 70}\n",
       {"base.yaml:3:53: mac-studio-m3-ultra-256gb was not sold with 70 GPU cores; it has 80 or "
        "60"}},
      {"OsVersion",
       "nodes:\n  - {machine: dgx-spark, os_version: tahoe}\n",
       {"base.yaml:3:38: os_version is \"tahoe\"; write for example 26.2"}},
      {"NotAFlag",
       "nodes:\n  - {machine: dgx-spark, rdma_enabled: maybe}\n",
       {"base.yaml:3:40: rdma_enabled is \"maybe\"; write true or false"}},
      {"NameTwice",
       "nodes:\n  - {name: a, machine: dgx-spark}\n  - {name: a, machine: dgx-spark}\n",
       {"base.yaml:4:12: two nodes are named \"a\"; give each its own name"}},
      {"NameOfACopyTwice",
       "nodes:\n  - {name: a, machine: dgx-spark, count: 2}\n  - {name: a-2, machine: dgx-spark}\n",
       {"base.yaml:4:12: two nodes are named \"a-2\"; give each its own name"}},
      {"UnnamedTwice",
       "nodes:\n  - machine: dgx-spark\n  - machine: dgx-spark\n",
       {"base.yaml:4:5: two nodes are named \"dgx-spark\"; give each a name of its own"}},
      {"NameWithSpaces",
       "nodes:\n  - {name: my spark, machine: dgx-spark}\n",
       {"base.yaml:3:12: \"my spark\" cannot name a node; use letters, digits and hyphens"}},
      {"NodesNoList",
       "nodes: dgx-spark\n",
       {"base.yaml:2:8: nodes is \"dgx-spark\"; write a list"}},
      {"NodeNoMap",
       "nodes:\n  - dgx-spark\n",
       {"base.yaml:3:5: \"dgx-spark\" stands where a node with its fields is expected"}},
      {"NoNodes", "name: empty\n", {"base.yaml:1:1: inventory has no \"nodes\""}},
  };
}

std::vector<Case> LinkCases() {
  const std::string two_sparks = "nodes:\n  - {name: spark, machine: dgx-spark, count: 2}\n";
  return {
      {"DanglingMember",
       two_sparks + "links:\n  - {kind: connectx7, members: [spark, sparc]}\n",
       {"base.yaml:5:40: unknown node \"sparc\"; did you mean \"spark\"?"}},
      {"UnknownKind",
       two_sparks + "links:\n  - {kind: thunderbolt5-rmda, members: [spark]}\n",
       {"base.yaml:5:12: unknown link \"thunderbolt5-rmda\"; did you mean \"thunderbolt5-rdma\" or "
        "\"thunderbolt5-tcp\"?"}},
      {"MemberTwice",
       two_sparks + "links:\n  - {kind: 10gbe, members: [spark, spark-1]}\n",
       {"base.yaml:5:36: spark-1 is listed twice"}},
      {"OneMember",
       two_sparks + "links:\n  - {kind: 10gbe, members: [spark-1]}\n",
       {"base.yaml:5:5: a link joins at least two nodes, not 1"}},
      {"NoMembers",
       two_sparks + "links:\n  - {kind: 10gbe}\n",
       {"base.yaml:5:5: link has neither \"members\" nor \"pairs\""}},
      {"Pcie",
       two_sparks + "links:\n  - {kind: pcie, members: [spark]}\n",
       {"base.yaml:5:12: pcie does not join nodes; leave it out, or name a link between machines "
        "such as tcp-10gbe"}},
      {"PairOfACount",
       two_sparks + "links:\n  - {kind: 10gbe, pairs: [[spark, spark-1]]}\n",
       {"base.yaml:5:28: \"spark\" is 2 nodes; name one of them, such as spark-1"}},
      {"PairOfOne",
       two_sparks + "links:\n  - {kind: 10gbe, pairs: [[spark-1, spark-1]]}\n",
       {"base.yaml:5:27: a node is paired with itself"}},
      {"SparkInAMesh",
       two_sparks + "links:\n  - {kind: thunderbolt5-rdma, members: [spark]}\n",
       {"base.yaml:5:5: rdma-tb5: spark-1 (dgx-spark) has no Thunderbolt port",
        "base.yaml:5:5: rdma-tb5: spark-2 (dgx-spark) has no Thunderbolt port"}},
      {"MorePortsThanThereAre",
       "nodes:\n  - {name: max, machine: mac-studio-m4-max-128gb, count: 6}\n"
       "links:\n  - {kind: thunderbolt5, members: [max-1, max-2, max-3, max-4, max-5, max-6]}\n",
       {"base.yaml:5:5: tcp-tb5: max-1 (mac-studio-m4-max-128gb) needs 5 Thunderbolt 5 ports for "
        "this link and has 4",
        "base.yaml:5:5: tcp-tb5: max-2 (mac-studio-m4-max-128gb) needs 5 Thunderbolt 5 ports for "
        "this link and has 4",
        "base.yaml:5:5: tcp-tb5: max-3 (mac-studio-m4-max-128gb) needs 5 Thunderbolt 5 ports for "
        "this link and has 4",
        "base.yaml:5:5: tcp-tb5: max-4 (mac-studio-m4-max-128gb) needs 5 Thunderbolt 5 ports for "
        "this link and has 4",
        "base.yaml:5:5: tcp-tb5: max-5 (mac-studio-m4-max-128gb) needs 5 Thunderbolt 5 ports for "
        "this link and has 4",
        "base.yaml:5:5: tcp-tb5: max-6 (mac-studio-m4-max-128gb) needs 5 Thunderbolt 5 ports for "
        "this link and has 4"}},
      {"LinksTogetherNeedMorePorts",
       "nodes:\n  - {name: max, machine: mac-studio-m4-max-128gb, count: 7}\n"
       "links:\n"
       "  - {kind: thunderbolt5, members: [max-1, max-2, max-3, max-4]}\n"
       "  - {kind: thunderbolt5, pairs: [[max-1, max-5], [max-1, max-6]]}\n",
       {"base.yaml:6:5: tcp-tb5: max-1 (mac-studio-m4-max-128gb) needs 5 Thunderbolt ports for its "
        "links together and has 4"}},
      {"OldMacos",
       "nodes:\n  - {name: max, machine: mac-studio-m4-max-128gb, count: 2, os_version: 26.1}\n"
       "links:\n  - {kind: thunderbolt5-rdma, members: [max]}\n",
       {"base.yaml:5:5: rdma-tb5: max-1 runs macOS 26.1; rdma-tb5 needs 26.2 or later",
        "base.yaml:5:5: rdma-tb5: max-2 runs macOS 26.1; rdma-tb5 needs 26.2 or later"}},
      {"NegativeLatency",
       two_sparks + "links:\n  - {kind: 10gbe, members: [spark], all_reduce_us: -1}\n",
       {"base.yaml:5:52: all_reduce_us is \"-1\"; it can be above 0 and at most 10000000"}},
      {"RateInBytes",
       two_sparks + "links:\n  - {kind: 10gbe, members: [spark], bandwidth: 9 GB/s}\n",
       {"base.yaml:5:48: bandwidth is \"9 GB/s\"; write a rate with its unit, such as "
        "\"80 Gbit/s\""}},
  };
}

std::vector<Case> WorkloadCases() {
  const std::string studio = kStudio;
  return {
      {"UtilizationAboveOne",
       studio + "workloads:\n  - {name: w, utilization: 25}\n",
       {"base.yaml:6:28: utilization is \"25\"; it can be above 0 and at most 1"}},
      {"NegativeTokens",
       studio + "workloads:\n  - {name: w, tokens_per_day: {output: -3M}}\n",
       {"base.yaml:6:40: output is \"-3M\"; it can be above 0 and at most 1000000000000"}},
      {"TokensInWords",
       studio + "workloads:\n  - {name: w, tokens_per_day: {output: lots}}\n",
       {"base.yaml:6:40: output is \"lots\"; write a count such as 4096, 128k or 3M"}},
      {"UnknownModel",
       studio + "workloads:\n  - {name: w, models: [gpt-oss-210b]}\n",
       {"base.yaml:6:24: unknown model \"gpt-oss-210b\"; did you mean \"gpt-oss-20b\" or "
        "\"gpt-oss-120b\"?"}},
      {"UnknownTier",
       studio + "workloads:\n  - {name: w, quality_tier: huge}\n",
       {"base.yaml:6:29: quality_tier is \"huge\"; it can be small, mid or frontier"}},
      {"TierAndModels",
       studio + "workloads:\n  - {name: w, quality_tier: mid, models: [gpt-oss-120b]}\n",
       {"base.yaml:6:29: workload has both quality_tier and models; name the models, or the tier"}},
      {"PromptAboveContext",
       studio + "workloads:\n  - {name: w, context: 4k, prompt: 8k}\n",
       {"base.yaml:6:24: context 4000 is shorter than the prompt of 8000"}},
      {"WorkloadTwice",
       studio + "workloads:\n  - name: w\n  - name: w\n",
       {"base.yaml:7:5: two workloads are named \"w\"; the first is on line 6"}},
      {"UnknownCloudModel",
       studio + "workloads:\n  - {name: w, replaces: claude-opus-4.55}\n",
       {"base.yaml:6:25: unknown cloud model \"claude-opus-4.55\"; did you mean "
        "\"claude-opus-4.5\" or \"claude-opus-4.1\" or \"claude-opus-4.8\"?"}},
      {"NegativeElectricity",
       studio + "economics:\n  electricity_usd_per_kwh: -0.1\n",
       {"base.yaml:6:28: electricity_usd_per_kwh is \"-0.1\"; it can be from 0 to 10"}},
      {"DeclineInPercent",
       studio + "economics:\n  declines: {same-model-hosted: 50}\n",
       {"base.yaml:6:33: same-model-hosted is \"50\"; it can be from -10 to 1"}},
      {"NegativePrice",
       studio + "offers:\n  - {machine: dgx-spark, condition: used, price_usd: -1}\n",
       {"base.yaml:6:54: price_usd is \"-1\"; it can be from 0 to 10000000"}},
      {"NoKnownPrice",
       studio + "offers:\n  - {machine: mac-studio-m3-ultra-512gb, condition: used}\n",
       {"base.yaml:6:5: no price of mac-studio-m3-ultra-512gb (used) is known; state price_usd"}},
      {"UnorderedPrices",
       studio + "offers:\n  - {machine: dgx-spark, price_usd: 4000, price_high_usd: 3000}\n",
       {"base.yaml:6:5: an offer must have price_low_usd <= price_usd <= price_high_usd"}},
      {"OfferTwice",
       studio + "offers:\n  - {machine: dgx-spark, price_usd: 1}\n"
                "  - {machine: dgx-spark, price_usd: 2}\n",
       {"base.yaml:7:5: a second offer of dgx-spark; the first is on line 6"}},
      {"UnknownItem",
       studio + "offers:\n  - {item: thunderbolt-cable, price_usd: 1}\n",
       {"base.yaml:6:12: unknown machine or item \"thunderbolt-cable\"; did you mean "
        "\"thunderbolt5-cable\"?"}},
      {"BuyOnlyUnknown",
       studio + "buy_only: [dgx-sparks]\n",
       {"base.yaml:5:12: unknown machine \"dgx-sparks\"; did you mean \"dgx-spark\"?"}},
      {"MeasurementOfNothing",
       studio + "measurements:\n"
                "  - {node: studio, model: gpt-oss-120b, quant: mxfp4, engine: mlx}\n",
       {"base.yaml:6:5: measurement has neither \"decode_tps\" nor \"prefill_tps\""}},
      {"MeasurementNowhere",
       studio + "measurements:\n"
                "  - {model: gpt-oss-120b, quant: mxfp5, engine: mlx, decode_tps: 60}\n",
       {"base.yaml:6:5: measurement has neither \"node\" nor \"nodes\"",
        "base.yaml:6:34: unknown quantization \"mxfp5\"; did you mean \"mxfp4\"?"}},
      {"UnknownSection",
       studio + "machines: []\n",
       {"base.yaml:5:1: inventory has no field \"machines\"; it has schema, nodes, name, "
        "description, "
        "links, measurements, workloads, offers, buy_only and economics"}},
  };
}

std::string CaseName(const testing::TestParamInfo<Case>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Nodes, BadInput, testing::ValuesIn(NodeCases()), CaseName);
INSTANTIATE_TEST_SUITE_P(Links, BadInput, testing::ValuesIn(LinkCases()), CaseName);
INSTANTIATE_TEST_SUITE_P(Rest, BadInput, testing::ValuesIn(WorkloadCases()), CaseName);

TEST(BadInputs, AreAllReportedAtOnceInTheOrderOfTheFile) {
  const Loaded<fleet::Scenario> loaded = LoadText(
      "nodes:\n"
      "  - {name: a, machine: dgx-sparc}\n"
      "  - {name: b, machine: dgx-spark, memory: 128}\n"
      "links:\n"
      "  - {kind: 10gbe, members: [a, c]}\n"
      "workloads:\n"
      "  - {name: w, utilization: 2, context: -1}\n"
      "economics: {electricity: 0.3}\n");
  EXPECT_THAT(Lines(loaded.problems),
              ElementsAreArray(
                  {"base.yaml:3:24: unknown machine \"dgx-sparc\"; did you mean \"dgx-spark\"?",
                   "base.yaml:4:43: memory: size \"128\" has no unit; write \"128 GiB\" (2^30) or "
                   "\"128 GB\" (1e9)",
                   "base.yaml:6:32: unknown node \"c\"; did you mean \"a\" or \"b\"?",
                   "base.yaml:8:28: utilization is \"2\"; it can be above 0 and at most 1",
                   "base.yaml:8:40: context is \"-1\"; it can be from 1 to 100000000",
                   "base.yaml:9:13: economics has no field \"electricity\"; did you mean "
                   "\"electricity_usd_per_kwh\"?"}));
}

TEST(BadInputs, AreCountedBeyondWhatAPersonReads) {
  std::string text = "nodes:\n";
  for (int i = 0; i < 1000; ++i) text += "  - machine: nothing\n";
  const Loaded<fleet::Scenario> loaded = LoadText(text);
  ASSERT_EQ(loaded.problems.size(), 201u);
  // 1000 unknown machines, and 999 that share a name with the first.
  EXPECT_EQ(ToString(loaded.problems.back()), "base.yaml: 1799 more problems");
}

TEST(Schema, MustBeStated) {
  EXPECT_THAT(Lines(LoadTexts({{"base.yaml", "nodes: []\n"}}).problems),
              ElementsAreArray({"base.yaml:1:1: the file does not say what it is; start it with "
                                "`schema: capacity-planner/inventory/v1`"}));
  EXPECT_THAT(
      Lines(LoadTexts({{"base.yaml", "schema: capacity-planner/inventory/v2\n"}}).problems),
      ElementsAreArray({"base.yaml:1:9: schema is \"capacity-planner/inventory/v2\"; it can be "
                        "capacity-planner/inventory/v1 or capacity-planner/what-if/v1"}));
}

}  // namespace
}  // namespace capacity::inventory
