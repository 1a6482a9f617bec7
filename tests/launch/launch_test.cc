// Steps made of a placement: what is written, run and asked, in which order, on which machine.
#include "planner/launch/launch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "nlohmann/json.hpp"
#include "planner/launch/engines.h"
#include "tests/support/world.h"

namespace capacity::launch {
namespace {

using catalog::Engine;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using throughput::Strategy;

// How llama.cpp b11669 deals `layers`, those of multi-token prediction behind them and the output
// to devices by proportions (load_tensors): the device of a layer is the first whose cumulated
// share is above layer / (layers + 1), in floats.
std::vector<int> DealtByLlamaCpp(int layers, const std::vector<int>& tensor_split,
                                 int mtp_layers = 0) {
  std::vector<float> splits;
  float sum = 0;
  for (int share : tensor_split) {
    sum += static_cast<float>(share);
    splits.push_back(sum);
  }
  for (float& split : splits) split /= sum;
  std::vector<int> held(tensor_split.size(), 0);
  for (int layer = 0; layer < layers; ++layer) {
    const float at = static_cast<float>(layer) / static_cast<float>(layers + mtp_layers + 1);
    ++held[static_cast<std::size_t>(std::upper_bound(splits.begin(), splits.end(), at) -
                                    splits.begin())];
  }
  return held;
}

TEST(TensorSplit, LandsEveryLayerWhereItIsPlanned) {
  for (int layers = 2; layers <= 130; ++layers) {
    for (int first = 1; first < layers; ++first) {
      const std::vector<int> two = {first, layers - first};
      for (int mtp_layers = 0; mtp_layers <= 3; ++mtp_layers) {
        ASSERT_EQ(DealtByLlamaCpp(layers, TensorSplit(two, mtp_layers), mtp_layers), two)
            << layers << " and " << mtp_layers;
      }
    }
    for (int first = 1; first + 2 <= layers; first += 3) {
      for (int second = 1; first + second < layers; second += 5) {
        const std::vector<int> three = {first, second, layers - first - second};
        ASSERT_EQ(DealtByLlamaCpp(layers, TensorSplit(three, 0)), three) << layers;
      }
    }
  }
}

TEST(TensorSplit, TheOutputGoesToTheLastThatHoldsAny) {
  EXPECT_THAT(TensorSplit({18, 18}, 0), ElementsAre(18, 19));
  EXPECT_THAT(TensorSplit({4, 32, 0}, 0), ElementsAre(4, 33, 0));
  EXPECT_EQ(DealtByLlamaCpp(36, TensorSplit({4, 32, 0}, 0)), (std::vector<int>{4, 32, 0}));
}

class Launch : public ::testing::Test {
 protected:
  // A placement on all nodes of `fleet`, in their order, the layers dealt as stated.
  placement::Placement Placed(const fleet::Fleet& fleet, const char* model, const char* quant,
                              Engine engine, Strategy strategy, const char* link,
                              const std::vector<int>& layers) {
    placement::Placement placement;
    placement.model = catalog_.FindModel(model);
    placement.quant = catalog_.FindQuantization(quant);
    placement.engine = engine;
    placement.strategy = strategy;
    placement.link = link == nullptr ? nullptr : catalog_.FindLink(link);
    placement.verdict = fit::Verdict::kFits;
    const int all = placement.model->architecture.layers;
    for (std::size_t i = 0; i < fleet.nodes().size(); ++i) {
      placement.nodes.push_back(static_cast<int>(i));
      placement::NodeMemory memory;
      memory.node = static_cast<int>(i);
      memory.budget.bytes = Bytes{100'000'000'000};
      if (!layers.empty()) memory.layer_share = static_cast<double>(layers[i]) / all;
      placement.memory.push_back(memory);
    }
    return placement;
  }
  fleet::Fleet Sparks(int count) {
    return testing::MakeFleet(testing::Nodes(catalog_, {{"dgx-spark", count}}), {});
  }

  LaunchPlan Plan(const fleet::Fleet& fleet, const placement::Placement& placement) {
    absl::StatusOr<LaunchPlan> plan = MakeLaunchPlan(fleet, placement, facts_);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.ok() ? *std::move(plan) : LaunchPlan{};
  }

  static std::vector<std::string> Lines(const LaunchPlan& plan) {
    std::vector<std::string> lines;
    for (const Step& step : plan.steps) {
      if (const auto* command = std::get_if<Command>(&step.action)) {
        lines.push_back(step.node + ": " + ShellLine(*command));
      }
    }
    return lines;
  }

  catalog::Catalog catalog_ = testing::SmallCatalog();
  Facts facts_;
};

// ---------------------------------------------------------------- llama.cpp

TEST_F(Launch, LlamaCppDealsTheLayersOfThePlan) {
  const fleet::Fleet fleet = Sparks(3);
  const std::string a = fleet.nodes()[0].name;
  const std::string b = fleet.nodes()[1].name;
  const std::string c = fleet.nodes()[2].name;
  facts_.addresses = {{b, {"10.0.0.2", 0}}, {c, {"10.0.0.3", 6000}}};
  facts_.file = "/models/a model.gguf";
  facts_.load.context_tokens = 4096;
  facts_.load.concurrency = 2;
  const LaunchPlan plan = Plan(fleet, Placed(fleet, "llama-3.3-70b", "bf16", Engine::kLlamaCpp,
                                             Strategy::kPipeline, nullptr, {20, 25, 35}));
  // The head's own device comes behind the remote ones.
  EXPECT_EQ(plan.head, a);
  ASSERT_EQ(plan.shares.size(), 3u);
  EXPECT_EQ(plan.shares[0].node, b);
  EXPECT_EQ(plan.shares[2].node, a);
  EXPECT_EQ(plan.shares[2].first_layer, 60);
  EXPECT_THAT(Lines(plan),
              ElementsAre(b + ": ggml-rpc-server -H 10.0.0.2 -p 50052 -c",
                          c + ": ggml-rpc-server -H 10.0.0.3 -p 6000 -c",
                          a + ": llama-server -m '/models/a model.gguf' --rpc "
                              "10.0.0.2:50052,10.0.0.3:6000 --split-mode layer --tensor-split "
                              "25,35,21 -ngl 99 -c 8192 -np 2 --cache-type-k f16 --cache-type-v "
                              "f16 --alias llama-3.3-70b --host 127.0.0.1 --port 8080"));
  EXPECT_THAT(plan.missing, IsEmpty());
  EXPECT_THAT(plan.warnings, Contains(HasSubstr("no passwords")));
  EXPECT_THAT(plan.not_applied, IsEmpty());
}

TEST_F(Launch, WithAddressesForAllNodesTheHeadIsHere) {
  const fleet::Fleet fleet = Sparks(2);
  facts_.addresses = {{fleet.nodes()[0].name, {"10.0.0.1", 0}},
                      {fleet.nodes()[1].name, {"10.0.0.2", 0}}};
  facts_.file = "m.gguf";
  const LaunchPlan plan = Plan(fleet, Placed(fleet, "llama-3.3-70b", "bf16", Engine::kLlamaCpp,
                                             Strategy::kPipeline, nullptr, {30, 50}));
  EXPECT_EQ(plan.head, "");
  EXPECT_THAT(Lines(plan), Contains(HasSubstr("--tensor-split 30,51 ")));
}

// GLM-4.5's GGUFs hold its multi-token-prediction layer, most others' hold none.
TEST_F(Launch, LayersThatAreCountedButNotLoadedMoveNoOther) {
  catalog::Model glm = testing::DenseModel("glm", 1e9, 46, 1024, 8, 8, 128, 32000);
  glm.architecture.mtp_layers = 1;
  const fleet::Fleet fleet = Sparks(2);
  placement::Placement placement =
      Placed(fleet, "llama-3.3-70b", "bf16", Engine::kLlamaCpp, Strategy::kPipeline, nullptr, {});
  placement.model = &glm;
  placement.memory[0].layer_share = 20.0 / 46;
  placement.memory[1].layer_share = 26.0 / 46;
  LaunchPlan plan = Plan(fleet, placement);
  EXPECT_THAT(Lines(plan), Contains(HasSubstr("--tensor-split 26,21 ")));
  EXPECT_THAT(plan.warnings, Contains(HasSubstr("1 multi-token-prediction layer,")));
  facts_.file_mtp_layers = 1;
  plan = Plan(fleet, placement);
  EXPECT_THAT(Lines(plan), Contains(HasSubstr("--tensor-split 26,22 ")));
  EXPECT_THAT(plan.warnings, Not(Contains(HasSubstr("multi-token"))));
  facts_.file_mtp_layers = 0;
  plan = Plan(fleet, placement);
  EXPECT_THAT(Lines(plan), Contains(HasSubstr("--tensor-split 26,21 ")));
  EXPECT_THAT(plan.warnings, Not(Contains(HasSubstr("multi-token"))));
}

TEST_F(Launch, ACacheTypeThatTheEngineLacksIsNotAskedFor) {
  const fleet::Fleet fleet = Sparks(1);
  facts_.kv_type = "fp8";
  facts_.load.kv_engines = {Engine::kVllm};
  const placement::Placement llama =
      Placed(fleet, "llama-3.3-70b", "bf16", Engine::kLlamaCpp, Strategy::kSingle, nullptr, {});
  LaunchPlan plan = Plan(fleet, llama);
  EXPECT_THAT(Lines(plan)[0], HasSubstr("--cache-type-k f16 "));
  EXPECT_THAT(plan.warnings, Contains(HasSubstr("llama.cpp has no cache of fp8 cells")));
  plan = Plan(
      fleet, Placed(fleet, "llama-3.3-70b", "bf16", Engine::kVllm, Strategy::kSingle, nullptr, {}));
  EXPECT_THAT(Lines(plan), Contains(HasSubstr("--kv-cache-dtype fp8")));
  EXPECT_THAT(plan.warnings, Not(Contains(HasSubstr("no cache of"))));
}

TEST_F(Launch, OneNodeNeedsNoRpc) {
  const fleet::Fleet fleet = Sparks(1);
  facts_.kv_type = "q8_0";
  const LaunchPlan plan = Plan(fleet, Placed(fleet, "llama-3.3-70b", "bf16", Engine::kLlamaCpp,
                                             Strategy::kSingle, nullptr, {}));
  ASSERT_EQ(Lines(plan).size(), 1u);
  EXPECT_THAT(Lines(plan)[0], AllOf(Not(HasSubstr("--rpc")), Not(HasSubstr("--tensor-split")),
                                    HasSubstr("--cache-type-v q8_0 --flash-attn on")));
  EXPECT_THAT(plan.missing, ElementsAre(HasSubstr("--file")));
  EXPECT_THAT(plan.warnings, IsEmpty());
}

TEST_F(Launch, ModelsOfManyLayersLeaveTheProcessors) {
  catalog::Model deep = testing::DenseModel("deep", 1e9, 126, 1024, 8, 8, 128, 32000);
  const fleet::Fleet fleet = Sparks(1);
  placement::Placement placement =
      Placed(fleet, "llama-3.3-70b", "bf16", Engine::kLlamaCpp, Strategy::kSingle, nullptr, {});
  placement.model = &deep;
  EXPECT_THAT(Lines(Plan(fleet, placement))[0], HasSubstr("-ngl 127 "));
}

TEST_F(Launch, EveryCardOfANodeHasAProportionOfItsOwn) {
  const fleet::Fleet fleet =
      testing::MakeFleet(testing::Nodes(catalog_, {{"dgx-spark", 1}, {"dual-rtx-3090", 1}}), {});
  facts_.addresses = {{fleet.nodes()[1].name, {"10.0.0.2", 0}}};
  const LaunchPlan plan = Plan(fleet, Placed(fleet, "llama-3.3-70b", "bf16", Engine::kLlamaCpp,
                                             Strategy::kPipeline, nullptr, {59, 21}));
  EXPECT_THAT(Lines(plan), Contains(HasSubstr("--tensor-split 11,10,60 ")));
}

// ---------------------------------------------------------------- EXO

TEST_F(Launch, ExoIsAskedForAPreviewAndGetsThePlansSplit) {
  const fleet::Fleet fleet = Sparks(2);
  facts_.addresses = {{fleet.nodes()[1].name, {"10.0.0.2", 0}}};
  facts_.source = "mlx-community/A B";
  facts_.source_origin = "--source";
  const LaunchPlan plan = Plan(fleet, Placed(fleet, "llama-3.3-70b", "bf16", Engine::kExo,
                                             Strategy::kPipeline, "rdma-tb5", {30, 50}));
  ASSERT_EQ(plan.steps.size(), 6u);
  std::vector<std::string> asked;
  for (const Step& step : plan.steps) {
    if (const auto* request = std::get_if<Request>(&step.action)) {
      asked.push_back(request->method + " " + request->url);
    }
  }
  EXPECT_THAT(asked, ElementsAre("GET http://10.0.0.2:52415/state",
                                 "GET http://10.0.0.2:52415/instance/previews?model_id="
                                 "mlx-community/A%20B",
                                 "POST http://10.0.0.2:52415/instance",
                                 "POST http://10.0.0.2:52415/instance",
                                 "POST http://10.0.0.2:52415/place_instance"));
  EXPECT_THAT(plan.steps[2].what, HasSubstr(fleet.nodes()[0].name + " 30, "));
  EXPECT_THAT(plan.steps[2].undo, HasSubstr("DELETE http://10.0.0.2:52415/instance/"));
  EXPECT_EQ(std::get<Request>(plan.steps[4].action).body,
            R"({"model_id":"mlx-community/A B","sharding":"Pipeline","instance_meta":"MlxJaccl",)"
            R"("min_nodes":2})");
}

// ---------------------------------------------------------------- MLX

Socket Cable(const char* interface, const char* rdma, const char* domain, const char* peer) {
  Socket socket;
  socket.kind = Socket::Kind::kThunderbolt;
  socket.up = true;
  socket.interfaces = {interface};
  socket.rdma_device = rdma;
  socket.domain = domain;
  socket.peer_domain = peer;
  return socket;
}

class MlxLaunch : public Launch {
 protected:
  void SetUp() override {
    fleet_ = Sparks(2);  // what they are does not matter to the steps
    a_ = fleet_.nodes()[0].name;
    b_ = fleet_.nodes()[1].name;
    facts_.addresses = {{a_, {"10.0.0.1", 0}}, {b_, {"10.0.0.2", 0}}};
    facts_.source = "mlx-community/X";
    facts_.source_origin = "--source";
  }
  LaunchPlan Tensor(const char* link) {
    return Plan(fleet_,
                Placed(fleet_, "llama-3.3-70b", "bf16", Engine::kMlx, Strategy::kTensor, link, {}));
  }
  static json HostsOf(const LaunchPlan& plan) {
    return json::parse(std::get<WriteFile>(plan.steps[0].action).content, nullptr, false);
  }

