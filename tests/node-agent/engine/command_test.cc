// `node-agent bench --engine ...` as a person runs it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/node-agent/engine/support.h"
#include "tests/node-agent/engine/test_server.h"
#include "tests/support/json_schema.h"
#include "tests/support/program.h"

extern char** environ;

namespace capacity {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::Asked;
using testing::Connection;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Sample;
using ::testing::SizeIs;
using testing::TestServer;

const std::string kData = CAPACITY_SOURCE_DIR "/tests/node-agent/engine/data/";

// Leaves nothing behind unless the arguments say where.
testing::Ran Bench(std::vector<std::string> arguments,
                   const std::vector<std::string>& environment = {}) {
  arguments.insert(arguments.begin(), "bench");
  if (std::count(arguments.begin(), arguments.end(), "--state-dir") == 0) {
    arguments.emplace_back("--no-report");
  }
  // Of two values of a variable the first counts.
  std::vector<std::string> env = environment;
  env.emplace_back("PATH=/usr/bin:/bin");
  return testing::Planner(arguments, env);  // runs the program it was built with
}

// The answer, checked against its schema.
json Speeds(const testing::Ran& ran) {
  std::ifstream file(CAPACITY_SOURCE_DIR
                     "/inventories/schema/output/node-bench-engine.schema.json");
  json answer = json::parse(ran.out, nullptr, false);
  EXPECT_FALSE(answer.is_discarded()) << ran.out << ran.err;
  EXPECT_THAT(testing::SchemaViolations(json::parse(file), answer), IsEmpty());
  return answer;
}

void ExpectFits(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto columns = std::count_if(line.begin(), line.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    });
    EXPECT_LE(columns, 100) << line;
  }
}

// A server of OpenAI's interface that wants a key.
void WantsKey(const Asked& asked, Connection& connection) {
  const auto key = asked.headers.find("authorization");
  if (key == asked.headers.end() || key->second != "Bearer sk-hidden") {
    return connection.Reply(401,
                            R"({"error":{"message":"Incorrect API key provided: sk-hidden"}})");
  }
  if (asked.path == "/v1/models") {
    return connection.Reply(200, R"({"data":[{"id":"llama-3.1-8b","owned_by":"me"}]})");
  }
  if (asked.path != "/v1/chat/completions") return connection.Reply(404, "{}");
  connection.StartChunked();
  for (int i = 0; i < 20; ++i) {
    connection.Sleep(3);
    connection.Chunk("data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n");
  }
  connection.Chunk(
      "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}],\"usage\":"
      "{\"prompt_tokens\":100,\"completion_tokens\":20}}\n\ndata: [DONE]\n\n");
  connection.LastChunk();
}

const std::vector<std::string> kBrief = {"--force", "--generate", "20",     "--repeats",
                                         "2",       "--engine",   "openai", "--prompt-tokens",
                                         "100"};

