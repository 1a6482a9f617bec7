// The real node-agent, as a person runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "nlohmann/json.hpp"
#include "tests/support/json_schema.h"
#include "tests/support/program.h"

namespace capacity {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

testing::Ran Agent(const std::vector<std::string>& arguments,
                   const std::vector<std::string>& environment = {"PATH=/usr/bin:/bin"}) {
  return testing::Planner(arguments, environment);  // runs the program it was built with
}

std::string Fixture(const std::string& name) {
  return std::string(CAPACITY_SOURCE_DIR "/tests/node-agent/captures/") + name;
}

std::string FreshPath(const std::string& name) {
  const std::string path = ::testing::TempDir() + name + "-" + std::to_string(getpid());
  fs::remove_all(path);
  return path;
}

json Schema(const std::string& name) {
  std::ifstream file(CAPACITY_SOURCE_DIR "/inventories/schema/output/" + name + ".schema.json");
  return json::parse(file);
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

// What two reports of one machine may differ in.
json WithoutIdentifiers(json report) {
  for (const char* key : {"taken_at_unix_ms", "hostname"}) report.erase(key);
  for (json& port : report["ports"]) {
    for (const char* key : {"addresses", "domain", "peer_domain"}) port.erase(key);
  }
  report["memory"].erase("available_bytes");
  return report;
}

TEST(NodeAgent, ReportsThisMachineInTheSchema) {
  const testing::Ran ran = Agent({"report", "--print", "--output", "json"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const json report = json::parse(ran.out);
  EXPECT_THAT(testing::SchemaViolations(Schema("node-report"), report), IsEmpty());
  EXPECT_EQ(report.at("schema"), "capacity-planner/node-report/v1");
  EXPECT_GT(report.at("processor").at("logical_cores"), 0);
  EXPECT_GT(report.at("memory").at("visible_bytes"), 1 << 20);
}

TEST(NodeAgent, EveryCaptureReportsInTheSchemaAndFitsAPage) {
  for (const auto& entry : fs::directory_iterator(Fixture(""))) {
    const std::string name = entry.path().filename().string();
    const testing::Ran data =
        Agent({"report", "--from", entry.path().string(), "--output", "json"});
    ASSERT_EQ(data.exit_code, 0) << name << data.err;
    EXPECT_THAT(testing::SchemaViolations(Schema("node-report"), json::parse(data.out)), IsEmpty())
        << name;
    const testing::Ran text = Agent({"report", "--print", "--from", entry.path().string()});
    EXPECT_EQ(text.exit_code, 0) << name;
    EXPECT_THAT(text.out, Not(HasSubstr("\033"))) << name;
    ExpectFits(text.out);
    const testing::Ran advice =
        Agent({"doctor", "--from", entry.path().string(), "--output", "json"});
    EXPECT_THAT(testing::SchemaViolations(Schema("node-doctor"), json::parse(advice.out)),
                IsEmpty())
        << name;
  }
}

TEST(NodeAgent, ACaptureReportsWhatTheMachineReports) {
  const std::string directory = FreshPath("capture");
  const testing::Ran captured = Agent({"capture", "--out", directory});
  ASSERT_EQ(captured.exit_code, 0) << captured.err;
  const testing::Ran live = Agent({"report", "--output", "json"});
  const testing::Ran replayed = Agent({"report", "--from", directory, "--output", "json"});
  EXPECT_EQ(WithoutIdentifiers(json::parse(live.out)),
            WithoutIdentifiers(json::parse(replayed.out)));
}

// A machine made of scripts: what its tools print is known, so is what must not be in the capture.
TEST(NodeAgent, ACaptureHoldsNoIdentifier) {
  const fs::path tools = FreshPath("tools");
  fs::create_directories(tools);
  const auto tool = [&tools](const std::string& name, const std::string& output) {
    std::ofstream(tools / name) << "#!/bin/sh\ncat <<'END'\n" << output << "\nEND\n";
    fs::permissions(tools / name, fs::perms::owner_all);
  };
  tool("nvidia-smi",
       "index, name, driver_version, memory.total [MiB], memory.used [MiB], power.limit [W], "
       "temperature.gpu, mig.mode.current\n0, NVIDIA L40S, 595.80, 46068 MiB, 0 MiB, 350.00 W, 30, "
       "N/A");
  tool("ip", R"([{"ifname":"eth7","operstate":"UP","address":"a4:83:e7:12:34:56","addr_info":[)"
             R"({"family":"inet","local":"192.168.77.5","scope":"global"}]}])");
  tool("uname", "Linux carols-box 6.1.0 #1 SMP x86_64 GNU/Linux");
  const std::vector<std::string> environment = {"PATH=" + tools.string() + ":/usr/bin:/bin",
                                                "USER=carol"};
  const std::string directory = FreshPath("redacted");
  ASSERT_EQ(Agent({"capture", "--out", directory, "--salt", "s"}, environment).exit_code, 0);
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path());
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    for (const char* secret : {"a4:83:e7:12:34:56", "192.168.77.5", "carols-box"}) {
      EXPECT_THAT(text, Not(HasSubstr(secret))) << entry.path();
    }
  }
  const json live = json::parse(Agent({"report", "--output", "json"}, environment).out);
  EXPECT_EQ(live.at("accelerators").at(0).at("name"), "NVIDIA L40S");
  EXPECT_EQ(live.at("identity").at("chip"), "l40s");
  const json replayed = json::parse(Agent({"report", "--from", directory, "--output", "json"}).out);
  EXPECT_EQ(WithoutIdentifiers(live), WithoutIdentifiers(replayed));
}

TEST(NodeAgent, ACaptureNeverOverwrites) {
  const std::string directory = FreshPath("occupied");
  fs::create_directories(directory);
  std::ofstream(directory + "/mine") << "mine";
  const testing::Ran ran = Agent({"capture", "--out", directory});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.out, IsEmpty());
  EXPECT_THAT(ran.err, HasSubstr("exists and is not empty"));
  EXPECT_EQ(std::distance(fs::directory_iterator(directory), fs::directory_iterator()), 1);
}

TEST(NodeAgent, BadArgumentsAreAnsweredOnStderrWithTwo) {
  struct Case {
    std::vector<std::string> arguments;
    const char* says;
  };
  for (const Case& one :
       {Case{{}, "node-agent report"}, Case{{"frobnicate"}, "frobnicate"},
        Case{{"report", "--output", "xml"}, "xml"},
        Case{{"report", "--from", "/no/such/capture"}, "no such directory"},
        Case{{"capture"}, "--out"}, Case{{"doctor", "--from", Fixture("")}, "is no capture"}}) {
    const testing::Ran ran = Agent(one.arguments);
    EXPECT_EQ(ran.exit_code, 2) << one.says;
    EXPECT_THAT(ran.out, IsEmpty()) << one.says;
    EXPECT_THAT(ran.err, HasSubstr(one.says));
  }
}

TEST(NodeAgent, WithoutACatalogueItStillReports) {
  const testing::Ran ran = Agent({"report", "--from", Fixture("spark-dell"), "--output", "json"},
                                 {"CAPACITY_PLANNER_DATA=/no/such/place"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(json::parse(ran.out).at("identity").at("why").get<std::string>(),
              HasSubstr("cannot be read"));
}

TEST(NodeAgent, HelpHasExamplesAndVersionIsANumber) {
  for (const char* command : {"report", "capture", "doctor"}) {
    EXPECT_THAT(Agent({command, "--help"}).out, HasSubstr(std::string("node-agent ") + command));
  }
  EXPECT_THAT(Agent({"--version"}).out, HasSubstr("0.1"));
}

TEST(NodeAgent, DoctorSaysByItsExitCodeThatThereIsSomethingToDo) {
  const testing::Ran ran = Agent({"doctor", "--from", Fixture("mac-m5-max-rdma-disabled")});
  EXPECT_EQ(ran.exit_code, 3);
  EXPECT_THAT(ran.out, HasSubstr("rdma_ctl enable"));
  ExpectFits(ran.out);
  EXPECT_EQ(Agent({"doctor", "--from", Fixture("linux-vm-no-gpu")}).exit_code, 0);
}

}  // namespace
}  // namespace capacity
