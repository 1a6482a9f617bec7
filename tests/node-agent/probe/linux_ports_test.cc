// Which ports a Linux machine has, whether there is a link in them, and what memory and processor
// a container or a machine of few cores has.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "node-agent/probe/linux_text.h"
#include "node-agent/probe/verbs.h"
#include "tests/node-agent/probe/outputs.h"

namespace capacity::probe {
namespace {

using agent::Port;
using agent::Rdma;
using agent::Report;
using capacity::testing::Ran;
using capacity::testing::ReportOf;
using capacity::testing::UnknownsOf;
using Files = std::map<std::string, std::string>;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

// One interface of `ip -j address`. `more` is further fields, each with a comma after it.
std::string Listed(const std::string& name, const std::string& state,
                   const std::string& address = "", const std::string& more = "") {
  return R"({"ifname":")" + name + R"(","operstate":")" + state + R"(",)" + more +
         R"("addr_info":[)" + (address.empty() ? "" : R"({"local":")" + address + R"("})") + "]}";
}

std::string Flags(const std::string& flags) { return R"("flags":[)" + flags + "],"; }

host::Output Ip(const std::vector<std::string>& interfaces) {
  std::string text;
  for (const std::string& one : interfaces) text += (text.empty() ? "[" : ",") + one;
  return Ran("ip -j address", text + "]\n");
}

// A card of the host's, at so many Mb/s; 0: no link.
Files Card(const std::string& name, const std::string& driver, int megabits,
           const std::string& slot = "") {
  const std::string at = "/sys/class/net/" + name;
  Files files = {{at + "/operstate", megabits > 0 ? "up\n" : "down\n"},
                 {at + "/speed", megabits > 0 ? std::to_string(megabits) + "\n" : "-1\n"},
                 {at + "/device/uevent", "DRIVER=" + driver + "\n"}};
  if (!slot.empty()) files[at + "/device/uevent"] += "PCI_SLOT_NAME=" + slot + "\n";
  return files;
}

// An RDMA device with one port.
Files Device(const std::string& name, const std::string& netdev, const std::string& state,
             const std::string& physical, const std::string& layer = "Ethernet") {
  const std::string at = "/sys/class/infiniband/" + name + "/ports/1/";
  Files files = {{at + "state", state + "\n"},
                 {at + "phys_state", physical + "\n"},
                 {at + "rate", state == "4: ACTIVE" ? "200 Gb/sec (4X HDR)\n" : "40 Gb/sec\n"},
                 {at + "link_layer", layer + "\n"}};
  if (!netdev.empty()) files[at + "gid_attrs/ndevs/0"] = netdev + "\n";
  return files;
}

Files All(std::vector<Files> parts) {
  Files files = {{"/proc/meminfo", "MemTotal: 1 kB\n"}};
  for (Files& part : parts) files.merge(part);
  return files;
}

const Files kSpark = {{"/sys/class/dmi/id/product_name", "NVIDIA_DGX_Spark\n"}};

// Both twins of a cage, with or without a cable.
Files Twins(int cage, bool up) {
  const std::string digit = std::to_string(cage);
  std::vector<Files> files;
  for (const std::string domain : {"", "P2"}) {
    const std::string netdev = "en" + domain + "p1s0f" + digit + "np" + digit;
    files.push_back(Card(netdev, "mlx5_core", up ? 200000 : 0));
    files.push_back(Device("roce" + domain + "p1s0f" + digit, netdev, up ? "4: ACTIVE" : "1: DOWN",
                           up ? "5: LinkUp" : "3: Disabled"));
  }
  return All(files);
}

std::vector<std::string> NamesOf(const Report& report) {
  std::vector<std::string> names;
  for (const Port& port : report.ports) names.push_back(port.name);
  return names;
}

const Port& Named(const Report& report, const std::string& name) {
  for (const Port& port : report.ports) {
    if (port.name == name) return port;
  }
  ADD_FAILURE() << "no port " << name;
  static const Port kNone;
  return kNone;
}

// ---------------------------------------------------------------- what stands over a cage

TEST(CageStacks, AVlanOverACageIsTheCages) {
  const Report report =
      ReportOf({Ip({Listed("enP7s7", "UP", "192.168.1.20"), Listed("enp1s0f1np1", "UP"),
                    Listed("enP2p1s0f1np1", "UP"),
                    Listed("fabric.100", "UP", "10.10.0.1", R"("link":"enp1s0f1np1",)")})},
               All({kSpark,
                    Twins(0, false),
                    Twins(1, true),
                    Card("enP7s7", "r8127", 10000),
                    {{"/sys/class/net/fabric.100/operstate", "up\n"},
                     {"/sys/class/net/fabric.100/speed", "200000\n"}}}));
  EXPECT_THAT(NamesOf(report), ElementsAre("cage 0", "cage 1", "enP7s7"));
  const Port& cage = Named(report, "cage 1");
  EXPECT_THAT(cage.addresses, ElementsAre("10.10.0.1"));
  EXPECT_THAT(cage.interfaces, ElementsAre("fabric.100", "enp1s0f1np1", "enP2p1s0f1np1"));
  EXPECT_FALSE(cage.management);
  EXPECT_THAT(Named(report, "cage 0").addresses, IsEmpty());
  EXPECT_TRUE(Named(report, "enP7s7").management);
}

TEST(CageStacks, AVlanOrABridgeOverABondOverTheTwinsIsTheCages) {
  const Files bond = {{"/sys/class/net/bond0/bonding/slaves", "enp1s0f0np0 enP2p1s0f0np0\n"},
                      {"/sys/class/net/bond0/speed", "400000\n"}};
  const std::string member = R"("master":"bond0",)";
  const std::vector<std::string> twins = {Listed("enp1s0f0np0", "UP", "", member),
                                          Listed("enP2p1s0f0np0", "UP", "", member)};
  const Report vlan = ReportOf({Ip({twins[0], twins[1], Listed("bond0", "UP"),
                                    Listed("bond0.100", "UP", "10.10.0.1", R"("link":"bond0",)")})},
                               All({kSpark, Twins(0, true), Twins(1, false), bond}));
  EXPECT_THAT(NamesOf(vlan), ElementsAre("cage 0", "cage 1"));
  EXPECT_THAT(vlan.ports[0].addresses, ElementsAre("10.10.0.1"));
  EXPECT_EQ(vlan.ports[0].negotiated_bits_per_second, 200e9) << "400 is the sum of the twins";
  const Report bridge =
      ReportOf({Ip({twins[0], twins[1], Listed("bond0", "UP", "", R"("master":"br0",)"),
                    Listed("br0", "UP", "10.10.0.1")})},
               All({kSpark, Twins(0, true), Twins(1, false), bond}));
  EXPECT_THAT(NamesOf(bridge), ElementsAre("cage 0", "cage 1"));
  EXPECT_THAT(bridge.ports[0].addresses, ElementsAre("10.10.0.1"));
}

TEST(CageStacks, ABridgeOfACageWithTheManagementPortIsOfTheLatter) {
  const Report report = ReportOf(
      {Ip({Listed("enp1s0f0np0", "UP", "", R"("master":"br0",)"),
           Listed("enP7s7", "UP", "", R"("master":"br0",)"), Listed("br0", "UP", "10.0.0.1")})},
      All({kSpark, Twins(0, true), Card("enP7s7", "r8127", 10000)}));
  EXPECT_THAT(NamesOf(report), ElementsAre("cage 0", "br0"));
  EXPECT_THAT(report.ports[0].addresses, IsEmpty());
  EXPECT_THAT(report.ports[1].interfaces, ElementsAre("enP7s7"));
  EXPECT_THAT(report.ports[1].addresses, ElementsAre("10.0.0.1"));
}

// ---------------------------------------------------------------- whether there is a link

TEST(Link, ACageWhoseInterfacesNobodyBroughtUpHasItsCable) {
  const Report report = ReportOf(
      {Ip({Listed("enp1s0f0np0", "DOWN"), Listed("enP2p1s0f0np0", "DOWN"),
           Listed("enp1s0f1np1", "DOWN"), Listed("enP2p1s0f1np1", "DOWN")}),
       Ran("rdma link",
           "link rocep1s0f0/1 state DOWN physical_state DISABLED netdev enp1s0f0np0 \n"
           "link rocep1s0f1/1 state DOWN physical_state LINK_UP netdev enp1s0f1np1 \n"
           "link roceP2p1s0f0/1 state DOWN physical_state DISABLED netdev enP2p1s0f0np0 \n"
           "link roceP2p1s0f1/1 state DOWN physical_state LINK_UP netdev enP2p1s0f1np1 \n")},
      kSpark);
  const Port& empty = Named(report, "cage 0");
  EXPECT_EQ(empty.state, Port::State::kDown);
  EXPECT_FALSE(empty.admin_down);
  const Port& cabled = Named(report, "cage 1");
  EXPECT_EQ(cabled.state, Port::State::kUp);
  EXPECT_TRUE(cabled.admin_down);
  EXPECT_EQ(cabled.rdma_active, false);
  EXPECT_EQ(cabled.rdma_state, "DOWN");
  EXPECT_FALSE(cabled.negotiated_bits_per_second.has_value());
}

TEST(Link, ACageThatWasBroughtUpAndSeesNoCarrierIsEmptyWhateverItsRdmaPortSays) {
  const std::string no_carrier = Flags(R"("NO-CARRIER","BROADCAST","UP")");
  const Report report = ReportOf(
      {Ip({Listed("enp1s0f0np0", "DOWN", "", no_carrier),
           Listed("enP2p1s0f0np0", "DOWN", "", no_carrier)}),
       Ran("rdma link",
           "link rocep1s0f0/1 state DOWN physical_state DISABLED netdev enp1s0f0np0\n"
           "link roceP2p1s0f0/1 state DOWN physical_state LINK_UP netdev enP2p1s0f0np0\n")},
      kSpark);
  EXPECT_EQ(Named(report, "cage 0").state, Port::State::kDown);
  EXPECT_FALSE(Named(report, "cage 0").admin_down);
}

TEST(Link, WhetherACableIsInACageThatNobodyBroughtUpIsNotKnown) {
  const std::string left_down = Flags(R"("BROADCAST","MULTICAST")");
  const Report report = ReportOf({Ip({Listed("enp1s0f0np0", "DOWN", "", left_down),
                                      Listed("enP2p1s0f0np0", "DOWN", "", left_down)})},
                                 All({kSpark, Twins(0, false)}));
  const Port& cage = Named(report, "cage 0");
  EXPECT_EQ(cage.state, Port::State::kDown);
  EXPECT_TRUE(cage.admin_down);
  EXPECT_THAT(UnknownsOf(report, "network"),
              Contains("whether a cable is in cage 0 is unknown, because nobody has brought up "
                       "enp1s0f0np0 and enP2p1s0f0np0"));
}

TEST(Link, AnRdmaPortThatIsNotActiveYetHasItsInterfacesRate) {
  Files twins = Twins(0, true);
  for (auto& [path, text] : twins) {
    if (text == "4: ACTIVE\n") text = "2: INIT\n";
    if (text == "200 Gb/sec (4X HDR)\n") text = "40 Gb/sec (4X QDR)\n";
  }
  const Report report = ReportOf(
      {Ip({Listed("enp1s0f0np0", "UP", "10.0.0.1"), Listed("enP2p1s0f0np0", "UP", "10.0.0.2")})},
      All({kSpark, twins}));
  const Port& cage = Named(report, "cage 0");
  EXPECT_EQ(cage.state, Port::State::kUp);
  EXPECT_EQ(cage.negotiated_bits_per_second, 200e9);
  EXPECT_EQ(cage.rdma_active, false);
  EXPECT_EQ(cage.rdma_state, "INIT");
  EXPECT_FALSE(cage.admin_down);
  EXPECT_THAT(UnknownsOf(report, "network"), Not(Contains(HasSubstr("twins"))));
}

TEST(Link, InfinibandWithoutASubnetManagerHasALink) {
  const Report report =
      ReportOf({Ran("ibstat",
                    "CA 'mlx5_0'\n\tPort 1:\n\t\tState: Initializing\n\t\tPhysical state: LinkUp\n"
                    "\t\tRate: 200\n\t\tLink layer: InfiniBand\n")},
               {{"/proc/meminfo", "MemTotal: 1 kB\n"}});
  ASSERT_THAT(report.ports, SizeIs(1));
  EXPECT_EQ(report.ports[0].kind, Port::Kind::kUnknown);
  EXPECT_EQ(report.ports[0].state, Port::State::kUp);
  EXPECT_EQ(report.ports[0].negotiated_bits_per_second, 200e9);
  EXPECT_EQ(report.ports[0].rdma_active, false);
  EXPECT_EQ(report.ports[0].rdma_state, "INIT");
  EXPECT_FALSE(report.ports[0].admin_down);
}

TEST(Link, OneRdmaDeviceOverABondIsInEachOfItsCages) {
  const std::string member = R"("master":"bond0",)";
  const auto with = [&](const std::string& second) {
    return ReportOf(
        {Ip({Listed("enp1s0f0np0", "UP", "", member), Listed("enp1s0f1np1", second, "", member),
             Listed("bond0", "UP", "10.0.0.1"), Listed("enP2p1s0f0np0", "DOWN"),
             Listed("enP2p1s0f1np1", "DOWN")}),
         Ran("rdma link",
             "link mlx5_bond_0/1 state ACTIVE physical_state LINK_UP netdev bond0\n"
             "link roceP2p1s0f0/1 state DOWN physical_state DISABLED netdev "
             "enP2p1s0f0np0\n"
             "link roceP2p1s0f1/1 state DOWN physical_state DISABLED netdev "
             "enP2p1s0f1np1\n")},
        kSpark);
  };
  const Report both = with("UP");
  EXPECT_THAT(NamesOf(both), ElementsAre("cage 0", "cage 1"));
  EXPECT_EQ(both.rdma.reason, "3 RDMA devices in 2 cages, 2 active");
  for (const Port& cage : both.ports) {
    EXPECT_EQ(cage.state, Port::State::kUp);
    EXPECT_EQ(cage.rdma_device, "mlx5_bond_0");
    EXPECT_EQ(cage.rdma_active, true);
    EXPECT_THAT(cage.addresses, ElementsAre("10.0.0.1"));
  }
  const Report one = with("DOWN");
  EXPECT_EQ(one.ports[0].rdma_active, true);
  EXPECT_EQ(one.ports[1].state, Port::State::kDown);
  EXPECT_EQ(one.ports[1].rdma_active, false);
}

TEST(Link, StatesInTheWordsOfEveryTool) {
  const auto port = [](const std::optional<RdmaDevices>& devices) {
    return devices ? devices->begin()->second.ports.at(1) : RdmaPort{};
  };
  const RdmaPort by_devinfo = port(ParseIbvDevinfo(
      "hca_id: mlx5_0\n\tport: 1\n\t\tstate: PORT_INIT (2)\n\t\tphys_state: LINK_UP (5)\n"));
  EXPECT_EQ(by_devinfo.state, "INIT");
  EXPECT_EQ(by_devinfo.link, true);
  const RdmaPort by_sysfs = ParseSysfsPort("3: ARMED", "", "2: Polling");
  EXPECT_EQ(by_sysfs.state, "ARMED");
  EXPECT_EQ(by_sysfs.link, false);
  const RdmaPort by_ibstat =
      port(ParseIbstat("CA 'mlx5_0'\n\tPort 1:\n\t\tState: Down\n\t\tPhysical state: Disabled\n"));
  EXPECT_EQ(by_ibstat.state, "DOWN");
  EXPECT_EQ(by_ibstat.link, false);
  EXPECT_EQ(ParseSysfsPort("", "", "").state, "");
  EXPECT_FALSE(ParseSysfsPort("", "", "").link.has_value());
}

// ---------------------------------------------------------------- what is a port

TEST(Sockets, FunctionsOfACardAreNoPorts) {
  const auto physfn = [](const std::string& name) {
    return Files{{"/sys/class/net/" + name + "/device/physfn/vendor", "0x15b3\n"}};
  };
  const Files machine =
      All({Card("ens1f0np0", "mlx5_core", 100000),
           Device("mlx5_0", "ens1f0np0", "4: ACTIVE", "5: LinkUp"),
           Card("ens1f0v0", "mlx5_core", 100000),
           Device("mlx5_1", "ens1f0v0", "4: ACTIVE", "5: LinkUp"), physfn("ens1f0v0")});
  const Report report = ReportOf(
      {Ip({Listed("ens1f0np0", "UP", "10.0.0.1"), Listed("ens1f0v0", "UP", "10.0.0.2")})}, machine);
  EXPECT_THAT(NamesOf(report), ElementsAre("ens1f0np0"));
  EXPECT_THAT(report.ports[0].addresses, ElementsAre("10.0.0.1", "10.0.0.2"));
  EXPECT_EQ(report.rdma.reason, "1 RDMA device in 1 port, 1 active");
  // A container that was given the function does not see the card.
  const Report inside =
      ReportOf({Ip({Listed("net1", "UP", "10.0.0.2")})},
               All({Card("net1", "mlx5_core", 100000),
                    Device("mlx5_1", "net1", "4: ACTIVE", "5: LinkUp"), physfn("net1")}));
  EXPECT_THAT(NamesOf(inside), ElementsAre("net1"));
  EXPECT_EQ(inside.ports[0].rdma_device, "mlx5_1");
}

TEST(Sockets, RepresentorsAndSubFunctionsAreNoPorts) {
  const std::string ovs = R"("master":"ovs-system",)";
  const Report report =
      ReportOf({Ip({Listed("oob_net0", "UP", "192.168.1.7"), Listed("p0", "UP", "", ovs),
                    Listed("pf0hpf", "UP", "", ovs), Listed("en3f0pf0sf0", "UP", "", ovs),
                    Listed("eth7", "UP", "", ovs), Listed("enp3s0f0s0", "UP", "10.0.0.3"),
                    Listed("tmfifo_net0", "UP", "192.168.100.2"), Listed("ovsbr1", "UNKNOWN")})},
               All({Card("oob_net0", "mlxbf_gige", 1000),
                    Card("p0", "mlx5_core", 100000),
                    Card("p1", "mlx5_core", 0),
                    Card("pf0hpf", "mlx5_core", 100000),
                    Card("en3f0pf0sf0", "mlx5_core", 100000),
                    Card("enp3s0f0s0", "mlx5_core.sf", 100000),
                    Card("eth7", "mlx5_core", 100000),
                    {{"/sys/class/net/eth7/phys_port_name", "pf0vf3\n"}},
                    Card("tmfifo_net0", "virtio_net", 10000),
                    Device("mlx5_0", "p0", "4: ACTIVE", "5: LinkUp"),
                    Device("mlx5_2", "enp3s0f0s0", "4: ACTIVE", "5: LinkUp")}));
  EXPECT_THAT(NamesOf(report), ElementsAre("oob_net0", "p0", "p1"));
  EXPECT_THAT(Named(report, "p0").addresses, ElementsAre("10.0.0.3"));
  EXPECT_EQ(report.rdma.reason, "1 RDMA device in 1 port, 1 active");
}

TEST(Sockets, AVlanAndAnInfinibandChildAreTheirPorts) {
  const Report vlan = ReportOf({Ip({Listed("enp5s0", "UP", "192.168.1.5"),
                                    Listed("enp5s0.100", "UP", "10.1.0.5", R"("link":"enp5s0",)"),
                                    Listed("vmbr1", "UNKNOWN", "10.99.0.1")})},
                               All({Card("enp5s0", "atlantic", 10000),
                                    {{"/sys/class/net/enp5s0.100/speed", "10000\n"}},
                                    {{"/proc/net/route",
                                      "Iface Destination Gateway Flags RefCnt Use Metric Mask\n"
                                      "enp5s0 00000000 0101A8C0 0003 0 0 600 00000000\n"
                                      "enp5s0.100 00000000 0100010A 0003 0 0 100 00000000\n"}}}));
  EXPECT_THAT(NamesOf(vlan), ElementsAre("enp5s0"));
  EXPECT_THAT(vlan.ports[0].addresses, ElementsAre("192.168.1.5", "10.1.0.5"));
  EXPECT_TRUE(vlan.ports[0].management) << "the route of the smallest metric is over its VLAN";
  const Report child =
      ReportOf({Ip({Listed("ibp65s0", "UP", "10.4.0.1"),
                    Listed("ibp65s0.8001", "UP", "10.4.1.1", R"("link":"ibp65s0",)")})},
               All({Card("ibp65s0", "mlx5_core", 400000),
                    {{"/sys/class/net/ibp65s0/type", "32\n"}},
                    Device("mlx5_0", "ibp65s0", "4: ACTIVE", "5: LinkUp", "InfiniBand")}));
  EXPECT_THAT(NamesOf(child), ElementsAre("ibp65s0"));
  EXPECT_THAT(child.ports[0].addresses, ElementsAre("10.4.0.1", "10.4.1.1"));
}

TEST(Sockets, WhatTheKernelMadeIsNoPortWhereThereIsHardware) {
  const std::vector<std::string> listed = {
      Listed("enP7s7", "UP", "192.168.1.20"),
      Listed("wg0", "UNKNOWN", "10.8.0.1"),
      Listed("zt5u4yfabc", "UNKNOWN", "10.147.17.1"),
      Listed("lxdbr0", "UP", "10.55.0.1"),
      Listed("mac0", "UP", "192.168.1.99", R"("link":"enP7s7",)"),
      Listed("cilium_host", "UP", "10.0.200.1", R"("link":"cilium_net",)"),
      Listed("kube-ipvs0", "DOWN", "10.96.0.1"),
      Listed("vxlan.calico", "UNKNOWN", "192.168.77.0"),
      Listed("vboxnet0", "UP", "192.168.56.1"),
      Listed("vmnet8", "UNKNOWN", "192.168.80.1"),
      Listed("home", "UP", "10.42.0.1")};
  const Report report = ReportOf({Ip(listed)}, All({kSpark, Card("enP7s7", "r8127", 10000)}));
  EXPECT_THAT(NamesOf(report), ElementsAre("enP7s7"));
  EXPECT_THAT(report.ports[0].addresses, ElementsAre("192.168.1.20", "192.168.1.99"))
      << "mac0 is a second interface of the same card";
  // Where only names tell, an unknown one with an address may be a card that somebody renamed.
  const Report names_only = ReportOf({Ip(listed)}, kSpark);
  EXPECT_THAT(NamesOf(names_only), ElementsAre("enP7s7", "home"));
  // The kernel lists those that it made.
  const Report live =
      ReportOf({Ip({Listed("enp5s0", "UP", "10.0.0.1"), Listed("eth9", "UP", "10.9.0.1")})},
               {{"/proc/meminfo", "MemTotal: 1 kB\n"},
                {"/sys/class/net/enp5s0/device/uevent", "DRIVER=igb\n"},
                {"/sys/devices/virtual/net/eth9/operstate", "up\n"}});
  EXPECT_THAT(NamesOf(live), ElementsAre("enp5s0"));
}

TEST(Sockets, NetworkOverThunderboltIsNoEthernet) {
  const Report report = ReportOf(
      {Ip({Listed("eno1", "UP", "192.168.1.5"), Listed("thunderbolt0", "UP", "10.9.0.1")})},
      All({Card("eno1", "r8169", 2500), Card("thunderbolt0", "thunderbolt-net", 20000)}));
  const Port& port = Named(report, "thunderbolt0");
  EXPECT_EQ(port.kind, Port::Kind::kThunderbolt);
  EXPECT_EQ(port.negotiated_bits_per_second, 20e9);
  EXPECT_FALSE(port.management);
}

TEST(Sockets, TheRateOfAContainersInterfaceWasNeverNegotiated) {
  const Files veth = {{"/proc/meminfo", "MemTotal: 1 kB\n"},
                      {"/sys/class/net/eth0/operstate", "up\n"},
                      {"/sys/class/net/eth0/speed", "10000\n"}};
  for (const std::string& more :
       {std::string(), std::string(R"("link_index":12,"link_netnsid":0,)")}) {
    const Report report =
        ReportOf({Ip({Listed("eth0", "UP", "172.17.0.3", more)}),
                  Ran("ethtool eth0", "Settings for eth0:\n\tSpeed: 10000Mb/s\n")},
                 veth);
    ASSERT_THAT(report.ports, SizeIs(1));
    EXPECT_EQ(report.ports[0].state, Port::State::kUp);
    EXPECT_THAT(report.ports[0].addresses, ElementsAre("172.17.0.3"));
    EXPECT_FALSE(report.ports[0].negotiated_bits_per_second.has_value());
    EXPECT_THAT(UnknownsOf(report, "network"),
                Contains(HasSubstr("the rate of eth0 is unknown, because no network card")));
  }
  // A bridge of the container's own leads nowhere.
  Files bridge = veth;
  bridge["/sys/class/net/br0/uevent"] = "DEVTYPE=bridge\nINTERFACE=br0\n";
  EXPECT_THAT(
      NamesOf(ReportOf({Ip({Listed("br0", "UP", "10.7.0.1"), Listed("eth0", "UP", "10.0.0.2")})},
                       bridge)),
      ElementsAre("eth0"));
  const auto text = ParseIp("2: eth0@if12: <BROADCAST,UP,LOWER_UP> mtu 1500 state UP\n");
  ASSERT_TRUE(text.has_value());
  EXPECT_TRUE(text->at("eth0").elsewhere);
  EXPECT_EQ(text->at("eth0").lower, "");
  EXPECT_EQ(text->at("eth0").brought_up, true);
}

TEST(Sockets, WithoutIpv4TheDefaultRouteOfIpv6TellsTheManagementPort) {
  const std::string zeros(32, '0');
  const Report report = ReportOf(
      {Ip({Listed("enp5s0", "UP", "2001:db8::5"), Listed("enp6s0", "UP", "fd00::5")})},
      All({Card("enp5s0", "igb", 1000),
           Card("enp6s0", "atlantic", 10000),
           {{"/proc/net/route", "Iface Destination Gateway Flags RefCnt Use Metric Mask\n"},
            {"/proc/net/ipv6_route", zeros + " 00 " + zeros + " 00 " + zeros +
                                         " ffffffff 00000001 00000000 00200200 lo\n" + zeros +
                                         " 00 " + zeros +
                                         " 00 fe8000000000000000000000000000ff 00000800 00000001 "
                                         "00000000 00000003 enp6s0\n" +
                                         zeros + " 00 " + zeros +
                                         " 00 fe800000000000000000000000000001 00000400 00000001 "
                                         "00000000 00000003 enp5s0\n"}}}));
  EXPECT_TRUE(Named(report, "enp5s0").management);
  EXPECT_FALSE(Named(report, "enp6s0").management);
}

TEST(Sockets, AListOfInterfacesThatIsCutIsSaid) {
  const std::string list =
      Ip({Listed("enP7s7", "UP", "192.168.1.20"), Listed("enp1s0f0np0", "UP", "10.0.0.1")}).text;
  const auto unknowns = [&](host::Output ip) {
    return UnknownsOf(ReportOf({std::move(ip)}, All({kSpark, Twins(0, true)})), "network");
  };
  EXPECT_THAT(unknowns(Ran("ip -j address", list)), IsEmpty());
  EXPECT_THAT(
      unknowns(Ran("ip -j address", list.substr(0, list.size() - 20))),
      ElementsAre(HasSubstr("ip lists last are unknown, because what it printed is cut off")));
  host::Output text = Ran("ip address", "2: enP7s7: <BROADCAST,UP,LOWER_UP> mtu 1500 state UP\n");
  text.truncated = true;
  EXPECT_THAT(unknowns(text), ElementsAre(HasSubstr("cut off")));
}

// ---------------------------------------------------------------- cages without names

TEST(Cages, RenamedInterfacesAreToldApartByTheirSlots) {
  const auto machine = [](bool slots, bool ports) {
    std::vector<Files> files = {kSpark};
    int number = 0;
    for (const std::string slot :
         {"0000:01:00.0", "0000:01:00.1", "0002:01:00.0", "0002:01:00.1"}) {
      const bool first = slot.back() == '0';
      const std::string netdev = "qsfp" + std::to_string(number);
      const std::string device = "mlx5_" + std::to_string(number++);
      files.push_back(Card(netdev, "mlx5_core", first ? 200000 : 0, slots ? slot : ""));
      files.push_back(Device(device, netdev, first ? "4: ACTIVE" : "1: DOWN",
                             first ? "5: LinkUp" : "3: Disabled"));
      if (ports)
        files.push_back(
            {{"/sys/class/net/" + netdev + "/phys_port_name", first ? "p0\n" : "p1\n"}});
    }
    return ReportOf({}, All(files));
  };
  for (const Report& told : {machine(true, false), machine(false, true)}) {
    EXPECT_THAT(NamesOf(told), ElementsAre("cage 0", "cage 1"));
    EXPECT_EQ(told.rdma.reason, "4 RDMA devices in 2 cages, 1 active");
    EXPECT_EQ(told.ports[0].rdma_twin, "mlx5_2");
    EXPECT_THAT(UnknownsOf(told, "network"), Not(Contains(HasSubstr("which cage"))));
  }
  const Report untold = machine(false, false);
  EXPECT_EQ(untold.rdma.reason, "4 RDMA devices in cages that are not known, 2 active");
  EXPECT_THAT(UnknownsOf(untold, "network"), Contains(HasSubstr("which cage mlx5_0 belongs to")));
}

// ---------------------------------------------------------------- cards that can do RDMA

TEST(RdmaModules, ACardWithoutItsModuleIsNotUnsupported) {
  const auto with = [](const std::string& driver, Files more = {}) {
    return ReportOf({}, All({Card("ens1f0", driver, 100000), std::move(more)})).rdma;
  };
  EXPECT_EQ(with("mlx5_core").state, Rdma::State::kDisabled);
  EXPECT_EQ(with("mlx5_core").reason,
            "no RDMA device is listed, though the card of ens1f0 can do RDMA by the kernel module "
            "mlx5_ib");
  EXPECT_EQ(with("ice").state, Rdma::State::kDisabled);
  EXPECT_THAT(with("ice").reason, HasSubstr("module irdma"));
  EXPECT_THAT(with("mlx5_core", {{"/sys/module/ip_tables/refcnt", "1\n"}}).reason,
              HasSubstr("mlx5_ib, which is not loaded"));
  EXPECT_THAT(with("mlx5_core", {{"/sys/module/mlx5_ib/refcnt", "1\n"}}).reason,
              HasSubstr("which is loaded: it may be turned off on the card"));
  // Of the cards that i40e drives the X722 can.
  EXPECT_EQ(with("i40e").state, Rdma::State::kUnsupported);
  EXPECT_EQ(with("i40e\nPCI_ID=8086:1572").state, Rdma::State::kUnsupported);
  EXPECT_EQ(with("i40e\nPCI_ID=8086:37D0").state, Rdma::State::kDisabled);
  EXPECT_EQ(with("igb").state, Rdma::State::kUnsupported);
}

// ---------------------------------------------------------------- memory

Report WithMemory(Files files) {
  files["/proc/meminfo"] = "MemTotal: 127601932 kB\nMemAvailable: 118000000 kB\n";
  return ReportOf({}, std::move(files));
}

TEST(MemoryLimits, OfTheContainerCountWhereTheyLeaveLess) {
  const std::uint64_t available = std::uint64_t{118000000} << 10;
  const std::string own = "/sys/fs/cgroup/";
  const Files limited = {
      {"/proc/self/cgroup", "0::/\n"},
      {own + "memory.max", std::to_string(16 * kGiB) + "\n"},
      {own + "memory.current", std::to_string(6 * kGiB) + "\n"},
      {own + "memory.stat", "anon 4096\ninactive_file " + std::to_string(4 * kGiB) + "\n"}};
  const Report container = WithMemory(limited);
  EXPECT_EQ(container.memory.available_bytes, 14 * kGiB) << "files that are cached can be dropped";
  EXPECT_EQ(container.memory.visible_bytes, std::uint64_t{127601932} << 10);
  EXPECT_THAT(UnknownsOf(container, "memory"),
              ElementsAre("programs here can have 14.0 GiB of the 112.5 GiB that the machine has "
                          "available: /sys/fs/cgroup/memory.max limits them to 16.0 GiB"));
  Files generous = limited;
  generous[own + "memory.max"] = std::to_string(512 * kGiB) + "\n";
  EXPECT_EQ(WithMemory(generous).memory.available_bytes, available);
  EXPECT_THAT(UnknownsOf(WithMemory(generous), "memory"), IsEmpty());
  Files none = limited;
  none[own + "memory.max"] = "max\n";
  EXPECT_EQ(WithMemory(none).memory.available_bytes, available);
}

TEST(MemoryLimits, OfEveryGroupAboveAndOfTheFirstVersion) {
  const std::string job = "/sys/fs/cgroup/system.slice/job_7";
  EXPECT_EQ(WithMemory({{"/proc/self/cgroup", "0::/system.slice/job_7/step_0\n"},
                        {job + "/memory.max", std::to_string(64 * kGiB) + "\n"},
                        {job + "/memory.current", std::to_string(60 * kGiB) + "\n"},
                        {job + "/step_0/memory.max", "max\n"}})
                .memory.available_bytes,
            4 * kGiB);
  const std::string first = "/sys/fs/cgroup/memory/";
  // A container is shown its host's path, and its own files at the root.
  const Report pod =
      WithMemory({{"/proc/self/cgroup", "11:memory:/kubepods/burstable/pod1\n"},
                  {first + "memory.limit_in_bytes", std::to_string(8 * kGiB) + "\n"}});
  EXPECT_EQ(pod.memory.available_bytes, 8 * kGiB);
  EXPECT_EQ(WithMemory({{"/proc/self/cgroup", "4:memory:/\n"},
                        {first + "memory.limit_in_bytes", "9223372036854771712\n"}})
                .memory.available_bytes,
            std::uint64_t{118000000} << 10)
      << "how the first version says that there is none";
}

TEST(MemoryLimits, OfTheServiceThatThisProgramIsAreNotThoseOfOthers) {
  const std::string slice = "/sys/fs/cgroup/system.slice";
  const Files service = {{"/proc/self/cgroup", "0::/system.slice/node-agent.service\n"},
                         {slice + "/node-agent.service/memory.max", "268435456\n"}};
  EXPECT_EQ(WithMemory(service).memory.available_bytes, std::uint64_t{118000000} << 10);
  Files both = service;
  both[slice + "/memory.max"] = std::to_string(32 * kGiB) + "\n";
  EXPECT_EQ(WithMemory(both).memory.available_bytes, 32 * kGiB);
}

TEST(MemoryLimits, PathsThatLeadElsewhereAndNumbersThatAreNoneAreNotFollowed) {
  for (const std::string group : {"0::/../../etc\n", "0::\n", "0:\n", ":::/\n", "4:memory\n"}) {
    EXPECT_EQ(WithMemory({{"/proc/self/cgroup", group},
                          {"/sys/fs/cgroup/memory.max", "-1\n"},
                          {"/sys/fs/etc/memory.max", "1\n"}})
                  .memory.available_bytes,
              std::uint64_t{118000000} << 10);
  }
}

// ---------------------------------------------------------------- processor

TEST(Cores, OfApplesChipsHaveTheirNames) {
  std::string cpuinfo;
  for (int i = 0; i < 12; ++i) {
    cpuinfo += "processor\t: " + std::to_string(i) +
               "\nCPU implementer\t: 0x61\nCPU part\t: " + (i < 4 ? "0x034" : "0x035") + "\n\n";
  }
  const auto processor = ParseCpuinfo(cpuinfo);
  ASSERT_TRUE(processor.has_value());
  EXPECT_EQ(processor->name, "Blizzard-M2-Pro + Avalanche-M2-Pro");
  EXPECT_EQ(processor->logical_cores, 12u);
  const auto name = [](const std::string& implementer, const std::string& part) {
    return ParseCpuinfo("processor : 0\nCPU implementer : " + implementer + "\nCPU part : " + part +
                        "\n")
        ->name;
  };
  EXPECT_EQ(name("0x41", "0xd83"), "Neoverse-V3AE");
  EXPECT_EQ(name("0x41", "0x034"), "Arm part 0x034");
  EXPECT_EQ(name("0x61", "0xd83"), "Apple part 0xd83");
  EXPECT_EQ(name("0x51", "0x001"), "implementer 0x51 part 0x001");
}

TEST(Cores, OffLineAreNotCounted) {
  const auto json = [](const std::string& online) {
    return ParseLscpu(
        R"({"lscpu":[{"field":"Architecture:","data":"x86_64"},{"field":"CPU(s):","data":"64","children":[)"
        R"({"field":"On-line CPU(s) list:","data":")" +
        online + R"("},{"field":"Off-line CPU(s) list:","data":"32-63"}]}]})");
  };
  EXPECT_EQ(json("0-31")->logical_cores, 32u);
  EXPECT_EQ(json("0-7,16,18-19")->logical_cores, 11u);
  EXPECT_EQ(
      ParseLscpu("Architecture: x86_64\nCPU(s): 64\nOn-line CPU(s) list: 0-31\n")->logical_cores,
      32u);
  for (const std::string none : {"", "x", "3-1", "0-99999999999", "0-", "-1"}) {
    EXPECT_EQ(json(none)->logical_cores, 64u) << none;
  }
}

