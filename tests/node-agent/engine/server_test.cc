// Servers found, identified and measured, through a local HTTP server that answers as they do.
#include "node-agent/engine/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <set>
#include <string>

#include "node-agent/engine/engine.h"
#include "node-agent/engine/measure.h"
#include "node-agent/host/capture.h"
#include "node-agent/host/host.h"
#include "tests/node-agent/engine/support.h"
#include "tests/node-agent/engine/test_server.h"

namespace capacity::engine {
namespace {

using ::capacity::testing::Asked;
using ::capacity::testing::Connection;
using ::capacity::testing::Sample;
using ::capacity::testing::TestServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Handler = TestServer::Handler;

// Nothing here runs a program or reads a file.
class NoHost : public host::Host {
 public:
  std::vector<host::Output> Run(const host::Command& command) override {
    return {{.how = host::Output::How::kAbsent, .arguments = command.arguments}};
  }
  std::optional<std::string> Read(std::string_view) override { return std::nullopt; }
  std::vector<std::string> List(std::string_view) override { return {}; }
};

const Progress kQuiet = [](const std::string&) {};

std::string Message(const absl::Status& status) { return std::string(status.message()); }

// ---------------------------------------------------------------- servers as they answer

std::size_t WordsIn(const std::string& body, const std::string& key) {
  const std::size_t at = body.find("\"" + key + "\":\"") + key.size() + 4;
  const std::string text = body.substr(at, body.find('"', at) - at);
  return 1 + static_cast<std::size_t>(std::count(text.begin(), text.end(), ' '));
}

// Streams like llama-server: `gap_ms` between tokens, two tokens a word and 20 around the prompt.
struct Llama {
  int gap_ms = 2;
  int tokens = 40;
  int cached = 0;
  std::string finish = "length";
  bool usage = true;
  int die_after = -1;  // pieces; -1: never

  void operator()(const Asked& asked, Connection& connection) const {
    if (asked.path == "/props") return connection.Reply(200, Sample("llama-server.props.json"));
    if (asked.path == "/v1/models") {
      return connection.Reply(200, Sample("llama-server.v1-models.json"));
    }
    if (asked.path != "/v1/chat/completions") return connection.Reply(404, "{}");
    Stream(asked, connection);
  }

  void Stream(const Asked& asked, Connection& connection) const {
    connection.StartChunked();
    connection.Chunk(
        "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null}}]}\n\n");
    connection.Sleep(10);
    for (int i = 0; i < tokens; ++i) {
      if (i == die_after) return connection.Reset();
      if (i > 0) connection.Sleep(gap_ms);
      if (!connection.Chunk("data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n")) return;
    }
    const std::size_t prompt = 20 + 2 * WordsIn(asked.body, "content");
    connection.Chunk("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"" + finish +
                     "\"}]}\n\n");
    if (usage) {
      connection.Chunk(
          "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":" + std::to_string(prompt) +
          ",\"completion_tokens\":" + std::to_string(tokens) +
          ",\"prompt_tokens_details\":{\"cached_tokens\":" + std::to_string(cached) + "}}}\n\n");
    }
    connection.Chunk("data: [DONE]\n\n");
    connection.LastChunk();
  }
};

void Ollama(const Asked& asked, Connection& connection) {
  if (asked.path == "/api/version") return connection.Reply(200, R"({"version":"0.12.6"})");
  if (asked.path == "/api/ps") return connection.Reply(200, Sample("ollama-api-ps.json"));
  if (asked.path == "/v1/models") {
    return connection.Reply(
        200, R"({"object":"list","data":[{"id":"mistral:latest","owned_by":"library"}]})");
  }
  if (asked.path != "/api/generate")
    return connection.Reply(404, "404 page not found", "text/plain");
  connection.StartChunked("application/x-ndjson");
  for (int i = 0; i < 30; ++i) connection.Chunk("{\"response\":\"x\",\"done\":false}\n");
  connection.Chunk(
      "{\"done\":true,\"done_reason\":\"length\",\"prompt_eval_count\":300,"
      "\"prompt_eval_duration\":600000000,\"eval_count\":30,\"eval_duration\":1000000000}\n");
  connection.LastChunk();
}

void LmStudio(const Asked& asked, Connection& connection) {
  if (asked.path == "/api/v0/models") {
    return connection.Reply(
        200, testing::With(Sample("lmstudio-api-v0-models.json"), "\"state\": \"not-loaded\"",
                           "\"state\": \"loaded\""));
  }
  if (asked.path == "/api/v0/chat/completions") {
    return connection.Reply(200, Sample("lmstudio-api-v0-chat-completions.json"));
  }
  connection.Reply(200, R"({"error":"Unexpected endpoint or method."})");
}

void Vllm(const Asked& asked, Connection& connection) {
  if (asked.path == "/version") return connection.Reply(200, R"({"version":"0.11.0"})");
  if (asked.path == "/v1/models") {
    return connection.Reply(
        200, R"({"object":"list","data":[{"id":"Qwen/Qwen3-8B-AWQ","owned_by":"vllm"}]})");
  }
  if (asked.path == "/v1/chat/completions") return Llama().Stream(asked, connection);
  connection.Reply(404, R"({"detail":"Not Found"})");
}

void Exo(const Asked& asked, Connection& connection) {
  if (asked.path == "/state") {
    return connection.Reply(200, R"({"topology":{"nodes":["a","b"]},"instances":{"i":{
      "MlxJacclInstance":{"shardAssignments":{"modelId":"mlx/gpt-oss-20b","nodeToRunner":
      {"a":"r1","b":"r2"},"runnerToShard":{"r1":{"TensorShardMetadata":{}},
      "r2":{"TensorShardMetadata":{}}}}}}}})");
  }
  if (asked.path == "/node_id") return connection.Reply(200, "\"a\"");
  if (asked.path == "/bench/chat/completions") {
    return connection.Reply(200, R"({"model":"mlx/gpt-oss-20b","choices":[],"generation_stats":
      {"prompt_tps":800.0,"generation_tps":60.0,"prompt_tokens":512,"generation_tokens":128,
      "prefix_cache_hit":"none"},"power_usage":{"total_avg_sys_power_watts":140.5}})");
  }
  connection.Reply(404, R"({"detail":"Not Found"})");
}

