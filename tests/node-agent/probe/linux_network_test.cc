// What `ip` in its forms, the kernel's names of drivers and DGX OS say of a Linux machine's
// network.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "node-agent/probe/linux_text.h"
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

Files Card(const std::string& name, const std::string& driver, int megabits = 1000) {
  const std::string at = "/sys/class/net/" + name;
  return {{at + "/operstate", megabits > 0 ? "up\n" : "down\n"},
          {at + "/speed", std::to_string(megabits) + "\n"},
          {at + "/type", "1\n"},
          {at + "/device/uevent", "DRIVER=" + driver + "\n"}};
}

Files All(std::vector<Files> parts) {
  Files files = {{"/proc/meminfo", "MemTotal: 1 kB\n"}};
  for (Files& part : parts) files.merge(part);
  return files;
}

const Files kSpark = {{"/sys/class/dmi/id/product_name", "NVIDIA_DGX_Spark\n"}};

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

// ---------------------------------------------------------------- a ConnectX-7 that is off

// A Spark's PCI slots: its GPU and its wired card, and more.
Files Slots(std::vector<std::string> vendors = {}) {
  Files files = {{"/sys/bus/pci/drivers_autoprobe", "1\n"},
                 {"/sys/bus/pci/devices/000f:01:00.0/vendor", "0x10de\n"},
                 {"/sys/bus/pci/devices/0007:01:00.0/vendor", "0x10ec\n"}};
  for (std::size_t i = 0; i < vendors.size(); ++i) {
    files["/sys/bus/pci/devices/0000:01:00." + std::to_string(i) + "/vendor"] = vendors[i] + "\n";
  }
  return files;
}

Rdma RdmaOfSpark(std::vector<Files> more, std::vector<host::Output> outputs = {}) {
  more.push_back(kSpark);
  more.push_back(Card("enP7s7", "r8127", 10000));
  return ReportOf(std::move(outputs), All(std::move(more))).rdma;
}

TEST(ConnectxWithoutCable, IsSwitchedOff) {
  const std::string at = "/sys/bus/platform/devices/MTKP0001:00/pcie_hotplug/";
  const Rdma slots = RdmaOfSpark({Slots()});
  EXPECT_EQ(slots.state, Rdma::State::kDisabled);
  EXPECT_EQ(slots.cause, Rdma::Cause::kCardOff);
  EXPECT_EQ(slots.reason,
            "no PCI slot holds the ConnectX-7: DGX OS cuts its power while no cable is in it");
  const Rdma told = RdmaOfSpark({{{at + "hotplug_enabled", "1\n"}, {at + "debug_state", "0\n"}}});
  EXPECT_EQ(told.cause, Rdma::Cause::kCardOff);
  EXPECT_EQ(told.reason,
            "the ConnectX-7 is switched off: DGX OS cuts its power while no cable is in it");
  // Somebody has told DGX OS not to.
  EXPECT_EQ(RdmaOfSpark({Slots(), {{at + "hotplug_enabled", "0\n"}}}).reason,
            "no PCI slot holds the ConnectX-7");
  const host::Output lspci =
      Ran("lspci -nn", "0007:01:00.0 Ethernet controller [0200]: Realtek RTL8127 [10ec:8127]\n");
  EXPECT_EQ(RdmaOfSpark({}, {lspci}).cause, Rdma::Cause::kCardOff);
}

