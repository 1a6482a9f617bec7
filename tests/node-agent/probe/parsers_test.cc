// Parsers one by one: other forms, other columns, other languages, cut ends, garbage.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "node-agent/apple_models.h"
#include "node-agent/host/capture.h"
#include "node-agent/probe/apple.h"
#include "node-agent/probe/linux_text.h"
#include "node-agent/probe/nvidia.h"
#include "node-agent/probe/probe.h"
#include "node-agent/probe/text.h"
#include "node-agent/probe/verbs.h"
#include "tests/node-agent/probe/outputs.h"

namespace capacity::probe {
namespace {

using agent::ProbeResult;
using agent::Report;
using capacity::testing::OutcomeOf;
using capacity::testing::Ran;
using capacity::testing::ReportOf;
using capacity::testing::UnknownsOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::SizeIs;

// ---------------------------------------------------------------- text

TEST(Text, Speeds) {
  struct Case {
    const char* text;
    double bits;
    bool leads;
  };
  for (const Case& one :
       {Case{"80 Gb/s", 80e9, true}, Case{"Up to 120 Gb/s", 120e9, false},
        Case{"Bis zu 40 Gbit/s", 40e9, false}, Case{"200000Mb/s", 200e9, true},
        Case{"200 Gb/sec (4X HDR)", 200e9, true}, Case{"2.5 Gb/s", 2.5e9, true}}) {
    const auto speed = ParseSpeed(one.text);
    ASSERT_TRUE(speed.has_value()) << one.text;
    EXPECT_DOUBLE_EQ(speed->bits_per_second, one.bits) << one.text;
    EXPECT_EQ(speed->leads, one.leads) << one.text;
  }
  for (const char* none : {"", "Unknown!", "-1", "40", "0 Gb/s", "99999999999999999999 Gb/s"}) {
    EXPECT_FALSE(ParseSpeed(none).has_value()) << none;
  }
}

TEST(Text, MemorySizes) {
  EXPECT_EQ(ParseMemorySize("64 GB"), std::uint64_t{64} << 30);
  EXPECT_EQ(ParseMemorySize("24576 MiB"), std::uint64_t{24} << 30);
  EXPECT_EQ(ParseMemorySize("8,192 MB"), std::uint64_t{8} << 30);
  for (const char* none : {"", "64", "N/A", "GB", "9999999999 TB"}) {
    EXPECT_FALSE(ParseMemorySize(none).has_value()) << none;
  }
}

TEST(Text, WhatGoesIntoAReportIsPrintable) {
  EXPECT_EQ(Clean("  a\tb\x01 "), "a b");
  EXPECT_EQ(Clean("Annas MacBook\xC2\xA0Pro \xFF\xC3"), "Annas MacBook\xC2\xA0Pro ??");
  EXPECT_EQ(Clean(std::string(300, 'x')).size(), 128u);
  // Marks that turn the direction of writing, joiners, C1 controls, separators of lines, tags.
  EXPECT_EQ(Clean("Mac\u202E16,11\u200F \u2066a\u061C\u200B\u2028\uFEFF\u0085\U000E0041b"),
            "Mac16,11 ab");
  EXPECT_EQ(Clean("雷雳 Émile \U0001F600 \u2013"), "雷雳 Émile \U0001F600 \u2013");
}

// ---------------------------------------------------------------- macOS

TEST(Sysctl, ServesNamesValuesAndEqualSigns) {
  EXPECT_EQ(Field(ParseSysctl({"sysctl", "hw"}, "hw.memsize: 1\nnoise\nhw.ncpu=2\n"), "hw.ncpu"),
            "2");
  const Fields values =
      ParseSysctl({"sysctl", "-n", "hw.memsize", "hw.model"}, "17179869184\nMac14,7\n");
  EXPECT_EQ(Field(values, "hw.model"), "Mac14,7");
  EXPECT_THAT(ParseSysctl({"sysctl", "-n", "hw.memsize", "hw.model"}, "17179869184\n"), IsEmpty());
}

TEST(Sysctl, WhatAnotherToolTellsIsNotSaidToBeUnknown) {
  const host::Output sysctl = Ran("sysctl hw.model", "hw.model: Mac16,9\n");
  const std::string cores = "performance and efficiency cores are unknown";
  EXPECT_THAT(UnknownsOf(ReportOf({sysctl}), "sysctl"),
              IsSupersetOf({HasSubstr(cores), HasSubstr("the chip's name is unknown"),
                            HasSubstr("installed memory is unknown")}));
  const Report told =
      ReportOf({sysctl, Ran("system_profiler SPHardwareDataType",
                            "Hardware:\n\n    Hardware Overview:\n\n      Model Name: Mac Studio\n"
                            "      Model Identifier: Mac16,9\n      Chip: Apple M4 Max\n"
                            "      Total Number of Cores: 16 (12 performance and 4 efficiency)\n"
                            "      Memory: 128 GB\n")});
  EXPECT_EQ(told.processor.name, "Apple M4 Max");
  EXPECT_EQ(told.memory.installed_bytes, std::uint64_t{128} << 30);
  EXPECT_THAT(UnknownsOf(told, "sysctl"),
              ElementsAre(HasSubstr("the limit of memory for the GPU is unknown")));
}

TEST(Sysctl, SeveralOutputsTogetherMakeOneReport) {
  const Report report =
      ReportOf({Ran("/usr/sbin/sysctl -n machdep.cpu.brand_string", "Apple M4 Max\n"),
                Ran("sysctl hw.memsize", "hw.memsize: 137438953472\n"),
                Ran("sysctl iogpu.wired_limit_mb", "iogpu.wired_limit_mb: 122880\n")});
  EXPECT_EQ(report.processor.name, "Apple M4 Max");
  EXPECT_EQ(report.memory.installed_bytes, std::uint64_t{128} << 30);
  EXPECT_EQ(report.memory.wired_limit_bytes, std::uint64_t{122880} << 20);
}

// What sysctl tells of a Mac with 96 GiB whose limit of memory for the GPU is `limit`.
Report WithWiredLimit(const std::string& limit) {
  return ReportOf({Ran("sysctl -a",
                       "machdep.cpu.brand_string: Apple M3 Ultra\nhw.memsize: "
                       "103079215104\niogpu.wired_limit_mb: " +
                           limit + "\n")});
}

TEST(Sysctl, ALimitThatCannotBeMeantIsUnknown) {
  EXPECT_EQ(WithWiredLimit("92160").memory.wired_limit_bytes, std::uint64_t{92160} << 20);
  EXPECT_EQ(WithWiredLimit("98304").memory.wired_limit_bytes, std::uint64_t{96} << 30);
  EXPECT_EQ(WithWiredLimit("0").memory.wired_limit_bytes, std::nullopt);
  EXPECT_THAT(UnknownsOf(WithWiredLimit("0"), "sysctl"), Not(Contains(HasSubstr("limit"))));
  for (const std::string limit :
       {"98305", "999999", "-1", "abc", "99999999999999999999", "92160 MB"}) {
    const Report report = WithWiredLimit(limit);
    EXPECT_EQ(report.memory.wired_limit_bytes, std::nullopt) << limit;
    EXPECT_THAT(UnknownsOf(report, "sysctl"),
                Contains(HasSubstr("shows iogpu.wired_limit_mb " + limit)));
  }
}

TEST(Sysctl, UnderRosettaTheChipComesFromElsewhere) {
  const auto translated = [](std::vector<host::Output> more) {
    more.push_back(Ran("sysctl machdep.cpu.brand_string",
                       "machdep.cpu.brand_string: VirtualApple @ 2.50GHz processor\n"));
    more.push_back(Ran("uname -a", "Darwin mac 21.6.0 Darwin Kernel Version 21.6.0 x86_64\n"));
    return ReportOf(std::move(more));
  };
  const auto profiler = [](const std::string& json) {
    return Ran("system_profiler -json SPHardwareDataType SPDisplaysDataType", json);
  };
  const Report told = translated({profiler(
      R"({"SPHardwareDataType":[{"machine_name":"MacBook Pro","chip_type":"Apple M1 Pro"}]})")});
  EXPECT_EQ(told.processor.name, "Apple M1 Pro");
  EXPECT_EQ(told.processor.architecture, "arm64");
  EXPECT_TRUE(told.memory.unified);
  const Report by_gpu = translated(
      {profiler(R"({"SPHardwareDataType":[{"machine_name":"MacBook Pro","cpu_type":"Unknown"}],)"
                R"("SPDisplaysDataType":[{"sppci_model":"Apple M1 Pro","sppci_cores":"16"}]})")});
  EXPECT_EQ(by_gpu.processor.name, "Apple M1 Pro");
  const Report alone = translated({});
  EXPECT_EQ(alone.processor.name, "");
  EXPECT_EQ(alone.processor.architecture, "arm64");
  EXPECT_THAT(UnknownsOf(alone, "chip"), Contains(HasSubstr("Rosetta")));
}

TEST(SystemProfiler, CombinedJsonServesEveryQuestion) {
  const Report report = ReportOf({Ran(
      "system_profiler -json SPHardwareDataType SPDisplaysDataType",
      R"({"SPHardwareDataType":[{"machine_name":"Mac Studio","machine_model":"Mac15,14",)"
      R"("chip_type":"Apple M3 Ultra","physical_memory":"512 GB","number_processors":"proc 32:24:8"}],)"
      R"("SPDisplaysDataType":[{"_name":"kHW_AppleM3Ultra","sppci_model":"Apple M3 Ultra","sppci_cores":"80"}]})")});
  EXPECT_EQ(report.machine.product, "Mac Studio");
  EXPECT_EQ(report.memory.installed_bytes, std::uint64_t{512} << 30);
  EXPECT_EQ(report.processor.logical_cores, 32u);
  EXPECT_EQ(report.accelerators.at(0).gpu_cores, 80u);
}

TEST(SystemProfiler, TextServesToo) {
  const Report report =
      ReportOf({Ran("system_profiler SPHardwareDataType SPDisplaysDataType",
                    "Hardware:\n\n    Hardware Overview:\n\n"
                    "      Model Name: Mac mini\n"
                    "      Model Identifier: Mac16,11\n"
                    "      Chip: Apple M4 Pro\n"
                    "      Total Number of Cores: 14 (10 performance and 4 efficiency)\n"
                    "      Memory: 64 GB\n\n"
                    "Graphics/Displays:\n\n    Apple M4 Pro:\n\n"
                    "      Chipset Model: Apple M4 Pro\n"
                    "      Type: GPU\n"
                    "      Total Number of Cores: 20\n")});
  EXPECT_EQ(report.machine.model_identifier, "Mac16,11");
  EXPECT_EQ(report.memory.installed_bytes, std::uint64_t{64} << 30);
  EXPECT_EQ(report.processor.logical_cores, 14u);
  EXPECT_EQ(report.accelerators.at(0).gpu_cores, 20u);
}

TEST(SystemProfiler, JsonWithoutItsEndKeepsWhatCameBefore) {
  const auto hardware = ParseHardware(
      "{\"SPHardwareDataType\" : [ { \"machine_name\" : \"Mac mini\", \"machine_model\" : "
      "\"Mac16,11\", "
      "\"chip_type\" : \"Apple M4 P");
  ASSERT_TRUE(hardware.has_value());
  EXPECT_TRUE(hardware->cut);
  EXPECT_EQ(hardware->model_identifier, "Mac16,11");
  EXPECT_EQ(hardware->chip, "");
}

TEST(SystemProfiler, AnExternalDisplayIsNoGpu) {
  const auto gpu = ParseGpu(
      R"({"SPDisplaysDataType":[{"_name":"Apple M2","sppci_model":"Apple M2","sppci_cores":"10"},)"
      R"({"_name":"eGPU","sppci_model":"AMD Radeon"}]})");
  ASSERT_TRUE(gpu.has_value());
  EXPECT_EQ(gpu->name, "Apple M2");
  EXPECT_EQ(gpu->cores, 10u);
}

TEST(SystemProfiler, EveryGraphicsCardIsTold) {
  const auto json = ParseGpu(
      R"({"SPDisplaysDataType":[{"_name":"kHW_Intel","sppci_model":"Intel UHD Graphics 630"},)"
      R"({"_name":"kHW_AMD","sppci_model":"AMD Radeon Pro 5300M"},{"_name":"Sidecar Display"}]})");
  ASSERT_TRUE(json.has_value());
  EXPECT_EQ(json->name, "Intel UHD Graphics 630");
  EXPECT_THAT(json->others, ElementsAre("AMD Radeon Pro 5300M"));
  const Report text = ReportOf({Ran("system_profiler SPDisplaysDataType",
                                    "Graphics/Displays:\n\n    Intel UHD Graphics 630:\n\n"
                                    "      Chipset Model: Intel UHD Graphics 630\n\n"
                                    "    Radeon Pro 5300M:\n\n"
                                    "      Chipset Model: AMD Radeon Pro 5300M\n")});
  ASSERT_THAT(text.accelerators, SizeIs(2));
  EXPECT_EQ(text.accelerators[0].name, "Intel UHD Graphics 630");
  EXPECT_EQ(text.accelerators[1].name, "AMD Radeon Pro 5300M");
  // Of a chip of Apple's its own GPU is the one.
  const auto own = ParseGpu(
      "    eGPU:\n\n      Chipset Model: AMD Radeon RX 580\n\n"
      "    Apple M1:\n\n      Chipset Model: Apple M1\n"
      "      Total Number of Cores: 8\n");
  ASSERT_TRUE(own.has_value());
  EXPECT_EQ(own->name, "Apple M1");
  EXPECT_THAT(own->others, ElementsAre("AMD Radeon RX 580"));
}

TEST(SystemProfiler, LinesOfTheLogBeforeTheJsonAreNoJson) {
  for (const std::string log :
       {"2026-04-28 08:52:35.280 system_profiler[29046:41174793] hw.cpufamily: 0x17d5b93a\n",
        "system_profiler[29046] hw.cpufamily\n", "$ ", "[2026] {warning}\n\n  "}) {
    const auto hardware = ParseHardware(
        log + "{\n  \"SPHardwareDataType\": [\n    {\"machine_name\": \"Mac Studio\"}\n  ]\n}");
    ASSERT_TRUE(hardware.has_value()) << log;
    EXPECT_EQ(hardware->product, "Mac Studio") << log;
    EXPECT_FALSE(hardware->cut) << log;
  }
}

TEST(Displays, NamesInBothForms) {
  EXPECT_THAT(ParseDisplayNames(R"({"SPDisplaysDataType":[{"_name":"Apple M4","spdisplays_ndrvs":)"
                                R"([{"_name":"BenQ"},{"_name":"Alice’s iPad"}]}]})"),
              ElementsAre("BenQ", "Alice’s iPad"));
  EXPECT_THAT(ParseDisplayNames("Graphics/Displays:\n\n    Apple M4:\n\n      Type: GPU\n"
                                "      Displays:\n        Alice’s iPad:\n"
                                "          Resolution: 2388 x 1668\n        BenQ:\n"
                                "          Main Display: Yes\n"),
              ElementsAre("Alice’s iPad", "BenQ"));
}

TEST(HardwarePorts, NamesThatPeopleMade) {
  EXPECT_THAT(
      ParseNamesOfPeople("Hardware Port: Ethernet Adapter (en3)\nDevice: en3\n\n"
                         "Hardware Port: Thunderbolt Ethernet Slot 1\nDevice: en10\n\n"
                         "Hardware Port: AX88179A\nDevice: en7\n\nHardware Port: Bluetooth PAN\n"
                         "Device: en8\n\nHardware Port: Meyer GmbH VPN\nDevice: ppp0\n\n"
                         "Hardware Port: Alice’s iPhone USB\nDevice: en9\n"),
      ElementsAre("Meyer GmbH VPN", "Alice’s iPhone USB"));
}

TEST(Ifconfig, TheNegotiatedRate) {
  const auto rate = [](const std::string& media, const std::string& status) {
    return ParseIfconfig("en0: flags=8863<UP> mtu 1500\n\tmedia: " + media +
                         "\n\tstatus: " + status + "\n")
        .at("en0")
        .bits_per_second;
  };
  EXPECT_EQ(rate("autoselect (10Gbase-T <full-duplex,flow-control>)", "active"), 10e9);
  EXPECT_EQ(rate("autoselect (1000baseT <full-duplex>)", "active"), 1e9);
  EXPECT_EQ(rate("autoselect (2500Base-T <full-duplex>)", "active"), 2.5e9);
  EXPECT_EQ(rate("autoselect (2.5GBase-T <full-duplex>)", "active"), 2.5e9);
  EXPECT_EQ(rate("autoselect (5000Base-T <full-duplex>)", "active"), 5e9);
  EXPECT_EQ(rate("autoselect (25GBase-CR <full-duplex>)", "active"), 25e9);
  EXPECT_EQ(rate("autoselect (100baseTX <half-duplex>)", "active"), 100e6);
  EXPECT_EQ(rate("10baseT/UTP <half-duplex>", "active"), 10e6);
  // What was chosen by hand is not what is in use.
  EXPECT_EQ(rate("1000baseT <full-duplex> (100baseTX <full-duplex>)", "active"), 100e6);
  EXPECT_EQ(rate("1000baseT <full-duplex> (none)", "active"), std::nullopt);
  EXPECT_EQ(rate("autoselect (1000baseT <full-duplex>)", "inactive"), std::nullopt);
  for (const char* none : {"autoselect", "autoselect (none)", "autoselect <full-duplex>", "none",
                           "<unknown type>", "10Gbit", "99999999999999999999baseT"}) {
    EXPECT_EQ(rate(none, "active"), std::nullopt) << none;
  }
}

// What networksetup lists on a Mac Studio with a dock, and what ifconfig says of it.
std::vector<host::Output> DockedStudio() {
  return {Ran("sw_vers", "ProductVersion: 26.2\n"),
          Ran("networksetup -listallhardwareports",
              "Hardware Port: Ethernet\nDevice: en0\n\n"
              "Hardware Port: Thunderbolt Ethernet Slot 1\nDevice: en10\n\n"
              "Hardware Port: Thunderbolt Bridge\nDevice: bridge0\n\n"
              "Hardware Port: Thunderbolt 1\nDevice: en2\n"),
          Ran("ifconfig -a",
              "en0: flags=8863<UP> mtu 1500\n\tmedia: autoselect\n\tstatus: inactive\n"
              "en10: flags=8863<UP> mtu 1500\n\tinet 192.0.2.7 netmask 0xffffff00\n"
              "\tmedia: autoselect (10Gbase-T <full-duplex>)\n\tstatus: active\n"
              "bridge0: flags=8863<UP> mtu 1500\n\tinet 169.254.31.7 netmask 0xffff0000\n"
              "\tmember: en2 flags=3<LEARNING,DISCOVER>\n\tmedia: <unknown type>\n"
              "\tstatus: active\n")};
}

const agent::Port& PortNamed(const Report& report, const std::string& name) {
  for (const agent::Port& port : report.ports) {
    if (port.name == name) return port;
  }
  ADD_FAILURE() << "no port " << name;
  static const agent::Port kNone;
  return kNone;
}

TEST(MacPorts, ANetworkCardInADockIsEthernetAtItsRate) {
  const Report report = ReportOf(DockedStudio());
  const agent::Port& port = PortNamed(report, "Thunderbolt Ethernet Slot 1");
  EXPECT_EQ(port.kind, agent::Port::Kind::kEthernet);
  EXPECT_EQ(port.state, agent::Port::State::kUp);
  EXPECT_EQ(port.negotiated_bits_per_second, 10e9);
  EXPECT_THAT(port.addresses, ElementsAre("192.0.2.7"));
  EXPECT_EQ(PortNamed(report, "Ethernet").negotiated_bits_per_second, std::nullopt);
}

TEST(MacPorts, TheThunderboltBridgeHasItsAddresses) {
  const agent::Port bridge = PortNamed(ReportOf(DockedStudio()), "Thunderbolt Bridge");
  EXPECT_EQ(bridge.kind, agent::Port::Kind::kThunderbolt);
  EXPECT_THAT(bridge.interfaces, ElementsAre("bridge0"));
  EXPECT_THAT(bridge.addresses, ElementsAre("169.254.31.7"));
  EXPECT_EQ(bridge.rdma_capable, false);
  // Every Mac lists it; without addresses there is nothing to tell.
  std::vector<host::Output> commands = DockedStudio();
  commands.pop_back();
  for (const agent::Port& port : ReportOf(std::move(commands)).ports) {
    EXPECT_NE(port.name, "Thunderbolt Bridge");
  }
}

TEST(MacPorts, NamesInOtherLanguages) {
  const Report report = ReportOf(
      {Ran("sw_vers", "ProductVersion: 26.2\n"),
       Ran("networksetup -listallhardwareports",
           "Hardware Port: 雷雳网桥\nDevice: bridge0\n\nHardware Port: 雷雳 2\nDevice: en3\n\n"
           "Hardware Port: 雷雳以太网插槽 1\nDevice: en9\n"),
       Ran("ifconfig -a", "bridge0: flags=8863<UP> mtu 1500\n\tinet 10.0.0.1 netmask 0xff\n")});
  EXPECT_THAT(PortNamed(report, "receptacle 2").interfaces, ElementsAre("en3"));
  EXPECT_EQ(PortNamed(report, "雷雳网桥").kind, agent::Port::Kind::kThunderbolt);
  EXPECT_EQ(PortNamed(report, "雷雳以太网插槽 1").kind, agent::Port::Kind::kEthernet);
  const Report french = ReportOf(
      {Ran("networksetup -listallhardwareports",
           "Hardware Port: Pont Thunderbolt\nDevice: bridge0\n"),
       Ran("ifconfig -a", "bridge0: flags=8863<UP> mtu 1500\n\tinet 10.0.0.1 netmask 0xff\n")});
  EXPECT_EQ(PortNamed(french, "Pont Thunderbolt").kind, agent::Port::Kind::kThunderbolt);
}

TEST(MacPorts, WhatTheThunderboltBridgeJoinsIsSaid) {
  const std::string bridges =
      "bridge0: flags=8863<UP> mtu 1500\n\tmember: en2 flags=3<LEARNING,DISCOVER>\n"
      "\t        ifmaxaddr 0 port 10 priority 0 path cost 0\n\tstatus: active\n"
      "bridge100: flags=8863<UP> mtu 1500\n\tmember: en3 flags=3<LEARNING,DISCOVER>\n";
  EXPECT_THAT(ParseIfconfig(bridges).at("bridge0").members, ElementsAre("en2"));
  std::vector<host::Output> commands = {
      Ran("networksetup -listallhardwareports",
          "Hardware Port: Thunderbolt 1\nDevice: en2\n\nHardware Port: Thunderbolt 2\n"
          "Device: en3\n"),
      Ran("ifconfig -a", bridges)};
  const Report report = ReportOf(commands);
  EXPECT_TRUE(PortNamed(report, "receptacle 1").bridged);
  EXPECT_FALSE(PortNamed(report, "receptacle 2").bridged);  // for a virtual machine
  std::string off = bridges;
  off.replace(off.find("<UP>"), 4, "<BROADCAST,SIMPLEX>");
  commands.back() = Ran("ifconfig -a", off);
  EXPECT_FALSE(PortNamed(ReportOf(commands), "receptacle 1").bridged);
  commands.pop_back();
  EXPECT_FALSE(PortNamed(ReportOf(commands), "receptacle 1").bridged);
}

TEST(MacPorts, ReceptaclesInTheOrderOfTheirNumbers) {
  std::string ports;
  for (int i = 12; i >= 1; --i) {
    const std::string number = std::to_string(i);
    ports += "Hardware Port: Thunderbolt " + number + "\nDevice: en" + number + "\n\n";
  }
  const Report report = ReportOf({Ran("networksetup -listallhardwareports", ports)});
  ASSERT_THAT(report.ports, SizeIs(12));
  for (std::size_t i = 0; i < report.ports.size(); ++i) {
    EXPECT_EQ(report.ports[i].name, "receptacle " + std::to_string(i + 1));
  }
}

TEST(Thunderbolt, SpeedsInOtherLanguagesAndWithoutStatus) {
  const auto thunderbolt = ParseThunderbolt(
      R"({"SPThunderboltDataType":[{"_name":"bus_0","domain_uuid_key":"A","receptacle_1_tag":)"
      R"({"current_speed_key":"Jusqu’à 40 Gbit/s","receptacle_id_key":"1"}}]})");
  ASSERT_TRUE(thunderbolt.has_value());
  ASSERT_THAT(thunderbolt->buses, SizeIs(1));
  EXPECT_FALSE(thunderbolt->buses[0].receptacles.at(0).speed->leads);
  EXPECT_EQ(thunderbolt->buses[0].receptacles.at(0).speed->bits_per_second, 40e9);
}

TEST(Thunderbolt, AnotherComputerBehindADockIsAPeer) {
  const auto thunderbolt = ParseThunderbolt(
      R"({"SPThunderboltDataType":[{"_name":"b","domain_uuid_key":"A","_items":[{"_name":"Dock",)"
      R"("switch_uid_key":"0x1","_items":[{"_name":"Mac mini","domain_uuid_key":"B"}]}]}]})");
  ASSERT_TRUE(thunderbolt.has_value());
  EXPECT_TRUE(thunderbolt->buses[0].device);
  ASSERT_THAT(thunderbolt->buses[0].peers, SizeIs(1));
  EXPECT_EQ(thunderbolt->buses[0].peers[0].domain, "B");
}

TEST(Thunderbolt, TwoReceptaclesOfOneBusAreTwoPorts) {
  const Report report = ReportOf(
      {Ran("networksetup -listallhardwareports",
           "Hardware Port: Thunderbolt 1\nDevice: en1\n\nHardware Port: Thunderbolt 2\n"
           "Device: en2\n"),
       Ran("system_profiler SPThunderboltDataType -json",
           R"({"SPThunderboltDataType":[{"_name":"bus_0","domain_uuid_key":"A",)"
           R"("receptacle_1_tag":{"current_speed_key":"Up to 40 Gb/s","receptacle_id_key":"1",)"
           R"("receptacle_status_key":"receptacle_no_devices_connected"},)"
           R"("receptacle_2_tag":{"current_speed_key":"20 Gb/s x2","receptacle_id_key":"2",)"
           R"("receptacle_status_key":"receptacle_connected"},)"
           R"("_items":[{"_name":"MacBook Air","domain_uuid_key":"B"}]}]})")});
  ASSERT_THAT(report.ports, SizeIs(2));
  EXPECT_EQ(report.ports[0].state, agent::Port::State::kEmpty);
  EXPECT_EQ(report.ports[0].peer_name, "");
  EXPECT_EQ(report.ports[1].state, agent::Port::State::kUp);
  EXPECT_EQ(report.ports[1].peer_name, "MacBook Air");
  EXPECT_EQ(report.ports[1].negotiated_bits_per_second, 20e9);
  EXPECT_THAT(report.ports[1].interfaces, ElementsAre("en2"));
  EXPECT_EQ(report.ports[0].domain, report.ports[1].domain);
  EXPECT_THAT(UnknownsOf(report, "thunderbolt"), IsEmpty());
}

TEST(Thunderbolt, TwoReceptaclesOfOneBusInText) {
  const auto thunderbolt = ParseThunderbolt(
      "Thunderbolt/USB4:\n\n    Thunderbolt Bus 0:\n\n      Domain UUID: A\n      Port:\n"
      "          Status: No device connected\n          Receptacle: 1\n      Port:\n"
      "          Status: Device connected\n          Receptacle: 2\n        Mac mini:\n\n"
      "          Domain UUID: B\n");
  ASSERT_TRUE(thunderbolt.has_value());
  ASSERT_THAT(thunderbolt->buses, SizeIs(1));
  ASSERT_THAT(thunderbolt->buses[0].receptacles, SizeIs(2));
  EXPECT_EQ(thunderbolt->buses[0].receptacles[0].connected, false);
  EXPECT_EQ(thunderbolt->buses[0].receptacles[1].connected, true);
  EXPECT_THAT(thunderbolt->buses[0].peers, SizeIs(1));
}

TEST(Thunderbolt, BothReceptaclesOfABusInUseAreNotToldApart) {
  const Report report = ReportOf({Ran(
      "system_profiler SPThunderboltDataType -json",
      R"({"SPThunderboltDataType":[{"_name":"bus_0","domain_uuid_key":"A",)"
      R"("receptacle_1_tag":{"receptacle_id_key":"1","receptacle_status_key":"receptacle_connected"},)"
      R"("receptacle_2_tag":{"receptacle_id_key":"2","receptacle_status_key":"receptacle_connected"},)"
      R"("_items":[{"_name":"one","domain_uuid_key":"B"},{"_name":"two","domain_uuid_key":"C"}]}]})")});
  ASSERT_THAT(report.ports, SizeIs(2));
  EXPECT_NE(report.ports[0].peer_domain, report.ports[1].peer_domain);
  EXPECT_THAT(UnknownsOf(report, "thunderbolt"),
              Contains(HasSubstr("which of receptacle 1 and receptacle 2 leads to one")));
}

TEST(Thunderbolt, EveryComputerBehindAHubIsTold) {
  const Report report = ReportOf(
      {Ran("networksetup -listallhardwareports", "Hardware Port: Thunderbolt 1\nDevice: en2\n"),
       Ran("ifconfig -a", "en2: flags=8863<UP> mtu 1500\n\tinet 10.0.0.1 netmask 0xffffff00\n"),
       Ran("system_profiler SPThunderboltDataType -json",
           R"({"SPThunderboltDataType":[{"_name":"bus_0","domain_uuid_key":"A","receptacle_1_tag":)"
           R"({"receptacle_id_key":"1","receptacle_status_key":"receptacle_connected"},"_items":)"
           R"([{"_name":"hub","_items":[{"_name":"b","device_name_key":"Mac16,9","domain_uuid_key":"B"},)"
           R"({"_name":"c","domain_uuid_key":"C"}]}]}]})"),
       Ran("ibv_devinfo", "hca_id:\trdma_en2\n\t\t\tstate:\t\t\tPORT_ACTIVE (4)\n")});
  ASSERT_THAT(report.ports, SizeIs(2));
  EXPECT_EQ(report.ports[0].peer_name, "b");
  EXPECT_EQ(report.ports[0].peer_model, "Mac16,9");
  EXPECT_EQ(report.ports[1].peer_name, "c");
  EXPECT_NE(report.ports[0].peer_domain, report.ports[1].peer_domain);
  EXPECT_EQ(report.ports[0].name, report.ports[1].name);
  EXPECT_EQ(report.ports[1].rdma_active, true);
  // Addresses are those of the socket, once.
  EXPECT_THAT(report.ports[0].addresses, ElementsAre("10.0.0.1"));
  EXPECT_THAT(report.ports[1].addresses, IsEmpty());
}

// A Mac whose first receptacle is cabled to a Mac Studio that offers RDMA.
const std::string kCabledBus =
    R"({"SPThunderboltDataType":[{"_items":[{"_name":"Mac Studio","device_name_key":"Mac15,14",)"
    R"("domain_uuid_key":"B","services_title":[{"_name":"service_ip","protocol_id_key":1},)"
    R"({"_name":"unknown_xd_service","protocol_id_key":64087}],"vendor_name_key":"Apple Inc."}],)"
    R"("_name":"bus_0","domain_uuid_key":"A","receptacle_1_tag":{"current_speed_key":"80 Gb/s",)"
    R"("receptacle_id_key":"1","receptacle_status_key":"receptacle_connected"}}]})";

TEST(Thunderbolt, AListCutBeforeTheRdmaServiceDoesNotDenyIt) {
  for (const std::string_view end :
       {"64087}", "\"unknown_xd", "{\"_name\":\"service_ip", "],\"vend"}) {
    const Report report = ReportOf({Ran("system_profiler SPThunderboltDataType -json",
                                        kCabledBus.substr(0, kCabledBus.find(end)))});
    ASSERT_THAT(report.ports, SizeIs(1)) << end;
    EXPECT_EQ(report.ports[0].peer_name, "Mac Studio") << end;
    EXPECT_NE(report.ports[0].peer_offers_rdma, false) << end;
    EXPECT_EQ(report.ports[0].state, agent::Port::State::kUp) << end;
    EXPECT_NE(report.ports[0].name, "") << end;
    EXPECT_THAT(UnknownsOf(report, "thunderbolt"), Contains(HasSubstr("the end of the list")));
  }
  // What stands before the place of the cut is whole.
  std::string two = kCabledBus;
  two.insert(two.find("{\"_name\":\"Mac Studio"),
             R"({"_name":"Mac mini","domain_uuid_key":"C","services_title":[]},)");
  const auto thunderbolt = ParseThunderbolt(two.substr(0, two.find("64087}")));
  ASSERT_TRUE(thunderbolt.has_value());
  ASSERT_THAT(thunderbolt->buses.at(0).peers, SizeIs(2));
  EXPECT_EQ(thunderbolt->buses[0].peers[0].offers_rdma, false);
  EXPECT_EQ(thunderbolt->buses[0].peers[1].offers_rdma, std::nullopt);
}

// The first bus of a Mac mini in the text form, with nothing plugged in.
const std::string kTextBus =
    "Thunderbolt/USB4:\n\n    Thunderbolt/USB4 Bus 2:\n\n      Vendor Name: Apple Inc.\n"
    "      Device Name: Mac mini\n      Domain UUID: A\n      Port:\n"
    "          Status: No device connected\n          Speed: Up to 120 Gb/s\n"
    "          Receptacle: 3\n";

TEST(Thunderbolt, TextOfAToolThatWasEndedIsNotTheWholeList) {
  host::Output truncated = Ran("system_profiler SPThunderboltDataType", kTextBus);
  truncated.truncated = true;
  for (const host::Output& output :
       {truncated, Ran("system_profiler SPThunderboltDataType", kTextBus, 137)}) {
    const Report report = ReportOf({output});
    EXPECT_THAT(report.ports, SizeIs(1));
    EXPECT_THAT(UnknownsOf(report, "thunderbolt"), Contains(HasSubstr("the end of the list")));
    // A whole list beside it is better.
    const Report both =
        ReportOf({output, Ran("system_profiler SPThunderboltDataType -json", kCabledBus)});
    EXPECT_THAT(UnknownsOf(both, "thunderbolt"), IsEmpty());
    EXPECT_EQ(both.ports.at(0).peer_name, "Mac Studio");
  }
  EXPECT_THAT(
      UnknownsOf(ReportOf({Ran("system_profiler SPThunderboltDataType", kTextBus)}), "thunderbolt"),
      IsEmpty());
  // What the last computer in it offers may not have been printed any more.
  auto cut = ParseThunderbolt(kTextBus +
                              "\n        Mac Studio:\n\n          Domain UUID: B\n"
                              "          Services:\n            Internet Protocol:\n"
                              "              Protocol ID: 1\n");
  ASSERT_TRUE(cut.has_value());
  ASSERT_THAT(cut->buses.at(0).peers, SizeIs(1));
  EXPECT_EQ(cut->buses[0].peers[0].offers_rdma, false);
  MarkCut(*cut);
  EXPECT_EQ(cut->buses[0].peers[0].offers_rdma, std::nullopt);
}

TEST(Thunderbolt, ADeviceCalledThunderboltIsNoBus) {
  for (const std::string name : {"Thunderbolt 5 Hub", "Thunderbolt Display", "Thunderbolt Bus"}) {
    const auto thunderbolt =
        ParseThunderbolt(kTextBus + "\n        " + name + ":\n\n          Device Name: " + name +
                         "\n          Port (Upstream):\n              Status: Device connected\n"
                         "          Port:\n              Speed: Up to 120 Gb/s\n");
    ASSERT_TRUE(thunderbolt.has_value()) << name;
    EXPECT_THAT(thunderbolt->buses, SizeIs(1)) << name;
    EXPECT_TRUE(thunderbolt->buses[0].device) << name;
  }
  const std::string others =
      "Graphics/Displays:\n\n    Apple M1 Pro:\n\n      Displays:\n        Thunderbolt Display:\n"
      "          Resolution: 2560 x 1440\nNetwork:\n\n    Thunderbolt Bridge:\n\n"
      "      BSD Device Name: bridge0\n";
  EXPECT_FALSE(ParseThunderbolt(others).has_value());
  const auto all = ParseThunderbolt(others + kTextBus);
  ASSERT_TRUE(all.has_value());
  EXPECT_THAT(all->buses, SizeIs(1));
  // Without the heading, and as Macs of before USB4 called it.
  const auto old = ParseThunderbolt("    Thunderbolt Bus:\n\n      Device Name: MacBook Pro\n");
  ASSERT_TRUE(old.has_value());
  EXPECT_THAT(old->buses, SizeIs(1));
}

TEST(Thunderbolt, WhetherTheOtherEndIsAMac) {
  const auto is_mac = [](const std::string& model, const std::string& vendor) {
    const Report report = ReportOf({Ran(
        "system_profiler SPThunderboltDataType -json",
        R"({"SPThunderboltDataType":[{"domain_uuid_key":"A","_items":[{"_name":"x","domain_uuid_key":)"
        R"("B","device_name_key":")" +
            model + "\"" + (vendor.empty() ? "" : ",\"vendor_name_key\":\"" + vendor + "\"") +
            "}]}]}")});
    return report.ports.at(0).peer_is_mac;
  };
  for (const char* model : {"Mac15,14", "MacBookPro18,1", "iMac21,2", "Macmini9,1"}) {
    EXPECT_EQ(is_mac(model, "Apple Inc."), true) << model;
    EXPECT_EQ(is_mac(model, ""), true) << model;
  }
  EXPECT_EQ(is_mac("strix", "Intel Corp."), false);
  EXPECT_EQ(is_mac("Windows", "Microsoft Corporation"), false);
  EXPECT_EQ(is_mac("iPad16,6", "Apple Inc."), false);
  EXPECT_EQ(is_mac("iPhone17,1", ""), false);
  for (const char* model : {"", "Macintosh", "Mac mini", "strix", "Mac,1"}) {
    EXPECT_EQ(is_mac(model, ""), std::nullopt) << model;
  }
  const auto text = ParseThunderbolt(kTextBus +
                                     "\n        strix:\n\n          Vendor Name: Intel Corp.\n"
                                     "          Domain UUID: B\n");
  EXPECT_EQ(text.value().buses.at(0).peers.at(0).is_mac, false);
}

TEST(Thunderbolt, ModelsThatNeverHaveThunderbolt5) {
  for (const char* model :
       {"MacBookAir10,1", "Macmini9,1", "MacBookPro18,2", "Mac13,2", "Mac14,14", "Mac15,12",
        "Mac16,1", "Mac16,10", "Mac17,2", "Mac17,3", "Mac17,4", "Mac18,5", "MacBook10,1"}) {
    EXPECT_TRUE(agent::HasThunderbolt4AtMost(model)) << model;
  }
  for (const char* model :
       {"Mac15,14", "Mac16,9", "Mac16,11", "Mac16,5", "Mac17,6", "Mac18,1", "Mac12,1", "Mac", "",
        "16,10", "Mac16", "Mac16,", "Mac,16", "Mac mini", "iPad16,3", "Mac16,10x"}) {
    EXPECT_FALSE(agent::HasThunderbolt4AtMost(model)) << model;
  }
}

TEST(Rdma, FourtyGigabitsAtMostIsNotSupported) {
  const Report report = ReportOf(
      {Ran("sw_vers", "ProductName:\tmacOS\nProductVersion:\t26.3\nBuildVersion:\t25D1\n"),
       Ran("system_profiler SPThunderboltDataType -json",
           R"({"SPThunderboltDataType":[{"_name":"b","receptacle_1_tag":{"current_speed_key":)"
           R"("Up to 40 Gb/s","receptacle_id_key":"1","receptacle_status_key":"receptacle_no_devices_connected"}}]})")});
  EXPECT_EQ(report.rdma.state, agent::Rdma::State::kUnsupported);
  EXPECT_EQ(report.ports.at(0).rdma_capable, false);
}

TEST(Rdma, TheStatusToolDecidesWhereThereAreNoDevices) {
  const Report on =
      ReportOf({Ran("sw_vers", "ProductVersion: 26.2\n"), Ran("rdma_ctl status", "enabled\n")});
  EXPECT_EQ(on.rdma.state, agent::Rdma::State::kEnabled);
  const Report off =
      ReportOf({Ran("sw_vers", "ProductVersion: 26.2\n"), Ran("rdma_ctl status", "disabled\n")});
  EXPECT_EQ(off.rdma.state, agent::Rdma::State::kDisabled);
  const Report old = ReportOf({Ran("sw_vers", "ProductVersion: 26.1\n")});
  EXPECT_EQ(old.rdma.state, agent::Rdma::State::kUnsupported);
}

TEST(Rdma, TheStatusToolSaysNoInSeveralWays) {
  const auto said = [](const std::string& text, int exit_code) {
    return ReportOf(
               {Ran("sw_vers", "ProductVersion: 26.2\n"), Ran("rdma_ctl status", text, exit_code)})
        .rdma;
  };
  EXPECT_EQ(said("RDMA is not enabled\n", 0).state, agent::Rdma::State::kDisabled);
  EXPECT_EQ(said("RDMA cannot be enabled outside Recovery\n", 1).state,
            agent::Rdma::State::kDisabled);
  const agent::Rdma cannot = said("rdma_ctl: RDMA cannot be enabled on this device\n", 1);
  EXPECT_EQ(cannot.state, agent::Rdma::State::kUnsupported);
  EXPECT_THAT(cannot.reason, HasSubstr("cannot be enabled on this device"));
  EXPECT_EQ(said("RDMA is not supported\n", 0).state, agent::Rdma::State::kUnsupported);
  EXPECT_EQ(said("enabled?\n", 1).state, agent::Rdma::State::kUnknown);
  EXPECT_EQ(said("RDMA enabled, Thunderbolt 5 supported\n", 0).state, agent::Rdma::State::kEnabled);
}

// Of a Mac mini with M4, whose macOS lists a device for each of its Thunderbolt 4 ports.
std::vector<host::Output> ListedOnThunderbolt4(const std::string& state) {
  return {Ran("sw_vers", "ProductVersion: 26.3\n"),
          Ran("sysctl machdep.cpu", "machdep.cpu.brand_string: Apple M4\n"),
          Ran("networksetup -listallhardwareports", "Hardware Port: Thunderbolt 1\nDevice: en2\n"),
          Ran("rdma_ctl status", "enabled\n"),
          Ran("ibv_devinfo", "hca_id:\trdma_en2\n\t\t\tstate:\t\t\t" + state + "\n")};
}

TEST(Rdma, DevicesOfThunderbolt4PortsAreNoRdma) {
  const Report report = ReportOf(ListedOnThunderbolt4("PORT_DOWN (1)"));
  EXPECT_EQ(report.rdma.state, agent::Rdma::State::kUnsupported);
  EXPECT_THAT(report.rdma.reason, HasSubstr("Apple M4 does 40 Gb/s"));
  EXPECT_THAT(report.rdma.reason, HasSubstr("though ibv_devices lists 1 device"));
  EXPECT_EQ(report.ports.at(0).rdma_capable, false);
}

TEST(Rdma, AnActivePortOfThunderbolt4IsBelieved) {
  const Report report = ReportOf(ListedOnThunderbolt4("PORT_ACTIVE (4)"));
  EXPECT_EQ(report.rdma.state, agent::Rdma::State::kEnabled);
  EXPECT_THAT(UnknownsOf(report, "rdma"), Contains(HasSubstr("an RDMA port is ACTIVE")));
  EXPECT_EQ(report.ports.at(0).rdma_capable, true);
}

TEST(Rdma, AMacWithoutThunderboltIsNotSupported) {
  const auto mac = [](const std::string& ports) {
    return ReportOf({Ran("sw_vers", "ProductVersion: 26.4\n"),
                     Ran("sysctl machdep.cpu", "machdep.cpu.brand_string: Apple A18 Pro\n"),
                     Ran("system_profiler SPThunderboltDataType -json",
                         "{\n  \"SPThunderboltDataType\" : [\n\n  ]\n}\n"),
                     Ran("networksetup -listallhardwareports", ports),
                     Ran("rdma_ctl status", "disabled\n"),
                     Ran("ibv_devices", "    device    node GUID\n    ------   ------\n")});
  };
  const Report neo = mac("Hardware Port: Wi-Fi\nDevice: en0\n");
  EXPECT_EQ(neo.rdma.state, agent::Rdma::State::kUnsupported);
  EXPECT_THAT(neo.rdma.reason, HasSubstr("no Thunderbolt"));
  // An empty list is not believed over a port that is there.
  EXPECT_EQ(ReportOf({Ran("sw_vers", "ProductVersion: 26.4\n"),
                      Ran("system_profiler SPThunderboltDataType -json",
                          R"({"SPThunderboltDataType":[]})"),
                      Ran("ibv_devinfo", "hca_id:\trdma_en2\n\t\t\tstate:\t\t\tPORT_ACTIVE (4)\n")})
                .rdma.state,
            agent::Rdma::State::kEnabled);
}

TEST(Rdma, AMacThatAlwaysHasThunderboltIsNotSaidToHaveNone) {
  const auto mac = [](const std::string& chip, std::vector<host::Output> more) {
    more.push_back(Ran("sw_vers", "ProductVersion: 26.4\n"));
    more.push_back(Ran("sysctl machdep.cpu", "machdep.cpu.brand_string: " + chip + "\n"));
    more.push_back(Ran("system_profiler SPThunderboltDataType -json",
                       "{\n  \"SPThunderboltDataType\" : [\n\n  ]\n}\n"));
    return ReportOf(std::move(more));
  };
  const host::Output devices =
      Ran("ibv_devinfo", "hca_id:\trdma_en2\n\t\t\tstate:\t\t\tPORT_DOWN (1)\n");
  const host::Output ports =
      Ran("networksetup -listallhardwareports", "Hardware Port: Thunderbolt 1\nDevice: en2\n");
  const Report pro = mac("Apple M4 Pro", {});
  EXPECT_EQ(pro.rdma.state, agent::Rdma::State::kUnknown);
  EXPECT_THAT(UnknownsOf(pro, "thunderbolt"), Contains(HasSubstr("the list of buses is empty")));
  EXPECT_EQ(mac("Apple M4 Pro", {devices}).rdma.state, agent::Rdma::State::kEnabled);
  EXPECT_THAT(PortNamed(mac("Apple M4 Pro", {ports}), "receptacle 1").interfaces,
              ElementsAre("en2"));
  // Of others, what else names a port is believed.
  EXPECT_EQ(mac("Apple A18 Pro", {devices}).rdma.state, agent::Rdma::State::kEnabled);
  EXPECT_EQ(mac("Apple A18 Pro", {ports}).rdma.state, agent::Rdma::State::kUnknown);
  EXPECT_THAT(mac("Apple M4 Pro (Virtual)", {}).rdma.reason, HasSubstr("no Thunderbolt"));
}

TEST(Rdma, OldMacsAreNotSaidToHaveARate) {
  const auto reason = [](const std::string& model, const std::string& chip) {
    return ReportOf({Ran("sysctl hw",
                         "hw.model: " + model + "\nmachdep.cpu.brand_string: " + chip + "\n")})
        .rdma.reason;
  };
  for (const std::string& said : {reason("MacBook10,1", "Intel(R) Core(TM) m3-7Y32 CPU @ 1.10GHz"),
                                  reason("iMacPro1,1", "AMD Ryzen 9 5950X 16-Core Processor")}) {
    EXPECT_THAT(said, HasSubstr("Thunderbolt 5, which RDMA needs"));
    EXPECT_THAT(said, Not(HasSubstr("Gb/s")));
  }
}

// A Mac with one cabled receptacle and a device of each state given; `interface` is the one that
// networksetup has for the receptacle ("": networksetup is not there).
Report WithDevices(const std::string& interface, const std::vector<std::string>& states,
                   const std::string& buses = kCabledBus) {
  std::vector<host::Output> commands = {Ran("sw_vers", "ProductVersion: 26.2\n"),
                                        Ran("system_profiler SPThunderboltDataType -json", buses)};
  if (!interface.empty()) {
    commands.push_back(Ran("networksetup -listallhardwareports",
                           "Hardware Port: Thunderbolt 1\nDevice: " + interface + "\n"));
  }
  std::string devices;
  for (std::size_t i = 0; i < states.size(); ++i) {
    devices +=
        "hca_id:\trdma_en" + std::to_string(i + 2) + "\n\t\t\tstate:\t\t\t" + states[i] + "\n";
  }
  commands.push_back(Ran("ibv_devinfo", devices));
  return ReportOf(std::move(commands));
}

TEST(Rdma, AReceptacleWithoutAnInterfaceIsNotSaidToBeDown) {
  const std::string kDown = "PORT_DOWN (1)";
  const std::string kActive = "PORT_ACTIVE (4)";
  const Report unjoined = WithDevices("", {kActive, kActive});
  EXPECT_EQ(PortNamed(unjoined, "receptacle 1").rdma_active, std::nullopt) << "one too many";
  EXPECT_EQ(PortNamed(unjoined, "en2").rdma_active, true);
  EXPECT_THAT(UnknownsOf(unjoined, "rdma"),
              Contains(HasSubstr("whether the RDMA port of receptacle 1 is active is unknown, "
                                 "because which interface it has is not known")));
  // Where one is active, and one computer is there, it is its own; where none is, its own is not.
  EXPECT_EQ(PortNamed(WithDevices("", {kActive, kDown}), "receptacle 1").rdma_active, true);
  EXPECT_EQ(PortNamed(WithDevices("", {kDown, kDown}), "receptacle 1").rdma_active, false);
  EXPECT_EQ(PortNamed(WithDevices("en2", {kActive, kDown}), "receptacle 1").rdma_active, true);
  EXPECT_EQ(PortNamed(WithDevices("en9", {kActive, kDown}), "receptacle 1").rdma_active, false);
}

TEST(Rdma, OfTwoReceptaclesWithoutInterfacesOneActiveDeviceMayBeEithers) {
  const std::string second =
      R"(,{"_items":[{"_name":"Mac mini","device_name_key":"Mac16,11","domain_uuid_key":"D"}],)"
      R"("_name":"bus_1","domain_uuid_key":"C","receptacle_1_tag":{"current_speed_key":"80 Gb/s",)"
      R"("receptacle_id_key":"2","receptacle_status_key":"receptacle_connected"}},)"
      R"({"_items":[{"_name":"A dock"}],"_name":"bus_2","domain_uuid_key":"E","receptacle_1_tag":)"
      R"({"current_speed_key":"40 Gb/s","receptacle_id_key":"3","receptacle_status_key":)"
      R"("receptacle_connected"}}]})";
  const std::string buses = kCabledBus.substr(0, kCabledBus.size() - 2) + second;
  const std::string kDown = "PORT_DOWN (1)";
  const std::string kActive = "PORT_ACTIVE (4)";
  const Report one = WithDevices("", {kActive, kDown, kDown}, buses);
  const Report both = WithDevices("", {kActive, kDown, kActive}, buses);
  for (const char* name : {"receptacle 1", "receptacle 2"}) {
    EXPECT_EQ(PortNamed(one, name).rdma_active, std::nullopt) << name;
    EXPECT_EQ(PortNamed(both, name).rdma_active, true) << name;
  }
  EXPECT_EQ(PortNamed(both, "receptacle 3").rdma_active, false) << "no computer is there";
}

TEST(Rdma, APortWhoseNameIsNotUnderstoodIsThunderboltByItsDevice) {
  const Report report = ReportOf(
      {Ran("networksetup -listallhardwareports", "Hardware Port: 썬더볼트 1\nDevice: en2\n"),
       Ran("ibv_devinfo", "hca_id:\trdma_en2\n\t\t\tstate:\t\t\tPORT_ACTIVE (4)\n")});
  ASSERT_THAT(report.ports, SizeIs(1));
  EXPECT_EQ(report.ports[0].kind, agent::Port::Kind::kThunderbolt);
  EXPECT_EQ(report.ports[0].rdma_active, true);
}

TEST(Rdma, APortSaysItsState) {
  EXPECT_EQ(PortNamed(WithDevices("en2", {"PORT_INIT (2)"}), "receptacle 1").rdma_state, "INIT");
  EXPECT_EQ(PortNamed(WithDevices("en2", {"PORT_DOWN (1)"}), "receptacle 1").rdma_state, "DOWN");
}

TEST(Rdma, ToolsThatFailAreMentionedThoughItIsEnabled) {
  const Report report =
      ReportOf({Ran("sw_vers", "ProductVersion: 26.2\n"), Ran("rdma_ctl status", "enabled\n"),
                Ran("ibv_devices", "Failed to get IB devices list: Operation not permitted\n", 1)});
  EXPECT_EQ(report.rdma.state, agent::Rdma::State::kEnabled);
  EXPECT_THAT(UnknownsOf(report, "rdma"), Contains(HasSubstr("Operation not permitted")));
  EXPECT_EQ(OutcomeOf(report, "rdma"), ProbeResult::Outcome::kPartial);
}

TEST(Rdma, AnotherMakersCardIsNoThunderboltPort) {
  const Report report = ReportOf(
      {Ran("sw_vers", "ProductVersion: 26.2\n"),
       Ran("sysctl machdep.cpu", "machdep.cpu.brand_string: Apple M4 Max\n"),
       Ran("networksetup -listallhardwareports", "Hardware Port: Thunderbolt 1\nDevice: en2\n"),
       Ran("ibv_devices",
           "    device          \t   node GUID\n    ------\t----------------\n"
           "    rdma_en2\t0000000000000001\n    rdma_mcrdma0\t0000000000000005\n")});
  EXPECT_EQ(report.rdma.reason, "ibv_devices lists 1 device");
  ASSERT_THAT(report.ports, SizeIs(2));
  EXPECT_EQ(report.ports[1].kind, agent::Port::Kind::kUnknown);
  EXPECT_EQ(report.ports[1].rdma_device, "rdma_mcrdma0");
}

TEST(Rdma, AHeaderWithoutDevicesIsDisabledWhateverTheStatusSays) {
  const Report report =
      ReportOf({Ran("sw_vers", "ProductVersion: 26.2\n"), Ran("rdma_ctl status", "enabled\n"),
                Ran("ibv_devices", "    device    node GUID\n    ------   ------\n")});
  EXPECT_EQ(report.rdma.state, agent::Rdma::State::kDisabled);
  EXPECT_THAT(report.rdma.reason, HasSubstr("restart"));
}

TEST(Rdma, TheStudioPortBesideEthernetCannot) {
  const Report report = ReportOf(
      {Ran("sysctl hw.model", "hw.model: Mac15,14\n"),
       Ran("networksetup -listallhardwareports",
           "Hardware Port: Thunderbolt 1\nDevice: en2\n\nHardware Port: Thunderbolt 2\nDevice: "
           "en3\n"),
       Ran("ibv_devices",
           "    device                 node GUID\n    ------              ----------------\n"
           "    rdma_en2            0000000000000001\n    rdma_en3            "
           "0000000000000002\n")});
  ASSERT_THAT(report.ports, SizeIs(2));
  EXPECT_EQ(report.ports[0].rdma_capable, false);
  EXPECT_EQ(report.ports[1].rdma_capable, true);
}

TEST(Rdma, WhetherThatPortOfALaterStudioCanIsNotKnown) {
  const auto studio = [](const std::string& state,
                         const std::string& sysctl = "hw.model: Mac17,14\n") {
    return ReportOf(
        {Ran("sysctl hw.model machdep.cpu.brand_string", sysctl),
         Ran("networksetup -listallhardwareports",
             "Hardware Port: Thunderbolt 1\nDevice: en2\n\nHardware Port: Thunderbolt 2\n"
             "Device: en3\n"),
         Ran("ibv_devinfo", "hca_id:\trdma_en2\n\t\t\tstate:\t\t\t" + state +
                                "\nhca_id:\trdma_en3\n\t\t\tstate:\t\t\tPORT_DOWN (1)\n")});
  };
  const Report down = studio("PORT_DOWN (1)");
  EXPECT_EQ(PortNamed(down, "receptacle 1").rdma_capable, std::nullopt);
  EXPECT_EQ(PortNamed(down, "receptacle 2").rdma_capable, true);
  EXPECT_THAT(UnknownsOf(down, "rdma"), ElementsAre(HasSubstr("whether receptacle 1 can do RDMA")));
  const Report active = studio("PORT_ACTIVE (4)");
  EXPECT_EQ(PortNamed(active, "receptacle 1").rdma_capable, true);
  EXPECT_THAT(UnknownsOf(active, "rdma"), IsEmpty());
}

TEST(Rdma, WithoutAModelTheChipTellsOfWhichYearAStudioIs) {
  const auto capable = [](const std::string& chip) {
    return PortNamed(
               ReportOf({Ran("sysctl machdep.cpu.brand_string",
                             "machdep.cpu.brand_string: " + chip + "\n"),
                         Ran("system_profiler -json SPThunderboltDataType",
                             R"({"SPThunderboltDataType":[{"_name":"bus_0","device_name_key":)"
                             R"("Mac Studio","domain_uuid_key":"A","receptacle_1_tag":)"
                             R"({"current_speed_key":"Up to 120 Gb/s","receptacle_id_key":"4",)"
                             R"("receptacle_status_key":"receptacle_no_devices_connected"}}]})"),
                         Ran("networksetup -listallhardwareports",
                             "Hardware Port: Thunderbolt 4\nDevice: en2\n"),
                         Ran("ibv_devinfo", "hca_id:\trdma_en2\n\t\t\tstate:\tPORT_DOWN (1)\n")}),
               "receptacle 4")
        .rdma_capable;
  };
  EXPECT_EQ(capable("Apple M4 Max"), false);
  EXPECT_EQ(capable("Apple M5 Max"), std::nullopt);
}

TEST(Rdma, AnActivePortIsBelievedOverWhatIsSaidOfIt) {
  const Report report = ReportOf(
      {Ran("sysctl hw.model", "hw.model: Mac15,14\n"),
       Ran("networksetup -listallhardwareports", "Hardware Port: Thunderbolt 1\nDevice: en2\n"),
       Ran("ibv_devinfo", "hca_id:\trdma_en2\n\t\tport:\t1\n\t\t\tstate:\t\t\tPORT_ACTIVE (4)\n")});
  ASSERT_THAT(report.ports, SizeIs(1));
  EXPECT_EQ(report.ports[0].rdma_capable, true);
  EXPECT_THAT(UnknownsOf(report, "rdma"), Contains(HasSubstr("beside Ethernet")));
  EXPECT_EQ(report.rdma.reason, "ibv_devices lists 1 device");
}

TEST(Rdma, AChipWithoutThunderbolt5NeedsNoTool) {
  const auto mac = [](const std::string& chip) {
    return ReportOf({Ran("sw_vers", "ProductVersion: 26.2\n"),
                     Ran("sysctl machdep.cpu", "machdep.cpu.brand_string: " + chip + "\n")});
  };
  const Report mini = mac("Apple M4");
  EXPECT_EQ(mini.rdma.state, agent::Rdma::State::kUnsupported);
  EXPECT_THAT(mini.rdma.reason, HasSubstr("Thunderbolt of the Apple M4 does 40 Gb/s"));
  EXPECT_THAT(UnknownsOf(mini, "rdma"), IsEmpty());
  for (const char* chip : {"Apple M4 Pro", "Apple M3 Ultra", "Apple M6"}) {
    EXPECT_EQ(mac(chip).rdma.state, agent::Rdma::State::kUnknown) << chip;
  }
}

// ---------------------------------------------------------------- nvidia-smi

TEST(NvidiaSmi, ColumnsInAnyOrderWithAndWithoutHeaderAndUnits) {
  struct Case {
    const char* command;
    const char* text;
  };
  for (const Case& one :
       {Case{"nvidia-smi --query-gpu=name,memory.total --format=csv",
             "name, memory.total [MiB]\nNVIDIA GeForce RTX 3090, 24576 MiB\n"},
        Case{"nvidia-smi --query-gpu=memory.total,uuid,name --format=csv,noheader,nounits",
             "24576, GPU-1, NVIDIA GeForce RTX 3090\n"},
        Case{"nvidia-smi --format=csv,noheader --query-gpu name,memory.total",
             "NVIDIA GeForce RTX 3090, 24576 MiB\r\n"},
        Case{"nvidia-smi",
             "index, name, memory.total [MiB]\n0, NVIDIA GeForce RTX 3090, 24576 MiB\n"}}) {
    const auto cards = ParseNvidiaSmi(host::SplitCommandLine(one.command), one.text);
    ASSERT_TRUE(cards.has_value()) << one.command;
    ASSERT_THAT(cards->cards, SizeIs(1)) << one.command;
    EXPECT_EQ(cards->cards[0].name, "NVIDIA GeForce RTX 3090") << one.command;
    EXPECT_EQ(cards->cards[0].memory_bytes, std::uint64_t{24} << 30) << one.command;
  }
}

TEST(NvidiaSmi, EveryWayOfSayingNothing) {
  for (const char* nothing :
       {"", "N/A", "[N/A]", "[Not Supported]", "Not Supported", "[Unknown Error]", "ERR!", "-",
        "[Insufficient Permissions]", "[Requested functionality has been deprecated]",
        "[GPU requires reset]", "[ N/A ]"}) {
    EXPECT_TRUE(SaysNothing(nothing)) << nothing;
  }
  EXPECT_FALSE(SaysNothing("0"));
  EXPECT_FALSE(SaysNothing("NVIDIA GB10"));
}

TEST(NvidiaSmi, SeveralCards) {
  const Report report =
      ReportOf({Ran("nvidia-smi --query-gpu=index,name,memory.total --format=csv",
                    "index, name, memory.total [MiB]\n0, NVIDIA GeForce RTX 3090, 24576 MiB\n"
                    "1, NVIDIA GeForce RTX 3090, 24576 MiB\n"),
                Ran("nvidia-smi --query-gpu=index,driver_version --format=csv,noheader",
                    "0, 550.1\n1, 550.1\n")},
               {{"/proc/meminfo", "MemTotal: 1 kB\n"}});
  ASSERT_THAT(report.accelerators, SizeIs(2));
  EXPECT_EQ(report.accelerators[1].driver_version, "550.1");
  EXPECT_EQ(report.machine.kind, agent::Machine::Kind::kLinuxNvidia);
}

TEST(NvidiaSmi, MigSlicesAreSlices) {
  const Report report = ReportOf(
      {Ran("nvidia-smi --query-gpu=index,name,memory.total,mig.mode.current --format=csv",
           "index, name, memory.total [MiB], mig.mode.current\n0, NVIDIA H100 PCIe, 81559 MiB, "
           "Enabled\n"),
       Ran("nvidia-smi -L",
           "GPU 0: NVIDIA H100 PCIe (UUID: GPU-x)\n"
           "  MIG 3g.40gb     Device  0: (UUID: MIG-a)\n"
           "  MIG 1g.10gb     Device  1: (UUID: MIG-b)\n"),
       Ran("nvidia-smi -q -x",
           "<?xml version=\"1.0\" ?>\n<nvidia_smi_log>\n<driver_version>550.1</driver_version>\n"
           "<gpu id=\"0\"><product_name>NVIDIA H100 "
           "PCIe</product_name>\n<mig_mode><current_mig>Enabled"
           "</current_mig></mig_mode>\n<mig_devices><mig_device><fb_memory_usage><total>40192 "
           "MiB</total>"
           "</fb_memory_usage></mig_device>\n<mig_device><fb_memory_usage><total>9984 MiB</total>"
           "</fb_memory_usage></mig_device></mig_devices>\n<fb_memory_usage><total>81559 "
           "MiB</total>"
           "</fb_memory_usage></gpu>\n</nvidia_smi_log>\n")},
      {{"/proc/meminfo", "MemTotal: 1 kB\n"}});
  ASSERT_THAT(report.accelerators, SizeIs(2));
  EXPECT_EQ(report.accelerators[0].slice, "3g.40gb");
  EXPECT_EQ(report.accelerators[0].memory_bytes, std::uint64_t{40192} << 20);
  EXPECT_EQ(report.accelerators[1].slice, "1g.10gb");
  EXPECT_EQ(report.accelerators[1].memory_bytes, std::uint64_t{9984} << 20);
}

TEST(NvidiaSmi, MigSlicesOfTheTable) {
  const auto cards = ParseNvidiaSmi(
      {"nvidia-smi"},
      "| NVIDIA-SMI 550.1      Driver Version: 550.1      CUDA Version: 12.4     |\n"
      "|=================+======================+======================|\n"
      "|   0  NVIDIA A100-SXM4-80GB       On  | 00000000:01:00.0 Off |                   On |\n"
      "| N/A   30C    P0              44W / 400W |     75MiB / 81920MiB |     N/A      Default |\n"
      "|                                         |                      |              Enabled |\n"
      "+-----------------------------------------+----------------------+----------------------+"
      "\n\n"
      "| MIG devices:                                                                          |\n"
      "|==================+================================+===========+=======================|\n"
      "|  0    1   0   0  |              37MiB / 40192MiB  | 42      0 |  3   0    2    0    0 |\n"
      "|                  |               0MiB / 65535MiB  |           |                       |\n"
      "|  0    5   0   1  |              12MiB /  9728MiB  | 14      0 |  1   0    0    0    0 "
      "|\n");
  ASSERT_TRUE(cards.has_value());
  ASSERT_THAT(cards->cards, SizeIs(1));
  EXPECT_EQ(cards->cards[0].mig_enabled, true);
  ASSERT_THAT(cards->cards[0].slices, SizeIs(2));
  EXPECT_EQ(cards->cards[0].slices[1].memory_bytes, std::uint64_t{9728} << 20);
}

TEST(NvidiaSmi, ThePersistenceModeIsNoPartOfAName) {
  const auto cards = ParseNvidiaSmi(
      {"nvidia-smi"},
      "| NVIDIA-SMI 540.4.0                Driver Version: 540.4.0      CUDA Version: 12.6     |\n"
      "|=========================================+======================+======================|\n"
      "|   0  Orin (nvgpu)                  N/A  | N/A              N/A |                  N/A |\n"
      "| N/A   N/A  N/A               N/A /  N/A | Not Supported        |     N/A          N/A "
      "|\n");
  ASSERT_TRUE(cards.has_value());
  ASSERT_THAT(cards->cards, SizeIs(1));
  EXPECT_EQ(cards->cards[0].name, "Orin (nvgpu)");
  EXPECT_EQ(cards->cards[0].memory_said, "Not Supported");
}

TEST(NvidiaSmi, FailuresAreTold) {
  struct Case {
    int exit_code;
    const char* text;
    const char* because;
  };
  for (const Case& one :
       {Case{6, "No devices were found\n", "No devices were found"},
        Case{9, "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n",
             "cannot communicate"},
        Case{18, "Failed to initialize NVML: Driver/library version mismatch\n", "reboot"},
        Case{0, "\x01\x02garbage", "not understood"}}) {
    const Report report = ReportOf({Ran("nvidia-smi", one.text, one.exit_code)},
                                   {{"/proc/meminfo", "MemTotal: 1 kB\n"}});
    EXPECT_THAT(UnknownsOf(report, "nvidia-smi"), Contains(HasSubstr(one.because))) << one.text;
    EXPECT_THAT(report.accelerators, IsEmpty());
    EXPECT_EQ(report.memory.visible_bytes, 1024u) << "one failure hides nothing else";
  }
}

host::Output Slow(const std::string& command) {
  host::Output slow = Ran(command, "");
  slow.how = host::Output::How::kTimedOut;
  return slow;
}

const std::string kQueryCommand =
    "nvidia-smi --query-gpu=index,name,driver_version,memory.total --format=csv";
const std::string kQueryHeader = "index, name, driver_version, memory.total [MiB]\n";

TEST(NvidiaSmi, AToolThatFailsIsNoProofThatThereIsNoCard) {
  const std::map<std::string, std::string> files = {{"/proc/meminfo", "MemTotal: 1 kB\n"}};
  for (const host::Output& output :
       {Slow(kQueryCommand), Ran(kQueryCommand, R"({"gpus":[{"name":"RTX 3090"}]})"),
        Ran("nvidia-smi", ""),
        Ran("nvidia-smi", "Failed to initialize NVML: Driver/library version mismatch\n", 18)}) {
    const Report report = ReportOf({output}, files);
    EXPECT_THAT(UnknownsOf(report, "nvidia-smi"),
                ElementsAre(HasSubstr("which NVIDIA cards there are is unknown, because ")));
    EXPECT_EQ(OutcomeOf(report, "nvidia-smi"), ProbeResult::Outcome::kFailed) << output.text;
  }
  // The slots can be looked at, and hold none.
  std::map<std::string, std::string> with_slots = files;
  with_slots["/sys/bus/pci/devices/0000:00:01.0/vendor"] = "0x8086\n";
  const Report empty = ReportOf({Slow(kQueryCommand)}, with_slots);
  EXPECT_THAT(UnknownsOf(empty, "nvidia-smi"), ElementsAre(HasSubstr("no NVIDIA card: no PCI")));
  EXPECT_EQ(OutcomeOf(empty, "nvidia-smi"), ProbeResult::Outcome::kAbsent);
  const Report none = ReportOf({Ran("nvidia-smi", "No devices were found\n", 6)}, files);
  EXPECT_THAT(UnknownsOf(none, "nvidia-smi"), ElementsAre(HasSubstr("no NVIDIA card: nvidia")));
  EXPECT_EQ(OutcomeOf(none, "nvidia-smi"), ProbeResult::Outcome::kAbsent);
}

TEST(NvidiaSmi, WithoutTheToolOnlyTheSlotsTellThatThereIsNoCard) {
  const std::map<std::string, std::string> files = {{"/proc/meminfo", "MemTotal: 1 kB\n"}};
  const Report nothing = ReportOf({Ran("lscpu", "Architecture: x86_64\n")}, files);
  EXPECT_THAT(UnknownsOf(nothing, "nvidia-smi"),
              ElementsAre(HasSubstr("which NVIDIA cards there are is unknown, because nvidia-smi "
                                    "is not there, and nothing lists the PCI slots")));
  EXPECT_EQ(OutcomeOf(nothing, "nvidia-smi"), ProbeResult::Outcome::kFailed);
  std::map<std::string, std::string> slots = files;
  slots["/sys/bus/pci/drivers_autoprobe"] = "1\n";
  const Report empty = ReportOf({Ran("lscpu", "Architecture: x86_64\n")}, slots);
  EXPECT_THAT(UnknownsOf(empty, "nvidia-smi"), ElementsAre(HasSubstr("no NVIDIA card: no PCI")));
  EXPECT_EQ(OutcomeOf(empty, "nvidia-smi"), ProbeResult::Outcome::kAbsent);
}

TEST(NvidiaSmi, TheSlotsOfAWslMachineHoldNoGpuEvenWhereThereIsOne) {
  const std::string device = "/sys/bus/pci/devices/fe50:00:00.0/";
  const Report report = ReportOf({}, {{"/proc/meminfo", "MemTotal: 1 kB\n"},
                                      {device + "vendor", "0x1414\n"},
                                      {device + "class", "0x030200\n"},
                                      {device + "device", "0x008e\n"}});
  EXPECT_THAT(UnknownsOf(report, "nvidia-smi"),
              ElementsAre(HasSubstr("the GPUs of a WSL or Hyper-V machine are in no PCI slot")));
  EXPECT_EQ(OutcomeOf(report, "nvidia-smi"), ProbeResult::Outcome::kFailed);
}

TEST(NvidiaSmi, ACardThatOnlyPciListsIsSaid) {
  const std::string query = "index, name, driver_version, memory.total [MiB]\n";
  const std::string card = "NVIDIA GeForce RTX 3090, 580.95, 24576 MiB\n";
  const std::string lspci_3090 =
      "VGA compatible controller [0300]: NVIDIA Corporation GA102 [GeForce RTX 3090] [10de:2204] "
      "(rev a1)\n";
  const std::string lspci_3060 =
      "VGA compatible controller [0300]: NVIDIA Corporation GA106 [GeForce RTX 3060] [10de:2504] "
      "(rev a1)\n";
  const auto report = [&](const std::string& lspci) {
    return ReportOf({Ran(kQueryCommand, query + "0, " + card), Ran("lspci -nn", lspci)},
                    {{"/proc/meminfo", "MemTotal: 1 kB\n"}});
  };
  for (const std::string& other : {lspci_3090, lspci_3060}) {
    const Report two = report("05:00.0 " + other + "0a:00.0 " + lspci_3090);
    ASSERT_THAT(two.accelerators, SizeIs(2));
    EXPECT_EQ(two.accelerators[0].name, "NVIDIA GeForce RTX 3090");
    EXPECT_EQ(two.accelerators[1].name,
              other.substr(other.find("NVIDIA"), other.size() - 1 - other.find("NVIDIA")));
    EXPECT_EQ(two.accelerators[1].driver_version, "");
    EXPECT_THAT(UnknownsOf(two, "nvidia-smi"),
                ElementsAre(HasSubstr("driver and memory of 1 NVIDIA card are unknown, because PCI "
                                      "lists 2 and nvidia-smi 1")));
    EXPECT_EQ(OutcomeOf(two, "nvidia-smi"), ProbeResult::Outcome::kPartial);
  }
  EXPECT_THAT(report("05:00.0 " + lspci_3090).accelerators, SizeIs(1));
  EXPECT_THAT(UnknownsOf(report("05:00.0 " + lspci_3090), "nvidia-smi"), IsEmpty());
  // Which of two others has no driver, their names do not tell.
  const Report unclear =
      ReportOf({Ran(kQueryCommand, query + "0, NVIDIA Graphics Device, 580.95, 24576 MiB\n"),
                Ran("lspci -nn", "05:00.0 " + lspci_3060 + "0a:00.0 " + lspci_3090)},
               {{"/proc/meminfo", "MemTotal: 1 kB\n"}});
  ASSERT_THAT(unclear.accelerators, SizeIs(2));
  EXPECT_EQ(unclear.accelerators[1].name, "NVIDIA Corporation card");
}

TEST(NvidiaSmi, PartsOfACardForVirtualMachinesAreNoCards) {
  const std::string card = "/sys/bus/pci/devices/0000:05:00.0/";
  const std::string part = "/sys/bus/pci/devices/0000:05:00.4/";
  const Report report =
      ReportOf({Ran(kQueryCommand, kQueryHeader + "0, NVIDIA A40, 580.95, 46068 MiB\n")},
               {{"/proc/meminfo", "MemTotal: 1 kB\n"},
                {card + "vendor", "0x10de\n"},
                {card + "class", "0x030200\n"},
                {card + "device", "0x2235\n"},
                {part + "vendor", "0x10de\n"},
                {part + "class", "0x030200\n"},
                {part + "device", "0x2235\n"},
                {part + "physfn/vendor", "0x10de\n"}});
  EXPECT_THAT(report.accelerators, SizeIs(1));
}

TEST(NvidiaSmi, CardsKeptForAVirtualMachineAreNotThisMachinesAndNeedNoDriver) {
  const auto report = [](const std::string& first_driver, const std::string& second_driver) {
    std::map<std::string, std::string> files = {{"/proc/meminfo", "MemTotal: 1 kB\n"}};
    const auto add = [&files](const std::string& at, const std::string& driver) {
      const std::string device = "/sys/bus/pci/devices/" + at + "/";
      files[device + "vendor"] = "0x10de\n";
      files[device + "class"] = "0x030000\n";
      files[device + "device"] = "0x2684\n";
      files[device + "uevent"] = "DRIVER=" + driver + "\nPCI_CLASS=30000\nPCI_ID=10DE:2684\n";
    };
    add("0000:01:00.0", first_driver);
    add("0000:05:00.0", second_driver);
    const std::string lspci =
        "01:00.0 VGA compatible controller [0300]: NVIDIA Corporation AD102 [GeForce RTX 4090] "
        "[10de:2684] (rev a1)\n"
        "05:00.0 VGA compatible controller [0300]: NVIDIA Corporation AD102 [GeForce RTX 4090] "
        "[10de:2684] (rev a1)\n";
    std::vector<host::Output> outputs = {Ran("lspci -nn", lspci)};
    if (first_driver == "nvidia") {
      outputs.push_back(
          Ran(kQueryCommand, kQueryHeader + "0, NVIDIA GeForce RTX 4090, 580.95, 24564 MiB\n"));
    }
    return ReportOf(outputs, files);
  };
  const Report one = report("nvidia", "vfio-pci");
  EXPECT_THAT(one.accelerators, SizeIs(1));
  EXPECT_THAT(
      UnknownsOf(one, "nvidia-smi"),
      ElementsAre("NVIDIA Corporation AD102 [GeForce RTX 4090] [10de:2684] (rev a1) is kept "
                  "for a virtual machine (vfio-pci)"));
  const Report none = report("vfio-pci", "vfio-pci");
  EXPECT_THAT(none.accelerators, IsEmpty());
  EXPECT_EQ(OutcomeOf(none, "nvidia-smi"), ProbeResult::Outcome::kAbsent);
  EXPECT_THAT(UnknownsOf(none, "nvidia-smi"),
              ElementsAre(HasSubstr("no NVIDIA card for programs here: ")));
  EXPECT_EQ(none.machine.kind, agent::Machine::Kind::kLinux);
  const Report free = report("nouveau", "nouveau");
  EXPECT_THAT(free.accelerators, SizeIs(2));
  EXPECT_THAT(UnknownsOf(free, "nvidia-smi"), ElementsAre(HasSubstr("is run by nouveau")));
}

TEST(Memory, WhatFirmwareKeepsForAGpuInsideTheProcessorIsSaid) {
  const std::string gpu = "/sys/bus/pci/devices/0000:c4:00.0/";
  const std::string card = "/sys/bus/pci/devices/0000:03:00.0/";  // with memory of its own
  const auto report = [&](const std::string& vram) {
    return ReportOf({}, {{"/proc/meminfo", "MemTotal: 32400000 kB\n"},
                         {gpu + "vendor", "0x1002\n"},
                         {gpu + "class", "0x038000\n"},
                         {gpu + "device", "0x1586\n"},
                         {gpu + "mem_info_vram_total", vram},
                         {card + "vendor", "0x1002\n"},
                         {card + "class", "0x030000\n"},
                         {card + "device", "0x744c\n"},
                         {card + "mem_info_vram_total", "25753026560\n"}});
  };
  EXPECT_EQ(report("103079215104\n").memory.firmware_gpu_bytes, std::uint64_t{96} << 30);
  EXPECT_EQ(report("-1\n").memory.firmware_gpu_bytes, std::nullopt);
}

TEST(NvidiaSmi, OnlyChipsThatAreKnownToShareTheMemoryDo) {
  const auto unified = [](const std::string& row) {
    return ReportOf({Ran(kQueryCommand, kQueryHeader + row)},
                    {{"/proc/meminfo", "MemTotal: 1 kB\n"}})
        .memory.unified;
  };
  EXPECT_TRUE(unified("0, Orin (nvgpu), 540.4.0, [N/A]\n"));
  EXPECT_TRUE(unified("0, NVIDIA Thor, 580.00, [N/A]\n"));
  EXPECT_TRUE(unified("0, NVIDIA GB10, 580.95, [N/A]\n"));
  EXPECT_FALSE(unified("0, NVIDIA GeForce RTX 3090, 580.95, [N/A]\n"));
  EXPECT_FALSE(unified("0, NVIDIA Thor, 580.95, 24576 MiB\n"));
}

TEST(NvidiaSmi, ACardWhoseLineIsCutOffCounts) {
  struct Case {
    const char* line;
    const char* because;
  };
  for (const Case& one :
       {Case{"1, NVIDIA GeFor", "has 2 values for 4 columns: it was cut off"},
        Case{"1", "has 1 value for 4 columns"}, Case{"1, A, B, C, D\n", "has 5 values"}}) {
    const Report report = ReportOf({Ran(
        kQueryCommand, kQueryHeader + "0, NVIDIA GeForce RTX 3090, 570, 24576 MiB\n" + one.line)});
    ASSERT_THAT(report.accelerators, SizeIs(2)) << one.line;
    EXPECT_EQ(report.accelerators[0].name, "NVIDIA GeForce RTX 3090");
    EXPECT_EQ(report.accelerators[1].name, "");
    EXPECT_THAT(
        UnknownsOf(report, "nvidia-smi"),
        Contains(::testing::AllOf(HasSubstr("name and memory of card 1 are unknown, because"),
                                  HasSubstr(one.because))))
        << one.line;
  }
  // A warning is no card.
  const Report warned =
      ReportOf({Ran(kQueryCommand, kQueryHeader + "0, NVIDIA GeForce RTX 3090, 570, 24576 MiB\n"
                                                  "WARNING: infoROM is corrupted at gpu 0\n")});
  EXPECT_THAT(warned.accelerators, SizeIs(1));
  EXPECT_THAT(UnknownsOf(warned, "nvidia-smi"), Contains(HasSubstr("infoROM")));
}

TEST(NvidiaSmi, EveryFormCountsTheCardsThatItNoLongerDescribes) {
  struct Case {
    const char* command;
    const char* text;
  };
  for (const Case& one :
       {Case{"nvidia-smi -L", "GPU 0: NVIDIA L40S (UUID: GPU-1)\nGPU 1: NVIDIA L4"},
        Case{"nvidia-smi -q -x",
             "<nvidia_smi_log><attached_gpus>2</attached_gpus><gpu id=\"0\"><product_name>NVIDIA "
             "L40S</product_name></gpu><gpu i"},
        Case{"nvidia-smi -q",
             "====NVSMI LOG====\n\nAttached GPUs                             : 2\nGPU "
             "00000000:01:00.0\n    Product Name                          : NVIDIA L40S\n"},
        Case{"nvidia-smi",
             "| NVIDIA-SMI 580.1   Driver Version: 580.1   CUDA Version: 13.0 |\n|====|\n"
             "|   0  NVIDIA L40S    On  | 00:01 Off | 0 |\n| N/A 3C | 1MiB / 46068MiB | 0% |\n"
             "|   1  NVIDIA L4"}}) {
    const auto cards = ParseNvidiaSmi(host::SplitCommandLine(one.command), one.text);
    ASSERT_TRUE(cards.has_value()) << one.command;
    ASSERT_THAT(cards->cards, SizeIs(2)) << one.command;
    EXPECT_EQ(cards->cards[0].name, "NVIDIA L40S") << one.command;
    EXPECT_EQ(cards->cards[1].name, "") << one.command;
    EXPECT_NE(cards->cards[1].cut_short, "") << one.command;
  }
}

// ---------------------------------------------------------------- Linux

TEST(Lscpu, TwoModelsAreTwoGroupsInBothForms) {
  const char* text =
      "Architecture:             aarch64\nCPU(s):                   20\nVendor ID:                "
      "ARM\n"
      "  Model name:             Cortex-X925\n    Core(s) per socket:   10\n    Socket(s):         "
      "   1\n"
      "  Model name:             Cortex-A725\n    Core(s) per socket:   10\n    Socket(s):         "
      "   1\n";
  const char* json =
      R"({"lscpu":[{"field":"Architecture:","data":"aarch64"},{"field":"CPU(s):","data":"20"},)"
      R"({"field":"Vendor ID:","data":"ARM","children":[{"field":"Model name:","data":"Cortex-X925",)"
      R"("children":[{"field":"Core(s) per socket:","data":"10"},{"field":"Socket(s):","data":"1"}]},)"
      R"({"field":"Model name:","data":"Cortex-A725","children":[{"field":"Core(s) per socket:","data":"10"},)"
      R"({"field":"Socket(s):","data":"1"}]}]}]})";
  for (const char* form : {text, json}) {
    const auto processor = ParseLscpu(form);
    ASSERT_TRUE(processor.has_value());
    EXPECT_EQ(processor->name, "Cortex-X925 + Cortex-A725");
    EXPECT_EQ(processor->logical_cores, 20u);
    EXPECT_THAT(processor->groups, ElementsAre(agent::CoreGroup{"Cortex-X925", 10},
                                               agent::CoreGroup{"Cortex-A725", 10}));
  }
}

TEST(Lscpu, AnotherLanguageFallsBackToCpuinfo) {
  const Report report = ReportOf({Ran("lscpu", "Architektur: x86_64\nModellname: AMD EPYC\n")},
                                 {{"/proc/cpuinfo", "processor\t: 0\nmodel name\t: AMD EPYC\n"}});
  EXPECT_EQ(report.processor.name, "AMD EPYC");
}

TEST(Lscpu, LabelsInAnotherLanguageAreTheReasonNotAMissingName) {
  const host::Output german = Ran("lscpu",
                                  "Architektur:             x86_64\nCPU(s):                  16\n"
                                  "Modellname:              AMD Ryzen 7 5800X 8-Core Processor\n");
  const Report report = ReportOf({german}, {{"/proc/meminfo", "MemTotal: 1 kB\n"}});
  EXPECT_EQ(report.processor.logical_cores, 16u);
  EXPECT_THAT(UnknownsOf(report, "processor"),
              ElementsAre(HasSubstr("lscpu printed its labels in another language")));
  const Report nameless = ReportOf({Ran("lscpu", "Architecture: aarch64\nCPU(s): 4\n")},
                                   {{"/proc/meminfo", "MemTotal: 1 kB\n"}});
  EXPECT_THAT(UnknownsOf(nameless, "processor"), ElementsAre(HasSubstr("neither lscpu nor")));
}

TEST(Cpuinfo, ACoreWhosePartIsNotStatedIsNoGroup) {
  const auto processor = ParseCpuinfo(
      "processor\t: 0\nCPU part\t: 0xd85\nprocessor\t: 1\nCPU part\t: \nprocessor\t: 2\nCPU "
      "part\t: 0xfff\n");
  ASSERT_TRUE(processor.has_value());
  EXPECT_EQ(processor->logical_cores, 3u);
  EXPECT_EQ(processor->name, "Cortex-X925 + Arm part 0xfff");
}

TEST(Ip, TextAndJson) {
  const auto text = ParseIp(
      "1: lo: <LOOPBACK,UP> mtu 65536 state UNKNOWN\n    inet 127.0.0.1/8 scope host lo\n"
      "2: enP7s7: <BROADCAST,UP> mtu 1500 qdisc mq state UP group default\n"
      "    inet 10.0.0.7/24 brd 10.0.0.255 scope global enP7s7\n    inet6 fe80::1/64 scope link\n");
  ASSERT_TRUE(text.has_value());
  EXPECT_EQ(text->at("enP7s7").up, true);
  EXPECT_THAT(text->at("enP7s7").addresses, ElementsAre("10.0.0.7"));
  EXPECT_FALSE(ParseIp("garbage").has_value());
  const auto joined = ParseIp(
      "2: eno1: <BROADCAST,SLAVE,UP> mtu 1500 qdisc mq master bond0 state UP group default\n"
      "3: bond0: <BROADCAST,MASTER,UP> mtu 1500 qdisc noqueue state UP group default\n"
      "4: bond0.7@bond0: <BROADCAST,UP> mtu 1500 qdisc noqueue state UP group default\n");
  ASSERT_TRUE(joined.has_value());
  EXPECT_EQ(joined->at("eno1").master, "bond0");
  EXPECT_EQ(joined->at("bond0").master, "");
  EXPECT_EQ(joined->at("bond0.7").lower, "bond0");
  EXPECT_EQ(joined->at("bond0.7").up, true);
}

TEST(Verbs, EveryListing) {
  EXPECT_THAT(*ParseIbvDevices("    device    node GUID\n    ------   ------\n"), IsEmpty());
  EXPECT_FALSE(ParseIbvDevices("nothing").has_value());
  EXPECT_EQ(ParseSysfsPort("4: ACTIVE", "200 Gb/sec (4X HDR)", "").rate_bits_per_second, 200e9);
  EXPECT_EQ(ParseSysfsPort("1: DOWN", "", "").active, false);
  const auto netdevs = ParseIbdev2netdev("x@y:~$ ibdev2netdev\nmlx5_0 port 1 ==> ib0 (Up)\n");
  ASSERT_TRUE(netdevs.has_value());
  EXPECT_EQ(netdevs->at("mlx5_0").ports.at(1).netdev, "ib0");
}

TEST(Verbs, EveryPortOfADevice) {
  const std::string devinfo =
      "hca_id:\tmlx4_0\n\ttransport:\t\t\tInfiniBand (0)\n\tphys_port_cnt:\t\t\t2\n"
      "\t\tport:\t1\n\t\t\tstate:\t\t\tPORT_DOWN (1)\n\t\t\tlink_layer:\t\tInfiniBand\n"
      "\t\tport:\t2\n\t\t\tstate:\t\t\tPORT_ACTIVE (4)\n\t\t\tlink_layer:\t\tEthernet\n";
  const std::string ibstat =
      "CA 'mlx4_0'\n\tNumber of ports: 2\n\tPort 1:\n\t\tState: Down\n\t\tRate: 10\n"
      "\t\tPort GUID: 0x1\n\t\tLink layer: InfiniBand\n"
      "\tPort 2:\n\t\tState: Active\n\t\tRate: 56\n\t\tLink layer: Ethernet\n";
  for (const auto& devices : {ParseIbvDevinfo(devinfo), ParseIbstat(ibstat)}) {
    ASSERT_TRUE(devices.has_value());
    const RdmaDevice& device = devices->at("mlx4_0");
    ASSERT_THAT(device.ports, SizeIs(2));
    EXPECT_EQ(device.ports.at(1).active, false);
    EXPECT_EQ(device.ports.at(1).infiniband, true);
    EXPECT_EQ(device.ports.at(2).active, true);
    EXPECT_EQ(device.ports.at(2).infiniband, false);
    EXPECT_EQ(device.active(), true);
  }
  EXPECT_EQ(ParseIbstat(ibstat)->at("mlx4_0").ports.at(2).rate_bits_per_second, 56e9);
  const auto netdevs =
      ParseIbdev2netdev("mlx4_0 port 1 ==> ib0 (Down)\nmlx4_0 port 2 ==> ib1 (Up)\n");
  EXPECT_EQ(netdevs->at("mlx4_0").ports.at(2).netdev, "ib1");
  EXPECT_EQ(netdevs->at("mlx4_0").ports.at(2).netdev_up, true);
  const auto links = ParseRdmaLink(
      "link mlx4_0/1 subnet_prefix fe80:0000:0000:0000 lid 1 state DOWN physical_state POLLING\n"
      "link mlx4_0/2 state ACTIVE physical_state LINK_UP netdev enp1s0\n");
  EXPECT_EQ(links->at("mlx4_0").ports.at(1).infiniband, true);
  EXPECT_EQ(links->at("mlx4_0").ports.at(2).netdev, "enp1s0");
  for (const char* none : {"0", "256", "x", ""}) EXPECT_FALSE(RdmaPortNumber(none)) << none;
}

TEST(Verbs, RdmaLink) {
  const auto devices = ParseRdmaLink(
      "link rocep1s0f0/1 state ACTIVE physical_state LINK_UP netdev enp1s0f0np0 \n"
      "link rocep1s0f1/1 state DOWN physical_state DISABLED netdev enp1s0f1np1 \n");
  ASSERT_TRUE(devices.has_value());
  EXPECT_EQ(devices->at("rocep1s0f0").active(), true);
  EXPECT_EQ(devices->at("rocep1s0f1").active(), false);
  EXPECT_EQ(devices->at("rocep1s0f1").ports.at(1).netdev, "enp1s0f1np1");
}

TEST(Uname, ApartAndTogether) {
  const Report report =
      ReportOf({Ran("uname -s", "Linux\n"), Ran("uname -r", "6.14.0-1013-nvidia\n"),
                Ran("uname -m", "aarch64\n")});
  EXPECT_EQ(report.os.build, "6.14.0-1013-nvidia");
  EXPECT_EQ(report.processor.architecture, "aarch64");
}

TEST(SwVers, TheVersionAlone) {
  const Report report = ReportOf({Ran("sw_vers -productVersion", "26.2\n")});
  EXPECT_EQ(report.machine.kind, agent::Machine::Kind::kMac);
  EXPECT_EQ(report.os.version, "26.2");
}

TEST(Spark, OneTwinDownIsSaid) {
  const Report report =
      ReportOf({Ran("ibstat",
                    "CA 'rocep1s0f0'\n\tPort 1:\n\t\tState: Active\n\t\tRate: 200\n"
                    "CA 'roceP2p1s0f0'\n\tPort 1:\n\t\tState: Down\n\t\tRate: 40\n")},
               {{"/sys/class/dmi/id/product_name", "NVIDIA_DGX_Spark\n"}});
  ASSERT_THAT(report.ports, SizeIs(1));
  EXPECT_EQ(report.ports[0].state, agent::Port::State::kUp);
  EXPECT_EQ(report.ports[0].negotiated_bits_per_second, 200e9);
  EXPECT_THAT(UnknownsOf(report, "network"), Contains(HasSubstr("roceP2p1s0f0 is down")));
}

TEST(Spark, TheManagementPortIsToldApart) {
  const Report report = ReportOf(
      {Ran(
          "ip -j address",
          R"([{"ifname":"enP7s7","operstate":"UP","addr_info":[{"local":"10.0.0.7"}]},)"
          R"({"ifname":"enp1s0f1np1","operstate":"UP","addr_info":[{"local":"192.168.100.1"}]},)"
          R"({"ifname":"enP2p1s0f1np1","operstate":"UP","addr_info":[]},{"ifname":"docker0","operstate":"DOWN"},)"
          R"({"ifname":"wlP9s9","operstate":"DOWN"}])")},
      {{"/sys/class/dmi/id/product_name", "NVIDIA_DGX_Spark\n"}});
  ASSERT_THAT(report.ports, SizeIs(3));
  EXPECT_EQ(report.ports[0].name, "cage 1");
  EXPECT_THAT(report.ports[0].addresses, ElementsAre("192.168.100.1"));
  EXPECT_FALSE(report.ports[0].management);
  EXPECT_EQ(report.ports[1].name, "enP7s7");
  EXPECT_TRUE(report.ports[1].management);
  EXPECT_EQ(report.ports[2].kind, agent::Port::Kind::kWifi);
}

// ---------------------------------------------------------------- interfaces over interfaces

using Files = std::map<std::string, std::string>;

// Two cards of 10 and 1 Gb/s, joined by whatever `more` says. `ip` is what `ip -j address` lists.
Report Joined(const std::string& ip, Files more) {
  Files files = {{"/proc/meminfo", "MemTotal: 1 kB\n"}};
  for (const auto& [name, megabits] : {std::pair{"eno1", "10000\n"}, std::pair{"eno2", "1000\n"}}) {
    const std::string at = std::string("/sys/class/net/") + name;
    files[at + "/operstate"] = "up\n";
    files[at + "/speed"] = megabits;
    files[at + "/device/uevent"] = "DRIVER=ixgbe\n";
  }
  files.merge(more);
  return ReportOf({Ran("ip -j address", ip)}, files);
}

std::string Link(const std::string& name, const std::string& more,
                 const std::string& address = "") {
  return R"({"ifname":")" + name + R"(","operstate":"UP",)" + more + R"("addr_info":[)" +
         (address.empty() ? "" : R"({"local":")" + address + R"("})") + "]}";
}

const std::string kMember = R"("master":"bond0",)";
const std::string kBonded = Link("eno1", kMember) + "," + Link("eno2", kMember) + ",";

TEST(Joined, ABondRunsAtTheSlowestThatIsUpOrTheOneInUse) {
  const std::string ip = "[" + kBonded + Link("bond0", "", "10.0.0.1") + "]";
  const Files bond = {{"/sys/class/net/bond0/speed", "11000\n"}};
  const Report both = Joined(ip, bond);
  ASSERT_THAT(both.ports, SizeIs(1));
  EXPECT_THAT(both.ports[0].interfaces, ElementsAre("eno1", "eno2"));
  EXPECT_EQ(both.ports[0].negotiated_bits_per_second, 1e9);
  Files spare = bond;
  spare["/sys/class/net/bond0/bonding/active_slave"] = "eno1\n";
  EXPECT_EQ(Joined(ip, spare).ports.at(0).negotiated_bits_per_second, 10e9);
  Files unplugged = bond;
  unplugged["/sys/class/net/eno2/operstate"] = "down\n";
  const std::string without =
      "[" + Link("eno1", kMember) + "," + Link("bond0", "", "10.0.0.1") + "]";
  EXPECT_EQ(Joined(without, unplugged).ports.at(0).negotiated_bits_per_second, 10e9);
}

TEST(Joined, ABridgeOverABondAndAVlanOverItHaveTheirAddresses) {
  const Report bridge = Joined("[" + kBonded + Link("bond0", R"("master":"br-lan",)") + "," +
                                   Link("br-lan", "", "10.0.0.1") + "," +
                                   Link("veth1", R"("master":"br-lan",)") + "]",
                               {{"/sys/class/net/br-lan/speed", "20000\n"}});
  ASSERT_THAT(bridge.ports, SizeIs(1));
  EXPECT_EQ(bridge.ports[0].name, "br-lan");
  EXPECT_THAT(bridge.ports[0].interfaces, ElementsAre("eno1", "eno2"));
  EXPECT_THAT(bridge.ports[0].addresses, ElementsAre("10.0.0.1"));
  EXPECT_EQ(bridge.ports[0].negotiated_bits_per_second, 1e9);
  const Report vlan = Joined("[" + kBonded + Link("bond0", "") + "," +
                                 Link("bond0.7", R"("link":"bond0",)", "10.0.7.1") + "]",
                             {{"/sys/class/net/bond0.7/speed", "11000\n"}});
  ASSERT_THAT(vlan.ports, SizeIs(1)) << "a VLAN is no socket";
  EXPECT_EQ(vlan.ports[0].name, "bond0");
  EXPECT_THAT(vlan.ports[0].interfaces, ElementsAre("eno1", "eno2", "bond0.7"));
  EXPECT_THAT(vlan.ports[0].addresses, ElementsAre("10.0.7.1"));
  EXPECT_EQ(vlan.ports[0].negotiated_bits_per_second, 1e9);
}

TEST(Joined, ContainersBridgesAndIdleBondsAreNoPorts) {
  const Report report =
      Joined("[" + Link("eno1", "", "10.0.0.1") + "," + Link("docker0", "", "172.17.0.1") + "," +
                 Link("br-1f2e", "", "172.18.0.1") + "," + Link("veth9", R"("master":"br-1f2e",)") +
                 "," + Link("bond0", "") + "]",
             {{"/sys/class/net/bonding_masters", "bond0\n"}});
  ASSERT_THAT(report.ports, SizeIs(2));
  EXPECT_EQ(report.ports[0].name, "eno1");
  EXPECT_EQ(report.ports[1].name, "eno2");
}

TEST(Joined, WhatOpenVswitchHoldsStaysAPort) {
  const std::string datapath = R"("master":"ovs-system",)";
  const Report report = Joined("[" + Link("eno1", datapath) + "," + Link("ovs-system", "") + "," +
                                   Link("vmbr0", "", "10.0.0.1") + "]",
                               {});
  ASSERT_THAT(report.ports, SizeIs(3));
  EXPECT_EQ(report.ports[0].name, "eno1");
  EXPECT_EQ(report.ports[2].name, "vmbr0");
  EXPECT_THAT(report.ports[2].addresses, ElementsAre("10.0.0.1"));
}

TEST(Joined, ABondWhoseMembersAreNotListedIsSaid) {
  const Report report = Joined("[" + Link("bond0", "", "10.0.0.1") + "]",
                               {{"/sys/class/net/bond0/speed", "20000\n"}});
  ASSERT_THAT(report.ports, SizeIs(3));
  EXPECT_EQ(report.ports[0].name, "bond0");
  EXPECT_THAT(report.ports[0].addresses, ElementsAre("10.0.0.1"));
  EXPECT_FALSE(report.ports[0].negotiated_bits_per_second.has_value()) << "20 Gb/s is a sum";
  EXPECT_THAT(UnknownsOf(report, "network"), Contains(HasSubstr("which interfaces bond0 joins")));
}

TEST(Joined, InterfacesThatAreJoinedInARingEnd) {
  const Report report = Joined(
      "[" + Link("eno1", R"("master":"a",)") + "," + Link("a", R"("master":"b",)") + "," +
          Link("b", R"("master":"a",)") + "," + Link("c", R"("link":"c",)", "10.0.0.1") + "]",
      {});
  EXPECT_FALSE(report.ports.empty());
}

TEST(RdmaPorts, ACardOfWhichOnlyVerbsToolsTell) {
  const Report report =
      ReportOf({Ran("ibstat",
                    "CA 'mlx5_0'\n\tPort 1:\n\t\tState: Active\n\t\tRate: 100\n\t\tLink layer: "
                    "Ethernet\n"),
                Ran("ibdev2netdev", "mlx5_1 port 1 ==> enp9s0np0 (Up)\n")},
               {{"/proc/meminfo", "MemTotal: 1 kB\n"}});
  ASSERT_THAT(report.ports, SizeIs(2));
  EXPECT_EQ(report.ports[0].name, "mlx5_0");
  EXPECT_EQ(report.ports[0].kind, agent::Port::Kind::kEthernet);
  EXPECT_EQ(report.ports[0].negotiated_bits_per_second, 100e9);
  EXPECT_EQ(report.ports[1].name, "enp9s0np0");
  EXPECT_EQ(report.ports[1].kind, agent::Port::Kind::kEthernet);
  EXPECT_EQ(report.ports[1].state, agent::Port::State::kUp);
  EXPECT_EQ(report.ports[1].rdma_device, "mlx5_1");
}

TEST(RdmaPorts, AGb10DeviceWithoutACageIsNoCageOf200Gigabits) {
  const Report report =
      ReportOf({Ran("ibstat", "CA 'mlx5_2'\n\tPort 1:\n\t\tState: Down\n\t\tRate: 40\n")},
               {{"/sys/class/dmi/id/product_name", "NVIDIA_DGX_Spark\n"}});
  ASSERT_THAT(report.ports, SizeIs(1));
  EXPECT_EQ(report.ports[0].kind, agent::Port::Kind::kConnectx);
  EXPECT_FALSE(report.ports[0].capable_bits_per_second.has_value());
  EXPECT_THAT(UnknownsOf(report, "network"), Contains(HasSubstr("which cage mlx5_2 belongs to")));
}

// ---------------------------------------------------------------- what goes wrong

TEST(Degradation, ASlowToolIsUnknownBecauseItWasSlow) {
  host::Output slow = Ran("system_profiler -json SPDisplaysDataType", "");
  slow.how = host::Output::How::kTimedOut;
  const Report report = ReportOf({slow, Ran("sysctl hw", "hw.memsize: 1073741824\n")});
  EXPECT_THAT(UnknownsOf(report, "gpu"), Contains(HasSubstr("did not end within 15 s")));
  EXPECT_EQ(report.memory.installed_bytes, std::uint64_t{1} << 30);
}

TEST(Degradation, EveryCutOfEveryOutputStillReports) {
  const std::string text =
      "$ nvidia-smi -q -x\nexit 0\n<nvidia_smi_log><gpu id=\"0\"><product_name>NVIDIA "
      "L40S</product_name>"
      "<fb_memory_usage><total>46068 MiB</total></fb_memory_usage></gpu></nvidia_smi_log>";
  for (std::size_t length = 20; length <= text.size(); ++length) {
    const auto output = host::ParseCommandFile(std::string_view(text).substr(0, length));
    ASSERT_TRUE(output.has_value());
    const Report report = ReportOf({*output}, {{"/proc/meminfo", "MemTotal: 1 kB\n"}});
    EXPECT_EQ(report.memory.visible_bytes, 1024u);
  }
}

}  // namespace
}  // namespace capacity::probe
