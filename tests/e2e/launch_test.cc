// `planner launch` with a real llama.cpp (see engine_test.cc for where it comes from): two RPC
// servers in network namespaces of their own, the planner's split, tokens, a measurement that moves
// the estimate, a status that agrees, and workers that are not there.
//
//     namespace A: ggml-rpc-server  --  here: planner, llama-server, node-agent  --  namespace B
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "planner/http/exchange.h"
#include "tests/e2e/support.h"

namespace capacity {
namespace {

namespace fs = std::filesystem;
using e2e::FreePort;
using e2e::Program;
using e2e::Ran;
using e2e::ReadFile;
using e2e::Shell;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string kScripts = CAPACITY_SOURCE_DIR "/tests/e2e/llama_cpp/";
constexpr int kStartSeconds = 120;  // of a server, on a busy machine

// As the scripts have it.
std::string LlamaCppDirectory() {
  const auto variable = [](const char* name) {
    const char* const value = std::getenv(name);
    return std::string(value != nullptr ? value : "");
  };
  if (const std::string stated = variable("CAPACITY_LLAMA_CPP_DIR"); !stated.empty()) return stated;
  std::string cache = variable("XDG_CACHE_HOME");
  const std::string home = variable("HOME");
  if (cache.empty()) cache = (home.empty() ? "/root" : home) + "/.cache";
  return cache + "/capacity-planner/llama.cpp";
}

std::string Inside(const std::string& command) { return kScripts + "in_chroot.sh " + command; }

// What the tests cannot do without; "" when it is there.
std::string Lacks() {
  if (geteuid() != 0) return "only root can run what is in a chroot";
  if (!fs::exists(LlamaCppDirectory() + "/sid/etc/capacity-packages")) {
    return "no llama.cpp in " + LlamaCppDirectory() +
           ": tests/e2e/llama_cpp/make_chroot.sh makes "
           "one";
  }
  if (!Shell(Inside("true"))) return "no file systems can be mounted here";
  return "";
}

// Two namespaces, each joined to this machine by a cable of its own.
class Network {
 public:
  Network() : made_(Join("a", "1") && Join("b", "2")) {}
  ~Network() {
    for (const char* name : {"a", "b"}) Shell("ip netns del " + Space(name));
  }
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;
  bool made() const { return made_; }
  std::string Space(const std::string& name) const { return id_ + name; }

 private:
  bool Join(const std::string& name, const std::string& subnet) const {
    const std::string cable = id_ + "v" + name;
    return Shell("ip netns add " + Space(name) + " && ip link add " + cable +
                 " type veth peer name eth0 netns " + Space(name) + " && ip addr add 10.98." +
                 subnet + ".1/24 dev " + cable + " && ip link set " + cable + " up && ip -n " +
                 Space(name) + " addr add 10.98." + subnet + ".2/24 dev eth0 && ip -n " +
                 Space(name) + " link set eth0 up && ip -n " + Space(name) + " link set lo up");
  }

  const std::string id_ = "cl" + std::to_string(getpid() % 100000);
  const bool made_;
};

// Two machines that read memory at rates of two to one, so that the split is uneven.
constexpr char kCatalog[] = R"(schema: capacity-planner/catalog/v1
chips:
  - id: e2e-processors
    name: Processors of the machine that runs the tests
    vendor: amd
    family: other
    generation: rdna3.5
    fp16_dense_tflops: 0.2
    memory: unified
    memory_options: ["24 GiB"]
    memory_bandwidth_gbps: 60
    source: tests/e2e/launch_test.cc
    as_of: "2026-11"
machines:
  - id: e2e-box
    name: The machine that runs the tests
    chip: e2e-processors
    os: linux
    accelerators: 1
    memory: "24 GiB"
    memory_visible: "23.5 GiB"
    memory_available: "20 GiB"
    ports: {ethernet_gbps: 10}
    power: {idle_w: 20, load_w: 60}
    released: "2026-01"
    source: tests/e2e/launch_test.cc
    as_of: "2026-11"
)";
constexpr char kInventory[] = R"(schema: capacity-planner/inventory/v1
name: two-boxes
nodes:
  - {name: box-a, machine: e2e-box, memory_bandwidth: 60 GB/s}
  - {name: box-b, machine: e2e-box, memory_bandwidth: 30 GB/s}
links:
  - {kind: tcp-10gbe, members: [box-a, box-b]}
)";