TEST(ConnectxWithoutCable, ACardInSightLacksItsModuleOnly) {
  EXPECT_EQ(RdmaOfSpark({Slots({"0x15b3", "0x15b3"})}).cause, Rdma::Cause::kNone);
  const Rdma driven = RdmaOfSpark({Slots(), Card("enp1s0f0np0", "mlx5_core", 0)});
  EXPECT_EQ(driven.cause, Rdma::Cause::kNone);
  EXPECT_THAT(driven.reason, HasSubstr("mlx5_ib"));
  // Lists that do not show network cards, and none at all, tell nothing.
  const host::Output gpu =
      Ran("lspci -nn", "000f:01:00.0 VGA compatible controller [0300]: NVIDIA [10de:2e12]\n");
  EXPECT_EQ(RdmaOfSpark({}, {gpu}).cause, Rdma::Cause::kNone);
  EXPECT_EQ(RdmaOfSpark({}).cause, Rdma::Cause::kNone);
  // Interfaces that are listed are there, whatever the slots of a capture.
  const host::Output listed = Ran("ip link", "3: enp1s0f0np0: <BROADCAST,UP> mtu 1500 state UP\n");
  EXPECT_EQ(RdmaOfSpark({Slots()}, {listed}).cause, Rdma::Cause::kNone);
  // Other machines need none.
  EXPECT_EQ(ReportOf({}, All({Slots(), Card("eno1", "igb")})).rdma.state,
            Rdma::State::kUnsupported);
}

// ---------------------------------------------------------------- the two interfaces of a cage

std::string Address(const std::string& name, const std::string& local, int prefix) {
  return R"({"ifname":")" + name + R"(","operstate":"UP","addr_info":[)" +
         (local.empty()
              ? std::string(R"({"local":"fe80::1","prefixlen":64})")
              : R"({"local":")" + local + R"(","prefixlen":)" + std::to_string(prefix) + "}") +
         "]}";
}

Port CageWith(const std::string& first, const std::string& second, int prefix = 24) {
  const Report report =
      ReportOf({Ran("ip -j address", "[" + Address("enp1s0f1np1", first, prefix) + "," +
                                         Address("enP2p1s0f1np1", second, prefix) + "]")},
               All({kSpark, Card("enp1s0f1np1", "mlx5_core", 200000),
                    Card("enP2p1s0f1np1", "mlx5_core", 200000)}));
  return Named(report, "cage 1");
}

TEST(Twins, WithoutAnAddress) {
  EXPECT_THAT(CageWith("", "").without_address, ElementsAre("enp1s0f1np1", "enP2p1s0f1np1"));
  EXPECT_THAT(CageWith("10.0.0.1", "").without_address, ElementsAre("enP2p1s0f1np1"));
  EXPECT_THAT(CageWith("10.0.0.1", "10.0.1.1").without_address, IsEmpty());
  // Where nothing lists addresses nothing is known of them.
  const Report report = ReportOf({}, All({kSpark, Card("enp1s0f1np1", "mlx5_core", 200000)}));
  EXPECT_THAT(Named(report, "cage 1").without_address, IsEmpty());
}

TEST(Twins, OfABondHaveItsAddress) {
  const auto member = [](const std::string& name) {
    return R"({"ifname":")" + name + R"(","operstate":"UP","master":"bond0","addr_info":[]},)";
  };
  const Report report =
      ReportOf({Ran("ip -j address", "[" + member("enp1s0f1np1") + member("enP2p1s0f1np1") +
                                         Address("bond0", "10.0.0.1", 24) + "]")},
               All({kSpark, Card("enp1s0f1np1", "mlx5_core", 200000),
                    Card("enP2p1s0f1np1", "mlx5_core", 200000)}));
  EXPECT_THAT(Named(report, "cage 1").without_address, IsEmpty());
  EXPECT_FALSE(Named(report, "cage 1").one_subnet);
}

TEST(Twins, InOneSubnet) {
  EXPECT_TRUE(CageWith("192.168.177.11", "192.168.177.12").one_subnet);
  EXPECT_FALSE(CageWith("192.168.177.11", "192.168.178.12").one_subnet);
  EXPECT_TRUE(CageWith("192.168.177.11", "192.168.178.12", 20).one_subnet);
  EXPECT_FALSE(CageWith("192.168.177.11", "", 24).one_subnet);
}