// ---------------------------------------------------------------- which it is

TEST(Identify, TellsEachByItsAnswers) {
  struct Case {
    Handler handler;
    Server::Kind kind;
    const char* version;
    const char* model;
  };
  for (const Case& one : {Case{Llama(), Server::Kind::kLlamaServer, "b11669 (Debian)", "synthetic"},
                          Case{Ollama, Server::Kind::kOllama, "0.12.6", "mistral:latest"},
                          Case{LmStudio, Server::Kind::kLmStudio, "", "qwen2-vl-7b-instruct"},
                          Case{Vllm, Server::Kind::kVllm, "0.11.0", "Qwen/Qwen3-8B-AWQ"},
                          Case{Exo, Server::Kind::kExo, "", "mlx/gpt-oss-20b"}}) {
    TestServer server(one.handler);
    const auto found = Identify({.url = server.url()});
    ASSERT_TRUE(found.ok()) << one.model << ": " << found.status();
    EXPECT_EQ(found->kind, one.kind) << one.model;
    EXPECT_EQ(found->version, one.version);
    ASSERT_FALSE(found->models.empty()) << one.model;
    EXPECT_EQ(found->models.front().listed.id, one.model);
  }
}

TEST(Identify, AnotherWebServerIsNone) {
  TestServer server([](const Asked&, Connection& connection) {
    connection.Reply(200, "<html>hello</html>", "text/html");
  });
  const auto found = Identify({.url = server.url()});
  EXPECT_TRUE(absl::IsFailedPrecondition(found.status()));
  EXPECT_THAT(Message(found.status()), HasSubstr("no engine that is known here"));
}

TEST(FindServers, AsksAllPortsAndKeepsTheirOrder) {
  TestServer vllm(Vllm);
  TestServer llama{Llama()};
  int nobody = 0;
  {
    nobody = TestServer(Vllm).port();
  }
  const auto port = [](int number) { return static_cast<std::uint16_t>(number); };
  TestServer closed([](const Asked&, Connection& connection) { connection.Reply(401, "{}"); });
  TestServer loading([](const Asked&, Connection& connection) {
    connection.Reply(503, R"({"error":{"message":"Loading model","code":503}})");
  });
  TestServer stranger([](const Asked&, Connection& connection) { connection.Reply(200, "hello"); });
  const FoundServers found =
      FindServers({port(vllm.port()), port(nobody), port(closed.port()), port(loading.port()),
                   port(stranger.port()), port(llama.port())},
                  nullptr);
  ASSERT_THAT(found.servers, SizeIs(2));
  EXPECT_EQ(found.servers[0].kind, Server::Kind::kVllm);
  EXPECT_EQ(found.servers[1].kind, Server::Kind::kLlamaServer);
  EXPECT_THAT(found.unusable,
              ElementsAre(HasSubstr("it wants an API key"), HasSubstr("Loading model"),
                          HasSubstr("no engine that is known here")));
}

