// The real node-agent, as a person runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
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
using ::testing::StartsWith;

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

// Executables that print what is given, in a directory to be put in front of the PATH.
std::vector<std::string> ToolsThatPrint(const std::string& name,
                                        const std::map<std::string, std::string>& outputs) {
  const fs::path tools = FreshPath(name);
  fs::create_directories(tools);
  for (const auto& [tool, output] : outputs) {
    std::ofstream(tools / tool) << "#!/bin/sh\ncat <<'END'\n" << output << "\nEND\n";
    fs::permissions(tools / tool, fs::perms::owner_all);
  }
  return {"PATH=" + tools.string() + ":/usr/bin:/bin", "USER=carol"};
}

std::string AllOfIt(const std::string& directory) {
  std::string all;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    std::ifstream file(entry.path());
    if (entry.is_regular_file()) all.append(std::istreambuf_iterator<char>(file), {});
  }
  return all;
}

// Two Macs at one cable: each sees the other's name, and the captures still pair.
TEST(NodeAgent, ACaptureHoldsNoNameOfTheOtherComputer) {
  const auto mac = [](const std::string& own, const std::string& peer, const std::string& domain,
                      const std::string& peer_domain) -> std::map<std::string, std::string> {
    return {
        {"uname", "Darwin " + own + ".fritz.box 25.2.0 root:xnu arm64"},
        {"sw_vers", "ProductName: macOS\nProductVersion: 26.2\nBuildVersion: 25C56"},
        {"sysctl", "hw.model: Mac15,14\nmachdep.cpu.brand_string: Apple M3 Ultra\nkern.hostname: " +
                       own + ".fritz.box"},
        {"system_profiler",
         R"({"SPThunderboltDataType":[{"_items":[{"_name":")" + peer +
             R"(","device_name_key":"Mac15,14","domain_uuid_key":")" + peer_domain +
             R"("}],"_name":"thunderboltusb4_bus_1","device_name_key":")" + own +
             R"(","domain_uuid_key":")" + domain +
             R"(","receptacle_1_tag":{"current_speed_key":"80 Gb/s","receptacle_id_key":"2",)"
             R"("receptacle_status_key":"receptacle_connected"}},{"_items":[{"_name":"Mac Studio",)"
             R"("device_name_key":"Mac15,14","domain_uuid_key":"A1B2C3D4-CCCC-2222-3333-444455556666"}],)"
             R"("_name":"thunderboltusb4_bus_2","domain_uuid_key":"A1B2C3D4-DDDD-2222-3333-444455556666"}]})"}};
  };
  const std::string a_domain = "A1B2C3D4-AAAA-2222-3333-444455556666";
  const std::string b_domain = "A1B2C3D4-BBBB-2222-3333-444455556666";
  const std::string a = FreshPath("mac-a");
  const std::string b = FreshPath("mac-b");
  const auto a_tools = ToolsThatPrint("a-tools", mac("Annas-Mac", "Johns-Mac", a_domain, b_domain));
  const auto b_tools = ToolsThatPrint("b-tools", mac("Johns-Mac", "Annas-Mac", b_domain, a_domain));
  ASSERT_EQ(Agent({"capture", "--out", a, "--salt", "s"}, a_tools).exit_code, 0);
  ASSERT_EQ(Agent({"capture", "--out", b, "--salt", "s"}, b_tools).exit_code, 0);
  for (const std::string& directory : {a, b}) {
    const std::string all = AllOfIt(directory);
    for (const char* secret : {"Annas", "Johns", a_domain.c_str(), "fritz.box"}) {
      EXPECT_THAT(all, Not(HasSubstr(secret))) << directory;
    }
    EXPECT_THAT(all, HasSubstr("\"Mac Studio\"")) << "a model's name tells nothing of anybody";
  }
  const json of_a = json::parse(Agent({"report", "--from", a, "--output", "json"}).out);
  const json of_b = json::parse(Agent({"report", "--from", b, "--output", "json"}).out);
  EXPECT_EQ(of_a.at("ports").at(0).at("peer_domain"), of_b.at("ports").at(0).at("domain"));
  const std::string peer = of_a.at("ports").at(0).at("peer_name");
  EXPECT_THAT(peer, StartsWith("host-"));
  EXPECT_THAT(AllOfIt(b), HasSubstr(peer)) << "the same name everywhere";
  json live = json::parse(Agent({"report", "--output", "json"}, a_tools).out);
  json replayed = of_a;
  for (json* report : {&live, &replayed}) {
    for (json& port : report->at("ports")) port.erase("peer_name");
    report->at("machine").erase("product");  // here the computer's own name
  }
  EXPECT_EQ(WithoutIdentifiers(live).at("ports"), WithoutIdentifiers(replayed).at("ports"));
  EXPECT_THAT(Agent({"doctor", "--from", a, "--from", b}).out, HasSubstr("takes 1 cable; 1 is"));
}

