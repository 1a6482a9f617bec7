// `node-agent bench` against a real llama.cpp: Debian sid's, in a chroot that
// tests/e2e/llama_cpp/make_chroot.sh makes, running models of real shapes whose weights are noise
// (make_model.py).
//
// Without the chroot these tests are skipped and say how to make it: it takes about a minute, 250
// MB of downloads and root. CAPACITY_LLAMA_CPP=1 lets them make it themselves. How fast anything is
// depends on what else the machine does, so nothing here expects a speed: what is expected is that
// the measurement agrees with what the engine itself says and does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <regex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/e2e/llama_cpp.h"
#include "tests/e2e/support.h"

namespace capacity {
namespace {

namespace fs = std::filesystem;
using e2e::FreePort;
using e2e::Inside;
using e2e::LlamaCppDirectory;
using e2e::Program;
using e2e::Ran;
using e2e::ReadFile;
using e2e::Shell;
using nlohmann::json;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string kScripts = e2e::kLlamaCppScripts;
constexpr int kStartSeconds = 60;  // of a server, on a busy machine

class Engine : public ::testing::Test {
 protected:
  void SetUp() override {
    static const e2e::LlamaCpp llama_cpp = e2e::FindLlamaCpp();
    if (llama_cpp.presence == e2e::Presence::kAbsent) GTEST_SKIP() << llama_cpp.why;
    ASSERT_EQ(llama_cpp.presence, e2e::Presence::kThere) << llama_cpp.why;
    std::string name = ::testing::TempDir() + "capacity-engine-XXXXXX";
    directory_ = mkdtemp(name.data());
    models_ = LlamaCppDirectory() + "/models/" + fs::path(directory_).filename().string();
    fs::create_directories(models_);
    std::ofstream(directory_ + "/llama-bench")
        << "#!/bin/sh\nPATH=/usr/sbin:/usr/bin:/sbin:/bin CAPACITY_LLAMA_CPP_DIR="
        << LlamaCppDirectory() << " exec " << kScripts << "in_chroot.sh llama-bench \"$@\"\n";
    ASSERT_TRUE(Shell("chmod +x " + directory_ + "/llama-bench"));
  }
  void TearDown() override {
    if (directory_.empty()) return;
    fs::remove_all(models_);
    fs::remove_all(directory_);
  }

  // The GGUF of one shape of make_model.py; the path is the same inside the chroot.
  std::string Model(const std::string& shape) {
    std::string path = models_ + "/" + shape + ".gguf";
    if (fs::exists(path)) return path;
    const Ran made =
        e2e::Run(Inside("python3 - " + shape + " " + path + " <" + kScripts + "make_model.py"));
    EXPECT_EQ(made.exit_code, 0) << made.err;
    return path;
  }

  std::string Log(const std::string& name) const { return directory_ + "/" + name + ".log"; }

  // llama-server with a small model, ready.
  std::unique_ptr<Program> Server(int port, int slots, const std::string& options = "") {
    auto server = std::make_unique<Program>(
        Inside("llama-server -m " + Model("gpt-oss") + " --host 127.0.0.1 --port " +
               std::to_string(port) + " -c " + std::to_string(2048 * slots) + " -np " +
               std::to_string(slots) + " -t 2 --metrics --alias synthetic " + options),
        Log("server"));
    EXPECT_TRUE(server->Says("listening on", kStartSeconds)) << ReadFile(Log("server"));
    return server;
  }

  std::string BenchCommand(const std::string& arguments) const {
    return std::string(CAPACITY_NODE_AGENT) + " bench " + arguments +
           " --force --output json --state-dir " + State();
  }
  Ran Bench(const std::string& arguments) const { return e2e::Run(BenchCommand(arguments)); }
  std::string LlamaBench(const std::string& model) const {
    return "--engine llama-bench --llama-bench " + directory_ + "/llama-bench --model " + model +
           " --prompt-tokens 32 --generate 8 --repeats 2 ";
  }