// ---------------------------------------------------------------- how fast

absl::StatusOr<Outcome> Measure(const TestServer& server, Request request) {
  NoHost machine;
  request.url = server.url();
  if (request.engine == "openai") request.url += "/v1";
  request.generate = 40;
  request.repeats = 2;  // of three on a busy machine one may be far from the others
  return MeasureEngine(machine, request, kQuiet);
}

TEST(Measure, AStreamByOurClock) {
  TestServer server{Llama{.gap_ms = 4}};
  const auto outcome = Measure(server, {.engine = "openai", .prompt_tokens = 300});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_THAT(outcome->failed, IsEmpty());
  ASSERT_THAT(outcome->measured, SizeIs(1));
  const agent::SpeedMeasurement& one = outcome->measured.front();
  EXPECT_EQ(one.engine, "llama.cpp");  // told by /props
  EXPECT_EQ(one.engine_version, "b11669 (Debian)");
  EXPECT_EQ(one.source, "openai");
  EXPECT_EQ(one.model_name, "synthetic");
  EXPECT_EQ(one.quant_name, "Q8_0");
  EXPECT_EQ(one.model_parameters, 58177632u);
  EXPECT_EQ(one.repeats, 2u);
  // Learned from the two prompts of the warm-up: (300 - 20) / 2 words.
  EXPECT_EQ(one.prompt_tokens, 300u);
  EXPECT_EQ(one.generated_tokens, 40u);
  // A token every 4 ms and more, never faster.
  EXPECT_LE(one.decode->high, 250);
  EXPECT_GT(one.decode->median, 50);
  EXPECT_GE(*one.inter_token_median_ms, 4);
  EXPECT_GE(*one.time_to_first_token_ms, 10);
  EXPECT_THAT(one.not_comparable, IsEmpty());
  EXPECT_THAT(one.id, ::testing::MatchesRegex("[0-9a-f]+"));
  EXPECT_THAT(one.id, SizeIs(32));
  EXPECT_GT(one.taken_at_unix_ms, 1'700'000'000'000);
}

TEST(Measure, NoTwoPromptsAreAlike) {
  TestServer server{Llama()};
  ASSERT_TRUE(Measure(server, {.engine = "openai", .streams = {1, 3}}).ok());
  std::set<std::string> beginnings;
  std::size_t questions = 0;
  for (const Asked& asked : server.asked()) {
    if (asked.path != "/v1/chat/completions") continue;
    ++questions;
    const std::size_t at = asked.body.find("\"content\":\"");
    beginnings.insert(asked.body.substr(at, 70));
    EXPECT_THAT(asked.body, HasSubstr("\"cache_prompt\":false"));
    EXPECT_THAT(asked.body, HasSubstr("\"ignore_eos\":true"));
    EXPECT_THAT(asked.body, HasSubstr("\"include_usage\":true"));
  }
  EXPECT_EQ(questions, 2u + 2 + 6);  // warm-up, one stream, three streams
  EXPECT_EQ(beginnings.size(), questions);
}

TEST(Measure, SeveralStreamsAddUp) {
  TestServer server{Llama{.gap_ms = 15}};
  const auto outcome = Measure(server, {.engine = "openai", .streams = {1, 4}});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  ASSERT_THAT(outcome->measured, SizeIs(2));
  EXPECT_EQ(outcome->measured[1].streams, 4u);
  EXPECT_THAT(outcome->measured[1].not_comparable, IsEmpty());
  EXPECT_GT(outcome->measured[1].decode->median, 2 * outcome->measured[0].decode->median);
}

TEST(Measure, CachedAndShortAnswersAreMarked) {
  TestServer cached{Llama{.cached = 200}};
  const auto one = Measure(cached, {.engine = "openai", .prompt_tokens = 300});
  EXPECT_THAT(one->measured.front().not_comparable,
              ElementsAre(HasSubstr("cached (200 of 300 tokens)")));
  TestServer brief{Llama{.tokens = 8, .finish = "stop"}};
  const auto two = Measure(brief, {.engine = "openai"});
  EXPECT_THAT(two->measured.front().not_comparable,
              ElementsAre(HasSubstr("cut short (8 of 40 tokens)")));
  TestServer mute{Llama{.usage = false}};
  const auto three = Measure(mute, {.engine = "openai"});
  EXPECT_FALSE(three->measured.front().prefill);
  EXPECT_THAT(three->measured.front().not_comparable,
              ElementsAre(HasSubstr("does not count tokens")));
}