std::vector<std::string> Plus(std::vector<std::string> arguments,
                              const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST(BenchEngine, EverySampleShowsInItsSchemaAndFits) {
  struct Case {
    const char* engine;
    const char* file;
    const char* shows;
  };
  for (const Case& one :
       {Case{"llama-bench", "llama-bench.rtx4080.json", "7136 (6863–7237)"},
        Case{"llama-bench", "llama-bench.gpt-oss.rpc-two-servers.json",
             "pipeline with 127.0.0.1:50152 127.0.0.1:50153"},
        Case{"mlx-lm", "mlx_lm.benchmark.txt", "39 (38.1–39.1)"},
        Case{"mlx-lm", "mlx_lm.generate.tail.txt", "32.6"},
        Case{"vllm", "vllm-bench-serve.json", "mixed batches"},
        Case{"ollama", "ollama-api-generate.final.json", "200"},
        Case{"lm-studio", "lmstudio-api-v0-chat-completions.json", "51.4"},
        Case{"lm-studio", "lmstudio-api-v1-chat.json", "814"},
        Case{"llama-server", "llama-server-timings.chat-completions.json", "17.5"}}) {
    const std::vector<std::string> arguments = {"--engine",       one.engine, "--from",
                                                kData + one.file, "--model",  "a model"};
    const testing::Ran text = Bench(arguments);
    EXPECT_EQ(text.exit_code, 0) << one.file << text.err;
    EXPECT_THAT(text.out, HasSubstr(one.shows));
    EXPECT_THAT(text.out, HasSubstr("a model"));
    EXPECT_THAT(text.out, Not(HasSubstr("\033")));
    ExpectFits(text.out);
    const json answer = Speeds(Bench(Plus(arguments, {"--output", "json"})));
    EXPECT_FALSE(answer.at("speeds").empty()) << one.file;
  }
}

TEST(BenchEngine, WhatWasMeasuredIsKeptForThePlannerOnce) {
  std::string state = ::testing::TempDir() + "capacity-bench-XXXXXX";
  ASSERT_NE(mkdtemp(state.data()), nullptr);
  const std::vector<std::string> arguments = {
      "--engine",    "llama-bench", "--from", kData + "llama-bench.gpt-oss.rpc-two-servers.json",
      "--state-dir", state};
  const auto kept = [&state] {
    std::error_code none;
    return std::distance(fs::directory_iterator(state + "/inbox", none), {});
  };
  const testing::Ran shown = Bench(Plus(arguments, {"--no-report"}));
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_THAT(shown.err, IsEmpty());
  EXPECT_EQ(kept(), 0);
  const testing::Ran told = Bench(arguments);
  EXPECT_EQ(told.exit_code, 0) << told.err;
  EXPECT_EQ(told.out, shown.out);
  EXPECT_THAT(told.err, HasSubstr("kept in " + state + "/inbox; no planner knows this node yet"));
  const auto once = kept();
  EXPECT_GT(once, 0);
  EXPECT_EQ(Bench(arguments).exit_code, 0);
  EXPECT_EQ(kept(), once) << "read twice, kept twice";
  // Also where the file was touched meanwhile, or is read better.
  const std::string answer = testing::TempFile(Sample("ollama-api-generate.final.json"), ".json");
  const std::vector<std::string> of_answer = {"--engine", "ollama",      "--from",
                                              answer,     "--state-dir", state};
  EXPECT_EQ(Bench(of_answer).exit_code, 0);
  EXPECT_EQ(kept(), once + 1);
  fs::last_write_time(answer, fs::file_time_type::clock::now() - std::chrono::hours(2));
  EXPECT_EQ(Bench(Plus(of_answer, {"--model", "llama3.2:3b", "--catalog-model", "llama-3.2-3b"}))
                .exit_code,
            0);
  EXPECT_EQ(kept(), once + 1) << "touched, kept twice";
  fs::remove_all(state);
  // It is shown all the same where nothing can be kept.
  std::vector<std::string> nowhere = arguments;
  nowhere.back() = "/dev/null/state";
  const testing::Ran refused = Bench(nowhere);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_EQ(refused.out, shown.out);
  EXPECT_THAT(refused.err, HasSubstr("no planner will hear of it: /dev/null/state cannot be made"));
}

TEST(BenchEngine, BadInputIsAnsweredOnStderrWithTwo) {
  const std::string broken = testing::TempFile("[{\"n_prompt\": -5}]", ".json");
  struct Case {
    std::vector<std::string> arguments;
    const char* says;
  };
  for (const Case& one :
       {Case{{}, "bench --engine ENGINE"}, Case{{"--engine", "tensorrt"}, "tensorrt"},
        Case{{"--engine", "openai", "--force"}, "needs --url"},
        // Also on a machine that is too busy to measure: nothing would be measured later either.
        Case{{"--engine", "openai"}, "needs --url"},
        Case{{"--engine", "vllm", "--url", "x"}, "not an http"},
        Case{{"--engine", "vllm", "--strategy", "rows"}, "rows"},
        Case{{"--engine", "vllm", "--peers", "spark-2", "--strategy", "single"}, "--peers"},
        Case{{"--engine", "auto", "--from", broken}, "nothing that an engine's tool prints"},
        Case{{"--engine", "llama-bench", "--from", broken}, "rows[0].n_prompt is -5"},
        Case{{"--engine", "llama-bench", "--from", "/no/such"}, "/no/such: no such file"},
        Case{{"--engine", "mlx-lm", "--from", kData + "mlx_lm.benchmark.txt"}, "--model NAME"},
        Case{{"--engine", "openai", "--force", "--url", "http://a:sk-hidden@b"}, "--api-key-env"},
        Case{{"--engine", "openai", "--force", "--url", "http://8.8.8.8", "--api-key-env", "KEY"},
             "without TLS"},
        Case{{"--engine", "openai", "--concurrency", "0"}, "--concurrency"},
        Case{{"--engine", "llama-bench", "--force", "--model", "/no/such.gguf"}, "no such file"},
        Case{{"--engine", "auto", "--output", "xml"}, "xml"}}) {
    const testing::Ran ran = Bench(one.arguments, {"KEY=sk-hidden"});
    EXPECT_EQ(ran.exit_code, 2) << one.says << ran.err;
    EXPECT_THAT(ran.out, IsEmpty()) << one.says;
    EXPECT_THAT(ran.err, HasSubstr(one.says));
    EXPECT_THAT(ran.err, Not(HasSubstr("sk-hidden")));
  }
}

TEST(BenchEngine, AServerWithAKeyThatNobodySees) {
  TestServer server(WantsKey);
  const std::vector<std::string> arguments = Plus(kBrief, {"--url", server.url() + "/v1"});
  const testing::Ran refused = Bench(arguments);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("--api-key-env or --api-key-file"));
  const testing::Ran wrong = Bench(Plus(arguments, {"--api-key-env", "KEY"}), {"KEY=sk-other"});
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_THAT(wrong.err, HasSubstr("the API key is not taken"));

  const testing::Ran by_environment =
      Bench(Plus(arguments, {"--api-key-env", "KEY", "--output", "json"}), {"KEY=sk-hidden"});
  EXPECT_EQ(by_environment.exit_code, 0) << by_environment.err;
  const json speeds = Speeds(by_environment).at("speeds");
  ASSERT_THAT(speeds, SizeIs(1));
  EXPECT_EQ(speeds[0].at("engine"), "other");
  EXPECT_EQ(speeds[0].at("model_name"), "llama-3.1-8b");
  EXPECT_EQ(speeds[0].at("repeats"), 2);

  const std::string file = testing::TempFile("sk-hidden\n", ".key");
  const testing::Ran by_file = Bench(Plus(arguments, {"--api-key-file", file}));
  EXPECT_EQ(by_file.exit_code, 0) << by_file.err;
  ExpectFits(by_file.out);
  for (const testing::Ran& ran : {refused, wrong, by_environment, by_file}) {
    EXPECT_THAT(ran.out + ran.err, Not(HasSubstr("sk-hidden")));
    EXPECT_THAT(ran.out + ran.err, Not(HasSubstr("sk-other")));
    EXPECT_THAT(ran.err, Not(HasSubstr("\033")));  // progress is for terminals
  }
}

