// What engines answer, read: whole, broken, hostile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "nlohmann/json.hpp"
#include "planner/launch/answers_json.h"
#include "planner/launch/exo_answers.h"
#include "planner/launch/llama_answers.h"
#include "planner/launch/record.h"

namespace capacity::launch {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string Data(const std::string& name) {
  std::ifstream in(std::string(CAPACITY_SOURCE_DIR) + "/tests/launch/data/" + name);
  EXPECT_TRUE(in) << name;
  return {std::istreambuf_iterator<char>(in), {}};
}

// ---------------------------------------------------------------- EXO

TEST(ExoState, HasNodesInstancesAndRunners) {
  const auto state = ReadExoState(Data("exo-state.json"));
  ASSERT_TRUE(state.ok()) << state.status();
  ASSERT_THAT(state->nodes, SizeIs(2));
  EXPECT_EQ(state->nodes[0].name, "Ultra 1");
  EXPECT_THAT(state->nodes[0].addresses, ElementsAre("192.168.1.11", "10.0.0.1"));
  ASSERT_THAT(state->instances, SizeIs(1));
  const ExoInstance& instance = state->instances[0];
  EXPECT_EQ(instance.model, "mlx-community/gpt-oss-120b-MXFP4-Q8");
  EXPECT_EQ(instance.choice, (ExoChoice{"Pipeline", "MlxRing"}));
  EXPECT_EQ(instance.layers, 36);
  ASSERT_THAT(instance.shards, SizeIs(2));
  EXPECT_EQ(instance.shards[0].rank, 0);
  EXPECT_EQ(instance.shards[0].end, instance.shards[1].first);
  EXPECT_EQ(state->runners.at(instance.shards[0].runner).status, "RunnerReady");
  EXPECT_EQ(state->runners.at(instance.shards[1].runner).layers, 12);
}

TEST(ExoState, WhatIsNoneIsRefused) {
  for (const char* text : {"", "{", "[]", "null", "{}", R"({"instances": {}})",
                           R"({"instances": [], "topology": {}})"}) {
    EXPECT_FALSE(ReadExoState(text).ok()) << text;
  }
}

TEST(ExoState, WhatIsNotUnderstoodIsLeftOut) {
  const auto state = ReadExoState(R"({"topology": {"nodes": ["a", 3, null]}, "runners": {"r": 7},
    "instances": {"1": null, "2": {"A": 1, "B": 2}, "3": {"MlxRingInstance": {"instanceId": "3"}}},
    "nodeIdentities": [], "nodeNetwork": {"a": {"interfaces": 5}}})");
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_THAT(state->nodes, SizeIs(1));
  EXPECT_THAT(state->instances, IsEmpty());
  EXPECT_EQ(state->runners.at("r").status, "");
}

TEST(ExoPreviews, AreReadAndTakeThePlansLayers) {
  const auto previews = ReadExoPreviews(Data("exo-previews.json"));
  ASSERT_TRUE(previews.ok()) << previews.status();
  ASSERT_THAT(*previews, SizeIs(3));
  EXPECT_THAT(previews->at(2).error, HasSubstr("no RDMA-connected cycles"));
  const ExoPreview& preview = previews->at(1);
  ASSERT_EQ(preview.choice, (ExoChoice{"Pipeline", "MlxRing"}));
  ASSERT_THAT(preview.instance.shards, SizeIs(2));
  const std::string first = preview.instance.shards[0].node;
  const std::string second = preview.instance.shards[1].node;
  const auto body = CreateRequest(preview, {{first, 24}, {second, 12}});
  ASSERT_TRUE(body.ok()) << body.status();
  json expected = json::parse(preview.json);
  json& shards = expected["MlxRingInstance"]["shardAssignments"]["runnerToShard"];
  for (auto& [runner, shard] : shards.items()) {
    json& metadata = shard["PipelineShardMetadata"];
    const bool is_first = metadata["deviceRank"] == 0;
    metadata["startLayer"] = is_first ? 0 : 24;
    metadata["endLayer"] = is_first ? 24 : 36;
  }
  EXPECT_EQ(json::parse(*body), (json{{"instance", expected}}));
  // Everything else is as EXO sent it: the card, the hosts, the port.
  EXPECT_EQ(json::parse(*body)["instance"]["MlxRingInstance"]["hostsByNode"],
            json::parse(preview.json)["MlxRingInstance"]["hostsByNode"]);

  EXPECT_THAT(CreateRequest(preview, {{first, 24}, {second, 11}}).status().message(),
              HasSubstr("36 layers in the model, the plan 35"));
  EXPECT_THAT(CreateRequest(preview, {{first, 36}}).status().message(), HasSubstr("other nodes"));
  EXPECT_THAT(CreateRequest(preview, {{first, 12}, {second, 12}, {"third", 12}}).status().message(),
              HasSubstr("2 nodes, the plan has 3"));
  EXPECT_FALSE(CreateRequest(previews->at(2), {{first, 36}}).ok());
}

TEST(ExoPreviews, NoneIsAnAnswer) {
  EXPECT_THAT(*ReadExoPreviews(R"({"previews": []})"), IsEmpty());
  EXPECT_FALSE(ReadExoPreviews(R"({"previews": {}})").ok());
  EXPECT_FALSE(ReadExoPreviews("<html>").ok());
}