  // The speeds in an answer of bench.
  static json SpeedsIn(const Ran& ran) {
    const json answer = json::parse(ran.out, nullptr, false);
    if (!answer.is_object()) return json::array();
    return answer.at("speeds");
  }

  // How many measurements wait for a planner.
  std::size_t Kept() const {
    std::error_code none;
    std::size_t kept = 0;
    for (const auto& file : fs::directory_iterator(State() + "/inbox", none)) {
      if (file.path().extension() == ".speed") ++kept;
    }
    return kept;
  }

  std::string State() const { return directory_ + "/state"; }

  // "b11669", as llama-bench says.
  static std::string Build() {
    const Ran ran = e2e::Run(Inside("llama-bench --version"));
    const std::string said = ran.out + ran.err;
    std::smatch match;
    EXPECT_TRUE(std::regex_search(said, match, std::regex("build ([0-9]+)"))) << said;
    return "b" + match.str(1);
  }

  static void ExpectRate(const json& speed, const std::string& name) {
    ASSERT_TRUE(speed.contains(name)) << speed;
    EXPECT_GT(speed.at(name).at("low").get<double>(), 0);
    EXPECT_LE(speed.at(name).at("low"), speed.at(name).at("median"));
    EXPECT_LE(speed.at(name).at("median"), speed.at(name).at("high"));
  }