// However a server quotes the key, in whatever it answers.
TEST(BenchEngine, AKeyThatAServerQuotesIsInNoOutput) {
  std::atomic<int> way{0};
  TestServer server([&way](const Asked& asked, Connection& connection) {
    const std::string quoted = asked.headers.at("authorization");
    if (asked.path == "/v1/models") {
      return connection.Reply(200, R"({"data":[{"id":"m","owned_by":"vllm"}]})");
    }
    if (asked.path == "/version")
      return connection.Reply(200, R"({"version":")" + quoted + R"("})");
    if (asked.path != "/v1/chat/completions") return connection.Reply(404, "{}");
    const std::vector<std::string> streams = {
        R"({"error":{"message":"bad )" + quoted + R"("}})", R"({"error":")" + quoted + R"("})",
        R"({"choices":[],"usage":{"prompt_tokens":")" + quoted + R"("}})",
        R"({"error":"bad SECRETKEY\/1234567890"})"};
    if (way < 4) {
      return connection.Reply(200, "data: " + streams.at(static_cast<std::size_t>(way)) + "\n\n",
                              "text/event-stream");
    }
    if (way == 4) {
      return connection.Reply(
          400, R"({"error":{"message":")" + std::string(185, 'x') + quoted + R"("}})");
    }
    if (way == 5) return connection.Reply(200, quoted, "text/plain");
    Asked with_key = asked;
    with_key.headers["authorization"] = "Bearer sk-hidden";
    WantsKey(with_key, connection);
  });
  for (way = 0; way <= 6; ++way) {
    const testing::Ran ran = Bench(
        Plus(kBrief, {"--url", server.url() + "/v1", "--api-key-env", "KEY", "--output", "json"}),
        {"KEY=SECRETKEY/1234567890"});
    EXPECT_EQ(ran.exit_code, way == 6 ? 0 : 1) << way << ran.err;
    EXPECT_THAT(ran.out + ran.err, Not(HasSubstr("SECRET"))) << way;
  }
}

TEST(BenchEngine, AutoSaysWhatItLookedFor) {
  int nobody = 0;
  {
    nobody = TestServer(WantsKey).port();
  }
  const testing::Ran ran =
      Bench({"--engine", "auto", "--force", "--ports", std::to_string(nobody)});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err,
              HasSubstr("no engine answers on 127.0.0.1 at the ports " + std::to_string(nobody)));
  EXPECT_THAT(ran.err, HasSubstr("--engine llama-bench --model FILE.gguf"));
}

