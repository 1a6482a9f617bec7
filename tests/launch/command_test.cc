// `planner launch` and `planner status` as a user runs them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __APPLE__
#include <util.h>
#else
#include <pty.h>
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/e2e/support.h"
#include "tests/modelfile/imagined.h"
#include "tests/node-agent/engine/test_server.h"
#include "tests/support/json_schema.h"
#include "tests/support/program.h"

namespace capacity {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using testing::Asked;
using testing::Connection;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Planner;
using testing::Ran;
using ::testing::SizeIs;
using testing::TempFile;
using testing::TestServer;

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
    if (document.at("strategy") != "tensor") {
      EXPECT_EQ(layers, document.at("layers"));
    }
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
    if (line.find("…") == std::string::npos) {
      EXPECT_LE(line.size(), 110u) << line;
    }
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

TEST(Launch, OneModelIsNamedInOneWay) {
  const std::string weights = TempFile("no GGUF", ".gguf");
  for (const std::vector<std::string>& more : {std::vector<std::string>{},
                                               {"--model", "gpt-oss-120b", "--model-file", weights},
                                               {"--model-file", weights},
                                               {"--model-file", "/nowhere.gguf"}}) {
    const Ran ran = Planner(std::vector<std::string>{"launch", "--dry-run"} + more);
    EXPECT_EQ(ran.exit_code, 2) << ran.out;
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

// ---------------------------------------------------------------- carrying out

constexpr char kTwoUltras[] = R"(schema: capacity-planner/inventory/v1
name: two-ultras
nodes:
  - {name: ultra-1, machine: mac-studio-m3-ultra-256gb, os_version: 26.2}
  - {name: ultra-2, machine: mac-studio-m3-ultra-256gb, os_version: 26.2, memory_bandwidth: 400 GB/s}
links:
  - {kind: tcp-10gbe, members: [ultra-1, ultra-2]}
)";

std::string Data(const std::string& name) {
  return e2e::ReadFile(std::string(CAPACITY_SOURCE_DIR) + "/tests/launch/data/" + name);
}

// A directory for what was launched, and commands that use it.
class Carried : public ::testing::Test {
 protected:
  Carried() {
    std::string name = ::testing::TempDir() + "capacity-launch-XXXXXX";
    directory_ = mkdtemp(name.data());
    inventory_ = TempFile(kTwoUltras);
  }
  ~Carried() override { std::filesystem::remove_all(directory_); }

  std::vector<std::string> Environment() const { return {"XDG_STATE_HOME=" + directory_}; }
  json Status() const {
    const Ran ran = Planner({"status", "--output", "json"}, Environment());
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    const json document = Parsed(ran);
    ExpectSchema(document);
    return document;
  }

  std::string directory_;
  std::string inventory_;
};

// ---------------------------------------------------------------- EXO

// EXO as far as a launch sees it: a state that changes with what is asked.
class FakeExo {
 public:
  FakeExo()
      : state_(json::parse(Data("exo-state.json"))),
        previews_(json::parse(Data("exo-previews.json"))),
        server_([this](const Asked& asked, Connection& connection) {
          const std::lock_guard<std::mutex> lock(mutex_);
          Answer(asked, connection);
        }) {
    state_["instances"] = json::object();
    state_["runners"] = json::object();
  }

  int port() const { return server_.port(); }
  std::string url() const { return server_.url(); }
  // "POST /instance" of every request, in order, without queries; states once.
  std::vector<std::string> Requests() const {
    std::vector<std::string> lines;
    for (const Asked& one : server_.asked()) {
      std::string line = one.method + " " + one.path.substr(0, one.path.find('?'));
      if (line == "GET /state" && !lines.empty() && lines.back() == line) continue;
      lines.push_back(std::move(line));
    }
    return lines;
  }
  std::string BodyOf(const std::string& path) const {
    for (const Asked& one : server_.asked()) {
      if (one.method == "POST" && one.path == path) return one.body;
    }
    return "";
  }
  std::size_t instances() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return state_["instances"].size();
  }

  // What a test changes before it launches.
  json& state() { return state_; }
  json& previews() { return previews_; }
  int create_status = 200;                          // of POST /instance
  bool created_anyway = false;                      // whatever that status says
  int refusals = 1'000;                             // of POST /instance, before it is taken
  bool lose_answers = false;                        // of both POSTs
  std::chrono::milliseconds appears_after{0};       // from a POST to the instance in the state
  json runner = {{"RunnerReady", json::object()}};  // what every runner becomes
  json placed;               // what POST /place_instance makes; null: nothing
  std::string broken_state;  // in place of the state

 private:
  void Add(const json& instance) {
    const json& inner = instance.begin().value();
    state_["instances"][inner.at("instanceId").get<std::string>()] = instance;
    for (const auto& [id, shard] : inner.at("shardAssignments").at("runnerToShard").items()) {
      state_["runners"][id] = runner;
    }
  }

  void Come(const json& instance) {
    coming_ = instance;
    comes_at_ = std::chrono::steady_clock::now() + appears_after;
    if (appears_after.count() == 0) {
      Add(coming_);
      coming_ = nullptr;
    }
  }

  void Answer(const Asked& asked, Connection& connection) {
    const std::string line = asked.method + " " + asked.path.substr(0, asked.path.find('?'));
    constexpr char kTaken[] = R"({"message": "Command received.", "command_id": "c"})";
    if (line == "GET /state") {
      if (!coming_.is_null() && std::chrono::steady_clock::now() >= comes_at_) {
        Add(coming_);
        coming_ = nullptr;
      }
      connection.Reply(200, broken_state.empty() ? state_.dump() : broken_state);
    } else if (line == "GET /instance/previews") {
      connection.Reply(200, previews_.dump());
    } else if (line == "POST /instance" && (create_status == 200 || refusals == 0)) {
      Come(json::parse(asked.body).at("instance"));
      if (lose_answers) return connection.Reset();
      connection.Reply(200, kTaken);
    } else if (line == "POST /instance") {
      --refusals;
      if (created_anyway) Come(json::parse(asked.body).at("instance"));
      connection.Reply(create_status,
                       R"({"error": {"message": "Insufficient memory to create instance"}})");
    } else if (line == "POST /place_instance") {
      if (!placed.is_null()) Come(placed);
      if (lose_answers) return connection.Reset();
      connection.Reply(200, kTaken);
    } else if (asked.method == "DELETE") {
      state_["instances"].erase(asked.path.substr(asked.path.rfind('/') + 1));
      connection.Reply(200, kTaken);
    } else {
      connection.Reply(404, "{}");
    }
  }

  std::mutex mutex_;
  json state_;
  json previews_;
  json coming_;
  std::chrono::steady_clock::time_point comes_at_;
  TestServer server_;
};

class LaunchExo : public Carried {
 protected:
  std::vector<std::string> Arguments(const std::vector<std::string>& more = {}) {
    return std::vector<std::string>{"launch",
                                    "--model",
                                    "gpt-oss-120b",
                                    "--quant",
                                    "mlx-mxfp4-q8",
                                    "--engine",
                                    "exo",
                                    "--strategy",
                                    "pipeline",
                                    "--nodes",
                                    "ultra-1,ultra-2",
                                    "--parallel",
                                    "2",
                                    "--inventory",
                                    inventory_,
                                    "--address",
                                    "ultra-1=127.0.0.1:" + std::to_string(exo_.port())} +
           more;
  }
  Ran Launch(const std::vector<std::string>& more = {}) {
    return Planner(Arguments(std::vector<std::string>{"--yes"} + more), Environment());
  }
  // Layers of the plan by EXO's node id.
  std::map<std::string, int> Planned() {
    const json plan = Parsed(Planner(Arguments({"--dry-run", "--output", "json"}), Environment()));
    std::map<std::string, int> layers;
    for (const json& share : plan.at("shares")) {
      const std::string id = share.at("node") == "ultra-1" ? kOne : kTwo;
      layers[id] = share.at("layers");
    }
    return layers;
  }
  static std::map<std::string, int> LayersIn(const json& wrapped) {
    const json& assignments = wrapped.begin().value().at("shardAssignments");
    std::map<std::string, int> layers;
    for (const auto& [node, runner] : assignments.at("nodeToRunner").items()) {
      const json& shard = assignments.at("runnerToShard").at(runner.get<std::string>());
      const json& metadata = shard.begin().value();
      layers[node] = metadata.at("endLayer").get<int>() - metadata.at("startLayer").get<int>();
    }
    return layers;
  }
  void ExpectTakenBack(const Ran& ran, const std::string& why) {
    EXPECT_EQ(ran.exit_code, 1) << ran.out;
    EXPECT_THAT(ran.err, HasSubstr(why));
    EXPECT_EQ(exo_.instances(), 0u);
    EXPECT_THAT(Status().at("launches"), IsEmpty());
  }

