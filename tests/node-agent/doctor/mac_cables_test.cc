// Cables that are slow, doubled, behind a hub, or lead back; addresses and bridges of their ports.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "node-agent/doctor/doctor.h"
#include "tests/node-agent/doctor/macs.h"

namespace capacity::doctor {
namespace {

using agent::Port;
using agent::Rdma;
using agent::Report;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Not;

// Two Macs whose cable does 40 Gb/s, over which macOS starts no RDMA.
std::vector<Report> SlowPair() {
  std::vector<Report> macs = Macs(2, 3);
  Join(macs, 0, 1);
  for (Report& mac : macs) {
    mac.ports[0].negotiated_bits_per_second = 40e9;
    mac.ports[0].rdma_active = false;
  }
  return macs;
}

auto At(const std::string& patient) { return Field(&Advice::patient, patient); }

TEST(MacCables, ASlowCableIsTheCauseThatItsPortsAreNotActive) {
  const auto advice = Diagnose(Patients(SlowPair()));
  EXPECT_EQ(Problems(advice), 1);
  EXPECT_THAT(advice,
              Contains(AllOf(At("mac-0"), Problem("The cable to mac-1 in receptacle 1 (en2) "
                                                  "runs at 40 Gb/s, less than Thunderbolt "
                                                  "5 does, and RDMA does not start over it",
                                                  "marked Thunderbolt 5"))));
  EXPECT_THAT(advice, Contains(AllOf(At("mac-1"), Note("is cabled to mac-0 and waits for a faster "
                                                       "cable: it runs at 40 Gb/s."))));
  EXPECT_THAT(advice, Not(Contains(Field(&Advice::remedy, HasSubstr("Unplug")))));
}

TEST(MacCables, TheEndThatDoesNotTellTheSpeedKnowsItFromTheOther) {
  std::vector<Report> macs = SlowPair();
  macs[0].ports[0].negotiated_bits_per_second.reset();
  const auto advice = Diagnose(Patients(macs));
  EXPECT_EQ(Problems(advice), 1);
  EXPECT_THAT(advice, Contains(AllOf(At("mac-0"), Problem("runs at 40 Gb/s", "Thunderbolt 5"))));
  EXPECT_THAT(advice, Contains(AllOf(At("mac-1"), Note("waits for a faster cable"))));
}

TEST(MacCables, AFastCableThatIsNotActiveIsPluggedInAgain) {
  std::vector<Report> macs = SlowPair();
  for (Report& mac : macs) mac.ports[0].negotiated_bits_per_second = 80e9;
  EXPECT_THAT(Diagnose(Patients(macs)),
              Contains(Problem("port is not active", "Unplug the cable")));
}

TEST(MacCables, TheSlowerPartOfACableWithAHubInItCounts) {
  std::vector<Report> macs = SlowPair();
  macs[0].ports[0].negotiated_bits_per_second = 80e9;  // as far as the hub
  macs[0].ports[0].peer_behind_device = true;
  const auto advice = Diagnose(Patients(macs));
  EXPECT_EQ(Problems(advice), 1);
  EXPECT_THAT(advice,
              Contains(Problem("The cable to mac-1 in receptacle 1 (en2) over a dock or hub "
                               "runs at 40 Gb/s",
                               "directly between the two Macs")));
  // Where nobody tells how slow the other part is.
  EXPECT_THAT(Diagnose({{"mac-0", macs[0]}}),
              Contains(Problem("is cabled to Mac mini over a dock or hub and its RDMA port is not "
                               "active",
                               "Join the two Macs directly")));
}

TEST(MacCables, AnEndThatOffersRdmaIsNotDoubted) {
  std::vector<Report> macs = Macs(2, 2);
  Join(macs, 0, 1);
  Port& port = macs[0].ports[0];
  port.rdma_active = false;
  EXPECT_THAT(Diagnose({{"a", macs[0]}}), Not(Contains(Problem("", "Check that RDMA is enabled"))));
  port.peer_offers_rdma.reset();
  EXPECT_THAT(Diagnose({{"a", macs[0]}}), Contains(Problem("", "Check that RDMA is enabled")));
}

TEST(MacCables, PortsOfWhichTheStateIsNotKnownMayBeFree) {
  std::vector<Report> macs = Macs(2, 2);
  for (Port& port : macs[0].ports) port.state = Port::State::kUnknown;
  EXPECT_THAT(Diagnose(Patients(macs)),
              Contains(Problem("No Thunderbolt cable",
                               "mac-0: not known which (perhaps receptacle 1 (en2) or receptacle 2 "
                               "(en3)); mac-1: receptacle 1 (en2) or")));
  macs[0].ports[0].state = Port::State::kEmpty;
  EXPECT_THAT(Diagnose(Patients(macs)),
              Contains(Problem("No Thunderbolt cable", "mac-0: receptacle 1 (en2); mac-1")));
}

TEST(MacCables, AnAddressBehindTheEndOfTheListMayBeThere) {
  std::vector<Report> macs = Macs(2, 2);
  Join(macs, 0, 1);
  macs[0].ports[1].addresses = {"192.0.2.1"};
  EXPECT_THAT(Diagnose(Patients(macs)), Contains(Note("has no IPv4 address")));
  macs[0].ports[0].addresses_unknown = true;
  EXPECT_THAT(Diagnose(Patients(macs)), Not(Contains(Note("has no IPv4 address"))));
}

TEST(MacCables, ABridgedPortWithAnAddressOfItsOwnWorks) {
  std::vector<Report> macs = Macs(2, 2);
  Join(macs, 0, 1);
  for (Report& mac : macs) {
    mac.ports[0].bridged = true;
    mac.ports[0].addresses = {"10.0.1.1"};
  }
  EXPECT_THAT(Diagnose(Patients(macs)), NoProblem());
  macs[0].ports[0].addresses.clear();
  EXPECT_THAT(Diagnose(Patients(macs)),
              Contains(AllOf(At("mac-0"), Problem("part of the Thunderbolt Bridge", "inactive"))));
}

TEST(MacCables, APortThatAnotherBridgeHasTakenIsTakenOutOfIt) {
  std::vector<Report> macs = Macs(2, 2);
  Join(macs, 0, 1);
  Port& port = macs[0].ports[0];
  port.other_bridge = "bridge100";
  EXPECT_THAT(
      Diagnose(Patients(macs)),
      Contains(Problem("receptacle 1 (en2) is a part of bridge100 and has no address of its "
                       "own: MLX's RDMA",
                       "Internet Sharing")));
  port.other_bridge = "bridge1";
  EXPECT_THAT(Diagnose(Patients(macs)),
              Contains(Problem("part of bridge1 and", "Manage Virtual Interfaces > bridge1")));
  port.addresses = {"169.254.1.1"};
  EXPECT_THAT(Diagnose(Patients(macs)), NoProblem());
}

// A hub in the first port, behind which are the other two; the address of the port is told once.
std::vector<Report> BehindAHub() {
  std::vector<Report> macs = Macs(3, 2);
  macs[0].ports.push_back(macs[0].ports[0]);
  Cable(macs[0], 0, "hub", macs[1], 0, "b");
  Cable(macs[0], 2, "hub", macs[2], 0, "c");
  macs[0].ports[0].addresses = {"169.254.1.1"};
  return macs;
}

TEST(MacCables, AComputerBehindAHubSharesTheAddressOfThePort) {
  const auto advice = Diagnose({{"a", BehindAHub()[0]}});
  EXPECT_THAT(advice, Not(Contains(Note("no IPv4 address"))));
  std::vector<Report> bare = BehindAHub();
  bare[0].ports[0].addresses.clear();
  bare[0].ports[1].addresses = {"fd00::1"};  // so addresses are known
  EXPECT_THAT(Diagnose({{"a", bare[0]}}), Contains(Note("receptacle 1 (en2) has no IPv4 address")))
      << "once";
}

TEST(MacCables, AHubIsNotTakenForTwoCablesToOneMac) {
  EXPECT_THAT(Diagnose(Patients(BehindAHub())), Not(Contains(Note("cables join"))));
}

TEST(MacCables, BehindAHubAnActivePortIsWithTheComputerThatIsActiveToo) {
  std::vector<Report> macs = BehindAHub();
  EXPECT_THAT(Diagnose(Patients(macs)),
              Contains(AllOf(At("mac-0"), Good("is cabled to mac-1 and active"))));
  macs[1].ports[0].rdma_active = false;
  const auto advice = Diagnose(Patients(macs));
  EXPECT_THAT(advice, Contains(AllOf(At("mac-0"), Note("(en2) is cabled to mac-1."))));
  EXPECT_THAT(advice, Contains(AllOf(At("mac-0"), Good("is cabled to mac-2 and active"))));
}

TEST(MacCables, AHubIsOneSocketForAllComputersBehindIt) {
  std::vector<Report> macs = BehindAHub();
  macs.push_back(MacWith(2));
  // Four Macs take three ports at each, and the first has two, though three entries.
  EXPECT_THAT(Diagnose(Patients(macs)), Contains(Problem("mac-0 has 2, mac-1 has 2", "in a ring")));
}

// Where networksetup was not read: the receptacles have no interfaces, the devices no receptacles.
std::vector<Report> OpenChainWithoutInterfaces() {
  std::vector<Report> macs = Macs(4, 2);
  for (const auto& [a, b] : {std::pair{0, 1}, {1, 2}, {2, 3}}) Join(macs, a, b);
  for (Report& mac : macs) {
    for (Port& port : mac.ports) {
      port.interfaces.clear();
      port.rdma_capable.reset();
    }
    for (const char* interface : {"en2", "en3"}) {
      Port device;
      device.kind = Port::Kind::kThunderbolt;
      device.name = interface;
      device.interfaces = {interface};
      device.rdma_device = std::string("rdma_") + interface;
      device.rdma_active = mac.ports[interface == std::string("en3")].rdma_active.value_or(false);
      mac.ports.push_back(device);
    }
  }
  return macs;
}

TEST(MacCables, ADeviceWithoutAReceptacleIsNoFurtherSocket) {
  std::vector<Report> macs = OpenChainWithoutInterfaces();
  const auto advice = Diagnose(Patients(macs));
  EXPECT_THAT(advice,
              Contains(Problem("at each: mac-0 has 2, mac-1 has 2, mac-2 has 2, mac-3 has 2",
                               "free ports: mac-0: receptacle 2; mac-3: receptacle 2.")));
  EXPECT_THAT(advice, Not(Contains(Note("is not known"))));
  // One that is active where no computer is seen leads to one all the same.
  for (Report* end : {&macs[0], &macs[3]}) end->ports[3].rdma_active = true;
  const auto open = Diagnose(Patients(macs));
  EXPECT_THAT(open, NoProblem());
  EXPECT_THAT(open, Contains(Note("Whether a cable joins mac-0 and mac-3 is not known: mac-0: what "
                                  "en3 leads to is not known")));
}

TEST(MacCables, WhichReceptacleAnActiveDeviceBelongsToMayNotBeKnown) {
  std::vector<Report> macs = OpenChainWithoutInterfaces();
  macs[1].ports[0].rdma_active.reset();
  macs[1].ports[1].rdma_active.reset();
  macs[1].ports[3].rdma_active = false;
  const auto advice = Diagnose(Patients(macs));
  EXPECT_THAT(advice,
              Contains(AllOf(At("mac-1"), Good("en2 is active; which receptacle it belongs to is "
                                               "not known."))));
  EXPECT_THAT(advice, Contains(AllOf(At("mac-1"), Note("receptacle 1 is cabled to mac-0."))));
}

TEST(MacCables, APortThatMayBeTheWrongOneIsLeftFirst) {
  std::vector<Report> macs = SlowPair();
  for (Report& mac : macs) {
    mac.ports[0].negotiated_bits_per_second = 80e9;
    mac.ports[0].rdma_device = "rdma_en2";
  }
  macs[0].ports[0].rdma_capable.reset();
  const auto advice = Diagnose(Patients(macs));
  EXPECT_THAT(advice, Contains(AllOf(At("mac-0"), Problem("is not active",
                                                          "Move this end of the cable to another "
                                                          "Thunderbolt port"))));
  EXPECT_THAT(advice, Not(Contains(AllOf(At("mac-1"), Problem("", "Move this end")))));
}

TEST(MacCables, ACableThatLeadsBackJoinsNoMacs) {
  Report mac = MacWith(3);
  Cable(mac, 0, "d1", mac, 1, "d2");
  const auto advice = Diagnose({{"a", mac}});
  EXPECT_EQ(Problems(advice), 1);
  EXPECT_THAT(advice,
              Contains(Problem("One cable joins receptacle 1 (en2) and receptacle 2 (en3) of this "
                               "Mac itself.",
                               "into another Mac")));
  EXPECT_THAT(advice, Contains(Note("No other computer")));
}

TEST(MacCables, WhatTheOtherEndSeesCountsWhereAMacDoesNotSayItOfItself) {
  std::vector<Report> macs = Macs(2, 2);
  Join(macs, 0, 1);
  macs[1].rdma = {Rdma::State::kUnknown, "ibv_devices is not there"};
  Port& port = macs[0].ports[0];
  port.peer_offers_rdma = false;
  port.rdma_active = false;
  EXPECT_THAT(
      Diagnose(Patients(macs)),
      Contains(Problem("end of receptacle 1 (en2) (mac-1) does not offer RDMA", "there too")));
  macs[1].rdma.state = Rdma::State::kEnabled;
  EXPECT_THAT(Diagnose(Patients(macs)), Not(Contains(Problem("does not offer RDMA", ""))));
}

TEST(MacCables, TwoCablesBetweenTwoMacsAreTold) {
  std::vector<Report> two = Macs(2, 3);
  Join(two, 0, 1);
  Cable(two[0], 1, "a2", two[1], 2, "b3");
  const auto advice = Diagnose(Patients(two));
  EXPECT_THAT(advice, NoProblem());
  EXPECT_THAT(advice,
              Contains(Note("2 cables join mac-0 and mac-1 (receptacle 1 (en2) to "
                            "receptacle 1 (en2), receptacle 2 (en3) to receptacle 3 (en4)); "
                            "one is enough.")));
  two[1].ports[2].peer_domain.clear();  // only one end tells
  EXPECT_THAT(Diagnose(Patients(two)), Contains(Note("2 cables join mac-0 and mac-1")));
}

TEST(MacCables, TheCableThatIsTooMuchIsTheOneToMove) {
  std::vector<Report> three = Macs(3, 3);
  Join(three, 0, 1);
  Cable(three[0], 1, "a2", three[1], 1, "b2");
  Cable(three[1], 2, "b3", three[2], 0, "c1");
  EXPECT_THAT(Diagnose(Patients(three)),
              Contains(Problem("No Thunderbolt cable joins mac-0 and mac-2",
                               "between them, or move one of the 2 that join mac-0 and mac-1. Free "
                               "ports that can do RDMA: mac-0: receptacle 3 (en4);")));
}

TEST(MacCables, ACableIsMovedOnce) {
  std::vector<Report> three = Macs(3, 3);
  Join(three, 0, 1);
  Cable(three[0], 1, "a2", three[1], 1, "b2");
  three[2].ports[0].domain = "c1";
  const auto offered = [&three] {
    const auto advice = Diagnose(Patients(three));
    return std::count_if(advice.begin(), advice.end(), [](const Advice& one) {
      return one.remedy.find("or move one of the") != std::string::npos;
    });
  };
  EXPECT_EQ(offered(), 1);
  Cable(three[0], 2, "a3", three[1], 2, "b3");
  EXPECT_EQ(offered(), 2) << "two of the three are not needed";
}

TEST(MacCables, TwoCablesInBridgesAreALoop) {
  std::vector<Report> two = Macs(2, 2);
  Join(two, 0, 1);
  Cable(two[0], 1, "a2", two[1], 1, "b2");
  for (Report& mac : two) {
    for (Port& port : mac.ports) {
      port.bridged = true;
      port.addresses = {"10.0.0.1"};
    }
  }
  EXPECT_THAT(Diagnose(Patients(two)), Contains(Problem("The cables of mac-0, mac-1 form a loop",
                                                        "inactive on mac-0, mac-1")));
  two[1].ports[1].bridged = false;  // nothing goes from one cable into the other there
  EXPECT_THAT(Diagnose(Patients(two)), NoProblem());
}

}  // namespace
}  // namespace capacity::doctor