TEST(Measure, AServerThatDiesLeavesWhatWasMeasuredBefore) {
  std::atomic<int> questions{0};
  TestServer server([&](const Asked& asked, Connection& connection) {
    // Warm-up twice, one repeat, and in the middle of the second it dies.
    const bool question = asked.path == "/v1/chat/completions";
    Llama{.die_after = question && ++questions == 4 ? 7 : -1}(asked, connection);
  });
  const auto outcome = Measure(server, {.engine = "openai"});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  ASSERT_THAT(outcome->measured, SizeIs(1));
  EXPECT_EQ(outcome->measured.front().repeats, 1u);
  EXPECT_THAT(outcome->failed, ElementsAre(HasSubstr("after 7 pieces of text")));
}

TEST(Measure, AStreamThatEndsWithoutItsEndIsAnError) {
  TestServer server([](const Asked& asked, Connection& connection) {
    if (asked.path != "/v1/chat/completions") return Llama()(asked, connection);
    connection.StartChunked();
    connection.Chunk("data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n");
    connection.LastChunk();
  });
  const auto outcome = Measure(server, {.engine = "openai"});
  EXPECT_THAT(outcome->measured, IsEmpty());
  EXPECT_THAT(outcome->failed, ElementsAre(HasSubstr("in the middle, after 1 pieces")));
}

TEST(Measure, Ollama) {
  TestServer server(Ollama);
  const auto outcome = Measure(server, {.engine = "ollama", .prompt_tokens = 300});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  ASSERT_THAT(outcome->measured, SizeIs(1)) << outcome->failed.front();
  const agent::SpeedMeasurement& one = outcome->measured.front();
  EXPECT_EQ(one.engine, "ollama");
  EXPECT_EQ(one.engine_version, "0.12.6");
  EXPECT_EQ(one.quant_name, "Q4_0");
  EXPECT_EQ(one.prefill->median, 500);  // 300 in 0.6 s
  EXPECT_EQ(one.decode->median, 29);    // 29 after the first in 1 s
}