  const std::string kOne = "12D3KooWAaaa1111111111111111111111111111111111111111";
  const std::string kTwo = "12D3KooWBbbb2222222222222222222222222222222222222222";
  FakeExo exo_;
};

TEST_F(LaunchExo, MakesTheInstanceWithThePlansSplitAndStatusAgrees) {
  const std::map<std::string, int> planned = Planned();
  ASSERT_NE(planned.at(kOne), planned.at(kTwo)) << "an even split proves nothing";
  const Ran ran = Launch({"--output", "json"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const json document = Parsed(ran);
  ExpectSchema(document);
  EXPECT_TRUE(document.at("applied").at("running").get<bool>());
  EXPECT_THAT(exo_.Requests(),
              ElementsAre("GET /state", "GET /instance/previews", "POST /instance", "GET /state"));
  EXPECT_EQ(LayersIn(json::parse(exo_.BodyOf("/instance")).at("instance")), planned);
  const json status = Status();
  EXPECT_TRUE(status.at("agrees").get<bool>()) << status;

  // Later it loads another split: status says what differs.
  exo_.state()["instances"].clear();
  const Ran gone = Planner({"status"}, Environment());
  EXPECT_THAT(gone.out, HasSubstr("EXO runs no instance of it"));
}

TEST_F(LaunchExo, WithoutAPreviewExoPlacesItItself) {
  exo_.placed = exo_.previews().at("previews").at(1).at("instance");
  exo_.previews()["previews"] = json::array();
  const Ran ran = Launch();
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(exo_.Requests(), Contains("POST /place_instance"));
  EXPECT_THAT(exo_.Requests(), Not(Contains("POST /instance")));
  EXPECT_EQ(json::parse(exo_.BodyOf("/place_instance")).at("min_nodes"), 2);
  EXPECT_THAT(ran.out, HasSubstr("EXO previews no placement of this kind"));
  // What runs is what was agreed to in the end.
  EXPECT_TRUE(Status().at("agrees").get<bool>());
}

TEST_F(LaunchExo, ASplitThatIsRefusedGivesWayToExosOwn) {
  exo_.create_status = 400;
  exo_.refusals = 1;
  const Ran ran = Launch();
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("Insufficient memory"), HasSubstr("EXO's split")));
  EXPECT_THAT(exo_.Requests(), Not(Contains("POST /place_instance")));
  EXPECT_EQ(exo_.instances(), 1u);
  EXPECT_TRUE(Status().at("agrees").get<bool>());
}

TEST_F(LaunchExo, WhatIsRefusedTwiceIsAProblemAndNothingIsLeft) {
  exo_.create_status = 400;
  ExpectTakenBack(Launch(), "Insufficient memory");
  EXPECT_THAT(exo_.Requests(), Not(Contains("POST /place_instance")));
}

TEST_F(LaunchExo, OtherNodesThanThePlansAreNotAskedFor) {
  exo_.previews()["previews"].erase(1);  // one node is left
  ExpectTakenBack(Launch(), "other nodes than the plan");
  EXPECT_THAT(exo_.Requests(), ElementsAre("GET /state", "GET /instance/previews"));
}

TEST_F(LaunchExo, AnAnswerThatGotLostLeavesNothing) {
  exo_.lose_answers = true;
  const Ran ran = Launch();
  ExpectTakenBack(ran, "taken back: deleted instance");
  EXPECT_THAT(exo_.Requests(), Contains(HasSubstr("DELETE /instance/")));
}

TEST_F(LaunchExo, AnErrorThatMadeTheInstanceAllTheSameLeavesNothing) {
  exo_.create_status = 500;
  exo_.created_anyway = true;
  ExpectTakenBack(Launch(), "HTTP 500");
  EXPECT_THAT(exo_.Requests(), Not(Contains("POST /place_instance")));
}

TEST_F(LaunchExo, WhatAppearsAfterTheTimeoutIsTakenBack) {
  exo_.appears_after = std::chrono::seconds(3);
  ExpectTakenBack(Launch({"--timeout", "1"}), "not ready after 1 s");
}

TEST_F(LaunchExo, WhatNeverAppearsIsNamedWithWhatWouldRemoveIt) {
  exo_.appears_after = std::chrono::hours(1);
  const Ran ran = Launch({"--timeout", "1"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("may be left"), HasSubstr("curl -X DELETE " + exo_.url())));
  // It stays on record until somebody forgets it.
  EXPECT_THAT(Status().at("launches"), SizeIs(1));
  EXPECT_EQ(Planner({"status", "--forget", exo_.url()}, Environment()).exit_code, 0);
  EXPECT_THAT(Status().at("launches"), IsEmpty());
}

// An EXO without previews does not say whose an instance is.
TEST_F(LaunchExo, WhatExoPlacedIsNeverDeletedAndSaid) {
  json& previews = exo_.previews()["previews"];
  exo_.placed = previews.at(0).at("instance");  // one node, not two
  previews = json::array();
  const std::string id = exo_.placed.begin().value().at("instanceId");
  for (const bool lost : {false, true}) {
    exo_.state()["instances"] = json::object();
    exo_.lose_answers = lost;
    const Ran ran = Launch();
    EXPECT_EQ(ran.exit_code, 1);
    EXPECT_THAT(ran.err, AllOf(HasSubstr("does not say who asked for it"),
                               HasSubstr("curl -X DELETE " + exo_.url() + "/instance/" + id)));
    EXPECT_EQ(exo_.instances(), 1u);
  }
  EXPECT_THAT(exo_.Requests(), Not(Contains(HasSubstr("DELETE"))));
}

TEST_F(LaunchExo, ARunnerThatFailsIsTakenBack) {
  exo_.runner = {
      {"RunnerFailed", {{"errorMessage", "out of memory"}, {"diagnostics", json::array()}}}};
  const Ran ran = Launch();
  ExpectTakenBack(ran, "out of memory");
  EXPECT_THAT(ran.err, HasSubstr("taken back: deleted instance"));
}

TEST_F(LaunchExo, WhatIsNeverReadyIsTakenBack) {
  exo_.runner = {{"RunnerLoading", {{"layersLoaded", 1}, {"totalLayers", 36}}}};
  ExpectTakenBack(Launch({"--timeout", "2"}), "not ready after 2 s");
}

TEST_F(LaunchExo, CtrlCTakesItBack) {
  exo_.runner = {{"RunnerWarmingUp", json::object()}};
  std::string command = "env XDG_STATE_HOME=" + directory_ + " " + CAPACITY_PLANNER;
  for (const std::string& word : Arguments({"--yes"})) command += " " + word;
  for (const int wait : {0, 3}) {  // seconds until the instance appears; Ctrl-C comes before
    exo_.appears_after = std::chrono::seconds(wait);
    e2e::Program launch(command, directory_ + "/launch.log");
    const auto asked = [&] {
      const std::vector<std::string> requests = exo_.Requests();
      return wait == 0 ? exo_.instances() > 0
                       : std::count(requests.begin(), requests.end(), "POST /instance") == 2;
    };
    for (int i = 0; i < 600 && !asked(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    EXPECT_EQ(launch.End(SIGINT), 3);
    EXPECT_EQ(exo_.instances(), 0u);
    EXPECT_THAT(e2e::ReadFile(directory_ + "/launch.log"),
                HasSubstr("taken back: deleted instance"));
    EXPECT_THAT(Status().at("launches"), IsEmpty());
  }
}

TEST_F(LaunchExo, TheSecondCtrlCEndsTheLookingAndNamesWhatMayBeLeft) {
  exo_.appears_after = std::chrono::hours(1);
  std::string command = "env XDG_STATE_HOME=" + directory_ + " " + CAPACITY_PLANNER;
  for (const std::string& word : Arguments({"--yes"})) command += " " + word;
  e2e::Program launch(command, directory_ + "/launch.log");
  for (int i = 0; i < 600 && exo_.BodyOf("/instance").empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  const auto start = std::chrono::steady_clock::now();
  launch.Signal(SIGINT);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  EXPECT_EQ(launch.End(SIGINT), 3);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(12));
  EXPECT_THAT(e2e::ReadFile(directory_ + "/launch.log"),
              AllOf(HasSubstr("may be left: interrupted"), HasSubstr("curl -X DELETE")));
}

TEST_F(LaunchExo, AnInstanceThatRunsAlreadyIsLeftAlone) {
  exo_.state()["instances"] = json::parse(Data("exo-state.json"))["instances"];
  const Ran ran = Launch();
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("already"));
  EXPECT_EQ(exo_.instances(), 1u);
  EXPECT_THAT(exo_.Requests(), ElementsAre("GET /state"));
}

TEST_F(LaunchExo, ANodeThatExoDoesNotHaveIsNamed) {
  exo_.state()["nodeIdentities"][kTwo]["friendlyName"] = "Somebody Else";
  const Ran ran = Launch();
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("EXO does not have ultra-2"), HasSubstr("Somebody Else")));
  EXPECT_THAT(exo_.Requests(), ElementsAre("GET /state"));
}

