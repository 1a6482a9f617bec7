// `planner launch` and `planner status` as a user runs them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/support/json_schema.h"
#include "tests/support/program.h"

namespace capacity {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Planner;
using testing::Ran;
using ::testing::SizeIs;

const std::string kInventories = std::string(CAPACITY_SOURCE_DIR) + "/inventories/";

std::vector<std::string> operator+(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

json Parsed(const Ran& ran) {
  const json document = json::parse(ran.out, nullptr, false);
  EXPECT_FALSE(document.is_discarded()) << ran.out.substr(0, 200) << ran.err;
  return document;
}

void ExpectSchema(const json& document) {
  const std::string kind = document.value("kind", "");
  std::ifstream file(kInventories + "schema/output/" + kind + ".schema.json");
  ASSERT_TRUE(file) << "no schema for kind " << kind;
  EXPECT_THAT(testing::SchemaViolations(json::parse(file), document), IsEmpty());
}

std::vector<std::string> DryRun(const std::string& inventory,
                                const std::vector<std::string>& more) {
  return std::vector<std::string>{
             "launch",   "--model", "gpt-oss-120b", "--inventory", kInventories + inventory,
             "--dry-run"} +
         more;
}

// ---------------------------------------------------------------- dry runs

TEST(LaunchDryRun, EveryEngineHasStepsThatObeyTheSchema) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"two-sparks.yaml", {"--engine", "llama.cpp", "--nodes", "spark-1,spark-2"}},
      {"two-sparks.yaml", {"--engine", "vllm", "--nodes", "spark-1,spark-2"}},
      {"four-m3-ultra-rdma.yaml", {"--engine", "exo"}},
      {"four-m3-ultra-rdma.yaml", {"--engine", "mlx", "--strategy", "tensor"}},
      {"four-m3-ultra-rdma.yaml", {"--engine", "mlx", "--strategy", "single"}},
  };
  for (const auto& [inventory, more] : cases) {
    const Ran ran = Planner(DryRun(inventory, more + std::vector<std::string>{"--output", "json"}));
    ASSERT_EQ(ran.exit_code, 0) << ran.err;
    const json document = Parsed(ran);
    ExpectSchema(document);
    EXPECT_EQ(document.at("engine"), more.at(1));
    EXPECT_THAT(document.at("steps"), Not(IsEmpty()));
    EXPECT_TRUE(document.at("applied").is_null());
    int layers = 0;
    for (const json& share : document.at("shares")) layers += share.at("layers").get<int>();
    if (document.at("strategy") != "tensor") EXPECT_EQ(layers, document.at("layers"));
  }
}

TEST(LaunchDryRun, TextShowsThePlacementFirstAndFitsTheScreen) {
  const Ran ran = Planner(
      DryRun("two-sparks.yaml", {"--engine", "llama.cpp", "--nodes", "spark-1,spark-2", "--address",
                                 "spark-2=10.0.0.2", "--file", "/models/gpt-oss-120b.gguf"}));
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_LT(ran.out.find("tokens/s"), ran.out.find("STEPS"));
  EXPECT_THAT(ran.out, AllOf(HasSubstr("ggml-rpc-server -H 10.0.0.2 -p 50052 -c"),
                             HasSubstr("--tensor-split 18,19"), HasSubstr("no passwords"),
                             Not(HasSubstr("MISSING"))));
  std::istringstream lines(ran.out);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("…") == std::string::npos) EXPECT_LE(line.size(), 110u) << line;
  }
}

TEST(LaunchDryRun, TheSameQuestionHasTheSameAnswer) {
  const auto question = DryRun("home-lab.yaml", {"--output", "json"});
  EXPECT_EQ(Planner(question).out, Planner(question).out);
}

TEST(LaunchDryRun, AnotherRankIsAnotherPlacement) {
  const auto at = [](const char* rank) {
    return Parsed(Planner(DryRun("home-lab.yaml", {"--output", "json", "--rank", rank})));
  };
  const json first = at("1").at("placement");
  const json second = at("2").at("placement");
  EXPECT_NE(first, second);
  EXPECT_GE(first.at("decode_tps").at("mid"), second.at("decode_tps").at("mid"));
}

TEST(Launch, BadArgumentsAreAnsweredWhole) {
  const std::vector<std::vector<std::string>> bad = {
      {"--address", "spark-1"},
      {"--address", "spark-1=a b"},
      {"--address", "nobody=10.0.0.1"},
      {"--address", "spark-1=10.0.0.1", "--address", "spark-1=10.0.0.2"},
      {"--listen", "10.0.0.1:99999"},
      {"--interface", "spark-1=a;b"},
      {"--rdma", "spark-1=x"},
      {"--nodes", "spark-9"},
      {"--quant", "q9"},
      {"--engine", "ollama"},
      {"--rank", "100000"},
      {"--rank", "0"},
      {"--kv-type", "f15"},
      {"--context", "many"},
  };
  for (const auto& more : bad) {
    const Ran ran = Planner(DryRun("two-sparks.yaml", more));
    EXPECT_EQ(ran.exit_code, 2) << ::testing::PrintToString(more);
    EXPECT_EQ(ran.out, "");
    EXPECT_NE(ran.err, "");
  }
}

TEST(Launch, WhatFitsNowhereSaysHowFarItIs) {
  const Ran ran = Planner({"launch", "--model", "deepseek-v3.1", "--inventory",
                           kInventories + "one-m4-max.yaml", "--dry-run"});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.err, HasSubstr("does not run here; nearest"));
}

}  // namespace
}  // namespace capacity