// Half of it on the processor, and it says nothing of the accelerator.
TEST(Measure, OllamaPartlyOffTheAcceleratorIsMarked) {
  std::atomic<bool> asked_to_generate{false};
  const auto held = [&](const char* bytes) {
    return [&, bytes](const Asked& asked, Connection& connection) {
      if (asked.path == "/api/generate") asked_to_generate = true;
      if (asked.path != "/api/ps") return Ollama(asked, connection);
      // Nothing is loaded before it is asked for.
      connection.Reply(200, asked_to_generate ? testing::With(Sample("ollama-api-ps.json"),
                                                              "\"size_vram\": 5137025024", bytes)
                                              : R"({"models":[]})");
    };
  };
  TestServer partly(held("\"size_vram\": 1712341674"));
  const auto one = Measure(partly, {.engine = "ollama", .model = "mistral", .prompt_tokens = 300});
  ASSERT_TRUE(one.ok() && one->failed.empty()) << one.status();
  EXPECT_THAT(one->measured.front().not_comparable,
              ElementsAre(HasSubstr("only 33 % of the model is on the accelerator")));
  EXPECT_EQ(one->measured.front().quant_name, "Q4_0");
  EXPECT_EQ(one->measured.front().model_parameters, 7'200'000'000u);

  // Nothing of it there: as fast as a machine without an accelerator, if it has none.
  TestServer none(held("\"size_vram\": 0"));
  const Request request = {.engine = "ollama",
                           .url = none.url(),
                           .model = "mistral",
                           .prompt_tokens = 300,
                           .generate = 30,
                           .repeats = 2};
  NoHost bare;
  EXPECT_THAT(MeasureEngine(bare, request, kQuiet)->measured.front().not_comparable, IsEmpty());
  const auto capture =
      host::ReadCapture(CAPACITY_SOURCE_DIR "/tests/node-agent/captures/linux-rtx-2080-super");
  ASSERT_TRUE(capture.ok()) << capture.status();
  const std::unique_ptr<host::Host> card = host::Replay(*capture);
  EXPECT_THAT(
      MeasureEngine(*card, request, kQuiet)->measured.front().not_comparable,
      ElementsAre(HasSubstr("on the processor alone, without the NVIDIA GeForce RTX 2080")));
}

// mlx_lm.server says what it is by its fingerprint only.
TEST(Measure, MlxServer) {
  TestServer server([](const Asked& asked, Connection& connection) {
    if (asked.path == "/v1/models") return connection.Reply(200, R"({"data":[{"id":"a"}]})");
    if (asked.path != "/v1/chat/completions") return connection.Reply(404, "Not Found");
    connection.StartChunked();
    for (int i = 0; i < 40; ++i) {
      connection.Sleep(2);
      connection.Chunk(
          R"(data: {"system_fingerprint":"0.28.2-0.29.3-macOS-15.6.1-arm64-arm-64bit-applegpu_g13s",)"
          R"("choices":[{"delta":{"content":"x"}}]})"
          "\n\n");
    }
    connection.Chunk("data: {\"usage\":{\"prompt_tokens\":300,\"completion_tokens\":40}}\n\n");
    connection.Chunk("data: [DONE]\n\n");
    connection.LastChunk();
  });
  for (const char* engine : {"openai", "mlx-lm"}) {
    const auto outcome = Measure(server, {.engine = engine, .prompt_tokens = 300});
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    ASSERT_THAT(outcome->measured, SizeIs(1)) << outcome->failed.front();
    EXPECT_EQ(outcome->measured.front().engine, "mlx");
    EXPECT_EQ(outcome->measured.front().engine_version, "0.28.2");
  }
}

// The bare beginning of a server of OpenAI's interface, with one model.
Handler WithAnswer(const std::function<void(Connection&)>& answer) {
  return [answer](const Asked& asked, Connection& connection) {
    if (asked.path == "/v1/models") return connection.Reply(200, R"({"data":[{"id":"m"}]})");
    if (asked.path != "/v1/chat/completions") return connection.Reply(404, "{}");
    answer(connection);
  };
}

TEST(Measure, AnAnswerThatIsOverIsOverAlsoWhereTheConnectionIsHeld) {
  TestServer server(WithAnswer([](Connection& connection) {
    connection.StartChunked();
    for (int i = 0; i < 40; ++i) {
      connection.Sleep(2);
      connection.Chunk("data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n");
    }
    connection.Chunk(
        "data: {\"usage\":{\"prompt_tokens\":500,\"completion_tokens\":40}}\n\n"
        "data: [DONE]\n\n");
    connection.Sleep(60'000);
  }));
  const auto start = std::chrono::steady_clock::now();
  const auto outcome = Measure(server, {.engine = "openai"});
  EXPECT_THAT(outcome->failed, IsEmpty());
  EXPECT_THAT(outcome->measured, SizeIs(1));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(40));
}

TEST(Measure, AnEndlessAnswerIsEnded) {
  TestServer server(WithAnswer([](Connection& connection) {
    connection.StartChunked();
    while (connection.Chunk("data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n")) {
    }
  }));
  const auto outcome = Measure(server, {.engine = "openai"});
  EXPECT_THAT(outcome->failed, ElementsAre(HasSubstr("the server does not stop")));
}

TEST(Measure, SaysWhatCameInPlaceOfAStream) {
  TestServer page(WithAnswer(
      [](Connection& connection) { connection.Reply(200, "<html>hello</html>", "text/html"); }));
  EXPECT_THAT(Measure(page, {.engine = "openai"})->failed,
              ElementsAre(HasSubstr("did not stream its answer, it sent text/html: <html>hello")));
  TestServer whole(WithAnswer([](Connection& connection) {
    connection.Reply(200, R"({"choices":[{"message":{"content":"hi"}}]})");
  }));
  EXPECT_THAT(Measure(whole, {.engine = "openai"})->failed,
              ElementsAre(HasSubstr("it sent application/json: {\"choices\"")));
}

TEST(Measure, SaysWhyItsModelsAreNotKnown) {
  TestServer server([](const Asked&, Connection& connection) {
    connection.Reply(400, R"({"error":{"message":"no tenant"}})");
  });
  const auto outcome = Measure(server, {.engine = "openai"});
  EXPECT_THAT(Message(outcome.status()), HasSubstr("HTTP 400: no tenant"));
  EXPECT_THAT(Message(outcome.status()), HasSubstr("--model NAME"));
}

TEST(Measure, AStreamWithoutTextHasNoSpeed) {
  TestServer server(WithAnswer([](Connection& connection) {
    connection.StartChunked();
    connection.Chunk(
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":"
        "{\"prompt_tokens\":500,\"completion_tokens\":40}}\n\ndata: [DONE]\n\n");
    connection.LastChunk();
  }));
  const auto outcome = Measure(server, {.engine = "openai"});
  ASSERT_THAT(outcome->measured, SizeIs(1));
  EXPECT_FALSE(outcome->measured.front().decode);
  EXPECT_THAT(outcome->measured.front().not_comparable,
              ElementsAre(HasSubstr("no piece of text came")));
}

TEST(Measure, LmStudio) {
  TestServer server(LmStudio);
  const auto outcome = Measure(server, {.engine = "lm-studio", .prompt_tokens = 24});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  ASSERT_THAT(outcome->measured, SizeIs(1)) << outcome->failed.front();
  EXPECT_EQ(outcome->measured.front().source, "lm-studio-v0");
  EXPECT_EQ(outcome->measured.front().quant_name, "4bit");
}

TEST(Measure, ExoNamesTheOtherMachinesAsThePlannerKnowsThem) {
  TestServer server([](const Asked& asked, Connection& connection) {
    if (asked.path != "/state") return Exo(asked, connection);
    connection.Reply(200, R"({"topology":{"nodes":["a","b"],"connections":{"a":{"b":[
      {"sinkMultiaddr":{"address":"/ip4/192.168.1.8/tcp/52415"}}]}}},"instances":{"i":{
      "MlxJacclInstance":{"shardAssignments":{"modelId":"mlx/gpt-oss-20b","nodeToRunner":
      {"a":"r1","b":"r2"},"runnerToShard":{"r1":{"TensorShardMetadata":{}},
      "r2":{"TensorShardMetadata":{}}}}}}}})");
  });
  const auto outcome = Measure(server, {.engine = "exo"});
  ASSERT_THAT(outcome->measured, SizeIs(1)) << outcome->failed.front();
  EXPECT_THAT(outcome->measured.front().peers, ElementsAre("192.168.1.8"));
}

