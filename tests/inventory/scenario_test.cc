// What a correct inventory means.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/inventory/support.h"

namespace capacity::inventory {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

fleet::Scenario Good(const std::string& text) {
  Loaded<fleet::Scenario> loaded = LoadText(text);
  EXPECT_THAT(Lines(loaded.problems), IsEmpty());
  return loaded.value.value_or(fleet::Scenario{});
}

std::vector<std::string> NodeNames(const fleet::Scenario& scenario) {
  std::vector<std::string> names;
  for (const fleet::Node& node : scenario.fleet.nodes()) names.push_back(node.name);
  return names;
}

const fleet::Offer* FindOffer(const fleet::Scenario& scenario, const std::string& id) {
  for (const fleet::Offer& offer : scenario.offers) {
    if (offer.id == id) return &offer;
  }
  return nullptr;
}

TEST(Nodes, ACountMakesNumberedCopies) {
  const fleet::Scenario scenario =
      Good("nodes:\n  - {name: spark, machine: dgx-spark, count: 3}\n  - machine: dual-rtx-3090\n");
  EXPECT_THAT(NodeNames(scenario), ElementsAre("spark-1", "spark-2", "spark-3", "dual-rtx-3090"));
}

TEST(Nodes, StatedFactsReplaceTheCatalogues) {
  const fleet::Scenario scenario = Good(
      "nodes:\n"
      "  - name: ultra\n"
      "    machine: mac-studio-m3-ultra-256gb\n"
      "    gpu_cores: 60\n"
      "    os_version: 26.2\n"
      "    rdma_enabled: true\n"
      "    memory_budget: 230 GiB\n"
      "    memory_used: 5 GB\n"
      "    memory_bandwidth: 790 GB/s\n"
      "    idle_w: 11\n"
      "    resale_value_usd: 4000\n");
  const fleet::Node& node = scenario.fleet.nodes().at(0);
  EXPECT_EQ(node.chip->id, "apple-m3-ultra-60");
  EXPECT_EQ(node.os_version, (fleet::OsVersion{26, 2}));
  EXPECT_EQ(node.rdma_enabled, true);
  EXPECT_EQ(node.overrides.memory_budget, GiB(230));
  EXPECT_EQ(node.overrides.memory_used, GB(5));
  EXPECT_EQ(node.bandwidth(), BytesPerSecond{790e9});
  EXPECT_EQ(node.idle_power(), Watts{11});
  EXPECT_EQ(node.load_power(), node.machine->load_power);
  EXPECT_EQ(node.overrides.resale_value, Usd::FromDollars(4000));
}

TEST(Nodes, GbAndGibAreBothUnderstoodAndDiffer) {
  const fleet::Scenario scenario = Good(
      "nodes:\n"
      "  - {name: a, machine: dgx-spark, memory_budget: 100 GiB}\n"
      "  - {name: b, machine: dgx-spark, memory_budget: 100GB}\n");
  EXPECT_EQ(scenario.fleet.nodes()[0].overrides.memory_budget->count, 107374182400);
  EXPECT_EQ(scenario.fleet.nodes()[1].overrides.memory_budget->count, 100000000000);
}

TEST(Links, JoinEveryPairUnlessToldOtherwise) {
  const std::string nodes =
      "nodes:\n  - {name: u, machine: mac-studio-m3-ultra-256gb, count: 4, os_version: 26.2}\n";
  const fleet::Scenario mesh =
      Good(nodes + "links:\n  - {kind: thunderbolt5-rdma, members: [u]}\n");
  ASSERT_EQ(mesh.fleet.links().size(), 1u);
  EXPECT_EQ(mesh.fleet.links()[0].link->id, "rdma-tb5");
  EXPECT_THAT(mesh.fleet.links()[0].members, ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(mesh.fleet.links()[0].pairs.size(), 6u);
  EXPECT_TRUE(mesh.fleet.links()[0].full_mesh);

  const fleet::Scenario ring =
      Good(nodes + "links:\n  - {kind: tcp-tb5, topology: ring, members: [u-1, u-3, u-2, u-4]}\n");
  EXPECT_THAT(ring.fleet.links().at(0).pairs,
              ElementsAre(Pair(0, 2), Pair(0, 3), Pair(1, 2), Pair(1, 3)));
  EXPECT_FALSE(ring.fleet.links()[0].full_mesh);

  const fleet::Scenario pairs =
      Good(nodes +
           "links:\n  - {kind: tcp-tb5, pairs: [[u-3, u-1], [u-1, u-2]], all_reduce_us: 90,\n"
           "     round_trip_us: 12, bandwidth: 61 Gbit/s}\n");
  const fleet::LinkGroup& group = pairs.fleet.links().at(0);
  EXPECT_THAT(group.members, ElementsAre(0, 1, 2));
  EXPECT_THAT(group.pairs, ElementsAre(Pair(0, 1), Pair(0, 2)));
  EXPECT_FALSE(group.full_mesh);
  EXPECT_DOUBLE_EQ(group.all_reduce_latency->value, 90e-6);
  EXPECT_DOUBLE_EQ(group.round_trip->value, 12e-6);
  EXPECT_EQ(group.measured_bandwidth, BitsPerSecond{61e9});
}

TEST(Links, RdmaAndTcpShareTheirCables) {
  Good(
      "nodes:\n  - {name: m, machine: mac-studio-m4-max-128gb, count: 4, os_version: 26.2}\n"
      "links:\n"
      "  - {kind: thunderbolt5-rdma, members: [m]}\n"
      "  - {kind: thunderbolt5, members: [m]}\n");
}

TEST(Links, TenThousandNodesOnOneLanLoadQuickly) {
  const auto start = std::chrono::steady_clock::now();
  const fleet::Scenario scenario = Good(
      "nodes:\n  - {name: n, machine: dgx-spark, count: 10000}\n"
      "links:\n  - {kind: 10gbe, members: [n]}\n");
  EXPECT_EQ(scenario.fleet.nodes().size(), 10000u);
  EXPECT_EQ(scenario.fleet.links().at(0).members.size(), 10000u);
  EXPECT_TRUE(scenario.fleet.links()[0].full_mesh);
  // 30 ms on an idle machine; the 50 million pairs alone would take seconds.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST(Measurements, OfACountHoldForEachCopy) {
  const fleet::Scenario scenario = Good(
      "nodes:\n  - {name: spark, machine: dgx-spark, count: 2}\n"
      "links:\n  - {kind: connectx7, members: [spark]}\n"
      "measurements:\n"
      "  - {node: spark, model: gpt-oss-120b, quant: mxfp4, engine: llama.cpp, decode_tps: 50,\n"
      "     context: 8k, as_of: 2026-10}\n"
      "  - {nodes: [spark], strategy: tensor, link: connectx7, model: gpt-oss-120b,\n"
      "     quant: mxfp4, engine: vllm, decode_tps: 75, prefill_tps: 3000, batch: 4}\n");
  const std::vector<fleet::SpeedMeasurement>& all = scenario.fleet.measurements();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_THAT(all[0].nodes, ElementsAre(0));
  EXPECT_THAT(all[1].nodes, ElementsAre(1));
  EXPECT_EQ(all[0].decode, TokensPerSecond{50});
  EXPECT_EQ(all[0].context_tokens, 8000);
  EXPECT_FALSE(all[0].prefill.has_value());
  EXPECT_THAT(all[2].nodes, ElementsAre(0, 1));
  EXPECT_EQ(all[2].strategy, "tensor");
  EXPECT_EQ(all[2].link->id, "rdma-cx7-200g");
  EXPECT_EQ(all[2].batch, 4);
}

const char kStudio[] = "nodes:\n  - {name: studio, machine: mac-studio-m4-max-128gb}\n";

TEST(Workloads, AbsentMeansOneImplicitOneAtAQuarterOfTheHours) {
  const fleet::Scenario scenario = Good(kStudio);
  ASSERT_EQ(scenario.workloads.size(), 1u);
  EXPECT_EQ(scenario.workloads[0].name, "any");
  EXPECT_DOUBLE_EQ(scenario.workloads[0].utilization, 0.25);
  EXPECT_DOUBLE_EQ(scenario.workloads[0].input_per_output, 3.0 / 7.0);
  EXPECT_FALSE(scenario.workloads[0].output_tokens_per_day.has_value());
  EXPECT_FALSE(scenario.assumptions.workload_stated);
  EXPECT_FALSE(scenario.assumptions.utilization_stated);
}

TEST(Workloads, SayWhatIsWanted) {
  const fleet::Scenario scenario = Good(std::string(kStudio) +
                                        "workloads:\n"
                                        "  - name: code\n"
                                        "    tokens_per_day: {input: 3M, output: 0.5M}\n"
                                        "    cached_input_share: 0.6\n"
                                        "    context: 64Ki\n"
                                        "    prompt: 4k\n"
                                        "    concurrency: 3\n"
                                        "    models: [GPT-OSS_120b]\n"
                                        "    min_tokens_per_second: 12\n"
                                        "    replaces: claude-opus-4.5\n"
                                        "  - name: chat\n"
                                        "    quality_tier: small\n"
                                        "    utilization: 0.1\n"
                                        "economics: {utilization: 0.5}\n");
  ASSERT_EQ(scenario.workloads.size(), 2u);
  const fleet::Workload& code = scenario.workloads[0];
  EXPECT_EQ(code.input_tokens_per_day, 3e6);
  EXPECT_EQ(code.output_tokens_per_day, 5e5);
  EXPECT_DOUBLE_EQ(code.input_per_output, 6);
  EXPECT_EQ(code.context_tokens, 65536);
  EXPECT_EQ(code.prompt_tokens, 4000);
  EXPECT_EQ(code.concurrency, 3);
  EXPECT_THAT(code.models, ElementsAre("gpt-oss-120b"));
  EXPECT_EQ(code.min_decode_tps, 12);
  EXPECT_EQ(code.replaces, "claude-opus-4.5");
  EXPECT_DOUBLE_EQ(code.utilization, 0.5);
  EXPECT_EQ(scenario.workloads[1].min_tier, "small");
  EXPECT_DOUBLE_EQ(scenario.workloads[1].utilization, 0.1);
  EXPECT_TRUE(scenario.assumptions.workload_stated);
  EXPECT_TRUE(scenario.assumptions.utilization_stated);
}

TEST(Workloads, InputFollowsFromOutputByTheRatio) {
  const fleet::Scenario scenario =
      Good(std::string(kStudio) +
           "workloads:\n  - {name: w, tokens_per_day: {output: 700}, input_per_output: 2}\n");
  EXPECT_DOUBLE_EQ(*scenario.workloads[0].input_tokens_per_day, 1400);
}

TEST(Offers, AreTheCataloguesNewestOnes) {
  const fleet::Scenario scenario = Good(kStudio);
  const fleet::Offer* spark = FindOffer(scenario, "dgx-spark");
  ASSERT_NE(spark, nullptr);
  const catalog::PriceOffer* price =
      ShippedCatalog().FindOffer("dgx-spark", catalog::Condition::kNew);
  EXPECT_EQ(spark->price, price->price);
  EXPECT_EQ(spark->source, price->provenance.source);
  EXPECT_EQ(spark->as_of, price->provenance.as_of);
  EXPECT_LE(spark->price_low, spark->price);
  EXPECT_LE(spark->price, spark->price_high);
  EXPECT_NE(FindOffer(scenario, "thunderbolt5-cable"), nullptr);
  // Withdrawn, and no used price is known: it can be owned, not bought.
  EXPECT_EQ(FindOffer(scenario, "mac-studio-m3-ultra-512gb"), nullptr);
  EXPECT_EQ(FindOffer(scenario, "mac-studio-m3-ultra-512gb (used)"), nullptr);
}

TEST(Offers, StatedOnesReplaceAndAdd) {
  const fleet::Scenario scenario =
      Good(std::string(kStudio) +
           "offers:\n"
           "  - {machine: mac-studio-m3-ultra-512gb, condition: used, price_usd: 14000,\n"
           "     price_low_usd: 12000, max_count: 1}\n"
           "  - {item: dgx-spark, max_count: 2}\n"
           "  - {item: thunderbolt5-cable, max_count: 0}\n");
  const fleet::Offer* used = FindOffer(scenario, "mac-studio-m3-ultra-512gb (used)");
  ASSERT_NE(used, nullptr);
  EXPECT_EQ(used->price, Usd::FromDollars(14000));
  EXPECT_EQ(used->price_low, Usd::FromDollars(12000));
  EXPECT_EQ(used->price_high, Usd::FromDollars(14000));
  EXPECT_EQ(used->max_count, 1);
  EXPECT_EQ(used->source, "stated in base.yaml:5");
  const fleet::Offer* spark = FindOffer(scenario, "dgx-spark");
  ASSERT_NE(spark, nullptr);
  EXPECT_EQ(spark->max_count, 2);
  EXPECT_EQ(spark->price, ShippedCatalog().FindOffer("dgx-spark", catalog::Condition::kNew)->price);
  EXPECT_EQ(FindOffer(scenario, "thunderbolt5-cable"), nullptr);
}

TEST(Offers, BuyOnlyKeepsCablesAndSwitches) {
  const fleet::Scenario scenario = Good(std::string(kStudio) + "buy_only: [dgx-spark]\n");
  for (const fleet::Offer& offer : scenario.offers) {
    EXPECT_TRUE(offer.item == "dgx-spark" || ShippedCatalog().FindItem(offer.item) != nullptr)
        << offer.id;
  }
  EXPECT_NE(FindOffer(scenario, "thunderbolt5-cable"), nullptr);
}

TEST(Economics, StatedValuesReplaceTheCatalogues) {
  using fleet::Baseline;
  const fleet::Scenario plain = Good(kStudio);
  const auto& known = plain.assumptions.declines;
  ASSERT_EQ(known.size(), 2u);
  EXPECT_FALSE(plain.assumptions.electricity_stated);

  const fleet::Scenario stated = Good(std::string(kStudio) +
                                      "economics:\n"
                                      "  electricity_usd_per_kwh: 0.31\n"
                                      "  declines: {frontier-equivalent: 0.5}\n");
  EXPECT_TRUE(stated.assumptions.electricity_stated);
  EXPECT_DOUBLE_EQ(stated.assumptions.electricity_usd_per_kwh, 0.31);
  const auto& declines = stated.assumptions.declines;
  EXPECT_DOUBLE_EQ(declines.at(Baseline::kFrontierEquivalent).low, 0.5);
  EXPECT_DOUBLE_EQ(declines.at(Baseline::kFrontierEquivalent).high, 0.5);
  EXPECT_DOUBLE_EQ(declines.at(Baseline::kSameModelHosted).mid,
                   known.at(Baseline::kSameModelHosted).mid);
}

}  // namespace
}  // namespace capacity::inventory