TEST_F(LaunchExo, WhatMakesNoSenseEndsIt) {
  for (const char* text : {"", "{", "<html>", "[]", R"({"instances": {}})"}) {
    exo_.broken_state = text[0] == '\0' ? " " : text;
    const Ran ran = Launch();
    EXPECT_EQ(ran.exit_code, 1) << text;
    EXPECT_THAT(ran.err, HasSubstr("the state")) << text;
  }
  EXPECT_THAT(exo_.Requests(), Each("GET /state"));
}

TEST_F(LaunchExo, NobodyThereIsSaid) {
  const int nobody = e2e::FreePort();
  const Ran ran = Planner({"launch", "--model", "gpt-oss-120b", "--engine", "exo", "--quant",
                           "mlx-mxfp4-q8", "--nodes", "ultra-1", "--inventory", inventory_,
                           "--address", "ultra-1=127.0.0.1:" + std::to_string(nobody), "--yes"},
                          Environment());
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr(std::to_string(nobody)));
}

// ---------------------------------------------------------------- llama.cpp

// An RPC server as far as hello, of this version.
class FakeRpc {
 public:
  explicit FakeRpc(unsigned char major) : major_(major) {
    socket_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    listen(socket_, 16);
    socklen_t size = sizeof address;
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~FakeRpc() {
    stopping_ = true;
    thread_.join();
    close(socket_);
  }
  FakeRpc(const FakeRpc&) = delete;
  FakeRpc& operator=(const FakeRpc&) = delete;
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  // Versions up to 3 take a hello without a body and answer with three bytes.
  void Serve() {
    // Looks up now and then: what wakes accept() on one system does not on another.
    while (!stopping_) {
      pollfd ready{socket_, POLLIN, 0};
      if (poll(&ready, 1, 20) <= 0) continue;
      const int client = accept(socket_, nullptr, nullptr);
      if (client < 0) continue;
      unsigned char head[9] = {};
      recv(client, head, sizeof head, MSG_WAITALL);
      const std::size_t wanted = major_ > 3 ? 24 : 0;
      if (head[0] == 14 && head[1] == wanted) {
        const unsigned char answer[] = {
            static_cast<unsigned char>(major_ > 3 ? 4 : 3), 0, 0, 0, 0, 0, 0, 0, major_, 0, 0, 0};
        send(client, answer, major_ > 3 ? 12 : 11, MSG_NOSIGNAL);
      }
      close(client);
    }
  }

  const unsigned char major_;
  int socket_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

class LaunchLlama : public Carried {
 protected:
  LaunchLlama() : weights_(TempFile("weights", ".gguf")), port_(e2e::FreePort()) {
    modelfile::GgufWriter weights("llama");  // as far as anybody here looks: Llama 3.1 8B
    weights.Count("*.block_count", 32).Count("*.embedding_length", 4096);
    weights.Count("*.attention.head_count", 32).Count("*.attention.head_count_kv", 8);
    weights.Tensor("token_embd.weight", {4096, 128256}, 0);
    for (int i = 0; i < 32; ++i) {
      const std::string block = "blk." + std::to_string(i);
      weights.Tensor(block + ".attn_k.weight", {4096, 1024}, 0);
      weights.Tensor(block + ".attn_v.weight", {4096, 1024}, 0);
    }
    std::ofstream(weights_, std::ios::binary) << weights.Header();
    std::filesystem::resize_file(weights_, weights.size());
  }

  std::string Program(const std::string& script) {
    const std::string file = directory_ + "/fake-llama-server";
    std::ofstream(file) << "#!/bin/sh\n" << script << "\n";
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    return file;
  }
  // On one node that is this machine, or on two with these addresses.
  Ran Launch(const std::string& script, const std::vector<std::string>& more = {}) {
    return LaunchProgram(Program(script), more);
  }
  Ran LaunchProgram(const std::string& program, const std::vector<std::string>& more) {
    return Planner(Words(program, more), Environment());
  }
  std::vector<std::string> Words(const std::string& program,
                                 const std::vector<std::string>& more) const {
    return std::vector<std::string>{"launch",
                                    "--model",
                                    "llama-3.1-8b",
                                    "--quant",
                                    "q8_0",
                                    "--engine",
                                    "llama.cpp",
                                    "--inventory",
                                    inventory_,
                                    "--file",
                                    weights_,
                                    "--listen",
                                    "127.0.0.1:" + std::to_string(port_),
                                    "--yes",
                                    "--llama-server",
                                    program} +
           more;
  }
  std::vector<std::string> Here() const { return {"--nodes", "ultra-1", "--here", "ultra-1"}; }
  static std::vector<std::string> Both(const std::string& one, const std::string& two) {
    return {"--nodes",   "ultra-1,ultra-2", "--strategy", "pipeline",
            "--address", "ultra-1=" + one,  "--address",  "ultra-2=" + two};
  }
  static bool Runs(const std::string& pid_file) {
    std::ifstream in(pid_file);
    pid_t id = 0;
    in >> id;
    return id > 0 && kill(id, 0) == 0;
  }

  std::string weights_;
  int port_;
};

TEST_F(LaunchLlama, AServerThatEndsAtOnceIsSaidWithItsLastWords) {
  const Ran ran = Launch("echo 'error: cannot load the model' >&2; exit 7", Here());
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("ended with 7"), HasSubstr("cannot load the model"),
                             HasSubstr("taken back")));
  EXPECT_THAT(Status().at("launches"), IsEmpty());
}