  std::string directory_;
  std::string models_;
};

// ---------------------------------------------------------------- llama-bench

TEST_F(Engine, LlamaBenchIsMeasuredAtEveryDepth) {
  const std::string build = Build();
  for (const std::string shape : {"dense", "gqa", "moe", "gpt-oss"}) {
    const std::string model = Model(shape);
    const std::size_t kept = Kept();
    const Ran ran = Bench(LlamaBench(model) + "--depth 0,64");
    ASSERT_EQ(ran.exit_code, 0) << shape << ran.err;
    const json speeds = SpeedsIn(ran);
    ASSERT_THAT(speeds, SizeIs(2)) << ran.out;
    EXPECT_EQ(Kept(), kept + 2);
    for (const int i : {0, 1}) {
      const json& speed = speeds.at(i);
      EXPECT_EQ(speed.at("engine"), "llama.cpp");
      EXPECT_EQ(speed.at("source"), "llama-bench");
      EXPECT_THAT(speed.at("engine_version").get<std::string>(), HasSubstr(build));
      EXPECT_EQ(speed.at("depth_tokens"), i * 64);
      EXPECT_EQ(speed.at("prompt_tokens"), 32);
      EXPECT_EQ(speed.at("generated_tokens"), 8);
      EXPECT_EQ(speed.at("streams"), 1);
      EXPECT_EQ(speed.at("repeats"), 2);
      EXPECT_EQ(speed.at("strategy"), "single");
      EXPECT_THAT(speed.at("not_comparable"), IsEmpty());
      EXPECT_TRUE(speed.at("conditions").at("forced").is_boolean());
      ExpectRate(speed, "prefill_tokens_per_second");
      ExpectRate(speed, "decode_tokens_per_second");
      // The rest of the file is names and the vocabulary.
      const auto file = static_cast<double>(fs::file_size(model));
      EXPECT_LT(speed.at("model_bytes").get<double>(), file);
      EXPECT_GT(speed.at("model_bytes").get<double>(), 0.97 * file);
    }
  }
}

TEST_F(Engine, AModelThatIsCutShortIsNotMeasured) {
  const std::string model = Model("moe");
  fs::resize_file(model, fs::file_size(model) / 2);
  const Ran ran = Bench(LlamaBench(model));
  EXPECT_EQ(ran.exit_code, 1) << ran.out;
  EXPECT_THAT(ran.err, HasSubstr("failed to load model"));
  EXPECT_EQ(Kept(), 0u);
}

// ---------------------------------------------------------------- llama-server

TEST_F(Engine, AServersStreamsAreMeasuredAtSeveralConcurrencies) {
  const int port = FreePort();
  const auto server = Server(port, 4);
  constexpr int kGenerated = 96;
  const std::string url = "http://127.0.0.1:" + std::to_string(port);
  const Ran ran = Bench("--engine llama-server --url " + url +
                        " --prompt-tokens 16 --generate 96 --repeats 2 --concurrency 1,2,4");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const json speeds = SpeedsIn(ran);
  ASSERT_THAT(speeds, SizeIs(3)) << ran.out;
  EXPECT_EQ(Kept(), 3u);
  long claimed = 0;  // tokens in timed answers
  for (std::size_t i = 0; i < speeds.size(); ++i) {
    const json& speed = speeds.at(i);
    EXPECT_EQ(speed.at("engine"), "llama.cpp");
    EXPECT_EQ(speed.at("model_name"), "synthetic");
    EXPECT_EQ(speed.at("streams"), 1 << i);
    EXPECT_EQ(speed.at("generated_tokens"), kGenerated);
    EXPECT_GT(speed.at("time_to_first_token_ms").get<double>(), 0);
    EXPECT_THAT(speed.at("not_comparable"), IsEmpty());
    ExpectRate(speed, "decode_tokens_per_second");
    claimed += speed.at("streams").get<long>() * 2 * kGenerated;
  }
  // One stream: the gap between tokens and the rate are the same thing, seen from both ends. On a
  // busy machine tokens come in bursts, and most gaps are next to nothing.
  const double gap_s = speeds.at(0).at("inter_token_median_ms").get<double>() / 1'000;
  const double rate = speeds.at(0).at("decode_tokens_per_second").at("median").get<double>();
  EXPECT_GT(gap_s, 0);
  EXPECT_LT(rate * gap_s, 5);
  // The server counted at least as many tokens as were claimed, and few beyond: warming up.
  const Ran counters =
      e2e::Run(Inside("python3 -c \"import urllib.request as u; print(u.urlopen('" + url +
                      "/metrics').read().decode())\""));
  std::smatch match;
  ASSERT_TRUE(std::regex_search(counters.out, match,
                                std::regex("\nllamacpp:tokens_predicted_total ([0-9.e+]+)")))
      << counters.out << counters.err;
  EXPECT_GE(std::stod(match.str(1)), claimed);
  EXPECT_LE(std::stod(match.str(1)), claimed + 4 * kGenerated);
}

TEST_F(Engine, MoreStreamsThanSlotsAreNotComparable) {
  const int port = FreePort();
  const auto server = Server(port, 1);
  const Ran ran = Bench("--engine llama-server --url http://127.0.0.1:" + std::to_string(port) +
                        " --prompt-tokens 16 --generate 32 --repeats 1 --concurrency 4");
  const json speeds = SpeedsIn(ran);
  ASSERT_THAT(speeds, SizeIs(1)) << ran.out << ran.err;
  EXPECT_THAT(speeds.at(0).at("not_comparable"),
              Contains(HasSubstr("did not run at the same time")));
}

TEST_F(Engine, AutoFindsTheServerThatRuns) {
  const int port = FreePort();
  const auto server = Server(port, 1);
  const Ran ran = Bench("--engine auto --ports " + std::to_string(port) +
                        " --prompt-tokens 16 --generate 32 --repeats 1");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  const json speeds = SpeedsIn(ran);
  ASSERT_THAT(speeds, SizeIs(1)) << ran.out;
  EXPECT_EQ(speeds.at(0).at("engine"), "llama.cpp");
  EXPECT_EQ(speeds.at(0).at("model_name"), "synthetic");
}

TEST_F(Engine, AServerThatDiesMidStreamIsNoMeasurement) {
  const int port = FreePort();
  const auto server = Server(port, 1);
  // Long enough that nobody computes it in the time that is waited here.
  Program bench(BenchCommand("--engine openai --url http://127.0.0.1:" + std::to_string(port) +
                             "/v1 --prompt-tokens 16 --generate 1900 --repeats 20"),
                Log("bench"));
  ASSERT_TRUE(server->Says("processing task", kStartSeconds)) << ReadFile(Log("server"));
  std::this_thread::sleep_for(std::chrono::milliseconds(1'500));
  ASSERT_EQ(server->End(SIGKILL), 128 + SIGKILL);
  EXPECT_EQ(bench.Wait(), 1);
  EXPECT_THAT(ReadFile(Log("bench")), AnyOf(HasSubstr("the server went away in the middle"),
                                            HasSubstr("nobody listens there")));
  EXPECT_EQ(Kept(), 0u);
}

// ---------------------------------------------------------------- two machines as one

class RpcServer {
 public:
  RpcServer(const std::string& command, const std::string& log)
      : port_(FreePort()),
        log_(log),
        program_(command + " -H 127.0.0.1 -t 1 -p " + std::to_string(port_), log) {}

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  bool Ready() { return program_.Says("transport", kStartSeconds); }
  bool Served() const { return ReadFile(log_).find("Accepted client") != std::string::npos; }
  void Kill() { program_.End(SIGKILL); }

 private:
  const int port_;
  const std::string log_;
  Program program_;
};

TEST_F(Engine, ARpcClusterOfTwoIsMeasuredAsOne) {
  const std::string found = e2e::RpcServerInside();
  ASSERT_NE(found, "") << "no ggml-rpc-server in the chroot";
  RpcServer first(Inside(found), Log("rpc-1"));
  RpcServer second(Inside(found), Log("rpc-2"));
  ASSERT_TRUE(first.Ready() && second.Ready()) << ReadFile(Log("rpc-1"));
  const std::string arguments =
      LlamaBench(Model("gpt-oss")) + "--rpc " + first.address() + "," + second.address();
  const Ran ran = Bench(arguments);
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const json speeds = SpeedsIn(ran);
  ASSERT_THAT(speeds, SizeIs(1)) << ran.out;
  EXPECT_EQ(speeds.at(0).at("strategy"), "pipeline");
  EXPECT_THAT(speeds.at(0).at("peers"), ElementsAre(first.address(), second.address()));
  EXPECT_THAT(speeds.at(0).at("not_comparable"), IsEmpty());
  ExpectRate(speeds.at(0), "decode_tokens_per_second");
  EXPECT_TRUE(first.Served());
  EXPECT_TRUE(second.Served());
  EXPECT_EQ(Kept(), 1u);

  second.Kill();
  const Ran alone = Bench(arguments);
  EXPECT_EQ(alone.exit_code, 1);
  EXPECT_THAT(alone.err, HasSubstr("llama-bench crashed"));
  EXPECT_THAT(SpeedsIn(alone), IsEmpty());
  EXPECT_EQ(Kept(), 1u);
}

// ---------------------------------------------------------------- the whole loop

// What a user's own catalogue would say of the machine that runs the tests, but for a bandwidth
// that is twice what its processors read: before an engine is measured, every estimate is too high.
std::string OwnCatalogueChip(const std::string& processor, int gib, double gigabytes_per_second) {
  std::ostringstream out;
  out << "\n  - id: e2e-processors\n"
      << "    name: \"" << processor << "\"\n"
      << "    vendor: amd\n"
         "    family: other\n"
         "    generation: rdna3.5\n"
         "    fp16_dense_tflops: 0.2\n"
         "    memory: unified\n"
      << "    memory_options: [\"" << gib << " GiB\"]\n"
      << "    source: tests/e2e/engine_test.cc\n"
         "    as_of: \"2026-11\"\n"
      << "    memory_bandwidth_gbps: " << gigabytes_per_second << "\n";
  return out.str();
}
std::string OwnCatalogueMachine(int gib) {
  std::ostringstream out;
  out << "\n  - id: e2e-box\n"
         "    name: The machine that runs the tests\n"
         "    chip: e2e-processors\n"
         "    reported_as: [Capacity E2E Box]\n"
         "    os: linux\n"
         "    accelerators: 1\n"
      << "    memory: \"" << gib << " GiB\"\n"
      << "    memory_visible: \"" << gib - 0.5 << " GiB\"\n"
      << "    memory_available: \"" << 0.8 * gib << " GiB\"\n"
      << "    ports: {ethernet_gbps: 1}\n"
         "    power: {idle_w: 20, load_w: 60}\n"
         "    released: \"2026-01\"\n"
         "    source: tests/e2e/engine_test.cc\n"
         "    as_of: \"2026-11\"\n";
  return out.str();
}

// What follows "key :" in a file of /proc; empty: nothing.
std::string ProcField(const char* file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(':');
    if (line.rfind(key, 0) != 0 || colon == std::string::npos) continue;
    const std::size_t value = line.find_first_not_of(" \t", colon + 1);
    return value == std::string::npos ? "" : line.substr(value);
  }
  return "";
}

// A planner and the agent of one node, on this very machine.
class Loop : public Engine {
 protected:
  void SetUp() override {
    Engine::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    fs::copy(CAPACITY_SOURCE_DIR "/inventories", Data(), fs::copy_options::recursive);
    constexpr long long kKibPerGib = 1 << 20;
    const long long kib = std::stoll("0" + ProcField("/proc/meminfo", "MemTotal"));
    const auto gib = static_cast<int>((kib + kKibPerGib - 1) / kKibPerGib);
    std::ofstream(Data() + "/catalog/chips.yaml", std::ios::app) << OwnCatalogueChip(
        ProcField("/proc/cpuinfo", "model name"), gib, 2 * ReadGigabytesPerSecond());
    std::ofstream(Data() + "/catalog/machines.yaml", std::ios::app) << OwnCatalogueMachine(gib);
    port_ = FreePort();
    planner_ =
        std::make_unique<Program>(Planner("serve --listen " + Address() +
                                          " --metrics \"\" --state " + directory_ + "/planner"),
                                  Log("planner"));
    ASSERT_TRUE(planner_->Says("serving", kStartSeconds)) << ReadFile(Log("planner"));
    agent_ = std::make_unique<Program>(AsKnownMachine(AgentCommand()), Log("agent"));
    ASSERT_TRUE(agent_->Says("enrolled", kStartSeconds)) << ReadFile(Log("agent"));
    ASSERT_TRUE(Eventually([this] { return Predict("qwen3-0.6b").is_object(); }))
        << ReadFile(Log("agent"));
  }

  void TearDown() override {
    agent_.reset();
    planner_.reset();
    Engine::TearDown();
  }

  std::string Data() const { return directory_ + "/inventories"; }
  std::string Address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string Planner(const std::string& arguments) const {
    return "env CAPACITY_PLANNER_DATA=" + Data() + " " + CAPACITY_PLANNER + " " + arguments;
  }
  json Answer(const std::string& arguments) const {
    const Ran ran = e2e::Run(Planner(arguments + " --planner " + Address() + " --output json"));
    return ran.exit_code == 0 ? json::parse(ran.out, nullptr, false) : json(ran.err);
  }
  json Predict(const std::string& model) const {
    return Answer("predict --model " + model +
                  " --quant q8_0 --nodes e2e --engine llama.cpp --context 64 --prompt 64");
  }
  static double Decode(const json& prediction) {
    return prediction.at("decode_tps").at("mid").get<double>();
  }

  std::string AgentCommand() const {
    return std::string(CAPACITY_NODE_AGENT) + " run --planner " + Address() + " --state-dir " +
           State() + " --name e2e --heartbeat 1 --data " + Data();
  }

  // `command` where the firmware calls this machine what the catalogue above does; a virtual
  // machine has no name of its own.
  std::string AsKnownMachine(const std::string& command) const {
    const std::string classes = directory_ + "/class";
    const std::string script = directory_ + "/as-known-machine";
    std::ofstream(script) << "set -eu\ncp -a /sys/class " << classes << " 2>/dev/null || true\n"
                          << "rm -rf " << classes << "/dmi\nmkdir -p " << classes << "/dmi/id\n"
                          << "echo 'Capacity E2E Box' >" << classes << "/dmi/id/product_name\n"
                          << "mount --bind " << classes << " /sys/class\nexec " << command << "\n";
    return "unshare --mount --propagation private sh " + script;
  }

  static double ReadGigabytesPerSecond() {
    const Ran ran =
        e2e::Run(std::string(CAPACITY_NODE_AGENT) + " bench memory --force --output json");
    const json answer = json::parse(ran.out, nullptr, false);
    EXPECT_TRUE(answer.is_object()) << ran.err;
    for (const json& one : answer.value("memory_bandwidths", json::array())) {
      if (one.at("kind") == "cpu-read") return one.at("best_bytes_per_second").get<double>() / 1e9;
    }
    ADD_FAILURE() << ran.out;
    return 0;
  }

  template <class Condition>
  static bool Eventually(Condition holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(kStartSeconds);
    while (std::chrono::steady_clock::now() < end) {
      if (holds()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    return false;
  }

  int port_ = 0;
  std::unique_ptr<Program> planner_;
  std::unique_ptr<Program> agent_;
};

TEST_F(Loop, AMeasuredEngineMovesTheEstimatesOfItsNode) {
  const json before = Predict("qwen3-0.6b");
  const json other_before = Predict("llama-3.2-1b");
  const json plan_before = Answer("plan --budget 3000");
  ASSERT_EQ(before.at("decode_tps").at("source"), "catalog-model") << before;

  const Ran ran = Bench(LlamaBench(Model("qwen3-0.6b")));
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("node-agent run will send it"));
  const double measured =
      SpeedsIn(ran).at(0).at("decode_tokens_per_second").at("median").get<double>();

  // The agent finds it, sends it, and removes it.
  ASSERT_TRUE(Eventually([this] { return Kept() == 0; })) << ReadFile(Log("agent"));
  EXPECT_THAT(ReadFile(Log("agent")), HasSubstr("told the planner how fast llama.cpp runs"));
  ASSERT_TRUE(Eventually([&] {
    return Predict("qwen3-0.6b").at("decode_tps").at("source") != "catalog-model";
  })) << Answer("measurements");
  const json after = Predict("qwen3-0.6b");
  const json other_after = Predict("llama-3.2-1b");
  ASSERT_LT(measured, Decode(before));
  EXPECT_LT(Decode(after), Decode(before));
  EXPECT_LT(std::abs(Decode(after) - measured), Decode(before) - measured);
  EXPECT_NE(other_after.at("decode_tps").at("source"), "catalog-model");
  EXPECT_LT(Decode(other_after), Decode(other_before));

  // What the node is worth today follows.
  const json plan_after = Answer("plan --budget 3000");
  const auto worth = [](const json& plan) {
    return plan.at("today").at("value_usd_per_month").get<double>();
  };
  EXPECT_LT(worth(plan_after), worth(plan_before));
  for (const json& assignment : plan_after.at("today").at("assignments")) {
    EXPECT_NE(assignment.at("decode_tps").at("source"), "catalog-model") << assignment;
  }

  const json listed = Answer("measurements --node e2e");
  ASSERT_THAT(listed.at("measurements"), SizeIs(1)) << listed;
  const json& one = listed.at("measurements").at(0);
  EXPECT_EQ(one.at("model"), "qwen3-0.6b");
  EXPECT_EQ(one.at("quant"), "q8_0");
  EXPECT_NEAR(one.at("decode").at("measured_tps").get<double>(), measured, 0.01 * measured);
  std::printf(
      "decode of qwen3-0.6b at q8_0: %.1f before, %.1f measured, %.1f after; llama-3.2-1b: "
      "%.1f before, %.1f after; worth $%.2f a month before, $%.2f after\n",
      Decode(before), measured, Decode(after), Decode(other_before), Decode(other_after),
      worth(plan_before), worth(plan_after));
}

}  // namespace
}  // namespace capacity