TEST(Cores, FrenchLabelsAreTheReason) {
  const std::string french =
      "Architecture :                              x86_64\n"
      "  Mode(s) opératoire(s) des processeurs :   32-bit, 64-bit\n"
      "Processeur(s) :                             16\n"
      "  Liste de processeur(s) en ligne :         0-15\n"
      "Identifiant constructeur :                  AuthenticAMD\n"
      "  Nom de modèle :                           AMD Ryzen 7 7700X 8-Core Processor\n"
      "    Thread(s) par cœur :                    2\n"
      "    Socket(s) :                             1\n";
  const Report report = ReportOf({Ran("lscpu", french)}, {{"/proc/meminfo", "MemTotal: 1 kB\n"}});
  EXPECT_THAT(UnknownsOf(report, "processor"),
              ElementsAre(HasSubstr("name is unknown, because lscpu printed its labels in another"),
                          HasSubstr("the number of logical cores is unknown, because lscpu")));
  const Report helped = ReportOf({Ran("lscpu", french)},
                                 {{"/proc/cpuinfo", "processor\t: 0\nmodel name\t: AMD Ryzen\n"}});
  EXPECT_EQ(helped.processor.name, "AMD Ryzen");
  EXPECT_EQ(helped.processor.logical_cores, 1u);
  EXPECT_THAT(UnknownsOf(helped, "processor"), IsEmpty());
  EXPECT_FALSE(LabelsAreTranslated("Architecture: aarch64\nCPU(s): 4\nVendor ID: ARM\nModel: 1\n"));
  EXPECT_FALSE(LabelsAreTranslated("Architecture: x86_64\n"));
}

TEST(Cores, OfAListThatIsCutAreTakenFromElsewhereOrSaid) {
  const std::string whole =
      R"({"lscpu":[{"field":"Architecture:","data":"aarch64"},{"field":"CPU(s):","data":"20"},)"
      R"({"field":"Model name:","data":"Cortex-X925"},{"field":"Model name:","data":"Cortex-A725"}]})";
  const host::Output cut = Ran("lscpu -J", whole.substr(0, whole.size() - 30));
  const Report alone = ReportOf({cut}, {{"/proc/meminfo", "MemTotal: 1 kB\n"}});
  EXPECT_EQ(alone.processor.logical_cores, 20u);
  EXPECT_THAT(UnknownsOf(alone, "processor"), ElementsAre(HasSubstr("its output is cut off")));
  const Report helped =
      ReportOf({cut}, {{"/proc/cpuinfo",
                        "processor\t: 0\nCPU part\t: 0xd85\nprocessor\t: 1\nCPU part\t: 0xd87\n"}});
  EXPECT_EQ(helped.processor.name, "Cortex-X925 + Cortex-A725");
  EXPECT_THAT(UnknownsOf(helped, "processor"), IsEmpty());
}

}  // namespace
}  // namespace capacity::probe
