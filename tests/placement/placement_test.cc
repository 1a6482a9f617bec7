#include "planner/placement/placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/support/world.h"

namespace capacity::placement {

void PrintTo(const Placement& p, std::ostream* out) {
  *out << throughput::Name(p.strategy) << " on " << Name(p.engine) << " with " << p.nodes.size()
       << " nodes, " << fit::Name(p.verdict) << " " << p.why_not;
}

namespace {

using catalog::Engine;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MakeFleet;
using testing::Mesh;
using testing::Nodes;
using ::testing::Not;
using ::testing::Pair;
using testing::Row;
using throughput::Strategy;

class Placements : public ::testing::Test {
 protected:
  const catalog::Model& Model(const char* id) { return *catalog_.FindModel(id); }
  const catalog::Quantization& Quant(const char* id) { return *catalog_.FindQuantization(id); }
  const catalog::Link* Link(const char* id) { return catalog_.FindLink(id); }

  Placement Run(const fleet::Fleet& fleet, std::vector<int> nodes, const char* model,
                const char* quant, Engine engine, Strategy strategy, const char* link = nullptr) {
    return Evaluate(catalog_, calibration_, fleet, nodes, Model(model), Quant(quant), engine,
                    strategy, link == nullptr ? nullptr : Link(link), load_);
  }
  std::vector<Placement> All(const fleet::Fleet& fleet, const char* model, const char* quant,
                             Options options = {}) {
    return Enumerate(catalog_, calibration_, fleet, Model(model), Quant(quant), load_, options);
  }
  std::vector<std::string> Why(const fleet::Fleet& fleet, std::vector<int> nodes, const char* model,
                               const char* quant, Engine engine, Strategy strategy,
                               const char* link) {
    return LegalityViolations(fleet, nodes, Model(model), Quant(quant), engine, strategy,
                              link == nullptr ? nullptr : Link(link));
  }

