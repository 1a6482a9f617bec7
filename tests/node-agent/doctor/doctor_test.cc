#include "node-agent/doctor/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "node-agent/host/capture.h"
#include "node-agent/probe/probe.h"

namespace capacity::doctor {
namespace {

using agent::Machine;
using agent::Port;
using agent::Rdma;
using agent::Report;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Not;

// A Mac with `ports` receptacles; RDMA enabled.
Report MacWith(int ports) {
  Report report;
  report.machine = {"Apple", "Mac mini", "Mac16,11", Machine::Kind::kMac};
  report.rdma = {Rdma::State::kEnabled, "ibv_devices lists 3 devices"};
  for (int i = 1; i <= ports; ++i) {
    Port port;
    port.kind = Port::Kind::kThunderbolt;
    port.name = "receptacle " + std::to_string(i);
    port.interfaces = {"en" + std::to_string(i + 1)};
    port.state = Port::State::kEmpty;
    port.rdma_capable = true;
    report.ports.push_back(port);
  }
  return report;
}

void Cable(Report& a, int port_a, const std::string& domain_a, Report& b, int port_b,
           const std::string& domain_b) {
  const auto plug = [](Port& port, const std::string& own, const std::string& other) {
    port.state = Port::State::kUp;
    port.negotiated_bits_per_second = 80e9;
    port.peer_name = "Mac mini";
    port.peer_offers_rdma = true;
    port.rdma_active = true;
    port.domain = own;
    port.peer_domain = other;
  };
  plug(a.ports[port_a], domain_a, domain_b);
  plug(b.ports[port_b], domain_b, domain_a);
}

auto Problem(const std::string& finding, const std::string& remedy) {
  return AllOf(Field(&Advice::severity, Advice::Severity::kProblem),
               Field(&Advice::finding, HasSubstr(finding)),
               Field(&Advice::remedy, HasSubstr(remedy)));
}

auto NoProblem() { return Each(Field(&Advice::severity, Not(Advice::Severity::kProblem))); }

Patient FromCapture(const std::string& name) {
  const auto capture =
      host::ReadCapture(std::string(CAPACITY_SOURCE_DIR "/tests/node-agent/captures/") + name);
  const auto machine = host::Replay(*capture);
  return {name, probe::TakeReport(*machine, {})};
}

TEST(Doctor, DisabledRdmaIsEnabledInRecovery) {
  EXPECT_THAT(Diagnose({FromCapture("mac-m5-max-rdma-disabled")}),
              Contains(Problem("disabled", "rdma_ctl enable")));
}

TEST(Doctor, TheOtherEndMayBeTheOneToMend) {
  EXPECT_THAT(Diagnose({FromCapture("mac-m5-max-rdma-enabled")}),
              Contains(Problem("does not offer RDMA", "Recovery")));
}

TEST(Doctor, AnOldSystemIsUpdatedFirst) {
  host::Capture capture;
  capture.commands.push_back(
      {.arguments = {"sw_vers"}, .text = "ProductName:\tmacOS\nProductVersion:\t26.1\n"});
  capture.commands.push_back(
      {.arguments = {"sysctl", "machdep.cpu"}, .text = "machdep.cpu.brand_string: Apple M4 Max\n"});
  const auto machine = host::Replay(capture);
  EXPECT_THAT(Diagnose({{"max", probe::TakeReport(*machine, {})}}),
              Contains(Problem("26.1", "26.2")));
}

TEST(Doctor, NoUpdateGivesThunderbolt5ToAChipWithoutIt) {
  EXPECT_THAT(Diagnose({FromCapture("mac-m1-pro-ansible")}), NoProblem());
}

TEST(Doctor, ThePortBesideEthernetIsTheWrongOne) {
  Report a = MacWith(4);
  Report b = MacWith(4);
  Cable(a, 0, "d1", b, 0, "d2");
  a.ports[0].rdma_capable = false;
  EXPECT_THAT(Diagnose({{"a", a}}), Contains(Problem("beside Ethernet", "Move this end")));
}

TEST(Doctor, ThePortBesideEthernetIsTheWrongOneAlsoBeforeRdmaIsEnabled) {
  Report a = MacWith(4);
  Report b = MacWith(4);
  Cable(a, 0, "d1", b, 0, "d2");
  b.rdma = {Rdma::State::kDisabled, "ibv_devices lists no device"};
  b.ports[0].rdma_capable = false;
  EXPECT_THAT(Diagnose({{"a", a}, {"b", b}}),
              Contains(Problem("beside Ethernet", "Move this end")));
}

TEST(Doctor, ASlowCableIsNamed) {
  Report a = MacWith(3);
  Report b = MacWith(3);
  Cable(a, 0, "d1", b, 0, "d2");
  a.ports[0].negotiated_bits_per_second = 40e9;
  EXPECT_THAT(Diagnose({{"a", a}}), Contains(Problem("40 Gb/s", "Thunderbolt 5")));
}

TEST(Doctor, ASlowCableIsNamedOnce) {
  Report a = MacWith(3);
  Report b = MacWith(3);
  Cable(a, 0, "d1", b, 0, "d2");
  Cable(a, 1, "d3", b, 1, "d4");
  for (Report* report : {&a, &b}) {
    for (int port : {0, 1}) report->ports[port].negotiated_bits_per_second = 40e9;
  }
  const auto advice = Diagnose({{"a", a}, {"b", b}});
  EXPECT_EQ(std::count_if(
                advice.begin(), advice.end(),
                [](const Advice& one) { return one.finding.find("40 Gb/s") != std::string::npos; }),
            2);
  // Where one end does not tell the speed, the other does.
  a.ports[0].negotiated_bits_per_second.reset();
  EXPECT_THAT(Diagnose({{"a", a}, {"b", b}}),
              Contains(Problem("in receptacle 1 (en2) runs at 40 Gb/s", "Thunderbolt 5")));
}

TEST(Doctor, NamesTheCableThatAFullMeshLacks) {
  Report a = MacWith(3);
  Report b = MacWith(3);
  Report c = MacWith(3);
  Cable(a, 0, "a1", b, 0, "b1");
  Cable(a, 1, "a2", c, 0, "c1");
  const auto advice = Diagnose({{"a", a}, {"b", b}, {"c", c}});
  EXPECT_THAT(advice, Contains(Problem("No Thunderbolt cable joins b and c",
                                       "b: receptacle 2 (en3) or receptacle 3 (en4)")));
  EXPECT_THAT(advice, Contains(Field(&Advice::finding, HasSubstr("takes 3 cables; 2 are there"))));
  Cable(b, 1, "b2", c, 1, "c2");
  EXPECT_THAT(Diagnose({{"a", a}, {"b", b}, {"c", c}}), NoProblem());
}

TEST(Doctor, TwoCapturedMacsPairByTheirDomains) {
  const auto advice =
      Diagnose({FromCapture("mac-m5-max-rdma-disabled"), FromCapture("mac-m5-max-rdma-enabled")});
  EXPECT_THAT(advice, Contains(Field(&Advice::finding, HasSubstr("takes 1 cable; 1 is there"))));
}

TEST(Doctor, ASparkWithOneCageUpNeedsNothing) {
  Patient patient = FromCapture("spark-hp-zgx");
  // Its capture lacks nvidia-smi, which is a problem of its own.
  patient.report.accelerators = {{.name = "NVIDIA GB10", .driver_version = "580.126.09"}};
  const auto advice = Diagnose({patient});
  EXPECT_THAT(advice, NoProblem());
  EXPECT_THAT(advice, Contains(Field(&Advice::finding, HasSubstr("200 Gb/s"))));
}

TEST(Doctor, ASparkWithoutLinkNeedsACable) {
  Patient patient = FromCapture("spark-hp-zgx");
  for (Port& port : patient.report.ports) {
    port.state = Port::State::kDown;
    port.rdma_active = false;
    port.negotiated_bits_per_second.reset();
  }
  EXPECT_THAT(Diagnose({patient}), Contains(Problem("DOWN", "Plug a 200 Gb/s cable")));
}

TEST(Doctor, ACardWithoutADriverIsNamed) {
  host::Capture capture;
  capture.files["/proc/meminfo"] = "MemTotal: 1 kB\n";
  capture.commands.push_back(
      {.arguments = {"lspci", "-nn"},
       .text = "01:00.0 VGA compatible controller [0300]: NVIDIA Corporation GA102 [GeForce RTX "
               "3090] [10de:2204] (rev a1)\n"});
  const auto machine = host::Replay(capture);
  EXPECT_THAT(Diagnose({{"box", probe::TakeReport(*machine, {})}}),
              Contains(Problem("no working driver", "Install")));
}

TEST(Doctor, AMachineWithoutRdmaHardwareHasNothingToDo) {
  EXPECT_THAT(Diagnose({FromCapture("linux-vm-no-gpu")}), NoProblem());
}

}  // namespace
}  // namespace capacity::doctor