TEST_F(LaunchLlama, AServerThatIsNeverReadyIsStopped) {
  const std::string pid = directory_ + "/pid";
  const Ran ran = Launch("echo $$ >" + pid + "; exec sleep 1000",
                         Here() + std::vector<std::string>{"--timeout", "1"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("not ready after 1 s"));
  EXPECT_FALSE(Runs(pid));
}

TEST_F(LaunchLlama, AServerThatIgnoresSigtermIsKilled) {
  const std::string pid = directory_ + "/pid";
  const Ran ran = Launch("trap '' TERM; echo $$ >" + pid + "; while :; do sleep 0.2; done",
                         Here() + std::vector<std::string>{"--timeout", "1"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_FALSE(Runs(pid));
}

// A launch that is interrupted while the server loads; `ends` are the signals that it gets.
class InterruptedLaunch : public LaunchLlama {
 protected:
  // Its exit code, once the server has written its process id.
  int Interrupt(const std::string& script, const std::vector<int>& ends) {
    const std::string program = Program("echo $$ >" + pid() + "; " + script);
    std::string command = "env XDG_STATE_HOME=" + directory_ + " " + CAPACITY_PLANNER;
    for (const std::string& word : Words(program, Here())) command += " " + word;
    e2e::Program launch(command, directory_ + "/launch.log");
    for (int i = 0; i < 600 && !Runs(pid()); ++i) Nap();
    EXPECT_TRUE(Runs(pid())) << e2e::ReadFile(directory_ + "/launch.log");
    WhileItLoads();
    for (std::size_t i = 0; i + 1 < ends.size(); ++i) {
      launch.Signal(ends[i]);
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
    return launch.End(ends.back());
  }
  std::string pid() const { return directory_ + "/pid"; }
  pid_t server() const {
    std::ifstream in(pid());
    pid_t id = 0;
    in >> id;
    return id;
  }
  static void Nap() { std::this_thread::sleep_for(std::chrono::milliseconds(50)); }

  std::function<void()> WhileItLoads = [] {};
};

TEST_F(InterruptedLaunch, AClosedTerminalStopsTheServer) {
  EXPECT_EQ(Interrupt("exec sleep 1000", {SIGHUP}), 3);
  EXPECT_FALSE(Runs(pid()));
  EXPECT_THAT(Status().at("launches"), IsEmpty());
}

TEST_F(InterruptedLaunch, TheSecondCtrlCKillsTheServerAtOnce) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(Interrupt("trap '' TERM; while :; do sleep 0.2; done", {SIGINT, SIGINT}), 3);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(9));
  EXPECT_FALSE(Runs(pid()));
}

TEST_F(InterruptedLaunch, StatusKnowsOfAServerThatLoads) {
  WhileItLoads = [this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));  // of the record's second writing
    const json launches = Status().at("launches");
    ASSERT_THAT(launches, SizeIs(1));
    EXPECT_EQ(launches.at(0).at("state"), "loading");
    EXPECT_EQ(launches.at(0).at("plan").at("model"), "llama-3.1-8b");
    // Nothing that befalls this terminal reaches it.
    EXPECT_EQ(getsid(server()), server());
  };
  EXPECT_EQ(Interrupt("exec sleep 1000", {SIGINT}), 3);
}

