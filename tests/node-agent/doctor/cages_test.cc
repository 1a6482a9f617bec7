// What the doctor says of several DGX Sparks: no output names the machine at the other end of a
// ConnectX-7 cable, and addresses tell.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "node-agent/doctor/doctor.h"
#include "node-agent/host/capture.h"
#include "node-agent/host/redact.h"
#include "node-agent/probe/probe.h"
#include "tests/node-agent/doctor/macs.h"

namespace capacity::doctor {
namespace {

using agent::Machine;
using agent::Port;
using agent::Rdma;
using agent::Report;
using ::testing::Contains;
using ::testing::Not;

Port CageIn(const std::vector<std::string>& subnets, const std::string& host) {
  Port port;
  port.kind = Port::Kind::kConnectx;
  port.name = "cage 1";
  port.interfaces = {"enp1s0f1np1", "enP2p1s0f1np1"};
  port.state = Port::State::kUp;
  port.rdma_active = true;
  port.subnets = subnets;
  for (const std::string& subnet : subnets) {
    port.addresses.push_back(subnet.substr(0, subnet.rfind('.') + 1) + host);
  }
  return port;
}

Patient Spark(const std::string& name, const std::vector<std::string>& subnets,
              const std::string& host) {
  Report report;
  report.hostname = name;
  report.machine.kind = Machine::Kind::kGb10;
  report.accelerators = {{.name = "NVIDIA GB10", .driver_version = "580.95"}};
  report.rdma = {Rdma::State::kEnabled, "2 RDMA devices in 1 cage"};
  report.ports = {CageIn(subnets, host)};
  return {name, report};
}

TEST(Cages, InCommonSubnetsAreWell) {
  const auto advice = Diagnose({Spark("a", {"192.168.177.0/24", "192.168.178.0/24"}, "11"),
                                Spark("b", {"192.168.177.0/24", "192.168.178.0/24"}, "12")});
  EXPECT_THAT(advice, NoProblem());
  EXPECT_THAT(advice, Contains(Good("a and b on ConnectX-7 fit each other (192.168.177.0/24, "
                                    "192.168.178.0/24)")));
  EXPECT_THAT(advice, Not(Contains(Note("Only one subnet is common"))));
}

TEST(Cages, WithoutACommonSubnetDoNotReachEachOther) {
  const auto advice =
      Diagnose({Spark("a", {"192.168.177.0/24"}, "11"), Spark("b", {"192.168.200.0/24"}, "12")});
  EXPECT_EQ(Problems(advice), 1);
  EXPECT_THAT(advice, Contains(Problem(
                          "No subnet is common to the cages of a and b (a: 192.168.177.0/24 on "
                          "cage 1 (enp1s0f1np1 and enP2p1s0f1np1); b: 192.168.200.0/24 on",
                          "in the same subnets, one for each interface")));
}

TEST(Cages, HalfOfTheSubnetsIsHalfOfTheBandwidth) {
  EXPECT_THAT(Diagnose({Spark("a", {"192.168.177.0/24", "192.168.178.0/24"}, "11"),
                        Spark("b", {"192.168.177.0/24", "192.168.179.0/24"}, "12")}),
              Contains(Note("Only one subnet is common to a and b")));
}

TEST(Cages, OneAddressIsOneMachines) {
  const auto advice =
      Diagnose({Spark("a", {"192.168.177.0/24"}, "11"), Spark("b", {"192.168.177.0/24"}, "11")});
  EXPECT_THAT(advice, Contains(Problem("a and b both have the address 192.168.177.11", "another")));
  // One machine given twice has its addresses twice.
  Patient again = Spark("a", {"192.168.177.0/24"}, "11");
  again.name = "copy";
  const auto same = Diagnose({Spark("a", {"192.168.177.0/24"}, "11"), again});
  EXPECT_THAT(same, NoProblem());
  EXPECT_THAT(same, Contains(Note("a and copy are one machine")));
}

TEST(Cages, ThatNothingTellsOfAreNotKnown) {
  const Patient a = Spark("a", {"192.168.177.0/24"}, "11");
  for (const std::vector<std::string>& subnets :
       {std::vector<std::string>{}, std::vector<std::string>{"192.168.200.12/32"}}) {
    const auto advice = Diagnose({a, Spark("b", subnets, "12")});
    EXPECT_THAT(advice, NoProblem());
    EXPECT_THAT(advice, Contains(Note("is not known: no output tells the IPv4 subnets of the cages "
                                      "of b")));
  }
  // That a cage has no address is told of its machine.
  Patient lacking = Spark("b", {}, "");
  lacking.report.ports[0].without_address = {"enp1s0f1np1", "enP2p1s0f1np1"};
  EXPECT_EQ(Problems(Diagnose({a, lacking})), 1);
  // That it is down, too.
  Patient down = Spark("b", {}, "");
  down.report.ports[0].state = Port::State::kDown;
  down.report.ports[0].rdma_active = false;
  EXPECT_THAT(Diagnose({a, down}), Not(Contains(Note("reach each other"))));
}

// A subnet may be stated with different lengths at its ends.
TEST(Cages, FitWhereEachHasTheOtherInItsSubnet) {
  Patient narrow = Spark("b", {"192.168.177.8/29"}, "12");
  EXPECT_THAT(Diagnose({Spark("a", {"192.168.177.0/24"}, "11"), narrow}),
              Contains(Good("a and b on ConnectX-7 fit each other (192.168.177.8/29)")));
  EXPECT_EQ(Problems(Diagnose({Spark("a", {"192.168.177.0/24"}, "1"), narrow})), 1);
}

Patient WithASecondCage(Patient spark, const std::vector<std::string>& subnets,
                        const std::string& host) {
  spark.report.ports.push_back(CageIn(subnets, host));
  spark.report.ports.back().name = "cage 0";
  spark.report.ports.back().interfaces = {"enp1s0f0np0"};
  return spark;
}

TEST(Cages, ASecondCableThatDoesNotFitIsTold) {
  const Patient a = Spark("a", {"192.168.1.0/24"}, "1");
  const Patient b = Spark("b", {"192.168.1.0/24"}, "2");
  EXPECT_THAT(
      Diagnose({WithASecondCage(a, {"192.168.2.0/24"}, "1"),
                WithASecondCage(b, {"192.168.3.0/24"}, "2")}),
      Contains(Note("cage 0 (enp1s0f0np0) of a (192.168.2.0/24) has a link, and none of the "
                    "others")));
  EXPECT_THAT(Diagnose({WithASecondCage(a, {"192.168.2.0/24"}, "1"),
                        WithASecondCage(b, {"192.168.2.0/24"}, "2")}),
              Not(Contains(Note("none of the others"))));
}

TEST(Cages, OfOneMachineNeedSubnetsOfTheirOwn) {
  const Patient a = Spark("a", {"192.168.1.0/24"}, "1");
  EXPECT_THAT(Diagnose({WithASecondCage(a, {"192.168.1.0/24"}, "2")}),
              Contains(Note("cage 1 and cage 0 have addresses in one subnet")));
  // A bridge over both lends both its address.
  EXPECT_THAT(Diagnose({WithASecondCage(a, {"192.168.1.0/24"}, "1")}),
              Not(Contains(Note("in one subnet"))));
}

TEST(Cages, BehindOneSwitchAreToldInOneSentence) {
  std::vector<Patient> four;
  for (const char* name : {"a", "b", "c", "d"}) {
    four.push_back(Spark(name, {"192.168.1.0/24"}, std::to_string(four.size() + 1)));
  }
  EXPECT_THAT(Diagnose(four), Contains(Good("addresses of a, b, c and d on ConnectX-7 fit")));
}

TEST(Cages, WhatMayJoinTwoOthersIsNotSaidTo) {
  Patient lacking = Spark("b", {}, "");
  lacking.report.ports[0].without_address = {"enp1s0f1np1", "enP2p1s0f1np1"};
  const auto advice =
      Diagnose({Spark("a", {"192.168.1.0/24"}, "1"), lacking, Spark("c", {"192.168.3.0/24"}, "3")});
  EXPECT_EQ(Problems(advice), 1) << "b has no address";
  EXPECT_THAT(advice, Contains(Note("do not reach each other over ConnectX-7 directly")));
}

TEST(Cages, ThreeMayBeJoinedInARow) {
  const Patient a = Spark("a", {"192.168.1.0/24"}, "1");
  const Patient b = Spark("b", {"192.168.1.0/24", "192.168.2.0/24"}, "2");
  const Patient c = Spark("c", {"192.168.2.0/24"}, "3");
  const auto row = Diagnose({a, b, c});
  EXPECT_THAT(row, NoProblem());
  EXPECT_THAT(row, Contains(Note("so they do not reach each other over ConnectX-7 but through")));
  EXPECT_EQ(Problems(Diagnose({a, b, Spark("c", {"192.168.3.0/24"}, "3")})), 2);
}

// ---------------------------------------------------------------- captures

host::Capture CaptureOf(int host, int subnet) {
  const auto entry = [&](const std::string& name, int net) {
    return R"({"ifname":")" + name + R"(","operstate":"UP","addr_info":[{"local":"192.168.)" +
           std::to_string(net) + "." + std::to_string(host) + R"(","prefixlen":24}]})";
  };
  host::Capture capture;
  capture.files = {{"/proc/meminfo", "MemTotal: 1 kB\n"},
                   {"/sys/class/dmi/id/product_name", "NVIDIA_DGX_Spark\n"}};
  for (const char* name : {"enp1s0f1np1", "enP2p1s0f1np1", "enP7s7"}) {
    const std::string at = std::string("/sys/class/net/") + name;
    const bool cage = std::string(name) != "enP7s7";
    capture.files[at + "/operstate"] = "up\n";
    capture.files[at + "/device/uevent"] = cage ? "DRIVER=mlx5_core\n" : "DRIVER=r8127\n";
  }
  capture.commands.push_back({.arguments = {"ip", "-j", "address"},
                              .text = "[" + entry("enp1s0f1np1", subnet) + "," +
                                      entry("enP2p1s0f1np1", subnet + 1) + "," +
                                      entry("enP7s7", 1) + "]"});
  return capture;
}

