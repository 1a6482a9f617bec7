#include "planner/fleet/fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace capacity::fleet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

// Machines and links of the test's own: what they can do is stated here.
class FleetTest : public testing::Test {
 protected:
  FleetTest() {
    chip_.id = "chip";
    mac_.id = "mac";
    mac_.os = catalog::OperatingSystem::kMacos;
    mac_.ports.thunderbolt = catalog::ThunderboltPorts{.version = 5, .count = 4, .rdma = 3};
    old_mac_.id = "old-mac";
    old_mac_.os = catalog::OperatingSystem::kMacos;
    old_mac_.ports.thunderbolt = catalog::ThunderboltPorts{.version = 4, .count = 4, .rdma = 0};
    spark_.id = "spark";
    spark_.ports.connectx7 = catalog::ConnectX7Ports{.cages = 2, .gbps = 200};
    rdma_.id = "rdma-tb5";
    rdma_.transport = catalog::Transport::kRdma;
    rdma_.medium = "thunderbolt5";
    rdma_.min_os_version = "26.2";
    tcp_.id = "tcp-tb5";
    tcp_.medium = "thunderbolt5";
    cx7_.id = "rdma-cx7-200g";
    cx7_.transport = catalog::Transport::kRdma;
    cx7_.medium = "connectx7";
    lan_.id = "tcp-10gbe";
    lan_.medium = "ethernet";
  }

  // `count` nodes named n0, n1, ...
  std::vector<Node> Nodes(const catalog::Machine& machine, int count) const {
    std::vector<Node> nodes;
    for (int i = 0; i < count; ++i) {
      Node node;
      node.name = std::string("n").append(std::to_string(i));
      node.machine = &machine;
      node.chip = &chip_;
      nodes.push_back(node);
    }
    return nodes;
  }

  static std::vector<int> FirstNodes(int count) {
    std::vector<int> members(static_cast<std::size_t>(count));
    std::iota(members.begin(), members.end(), 0);
    return members;
  }

  static LinkGroup Pairs(const catalog::Link& link, std::vector<std::pair<int, int>> pairs,
                         std::vector<int> members) {
    LinkGroup group;
    group.link = &link;
    group.pairs = std::move(pairs);
    group.members = std::move(members);
    return group;
  }

  catalog::Chip chip_;
  catalog::Machine mac_, old_mac_, spark_;
  catalog::Link rdma_, tcp_, cx7_, lan_;
};

TEST_F(FleetTest, AMeshListsItsPairsUnlessItIsLarge) {
  EXPECT_THAT(FullMesh(lan_, {0, 2, 5}).pairs, ElementsAre(Pair(0, 2), Pair(0, 5), Pair(2, 5)));
  EXPECT_THAT(FullMesh(lan_, FirstNodes(64)).pairs, SizeIs(2016));
  const LinkGroup large = FullMesh(lan_, FirstNodes(65));
  EXPECT_THAT(large.pairs, IsEmpty());
  EXPECT_TRUE(large.full_mesh);
}

TEST_F(FleetTest, AMeshNeedsAPortForEachOtherMember) {
  EXPECT_THAT(LinkViolations(Nodes(mac_, 4), FullMesh(rdma_, FirstNodes(4))), IsEmpty());
  EXPECT_THAT(LinkViolations(Nodes(mac_, 5), FullMesh(rdma_, FirstNodes(5))),
              testing::Each(HasSubstr(
                  "(mac) needs 4 Thunderbolt 5 ports for this link and has 3 that can do RDMA")));
  EXPECT_THAT(LinkViolations(Nodes(mac_, 5), FullMesh(tcp_, FirstNodes(5))), IsEmpty());
  // Above the size that is listed pair by pair, too.
  EXPECT_THAT(LinkViolations(Nodes(mac_, 70), FullMesh(tcp_, FirstNodes(70))), SizeIs(70));
}

