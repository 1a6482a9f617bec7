#include "node-agent/doctor/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "node-agent/host/capture.h"
#include "node-agent/probe/probe.h"
#include "tests/node-agent/doctor/macs.h"

namespace capacity::doctor {
namespace {

using agent::Machine;
using agent::Port;
using agent::Rdma;
using agent::Report;
using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Not;

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

TEST(Doctor, AnActivePortIsWellWhateverTheOtherEndAdvertises) {
  Report a = MacWith(3);
  Report b = MacWith(3);
  Cable(a, 0, "d1", b, 0, "d2");
  a.ports[0].peer_offers_rdma = false;
  EXPECT_THAT(Diagnose({{"a", a}}), NoProblem());
  EXPECT_THAT(Diagnose({{"a", a}, {"b", b}}), NoProblem());
}

TEST(Doctor, WhatTheOtherEndSaysOfItselfIsBelieved) {
  Report a = MacWith(3);
  Report b = MacWith(3);
  Cable(a, 0, "d1", b, 0, "d2");
  a.ports[0].peer_offers_rdma = false;
  a.ports[0].rdma_active = false;
  const auto advice = Diagnose({{"a", a}, {"b", b}});
  EXPECT_THAT(advice, Not(Contains(Problem("does not offer RDMA", ""))));
  EXPECT_THAT(advice, Contains(Problem("is cabled to b and its RDMA port is not active",
                                       "plug it in again")));
  EXPECT_THAT(advice, Not(Contains(Problem("", "Check that RDMA is enabled"))));
  EXPECT_THAT(Diagnose({{"a", a}}), Contains(Problem("does not offer RDMA", "there")));
  b.rdma = {Rdma::State::kDisabled, "ibv_devices lists no device"};
  a.ports[0].peer_offers_rdma = true;
  const auto waiting = Diagnose({{"a", a}, {"b", b}});
  EXPECT_THAT(waiting, Contains(Note("waits for it: RDMA is disabled there")));
  EXPECT_EQ(Problems(waiting), 1) << "told at b, once";
}

TEST(Doctor, NoCableAndNoCommandGivesThunderbolt5ToTheOtherEnd) {
  Report a = MacWith(3);
  Report b = MacWith(3);
  Cable(a, 0, "d1", b, 0, "d2");
  Port& port = a.ports[0];
  port.rdma_active = false;
  port.peer_offers_rdma = false;
  port.negotiated_bits_per_second = 40e9;
  port.peer_model = "Mac16,10";
  const auto alone = Diagnose({{"a", a}});
  EXPECT_THAT(alone, NoProblem());
  EXPECT_THAT(alone, Contains(Note("Mac mini, Mac16,10) cannot do RDMA")));
  // The other end says so itself.
  port.peer_model.clear();
  b.rdma = {Rdma::State::kUnsupported, "Thunderbolt of the Apple M4 does 40 Gb/s"};
  const auto both = Diagnose({{"a", a}, {"b", b}});
  EXPECT_THAT(both, NoProblem());
  EXPECT_THAT(both, Contains(Note("cannot do RDMA: Thunderbolt of the Apple M4")));
}

TEST(Doctor, MacsThatNeverHaveRdmaNeedNoMesh) {
  Report a = MacWith(3);
  Report b = MacWith(3);
  b.rdma = {Rdma::State::kUnsupported, "Thunderbolt of the Apple M4 does 40 Gb/s"};
  EXPECT_THAT(Diagnose({{"a", a}, {"b", b}}), NoProblem());
  b.rdma = {Rdma::State::kUnsupported, "macOS 26.1 cannot", Rdma::Cause::kOldSystem};
  EXPECT_THAT(Diagnose({{"a", a}, {"b", b}}), Contains(Problem("No Thunderbolt cable", "Add")));
}

TEST(Doctor, WhatIsPluggedInMayNotBeKnown) {
  const auto mac = [](const std::string& state) {
    host::Capture capture;
    capture.commands = {
        {.arguments = {"sw_vers"}, .text = "ProductVersion:\t26.4\n"},
        {.how = host::Output::How::kTimedOut,
         .arguments = {"system_profiler", "-json", "SPThunderboltDataType"}},
        {.arguments = {"networksetup", "-listallhardwareports"},
         .text = "Hardware Port: Thunderbolt 2\nDevice: en3\n"},
        {.arguments = {"ibv_devinfo"}, .text = "hca_id:\trdma_en3\n\t\t\tstate:\t" + state + "\n"}};
    return Patient{"studio", probe::TakeReport(*host::Replay(capture), {})};
  };
  const auto down = Diagnose({mac("PORT_DOWN (1)")});
  EXPECT_THAT(down, Contains(Note("on a Thunderbolt port is not known")));
  EXPECT_THAT(down, Not(Contains(Note("No other computer"))));
  const auto active = Diagnose({mac("PORT_ACTIVE (4)")});
  EXPECT_THAT(active, Contains(Field(&Advice::finding,
                                     HasSubstr("receptacle 2 (en3) is active; which computer"))));
  EXPECT_THAT(active, Not(Contains(Note("No other computer"))));
}

TEST(Doctor, AMacWithoutThunderboltIsNotSentToRecovery) {
  host::Capture capture;
  capture.commands = {
      {.arguments = {"sysctl", "hw"},
       .text = "hw.model: Mac17,5\nmachdep.cpu.brand_string: Apple A18 Pro\n"
               "kern.osproductversion: 26.4\n"},
      {.arguments = {"system_profiler", "-json", "SPThunderboltDataType"},
       .text = "{\n  \"SPThunderboltDataType\" : [\n\n  ]\n}\n"},
      {.arguments = {"rdma_ctl", "status"}, .text = "disabled\n"},
      {.arguments = {"ibv_devices"}, .text = "    device    node GUID\n    ------   ------\n"}};
  const auto advice = Diagnose({{"neo", probe::TakeReport(*host::Replay(capture), {})}});
  EXPECT_THAT(advice, NoProblem());
  EXPECT_THAT(advice, Contains(Note("this Mac has no Thunderbolt")));
}

TEST(Doctor, AKnownVersionIsNotDoubted) {
  Report report = MacWith(1);
  report.rdma = {Rdma::State::kUnknown, "ibv_devices is not there; rdma_ctl is not there"};
  EXPECT_THAT(Diagnose({{"a", report}}), Contains(Problem("not known", "older than 26.2")));
  report.os.version = "26.4";
  const auto advice = Diagnose({{"a", report}});
  EXPECT_THAT(advice, Contains(Problem("not known", "macOS 26.4 has both")));
  EXPECT_THAT(advice, Not(Contains(Problem("not known", "older"))));
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

TEST(Doctor, ARingIsWellAndTheMeshsCablesAreNamed) {
  std::vector<Report> four = Macs(4, 4);
  for (int i = 0; i < 4; ++i) Join(four, i, (i + 1) % 4);
  const auto advice = Diagnose(Patients(four));
  EXPECT_THAT(advice, NoProblem());
  EXPECT_THAT(advice, Contains(Note("full mesh: also mac-0 to mac-2, mac-1 to mac-3")));
  // Apple's own cabling of five that have three ports each.
  std::vector<Report> five = Macs(5, 3);
  for (int i = 0; i < 5; ++i) Join(five, i, (i + 1) % 5);
  const auto ring = Diagnose(Patients(five));
  EXPECT_THAT(ring, NoProblem());
  EXPECT_THAT(ring, Contains(Note("4 ports at each, more than there are")));
}

TEST(Doctor, AMeshThatThePortsDoNotAllowIsARing) {
  std::vector<Report> macs = Macs(5, 3);
  for (int i = 0; i < 4; ++i) Join(macs, i, i + 1);
  const auto advice = Diagnose(Patients(macs));
  EXPECT_EQ(Problems(advice), 1);
  EXPECT_THAT(advice,
              Contains(Problem("takes 4 ports that can do RDMA at each: mac-0 has 3",
                               "Joined to fewer, with the free ports: mac-0: receptacle 2 (en3) or "
                               "receptacle 3 (en4); mac-4: receptacle 2")));
}

TEST(Doctor, APortThatADockTakesIsNamedWhereTheMeshNeedsIt) {
  std::vector<Report> macs = Macs(2, 2);
  for (Port& port : macs[0].ports) port.state = Port::State::kUp;
  EXPECT_THAT(Diagnose(Patients(macs)),
              Contains(Problem("No Thunderbolt cable",
                               "mac-0: none free (unplug what is in receptacle 1 (en2) or "
                               "receptacle 2 (en3)); mac-1: receptacle 1 (en2) or")));
}

TEST(Doctor, WhichPortOfAStudioIsBesideEthernetMayNotBeKnown) {
  std::vector<Report> macs = Macs(2, 2);
  macs[0].machine.product = "Mac Studio";
  for (Port& port : macs[0].ports) port.interfaces.clear();
  EXPECT_THAT(Diagnose(Patients(macs)),
              Contains(Problem("No Thunderbolt cable", "but not the one beside Ethernet; mac-1")));
}

TEST(Doctor, ACableThatMayBeThereIsNotSaidToLack) {
  const agent::ProbeResult cut = {"thunderbolt",
                                  agent::ProbeResult::Outcome::kFailed,
                                  {"what is plugged into the Thunderbolt ports is unknown"}};
  // Neither list is whole.
  std::vector<Report> macs = Macs(2, 2);
  for (Report& mac : macs) mac.probes = {cut};
  const auto neither = Diagnose(Patients(macs));
  EXPECT_THAT(neither, NoProblem());
  EXPECT_THAT(neither, Contains(Note("Whether a cable joins mac-0 and mac-1 is not known")));
  // One is, and shows that nothing leads away.
  macs[1].probes.clear();
  EXPECT_THAT(Diagnose(Patients(macs)), Contains(Problem("No Thunderbolt cable", "")));
  // Nor are they known where the domains are of other salts.
  std::vector<Report> salted = Macs(2, 2);
  Join(salted, 0, 1);
  salted[1].ports[0].domain += "x";
  salted[1].ports[0].peer_domain += "x";
  const auto strangers = Diagnose(Patients(salted));
  EXPECT_THAT(strangers, NoProblem());
  EXPECT_THAT(strangers, Contains(Note("leads to a computer that is none of these; mac-1")));
  EXPECT_THAT(strangers, Contains(Note("different --salt")));
}

TEST(Doctor, OneMacIsNotCabledToItself) {
  std::vector<Report> macs = Macs(1, 2);
  macs[0].ports[0].domain = "bus";
  const auto advice = Diagnose({{"a", macs[0]}, {"b", macs[0]}});
  EXPECT_THAT(advice, NoProblem());
  EXPECT_THAT(advice, Contains(Note("a and b are one Mac")));
}

TEST(Doctor, TheBridgeIsTakenOutOfALoop) {
  std::vector<Report> macs = Macs(4, 3);
  for (const auto& [a, b] : {std::pair{0, 1}, {1, 2}, {0, 2}, {2, 3}}) Join(macs, a, b);
  for (const int bridged : {1, 3}) {
    for (Port& port : macs[bridged].ports) port.bridged = true;
  }
  // mac-3 is in no loop, and mac-1 passes nothing on from one of the others to the next alone.
  const auto one = Diagnose(Patients(macs));
  EXPECT_THAT(one, Contains(Note("The cables of mac-0, mac-1, mac-2 form a loop, in which Apple's "
                                 "TN3205 wants every Thunderbolt Bridge off; on mac-1 it is on: "
                                 "System Settings")));
  EXPECT_THAT(one, Not(Contains(Problem("form a loop", ""))));
  for (Report& mac : macs) {
    for (Port& port : mac.ports) port.bridged = true;
  }
  EXPECT_THAT(Diagnose(Patients(macs)),
              Contains(Problem("The cables of mac-0, mac-1, mac-2 form a loop",
                               "inactive on mac-0, mac-1, mac-2: System Settings")));
  // A loop is one without RDMA too.
  for (Report& mac : macs) mac.rdma = {Rdma::State::kUnsupported, "no Thunderbolt 5"};
  EXPECT_THAT(Diagnose(Patients(macs)), Contains(Problem("form a loop", "inactive")));
}

TEST(Doctor, AnActivePortNeedsAnAddressOfItsOwn) {
  std::vector<Report> macs = Macs(2, 2);
  Join(macs, 0, 1);
  EXPECT_THAT(Diagnose(Patients(macs)), NoProblem()) << "addresses are not known";
  for (Report& mac : macs) mac.ports[0].addresses = {"169.254.10.1"};
  EXPECT_THAT(Diagnose(Patients(macs)), NoProblem());
  macs[1].ports[0].addresses = {"fd00::1"};
  EXPECT_THAT(Diagnose(Patients(macs)), Contains(Note("receptacle 1 (en2) has no IPv4 address")));
  macs[1].ports[0].bridged = true;
  EXPECT_THAT(Diagnose(Patients(macs)),
              Contains(Problem("is a part of the Thunderbolt Bridge", "inactive")));
}

TEST(Doctor, TheEndThatIsAtFaultIsTheOneToMend) {
  std::vector<Report> macs = Macs(2, 4);
  Join(macs, 0, 1);
  for (Report& mac : macs) mac.ports[0].rdma_active = false;
  macs[1].ports[0].rdma_capable = false;
  const auto wrong_port = Diagnose(Patients(macs));
  EXPECT_EQ(Problems(wrong_port), 1);
  EXPECT_THAT(wrong_port, Contains(Note("waits for it: that end is in the port beside Ethernet")));
  macs[1].ports[0].rdma_capable = true;
  macs[1].rdma = {Rdma::State::kUnsupported, "macOS 26.1 cannot", Rdma::Cause::kOldSystem};
  const auto old = Diagnose(Patients(macs));
  EXPECT_EQ(Problems(old), 1);
  EXPECT_THAT(old, Contains(Note("waits for it: its macOS is too old")));
}

TEST(Doctor, WhatTheNewSystemWillNeedIsToldBesideTheOldOne) {
  std::vector<Report> macs = Macs(2, 4);
  Join(macs, 0, 1);
  for (Report& mac : macs) {
    mac.rdma = {Rdma::State::kUnsupported, "macOS 15.6 cannot", Rdma::Cause::kOldSystem};
    mac.ports[0].rdma_active = false;
    mac.ports[0].peer_offers_rdma.reset();
  }
  EXPECT_EQ(Problems(Diagnose(Patients(macs))), 2) << "of the system alone";
  macs[0].ports[0].rdma_capable = false;
  macs[0].ports[0].negotiated_bits_per_second = 40e9;
  const auto advice = Diagnose(Patients(macs));
  EXPECT_EQ(Problems(advice), 4);
  EXPECT_THAT(advice, Contains(Problem("the port beside Ethernet", "any other")));
  EXPECT_THAT(advice, Contains(Problem("runs at 40 Gb/s", "Thunderbolt 5")));
}

TEST(Doctor, AComputerThatIsNoMacIsNotSentToRecovery) {
  std::vector<Report> macs = Macs(2, 2);
  Join(macs, 0, 1);
  Port& port = macs[0].ports[0];
  port.rdma_active = false;
  port.peer_offers_rdma = false;
  port.peer_is_mac = false;
  const auto advice = Diagnose({{"a", macs[0]}});
  EXPECT_THAT(advice, NoProblem());
  EXPECT_THAT(advice, Contains(Note("it is no Mac")));
}

TEST(Doctor, ACableOfWhichNothingElseIsKnownIsNamed) {
  std::vector<Report> macs = Macs(2, 2);
  Join(macs, 0, 1);
  Port& port = macs[0].ports[0];
  port.rdma_active.reset();
  port.peer_offers_rdma.reset();
  const auto advice = Diagnose({{"a", macs[0]}});
  EXPECT_THAT(advice, NoProblem());
  EXPECT_THAT(advice, Contains(Note("receptacle 1 (en2) is cabled to Mac mini.")));
}

TEST(Doctor, WhatTakesARestartIsRestartedFirst) {
  Report report = MacWith(1);
  report.rdma = {Rdma::State::kDisabled, "rdma_ctl says enabled", Rdma::Cause::kNotRestarted};
  EXPECT_THAT(Diagnose({{"a", report}}), Contains(Problem("disabled", "Restart the Mac. Only if")));
}

TEST(Doctor, TwoCapturedMacsPairByTheirDomains) {
  const auto advice =
      Diagnose({FromCapture("mac-m5-max-rdma-disabled"), FromCapture("mac-m5-max-rdma-enabled")});
  EXPECT_THAT(advice, Contains(Field(&Advice::finding, HasSubstr("takes 1 cable; 1 is there"))));
}

TEST(Doctor, ASparkWithOneCageUpNeedsNothing) {
  Patient patient = FromCapture("spark-hp-zgx");
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

TEST(Doctor, ASparkWhoseRdmaIsNotKnownIsNotSaidToHaveNone) {
  Patient patient = FromCapture("spark-hp-zgx");
  patient.report.rdma = {Rdma::State::kUnknown, "/sys/class/infiniband is not there"};
  const auto advice = Diagnose({patient});
  EXPECT_THAT(advice, Contains(Problem("Whether RDMA works is not known", "ibv_devices")));
  EXPECT_THAT(advice, Not(Contains(Note("over TCP only"))));
}

TEST(Doctor, ACardOfAnotherMachineIsNoCage) {
  Report report;
  report.machine.kind = Machine::Kind::kLinux;
  report.rdma = {Rdma::State::kEnabled, "1 RDMA device in 1 port, 0 active"};
  Port port;
  port.kind = Port::Kind::kConnectx;
  port.name = "mlx4_0";
  port.interfaces = {"ib0"};
  port.state = Port::State::kDown;
  report.ports = {port};
  const auto advice = Diagnose({{"box", report}});
  EXPECT_THAT(advice, NoProblem());
  EXPECT_THAT(advice, Contains(Note("mlx4_0 (ib0) is DOWN: no link.")));
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
              Contains(Problem("No working driver runs NVIDIA Corporation GA102", "Install")));
}

using Fault = agent::Accelerator::Fault;

TEST(Doctor, WhatKeepsACardFromWorkIsToldWithWhatHelps) {
  const auto box = [](Fault fault, const std::string& container = "") {
    Report report;
    report.machine.kind = Machine::Kind::kLinuxNvidia;
    report.rdma = {Rdma::State::kUnsupported, "no RDMA device is listed"};
    report.accelerators = {{.name = "NVIDIA L40S", .driver_version = "580.95"},
                           {.name = "NVIDIA H100 PCIe", .fault = fault}};
    report.container = container;
    return Diagnose({{"box", report}});
  };
  EXPECT_THAT(box(Fault::kNone), NoProblem());
  EXPECT_THAT(box(Fault::kNoDriver), Contains(Problem("driver runs NVIDIA H100", "Install")));
  EXPECT_THAT(box(Fault::kNeedsReboot), Contains(Problem("different versions", "Restart")));
  EXPECT_THAT(box(Fault::kLost), Contains(Problem("H100 PCIe fell off its bus", "Restart")));
  EXPECT_THAT(box(Fault::kLost, "docker"),
              Contains(Problem("or this container (docker) lost its right",
                               "start the container "
                               "anew")));
  EXPECT_THAT(box(Fault::kNoInstance),
              Contains(Problem("MIG is on and NVIDIA H100 PCIe has no instance", "-mig 0")));
  EXPECT_THAT(box(Fault::kHidden, "docker"), Contains(Problem("(docker) is not given", "--gpus")));
  EXPECT_THAT(box(Fault::kHidden), Contains(Problem("not handed out", "driver of the system")));
  EXPECT_THAT(box(Fault::kNoTool), Contains(Problem("nvidia-smi is not installed", "utils")));
  EXPECT_THAT(box(Fault::kUnknown), NoProblem());
  EXPECT_THAT(box(Fault::kUnknown), Contains(Note("Whether NVIDIA H100 PCIe works is not known")));
}

TEST(Doctor, WhereNoCardIsSeenTheToolsOwnReasonCounts) {
  Report report;
  report.machine.kind = Machine::Kind::kGb10;
  report.rdma = {Rdma::State::kEnabled, "2 RDMA devices in 1 cage"};
  report.no_cards = Fault::kHidden;
  report.container = "docker";
  EXPECT_THAT(Diagnose({{"spark", report}}), Contains(Problem("not given the GPU", "--gpus")));
  EXPECT_EQ(Problems(Diagnose({{"spark", report}})), 1);
  report.no_cards = Fault::kNoDriver;
  EXPECT_THAT(Diagnose({{"spark", report}}), NoProblem());
  EXPECT_THAT(Diagnose({{"spark", report}}), Contains(Note("Whether the GPU works is not known")));
}

TEST(Doctor, AContainerIsNotToldToLoadModules) {
  Patient patient = FromCapture("spark-hp-zgx");
  patient.report.rdma = {Rdma::State::kUnknown, "/sys/class/infiniband is not there"};
  patient.report.container = "docker";
  const auto advice = Diagnose({patient});
  EXPECT_THAT(advice, NoProblem());
  EXPECT_THAT(advice, Contains(Note("RDMA in this container (docker)")));
}

// A Spark with one cage, in which a cable is.
Report SparkWithALink() {
  Report report;
  report.machine.kind = Machine::Kind::kGb10;
  report.accelerators = {{.name = "NVIDIA GB10", .driver_version = "580.95"}};
  report.rdma = {Rdma::State::kEnabled, "2 RDMA devices in 1 cage"};
  Port port;
  port.kind = Port::Kind::kConnectx;
  port.name = "cage 1";
  port.interfaces = {"enp1s0f1np1", "enP2p1s0f1np1"};
  port.state = Port::State::kUp;
  port.capable_bits_per_second = 200e9;
  port.negotiated_bits_per_second = 200e9;
  port.rdma_active = true;
  report.ports = {port};
  return report;
}

TEST(Doctor, ACageWithALinkIsNotSaidToLackACable) {
  Report report = SparkWithALink();
  EXPECT_THAT(Diagnose({{"spark", report}}), NoProblem());
  Port& port = report.ports[0];
  port.rdma_active = false;
  port.rdma_state = "INIT";
  EXPECT_THAT(Diagnose({{"spark", report}}), Contains(Problem("its RDMA port is INIT", "MTU")));
  port.admin_down = true;
  const auto down = Diagnose({{"spark", report}});
  EXPECT_EQ(Problems(down), 1);
  EXPECT_THAT(down, Contains(Problem("nobody has brought its interface up",
                                     "sudo ip link set enp1s0f1np1 up")));
}

TEST(Doctor, OfACageThatNobodyBroughtUpTheCableIsNotKnown) {
  Report report = SparkWithALink();
  Port& port = report.ports[0];
  port.state = Port::State::kDown;
  port.negotiated_bits_per_second.reset();
  port.rdma_active = false;
  port.admin_down = true;
  const auto advice = Diagnose({{"spark", report}});
  EXPECT_EQ(Problems(advice), 1);
  EXPECT_THAT(advice, Contains(Problem("Nobody has brought up cage 1", "ip link set enp1s0f1np1")));
  EXPECT_THAT(advice, Not(Contains(Problem("no link on any cage", ""))));
}

TEST(Doctor, ACageOfWhichHalfIsUpIsNotWell) {
  Report report = SparkWithALink();
  report.probes = {{"network",
                    agent::ProbeResult::Outcome::kPartial,
                    {"why only one of the twins of cage 1 is up is unknown, because enP2p1s0f1np1 "
                     "is down and its twin is up"}}};
  const auto advice = Diagnose({{"spark", report}});
  EXPECT_EQ(Problems(advice), 1);
  EXPECT_THAT(advice, Contains(Problem("Only one of the two interfaces of cage 1", "other one")));
  EXPECT_THAT(advice, Not(Contains(Field(&Advice::finding, HasSubstr("is up at 200")))));
}

TEST(Doctor, ASparkWhoseCardIsOffNeedsACableAndNoModule) {
  Report report = SparkWithALink();
  report.ports.clear();
  report.rdma = {Rdma::State::kDisabled, "no PCI slot holds the ConnectX-7", Rdma::Cause::kCardOff};
  const auto advice = Diagnose({{"spark", report}});
  EXPECT_EQ(Problems(advice), 1);
  EXPECT_THAT(advice, Contains(Problem("no PCI slot holds the ConnectX-7", "Plug a 200 Gb/s")));
  EXPECT_THAT(advice, Not(Contains(Problem("", "modprobe"))));
  EXPECT_THAT(advice, Not(Contains(Note("No ConnectX-7 port was seen"))));
}

TEST(Doctor, ACageWithoutAnAddressIsOfNoUse) {
  Report report = SparkWithALink();
  Port& port = report.ports[0];
  port.without_address = {"enp1s0f1np1", "enP2p1s0f1np1"};
  const auto advice = Diagnose({{"spark", report}});
  EXPECT_EQ(Problems(advice), 1);
  EXPECT_THAT(advice, Contains(Problem("cage 1 (enp1s0f1np1 and enP2p1s0f1np1) has a link and no "
                                       "address",
                                       "two subnets")));
  port.addresses = {"169.254.60.178"};
  port.without_address = {"enP2p1s0f1np1"};
  EXPECT_THAT(Diagnose({{"spark", report}}), NoProblem());
  EXPECT_THAT(Diagnose({{"spark", report}}),
              Contains(Note("enP2p1s0f1np1 of cage 1 has no address")));
  port.without_address.clear();
  port.one_subnet = true;
  EXPECT_THAT(Diagnose({{"spark", report}}), NoProblem());
  EXPECT_THAT(Diagnose({{"spark", report}}), Contains(Note("in one subnet")));
}

TEST(Doctor, ACageThatIsLeftDownIsNotNeededBesideAnother) {
  Report report = SparkWithALink();
  Port unused = report.ports[0];
  unused.name = "cage 0";
  unused.interfaces = {"enp1s0f0np0"};
  unused.state = Port::State::kDown;
  unused.admin_down = true;
  report.ports.insert(report.ports.begin(), unused);
  EXPECT_THAT(Diagnose({{"spark", report}}), NoProblem());
  EXPECT_THAT(Diagnose({{"spark", report}}),
              Contains(Note("Nobody has brought up cage 0 (enp1s0f0np0), so whether a cable is in "
                            "it cannot be told; one cage is enough")));
}

TEST(Doctor, HalfACardIsNotWell) {
  Report report = SparkWithALink();
  report.ports[0].interfaces = {"enp1s0f1np1"};
  report.ports[0].half_in_sight = true;
  const auto advice = Diagnose({{"spark", report}});
  EXPECT_EQ(Problems(advice), 1);
  EXPECT_THAT(advice, Contains(Problem("Of cage 1 (enp1s0f1np1) only one of two", "Restart")));
  report.container = "docker";
  EXPECT_THAT(Diagnose({{"spark", report}}), NoProblem());
}

TEST(Doctor, AContainerThatIsNotGivenTheDevicesIsToldHowToGetThem) {
  Report report = SparkWithALink();
  report.container = "docker";
  report.rdma = {Rdma::State::kDisabled, "this docker container is not given the machine's devices",
                 Rdma::Cause::kNotHandedOver};
  const auto advice = Diagnose({{"spark", report}});
  EXPECT_EQ(Problems(advice), 1);
  EXPECT_THAT(advice, Contains(Problem("is not given", "--device /dev/infiniband")));
}

TEST(Doctor, ACageIsOfNoUseInAContainerWithoutItsInterfaces) {
  Report report = SparkWithALink();
  report.container = "docker";
  EXPECT_THAT(Diagnose({{"spark", report}}), NoProblem());
  report.ports[0].interfaces.clear();
  EXPECT_THAT(Diagnose({{"spark", report}}),
              Contains(Problem("its interfaces are not in this container", "--network host")));
  report.container.clear();
  EXPECT_THAT(Diagnose({{"spark", report}}), NoProblem());
}

TEST(Doctor, DevicesThatTheLibraryDoesNotFindNeedItsDrivers) {
  Report report = SparkWithALink();
  report.rdma = {Rdma::State::kDisabled, "ibv_devices lists none of 4 RDMA devices in 2 cages",
                 Rdma::Cause::kNoLibrary};
  EXPECT_THAT(Diagnose({{"spark", report}}),
              Contains(Problem("ibv_devices lists none", "ibverbs-providers")));
}

TEST(Doctor, ASlowCageMayBeTheFaultOfTheOtherEnd) {
  Report report = SparkWithALink();
  report.ports[0].negotiated_bits_per_second = 100e9;
  EXPECT_THAT(Diagnose({{"spark", report}}),
              Contains(Problem("runs at 100 Gb/s of 200 Gb/s", "at its other end a port")));
}

TEST(Doctor, InfinibandWithoutASubnetManagerIsTold) {
  Report report;
  report.machine.kind = Machine::Kind::kLinux;
  report.rdma = {Rdma::State::kEnabled, "1 RDMA device in 1 port, 0 active"};
  Port port;
  port.name = "ib0";
  port.state = Port::State::kUp;
  port.rdma_active = false;
  port.rdma_state = "INIT";
  report.ports = {port};
  EXPECT_THAT(Diagnose({{"box", report}}), Contains(Problem("no subnet manager", "opensm")));
}

TEST(Doctor, AnAnswerWithoutAVersionIsADriverAllTheSame) {
  EXPECT_THAT(Diagnose({FromCapture("spark-founders")}), Not(Contains(Problem("driver", ""))));
}

TEST(Doctor, AMachineWithoutRdmaHardwareHasNothingToDo) {
  EXPECT_THAT(Diagnose({FromCapture("linux-vm-no-gpu")}), NoProblem());
}

}  // namespace
}  // namespace capacity::doctor