  catalog::Catalog catalog_ = testing::SmallCatalog();
  throughput::Calibration calibration_;
  Load load_;
};

// ---------------------------------------------------------------- one node

TEST_F(Placements, ASingleNodeSaysExactlyHowMuchIsMissing) {
  const fleet::Fleet fleet = MakeFleet(Nodes(catalog_, {{"ultra-512", 1}}));
  const Placement p = Run(fleet, {0}, "deepseek-v3.1", "mlx-8bit", Engine::kMlx, Strategy::kSingle);
  EXPECT_EQ(p.verdict, fit::Verdict::kDoesNotFit);
  EXPECT_THAT(p.why_not, HasSubstr("needs 713.0 GB of weights"));
  EXPECT_THAT(p.why_not, HasSubstr("ultra-512-1 offers 498.2 GB: short by 21"));
  EXPECT_FALSE(p.speed.has_value());
}

TEST_F(Placements, AFormatThatTheEngineDoesNotLoadIsRefused) {
  const fleet::Fleet fleet = MakeFleet(Nodes(catalog_, {{"ultra-512", 1}}));
  EXPECT_THAT(Why(fleet, {0}, "llama-3.3-70b", "q8_0", Engine::kMlx, Strategy::kSingle, nullptr),
              ElementsAre("mlx does not load q8_0"));
  EXPECT_THAT(
      Why(fleet, {0}, "llama-3.3-70b", "int4-awq", Engine::kVllm, Strategy::kSingle, nullptr),
      ElementsAre("vllm does not run on ultra-512-1 (metal)"));
}

TEST_F(Placements, AFormatMadeForOtherModelsIsRefused) {
  catalog_.quantizations[0].native_to = {"gpt-oss-120b"};
  const fleet::Fleet fleet = MakeFleet(Nodes(catalog_, {{"ultra-512", 1}}));
  EXPECT_THAT(
      Why(fleet, {0}, "llama-3.3-70b", "q8_0", Engine::kLlamaCpp, Strategy::kSingle, nullptr),
      ElementsAre("q8_0 exists for gpt-oss-120b only, not for llama-3.3-70b"));
}

TEST_F(Placements, ALoadBeyondTheModelsContextIsCutAndSaid) {
  const fleet::Fleet fleet = MakeFleet(Nodes(catalog_, {{"ultra-512", 1}}));
  load_.context_tokens = 1'000'000;
  const Placement p = Run(fleet, {0}, "llama-3.3-70b", "mlx-8bit", Engine::kMlx, Strategy::kSingle);
  EXPECT_EQ(p.memory[0].demand.kv_cache.count, 327680LL * 131072);
  EXPECT_THAT(p.caveats, Contains(HasSubstr("made for 131072 tokens")));
}

TEST_F(Placements, AFormatThatNeedsANewerChipIsRefused) {
  catalog_.quantizations[3].chip_generations = {"blackwell"};
  const fleet::Fleet fleet = MakeFleet(Nodes(catalog_, {{"dual-rtx-3090", 1}, {"dgx-spark", 1}}));
  EXPECT_THAT(
      Why(fleet, {0}, "llama-3.1-8b", "int4-awq", Engine::kVllm, Strategy::kTensor, nullptr),
      ElementsAre("int4-awq needs a chip of generation blackwell; dual-rtx-3090-1 has rtx-3090"));
  EXPECT_THAT(
      Why(fleet, {1}, "llama-3.1-8b", "int4-awq", Engine::kVllm, Strategy::kSingle, nullptr),
      IsEmpty());
}

// ---------------------------------------------------------------- memory, layer by layer

TEST_F(Placements, TheLongestContextFitsAndOneTokenMoreDoesNot) {
  std::vector<fleet::Node> nodes =
      Nodes(catalog_, {{"ultra-512", 1}, {"dgx-spark", 2}, {"dual-rtx-3090", 1}});
  const fleet::Fleet fleet = MakeFleet(std::move(nodes), {Mesh(catalog_, "tcp-10gbe", {1, 2})});
  const Placer placer(catalog_, calibration_, fleet, {});
  int bounded = 0;
  for (const int streams : {1, 3}) {
    for (const double bits : {16.0, 8.5}) {
      load_.concurrency = streams;
      load_.kv_bits = bits;
      for (const catalog::Model& model : catalog_.models) {
        for (const catalog::Quantization& quant : catalog_.quantizations) {
          for (const Placement& placement : placer.Enumerate(model, quant, load_)) {
            const std::optional<int> longest = placer.LongestContext(placement, load_);
            ASSERT_TRUE(longest.has_value());
            EXPECT_GE(*longest, load_.context_tokens);
            const auto fits_at = [&](int tokens) {
              Load load = load_;
              load.context_tokens = tokens;
              const Placement at =
                  Evaluate(catalog_, calibration_, fleet, placement.nodes, model, quant,
                           placement.engine, placement.strategy, placement.link, load);
              return at.verdict != fit::Verdict::kDoesNotFit;
            };
            EXPECT_TRUE(fits_at(*longest)) << model.id << " " << quant.id << " " << *longest;
            if (*longest == model.max_context) continue;
            ++bounded;
            EXPECT_FALSE(fits_at(*longest + 1)) << model.id << " " << quant.id << " " << *longest;
          }
        }
      }
    }
  }
  EXPECT_GT(bounded, 3) << "none of them was limited by memory";
}

// A file whose first layer is as large as ten of the others.
class UnevenLayers : public Placements {
 protected:
  UnevenLayers() {
    catalog::Model& model = ModelNamed("llama-3.3-70b");
    model.kv_cache.layers.assign(80, {1024, 1024, false, 0});
    catalog::Artifact artifact;
    artifact.model = model.id;
    artifact.quant = "q8_0";
    artifact.name = "uneven";
    artifact.exact = true;
    catalog::FileLayout layout;
    layout.input = GB(1);
    layout.output = GB(2);
    layout.layers.assign(80, Bytes{800'000'000});
    layout.layers[0] = GB(8);
    artifact.bytes = GB(1) + GB(2) + GB(8) + Bytes{800'000'000} * 79;
    artifact.layout = layout;
    catalog_.artifacts.push_back(artifact);
    catalog_.Index();
  }
  catalog::Model& ModelNamed(const std::string& id) {
    for (catalog::Model& model : catalog_.models) {
      if (model.id == id) return model;
    }
    ADD_FAILURE() << id;
    return catalog_.models.front();
  }
};

TEST_F(UnevenLayers, AStageHoldsTheLayersItWasDealt) {
  const fleet::Fleet fleet =
      MakeFleet(Nodes(catalog_, {{"dgx-spark", 2}}), {Mesh(catalog_, "tcp-10gbe", {0, 1})});
  const Placement p = Run(fleet, {0, 1}, "llama-3.3-70b", "q8_0", Engine::kLlamaCpp,
                          Strategy::kPipeline, "tcp-10gbe");
  ASSERT_NE(p.verdict, fit::Verdict::kDoesNotFit) << p.why_not;
  ASSERT_EQ(p.memory.size(), 2u);
  // llama.cpp's process is on the first node, whose device comes last.
  EXPECT_EQ(p.memory[1].first_layer, 0);
  EXPECT_EQ(p.memory[0].first_layer, p.memory[1].layers);
  EXPECT_EQ(p.memory[0].layers + p.memory[1].layers, 80);
  EXPECT_EQ(p.memory[1].demand.weights.count,
            8'000'000'000LL + 800'000'000LL * (p.memory[1].layers - 1));
  EXPECT_EQ(p.memory[0].demand.weights.count,
            1'000'000'000LL + 2'000'000'000LL + 800'000'000LL * p.memory[0].layers);
  EXPECT_EQ(p.memory[0].demand.kv_cache.count, 4096LL * 8192 * p.memory[0].layers);
}

// Whoever runs llama-server holds the last layers and the output, and reads prompts.
TEST_F(UnevenLayers, WhoDrivesLlamaCppHoldsWhatComesLast) {
  const fleet::Fleet fleet =
      MakeFleet(Nodes(catalog_, {{"dgx-spark", 2}}), {Mesh(catalog_, "tcp-10gbe", {0, 1})});
  const auto memory = [&](std::optional<std::vector<int>> drivers) {
    Options options;
    options.drivers = std::move(drivers);
    const Placer placer(catalog_, calibration_, fleet, options);
    for (const Placement& one : placer.EnumerateOn({0, 1}, *catalog_.FindModel("llama-3.3-70b"),
                                                   *catalog_.FindQuantization("q8_0"), load_)) {
      if (one.engine == Engine::kLlamaCpp && one.strategy == Strategy::kPipeline) return one.memory;
    }
    return std::vector<NodeMemory>{};
  };
  const auto weights = [](const NodeMemory& node) { return node.demand.weights.count; };
  const auto with_layers = [](const NodeMemory& node) { return 800'000'000LL * node.layers; };
  const std::vector<NodeMemory> first = memory(std::nullopt);
  const std::vector<NodeMemory> second = memory(std::vector<int>{1, 0});
  const std::vector<NodeMemory> outside = memory(std::vector<int>{});
  ASSERT_EQ(first.size(), 2u);
  ASSERT_EQ(second.size(), 2u);
  ASSERT_EQ(outside.size(), 2u);
  EXPECT_EQ(weights(first[0]), with_layers(first[0]) + 3'000'000'000LL);  // tables of the whole
  EXPECT_EQ(second[0].first_layer, 0);
  EXPECT_EQ(weights(second[1]), with_layers(second[1]) + 3'000'000'000LL);
  EXPECT_EQ(outside[0].first_layer, 0);
  EXPECT_EQ(weights(outside[1]), with_layers(outside[1]) + 2'000'000'000LL);  // the output alone
  EXPECT_EQ(memory(std::vector<int>{7, 1}).at(1).demand.total(), second[1].demand.total());
}

TEST_F(Placements, ACacheTypeThatTheEngineLacksIsSixteenBits) {
  const fleet::Fleet fleet = MakeFleet(Nodes(catalog_, {{"ultra-512", 1}}));
  const auto demand = [&](Engine engine) {
    const char* quant = engine == Engine::kMlx ? "mlx-8bit" : "q8_0";
    return Run(fleet, {0}, "llama-3.3-70b", quant, engine, Strategy::kSingle, nullptr);
  };
  const Placement mlx = demand(Engine::kMlx);
  const Placement llama = demand(Engine::kLlamaCpp);
  load_.kv_bits = 8.5;
  load_.kv_engines = {Engine::kLlamaCpp, Engine::kOllama};
  const Placement mlx_asked = demand(Engine::kMlx);
  EXPECT_EQ(mlx_asked.memory.at(0).demand.kv_cache, mlx.memory.at(0).demand.kv_cache);
  EXPECT_THAT(mlx_asked.caveats, Contains(HasSubstr("keeps 16 bits")));
  const Placement llama_asked = demand(Engine::kLlamaCpp);
  EXPECT_LT(llama_asked.memory.at(0).demand.kv_cache, llama.memory.at(0).demand.kv_cache);
  EXPECT_THAT(llama_asked.caveats, Not(Contains(HasSubstr("keeps 16 bits"))));
}

// People run models with code of their own (mlx-lm's Mixtral over RDMA was measured): a caveat.
TEST_F(UnevenLayers, MlxSplitsTheModelsThatItsCodeSplits) {
  const fleet::Fleet fleet =
      MakeFleet(Nodes(catalog_, {{"ultra-512", 2}}), {Mesh(catalog_, "rdma-tb5", {0, 1})});
  const auto caveats = [&](const char* type, Engine engine, Strategy strategy) {
    ModelNamed("llama-3.3-70b").model_type = type;
    const Placement p =
        Run(fleet, {0, 1}, "llama-3.3-70b", "mlx-8bit", engine, strategy, "rdma-tb5");
    EXPECT_EQ(p.why_not, "");
    return p.caveats;
  };
  const auto no_code = [](const char* what) {
    return Contains(AllOf(HasSubstr("has no code to split models of type"), HasSubstr(what)));
  };
  EXPECT_THAT(caveats("gpt_oss", Engine::kMlx, Strategy::kPipeline), no_code("gpt_oss by layers"));
  EXPECT_THAT(caveats("gpt_oss", Engine::kMlx, Strategy::kTensor), Not(no_code("gpt_oss")));
  EXPECT_THAT(caveats("gemma3", Engine::kMlx, Strategy::kTensor), no_code("gemma3 by tensors"));
  EXPECT_THAT(caveats("gemma3", Engine::kExo, Strategy::kTensor), no_code("gemma3 by tensors"));
  EXPECT_THAT(caveats("gemma3", Engine::kExo, Strategy::kPipeline), Not(no_code("gemma3")));
  EXPECT_THAT(caveats("deepseek_v3", Engine::kMlx, Strategy::kPipeline), Not(no_code("deepseek")));
  EXPECT_THAT(caveats("", Engine::kMlx, Strategy::kPipeline), Contains(HasSubstr("is not known")));
}

TEST_F(Placements, WhatIsNotLegalHasNoLongestContext) {
  const fleet::Fleet fleet = MakeFleet(Nodes(catalog_, {{"dgx-spark", 1}}));
  const Placement refused =
      Run(fleet, {0}, "llama-3.3-70b", "mlx-8bit", Engine::kMlx, Strategy::kSingle, nullptr);
  EXPECT_FALSE(Placer(catalog_, calibration_, fleet, {}).LongestContext(refused, load_));
}

// ---------------------------------------------------------------- cards of one box

// Whether the catalogue or the owner says which cards are in a box makes no difference.
TEST_F(Placements, CardsThatTheOwnerStatesAreCards) {
  std::vector<fleet::Node> nodes = Nodes(catalog_, {{"dual-rtx-3090", 2}});
  catalog::Machine workstation;
  workstation.id = "workstation";
  catalog::Chip card = *nodes[1].chip;
  card.unified_memory = false;
  nodes[1].machine = &workstation;
  nodes[1].chip = &card;
  nodes[1].overrides.accelerators = 2;
  nodes[1].overrides.vram_per_accelerator = GiB(24);
  const fleet::Fleet fleet = MakeFleet(std::move(nodes));
  for (const Engine engine : {Engine::kVllm, Engine::kLlamaCpp}) {
    const char* quant = engine == Engine::kVllm ? "int4-awq" : "q8_0";
    for (const Strategy strategy : {Strategy::kSingle, Strategy::kTensor, Strategy::kPipeline}) {
      const Placement known = Run(fleet, {0}, "llama-3.1-8b", quant, engine, strategy);
      const Placement stated = Run(fleet, {1}, "llama-3.1-8b", quant, engine, strategy);
      EXPECT_EQ(stated.verdict, known.verdict) << stated.why_not;
      ASSERT_EQ(stated.memory.size(), known.memory.size());
      for (std::size_t i = 0; i < known.memory.size(); ++i) {
        EXPECT_EQ(stated.memory[i].demand.total(), known.memory[i].demand.total());
        EXPECT_EQ(stated.memory[i].budget.bytes, known.memory[i].budget.bytes);
      }
    }
  }
}

TEST_F(Placements, CardsOfOneBoxRunTensorsOnVllmAndLayersOnLlamaCpp) {
  const fleet::Fleet fleet = MakeFleet(Nodes(catalog_, {{"dual-rtx-3090", 1}}));
  const Placement tensor =
      Run(fleet, {0}, "llama-3.3-70b", "int4-awq", Engine::kVllm, Strategy::kTensor);
  EXPECT_NE(tensor.verdict, fit::Verdict::kDoesNotFit) << tensor.why_not;
  ASSERT_TRUE(tensor.speed.has_value()) << tensor.why_not;
  EXPECT_EQ(tensor.link, Link("pcie"));

  const Placement single =
      Run(fleet, {0}, "llama-3.3-70b", "int4-awq", Engine::kVllm, Strategy::kSingle);
  EXPECT_EQ(single.verdict, fit::Verdict::kDoesNotFit) << "37 GB on one card of 24";

  const Placement layers =
      Run(fleet, {0}, "llama-3.1-8b", "q8_0", Engine::kLlamaCpp, Strategy::kPipeline);
  EXPECT_NE(layers.verdict, fit::Verdict::kDoesNotFit) << layers.why_not;
  EXPECT_THAT(
      Why(fleet, {0}, "llama-3.1-8b", "q8_0", Engine::kLlamaCpp, Strategy::kTensor, nullptr),
      ElementsAre("llama.cpp splits layers, not tensors"));
}

// ---------------------------------------------------------------- replicas

TEST_F(Placements, ReplicasAddUpAndNeedNoLink) {
  const fleet::Fleet fleet = MakeFleet(Nodes(catalog_, {{"ultra-512", 2}}));
  const Placement one =
      Run(fleet, {0}, "llama-3.3-70b", "mlx-8bit", Engine::kMlx, Strategy::kSingle);
  const Placement two =
      Run(fleet, {0, 1}, "llama-3.3-70b", "mlx-8bit", Engine::kMlx, Strategy::kReplicas);
  ASSERT_TRUE(one.speed && two.speed);
  EXPECT_NEAR(two.speed->decode_tps.mid, 2 * one.speed->decode_tps.mid, 1e-6);
  EXPECT_EQ(two.memory[1].demand.total(), one.memory[0].demand.total());
}

TEST_F(Placements, EveryReplicaMustHoldTheWholeModel) {
  const fleet::Fleet fleet = MakeFleet(Nodes(catalog_, {{"ultra-512", 1}, {"mini-32", 1}}));
  const Placement p =
      Run(fleet, {0, 1}, "llama-3.3-70b", "mlx-8bit", Engine::kMlx, Strategy::kReplicas);
  EXPECT_EQ(p.verdict, fit::Verdict::kDoesNotFit);
  EXPECT_THAT(p.why_not, AllOf(HasSubstr("mini-32-1 offers"), Not(HasSubstr("ultra-512-1"))));
}

TEST_F(Placements, StreamsAreDealtToReplicas) {
  const fleet::Fleet fleet = MakeFleet(Nodes(catalog_, {{"ultra-512", 2}}));
  load_.concurrency = 8;
  const Placement p =
      Run(fleet, {0, 1}, "llama-3.3-70b", "mlx-8bit", Engine::kMlx, Strategy::kReplicas);
  EXPECT_EQ(p.memory[0].demand.kv_cache.count, 4LL * 327680 * 8192);
}

// ---------------------------------------------------------------- tensor parallelism

TEST_F(Placements, TwoUltrasHoldWhatOneDoesNot) {
  const fleet::Fleet fleet =
      MakeFleet(Nodes(catalog_, {{"ultra-512", 2}}), {Mesh(catalog_, "rdma-tb5", {0, 1})});
  const Placement p =
      Run(fleet, {0, 1}, "deepseek-v3.1", "mlx-8bit", Engine::kMlx, Strategy::kTensor, "rdma-tb5");
  EXPECT_EQ(p.verdict, fit::Verdict::kFits) << p.why_not;
  ASSERT_TRUE(p.speed.has_value()) << p.why_not;
  // The latent cache has no heads to divide: each rank keeps all of it.
  EXPECT_EQ(p.memory[0].demand.kv_cache.count, 61LL * 576 * 2 * 8192);
  EXPECT_THAT(p.memory[0].demand.weights.gb(), ::testing::DoubleNear(356.5, 0.1));
}

TEST_F(Placements, AnEqualSplitIsBoundedByTheSmallestNode) {
  const fleet::Fleet fleet = MakeFleet(Nodes(catalog_, {{"max-128", 1}, {"ultra-96", 1}}),
                                       {Mesh(catalog_, "rdma-tb5", {0, 1})});
  // 235 B at 6 bits is 176 GB: within the sum of the budgets, but half of it is not within the
  // smaller.
  catalog_.quantizations.push_back(testing::Quant("mlx-6bit", "mlx", 6.0, {Engine::kMlx}));
  catalog_.Index();
  const Placement p = Run(fleet, {0, 1}, "qwen3-235b-a22b", "mlx-6bit", Engine::kMlx,
                          Strategy::kTensor, "rdma-tb5");
  EXPECT_EQ(p.verdict, fit::Verdict::kDoesNotFit);
  EXPECT_LT(p.memory[0].demand.weights + p.memory[1].demand.weights,
            p.memory[0].budget.bytes + p.memory[1].budget.bytes);
  EXPECT_THAT(p.why_not, AllOf(HasSubstr("ultra-96-1 offers"), Not(HasSubstr("max-128-1"))));
}

TEST_F(Placements, ThreeNodesDoNotDivideEightHeads) {
  const fleet::Fleet fleet =
      MakeFleet(Nodes(catalog_, {{"ultra-512", 3}}), {Mesh(catalog_, "rdma-tb5", {0, 1, 2})});
  EXPECT_THAT(Why(fleet, {0, 1, 2}, "llama-3.3-70b", "mlx-8bit", Engine::kMlx, Strategy::kTensor,
                  "rdma-tb5"),
              Contains(HasSubstr("8 kv heads do not divide by 3")));
  EXPECT_THAT(
      Why(fleet, {0, 1}, "llama-3.3-70b", "mlx-8bit", Engine::kMlx, Strategy::kTensor, "rdma-tb5"),
      IsEmpty());
}

TEST_F(Placements, ARowOfCablesIsEnoughForAPipelineNotForTensors) {
  const fleet::Fleet fleet =
      MakeFleet(Nodes(catalog_, {{"ultra-512", 4}}), {Row(catalog_, "rdma-tb5", 4)});
  const std::vector<int> all = {0, 1, 2, 3};
  EXPECT_THAT(
      Why(fleet, all, "llama-3.3-70b", "mlx-8bit", Engine::kMlx, Strategy::kPipeline, "rdma-tb5"),
      IsEmpty());
  EXPECT_THAT(
      Why(fleet, all, "llama-3.3-70b", "mlx-8bit", Engine::kMlx, Strategy::kTensor, "rdma-tb5"),
      ElementsAre("no rdma-tb5 between ultra-512-1 - ultra-512-3, ultra-512-1 - "
                  "ultra-512-4, ultra-512-2 - ultra-512-4; tensor needs one between every "
                  "pair (thunderbolt5-cable)"));
}

TEST_F(Placements, AMeshBeyondThePortsIsRefusedWithTheirCount) {
  const fleet::Fleet fleet = MakeFleet(Nodes(catalog_, {{"ultra-512", 8}}));
  EXPECT_THAT(Why(fleet, {0, 1, 2, 3, 4, 5, 6, 7}, "llama-3.3-70b", "mlx-8bit", Engine::kMlx,
                  Strategy::kTensor, "rdma-tb5"),
              Contains("ultra-512-1 (ultra-512) needs 7 Thunderbolt 5 ports for this link and has "
                       "5 that can do RDMA"));
}

TEST_F(Placements, Thunderbolt4AndASparkCannotJoinAnRdmaMesh) {
  const fleet::Fleet fleet = MakeFleet(Nodes(catalog_, {{"mini-32", 1}, {"dgx-spark", 1}}));
  const auto why =
      Why(fleet, {0, 1}, "llama-3.1-8b", "bf16", Engine::kExo, Strategy::kTensor, "rdma-tb5");
  EXPECT_THAT(why, Contains(HasSubstr("has Thunderbolt 4; rdma-tb5 needs Thunderbolt 5")));
  EXPECT_THAT(why, Contains(HasSubstr("dgx-spark-1 (dgx-spark) has no Thunderbolt port")));
}

TEST_F(Placements, MetalAndCudaShareLayersButNotTensors) {
  const fleet::Fleet fleet = MakeFleet(Nodes(catalog_, {{"ultra-512", 1}, {"dgx-spark", 1}}),
                                       {Mesh(catalog_, "tcp-10gbe", {0, 1})});
  EXPECT_THAT(
      Why(fleet, {0, 1}, "llama-3.3-70b", "bf16", Engine::kExo, Strategy::kTensor, "tcp-10gbe"),
      Contains(HasSubstr("no engine runs tensor parallelism across Metal and CUDA")));
  const Placement p = Run(fleet, {0, 1}, "llama-3.3-70b", "q8_0", Engine::kLlamaCpp,
                          Strategy::kPipeline, "tcp-10gbe");
  EXPECT_EQ(p.verdict, fit::Verdict::kFits) << p.why_not;
  EXPECT_TRUE(p.speed.has_value()) << p.why_not;
}

TEST_F(Placements, WhatIsNotKnownAboutRdmaIsSaid) {
  std::vector<fleet::Node> nodes = Nodes(catalog_, {{"ultra-512", 2}});
  nodes[1].os_version.reset();
  nodes[0].rdma_enabled.reset();
  const fleet::Fleet fleet = MakeFleet(std::move(nodes), {Mesh(catalog_, "rdma-tb5", {0, 1})});
  const Placement p =
      Run(fleet, {0, 1}, "llama-3.3-70b", "mlx-8bit", Engine::kMlx, Strategy::kTensor, "rdma-tb5");
  EXPECT_THAT(p.caveats, Contains("macOS version of ultra-512-2 not stated; rdma-tb5 needs 26.2"));
  EXPECT_THAT(p.caveats, Contains("RDMA state not reported by ultra-512-1"));
  EXPECT_THAT(p.caveats, Contains(HasSubstr("all-reduce latency over rdma-tb5 assumed for mlx")));
}

TEST_F(Placements, AMeasuredAllReduceReachesTheSpeedModel) {
  fleet::LinkGroup slow = Mesh(catalog_, "rdma-tb5", {0, 1});
  slow.all_reduce_latency = Seconds{2e-3};
  const fleet::Fleet assumed =
      MakeFleet(Nodes(catalog_, {{"ultra-512", 2}}), {Mesh(catalog_, "rdma-tb5", {0, 1})});
  const fleet::Fleet measured = MakeFleet(Nodes(catalog_, {{"ultra-512", 2}}), {slow});
  const auto on = [&](const fleet::Fleet& fleet) {
    return Run(fleet, {0, 1}, "llama-3.3-70b", "mlx-8bit", Engine::kMlx, Strategy::kTensor,
               "rdma-tb5");
  };
  ASSERT_TRUE(on(assumed).speed && on(measured).speed);
  EXPECT_GT(on(assumed).speed->decode_tps.mid, 1.5 * on(measured).speed->decode_tps.mid);
  EXPECT_THAT(on(measured).caveats, Not(Contains(HasSubstr("assumed"))));
}

TEST_F(Placements, OnlyVllmSplitsTensorsBetweenSparks) {
  const fleet::Fleet fleet =
      MakeFleet(Nodes(catalog_, {{"dgx-spark", 2}}), {Mesh(catalog_, "rdma-cx7-200g", {0, 1})});
  EXPECT_THAT(Why(fleet, {0, 1}, "llama-3.3-70b", "bf16", Engine::kVllm, Strategy::kTensor,
                  "rdma-cx7-200g"),
              IsEmpty());
  EXPECT_THAT(Why(fleet, {0, 1}, "llama-3.3-70b", "q8_0", Engine::kLlamaCpp, Strategy::kTensor,
                  "rdma-cx7-200g"),
              ElementsAre("llama.cpp splits layers, not tensors",
                          "llama.cpp does not run tensor over rdma-cx7-200g"));
  // The cable carries IP as well, which is all that llama.cpp RPC needs.
  EXPECT_THAT(Why(fleet, {0, 1}, "llama-3.3-70b", "q8_0", Engine::kLlamaCpp, Strategy::kPipeline,
                  "rdma-cx7-200g"),
              IsEmpty());
}

// ---------------------------------------------------------------- pipelines

TEST_F(Placements, APipelineUsesBothMemories) {
  const fleet::Fleet fleet = MakeFleet(Nodes(catalog_, {{"max-128", 1}, {"ultra-96", 1}}),
                                       {Mesh(catalog_, "tcp-tb5", {0, 1})});
  catalog_.quantizations.push_back(testing::Quant("mlx-6bit", "mlx", 6.0, {Engine::kMlx}));
  catalog_.Index();
  const Placement p = Run(fleet, {0, 1}, "qwen3-235b-a22b", "mlx-6bit", Engine::kMlx,
                          Strategy::kPipeline, "tcp-tb5");
  ASSERT_NE(p.verdict, fit::Verdict::kDoesNotFit) << p.why_not;
  EXPECT_NEAR(p.memory[0].layer_share + p.memory[1].layer_share, 1, 1e-12);
  for (const NodeMemory& node : p.memory) EXPECT_LE(node.demand.total(), node.budget.bytes);
}

TEST_F(Placements, APipelineTooSmallShowsBothShortfalls) {
  const fleet::Fleet fleet = MakeFleet(Nodes(catalog_, {{"max-128", 1}, {"ultra-96", 1}}),
                                       {Mesh(catalog_, "tcp-tb5", {0, 1})});
  const Placement p =
      Run(fleet, {0, 1}, "deepseek-v3.1", "mlx-8bit", Engine::kMlx, Strategy::kPipeline, "tcp-tb5");
  EXPECT_EQ(p.verdict, fit::Verdict::kDoesNotFit);
  EXPECT_THAT(p.why_not, AllOf(HasSubstr("max-128-1 offers"), HasSubstr("ultra-96-1 offers")));
}

TEST_F(Placements, UnlinkedMachinesAreRefusedWithTheCableTheyNeed) {
  const fleet::Fleet fleet = MakeFleet(Nodes(catalog_, {{"ultra-512", 2}}));
  EXPECT_THAT(
      Why(fleet, {0, 1}, "llama-3.3-70b", "mlx-8bit", Engine::kMlx, Strategy::kPipeline, "tcp-tb5"),
      ElementsAre("no tcp-tb5 between ultra-512-1 - ultra-512-2; pipeline needs the nodes "
                  "joined in a row (thunderbolt5-cable)"));
  EXPECT_THAT(
      Why(fleet, {0, 1}, "llama-3.3-70b", "mlx-8bit", Engine::kMlx, Strategy::kPipeline, nullptr),
      ElementsAre("no link joins ultra-512-1, ultra-512-2, and pipeline needs one"));
}

// ---------------------------------------------------------------- disaggregated prefill

TEST_F(Placements, DisaggregatedPrefillPairsAFastPrefillWithAFastDecode) {
  const fleet::Fleet fleet = MakeFleet(Nodes(catalog_, {{"ultra-512", 1}, {"dgx-spark", 1}}),
                                       {Mesh(catalog_, "tcp-10gbe", {0, 1})});
  const Placement mac = Run(fleet, {0}, "llama-3.1-8b", "bf16", Engine::kExo, Strategy::kSingle);
  const Placement pair = Run(fleet, {0, 1}, "llama-3.1-8b", "bf16", Engine::kExo,
                             Strategy::kDisaggregated, "tcp-10gbe");
  ASSERT_TRUE(mac.speed && pair.speed) << pair.why_not;
  EXPECT_NEAR(pair.speed->decode_tps.mid, mac.speed->decode_tps.mid, 1e-6);
  EXPECT_GT(pair.speed->prefill_tps.mid, mac.speed->prefill_tps.mid);
  EXPECT_THAT(pair.caveats, Contains(HasSubstr("experimental")));
  EXPECT_EQ(pair.memory[0].demand.weights, pair.memory[1].demand.weights);

  const fleet::Fleet macs =
      MakeFleet(Nodes(catalog_, {{"ultra-512", 2}}), {Mesh(catalog_, "tcp-10gbe", {0, 1})});
  EXPECT_THAT(Why(macs, {0, 1}, "llama-3.1-8b", "bf16", Engine::kExo, Strategy::kDisaggregated,
                  "tcp-10gbe"),
              Contains(HasSubstr("pairs one CUDA node")));
}

// ---------------------------------------------------------------- kinds

std::vector<std::vector<int>> KindsOf(const fleet::Fleet& fleet) {
  std::vector<std::vector<int>> kinds;
  for (const NodeKind& kind : GroupKinds(fleet)) kinds.push_back(kind.nodes);
  return kinds;
}

TEST_F(Placements, EqualNodesAreOneKind) {
  EXPECT_THAT(KindsOf(MakeFleet(Nodes(catalog_, {{"ultra-512", 2}, {"dgx-spark", 1}}))),
              ElementsAre(ElementsAre(0, 1), ElementsAre(2)));
}

TEST_F(Placements, AnOverrideOrAMeasurementMakesANodeItsOwnKind) {
  std::vector<fleet::Node> nodes = Nodes(catalog_, {{"ultra-512", 3}});
  nodes[1].overrides.memory_used = GiB(4);
  fleet::SpeedMeasurement measured;
  measured.nodes = {2};
  auto fleet = fleet::Fleet::Create(std::move(nodes), {}, {measured});
  ASSERT_TRUE(fleet.ok()) << fleet.status();
  EXPECT_THAT(KindsOf(*fleet), ElementsAre(ElementsAre(0), ElementsAre(1), ElementsAre(2)));
}

TEST_F(Placements, LinksDistinguishNodesByTheirPlaceNotByTheirName) {
  const auto four = [&] { return Nodes(catalog_, {{"ultra-512", 4}}); };
  // Ends and middles of a row.
  EXPECT_THAT(KindsOf(MakeFleet(four(), {Row(catalog_, "rdma-tb5", 4)})),
              ElementsAre(ElementsAre(0, 3), ElementsAre(1, 2)));
  // Two pairs: all alike.
  EXPECT_THAT(KindsOf(MakeFleet(four(), {Mesh(catalog_, "rdma-tb5", {0, 1}),
                                         Mesh(catalog_, "rdma-tb5", {2, 3})})),
              ElementsAre(ElementsAre(0, 1, 2, 3)));
  // A pair and two without links.
  EXPECT_THAT(KindsOf(MakeFleet(four(), {Mesh(catalog_, "rdma-tb5", {0, 1})})),
              ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3)));
}

// ---------------------------------------------------------------- enumeration

TEST_F(Placements, EnumerationListsTheFittingFastestFirst) {
  const fleet::Fleet fleet =
      MakeFleet(Nodes(catalog_, {{"ultra-512", 2}, {"max-128", 1}}),
                {Mesh(catalog_, "rdma-tb5", {0, 1}), Mesh(catalog_, "tcp-10gbe", {0, 1, 2})});
  const std::vector<Placement> all = All(fleet, "llama-3.3-70b", "mlx-8bit");
  ASSERT_FALSE(all.empty());
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_NE(all[i].verdict, fit::Verdict::kDoesNotFit);
    ASSERT_TRUE(all[i].speed.has_value()) << all[i].why_not;
    if (i > 0) {
      EXPECT_GE(all[i - 1].speed->decode_tps.mid, all[i].speed->decode_tps.mid);
    }
  }
  std::set<std::pair<std::string, std::string>> ways;
  for (const Placement& p : all) {
    ways.insert({throughput::Name(p.strategy), p.link == nullptr ? "" : p.link->id});
  }
  EXPECT_THAT(ways, ::testing::UnorderedElementsAre(
                        Pair("single", ""), Pair("replicas", ""), Pair("tensor", "rdma-tb5"),
                        Pair("tensor", "tcp-10gbe"), Pair("pipeline", "rdma-tb5"),
                        Pair("pipeline", "tcp-10gbe")));
}

TEST_F(Placements, InterchangeableNodesAreEnumeratedOnceAndCounted) {
  const fleet::Fleet fleet =
      MakeFleet(Nodes(catalog_, {{"ultra-512", 4}}),
                {Mesh(catalog_, "rdma-tb5", {0, 1}), Mesh(catalog_, "rdma-tb5", {2, 3})});
  int singles = 0;
  int tensors = 0;
  for (const Placement& p : All(fleet, "llama-3.3-70b", "mlx-8bit")) {
    if (p.engine != Engine::kMlx) continue;
    if (p.strategy == Strategy::kSingle) {
      ++singles;
      EXPECT_EQ(p.copies, 4);
    }
    if (p.strategy == Strategy::kTensor) {
      ++tensors;
      EXPECT_THAT(p.nodes, ElementsAre(0, 1));
      EXPECT_EQ(p.copies, 2);
    }
  }
  EXPECT_EQ(singles, 1);
  EXPECT_EQ(tensors, 1);
}

TEST_F(Placements, RejectedOnesAreKeptOnRequestEachWithAReason) {
  const fleet::Fleet fleet =
      MakeFleet(Nodes(catalog_, {{"ultra-512", 3}}), {Mesh(catalog_, "rdma-tb5", {0, 1, 2})});
  Options options;
  options.keep_rejected = true;
  const std::vector<Placement> all = All(fleet, "deepseek-v3.1", "mlx-8bit", options);
  bool rejected = false;
  for (const Placement& p : all) {
    if (p.verdict == fit::Verdict::kDoesNotFit) {
      rejected = true;
      EXPECT_FALSE(p.why_not.empty());
    } else {
      EXPECT_FALSE(rejected) << "a fitting one after a rejected one";
    }
  }
  EXPECT_TRUE(rejected);
  EXPECT_THAT(all, Contains(AllOf(
                       Field(&Placement::strategy, Strategy::kTensor),
                       Field(&Placement::why_not, HasSubstr("128 attention heads do not divide by "
                                                            "3")))));
}

TEST_F(Placements, UnlinkedNodesAreListedAsRejectedWithTheLinkThatWouldJoinThem) {
  const fleet::Fleet fleet = MakeFleet(Nodes(catalog_, {{"ultra-512", 2}}));
  Options options;
  options.keep_rejected = true;
  const auto pair_needs = [](const char* engine_link) {
    return AllOf(Field(&Placement::strategy, Strategy::kPipeline),
                 Field(&Placement::nodes, ElementsAre(0, 1)),
                 Field(&Placement::why_not, HasSubstr(engine_link)));
  };
  EXPECT_THAT(All(fleet, "deepseek-v3.1", "mlx-8bit", options),
              Contains(pair_needs("no link joins ultra-512-1, ultra-512-2, and pipeline needs one; "
                                  "rdma-tb5 would join them (thunderbolt5-cable)")));
  EXPECT_THAT(All(fleet, "deepseek-v3.1", "q8_0", options),
              Contains(pair_needs("tcp-tb5 would join them")));
}

TEST_F(Placements, EvaluateAgreesWithEnumerate) {
  const fleet::Fleet fleet = MakeFleet(
      Nodes(catalog_, {{"ultra-512", 2}, {"max-128", 1}, {"dgx-spark", 1}, {"dual-rtx-3090", 1}}),
      {Mesh(catalog_, "rdma-tb5", {0, 1, 2}), Mesh(catalog_, "tcp-10gbe", {0, 1, 2, 3, 4})});
  for (const char* quant : {"q8_0", "mlx-8bit", "bf16", "int4-awq"}) {
    const std::vector<Placement> all = All(fleet, "llama-3.3-70b", quant);
    for (const Placement& p : all) {
      const Placement again = Evaluate(catalog_, calibration_, fleet, p.nodes, *p.model, *p.quant,
                                       p.engine, p.strategy, p.link, load_);
      EXPECT_EQ(again.verdict, p.verdict);
      ASSERT_EQ(again.speed.has_value(), p.speed.has_value()) << again.why_not;
      if (p.speed) {
        EXPECT_EQ(again.speed->decode_tps, p.speed->decode_tps);
      }
      EXPECT_THAT(
          LegalityViolations(fleet, p.nodes, *p.model, *p.quant, p.engine, p.strategy, p.link),
          IsEmpty());
    }
  }
}

TEST_F(Placements, EnumerateOnUsesExactlyTheGivenNodes) {
  const fleet::Fleet fleet =
      MakeFleet(Nodes(catalog_, {{"ultra-512", 3}}),
                {Mesh(catalog_, "rdma-tb5", {0, 1, 2}), Mesh(catalog_, "tcp-10gbe", {0, 1, 2})});
  const std::vector<Placement> on = EnumerateOn(
      catalog_, calibration_, fleet, {0, 2}, Model("llama-3.3-70b"), Quant("mlx-8bit"), load_, {});
  ASSERT_FALSE(on.empty());
  EXPECT_THAT(on, Each(Field(&Placement::nodes, ElementsAre(0, 2))));
  EXPECT_THAT(on, Contains(Field(&Placement::link, Link("rdma-tb5"))));
  EXPECT_THAT(on, Contains(Field(&Placement::link, Link("tcp-10gbe"))));
  EXPECT_THAT(on, Contains(Field(&Placement::strategy, Strategy::kReplicas)));
}

TEST_F(Placements, TheSameInputGivesTheSameOrder) {
  const fleet::Fleet fleet =
      MakeFleet(Nodes(catalog_, {{"ultra-512", 2}, {"max-128", 2}, {"dgx-spark", 2}}),
                {Mesh(catalog_, "tcp-10gbe", {0, 1, 2, 3, 4, 5})});
  const auto first = All(fleet, "llama-3.3-70b", "q8_0");
  const auto second = All(fleet, "llama-3.3-70b", "q8_0");
  ASSERT_EQ(first.size(), second.size());
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].nodes, second[i].nodes);
    EXPECT_EQ(first[i].engine, second[i].engine);
    EXPECT_EQ(first[i].strategy, second[i].strategy);
  }
}