Patient Redacted(const std::string& name, const host::Capture& capture, const std::string& salt) {
  return {name,
          probe::TakeReport(*host::Replay(host::Redact(capture, host::Redactor(salt, {}))), {})};
}

TEST(Cages, FitAfterRedactionUnderOneSalt) {
  const auto fitting =
      Diagnose({Redacted("a", CaptureOf(11, 177), "s"), Redacted("b", CaptureOf(12, 177), "s")});
  EXPECT_THAT(fitting, Contains(Good("a and b on ConnectX-7 fit each other")));
  EXPECT_THAT(fitting, Not(Contains(Note("in one subnet"))));
  const auto apart =
      Diagnose({Redacted("a", CaptureOf(11, 177), "s"), Redacted("b", CaptureOf(12, 200), "s")});
  EXPECT_THAT(apart, Contains(Problem("No subnet is common to the cages of a and b", "")));
  const auto salts =
      Diagnose({Redacted("a", CaptureOf(11, 177), "s"), Redacted("b", CaptureOf(12, 177), "t")});
  EXPECT_THAT(salts, Not(Contains(Problem("No subnet is common", ""))));
  EXPECT_THAT(salts, Contains(Note("made with different --salt")));
  // One of them as it is.
  const Patient plain = {"b", probe::TakeReport(*host::Replay(CaptureOf(12, 177)), {})};
  EXPECT_THAT(Diagnose({Redacted("a", CaptureOf(11, 177), "s"), plain}),
              Contains(Note("made with different --salt")));
}

}  // namespace
}  // namespace capacity::doctor