class LaunchEndToEnd : public ::testing::Test {
 protected:
  void SetUp() override {
    static const std::string lacks = Lacks();
    if (!lacks.empty()) GTEST_SKIP() << lacks;
    network_ = std::make_unique<Network>();
    if (!network_->made()) GTEST_SKIP() << "network namespaces cannot be made here";
    std::string name = ::testing::TempDir() + "capacity-launch-XXXXXX";
    directory_ = mkdtemp(name.data());
    models_ = LlamaCppDirectory() + "/models/" + fs::path(directory_).filename().string();
    fs::create_directories(models_);
    std::ofstream(directory_ + "/catalog.yaml") << kCatalog;
    std::ofstream(directory_ + "/inventory.yaml") << kInventory;
    port_ = FreePort();
    // Verbose: only then it says where each layer goes.
    WriteServer("");
  }
  void TearDown() override {
    if (directory_.empty()) return;
    fs::remove_all(models_);
    fs::remove_all(directory_);
  }

  // What --llama-server runs: `before`, then the real one.
  void WriteServer(const std::string& before) const {
    std::ofstream(directory_ + "/llama-server")
        << "#!/bin/sh\n"
        << before
        << "\nPATH=/usr/sbin:/usr/bin:/sbin:/bin CAPACITY_LLAMA_CPP_DIR=" << LlamaCppDirectory()
        << " exec " << kScripts << "in_chroot.sh llama-server \"$@\" -v -t 2\n";
    Shell("chmod +x " + directory_ + "/llama-server");
  }

  // The GGUF of a model of the catalogue, with noise for weights.
  std::string Model() {
    const std::string path = models_ + "/launch-qwen3-0.6b.gguf";
    if (fs::exists(path)) return path;
    const Ran made =
        e2e::Run(Inside("python3 - qwen3-0.6b " + path + " <" + kScripts + "make_model.py"));
    EXPECT_EQ(made.exit_code, 0) << made.err;
    return path;
  }

  std::string Planner(const std::string& arguments) const {
    return "env XDG_STATE_HOME=" + directory_ + "/state " + CAPACITY_PLANNER + " " + arguments;
  }
  std::string LaunchArguments() {
    return "--model qwen3-0.6b --quant q8_0 --engine llama.cpp --strategy pipeline "
           "--nodes box-a,box-b --context 512 --parallel 2 --catalog " +
           directory_ + "/catalog.yaml --inventory " + directory_ +
           "/inventory.yaml --address box-a=10.98.1.2 --address box-b=10.98.2.2 --file " + Model() +
           " --listen 127.0.0.1:" + std::to_string(port_) + " ";
  }
  std::string Launch() {
    return Planner("launch " + LaunchArguments() + " --yes --timeout 300 --llama-server " +
                   directory_ + "/llama-server");
  }
  json DryRun(const std::string& more = "") {
    const Ran ran =
        e2e::Run(Planner("launch " + LaunchArguments() + more + " --dry-run --output json"));
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    return json::parse(ran.out, nullptr, false);
  }
  json Status() const {
    const Ran ran = e2e::Run(Planner("status --output json"));
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    return json::parse(ran.out, nullptr, false);
  }