TEST(Twins, OneMayNotBeThere) {
  const Report half = ReportOf({}, All({kSpark, Card("enp1s0f1np1", "mlx5_core", 200000)}));
  EXPECT_TRUE(Named(half, "cage 1").half_in_sight);
  EXPECT_FALSE(CageWith("10.0.0.1", "10.0.1.1").half_in_sight);
  // What names alone tell is no list of all there is.
  const Report named =
      ReportOf({Ran("ibdev2netdev", "rocep1s0f1 port 1 ==> enp1s0f1np1 (Up)\n")}, All({kSpark}));
  EXPECT_FALSE(Named(named, "cage 1").half_in_sight);
}

// Interfaces that somebody has renamed: their PCI slot says which cage is theirs.
TEST(Twins, OneMayNotBeThereWhateverItIsCalled) {
  Files card = Card("fast0", "mlx5_core", 200000);
  EXPECT_THAT(NamesOf(ReportOf({}, All({kSpark, card}))), ElementsAre("fast0"));
  card["/sys/class/net/fast0/device/uevent"] = "DRIVER=mlx5_core\nPCI_SLOT_NAME=0000:01:00.1\n";
  const Port half = Named(ReportOf({}, All({kSpark, card})), "cage 1");
  EXPECT_TRUE(half.half_in_sight);
  Files twin = Card("fast1", "mlx5_core", 200000);
  twin["/sys/class/net/fast1/device/uevent"] = "DRIVER=mlx5_core\nPCI_SLOT_NAME=0002:01:00.1\n";
  const Port whole = Named(ReportOf({}, All({kSpark, card, twin})), "cage 1");
  EXPECT_FALSE(whole.half_in_sight);
  EXPECT_THAT(whole.interfaces, ElementsAre("fast0", "fast1"));
  // Where no place is known, neither is that another half lacks.
  Files rdma = {{"/sys/class/infiniband/mlx5_0/ports/1/state", "4: ACTIVE\n"},
                {"/sys/class/infiniband/mlx5_0/ports/1/gid_attrs/ndevs/0", "fast0\n"}};
  const Report unplaced =
      ReportOf({}, All({kSpark, Card("fast0", "mlx5_core", 200000), std::move(rdma)}));
  EXPECT_FALSE(Named(unplaced, "mlx5_0").half_in_sight);
}

// ---------------------------------------------------------------- containers

Rdma RdmaInDocker(Files more, std::vector<host::Output> outputs = {}) {
  return ReportOf(std::move(outputs),
                  All({kSpark,
                       {{"/.dockerenv", ""}},
                       {{"/sys/class/infiniband/rocep1s0f1/ports/1/state", "4: ACTIVE\n"}},
                       std::move(more)}))
      .rdma;
}

TEST(Containers, DevicesOfTheMachineMayNotBeGivenToThem) {
  const Rdma kept = RdmaInDocker({{"/dev/null", ""}, {"/dev/nvidia0", ""}});
  EXPECT_EQ(kept.state, Rdma::State::kDisabled);
  EXPECT_EQ(kept.cause, Rdma::Cause::kNotHandedOver);
  EXPECT_EQ(kept.reason,
            "this docker container is not given the machine's 1 RDMA device in 1 cage, 1 active");
  const std::string header = "    device          \t   node GUID\n    ------\t ----\n";
  EXPECT_EQ(RdmaInDocker({}, {Ran("ibv_devices", header)}).cause, Rdma::Cause::kNotHandedOver);
  EXPECT_EQ(RdmaInDocker({}, {Ran("ibv_devices", header + "    rocep1s0f1\t 0123\n")}).state,
            Rdma::State::kEnabled);
  EXPECT_EQ(RdmaInDocker({{"/dev/null", ""}, {"/dev/infiniband/uverbs0", ""}}).state,
            Rdma::State::kEnabled);
  EXPECT_EQ(RdmaInDocker({{"/dev/null", ""}, {"/dev/infiniband/rdma_cm", ""}}).state,
            Rdma::State::kDisabled);
  // Where nothing lists them, nothing is known against it.
  EXPECT_EQ(RdmaInDocker({}).state, Rdma::State::kEnabled);
  EXPECT_EQ(RdmaInDocker({{"/dev/nvidia0", ""}}).state, Rdma::State::kEnabled);
}