TEST_F(InterruptedLaunch, ARecordOutlivesAPlannerThatIsKilledAndNotItsServer) {
  WhileItLoads = [this] {  // the record knows the process a moment after it started
    const auto known = [this] {
      const json launches = Status().at("launches");
      return launches.size() == 1 && launches.at(0).at("state") == "loading";
    };
    for (int i = 0; i < 100 && !known(); ++i) Nap();
  };
  EXPECT_EQ(Interrupt("exec sleep 1000", {SIGKILL}), 128 + SIGKILL);
  ASSERT_TRUE(Runs(pid()));
  EXPECT_THAT(Status().at("launches"), SizeIs(1));
  kill(server(), SIGKILL);
  for (int i = 0; i < 100 && Runs(pid()); ++i) Nap();
  const Ran ran = Planner({"status"}, Environment());
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.err, HasSubstr("its record is dropped"));
  EXPECT_THAT(Status().at("launches"), IsEmpty());
}

// Ctrl-C, as a key of a terminal, at the question.
TEST_F(LaunchLlama, CtrlCAtTheQuestionIsANo) {
  std::vector<std::string> words = Words("/nowhere/x", Here());
  words.erase(std::find(words.begin(), words.end(), "--yes"));
  words.insert(words.begin(), CAPACITY_PLANNER);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string state = "XDG_STATE_HOME=" + directory_;
  int terminal = -1;
  const pid_t id = forkpty(&terminal, nullptr, nullptr, nullptr);
  ASSERT_GE(id, 0);
  if (id == 0) {
    putenv(const_cast<char*>(state.c_str()));
    execv(argv.front(), argv.data());
    _exit(127);
  }
  std::string shown;
  char some[4096];
  for (ssize_t got = 1; got > 0 && shown.find("[y/N]") == std::string::npos;) {
    got = read(terminal, some, sizeof some);
    if (got > 0) shown.append(some, static_cast<std::size_t>(got));
  }
  EXPECT_THAT(shown, HasSubstr("Do this? [y/N]"));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(write(terminal, "\x03", 1), 1);
  while (read(terminal, some, sizeof some) > 0) {
  }
  int status = 0;
  EXPECT_EQ(waitpid(id, &status, 0), id);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 3);
  close(terminal);
}