TEST(ExoNodes, AreFoundByAddressThenByName) {
  const auto state = ReadExoState(Data("exo-state.json"));
  ASSERT_TRUE(state.ok());
  const std::string one = state->nodes[0].id;
  const std::string two = state->nodes[1].id;
  auto ids = ExoIdsOf({"ultra-1", "Ultra2.local"}, {}, *state);
  ASSERT_TRUE(ids.ok()) << ids.status();
  EXPECT_EQ(ids->at("ultra-1"), one);
  EXPECT_EQ(ids->at("Ultra2.local"), two);
  // What the user says of addresses is stronger than names.
  ids = ExoIdsOf({"ultra-1", "x"}, {{"ultra-1", {"10.0.0.2", 52415}}, {"x", {"10.0.0.1", 0}}},
                 *state);
  ASSERT_TRUE(ids.ok()) << ids.status();
  EXPECT_EQ(ids->at("ultra-1"), two);
  const auto unknown = ExoIdsOf({"spark"}, {}, *state);
  EXPECT_THAT(unknown.status().message(), HasSubstr("EXO has Ultra 1 (192.168.1.11, 10.0.0.1)"));
  // Two plans for one machine.
  EXPECT_FALSE(ExoIdsOf({"ultra-1", "Ultra 1"}, {}, *state).ok());
}

TEST(ExoComplaints, AreFoundWhereTheyStand) {
  EXPECT_EQ(ComplaintOf(R"({"error": {"message": "Insufficient memory", "code": 400}})"),
            "Insufficient memory");
  EXPECT_EQ(ComplaintOf(R"({"detail": "no"})"), "no");
  EXPECT_EQ(ComplaintOf("plain \x1b[31mred"), "plain ?[31mred");
}

// ---------------------------------------------------------------- llama-server

TEST(LlamaProps, SayWhatIsServed) {
  const auto props = ReadLlamaProps(Data("llama-props.json"));
  ASSERT_TRUE(props.ok()) << props.status();
  EXPECT_THAT(props->model_path, HasSubstr("gqa.gguf"));
  EXPECT_EQ(props->quant, "Q8_0");
  EXPECT_EQ(props->build, "b11669-Debian");
  EXPECT_EQ(props->slots, 2);
  EXPECT_EQ(props->context_tokens, 2048);
  EXPECT_FALSE(ReadLlamaProps(R"({"error": {"message": "Loading model"}})").ok());
}

TEST(LlamaSlots, AreCounted) {
  const auto slots = ReadLlamaSlots(Data("llama-slots.json"));
  ASSERT_TRUE(slots.ok());
  ASSERT_THAT(*slots, SizeIs(2));
  EXPECT_EQ(slots->at(1).context_tokens, 2048);
  EXPECT_FALSE(slots->at(0).busy);
  EXPECT_FALSE(ReadLlamaSlots("{}").ok());
}

TEST(LlamaProps, ImpossibleNumbersAreNotKnown) {
  const auto props =
      ReadLlamaProps(R"({"default_generation_settings": {"n_ctx": 1e300}, "total_slots": -1})");
  ASSERT_TRUE(props.ok());
  EXPECT_FALSE(props->slots.has_value());
  EXPECT_FALSE(props->context_tokens.has_value());
}

// ---------------------------------------------------------------- bounds

TEST(Answers, DepthLengthAndCountAreBounded) {
  EXPECT_THAT(ParseAnswer(std::string(100'000, '['), "it").status().message(),
              HasSubstr("nested deeper"));
  EXPECT_THAT(ParseAnswer(std::string(kLongestAnswer + 1, ' '), "it").status().message(),
              HasSubstr("longer than"));
  std::string many = "[0";
  for (std::size_t i = 0; i < kMostValues; ++i) many += ",0";
  EXPECT_THAT(ParseAnswer(many + "]", "it").status().message(), HasSubstr("more than"));
}

TEST(Answers, TextsAreCleaned) {
  EXPECT_EQ(Clean("a\x1b[0m\nb\x7f"), "a?[0m?b?");
  EXPECT_EQ(Clean("\xc3\xa9t\xc3"), "\xc3\xa9t?");
  EXPECT_EQ(Clean("\xe2\x80\xae"
                  "evil"),
            "???evil");
  EXPECT_EQ(Clean(std::string(1'000, 'x')).size(), kLongestText);
}

TEST(Answers, OnlyPlainIdsGoIntoUrls) {
  EXPECT_TRUE(IsPlainId("0b9c6c1e-7b0f-4c2f-9d56-1f8a6e1f7a11"));
  for (const char* id : {"", ".", "..", "a/b", "a?b", "a b", "a%2f"}) EXPECT_FALSE(IsPlainId(id));
  EXPECT_EQ(UrlQuoted("a/b c&d=é"), "a/b%20c%26d%3D%C3%A9");
}

// ---------------------------------------------------------------- records

TEST(Records, ComeBackAsTheyWere) {
  Record record;
  record.engine = "exo";
  record.model = "m";
  record.quant = "q";
  record.strategy = "pipeline";
  record.url = "http://10.0.0.1:52415";
  record.source = "mlx-community/M";
  record.kv_type = "f16";
  record.context_tokens = 8192;
  record.streams = 2;
  record.layers = 36;
  record.shares = {{"a", 0, 24}, {"b", 24, 12}};
  record.engine_nodes = {"id-a", "id-b"};
  record.instance = "i";
  record.own_split = false;
  record.applied_at = "2026-11-23T01:00:00Z";
  const auto read = ReadRecords(RecordsJson({record}));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(*read, ElementsAre(record));
  Record again = record;
  again.layers = 40;
  EXPECT_THAT(WithRecord(*read, again), ElementsAre(again));
  again.model = "n";
  EXPECT_THAT(WithRecord(*read, again), SizeIs(2));
  EXPECT_FALSE(ReadRecords("{}").ok());
}

}  // namespace
}  // namespace capacity::launch