TEST(RdmaOfPrograms, IsNoneWhereTheLibraryFindsNoDevice) {
  const Files device = {{"/sys/class/infiniband/rocep1s0f1/ports/1/state", "4: ACTIVE\n"}};
  const std::string header = "    device          \t   node GUID\n    ------\t ----\n";
  const auto rdma = [&](const std::string& text) {
    return ReportOf({Ran("ibv_devices", text)}, All({kSpark, device})).rdma;
  };
  EXPECT_EQ(rdma(header).state, Rdma::State::kDisabled);
  EXPECT_EQ(rdma(header).cause, Rdma::Cause::kNoLibrary);
  EXPECT_EQ(rdma(header).reason, "ibv_devices lists none of 1 RDMA device in 1 cage, 1 active");
  EXPECT_EQ(rdma(header + "    rocep1s0f1\t 0123\n").state, Rdma::State::kEnabled);
  EXPECT_EQ(rdma("ibv_devices: error\n").state, Rdma::State::kEnabled);
}

// ---------------------------------------------------------------- the forms of `ip`

TEST(Ip, LinksAndAddressesMayStandApart) {
  const host::Output links =
      Ran("ip link",
          "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 state UNKNOWN\n"
          "2: enP7s7: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP mode DEFAULT\n");
  const host::Output one =
      Ran("ip -4 addr show enP7s7",
          "2: enP7s7: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP group default\n"
          "    inet 10.1.2.3/24 brd 10.1.2.255 scope global enP7s7\n");
  const Report report = ReportOf({links, one}, All({}));
  EXPECT_EQ(Named(report, "enP7s7").state, Port::State::kUp);
  EXPECT_THAT(Named(report, "enP7s7").addresses, ElementsAre("10.1.2.3"));
  EXPECT_THAT(UnknownsOf(report, "network"), Not(Contains(HasSubstr("addresses"))));
  EXPECT_THAT(UnknownsOf(ReportOf({links}, All({})), "network"),
              Contains("addresses of the interfaces are unknown, because what ip printed lists "
                       "none"));
  EXPECT_THAT(ReportOf({one, links}, All({})).ports, ::testing::SizeIs(1));
}

TEST(Ip, OnOneLineEach) {
  const auto listed = ParseIp(
      "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever\n"
      "3: enp1s0f1np1    inet 192.168.177.11/24 brd 192.168.177.255 scope global enp1s0f1np1\n"
      "3: enp1s0f1np1    inet6 fe80::1/64 scope link \\       valid_lft forever\n"
      "4: bond0.5@bond0    inet 10.0.5.1/16 scope global bond0.5\n");
  ASSERT_TRUE(listed.has_value());
  EXPECT_THAT(listed->at("enp1s0f1np1").addresses, ElementsAre("192.168.177.11"));
  EXPECT_THAT(listed->at("enp1s0f1np1").subnets, ElementsAre("192.168.177.0/24"));
  EXPECT_THAT(listed->at("bond0.5").subnets, ElementsAre("10.0.0.0/16"));
  EXPECT_FALSE(listed->at("enp1s0f1np1").up.has_value());
  EXPECT_TRUE(listed->at("lo").addresses_listed);
}

TEST(Ip, InBrief) {
  const auto listed = ParseIp(
      "lo               UNKNOWN        127.0.0.1/8 ::1/128 \n"
      "enP7s7           UP             192.168.1.20/24 fe80::1/64 \n"
      "eth0@if12        DOWN           \n");
  ASSERT_TRUE(listed.has_value());
  EXPECT_EQ(listed->at("enP7s7").up, true);
  EXPECT_THAT(listed->at("enP7s7").addresses, ElementsAre("192.168.1.20"));
  EXPECT_EQ(listed->at("eth0").up, false);
  EXPECT_TRUE(listed->at("eth0").elsewhere);
  const auto links = ParseIp("enP7s7  UP  02:00:00:00:00:01 <BROADCAST,MULTICAST,UP,LOWER_UP>\n");
  ASSERT_TRUE(links.has_value());
  EXPECT_EQ(links->at("enP7s7").brought_up, true);
  EXPECT_FALSE(links->at("enP7s7").addresses_listed);
}

