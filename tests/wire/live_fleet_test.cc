#include "planner/wire/live_fleet.h"

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "planner/inventory/inventory.h"
#include "planner/wire/subnet.h"
#include "tests/support/shipped.h"

namespace capacity::wire {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Shipped;
using ::testing::SizeIs;

LiveNode Node(const std::string& name, const std::string& report) {
  LiveNode node{"id-" + name, name, v1::NodeReport()};
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(report, &*node.report)) << report;
  return node;
}

// A Mac Studio with RDMA on. `ports` is text of Port messages.
LiveNode Ultra(const std::string& name, const std::string& ports) {
  return Node(name, R"(
    machine { vendor: "Apple" model_identifier: "Mac15,14" kind: KIND_MAC }
    os { name: "macOS" version: "26.2" }
    processor { name: "Apple M3 Ultra" }
    memory { installed_bytes: 549755813888 unified: true }
    accelerators { name: "Apple M3 Ultra" gpu_cores: 80 }
    rdma { state: STATE_ENABLED }
    identity { machine: "mac-studio-m3-ultra-512gb" chip: "apple-m3-ultra-80" chips: 1 }
  )" + ports);
}

LiveNode Spark(const std::string& name, const std::string& ports) {
  return Node(name, R"(
    machine { vendor: "NVIDIA" product: "NVIDIA_DGX_Spark" kind: KIND_GB10 }
    os { name: "Ubuntu" version: "24.04" }
    accelerators { name: "NVIDIA GB10" }
    identity { machine: "dgx-spark" chip: "gb10" chips: 1 }
  )" + ports);
}

std::string Thunderbolt(const std::string& own, const std::string& peer,
                        const std::string& more = "") {
  return "ports { kind: KIND_THUNDERBOLT state: STATE_UP domain: '" + own + "' peer_domain: '" +
         peer + "' " + more + " }\n";
}

std::string Ethernet(const std::string& address, double gbits) {
  return "ports { kind: KIND_ETHERNET state: STATE_UP addresses: '" + address +
         "' negotiated_bits_per_second: " + std::to_string(gbits * 1e9) + " }\n";
}

std::vector<std::string> Kinds(const LiveFleet& fleet) {
  std::vector<std::string> kinds;
  for (const NamedLinks& links : fleet.links) kinds.push_back(links.group.link->id);
  return kinds;
}

// Reads the exported text as any inventory is read.
fleet::Scenario ReadBack(const LiveFleet& fleet) {
  const std::string yaml = InventoryYaml(fleet);
  const auto read = inventory::LoadScenarioWith(
      [&](const std::string& file) {
        return inventory::ParseDocument(file, yaml, inventory::DocumentLimits{});
      },
      Shipped(), "live.yaml", {});
  for (const Diagnostic& problem : read.problems)
    ADD_FAILURE() << ToString(problem) << "\n" << yaml;
  return read.value.value_or(fleet::Scenario{});
}

void ExpectSameFleet(const LiveFleet& live, const fleet::Fleet& read) {
  ASSERT_EQ(read.nodes().size(), live.nodes.size());
  for (std::size_t i = 0; i < live.nodes.size(); ++i) {
    const fleet::Node& a = live.nodes[i];
    const fleet::Node& b = read.nodes()[i];
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.machine, b.machine);
    EXPECT_EQ(a.chip, b.chip);
    EXPECT_EQ(a.os_version, b.os_version);
    EXPECT_EQ(a.rdma_enabled, b.rdma_enabled);
    EXPECT_EQ(a.overrides.memory, b.overrides.memory);
    EXPECT_EQ(a.overrides.wired_limit, b.overrides.wired_limit);
  }
  ASSERT_EQ(read.links().size(), live.links.size());
  for (std::size_t i = 0; i < live.links.size(); ++i) {
    const fleet::LinkGroup& a = live.links[i].group;
    const fleet::LinkGroup& b = read.links()[i];
    EXPECT_EQ(a.link, b.link);
    EXPECT_EQ(a.members, b.members);
    EXPECT_EQ(a.pairs, b.pairs);
    EXPECT_EQ(a.full_mesh, b.full_mesh);
    EXPECT_EQ(a.round_trip, b.round_trip);
    EXPECT_EQ(a.measured_bandwidth, b.measured_bandwidth);
  }
}

LiveLink Link(const std::string& from, const std::string& to, const std::string& local,
              const std::string& peer, double us, double bits, std::int64_t at = 1) {
  LiveLink link{"id-" + from, {}};
  link.measurement.set_peer_node_id("id-" + to);
  link.measurement.set_local_address(local);
  link.measurement.set_peer_address(peer);
  link.measurement.set_round_trip_median_us(us);
  link.measurement.set_send_bits_per_second(bits);
  link.measurement.set_receive_bits_per_second(bits * 0.9);
  link.measurement.set_taken_at_unix_ms(at);
  return link;
}