TEST(Measure, Exo) {
  TestServer server(Exo);
  const auto outcome = Measure(server, {.engine = "exo"});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  ASSERT_THAT(outcome->measured, SizeIs(1)) << outcome->failed.front();
  const agent::SpeedMeasurement& one = outcome->measured.front();
  EXPECT_EQ(one.decode->median, 60);
  EXPECT_EQ(one.strategy, "tensor");
  EXPECT_THAT(one.peers, ElementsAre("b"));
  EXPECT_EQ(one.power_watts, 140.5);
}

TEST(Measure, AutoMeasuresEachWithItsLoadedModel) {
  TestServer exo(Exo);
  TestServer empty([](const Asked& asked, Connection& connection) {
    if (asked.path == "/api/ps") return connection.Reply(200, R"({"models":[]})");
    Ollama(asked, connection);
  });
  NoHost machine;
  Request request = {.generate = 40, .repeats = 2};
  request.ports = {static_cast<std::uint16_t>(exo.port()),
                   static_cast<std::uint16_t>(empty.port())};
  const auto outcome = MeasureEngine(machine, request, kQuiet);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_THAT(outcome->found, SizeIs(2));
  EXPECT_THAT(outcome->measured, SizeIs(1));
  EXPECT_THAT(outcome->passed_over, ElementsAre(HasSubstr("no model is loaded")));
  EXPECT_THAT(outcome->failed, IsEmpty());
}

TEST(Measure, PassiveLooksOnly) {
  std::atomic<int> looks{0};
  TestServer server([&](const Asked& asked, Connection& connection) {
    if (asked.path != "/metrics") return Vllm(asked, connection);
    const int tokens = 100 * ++looks;
    connection.Reply(200,
                     "vllm:num_requests_running{model_name=\"m\"} 1\n"
                     "vllm:generation_tokens_total{model_name=\"m\"} " +
                         std::to_string(tokens) + "\n",
                     "text/plain");
  });
  const auto outcome = Measure(server, {.engine = "vllm", .passive = true, .seconds = 0.4});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  ASSERT_THAT(outcome->measured, SizeIs(1)) << outcome->failed.front();
  EXPECT_TRUE(outcome->measured.front().passive);
  EXPECT_GT(outcome->measured.front().decode->median, 50);
  for (const Asked& asked : server.asked()) EXPECT_EQ(asked.method, "GET");
}