TEST_F(LaunchLlama, APortThatIsTakenIsNotAsked) {
  const TestServer other(
      [](const Asked&, Connection& connection) { connection.Reply(200, R"({"status": "ok"})"); });
  port_ = other.port();
  const Ran ran = Launch("exec sleep 1000", Here());
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("something listens at"));
  EXPECT_THAT(other.asked(), IsEmpty());
}

TEST_F(LaunchLlama, AProgramThatIsNotThereIsSaid) {
  const Ran ran = LaunchProgram("/nowhere/x", Here());
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("/nowhere/x is not there"));
}

TEST_F(LaunchLlama, RpcServersOfDifferentVersionsAreRefused) {
  const FakeRpc one(8);
  const FakeRpc two(3);
  const Ran ran = Launch("exit 1", Both(one.address(), two.address()));
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("speak versions"));
}

TEST_F(LaunchLlama, AnAbsentRpcServerIsNamedAndNothingStarts) {
  const FakeRpc one(8);
  const std::string nobody = "127.0.0.1:" + std::to_string(e2e::FreePort());
  const std::string started = directory_ + "/started";
  const Ran ran = Launch("touch " + started, Both(one.address(), nobody));
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("the RPC server at " + nobody));
  EXPECT_FALSE(std::filesystem::exists(started));
}