TEST(LiveFleet, ReciprocalBusesAreACable) {
  const LiveFleet fleet = ReadLiveFleet(
      Shipped(), {Ultra("b", Thunderbolt("B", "A")), Ultra("a", Thunderbolt("A", "B"))}, {});
  EXPECT_THAT(Kinds(fleet), ElementsAre("rdma-tb5", "tcp-tb5"));
  EXPECT_THAT(fleet.links[0].group.members, ElementsAre(0, 1));
  EXPECT_EQ(fleet.nodes[0].name, "a") << "by name, whatever the order of arrival";
  ExpectSameFleet(fleet, ReadBack(fleet).fleet);
}

TEST(LiveFleet, OneSidedPeersAreNoCable) {
  const LiveFleet fleet = ReadLiveFleet(
      Shipped(), {Ultra("a", Thunderbolt("A", "B")), Ultra("b", Thunderbolt("B", "X"))}, {});
  EXPECT_THAT(fleet.links, IsEmpty());
}

TEST(LiveFleet, APortThatCannotDoRdmaCarriesTcp) {
  const LiveFleet fleet = ReadLiveFleet(
      Shipped(),
      {Ultra("a", Thunderbolt("A", "B", "rdma_capable: false")), Ultra("b", Thunderbolt("B", "A"))},
      {});
  EXPECT_THAT(Kinds(fleet), ElementsAre("tcp-tb5"));
}

TEST(LiveFleet, FourUltrasCabledAllToAllAreOneMesh) {
  std::vector<LiveNode> nodes;
  const std::string names = "abcd";
  for (const char own : names) {
    std::string ports;
    for (const char peer : names) {
      if (own == peer) continue;
      ports += Thunderbolt({own, peer}, {peer, own});
    }
    nodes.push_back(Ultra({own}, ports));
  }
  const LiveFleet fleet = ReadLiveFleet(Shipped(), nodes, {});
  EXPECT_THAT(Kinds(fleet), ElementsAre("rdma-tb5", "tcp-tb5"));
  EXPECT_TRUE(fleet.links[0].group.full_mesh);
  EXPECT_THAT(fleet.links[0].group.pairs, SizeIs(6));
  ExpectSameFleet(fleet, ReadBack(fleet).fleet);
}

TEST(LiveFleet, AChainIsPairs) {
  const LiveFleet fleet =
      ReadLiveFleet(Shipped(),
                    {Ultra("a", Thunderbolt("A", "B1")),
                     Ultra("b", Thunderbolt("B1", "A") + Thunderbolt("B2", "C")),
                     Ultra("c", Thunderbolt("C", "B2"))},
                    {});
  ASSERT_THAT(fleet.links, SizeIs(2));
  EXPECT_FALSE(fleet.links[0].group.full_mesh);
  ExpectSameFleet(fleet, ReadBack(fleet).fleet);
}

TEST(LiveFleet, EthernetJoinsAtTheSlowerRate) {
  const LiveFleet fleet =
      ReadLiveFleet(Shipped(),
                    {Ultra("a", Ethernet("10.0.0.1", 10)), Ultra("b", Ethernet("10.0.0.2", 10)),
                     Spark("c", Ethernet("10.0.0.3", 1)), Spark("d", Ethernet("10.0.1.4", 10))},
                    {});
  ASSERT_THAT(Kinds(fleet), ElementsAre("tcp-10gbe", "tcp-1gbe"));
  EXPECT_THAT(fleet.links[0].group.members, ElementsAre(0, 1));
  EXPECT_THAT(fleet.links[1].group.members, ElementsAre(0, 1, 2));
  ExpectSameFleet(fleet, ReadBack(fleet).fleet);
}

// A workstation with one RTX 3090. `ports` is text of Port messages.
LiveNode Rig(const std::string& name, const std::string& ports) {
  return Node(name, R"(
    machine { kind: KIND_LINUX_NVIDIA }
    os { name: "Ubuntu" version: "24.04" }
    accelerators { name: "NVIDIA GeForce RTX 3090" memory_bytes: 25769803776 driver_version: "580" }
  )" + ports);
}