TEST_F(Placements, ALargeFleetOfFewKindsStaysSmall) {
  const fleet::Fleet fleet = MakeFleet(Nodes(catalog_, {{"ultra-512", 5000}, {"dgx-spark", 5000}}));
  EXPECT_EQ(GroupKinds(fleet).size(), 2u);
  const std::vector<Placement> all = All(fleet, "llama-3.1-8b", "q8_0");
  EXPECT_LT(all.size(), 100u);
  EXPECT_EQ(all.front().copies * static_cast<int>(all.front().nodes.size()), 5000);
}

TEST_F(Placements, AMeshOfManyKindsIsBoundedAndKeepsSetsOfOneKind) {
  std::vector<fleet::Node> nodes = Nodes(catalog_, {{"ultra-512", 80}});
  std::vector<int> members;
  for (int i = 0; i < 80; ++i) {
    nodes[static_cast<std::size_t>(i)].overrides.memory_budget = GiB(90 + i / 8);  // ten kinds
    members.push_back(i);
  }
  const fleet::Fleet fleet =
      MakeFleet(std::move(nodes), {fleet::FullMesh(*Link("tcp-10gbe"), std::move(members))});
  // 713 GB over eight nodes of 99 GiB, and no fewer.
  const std::vector<Placement> all = All(fleet, "deepseek-v3.1", "q8_0");
  EXPECT_LT(all.size(), 1000u);
  EXPECT_THAT(all, Contains(AllOf(Field(&Placement::strategy, Strategy::kPipeline),
                                  Field(&Placement::nodes, ::testing::SizeIs(8)))));
}