  // The RPC servers exactly as the steps of a dry run have them, each in its node's namespace.
  std::map<std::string, std::unique_ptr<Program>> StartWorkers(const json& plan) {
    std::string program;
    for (const auto& place : fs::directory_iterator(LlamaCppDirectory() + "/sid/usr/libexec")) {
      const std::string under = "/llama/bin/ggml-rpc-server";
      if (fs::exists(place.path().string() + under)) {
        program = "/usr/libexec/" + place.path().filename().string() + under;
      }
    }
    EXPECT_NE(program, "") << "no ggml-rpc-server in the chroot";
    std::map<std::string, std::unique_ptr<Program>> workers;
    for (const json& step : plan.at("steps")) {
      if (step.at("kind") != "command" || step.at("argv").at(0) != "ggml-rpc-server") continue;
      const std::string node = step.at("node");
      std::string line = program;
      for (std::size_t i = 1; i < step.at("argv").size(); ++i) {
        const std::string word = step.at("argv").at(i);
        if (word != "-c") line += " " + word;  // no cache of test models in the chroot
      }
      const std::string space = network_->Space(node == "box-a" ? "a" : "b");
      workers[node] = std::make_unique<Program>(
          "ip netns exec " + space + " " + Inside(line + " -t 1"), Log(node));
      EXPECT_TRUE(workers[node]->Says("transport", kStartSeconds)) << ReadFile(Log(node));
    }
    return workers;
  }

  std::string Log(const std::string& name) const { return directory_ + "/" + name + ".log"; }
  std::string ServerLog() const {
    return ReadFile(directory_ + "/state/capacity-planner/qwen3-0.6b-" + std::to_string(port_) +
                    ".log");
  }
  std::string Url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  bool ServerRuns() const {
    return http::Exchange({.url = Url()}, "GET", "/health").ok() ||
           Shell("pgrep -f '[l]lama-server.*--port " + std::to_string(port_) + "' >/dev/null");
  }

  // Layers by device, as llama-server said when it loaded the weights.
  std::map<std::string, int> LayersLanded() const {
    std::map<std::string, int> landed;
    const std::string log = ServerLog();
    static const std::regex kAssigned("layer +([0-9]+) assigned to device ([^,]+),");
    std::map<int, std::string> device_of;
    for (std::sregex_iterator it(log.begin(), log.end(), kAssigned), end; it != end; ++it) {
      device_of[std::stoi((*it)[1])] = (*it)[2];
    }
    for (const auto& [layer, device] : device_of) ++landed[device];
    return landed;
  }

  std::unique_ptr<Network> network_;
  std::string directory_;
  std::string models_;
  int port_ = 0;
};

