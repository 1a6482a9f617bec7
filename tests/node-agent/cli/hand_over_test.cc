#include "node-agent/cli/hand_over.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace capacity::agent_cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class HandOverTest : public ::testing::Test {
 protected:
  HandOverTest() {
    std::string name = ::testing::TempDir() + "hand-over-XXXXXX";
    state_ = mkdtemp(name.data());
  }
  ~HandOverTest() override { fs::remove_all(state_); }

  static agent::SpeedMeasurement Speed(char digit) {
    agent::SpeedMeasurement speed;
    speed.id = std::string(32, digit);
    speed.taken_at_unix_ms = 1'764'000'000'000;
    return speed;
  }

  std::string state_;
};

TEST_F(HandOverTest, SaysWhereTheyAreAndWhatComesNext) {
  const auto kept = HandOver(state_, {Speed('1'), Speed('2')});
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->directory, state_ + "/inbox");
  EXPECT_EQ(kept->kept, 2);
  EXPECT_EQ(std::distance(fs::directory_iterator(kept->directory), {}), 2);
  EXPECT_FALSE(kept->enrolled);
  EXPECT_THAT(Describe(*kept), HasSubstr("2 measurements are kept in " + state_ + "/inbox"));
  EXPECT_THAT(Describe(*kept), HasSubstr("node-agent run --planner HOST:PORT will send them"));
}

TEST_F(HandOverTest, AnEnrolledAgentSendsThemByItself) {
  std::ofstream(state_ + "/membership.pem") << "node-id: n";
  const auto kept = HandOver(state_, {Speed('1')});
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_TRUE(kept->enrolled);
  EXPECT_THAT(Describe(*kept), HasSubstr("1 measurement is kept"));
  EXPECT_THAT(Describe(*kept), HasSubstr("node-agent run will send it"));
  EXPECT_THAT(Describe(*kept), Not(HasSubstr("no room")));
}

TEST_F(HandOverTest, SaysWhatHadToGo) {
  EXPECT_THAT(Describe({.directory = "x", .kept = 1, .dropped = 3, .enrolled = true}),
              HasSubstr("no room for 3 older ones"));
}

TEST_F(HandOverTest, TheDefaultIsWhatSystemdMade) {
  setenv("STATE_DIRECTORY", state_.c_str(), 1);
  EXPECT_EQ(DefaultStateDirectory(), state_);
  EXPECT_EQ(HandOver("", {})->directory, state_ + "/inbox");
  unsetenv("STATE_DIRECTORY");
}

TEST_F(HandOverTest, ADirectoryThatCannotBeUsedIsSaid) {
  std::ofstream(state_ + "/file") << "x";
  EXPECT_TRUE(absl::IsUnavailable(HandOver(state_ + "/file", {Speed('1')}).status()));
}

}  // namespace
}  // namespace capacity::agent_cli