  fleet::Fleet fleet_;
  std::string a_;
  std::string b_;
};

TEST_F(MlxLaunch, TheRdmaMatrixComesFromWhatBothEndsSee) {
  facts_.sockets[a_] = {Cable("en3", "rdma_en3", "A1", "elsewhere"),
                        Cable("en5", "rdma_en5", "A2", "B1")};
  facts_.sockets[b_] = {Cable("en4", "rdma_en4", "B1", "A2"), Cable("en6", "rdma_en6", "B2", "")};
  const LaunchPlan plan = Tensor("rdma-tb5");
  EXPECT_EQ(HostsOf(plan),
            (json{{{"ssh", "10.0.0.1"}, {"ips", {"10.0.0.1"}}, {"rdma", {nullptr, "rdma_en5"}}},
                  {{"ssh", "10.0.0.2"}, {"ips", json::array()}, {"rdma", {"rdma_en4", nullptr}}}}));
  EXPECT_THAT(plan.missing, IsEmpty());
  EXPECT_THAT(Lines(plan), ElementsAre(HasSubstr(
                               "mlx.launch --backend jaccl --hostfile hosts.json -- mlx_lm.server "
                               "--model mlx-community/X")));
  EXPECT_THAT(plan.not_applied, HasSubstr("ssh"));
}

TEST_F(MlxLaunch, ACableThatOnlyOneEndSeesIsMissing) {
  facts_.sockets[a_] = {Cable("en5", "rdma_en5", "A2", "B1")};
  facts_.sockets[b_] = {Cable("en4", "rdma_en4", "B1", "somebody else")};
  const LaunchPlan plan = Tensor("rdma-tb5");
  EXPECT_THAT(plan.missing, ElementsAre(HasSubstr("--rdma " + a_ + ":" + b_ + "="),
                                        HasSubstr("--rdma " + b_ + ":" + a_ + "=")));
  facts_.rdma_devices = {{{a_, b_}, "rdma_en1"}, {{b_, a_}, "rdma_en2"}};
  EXPECT_THAT(Tensor("rdma-tb5").missing, IsEmpty());
}

TEST_F(MlxLaunch, WithoutRdmaTheRingNeedsAnAddressOfEveryNode) {
  const LaunchPlan plan = Tensor("tcp-tb5");
  EXPECT_EQ(HostsOf(plan), (json{{{"ssh", "10.0.0.1"}, {"ips", {"10.0.0.1"}}},
                                 {{"ssh", "10.0.0.2"}, {"ips", {"10.0.0.2"}}}}));
  EXPECT_THAT(Lines(plan), ElementsAre(HasSubstr("--backend ring")));
}

// ---------------------------------------------------------------- vLLM

TEST_F(Launch, VllmJoinsARayClusterOverTheReportedInterface) {
  const fleet::Fleet fleet = Sparks(2);
  const std::string a = fleet.nodes()[0].name;
  const std::string b = fleet.nodes()[1].name;
  Socket management;
  management.kind = Socket::Kind::kEthernet;
  management.up = true;
  management.management = true;
  management.interfaces = {"enP7s7"};
  management.addresses = {"192.168.1.5/24"};
  Socket cage;
  cage.kind = Socket::Kind::kConnectX;
  cage.up = true;
  cage.interfaces = {"enp1s0f1np1", "enP2p1s0f1np1"};
  cage.rdma_device = "rocep1s0f1";
  cage.rdma_twin = "roceP2p1s0f1";
  cage.addresses = {"10.1.0.1/24"};
  facts_.sockets[a] = {management, cage};
  cage.addresses = {"fe80::1", "10.1.0.2/24"};
  facts_.sockets[b] = {management, cage};
  facts_.gid_index = 3;
  facts_.source = "openai/gpt-oss-120b";
  facts_.source_origin = "catalogue's models";
  const LaunchPlan plan = Plan(fleet, Placed(fleet, "llama-3.3-70b", "bf16", Engine::kVllm,
                                             Strategy::kTensor, "rdma-cx7-200g", {}));
  const std::vector<std::string> lines = Lines(plan);
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[1],
            b + ": GLOO_SOCKET_IFNAME=enp1s0f1np1 NCCL_IB_GID_INDEX=3 "
                "NCCL_IB_HCA==rocep1s0f1,roceP2p1s0f1 NCCL_SOCKET_IFNAME==enp1s0f1np1 "
                "RAY_memory_monitor_refresh_ms=0 TP_SOCKET_IFNAME=enp1s0f1np1 "
                "VLLM_HOST_IP=10.1.0.2 ray start --address=10.1.0.1:6379 --node-ip-address "
                "10.1.0.2");
  EXPECT_THAT(lines[3], AllOf(HasSubstr("vllm serve openai/gpt-oss-120b --tensor-parallel-size 2 "
                                        "--distributed-executor-backend ray"),
                              HasSubstr("--max-model-len 8192 --max-num-seqs 1")));
  EXPECT_THAT(plan.missing, IsEmpty());
}

// 24 of the 48 GiB on the cards that the owner stated; the catalogue knows none of them.
TEST_F(Launch, VllmsShareIsOfTheCardsThatThereAre) {
  catalog::Machine workstation;
  workstation.id = "workstation";
  catalog::Chip card;
  card.id = "rtx-4090";
  card.unified_memory = false;
  fleet::Node node;
  node.name = "rig";
  node.machine = &workstation;
  node.chip = &card;
  node.overrides.accelerators = 2;
  node.overrides.vram_per_accelerator = GiB(24);
  const fleet::Fleet fleet = testing::MakeFleet({node}, {});
  placement::Placement placement =
      Placed(fleet, "llama-3.3-70b", "bf16", Engine::kVllm, Strategy::kTensor, "pcie", {});
  placement.memory[0].budget.bytes = GiB(24);
  placement.memory[0].budget.devices = 2;
  EXPECT_THAT(Lines(Plan(fleet, placement)),
              Contains(AllOf(HasSubstr("--gpu-memory-utilization 0.50"),
                             HasSubstr("--tensor-parallel-size 2"))));
}

TEST_F(Launch, VllmIsToldHowAPipelineIsDealt) {
  const fleet::Fleet fleet = Sparks(2);
  facts_.interfaces = {{fleet.nodes()[0].name, "eth0"}, {fleet.nodes()[1].name, "eth1"}};
  const LaunchPlan plan = Plan(fleet, Placed(fleet, "llama-3.3-70b", "bf16", Engine::kVllm,
                                             Strategy::kPipeline, "tcp-10gbe", {33, 47}));
  EXPECT_THAT(Lines(plan), Contains(AllOf(HasSubstr("VLLM_PP_LAYER_PARTITION=33,47"),
                                          HasSubstr("--pipeline-parallel-size 2"))));
  EXPECT_THAT(Lines(plan), Contains(HasSubstr("NCCL_IB_DISABLE=1")));
}

// ---------------------------------------------------------------- refusals, addresses, quoting

TEST_F(Launch, WhatNothingStartsIsRefused) {
  const fleet::Fleet fleet = Sparks(2);
  EXPECT_EQ(MakeLaunchPlan(fleet,
                           Placed(fleet, "llama-3.3-70b", "bf16", Engine::kOllama,
                                  Strategy::kSingle, nullptr, {}),
                           facts_)
                .status()
                .code(),
            absl::StatusCode::kUnimplemented);
  placement::Placement too_big = Placed(fleet, "llama-3.3-70b", "bf16", Engine::kLlamaCpp,
                                        Strategy::kPipeline, nullptr, {40, 40});
  too_big.verdict = fit::Verdict::kDoesNotFit;
  EXPECT_EQ(MakeLaunchPlan(fleet, too_big, facts_).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(Addresses, AreReadAndPrinted) {
  for (const char* text : {"10.0.0.2", "10.0.0.2:50052", "spark-2.local:80", "[fe80::1%en0]:80"}) {
    const auto address = ParseAddress(text);
    ASSERT_TRUE(address.ok()) << text;
    EXPECT_EQ(ToString(*address), text);
  }
  EXPECT_EQ(ParseAddress("fe80::1")->host, "fe80::1");
  for (const char* text : {"", ":80", "host:", "host:0", "host:65536", "host:-1", "a b", "a;b",
                           "$(x)", "-H", "[::1", "[::1]x", "[::1]:", "host:80x", "a/b", "a@b"}) {
    EXPECT_FALSE(ParseAddress(text).ok()) << text;
  }
}

TEST(ShellLines, QuoteWhatAShellWouldTakeApart) {
  EXPECT_EQ(ShellLine({{"a", "b c", "it's", "", "$x"}, {{"V", "1 2"}}, false}),
            R"(V='1 2' a 'b c' 'it'\''s' '' '$x')");
}

}  // namespace
}  // namespace capacity::launch