TEST(LiveFleet, APortThatCanDoRdmaTooJoinsItsEthernet) {
  const auto port = [](const char* kind, const std::string& address) {
    return std::string("ports { kind: ") + kind +
           " state: STATE_UP name: 'ens1f0' interfaces: 'ens1f0' rdma_device: 'irdma0' "
           "rdma_capable: true rdma_active: true negotiated_bits_per_second: 25e9 addresses: '" +
           address + "' }\n";
  };
  // As agents say it today, and as they did before 2026-11-23.
  for (const char* kind : {"KIND_ETHERNET", "KIND_CONNECTX"}) {
    const LiveFleet fleet =
        ReadLiveFleet(Shipped(),
                      {Rig("a", "rdma { state: STATE_ENABLED }" + port(kind, "10.0.0.1")),
                       Rig("b", "rdma { state: STATE_ENABLED }" + port(kind, "10.0.0.2")),
                       Rig("c", Ethernet("10.0.0.3", 10))},
                      {Link("a", "b", "10.0.0.1", "10.0.0.2", 40, 20e9)});
    EXPECT_THAT(fleet.notes, IsEmpty()) << kind;
    ASSERT_THAT(Kinds(fleet), ElementsAre("tcp-10gbe")) << kind;
    EXPECT_THAT(fleet.links[0].group.members, ElementsAre(0, 1, 2)) << kind;
    EXPECT_EQ(fleet.links[0].measured_pairs, 1) << kind;
    ExpectSameFleet(fleet, ReadBack(fleet).fleet);
  }
}

std::string Cage(const std::string& address) {
  return "rdma { state: STATE_ENABLED } ports { kind: KIND_CONNECTX state: STATE_UP rdma_active: "
         "true negotiated_bits_per_second: 200e9 addresses: '" +
         address + "' }\n";
}

TEST(LiveFleet, ACageOnAnotherMachinesNetworkCardIsEthernet) {
  const LiveFleet fleet = ReadLiveFleet(
      Shipped(), {Rig("rig", Ethernet("10.0.0.1", 100)), Spark("spark", Cage("10.0.0.2"))},
      {Link("spark", "rig", "10.0.0.2", "10.0.0.1", 40, 60e9)});
  EXPECT_THAT(fleet.notes, IsEmpty());
  ASSERT_THAT(Kinds(fleet), ElementsAre("tcp-50gbe"));
  EXPECT_EQ(fleet.links[0].measured_pairs, 1);
  EXPECT_EQ(fleet.links[0].group.measured_bandwidth, BitsPerSecond{54e9});
  ExpectSameFleet(fleet, ReadBack(fleet).fleet);
}

TEST(LiveFleet, CagesAreEthernetOnlyBesideAnotherNetworkCard) {
  // Two by a cable, with their other ports in the same network.
  const LiveFleet cabled = ReadLiveFleet(Shipped(),
                                         {Spark("a", Ethernet("10.0.0.1", 10) + Cage("10.0.0.11")),
                                          Spark("b", Ethernet("10.0.0.2", 10) + Cage("10.0.0.12"))},
                                         {});
  EXPECT_THAT(Kinds(cabled), ElementsAre("rdma-cx7-200g", "tcp-cx7-200g", "tcp-10gbe"));
  // Three on one switch, one of them with a card of its own.
  const LiveFleet switched =
      ReadLiveFleet(Shipped(),
                    {Spark("a", Cage("10.0.0.1")), Spark("b", Cage("10.0.0.2")),
                     Rig("rig", Ethernet("10.0.0.3", 100))},
                    {});
  ASSERT_THAT(Kinds(switched), ElementsAre("rdma-cx7-200g", "tcp-cx7-200g", "tcp-50gbe"));
  EXPECT_THAT(switched.links[0].group.members, ElementsAre(0, 1));
  EXPECT_THAT(switched.links[2].group.members, ElementsAre(0, 1, 2));
  ExpectSameFleet(switched, ReadBack(switched).fleet);
}

TEST(LiveFleet, ThunderboltBetweenLinuxMachinesIsAsFastAsMeasured) {
  const auto port = [](const std::string& address) {
    return "ports { kind: KIND_THUNDERBOLT state: STATE_UP name: 'thunderbolt0' addresses: '" +
           address + "' }\n";
  };
  const LiveFleet fleet =
      ReadLiveFleet(Shipped(), {Rig("a", port("10.9.0.1")), Rig("b", port("10.9.0.2"))},
                    {Link("a", "b", "10.9.0.1", "10.9.0.2", 90, 11e9)});
  ASSERT_THAT(Kinds(fleet), ElementsAre("tcp-10gbe"));
  EXPECT_EQ(fleet.links[0].group.measured_bandwidth, BitsPerSecond{9.9e9});
  ExpectSameFleet(fleet, ReadBack(fleet).fleet);
}

TEST(LiveFleet, InfinibandIsNamedAndNoEthernet) {
  const auto port = [](const std::string& address) {
    return "ports { name: 'ib1' state: STATE_UP rdma_device: 'mlx4_0' negotiated_bits_per_second: "
           "56e9 addresses: '" +
           address + "' }\n";
  };
  const LiveFleet fleet =
      ReadLiveFleet(Shipped(), {Rig("a", port("10.0.0.1")), Rig("b", port("10.0.0.2"))}, {});
  EXPECT_THAT(fleet.links, IsEmpty());
  EXPECT_THAT(fleet.notes, ElementsAre(HasSubstr("the port ib1 of a is of no kind"),
                                       HasSubstr("the port ib1 of b is of no kind")));
}