// Of the other end of a cable: one that gives no name, and one whose offer the port contradicts.
TEST(NodeAgent, APortTellsWhoIsAtItsOtherEnd) {
  const auto bus = [](const std::string& receptacle, const std::string& peer) {
    return R"({"domain_uuid_key":"A)" + receptacle + R"(","_items":[{)" + peer +
           R"("domain_uuid_key":"B)" + receptacle +
           R"("}],"receptacle_1_tag":{"current_speed_key":"80 Gb/s","receptacle_id_key":")" +
           receptacle + R"(","receptacle_status_key":"receptacle_connected"}})";
  };
  const auto tools = ToolsThatPrint(
      "ends-tools",
      {{"uname", "Darwin mac 25.2.0 root:xnu arm64"},
       {"sw_vers", "ProductName: macOS\nProductVersion: 26.2\nBuildVersion: 25C56"},
       {"networksetup",
        "Hardware Port: Thunderbolt 1\nDevice: en2\n\nHardware Port: Thunderbolt 2\nDevice: en3\n\n"
        "Hardware Port: Thunderbolt 3\nDevice: en4\n"},
       {"ibv_devinfo",
        "hca_id: rdma_en2\n state: PORT_DOWN (1)\nhca_id: rdma_en3\n state: PORT_ACTIVE (4)\n"
        "hca_id: rdma_en4\n state: PORT_DOWN (1)\n"},
       {"system_profiler", R"({"SPThunderboltDataType":[)" + bus("1", "") + "," +
                               bus("2", R"("_name":"Mac Studio",)") + "," +
                               bus("3", R"("_name":"mini",)") + "]}"}});
  const std::string report = Agent({"report", "--print"}, tools).out;
  EXPECT_THAT(report, HasSubstr("rdma_en2 not active, to a computer that gives no name"));
  EXPECT_THAT(report, HasSubstr("rdma_en3 active, to Mac Studio\n"));
  EXPECT_THAT(report, HasSubstr("to mini (which offers no RDMA)"));
}

TEST(NodeAgent, ACaptureHoldsNoNameOfADisplayOrPort) {
  const auto tools = ToolsThatPrint(
      "display-tools",
      {{"uname", "Darwin carols 25.2.0 root:xnu arm64"},
       {"sw_vers", "ProductName: macOS\nProductVersion: 26.2\nBuildVersion: 25C56"},
       {"sysctl", "hw.model: Mac16,9\nmachdep.cpu.brand_string: Apple M4 Max"},
       {"system_profiler",
        R"({"SPDisplaysDataType":[{"_name":"Apple M4 Max","sppci_model":"Apple M4 Max",)"
        R"("sppci_cores":"40","spdisplays_ndrvs":[{"_name":"Alice’s iPad"},)"
        R"({"_name":"Zimmer \"Meyer\" 3\/4"},{"_name":"Display"},{"_name":"Mac Studio"}]}]})"},
       {"networksetup",
        "Hardware Port: Alice’s iPhone USB\nDevice: en9\n\nHardware Port: Alice’s iPad\nDevice: "
        "en8\n\nHardware Port: USB 10/100/1G/2.5G LAN\nDevice: en7\n\nHardware Port: "
        "Wi-Fi\nDevice: "
        "en0\n\nVLAN Configurations\n\nVLAN User Defined Name: Meyer GmbH\nDevice: vlan0"}});
  const std::string directory = FreshPath("displays");
  ASSERT_EQ(Agent({"capture", "--out", directory, "--salt", "s"}, tools).exit_code, 0);
  const std::string all = AllOfIt(directory);
  for (const char* secret : {"Alice", "Meyer", "Zimmer"}) {
    EXPECT_THAT(all, Not(HasSubstr(secret))) << all;
  }
  for (const char* kept : {"\"Display\"", "\"Mac Studio\"", "Port: Wi-Fi",
                           "Port: USB 10/100/1G/2.5G LAN", "SPDisplaysDataType", "Apple M4 Max"}) {
    EXPECT_THAT(all, HasSubstr(kept));
  }
  // The same name gets the same pseudonym: the iPad as a display and as a port.
  const std::size_t at = all.find("Hardware Port: device-", all.find("en9"));
  ASSERT_NE(at, std::string::npos);
  const std::string ipad = all.substr(at + 15, 15);
  EXPECT_THAT(all, HasSubstr("\"_name\":\"" + ipad + "\""));
}