TEST(Measure, PassiveLooksForTheContextsOfLlamaServer) {
  std::atomic<int> looks{0};
  TestServer server([&](const Asked& asked, Connection& connection) {
    if (asked.path == "/slots") {
      return connection.Reply(
          200, R"([{"id":0,"is_processing":true,"n_prompt_tokens":6000},{"is_processing":false}])");
    }
    if (asked.path != "/metrics") return Llama()(asked, connection);
    const std::string n = std::to_string(++looks);
    connection.Reply(200,
                     "llamacpp:prompt_tokens_total " + n + "00\nllamacpp:prompt_seconds_total " +
                         n + "\nllamacpp:tokens_predicted_total " + n +
                         "0\nllamacpp:tokens_predicted_seconds_total " + n + "\n",
                     "text/plain");
  });
  const auto outcome = Measure(server, {.engine = "llama-server", .passive = true, .seconds = 0.3});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  ASSERT_THAT(outcome->measured, SizeIs(1)) << outcome->failed.front();
  EXPECT_EQ(outcome->measured.front().depth_tokens, 6000u);
  EXPECT_THAT(outcome->measured.front().not_comparable, IsEmpty());
}

TEST(Measure, RequestsThatMakeNoSense) {
  NoHost machine;
  TestServer vllm(Vllm);
  const auto says = [&](const Request& request) {
    const auto outcome = MeasureEngine(machine, request, kQuiet);
    if (!outcome.ok()) return Message(outcome.status());
    return outcome->failed.empty() ? std::string() : outcome->failed.front();
  };
  EXPECT_THAT(says({.engine = "openai"}), HasSubstr("needs --url"));
  EXPECT_THAT(says({.engine = "openai", .url = "x"}), HasSubstr("not an http"));
  EXPECT_THAT(says({.engine = "llama-bench"}), HasSubstr("--model FILE.gguf"));
  EXPECT_THAT(says({.engine = "llama-bench", .model = "/no/such.gguf"}), HasSubstr("no such file"));
  EXPECT_THAT(says({.engine = "mlx-lm"}), HasSubstr("--from FILE"));
  EXPECT_THAT(says({.engine = "vllm", .peers = {"a"}, .strategy = "single"}),
              HasSubstr("--peers says that others took part"));
  EXPECT_THAT(says({.engine = "auto", .peers = {"a"}}), HasSubstr("no use for --peers"));
  EXPECT_THAT(says({.engine = "auto", .passive = true}), HasSubstr("--passive needs"));
  EXPECT_THAT(says({.engine = "ollama", .url = vllm.url(), .passive = true}),
              HasSubstr("this is vLLM, not Ollama"));
  EXPECT_THAT(says({.engine = "auto", .url = vllm.url()}), HasSubstr("no use for --url"));
  EXPECT_THAT(says({.engine = "vllm", .url = vllm.url(), .depths = {0, 64}}),
              HasSubstr("no use for --depth"));
  EXPECT_THAT(says({.engine = "openai", .url = vllm.url(), .rpc = {"a:1"}}),
              HasSubstr("no use for --rpc"));
  EXPECT_THAT(says({.engine = "llama-bench", .streams = {1, 2}}),
              HasSubstr("no use for --concurrency"));
  TestServer llama{Llama()};
  EXPECT_THAT(says({.engine = "llama-server", .url = llama.url(), .passive = true, .seconds = 1}),
              HasSubstr("--metrics"));
}

TEST(FromText, CompletesWhatAToolPrinted) {
  const Request request = {.engine = "mlx-lm",
                           .model = "Qwen3.5-4B-MLX-4bit",
                           .catalog_model = "qwen3.5-4b",
                           .catalog_quant = "mlx-4bit"};
  const auto measured = MeasurementsFromText(request, Sample("mlx_lm.benchmark.txt"), 1234);
  ASSERT_TRUE(measured.ok()) << measured.status();
  EXPECT_EQ(measured->front().model_name, "Qwen3.5-4B-MLX-4bit");
  EXPECT_EQ(measured->front().model, "qwen3.5-4b");
  EXPECT_EQ(measured->front().quant, "mlx-4bit");
  EXPECT_EQ(measured->front().taken_at_unix_ms, 1234);
  const auto nameless =
      MeasurementsFromText({.engine = "mlx-lm"}, Sample("mlx_lm.benchmark.txt"), 1);
  EXPECT_THAT(Message(nameless.status()), HasSubstr("--model NAME"));
  EXPECT_THAT(Message(MeasurementsFromText({.engine = "auto"}, "", 1).status()),
              HasSubstr("nothing that an engine's tool prints"));
  EXPECT_THAT(Message(MeasurementsFromText({.engine = "auto"}, "\xFF\xFE[", 1).status()),
              HasSubstr("UTF-16"));
  // A stream's time is gone, but for the server's own.
  EXPECT_THAT(Message(MeasurementsFromText({.engine = "openai"}, "{}", 1).status()),
              HasSubstr("timings is missing"));
}