TEST(LiveFleet, ACardWithoutADriverIsNoneOfAWorkstations) {
  const std::string card =
      "accelerators { name: 'NVIDIA GeForce RTX 4080' memory_bytes: 17171480576 }";
  const LiveFleet fleet =
      ReadLiveFleet(Shipped(),
                    {Node("rig", card + card +
                                     "accelerators { name: 'NVIDIA Corporation AD103 [GeForce RTX "
                                     "4080] [10de:2704] (rev a1)' }")},
                    {});
  ASSERT_THAT(fleet.nodes, SizeIs(1));
  EXPECT_EQ(fleet.nodes[0].cards(), 2);
  ExpectSameFleet(fleet, ReadBack(fleet).fleet);
}

TEST(LiveFleet, ALostCardIsNoneOfAWorkstations) {
  const std::string card =
      "accelerators { name: 'NVIDIA GeForce RTX 4080' memory_bytes: 17171480576 }";
  const std::string lost = "accelerators { name: 'NVIDIA GeForce RTX 4080' fault: FAULT_LOST }";
  const LiveFleet fleet =
      ReadLiveFleet(Shipped(), {Node("rig", card + lost + card), Node("dead", lost)}, {});
  ASSERT_THAT(fleet.nodes, SizeIs(1));
  EXPECT_EQ(fleet.nodes[0].cards(), 2);
  ASSERT_THAT(fleet.omitted, SizeIs(1));
  EXPECT_THAT(fleet.omitted[0].reason,
              HasSubstr("nothing can use its card \"NVIDIA GeForce RTX 4080\""));
  ExpectSameFleet(fleet, ReadBack(fleet).fleet);
  // Nor where the agent's own catalogue knows a card that this one does not.
  const LiveNode newer =
      Node("newer",
           "accelerators { name: 'NVIDIA GeForce RTX 9090' }\n"
           "accelerators { name: 'NVIDIA GeForce RTX 9090' fault: FAULT_NO_INSTANCE }\n"
           "identity { machine: 'workstation' chip: 'rtx-4080' chips: 1 }");
  const LiveFleet one = ReadLiveFleet(Shipped(), {newer}, {});
  ASSERT_THAT(one.nodes, SizeIs(1));
  EXPECT_EQ(one.nodes[0].cards(), 1);
}

TEST(LiveFleet, AStrixHaloMachineOfAnotherSizeIsLeftOutWithTheReason) {
  const auto framework = [](const std::string& bytes) {
    return Node("fw",
                "machine { vendor: 'Framework' product: 'Desktop (AMD Ryzen AI Max 300 "
                "Series)' kind: KIND_LINUX } processor { name: 'AMD RYZEN AI MAX+ 395 w/ "
                "Radeon 8060S' } memory { visible_bytes: " +
                    bytes + " }");
  };
  EXPECT_THAT(ReadLiveFleet(Shipped(), {framework("133120000000")}, {}).nodes, SizeIs(1));
  const LiveFleet half = ReadLiveFleet(Shipped(), {framework("66560000000")}, {});
  ASSERT_THAT(half.omitted, SizeIs(1));
  EXPECT_THAT(half.omitted[0].reason, HasSubstr("the system counts 62 GiB"));
  const std::string gpu = std::to_string(std::int64_t{64} << 30);
  const LiveFleet given =
      ReadLiveFleet(Shipped(), {framework("66560000000 firmware_gpu_bytes: " + gpu)}, {});
  EXPECT_THAT(given.nodes, SizeIs(1));
}

TEST(LiveFleet, WhereNoRateIsStatedTheMeasuredOneStands) {
  const auto silent = [](const std::string& address) {
    return "ports { kind: KIND_ETHERNET state: STATE_UP addresses: '" + address + "' }\n";
  };
  const std::vector<LiveNode> nodes = {Ultra("a", silent("10.0.0.1")),
                                       Ultra("b", Ethernet("10.0.0.2", 10)),
                                       Ultra("c", silent("10.0.0.3"))};
  const LiveFleet unmeasured = ReadLiveFleet(Shipped(), nodes, {});
  EXPECT_THAT(unmeasured.links, IsEmpty());
  EXPECT_THAT(unmeasured.notes, Contains(HasSubstr("no link to it was measured")));
  const LiveFleet fleet =
      ReadLiveFleet(Shipped(), nodes, {Link("a", "b", "10.0.0.1", "10.0.0.2", 100, 9.4e9)});
  ASSERT_THAT(Kinds(fleet), ElementsAre("tcp-10gbe"));
  EXPECT_THAT(fleet.links[0].group.members, ElementsAre(0, 1));
  EXPECT_EQ(fleet.links[0].measured_pairs, 1);
  ExpectSameFleet(fleet, ReadBack(fleet).fleet);
  const LiveFleet slow =
      ReadLiveFleet(Shipped(), nodes, {Link("a", "c", "10.0.0.1", "10.0.0.3", 100, 0.94e9)});
  EXPECT_THAT(Kinds(slow), ElementsAre("tcp-1gbe"));
}