// A llama-bench made of a script: what it is asked, and what it prints before it crashes.
TEST(BenchEngine, LlamaBenchIsAskedAndItsRowsAreKept) {
  const fs::path tools = ::testing::TempDir() + "tools-" + std::to_string(getpid());
  fs::create_directories(tools);
  const std::string model = testing::TempFile("GGUF", ".gguf");
  const auto script = [&](const std::string& end) {
    std::ofstream(tools / "llama-bench")
        << "#!/bin/sh\necho \"$@\" > " << (tools / "asked").string() << "\nhead -n 1 " << kData
        << "llama-bench.gpt-oss.jsonl\necho 'ggml: error: out of memory' >&2\n"
        << end << "\n";
    fs::permissions(tools / "llama-bench", fs::perms::owner_all);
  };
  const std::vector<std::string> arguments = {
      "--engine",        "llama-bench", "--model", model,   "--force",
      "--prompt-tokens", "64",          "--depth", "0,128", "--rpc",
      "10.0.0.2:50052",  "--output",    "json"};
  const std::vector<std::string> path = {"PATH=" + tools.string() + ":/usr/bin:/bin"};

  script("exit 0");
  const testing::Ran good = Bench(arguments, path);
  EXPECT_EQ(good.exit_code, 0) << good.err;
  const json row = Speeds(good).at("speeds").at(0);
  EXPECT_EQ(row.at("peers"), json::array({"10.0.0.2:50052"}));
  EXPECT_EQ(row.at("strategy"), "pipeline");
  std::ifstream asked(tools / "asked");
  std::string line;
  std::getline(asked, line);
  EXPECT_EQ(line, "-m " + model + " -o jsonl -p 64 -n 128 -r 5 -d 0,128 --rpc 10.0.0.2:50052");

  script("exit 1");
  const testing::Ran crashed = Bench(arguments, path);
  EXPECT_EQ(crashed.exit_code, 1);
  EXPECT_THAT(Speeds(crashed).at("speeds"), SizeIs(1));
  EXPECT_THAT(crashed.err, HasSubstr("exit code 1: ggml: error: out of memory"));

  const testing::Ran absent = Bench(Plus(arguments, {"--llama-bench", "/no/such/llama-bench"}));
  EXPECT_EQ(absent.exit_code, 2);
  EXPECT_THAT(absent.err, HasSubstr("--llama-bench PATH"));
}

TEST(BenchEngine, OtherMachinesThatTookPartCanBeSaid) {
  const testing::Ran ran =
      Bench({"--engine", "mlx-lm", "--from", kData + "mlx_lm.benchmark.txt", "--model", "m",
             "--peers", "mac-2,10.0.0.3", "--strategy", "tensor", "--output", "json"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  const json row = Speeds(ran).at("speeds").at(0);
  EXPECT_EQ(row.at("peers"), json::array({"mac-2", "10.0.0.3"}));
  EXPECT_EQ(row.at("strategy"), "tensor");
}

// A script would take 0 for a speed.
TEST(BenchEngine, WithoutASpeedItHasFailed) {
  const testing::Ran ran =
      Bench({"--engine", "llama-bench", "--from", kData + "llama-bench.mixed.json"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.out, HasSubstr("[1] is not comparable"));
  EXPECT_THAT(ran.out, HasSubstr("timed together"));
  ExpectFits(ran.out);
  EXPECT_THAT(ran.err, HasSubstr("has a speed"));
}

TEST(BenchEngine, CtrlCEndsItAndShowsWhatWasMeasured) {
  std::atomic<int> questions{0};
  TestServer server([&](const Asked& asked, Connection& connection) {
    // Warm-up and one repeat; the next answer never comes.
    if (asked.path == "/v1/chat/completions" && ++questions > 3) return connection.Sleep(20'000);
    Asked with_key = asked;
    with_key.headers["authorization"] = "Bearer sk-hidden";
    WantsKey(with_key, connection);
  });
  std::vector<std::string> arguments = Plus(
      {CAPACITY_PLANNER, "bench"}, Plus(kBrief, {"--url", server.url() + "/v1", "--no-report"}));
  const std::string out = testing::TempFile("", ".out");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY, 0600);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  ASSERT_EQ(posix_spawn(&child, CAPACITY_PLANNER, &actions, nullptr, argv.data(), environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (questions < 4 && std::chrono::steady_clock::now() < deadline) usleep(10'000);
  kill(child, SIGINT);
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1);
  std::ifstream file(out);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_THAT(text, HasSubstr("llama-3.1-8b"));
  EXPECT_THAT(text, HasSubstr("decode tok/s"));
}

TEST(BenchEngine, HelpHasExamples) {
  const testing::Ran ran = Bench({"--help"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.out, HasSubstr("node-agent bench --engine auto"));
  EXPECT_THAT(ran.out, HasSubstr("node-agent bench memory"));
}

}  // namespace
}  // namespace capacity