TEST_F(LaunchLlama, WhatAnswersButSpeaksNoRpcIsSaid) {
  const TestServer web([](const Asked&, Connection& connection) { connection.Reply(400, "{}"); });
  const FakeRpc one(8);
  const Ran ran = Launch("exit 1", Both(one.address(), "127.0.0.1:" + std::to_string(web.port())));
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("the RPC server at"));
}

// ---------------------------------------------------------------- refusals

TEST_F(LaunchLlama, NothingIsDoneWithoutConsentOrWhatItNeeds) {
  const std::vector<std::string> launch = {"launch",   "--model",  "llama-3.1-8b", "--quant",
                                           "q8_0",     "--engine", "llama.cpp",    "--inventory",
                                           inventory_, "--nodes",  "ultra-1"};
  const auto refused = [&](const std::vector<std::string>& more) {
    const Ran ran = Planner(launch + more, Environment());
    EXPECT_EQ(ran.exit_code, 2) << ran.out;
    EXPECT_EQ(ran.out, "");
    return ran.err;
  };
  const std::vector<std::string> file = {"--file", weights_};
  EXPECT_THAT(refused(file + std::vector<std::string>{"--here", "ultra-1"}), HasSubstr("--yes"));
  EXPECT_THAT(refused({"--yes", "--here", "ultra-1"}), HasSubstr("--file"));
  EXPECT_THAT(refused({"--yes", "--here", "ultra-1", "--file", "/nowhere.gguf"}),
              HasSubstr("is not there"));
  std::ofstream(directory_ + "/none.gguf") << "GGML";
  EXPECT_THAT(refused({"--yes", "--here", "ultra-1", "--file", directory_ + "/none.gguf"}),
              AllOf(HasSubstr("--file"), HasSubstr("none.gguf: byte 0")));
  std::filesystem::copy_file(weights_, directory_ + "/cut.gguf");
  std::filesystem::resize_file(directory_ + "/cut.gguf", 100);
  EXPECT_THAT(refused({"--yes", "--here", "ultra-1", "--file", directory_ + "/cut.gguf"}),
              HasSubstr("cut.gguf: byte"));
  const Ran other = Planner({"launch", "--model", "llama-3.3-70b", "--inventory", inventory_,
                             "--here", "ultra-1", "--file", weights_, "--dry-run"},
                            Environment());
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("holds 32 layers of 4096; llama-3.3-70b has 80 of 8192"));
  EXPECT_THAT(refused(file + std::vector<std::string>{"--yes"}), HasSubstr("--here ultra-1"));
  EXPECT_THAT(refused(file + std::vector<std::string>{"--yes", "--here", "ultra-2"}),
              HasSubstr("no part in this placement"));
  EXPECT_THAT(refused(file + std::vector<std::string>{"--yes", "--here", "ultra-1", "--api-key-env",
                                                      "NO_SUCH_VARIABLE"}),
              HasSubstr("NO_SUCH_VARIABLE"));
}

TEST_F(Carried, EnginesThatNeedOtherMachinesAreOnlyShown) {
  const Ran ran = Planner(
      {"launch", "--model", "gpt-oss-120b", "--engine", "mlx", "--inventory", inventory_, "--yes"},
      Environment());
  EXPECT_EQ(ran.exit_code, 4);
  EXPECT_EQ(ran.out, "");
  EXPECT_THAT(ran.err, HasSubstr("ssh"));
}

// ---------------------------------------------------------------- status