TEST(LiveFleet, BridgesInsideMachinesAreNoNetwork) {
  const LiveFleet fleet = ReadLiveFleet(
      Shipped(), {Spark("a", Ethernet("172.17.0.1", 10)), Spark("b", Ethernet("172.17.0.1", 10))},
      {});
  EXPECT_THAT(fleet.links, IsEmpty());
}

TEST(LiveFleet, MeasuredSpeedOfTheSlowestPairStands) {
  const std::vector<LiveNode> nodes = {Ultra("a", Ethernet("10.0.0.1", 10)),
                                       Ultra("b", Ethernet("10.0.0.2", 10)),
                                       Ultra("c", Ethernet("10.0.0.3", 10))};
  const LiveFleet fleet = ReadLiveFleet(Shipped(), nodes,
                                        {Link("a", "b", "10.0.0.1", "10.0.0.2", 90, 9e9, 1),
                                         Link("a", "b", "10.0.0.1", "10.0.0.2", 110.26, 9.4e9, 2),
                                         Link("a", "c", "10.0.0.1", "10.0.0.3", 100, 9.2e9),
                                         Link("a", "x", "10.0.0.1", "10.0.0.9", 1, 1)});
  ASSERT_THAT(fleet.links, SizeIs(1));
  EXPECT_EQ(fleet.links[0].measured_pairs, 2);
  EXPECT_NEAR(fleet.links[0].group.round_trip->value, 110.3e-6, 1e-12) << "newest, then slowest";
  EXPECT_NEAR(fleet.links[0].group.measured_bandwidth->value, 8.28e9, 1);
  EXPECT_THAT(InventoryYaml(fleet), HasSubstr("2 of 3"));
  ExpectSameFleet(fleet, ReadBack(fleet).fleet);
}

TEST(LiveFleet, SparksAreJoinedByWhatTheyMeasured) {
  const auto cage = [](const std::string& address) {
    return "ports { kind: KIND_CONNECTX state: STATE_UP rdma_active: true addresses: '" + address +
           "' }\n";
  };
  const std::vector<LiveNode> nodes = {Spark("a", cage("169.254.1.1")),
                                       Spark("b", cage("169.254.1.2"))};
  EXPECT_THAT(ReadLiveFleet(Shipped(), nodes, {}).links, IsEmpty())
      << "self-assigned addresses do not say who is near";
  const LiveFleet fleet =
      ReadLiveFleet(Shipped(), nodes, {Link("a", "b", "169.254.1.1", "169.254.1.2", 20, 96e9)});
  ASSERT_THAT(Kinds(fleet), ElementsAre("rdma-cx7-200g", "tcp-cx7-200g"));
  EXPECT_FALSE(fleet.links[0].group.round_trip) << "measured over TCP";
  EXPECT_TRUE(fleet.links[1].group.round_trip);
  ExpectSameFleet(fleet, ReadBack(fleet).fleet);
}

TEST(LiveFleet, AGb10OfAMakerThatIsNotKnownIsPlannedWith) {
  LiveNode other = Node("atom", R"(
    machine { vendor: "GIGABYTE" product: "ATOM" kind: KIND_GB10 }
    accelerators { name: "NVIDIA GB10" })");
  LiveNode imac = Node("imac", R"(
    machine { vendor: "Apple" product: "iMac" model_identifier: "Mac15,5" kind: KIND_MAC }
    processor { name: "Apple M3" }
    memory { installed_bytes: 25769803776 unified: true }
    accelerators { name: "Apple M3" gpu_cores: 10 })");
  const LiveFleet fleet = ReadLiveFleet(Shipped(), {other, imac}, {});
  EXPECT_THAT(fleet.omitted, IsEmpty());
  ASSERT_THAT(fleet.nodes, SizeIs(2));
  EXPECT_EQ(fleet.nodes[0].machine->id, "gb10-128gb");
  EXPECT_EQ(fleet.nodes[1].machine->id, "imac-m3-24gb");
  ExpectSameFleet(fleet, ReadBack(fleet).fleet);
}

