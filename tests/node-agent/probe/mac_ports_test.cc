// What networksetup's names of ports and ifconfig's bridges mean.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "node-agent/probe/apple.h"
#include "tests/node-agent/probe/outputs.h"

namespace capacity::probe {
namespace {

using agent::CoreGroup;
using agent::Port;
using agent::Report;
using capacity::testing::Ran;
using capacity::testing::ReportOf;
using capacity::testing::UnknownsOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> NamesOf(const Report& report) {
  std::vector<std::string> names;
  for (const Port& port : report.ports) names.push_back(port.name);
  return names;
}

Report WithPorts(const std::string& hardware_ports, const std::string& interfaces) {
  return ReportOf({Ran("sw_vers", "ProductVersion: 26.2\n"),
                   Ran("networksetup -listallhardwareports", hardware_ports),
                   Ran("ifconfig -a", interfaces)});
}

TEST(MacPortNames, WlanIsWhatWifiIsCalledInGerman) {
  const Report report =
      WithPorts("Hardware Port: WLAN\nDevice: en1\n",
                "en1: flags=8863<UP> mtu 1500\n\tinet 192.0.2.4 netmask 0xff\n\tstatus: active\n");
  ASSERT_THAT(NamesOf(report), ElementsAre("WLAN"));
  EXPECT_EQ(report.ports[0].kind, Port::Kind::kWifi);
}

TEST(MacPortNames, AnAdapterOfMacosThatNothingUsesIsNoPort) {
  const std::string ports =
      "Hardware Port: Ethernet\nDevice: en0\n\nHardware Port: Ethernet Adapter (en5)\nDevice: en5\n"
      "\nHardware Port: Ethernet-Adapter (en6)\nDevice: en6\n"
      "\nHardware Port: Adaptateur Ethernet (en7)\nDevice: en7\n";
  const auto interface = [](const std::string& name, const std::string& state) {
    return name + ": flags=8963<UP,BROADCAST,SMART,RUNNING,PROMISC,SIMPLEX,MULTICAST> mtu 1500\n" +
           "\tmedia: none\n" + state;
  };
  EXPECT_THAT(NamesOf(WithPorts(ports, interface("en0", "\tstatus: inactive\n") +
                                           interface("en5", "\tstatus: inactive\n") +
                                           interface("en6", "\tstatus: inactive\n") +
                                           interface("en7", ""))),
              ElementsAre("Ethernet"));
  // Worth telling where it leads somewhere.
  EXPECT_THAT(NamesOf(WithPorts(ports, interface("en5", "\tstatus: active\n") +
                                           interface("en6", "\tinet 192.0.2.6 netmask 0xff\n"))),
              ElementsAre("Ethernet", "Ethernet Adapter (en5)", "Ethernet-Adapter (en6)"));
}

// What macOS calls its ports is the same in a capture, in whatever language.
TEST(MacPortNames, OfMacosAreNoNamesOfPeopleInAnyLanguage) {
  for (const char* name : {"WLAN",
                           "Thunderbolt-Bridge",
                           "Thunderbolt-Brücke",
                           "Pont Thunderbolt",
                           "Puente Thunderbolt",
                           "Ponte Thunderbolt",
                           "Thunderbolt-brug",
                           "Most Thunderbolt",
                           "Мост Thunderbolt",
                           "雷雳网桥",
                           "雷雳 1",
                           "雷雳以太网插槽 1",
                           "以太网",
                           "以太网适配器 (en5)",
                           "Thunderboltブリッジ",
                           "Thunderbolt ブリッジ",
                           "Thunderbolt 브리지",
                           "Thunderbolt 橋接器",
                           "Ethernet-Adapter (en5)",
                           "Adaptateur Ethernet (en5)",
                           "Bluetooth-PAN",
                           "iPhone-USB",
                           "USB 10/100/1G/2.5G LAN",
                           "RTL8153",
                           "USB3.0 2.5GbE Adapter"}) {
    EXPECT_THAT(ParseNamesOfPeople("Hardware Port: " + std::string(name) + "\nDevice: en1\n"),
                IsEmpty())
        << name;
  }
  for (const char* name : {"Pont", "Bro", "Most GmbH VPN", "Annas iPhone-USB", "Thunderbolt Anna",
                           "ThunderboltAnna", "Anna-Bridge", "小明的网桥", "雷雳小明",
                           "Schmidt86-iPhone", "Anna1 iPad", "vpn2-jschmidt9", "Bob7"}) {
    EXPECT_THAT(ParseNamesOfPeople("Hardware Port: " + std::string(name) + "\nDevice: en1\n"),
                ElementsAre(name));
  }
}

TEST(MacPortNames, TheBridgeOfAnUnknownLanguageIsKnownByWhatItJoins) {
  const std::string ports =
      "Hardware Port: device-1a2b3c4d\nDevice: bridge0\n\nHardware Port: Thunderbolt 1\n"
      "Device: en2\n\nHardware Port: Ethernet\nDevice: en0\n";
  const auto bridge = [](const std::string& member) {
    return "bridge0: flags=8863<UP> mtu 1500\n\tinet 10.0.0.1 netmask 0xff\n\tmember: " + member +
           " flags=3<LEARNING,DISCOVER>\n";
  };
  const Report thunderbolt = WithPorts(ports, bridge("en2"));
  ASSERT_THAT(NamesOf(thunderbolt), ElementsAre("receptacle 1", "device-1a2b3c4d", "Ethernet"));
  EXPECT_TRUE(thunderbolt.ports[0].bridged);
  EXPECT_EQ(thunderbolt.ports[1].kind, Port::Kind::kThunderbolt);
  EXPECT_EQ(WithPorts(ports, bridge("en0")).ports[1].kind, Port::Kind::kEthernet);
}

host::Output Cut(host::Output output) {
  output.truncated = true;
  return output;
}

// The names end within the second receptacle's.
TEST(MacPortNames, APortBehindTheEndOfTheListHasItsAddresses) {
  const Report report = ReportOf(
      {Ran("sw_vers", "ProductVersion: 26.2\n"),
       Cut(Ran("networksetup -listallhardwareports",
               "Hardware Port: Thunderbolt 1\nDevice: en2\n\nHardware Port: Thunderbolt 2\n"
               "Device: en1")),
       Ran("ifconfig -a",
           "en10: flags=8863<UP> mtu 1500\n\tinet 169.254.3.4 netmask 0xff\n"
           "bridge0: flags=8863<UP> mtu 1500\n\tmember: en10 flags=3\n"),
       Ran("ibv_devinfo", "hca_id:\trdma_en10\n\t\t\tstate:\t\t\tPORT_ACTIVE (4)\n")});
  ASSERT_THAT(NamesOf(report), ElementsAre("receptacle 1", "en10"));
  EXPECT_THAT(report.ports[1].addresses, ElementsAre("169.254.3.4"));
  EXPECT_TRUE(report.ports[1].bridged);
  EXPECT_THAT(
      UnknownsOf(report, "network"),
      ElementsAre("the rest of the network ports is unknown, because the end of the list is "
                  "missing"));
}

TEST(MacPortNames, InterfacesBehindTheEndOfTheListAreNotSaidToHaveNoAddress) {
  const std::string whole =
      "en2: flags=8863<UP> mtu 1500\n\tinet 192.0.2.2 netmask 0xff\n\tstatus: active\n";
  for (const std::string end : {"", "en3: fl", "en3: flags=8863<UP> mtu 1500\n",
                                "en3: flags=8863<UP> mtu 1500\n\tether 00:00:5e:00:53:01\n\tine"}) {
    const Report report =
        ReportOf({Ran("networksetup -listallhardwareports",
                      "Hardware Port: Thunderbolt 1\nDevice: en2\n\nHardware Port: Thunderbolt 2\n"
                      "Device: en3\n"),
                  Cut(Ran("ifconfig -a", whole + end))});
    ASSERT_EQ(report.ports.size(), 2u);
    EXPECT_TRUE(report.ports[1].addresses_unknown) << end;
    EXPECT_EQ(report.ports[0].addresses_unknown, end.empty()) << end;
    EXPECT_EQ(UnknownsOf(report, "network").size(), 1u) << end;
  }
  EXPECT_FALSE(WithPorts("Hardware Port: Thunderbolt 1\nDevice: en2\n", whole)
                   .ports.at(0)
                   .addresses_unknown);
}

TEST(MacPortNames, ABridgeOfInternetSharingIsNotTheThunderboltBridge) {
  const std::string ports = "Hardware Port: Thunderbolt 1\nDevice: en2\n";
  const std::string bridge =
      "bridge100: flags=8863<UP> mtu 1500\n\tinet 192.168.2.1 netmask 0xff\n\tmember: en2 "
      "flags=3\n";
  const Port port = WithPorts(ports, bridge).ports.at(0);
  EXPECT_FALSE(port.bridged);
  EXPECT_EQ(port.other_bridge, "bridge100");
  const std::string off =
      "bridge100: flags=8822<BROADCAST,SMART> mtu 1500\n\tmember: en2 flags=3\n";
  EXPECT_EQ(WithPorts(ports, off).ports.at(0).other_bridge, "");
}

// The line of `system_profiler SPHardwareDataType` of a MacBook Pro with M5 Max (its owner, 2026).
TEST(Hardware, CoreGroupsInTheTextForm) {
  const auto groups = [](const std::string& cores) {
    return ParseHardware(
               "Hardware:\n\n    Hardware Overview:\n\n      Model Identifier: Mac17,6\n"
               "      Total Number of Cores: " +
               cores + "\n")
        ->groups;
  };
  EXPECT_THAT(groups("18 (6 Super and 12 Performance)"),
              ElementsAre(CoreGroup{"Super", 6}, CoreGroup{"Performance", 12}));
  EXPECT_THAT(groups("8 (4 performance and 4 efficiency)"),
              ElementsAre(CoreGroup{"Performance", 4}, CoreGroup{"Efficiency", 4}));
  EXPECT_THAT(
      groups("20 (2 Super, 6 Performance, and 12 Efficiency)"),
      ElementsAre(CoreGroup{"Super", 2}, CoreGroup{"Performance", 6}, CoreGroup{"Efficiency", 12}));
  for (const char* none : {"18", "18 (6 Super and", "18 (6 Super)", "18 ()", "18 (6 ) and 12 )"}) {
    EXPECT_THAT(groups(none), IsEmpty()) << none;
  }
}

TEST(Hardware, CoreGroupsOfSysctlAreBelievedFirst) {
  const std::string overview =
      "Hardware:\n\n    Hardware Overview:\n\n      Model Identifier: Mac17,6\n"
      "      Total Number of Cores: 18 (6 Super and 12 Performance)\n";
  EXPECT_THAT(ReportOf({Ran("system_profiler SPHardwareDataType", overview)}).processor.groups,
              ElementsAre(CoreGroup{"Super", 6}, CoreGroup{"Performance", 12}));
  EXPECT_THAT(
      ReportOf({Ran("sysctl hw", "hw.perflevel0.name: Fast\nhw.perflevel0.physicalcpu: 18\n"),
                Ran("system_profiler SPHardwareDataType", overview)})
          .processor.groups,
      ElementsAre(CoreGroup{"Fast", 18}));
}

}  // namespace
}  // namespace capacity::probe