TEST_F(FleetTest, RdmaNeedsThunderbolt5MacosAndItsSwitch) {
  EXPECT_THAT(LinkViolations(Nodes(old_mac_, 2), FullMesh(rdma_, {0, 1})),
              testing::Each(HasSubstr("has Thunderbolt 4; rdma-tb5 needs Thunderbolt 5")));
  EXPECT_THAT(LinkViolations(Nodes(spark_, 2), FullMesh(rdma_, {0, 1})),
              testing::Each(HasSubstr("has no Thunderbolt port")));
  std::vector<Node> nodes = Nodes(mac_, 2);
  nodes[0].os_version = OsVersion{26, 1};
  nodes[1].rdma_enabled = false;
  EXPECT_THAT(LinkViolations(nodes, FullMesh(rdma_, {0, 1})),
              ElementsAre("n0 runs macOS 26.1; rdma-tb5 needs 26.2 or later",
                          HasSubstr("n1 reports RDMA disabled")));
}

TEST_F(FleetTest, ManySparksShareASwitch) {
  EXPECT_THAT(LinkViolations(Nodes(spark_, 8), FullMesh(cx7_, FirstNodes(8))), IsEmpty());
  EXPECT_THAT(LinkViolations(Nodes(mac_, 2), FullMesh(cx7_, {0, 1})),
              testing::Each(HasSubstr("has no ConnectX-7 port")));
}

TEST_F(FleetTest, LinksTogetherMayNotNeedMorePortsThanThereAre) {
  const std::vector<Node> nodes = Nodes(mac_, 6);
  const LinkGroup mesh = FullMesh(tcp_, {0, 1, 2, 3});
  const LinkGroup more = Pairs(tcp_, {{0, 4}, {0, 5}}, {0, 4, 5});
  EXPECT_THAT(PortShortages(nodes, {mesh}), IsEmpty());
  const std::vector<PortShortage> shortages = PortShortages(nodes, {mesh, more});
  ASSERT_THAT(shortages, SizeIs(1));
  EXPECT_EQ(shortages[0].group, 1);
  EXPECT_EQ(shortages[0].problem,
            "n0 (mac) needs 5 Thunderbolt ports for its links together and has 4");
  // RDMA and TCP between the same nodes use the same cables.
  EXPECT_THAT(PortShortages(nodes, {mesh, FullMesh(rdma_, {0, 1, 2, 3})}), IsEmpty());
}

TEST_F(FleetTest, CreateNamesEveryViolation) {
  std::vector<Node> nodes = Nodes(mac_, 5);
  const absl::StatusOr<Fleet> fleet =
      Fleet::Create(nodes, {FullMesh(rdma_, FirstNodes(5)), Pairs(lan_, {{0, 9}}, {0, 9})}, {});
  ASSERT_FALSE(fleet.ok());
  const std::string message(fleet.status().message());
  EXPECT_THAT(message, HasSubstr("link rdma-tb5: n0 (mac) needs 4"));
  EXPECT_THAT(message, HasSubstr("link tcp-10gbe names a node that does not exist"));
  nodes[1].name = "n0";
  EXPECT_EQ(std::string(Fleet::Create(nodes, {}, {}).status().message()),
            "two nodes are named \"n0\"");
}

TEST(OsVersions, CompareByNumberNotByText) {
  EXPECT_EQ(ParseOsVersion("26.2"), (OsVersion{26, 2}));
  EXPECT_EQ(ParseOsVersion("26"), (OsVersion{26, 0}));
  EXPECT_EQ(ParseOsVersion("15.7.1"), (OsVersion{15, 7}));
  EXPECT_LT(*ParseOsVersion("9.9"), *ParseOsVersion("10.1"));
  EXPECT_LT(*ParseOsVersion("26.2"), *ParseOsVersion("26.10"));
  for (const char* bad : {"", "tahoe", "26.x", "-1"}) EXPECT_EQ(ParseOsVersion(bad), std::nullopt);
}

}  // namespace
}  // namespace capacity::fleet