TEST(LiveFleet, CardsThatNoEntryDescribesAreStatedByWhatWasSeen) {
  const std::string card =
      "accelerators { name: 'NVIDIA GeForce RTX 4080' memory_bytes: 17171480576 }";
  const LiveFleet fleet = ReadLiveFleet(Shipped(), {Node("rig", card + card + card + card)}, {});
  EXPECT_THAT(fleet.omitted, IsEmpty());
  ASSERT_THAT(fleet.nodes, SizeIs(1));
  EXPECT_EQ(fleet.nodes[0].cards(), 4);
  EXPECT_EQ(fleet.nodes[0].vram_per_card(), (Bytes{std::int64_t{16376} << 20}));
  EXPECT_THAT(InventoryYaml(fleet), HasSubstr("chip: rtx-4080\n    accelerators: 4\n"
                                              "    vram_per_accelerator: 16376 MiB\n"));
  ExpectSameFleet(fleet, ReadBack(fleet).fleet);
}

TEST(LiveFleet, AToolThatFailedIsNoProofThatThereIsNoAccelerator) {
  const LiveFleet fleet = ReadLiveFleet(
      Shipped(), {Node("slow", "probes { name: 'nvidia-smi' outcome: OUTCOME_FAILED }")}, {});
  ASSERT_THAT(fleet.omitted, SizeIs(1));
  EXPECT_THAT(fleet.omitted[0].reason, HasSubstr("which accelerators it has is not known"));
}

TEST(LiveFleet, WhatNoPlanCanUseIsNamedWithItsReason) {
  LiveNode silent{"id-s", "silent", std::nullopt};
  const LiveFleet fleet = ReadLiveFleet(
      Shipped(),
      {silent, Node("odd", "machine { vendor: 'ACME' product: 'Anvil\\n# 9000' }"), Ultra("a", "")},
      {});
  ASSERT_THAT(fleet.omitted, SizeIs(2));
  EXPECT_EQ(fleet.omitted[1].reason, "no report yet");
  const std::string yaml = InventoryYaml(fleet);
  EXPECT_THAT(yaml, HasSubstr("  # odd: "));
  EXPECT_THAT(yaml, HasSubstr("  # silent: no report yet"));
  ExpectSameFleet(fleet, ReadBack(fleet).fleet);
}

TEST(LiveFleet, MachinesThatCannotBeJoinedSoAreANote) {
  LiveNode old = Ultra("old", Thunderbolt("B", "A"));
  old.report->mutable_machine()->set_model_identifier("Mac14,14");
  old.report->mutable_processor()->set_name("Apple M2 Ultra");
  old.report->mutable_accelerators(0)->set_gpu_cores(76);
  old.report->mutable_memory()->set_installed_bytes(std::uint64_t{192} << 30);
  old.report->clear_identity();
  const LiveFleet fleet = ReadLiveFleet(Shipped(), {Ultra("a", Thunderbolt("A", "B")), old}, {});
  EXPECT_THAT(fleet.links, IsEmpty());
  ASSERT_THAT(fleet.notes, SizeIs(2));
  EXPECT_THAT(fleet.notes[0], HasSubstr("needs Thunderbolt 5"));
  ExpectSameFleet(fleet, ReadBack(fleet).fleet);
}

TEST(LiveFleet, MemoryThatDiffersIsStatedExactly) {
  LiveNode node = Ultra("a", "");
  node.report->mutable_memory()->set_installed_bytes((std::uint64_t{300} << 30) + 4096);
  node.report->mutable_memory()->set_wired_limit_bytes(std::uint64_t{280} << 30);
  const LiveFleet fleet = ReadLiveFleet(Shipped(), {node}, {});
  EXPECT_THAT(InventoryYaml(fleet), HasSubstr("wired_limit: 280 GiB"));
  ExpectSameFleet(fleet, ReadBack(fleet).fleet);
}

TEST(LiveFleet, NobodyReportedIsAnInventory) {
  const LiveFleet fleet = ReadLiveFleet(Shipped(), {}, {});
  EXPECT_THAT(ReadBack(fleet).fleet.nodes(), IsEmpty());
}

// What one machine cannot do takes nothing from the others.
TEST(LiveFleet, AMachineThatCannotBeJoinedLeavesTheOthersTheirLink) {
  const LiveNode max = Node("c", R"(
    machine { vendor: "Apple" model_identifier: "Mac13,1" kind: KIND_MAC }
    os { name: "macOS" version: "26.2" }
    processor { name: "Apple M1 Max" }
    memory { installed_bytes: 68719476736 unified: true }
    accelerators { name: "Apple M1 Max" gpu_cores: 32 }
    rdma { state: STATE_UNSUPPORTED }
  )" + Thunderbolt("C", "B2"));
  const LiveFleet fleet =
      ReadLiveFleet(Shipped(),
                    {Ultra("a", Thunderbolt("A", "B")),
                     Ultra("b", Thunderbolt("B", "A") + Thunderbolt("B2", "C")), max},
                    {});
  ASSERT_EQ(fleet.nodes.size(), 3u);
  EXPECT_THAT(Kinds(fleet), ElementsAre("rdma-tb5", "tcp-tb5"));
  for (const NamedLinks& links : fleet.links) EXPECT_THAT(links.group.members, ElementsAre(0, 1));
  EXPECT_THAT(fleet.notes, Contains(HasSubstr("of b and c is left out: ")));
}