TEST(FromText, AutoTellsWhatAFileIs) {
  for (const auto& [file, source] :
       {std::pair("llama-bench.rtx4080.json", "llama-bench"),
        std::pair("llama-bench.gpt-oss.jsonl", "llama-bench"),
        std::pair("llama-bench.m2-ultra.csv", "llama-bench"),
        std::pair("mlx_lm.benchmark.txt", "mlx_lm.benchmark"),
        std::pair("mlx_lm.generate.tail.txt", "mlx_lm.generate"),
        std::pair("vllm-bench-serve.json", "vllm-bench-serve"),
        std::pair("ollama-api-generate.final.json", "ollama"),
        std::pair("lmstudio-api-v0-chat-completions.json", "lm-studio"),
        std::pair("lmstudio-api-v1-chat.json", "lm-studio"),
        std::pair("llama-server-timings.chat-completions.json", "openai")}) {
    const auto measured =
        MeasurementsFromText({.engine = "auto", .model = "m"}, "\xEF\xBB\xBF" + Sample(file), 1);
    ASSERT_TRUE(measured.ok()) << file << ": " << measured.status();
    EXPECT_EQ(measured->front().source, source) << file;
  }
}

TEST(FromText, WhatTheUserSaysOfOtherMachinesAndCardsCounts) {
  const auto measured = MeasurementsFromText(
      {.engine = "mlx-lm", .model = "m", .peers = {"mac-2"}, .strategy = "tensor"},
      Sample("mlx_lm.benchmark.txt"), 1);
  EXPECT_THAT(measured->front().peers, ElementsAre("mac-2"));
  EXPECT_EQ(measured->front().strategy, "tensor");
}

TEST(FromText, RepeatsFarApartAreMarked) {
  const std::string shape = "Timing with prompt_tokens=512, generation_tokens=64, batch_size=1.\n";
  const auto trials = [&](const std::vector<const char*>& rates) {
    std::string text = shape;
    for (const char* rate : rates) {
      text += std::string("Trial 1:  prompt_tps=100, generation_tps=") + rate + "\n";
    }
    return MeasurementsFromText({.engine = "mlx-lm", .model = "m"}, text, 1)
        ->front()
        .not_comparable;
  };
  EXPECT_THAT(trials({"54.5", "3.89", "113"}),
              ElementsAre(HasSubstr("differ too much (decode from 3.9 to 113)")));
  EXPECT_THAT(trials({"50", "60", "70"}), IsEmpty());
  EXPECT_THAT(trials({"50", "90"}), IsEmpty());  // of two nobody knows which
}

TEST(FromText, AModelCalledByItsPathLosesTheFolders) {
  for (const char* path :
       {"/Users/carol/models/x.gguf", "C:\\carol\\x.gguf", "~/x.gguf", "x.gguf"}) {
    const auto measured = MeasurementsFromText({.engine = "mlx-lm", .model = path},
                                               Sample("mlx_lm.benchmark.txt"), 1);
    EXPECT_EQ(measured->front().model_name, "x.gguf") << path;
  }
  const auto hub = MeasurementsFromText({.engine = "mlx-lm", .model = "mlx-community/x"},
                                        Sample("mlx_lm.benchmark.txt"), 1);
  EXPECT_EQ(hub->front().model_name, "mlx-community/x");
}

TEST(Prompts, HaveAsManyWordsAsAsked) {
  const std::string prompt = RandomPrompt(100, 7);
  EXPECT_EQ(std::count(prompt.begin(), prompt.end(), ' '), 99);
  EXPECT_EQ(prompt, RandomPrompt(100, 7));
  EXPECT_NE(prompt.substr(0, 40), RandomPrompt(100, 8).substr(0, 40));
}

}  // namespace
}  // namespace capacity::engine