TEST_F(Carried, StatusFindsWhatNobodyPlanned) {
  const TestServer llama([](const Asked& asked, Connection& connection) {
    if (asked.path == "/health") return connection.Reply(200, R"({"status": "ok"})");
    if (asked.path == "/props") return connection.Reply(200, Data("llama-props.json"));
    if (asked.path == "/slots") return connection.Reply(200, Data("llama-slots.json"));
    connection.Reply(404, "{}");
  });
  FakeExo exo;
  exo.state() = json::parse(Data("exo-state.json"));
  const Ran ran = Planner({"status", "--url", "127.0.0.1:" + std::to_string(llama.port()), "--url",
                           exo.url(), "--output", "json"},
                          Environment());
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const json document = Parsed(ran);
  ExpectSchema(document);
  EXPECT_FALSE(document.at("agrees").get<bool>());
  ASSERT_THAT(document.at("launches"), SizeIs(2));
  std::vector<std::string> engines;
  for (const json& one : document.at("launches")) {
    EXPECT_TRUE(one.at("plan").is_null());
    engines.push_back(one.at("engine"));
  }
  EXPECT_THAT(engines, ::testing::UnorderedElementsAre("llama.cpp", "exo"));
}

TEST_F(Carried, StatusComparesWithAPlanThatIsNamed) {
  const TestServer llama([](const Asked& asked, Connection& connection) {
    if (asked.path == "/health") return connection.Reply(200, R"({"status": "ok"})");
    if (asked.path == "/props") return connection.Reply(200, Data("llama-props.json"));
    connection.Reply(501, R"({"error": {"message": "This server does not support slots"}})");
  });
  const Ran ran = Planner(
      {"status", "--model", "llama-3.1-8b", "--quant", "q8_0", "--engine", "llama.cpp", "--nodes",
       "ultra-1", "--inventory", inventory_, "--context", "4096", "--parallel", "2", "--file",
       "/models/gqa.gguf", "--listen", "127.0.0.1:" + std::to_string(llama.port())},
      Environment());
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("differs"),
                             HasSubstr("context of one stream: planned 4096, runs with 2048"),
                             Not(HasSubstr("streams: planned"))));
}

TEST_F(Carried, StatusTellsAnotherModelFromThePlans) {
  json props = json::parse(Data("llama-props.json"));
  props["model_alias"] = "totally-other";
  props["model_path"] = "/models/other-model.gguf";
  const TestServer llama([&](const Asked& asked, Connection& connection) {
    if (asked.path == "/health") return connection.Reply(200, R"({"status": "ok"})");
    if (asked.path == "/props") return connection.Reply(200, props.dump());
    connection.Reply(404, "{}");
  });
  const std::vector<std::string> question = {"status",
                                             "--model",
                                             "llama-3.1-8b",
                                             "--quant",
                                             "q8_0",
                                             "--engine",
                                             "llama.cpp",
                                             "--nodes",
                                             "ultra-1",
                                             "--inventory",
                                             inventory_,
                                             "--context",
                                             "2048",
                                             "--parallel",
                                             "2",
                                             "--listen",
                                             "127.0.0.1:" + std::to_string(llama.port())};
  EXPECT_THAT(Planner(question, Environment()).out,
              AllOf(HasSubstr("differs"),
                    HasSubstr("model: planned llama-3.1-8b, runs with totally-other")));
  props["model_alias"] = "other-model.gguf";
  EXPECT_THAT(Planner(question, Environment()).out,
              HasSubstr("other-model.gguf, which may be it or another"));
  props["model_alias"] = props["model_path"] = "Meta-Llama-3.1-8B-Instruct-Q8_0.gguf";
  EXPECT_THAT(Planner(question, Environment()).out, HasSubstr("as planned"));
}

TEST_F(Carried, WhereNobodyAnswersStatusSaysSo) {
  const std::string nobody = "127.0.0.1:" + std::to_string(e2e::FreePort());
  const Ran ran = Planner({"status", "--url", nobody}, Environment());
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("http://" + nobody + ": no EXO and no llama-server answers"),
                             Not(HasSubstr("planned"))));
}

TEST_F(Carried, OnlyWhatWasLaunchedIsForgotten) {
  const Ran ran = Planner({"status", "--forget", "127.0.0.1:1"}, Environment());
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_EQ(ran.out, "");
  EXPECT_THAT(ran.err, HasSubstr("nothing was launched at http://127.0.0.1:1"));
  EXPECT_EQ(Planner({"status", "--forget", "127.0.0.1:1", "--model", "qwen3-8b"}, Environment())
                .exit_code,
            2);
}

TEST_F(Carried, ARecordThatIsNoneIsSaid) {
  std::filesystem::create_directories(directory_ + "/capacity-planner");
  std::ofstream(directory_ + "/capacity-planner/launches.json") << "{}";
  const Ran ran = Planner({"status"}, Environment());
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.err, HasSubstr("launches.json"));
}

TEST_F(Carried, NothingLaunchedIsAnAnswer) {
  const Ran ran = Planner({"status"}, Environment());
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.out, HasSubstr("Nothing was launched"));
}

}  // namespace
}  // namespace capacity