LiveSpeed Speed(const std::string& node, const std::string& text, std::int64_t received = 1) {
  LiveSpeed speed{"id-" + node, {}, received};
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &speed.measurement)) << text;
  return speed;
}

constexpr char kBench[] = R"(
    engine: "llama.cpp" source: "llama-bench" model_name: "gpt-oss-120b-mxfp4-00001-of-00003.gguf"
    quant_name: "MXFP4 MoE" prompt_tokens: 512 generated_tokens: 128 streams: 1
    decode { median_tokens_per_second: 51.25 } prefill { median_tokens_per_second: 1723.5 })";

TEST(LiveFleet, MeasuredSpeedsAreInTheInventoryThatReadsBack) {
  const std::int64_t november = 1'795'305'600'000;  // 2026-11-22
  const LiveFleet fleet = ReadLiveFleet(
      Shipped(), {Spark("s", ""), Ultra("u", "")}, {},
      {Speed("s", kBench, november), Speed("s", kBench, november - 1),
       Speed("u", std::string(kBench) + " not_comparable: 'the prompt was cached'"),
       Speed("u",
             "engine: 'mlx' model_name: 'my-own-model-4bit' decode { median_tokens_per_second: "
             "9 }"),
       Speed("nobody", kBench)});
  const std::vector<fleet::SpeedMeasurement> read = ReadBack(fleet).fleet.measurements();
  ASSERT_THAT(read, SizeIs(1));
  EXPECT_EQ(read[0].model->id, "gpt-oss-120b");
  EXPECT_EQ(read[0].quant->id, "mxfp4");
  EXPECT_THAT(read[0].nodes, ElementsAre(0));
  EXPECT_EQ(read[0].context_tokens, 64);
  EXPECT_EQ(read[0].prompt_tokens, 512);
  EXPECT_EQ(read[0].decode->value, 51.25);
  EXPECT_EQ(read[0].prefill->value, 1723.5);
  EXPECT_EQ(read[0].as_of, "2026-11-22");
  EXPECT_THAT(fleet.speed_notes, ElementsAre(HasSubstr("the prompt was cached"),
                                             HasSubstr("my-own-model-4bit on mlx: no model")));
}

// From counters, say: taken for one at an empty cache it would make the node look slow.
TEST(LiveFleet, ASpeedAtAnUnknownContextIsNotUsed) {
  const std::string unknown =
      R"(engine: "llama.cpp" source: "llama-server-metrics" passive: true
      model_name: "gpt-oss-120b-mxfp4-00001-of-00003.gguf" quant_name: "MXFP4 MoE" streams: 1
      decode { median_tokens_per_second: 30 })";
  const LiveFleet without = ReadLiveFleet(Shipped(), {Spark("s", "")}, {}, {Speed("s", unknown)});
  EXPECT_TRUE(without.speeds.empty());
  EXPECT_THAT(without.speed_notes, ElementsAre(HasSubstr("how long the context was")));
  const LiveFleet with =
      ReadLiveFleet(Shipped(), {Spark("s", "")}, {}, {Speed("s", unknown + " depth_tokens: 9000")});
  ASSERT_EQ(with.speeds.size(), 1u);
  EXPECT_EQ(with.speeds[0].context_tokens, 9000);
}