TEST_F(LaunchEndToEnd, APlanRunsOnTwoMachinesAndIsMeasured) {
  const json plan = DryRun();
  ASSERT_THAT(plan.at("missing"), IsEmpty());
  // The file itself says the same as the catalogue.
  const Ran from_file = e2e::Run(Planner("launch --model-file " + Model() +
                                         " --engine llama.cpp --strategy pipeline --nodes "
                                         "box-a,box-b --context 512 --parallel 2 --catalog " +
                                         directory_ + "/catalog.yaml --inventory " + directory_ +
                                         "/inventory.yaml --dry-run "
                                         "--output json"));
  ASSERT_EQ(from_file.exit_code, 0) << from_file.err;
  EXPECT_EQ(json::parse(from_file.out, nullptr, false).at("file"), Model());
  ASSERT_THAT(plan.at("shares"), SizeIs(2));
  const int first = plan.at("shares").at(0).at("layers");
  const int second = plan.at("shares").at(1).at("layers");
  ASSERT_EQ(first + second, 28);
  ASSERT_NE(first, second) << "an even split proves nothing";
  const auto workers = StartWorkers(plan);

  Program launch(Launch(), Log("launch"));
  ASSERT_TRUE(launch.Says("It runs at " + Url(), 300)) << ReadFile(Log("launch")) << ServerLog();

  // Every layer is where the plan has it; the output, which llama.cpp counts as one, is with the
  // last.
  EXPECT_EQ(LayersLanded(), (std::map<std::string, int>{{"RPC0", first}, {"RPC1", second + 1}}))
      << ServerLog().substr(0, 2000);
  for (const char* node : {"box-a", "box-b"}) {
    EXPECT_THAT(ReadFile(Log(node)), HasSubstr("Accepted client"));
  }

  const auto answer = http::Exchange({.url = Url()}, "POST", "/completion",
                                     R"({"prompt": " w1 w2 w3", "n_predict": 16})");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(json::parse(answer->body, nullptr, false).value("tokens_predicted", 0), 16)
      << answer->body.substr(0, 500);

  const json status = Status();
  EXPECT_TRUE(status.at("agrees").get<bool>()) << status;
  ASSERT_THAT(status.at("launches"), SizeIs(1));
  EXPECT_EQ(status.at("launches").at(0).at("running").at("context_tokens"), 512);
  EXPECT_EQ(status.at("launches").at(0).at("running").at("streams"), 2);

  // Measured as a cluster of two, by the agent.
  const Ran bench =
      e2e::Run(std::string(CAPACITY_NODE_AGENT) + " bench --engine llama-server --url " + Url() +
               " --peers 10.98.1.2:50052,10.98.2.2:50052 --strategy pipeline --prompt-tokens 32 "
               "--generate 32 --repeats 2 --concurrency 2 --force --no-report "
               "--output json --state-dir " +
               directory_ + "/agent");
  ASSERT_EQ(bench.exit_code, 0) << bench.err;
  const json measured = json::parse(bench.out, nullptr, false).at("speeds").at(0);
  EXPECT_EQ(measured.at("strategy"), "pipeline");
  EXPECT_THAT(measured.at("peers"), ElementsAre("10.98.1.2:50052", "10.98.2.2:50052"));
  EXPECT_THAT(measured.at("not_comparable"), IsEmpty());
  const double speed = measured.at("decode_tokens_per_second").at("median");
  ASSERT_GT(speed, 0);

  // And back in the planner.
  std::ofstream(directory_ + "/measured.yaml")
      << "schema: capacity-planner/what-if/v1\nname: measured\nadd:\n  measurements:\n"
      << "    - {nodes: [box-a, box-b], strategy: pipeline, link: tcp-10gbe, model: qwen3-0.6b, "
      << "quant: q8_0, engine: llama.cpp, context: 48, batch: 2, decode_tps: " << speed << "}\n";
  const json after = DryRun("--what-if " + directory_ + "/measured.yaml").at("placement");
  const json before = plan.at("placement");
  EXPECT_EQ(before.at("decode_tps").at("source"), "catalog-model");
  EXPECT_NE(after.at("decode_tps").at("source"), "catalog-model");
  const double estimate_before = before.at("decode_tps").at("mid");
  const double estimate_after = after.at("decode_tps").at("mid");
  EXPECT_LT(std::abs(std::log(estimate_after / speed)),
            std::abs(std::log(estimate_before / speed)));
  std::printf(
      "split %d + %d layers; decode of 2 streams: %.1f estimated before, %.1f measured, "
      "%.1f after\n",
      first, second, estimate_before, speed, estimate_after);

  // Ctrl-C ends it in order.
  EXPECT_EQ(launch.End(SIGINT), 0) << ReadFile(Log("launch"));
  EXPECT_FALSE(ServerRuns());
  EXPECT_THAT(Status().at("launches"), IsEmpty());
}

TEST_F(LaunchEndToEnd, AWorkerThatIsNotThereIsNamedAndNothingStarts) {
  auto workers = StartWorkers(DryRun());
  workers.at("box-b")->End(SIGKILL);
  const Ran ran = e2e::Run(Launch());
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("the RPC server at 10.98.2.2:50052"));
  EXPECT_FALSE(ServerRuns());
  EXPECT_THAT(Status().at("launches"), IsEmpty());
}

TEST_F(LaunchEndToEnd, AWorkerThatDiesWhileItLoadsEndsTheLaunch) {
  auto workers = StartWorkers(DryRun());
  // Between the check and the load.
  WriteServer("ip netns pids " + network_->Space("b") + " | xargs kill -9");
  const Ran ran = e2e::Run(Launch());
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("llama-server ended with"));
  EXPECT_THAT(ran.err, HasSubstr("taken back: stopped llama-server"));
  EXPECT_FALSE(ServerRuns());
  EXPECT_THAT(Status().at("launches"), IsEmpty());
  workers.at("box-b")->Wait();
}

}  // namespace
}  // namespace capacity