TEST(Ip, OtherListsAreNoInterfaces) {
  for (const char* text : {"default via 192.168.1.1 dev enP7s7 proto dhcp metric 100\n"
                           "192.168.1.0/24 dev enP7s7 proto kernel scope link src 192.168.1.20\n",
                           "192.168.1.1 dev enP7s7 lladdr 02:00:00:00:00:01 REACHABLE\n",
                           "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n",
                           "1:\tlo\n\tinet  224.0.0.1\n2:\tenP7s7\n\tlink  "
                           "33:33:00:00:00:01\n\tinet  224.0.0.251\n"}) {
    EXPECT_FALSE(ParseIp(text).has_value()) << text;
  }
}

TEST(Ip, AnAddressThatAnotherMachineHasIsNone) {
  const auto json = ParseIp(
      R"([{"ifname":"e0","addr_info":[{"local":"fd00::4444","dadfailed":true,"tentative":true},)"
      R"({"local":"fd00::5","tentative":true},{"local":"fd00::6","dadfailed":false}]}])");
  ASSERT_TRUE(json.has_value());
  EXPECT_THAT(json->at("e0").addresses, ElementsAre("fd00::6"));
  const auto text = ParseIp(
      "2: e0: <UP> state UP\n    inet6 fd00::4444/64 scope global dadfailed tentative \n"
      "    inet6 fd00::6/64 scope global \n");
  ASSERT_TRUE(text.has_value());
  EXPECT_THAT(text->at("e0").addresses, ElementsAre("fd00::6"));
}

// ---------------------------------------------------------------- what is a port

TEST(Drivers, ACardThatAHypervisorMakesUpHasNoRate) {
  for (const char* driver : {"hv_netvsc", "vmxnet3", "virtio_net", "vif"}) {
    const Report report =
        ReportOf({Ran("ip -j address", "[" + Address("eth0", "10.0.0.2", 24) + "]")},
                 All({Card("eth0", driver, 10000)}));
    EXPECT_EQ(Named(report, "eth0").state, Port::State::kUp);
    EXPECT_FALSE(Named(report, "eth0").negotiated_bits_per_second.has_value()) << driver;
    EXPECT_THAT(UnknownsOf(report, "network"), Contains(HasSubstr("the rate of eth0 is unknown")));
  }
}

TEST(Drivers, ACardIsAPortWhateverItIsCalled) {
  EXPECT_THAT(NamesOf(ReportOf({}, All({Card("enp5s0", "r8169"), Card("lom1", "ixgbe"),
                                        Card("local0", "igb"), Card("green0", "mlx5_core")}))),
              ElementsAre("enp5s0", "green0", "local0", "lom1"));
}

TEST(Drivers, WhatIsNoWayToAnotherNodeIsNoPort) {
  Files can = Card("can0", "mttcan", 0);
  can["/sys/class/net/can0/type"] = "280\n";
  Files mobile = Card("wwan0", "cdc_mbim", 0);
  mobile["/sys/class/net/wwan0/uevent"] = "DEVTYPE=wwan\n";
  Files bridge = {{"/sys/class/net/l4tbr0/operstate", "down\n"},
                  {"/sys/class/net/l4tbr0/uevent", "DEVTYPE=bridge\n"},
                  {"/sys/class/net/l4tbr0/brif/usb0/state", "0\n"}};
  EXPECT_THAT(NamesOf(ReportOf({}, All({can, mobile, bridge, Card("usb0", "gether", 0),
                                        Card("enP8p1s0", "r8168")}))),
              ElementsAre("enP8p1s0"));
}

}  // namespace
}  // namespace capacity::probe