TEST(LiveFleet, AFormatIsRecognisedOnlyWithItsBytes) {
  const auto read = [](const std::string& name, const std::string& bytes) {
    const LiveFleet fleet = ReadLiveFleet(
        Shipped(), {Ultra("u", "")}, {},
        {Speed("u", "engine: 'llama.cpp' model_name: '" + name + "' model_bytes: " + bytes +
                        " prompt_tokens: 512 decode { median_tokens_per_second: 9 }")});
    return fleet.speeds.empty() ? fleet.speed_notes.at(0)
                                : fleet.speeds[0].model->id + " " + fleet.speeds[0].quant->id;
  };
  // Sizes of published files.
  EXPECT_EQ(read("Qwen3-8B-Q4_K_M.gguf", "5027783488"), "qwen3-8b q4_k_m");
  EXPECT_EQ(read("Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf", "4920739232"), "llama-3.1-8b q4_k_m");
  EXPECT_EQ(read("Llama-3.2-1B-Instruct-Q4_K_M.gguf", "807694464"), "llama-3.2-1b q4_k_m");
  EXPECT_EQ(read("Llama-3.3-70B-Instruct-Q4_K_M.gguf", "42520395584"), "llama-3.3-70b q4_k_m");
  EXPECT_EQ(read("Qwen3-30B-A3B-Q4_K_M.gguf", "18556686912"), "qwen3-30b-a3b q4_k_m");
  EXPECT_EQ(read("google_gemma-3-27b-it-Q4_K_M.gguf", "16546404736"), "gemma-3-27b q4_k_m");
  EXPECT_EQ(read("gpt-oss-20b-mxfp4.gguf", "12109566560"), "gpt-oss-20b mxfp4");
  EXPECT_EQ(read("gpt-oss-120b-mxfp4-00001-of-00003.gguf", "63387346208"), "gpt-oss-120b mxfp4");
  EXPECT_EQ(read("Qwen3-8B-Q4_K_M.gguf", "8709518624"),
            "u: Qwen3-8B-Q4_K_M.gguf on llama.cpp: weights of 8.71 GB are not qwen3-8b in q4_k_m, "
            "which has 5.05 GB; node-agent bench --catalog-quant says which it is");
  EXPECT_THAT(read("gpt-oss-20b-F16.gguf", "13792639872"), HasSubstr("keep its experts in mxfp4"));
}

TEST(LiveFleet, SpeedsOnANodeThatIsLeftOutAreMentioned) {
  const LiveFleet fleet = ReadLiveFleet(Shipped(), {Node("box", "processor { name: 'AMD EPYC' }")},
                                        {}, {Speed("box", kBench), Speed("box", kBench)});
  EXPECT_THAT(fleet.speed_notes,
              ElementsAre("box: 2 speeds measured on a node that is left out of plans"));
}

TEST(LiveFleet, ASpeedOfAClusterNamesItsNodesAndLink) {
  const std::string cluster = std::string(kBench) + " peers: '10.0.0.2:50052' strategy: 'pipeline'";
  const std::vector<LiveNode> nodes = {Spark("a", Ethernet("10.0.0.1", 10)),
                                       Spark("b", Ethernet("10.0.0.2", 10))};
  const LiveFleet fleet = ReadLiveFleet(Shipped(), nodes, {}, {Speed("a", cluster, 5)});
  const std::vector<fleet::SpeedMeasurement> read = ReadBack(fleet).fleet.measurements();
  ASSERT_THAT(read, SizeIs(1));
  EXPECT_THAT(read[0].nodes, ElementsAre(0, 1));
  EXPECT_EQ(read[0].strategy, "pipeline");
  EXPECT_EQ(read[0].link->id, "tcp-10gbe");
  const std::string stranger = std::string(kBench) + " peers: '10.9.9.9:50052'";
  EXPECT_THAT(ReadLiveFleet(Shipped(), nodes, {}, {Speed("a", stranger)}).speed_notes,
              ElementsAre(HasSubstr("no node of the fleet is 10.9.9.9:50052")));
}

TEST(LiveFleet, TheOrderOfArrivalChangesNothing) {
  std::vector<LiveNode> nodes = {Ultra("a", Thunderbolt("A", "B") + Ethernet("10.0.0.1", 10)),
                                 Ultra("b", Thunderbolt("B", "A") + Ethernet("10.0.0.2", 10)),
                                 Spark("c", Ethernet("10.0.0.3", 10))};
  std::vector<LiveLink> links = {Link("a", "b", "10.0.0.1", "10.0.0.2", 90, 9e9),
                                 Link("b", "c", "10.0.0.2", "10.0.0.3", 95, 8e9)};
  const std::string first = InventoryYaml(ReadLiveFleet(Shipped(), nodes, links));
  std::swap(nodes[0], nodes[2]);
  std::swap(links[0], links[1]);
  EXPECT_EQ(InventoryYaml(ReadLiveFleet(Shipped(), nodes, links)), first);
}

TEST(Subnet, KnowsWhoIsNear) {
  EXPECT_EQ(SubnetOf("10.0.0.1"), SubnetOf("10.0.0.254"));
  EXPECT_NE(SubnetOf("10.0.0.1"), SubnetOf("10.0.1.1"));
  EXPECT_EQ(SubnetOf("10.0.0.1/16"), SubnetOf("10.0.1.1/16"));
  EXPECT_EQ(SubnetOf("fd00::1"), SubnetOf("fd00::2"));
  for (const char* nothing : {"127.0.0.1", "169.254.3.4", "fe80::1%en0", "::1", "", "x",
                              "10.0.0.1/99", "10.0.0.1/0", "1.2.3"}) {
    EXPECT_EQ(SubnetOf(nothing), std::nullopt) << nothing;
  }
}

}  // namespace
}  // namespace capacity::wire
