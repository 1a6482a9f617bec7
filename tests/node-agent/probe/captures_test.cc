// Whole reports from outputs of real machines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "node-agent/host/capture.h"
#include "node-agent/probe/probe.h"

namespace capacity::probe {
namespace {

using agent::Machine;
using agent::Port;
using agent::ProbeResult;
using agent::Rdma;
using agent::Report;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

Report FromCapture(const std::string& name) {
  const auto capture =
      host::ReadCapture(std::string(CAPACITY_SOURCE_DIR "/tests/node-agent/captures/") + name);
  EXPECT_TRUE(capture.ok()) << name << ": " << capture.status().message();
  if (!capture.ok()) return {};
  const auto machine = host::Replay(*capture);
  return TakeReport(*machine, {.agent_version = "test"});
}

const ProbeResult& ProbeNamed(const Report& report, const std::string& name) {
  for (const ProbeResult& probe : report.probes) {
    if (probe.name == name) return probe;
  }
  ADD_FAILURE() << "no probe " << name;
  static const ProbeResult kNone;
  return kNone;
}

TEST(Captures, EveryOneGivesAReportWhoseUnknownsHaveReasons) {
  for (const auto& entry :
       std::filesystem::directory_iterator(CAPACITY_SOURCE_DIR "/tests/node-agent/captures")) {
    const Report report = FromCapture(entry.path().filename().string());
    EXPECT_NE(report.machine.kind, Machine::Kind::kUnknown) << entry.path();
    EXPECT_GE(report.probes.size(), 6u) << entry.path();
    for (const ProbeResult& probe : report.probes) {
      EXPECT_NE(probe.outcome, ProbeResult::Outcome::kUnknown) << entry.path() << probe.name;
      if (probe.outcome == ProbeResult::Outcome::kOk) {
        EXPECT_THAT(probe.unknowns, IsEmpty());
      }
      for (const std::string& unknown : probe.unknowns) {
        EXPECT_TRUE(unknown.find("because") != std::string::npos ||
                    unknown.find(':') != std::string::npos)
            << unknown;
      }
    }
  }
}

TEST(Captures, MacWithRdmaDisabled) {
  const Report report = FromCapture("mac-m5-max-rdma-disabled");
  EXPECT_EQ(report.machine.kind, Machine::Kind::kMac);
  EXPECT_EQ(report.machine.product, "MacBook Pro");
  EXPECT_EQ(report.rdma.state, Rdma::State::kDisabled);
  ASSERT_THAT(report.ports, SizeIs(3));
  EXPECT_EQ(report.ports[0].name, "receptacle 1");
  EXPECT_EQ(report.ports[0].state, Port::State::kEmpty);
  EXPECT_EQ(report.ports[0].capable_bits_per_second, 120e9);
  EXPECT_EQ(report.ports[1].peer_name, "MacBook Pro");
  EXPECT_EQ(report.ports[1].peer_offers_rdma, true);
  EXPECT_EQ(report.ports[1].negotiated_bits_per_second, 80e9);
  // A Sabrent dock at 80 Gb/s is no peer.
  EXPECT_EQ(report.ports[2].state, Port::State::kUp);
  EXPECT_EQ(report.ports[2].peer_name, "");
}

TEST(Captures, MacWithRdmaEnabledAndItsPeerNameEachOther) {
  const Report report = FromCapture("mac-m5-max-rdma-enabled");
  const Report other = FromCapture("mac-m5-max-rdma-disabled");
  EXPECT_EQ(report.rdma.state, Rdma::State::kEnabled);
  const Port& port = report.ports.at(1);
  EXPECT_EQ(port.name, "receptacle 2");
  EXPECT_THAT(port.interfaces, ElementsAre("en6"));
  EXPECT_EQ(port.rdma_device, "rdma_en6");
  EXPECT_EQ(port.rdma_active, false);
  EXPECT_EQ(port.peer_offers_rdma, false);
  EXPECT_NE(port.domain, "");
  EXPECT_EQ(port.domain, other.ports.at(1).peer_domain);
  EXPECT_EQ(port.peer_domain, other.ports.at(1).domain);
  EXPECT_THAT(port.domain, Not(HasSubstr("-")));  // a hash, not the UUID
}

TEST(Captures, MacCoreGroupsByTheirOwnNamesWhateverTheirPositions) {
  const Report report = FromCapture("mac-m5-max");
  EXPECT_EQ(report.machine.model_identifier, "Mac17,6");
  EXPECT_EQ(report.memory.installed_bytes, 128 * kGiB);
  EXPECT_EQ(report.processor.logical_cores, 18u);
  EXPECT_THAT(report.processor.groups,
              ElementsAre(agent::CoreGroup{"Super", 6}, agent::CoreGroup{"Performance", 12}));
}

TEST(Captures, MacMemoryFromSysctlAndVmStat) {
  const Report report = FromCapture("mac-m1-pro-ansible");
  EXPECT_EQ(report.processor.name, "Apple M1 Pro");
  EXPECT_EQ(report.os.version, "14.4.1");
  EXPECT_EQ(report.memory.installed_bytes, 34359738368u);
  EXPECT_EQ(report.memory.visible_bytes, 33689255936u);
  EXPECT_EQ(report.memory.wired_bytes, 165932ull * 16384);
  // installed - wired - (anonymous - purgeable) - compressor
  EXPECT_EQ(report.memory.available_bytes,
            34359738368ull - (165932ull + (912210ull - 19224ull) + 424276ull) * 16384ull);
  EXPECT_EQ(report.rdma.state, Rdma::State::kUnsupported);
  EXPECT_THAT(report.rdma.reason, HasSubstr("Thunderbolt of the Apple M1 Pro does 40 Gb/s"));
}

TEST(Captures, MacGpuCoresAreAString) {
  const Report report = FromCapture("mac-m1-pro-displays");
  ASSERT_THAT(report.accelerators, SizeIs(1));
  EXPECT_EQ(report.accelerators[0].name, "Apple M1 Pro");
  EXPECT_EQ(report.accelerators[0].gpu_cores, 14u);
}

TEST(Captures, MacSysctlWithoutNamesOfLevels) {
  const Report report = FromCapture("mac-m3-ultra-sysctl");
  EXPECT_EQ(report.processor.name, "Apple M3 Ultra");
  EXPECT_EQ(report.memory.installed_bytes, 96 * kGiB);
  EXPECT_THAT(report.processor.groups,
              ElementsAre(agent::CoreGroup{"level 0", 20}, agent::CoreGroup{"level 1", 8}));
}

TEST(Captures, MacRdmaDevicesWithoutReceptacles) {
  const Report report = FromCapture("mac-m3-ultra-verbs");
  EXPECT_EQ(report.machine.kind, Machine::Kind::kMac);
  EXPECT_EQ(report.rdma.state, Rdma::State::kEnabled);
  EXPECT_THAT(report.ports, SizeIs(6));
}

TEST(Captures, MacPortsOfItsOwnAreNotThoseForCables) {
  std::vector<std::string> names;
  for (const Port& port : FromCapture("mac-mbp14-2021-ports").ports) names.push_back(port.name);
  EXPECT_THAT(names,
              ElementsAre("receptacle 1", "receptacle 2", "receptacle 3", "AX88179A", "Wi-Fi"));
}

TEST(Captures, MacThunderboltTextThatIsCutOff) {
  const Report report = FromCapture("mac-mini-m4-pro-truncated");
  EXPECT_EQ(report.machine.product, "Mac mini");
  ASSERT_THAT(report.ports, SizeIs(2));
  const Port& port = report.ports[1];
  EXPECT_EQ(port.name, "receptacle 3");
  EXPECT_EQ(port.negotiated_bits_per_second, 80e9);
  EXPECT_EQ(port.peer_name, "Mac Studio");
  EXPECT_EQ(port.peer_offers_rdma, true);
  EXPECT_THAT(ProbeNamed(report, "thunderbolt").unknowns, SizeIs(1));
}

TEST(Captures, SparkFoundersEdition) {
  const Report report = FromCapture("spark-founders");
  EXPECT_EQ(report.machine.kind, Machine::Kind::kGb10);
  EXPECT_EQ(report.machine.product, "NVIDIA_DGX_Spark");
  EXPECT_EQ(report.os.vendor_release, "DGX OS 7.5.0");
  EXPECT_TRUE(report.memory.unified);
  EXPECT_EQ(report.memory.visible_bytes, 127601452ull * 1024ull);
  EXPECT_EQ(report.memory.available_bytes, 115669068ull * 1024ull);
  ASSERT_THAT(report.accelerators, SizeIs(1));
  EXPECT_EQ(report.accelerators[0].name, "NVIDIA GB10");
  EXPECT_FALSE(report.accelerators[0].memory_bytes.has_value());
  EXPECT_THAT(ProbeNamed(report, "nvidia-smi").unknowns, Contains(HasSubstr("MemAvailable")));
}

TEST(Captures, SparkReleaseFileCountsItsLastUpdate) {
  const Report report = FromCapture("spark-asus-gx10");
  EXPECT_EQ(report.machine.kind, Machine::Kind::kGb10);
  EXPECT_EQ(report.machine.product, "GX10");
  EXPECT_EQ(report.os.vendor_release, "DGX OS 7.6.0");
  // Nothing that lists RDMA devices was captured.
  EXPECT_EQ(report.rdma.state, Rdma::State::kUnknown);
}

TEST(Captures, SparkLenovoPutsItsNameIntoTheVersion) {
  const Report report = FromCapture("spark-lenovo-pgx");
  EXPECT_EQ(report.machine.kind, Machine::Kind::kGb10);
  EXPECT_EQ(report.machine.product, "ThinkStation PGX");
  EXPECT_EQ(report.machine.model_identifier, "30KL0004FC");
}

TEST(Captures, SparkTwinsOfACageAreOneLink) {
  const Report report = FromCapture("spark-dell");
  EXPECT_EQ(report.machine.vendor, "Dell  Inc.");
  EXPECT_EQ(report.processor.name, "Cortex-A725");
  EXPECT_EQ(report.rdma.state, Rdma::State::kEnabled);
  ASSERT_THAT(report.ports, SizeIs(2));
  EXPECT_EQ(report.ports[0].name, "cage 0");
  EXPECT_EQ(report.ports[0].rdma_device, "rocep1s0f0");
  EXPECT_EQ(report.ports[0].rdma_twin, "roceP2p1s0f0");
  EXPECT_EQ(report.ports[0].state, Port::State::kUp);
  EXPECT_EQ(report.ports[0].negotiated_bits_per_second, 200e9);
  EXPECT_EQ(report.ports[0].rdma_active, true);
  EXPECT_EQ(report.ports[1].state, Port::State::kDown);
  // The 40 Gb/s that a port states while it is down is no speed.
  EXPECT_FALSE(report.ports[1].negotiated_bits_per_second.has_value());
  EXPECT_EQ(report.ports[1].capable_bits_per_second, 200e9);
}

TEST(Captures, SparkPortsFromSysfs) {
  const Report report = FromCapture("spark-hp-zgx");
  EXPECT_EQ(report.machine.kind, Machine::Kind::kGb10);
  ASSERT_THAT(report.ports, SizeIs(2));
  EXPECT_EQ(report.ports[0].state, Port::State::kDown);
  EXPECT_FALSE(report.ports[0].negotiated_bits_per_second.has_value());
  EXPECT_EQ(report.ports[1].state, Port::State::kUp);
  EXPECT_EQ(report.ports[1].negotiated_bits_per_second, 200e9);
  EXPECT_THAT(report.ports[1].interfaces, ElementsAre("enp1s0f1np1"));
}

TEST(Captures, SparkPortsFromVerbsAndNetdevs) {
  const Report report = FromCapture("spark-ibv");
  ASSERT_THAT(report.ports, SizeIs(2));
  EXPECT_EQ(report.ports[0].state, Port::State::kDown);
  EXPECT_EQ(report.ports[1].state, Port::State::kUp);
  EXPECT_EQ(report.ports[1].rdma_active, true);
  EXPECT_THAT(report.ports[1].interfaces, ElementsAre("enp1s0f1np1", "enP2p1s0f1np1"));
  EXPECT_EQ(report.accelerators.at(0).driver_version, "580.126.09");
}

TEST(Captures, SparkNetdevsUpSayNothingOfRdma) {
  const Report report = FromCapture("spark-playbook");
  EXPECT_EQ(report.ports.at(0).state, Port::State::kUp);
  EXPECT_FALSE(report.ports.at(0).rdma_active.has_value());
  EXPECT_THAT(ProbeNamed(report, "network").unknowns, Contains(HasSubstr("active")));
}

TEST(Captures, CsvWithoutHeaderAndUnits) {
  const Report report = FromCapture("spark-csv-bare");
  EXPECT_EQ(report.memory.available_bytes, 111584904ull * 1024ull);
  EXPECT_THAT(ProbeNamed(report, "nvidia-smi").unknowns, Contains(HasSubstr("[N/A]")));
}

TEST(Captures, LinuxWithOneL40s) {
  const Report report = FromCapture("linux-l40s");
  EXPECT_EQ(report.machine.kind, Machine::Kind::kLinuxNvidia);
  ASSERT_THAT(report.accelerators, SizeIs(1));
  EXPECT_EQ(report.accelerators[0].name, "NVIDIA L40S");
  EXPECT_EQ(report.accelerators[0].memory_bytes, std::uint64_t{46068} << 20);
  EXPECT_EQ(report.accelerators[0].driver_version, "595.80");
  EXPECT_EQ(report.accelerators[0].power_limit_watts, 350.0);
}

TEST(Captures, ANameThatTheTableShortensComesFromElsewhere) {
  const Report report = FromCapture("linux-rtx-2080-super");
  ASSERT_THAT(report.accelerators, SizeIs(1));
  EXPECT_EQ(report.accelerators[0].name, "NVIDIA GeForce RTX 2080 SUPER");
  EXPECT_EQ(report.accelerators[0].memory_bytes, std::uint64_t{8192} << 20);
}

TEST(Captures, LinuxXml) {
  const Report report = FromCapture("linux-rtx-3090-xml");
  ASSERT_THAT(report.accelerators, SizeIs(1));
  EXPECT_EQ(report.accelerators[0].name, "NVIDIA GeForce RTX 3090");
  EXPECT_EQ(report.accelerators[0].memory_bytes, std::uint64_t{24576} << 20);
}

TEST(Captures, LinuxWithoutACardIsAValidNode) {
  const Report report = FromCapture("linux-vm-no-gpu");
  EXPECT_EQ(report.machine.kind, Machine::Kind::kLinux);
  EXPECT_EQ(report.processor.name, "AMD EPYC");
  EXPECT_EQ(report.processor.logical_cores, 2u);
  EXPECT_EQ(report.memory.visible_bytes, 24684096ull * 1024ull);
  EXPECT_THAT(report.accelerators, IsEmpty());
  EXPECT_EQ(ProbeNamed(report, "nvidia-smi").outcome, ProbeResult::Outcome::kAbsent);
  EXPECT_EQ(report.rdma.state, Rdma::State::kUnsupported);
  ASSERT_THAT(report.ports, SizeIs(1));  // eth0; neither lo nor ifb0
  EXPECT_EQ(report.ports[0].name, "eth0");
}

TEST(Captures, AnEthernetPortThatCanDoRdmaIsAnEthernetPort) {
  const Report report = FromCapture("linux-rdma-nic");
  ASSERT_THAT(report.ports, SizeIs(1));
  const Port& port = report.ports[0];
  EXPECT_EQ(port.kind, Port::Kind::kEthernet);
  EXPECT_EQ(port.name, "ens1f0");
  EXPECT_EQ(port.negotiated_bits_per_second, 25e9);
  EXPECT_THAT(port.addresses, ElementsAre("192.168.1.5"));
  EXPECT_EQ(port.rdma_device, "irdma0");
  EXPECT_EQ(port.rdma_active, true);
  EXPECT_FALSE(port.capable_bits_per_second.has_value());
  EXPECT_EQ(report.rdma.state, Rdma::State::kEnabled);
  EXPECT_EQ(report.rdma.reason, "1 RDMA device in 1 port, 1 active");
}

TEST(Captures, RdmaInSoftwareIsNoRdma) {
  const Report report = FromCapture("linux-soft-roce");
  ASSERT_THAT(report.ports, SizeIs(1));
  EXPECT_EQ(report.ports[0].kind, Port::Kind::kEthernet);
  EXPECT_EQ(report.ports[0].negotiated_bits_per_second, 10e9);
  EXPECT_EQ(report.ports[0].rdma_device, "");
  EXPECT_EQ(report.rdma.state, Rdma::State::kUnsupported);
  EXPECT_THAT(report.rdma.reason, HasSubstr("but rxe_eth0, which the processor does in software"));
}

TEST(Captures, EveryPortOfAnRdmaDeviceIsRead) {
  const Report report = FromCapture("linux-mlx4-two-ports");
  ASSERT_THAT(report.ports, SizeIs(2));
  EXPECT_EQ(report.ports[0].name, "ib0");
  EXPECT_EQ(report.ports[0].state, Port::State::kDown);
  EXPECT_EQ(report.ports[0].rdma_active, false);
  const Port& port = report.ports[1];
  EXPECT_EQ(port.name, "ib1");
  EXPECT_EQ(port.kind, Port::Kind::kUnknown) << "InfiniBand is neither Ethernet nor ConnectX-7";
  EXPECT_EQ(port.state, Port::State::kUp);
  EXPECT_EQ(port.negotiated_bits_per_second, 56e9);
  EXPECT_EQ(port.rdma_device, "mlx4_0");
  EXPECT_EQ(port.rdma_active, true);
  EXPECT_THAT(port.addresses, ElementsAre("192.168.208.3"));
  EXPECT_EQ(report.rdma.reason, "1 RDMA device in 2 ports, 1 active");
}

TEST(Captures, ABondIsOnePort) {
  const Report report = FromCapture("linux-bond");
  ASSERT_THAT(report.ports, SizeIs(1)) << "neither its members nor docker0";
  const Port& port = report.ports[0];
  EXPECT_EQ(port.kind, Port::Kind::kEthernet);
  EXPECT_EQ(port.name, "bond0");
  EXPECT_THAT(port.interfaces, ElementsAre("eno1", "eno2"));
  EXPECT_THAT(port.addresses, ElementsAre("192.168.1.10"));
  EXPECT_EQ(port.state, Port::State::kUp);
  EXPECT_EQ(port.negotiated_bits_per_second, 10e9) << "one connection runs over one member";
  EXPECT_TRUE(port.management);
  EXPECT_THAT(ProbeNamed(report, "network").unknowns, Not(Contains(HasSubstr("bond0"))));
}

TEST(Captures, SparkBondOverTheTwinsIsTheCage) {
  const Report report = FromCapture("spark-bond");
  ASSERT_THAT(report.ports, SizeIs(2));
  EXPECT_EQ(report.ports[0].name, "cage 0");
  EXPECT_THAT(report.ports[0].interfaces, ElementsAre("bond0", "enp1s0f0np0", "enP2p1s0f0np0"));
  EXPECT_THAT(report.ports[0].addresses, ElementsAre("10.100.0.1"));
  EXPECT_EQ(report.ports[0].negotiated_bits_per_second, 200e9);
  EXPECT_EQ(report.ports[1].name, "enP7s7");
}

TEST(Captures, SparkCagesByTheNamesOfTheirInterfaces) {
  const Report report = FromCapture("spark-mlx5-names");
  ASSERT_THAT(report.ports, SizeIs(2));
  for (const Port& port : report.ports) {
    EXPECT_EQ(port.kind, Port::Kind::kConnectx);
    EXPECT_EQ(port.capable_bits_per_second, 200e9);
    EXPECT_THAT(port.interfaces, SizeIs(2));
  }
  EXPECT_EQ(report.ports[0].name, "cage 0");
  EXPECT_EQ(report.ports[0].rdma_device, "mlx5_0");
  EXPECT_EQ(report.ports[0].rdma_twin, "mlx5_2");
  EXPECT_EQ(report.ports[0].negotiated_bits_per_second, 200e9);
  EXPECT_EQ(report.ports[1].name, "cage 1");
  EXPECT_EQ(report.ports[1].state, Port::State::kDown);
  EXPECT_EQ(report.rdma.reason, "4 RDMA devices in 2 cages, 1 active");
}

TEST(Captures, AJetsonSharesItsMemory) {
  const Report report = FromCapture("jetson-orin-nano");
  ASSERT_THAT(report.accelerators, SizeIs(1));
  EXPECT_EQ(report.accelerators[0].name, "Orin (nvgpu)");
  EXPECT_TRUE(report.memory.unified);
  EXPECT_EQ(report.machine.kind, Machine::Kind::kLinuxNvidia);
  EXPECT_THAT(ProbeNamed(report, "nvidia-smi").unknowns, Contains(HasSubstr("MemAvailable")));
}

TEST(Captures, WslWithoutTheToolMayHaveACard) {
  const Report report = FromCapture("linux-wsl2-no-tool");
  EXPECT_EQ(ProbeNamed(report, "nvidia-smi").outcome, ProbeResult::Outcome::kFailed);
  EXPECT_THAT(ProbeNamed(report, "nvidia-smi").unknowns,
              ElementsAre(HasSubstr("which NVIDIA cards there are is unknown")));
}

TEST(Captures, ACardThatNvidiaSmiDoesNotShowIsListed) {
  const Report report = FromCapture("linux-one-card-undriven");
  ASSERT_THAT(report.accelerators, SizeIs(2));
  EXPECT_EQ(report.accelerators[0].name, "NVIDIA GeForce RTX 3090");
  EXPECT_THAT(report.accelerators[1].name, HasSubstr("GA102 [GeForce RTX 3090]"));
  EXPECT_THAT(ProbeNamed(report, "nvidia-smi").unknowns,
              ElementsAre(HasSubstr("PCI lists 2 and nvidia-smi 1")));
}

}  // namespace
}  // namespace capacity::probe