// A machine made of scripts: what its tools print is known, so is what must not be in the capture.
TEST(NodeAgent, ACaptureHoldsNoIdentifier) {
  const std::vector<std::string> environment = ToolsThatPrint(
      "tools",
      {{"nvidia-smi",
        "index, name, driver_version, memory.total [MiB], memory.used [MiB], power.limit [W], "
        "temperature.gpu, mig.mode.current\n0, NVIDIA L40S, 595.80, 46068 MiB, 0 MiB, 350.00 W, "
        "30, "
        "N/A"},
       {"ip", R"([{"ifname":"eth7","operstate":"UP","address":"a4:83:e7:12:34:56","addr_info":[)"
              R"({"family":"inet","local":"192.168.77.5","scope":"global"}]}])"},
       {"uname", "Linux carols-box 6.1.0 #1 SMP x86_64 GNU/Linux"}});
  const std::string directory = FreshPath("redacted");
  ASSERT_EQ(Agent({"capture", "--out", directory, "--salt", "s"}, environment).exit_code, 0);
  const std::string all = AllOfIt(directory);
  for (const char* secret : {"a4:83:e7:12:34:56", "192.168.77.5", "carols-box"}) {
    EXPECT_THAT(all, Not(HasSubstr(secret)));
  }
  const json live = json::parse(Agent({"report", "--output", "json"}, environment).out);
  EXPECT_EQ(live.at("accelerators").at(0).at("name"), "NVIDIA L40S");
  EXPECT_EQ(live.at("identity").at("chip"), "l40s");
  const json replayed = json::parse(Agent({"report", "--from", directory, "--output", "json"}).out);
  EXPECT_EQ(WithoutIdentifiers(live), WithoutIdentifiers(replayed));
}

TEST(NodeAgent, ACardThatNothingCanUseIsToldAndNotCounted) {
  const auto rig = [](const std::string& second) {
    return ToolsThatPrint("cards",
                          {{"nvidia-smi",
                            "index, name, driver_version, memory.total [MiB], memory.used [MiB], "
                            "power.limit [W], temperature.gpu, mig.mode.current\n"
                            "0, NVIDIA L40S, 595.80, 46068 MiB, 0 MiB, 350.00 W, 30, N/A\n"
                            "1, NVIDIA L40S, 595.80, " +
                                second + "\n"}});
  };
  const auto lost = rig("[GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], N/A");
  const json report = json::parse(Agent({"report", "--output", "json"}, lost).out);
  EXPECT_EQ(report.at("accelerators").at(1).at("fault"), "lost");
  EXPECT_FALSE(report.at("accelerators").at(0).contains("fault"));
  EXPECT_EQ(report.at("identity").at("chips"), 1);
  EXPECT_THAT(Agent({"report", "--print"}, lost).out,
              HasSubstr("NVIDIA L40S, lost, driver 595.80"));
  const auto both = rig("46068 MiB, 0 MiB, 350.00 W, 30, N/A");
  EXPECT_EQ(json::parse(Agent({"report", "--output", "json"}, both).out).at("identity").at("chips"),
            2);
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