TEST_F(Placements, ALargeFleetLeavesOutPipelinesWithANodeToSpareUnlessAskedForThem) {
  std::vector<int> members(20);
  for (int i = 0; i < 20; ++i) members[static_cast<std::size_t>(i)] = i;
  const fleet::Fleet fleet = MakeFleet(Nodes(catalog_, {{"ultra-512", 20}}),
                                       {fleet::FullMesh(*Link("tcp-10gbe"), std::move(members))});
  for (const Placement& p : All(fleet, "llama-3.1-8b", "q8_0")) {
    EXPECT_FALSE(p.strategy == Strategy::kPipeline && p.nodes.size() > 2);
  }
  EXPECT_THAT(EnumerateOn(catalog_, calibration_, fleet, {0, 1, 2}, Model("llama-3.1-8b"),
                          Quant("q8_0"), load_, {}),
              Contains(Field(&Placement::strategy, Strategy::kPipeline)));
}

TEST_F(Placements, ALongRowOfMachinesStaysSmall) {
  const fleet::Fleet fleet =
      MakeFleet(Nodes(catalog_, {{"ultra-512", 200}}), {Row(catalog_, "tcp-tb5", 200)});
  Options options;
  options.max_cluster_nodes = 4;
  const std::vector<Placement> all = All(fleet, "llama-3.1-8b", "q8_0", options);
  EXPECT_FALSE(all.empty());
  EXPECT_LT(all.size(), 2000u);
}

}  // namespace
}  // namespace capacity::placement
