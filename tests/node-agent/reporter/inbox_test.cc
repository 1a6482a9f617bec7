#include "node-agent/reporter/inbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "node-agent/reporter/wire.h"
#include "tests/node-agent/reporter/support.h"

namespace capacity::reporter {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Speed;
using testing::TemporaryDirectory;

class InboxTest : public ::testing::Test {
 protected:
  // Ids of what waits, oldest first.
  static std::vector<std::string> IdsIn(const Inbox& inbox) {
    std::vector<std::string> ids;
    for (const std::string& name : inbox.Waiting()) {
      const auto bytes = inbox.Read(name);
      EXPECT_TRUE(bytes.ok()) << bytes.status();
      const auto speed = ParseSpeed(*bytes);
      EXPECT_TRUE(speed.has_value());
      ids.push_back(speed->id);
    }
    return ids;
  }

  TemporaryDirectory directory_;
  const std::string state_ = directory_.path() + "/state";
};

TEST_F(InboxTest, GivesBackByTimeWhatWasPutIn) {
  const Inbox inbox(state_);
  EXPECT_THAT(inbox.Waiting(), IsEmpty());  // no directory yet
  for (const int i : {2, 1, 3}) EXPECT_EQ(*inbox.Put(Speed(i)), 0);
  EXPECT_THAT(IdsIn(inbox), ElementsAre(Speed(1).id, Speed(2).id, Speed(3).id));
  EXPECT_EQ(ParseSpeed(*inbox.Read(inbox.Waiting()[0])), Speed(1));
  ASSERT_TRUE(inbox.Remove(inbox.Waiting()[0]).ok());
  EXPECT_THAT(IdsIn(Inbox(state_)), ElementsAre(Speed(2).id, Speed(3).id));
}

TEST_F(InboxTest, IsForItsOwnerOnly) {
  const Inbox inbox(state_);
  ASSERT_TRUE(inbox.Put(Speed(1)).ok());
  struct stat facts = {};
  for (const std::string& directory : {state_, inbox.directory()}) {
    ASSERT_EQ(stat(directory.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0700u);
  }
  ASSERT_EQ(stat((inbox.directory() + "/" + inbox.Waiting()[0]).c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
}

TEST_F(InboxTest, WhatRootPutsInBelongsToTheAgent) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  constexpr uid_t kSomebody = 12345;
  ASSERT_EQ(mkdir(state_.c_str(), 0700), 0);
  ASSERT_EQ(chown(state_.c_str(), kSomebody, kSomebody), 0);
  const Inbox inbox(state_);
  ASSERT_TRUE(inbox.Put(Speed(1)).ok());
  for (const std::string& path :
       {inbox.directory(), inbox.directory() + "/" + inbox.Waiting()[0]}) {
    struct stat facts = {};
    ASSERT_EQ(stat(path.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_uid, kSomebody) << path;
    EXPECT_EQ(facts.st_gid, kSomebody) << path;
  }
}

TEST_F(InboxTest, FollowsNoSymbolicLink) {
  const std::string elsewhere = directory_.path() + "/elsewhere";
  ASSERT_EQ(mkdir(elsewhere.c_str(), 0700), 0);
  ASSERT_EQ(mkdir(state_.c_str(), 0700), 0);
  fs::create_directory_symlink(elsewhere, state_ + "/inbox");
  EXPECT_TRUE(absl::IsUnavailable(Inbox(state_).Put(Speed(1)).status()));
  EXPECT_TRUE(fs::is_empty(elsewhere));
  fs::remove(state_ + "/inbox");

  const Inbox inbox(state_);
  ASSERT_TRUE(inbox.Put(Speed(1)).ok());
  const std::string name = inbox.Waiting()[0];
  fs::remove(inbox.directory() + "/" + name);
  std::ofstream(directory_.path() + "/secret") << "secret";
  fs::create_symlink(directory_.path() + "/secret", inbox.directory() + "/" + name);
  EXPECT_THAT(inbox.Waiting(), IsEmpty());
  EXPECT_FALSE(inbox.Read(name).ok());
}

TEST_F(InboxTest, TheSameMeasurementTwiceIsOne) {
  const Inbox inbox(state_);
  ASSERT_TRUE(inbox.Put(Speed(1)).ok());
  ASSERT_TRUE(inbox.Put(Speed(1)).ok());
  EXPECT_EQ(inbox.Waiting().size(), 1u);
}

TEST_F(InboxTest, WhatIsSaidLaterOfTheSameMeasurementReplacesIt) {
  const Inbox inbox(state_);
  ASSERT_TRUE(inbox.Put(Speed(1)).ok());
  const std::string first = inbox.Waiting()[0];
  const std::string sent = *inbox.Read(first);
  agent::SpeedMeasurement corrected = Speed(1);
  corrected.model = "gpt-oss-20b";
  ASSERT_TRUE(inbox.Put(corrected).ok());
  // The one that was sent meanwhile may not take the correction with it.
  ASSERT_TRUE(inbox.RemoveIf(first, sent).ok());
  ASSERT_EQ(inbox.Waiting().size(), 1u);
  EXPECT_EQ(ParseSpeed(*inbox.Read(inbox.Waiting()[0]))->model, "gpt-oss-20b");
  // Of a file that was touched.
  corrected.taken_at_unix_ms += 5'000;
  ASSERT_TRUE(inbox.SetAside(first).ok());
  ASSERT_TRUE(inbox.Put(corrected).ok());
  ASSERT_EQ(inbox.Waiting().size(), 1u);
  EXPECT_FALSE(fs::exists(inbox.directory() + "/" + first + ".refused"));
  ASSERT_TRUE(inbox.RemoveIf(inbox.Waiting()[0], *inbox.Read(inbox.Waiting()[0])).ok());
  EXPECT_THAT(inbox.Waiting(), IsEmpty());
}

TEST_F(InboxTest, AtTheLimitWhatWasSetAsideGoesFirstThenTheOldest) {
  const Inbox inbox(state_, {.entries = 3});
  for (const int i : {1, 2, 3}) ASSERT_EQ(*inbox.Put(Speed(i)), 0);
  ASSERT_TRUE(inbox.SetAside(inbox.Waiting()[1]).ok());
  EXPECT_THAT(IdsIn(inbox), ElementsAre(Speed(1).id, Speed(3).id));
  EXPECT_EQ(*inbox.Put(Speed(4)), 1);
  EXPECT_THAT(IdsIn(inbox), ElementsAre(Speed(1).id, Speed(3).id, Speed(4).id));
  EXPECT_EQ(*inbox.Put(Speed(5)), 1);
  EXPECT_THAT(IdsIn(inbox), ElementsAre(Speed(3).id, Speed(4).id, Speed(5).id));
}

TEST_F(InboxTest, TheLimitIsAlsoOneOfBytes) {
  agent::SpeedMeasurement large = Speed(1);
  large.engine_version = std::string(4'000, 'x');
  const Inbox inbox(state_, {.entries = 100, .bytes = 10'000});
  for (int i = 1; i <= 5; ++i) {
    large.id = Speed(i).id;
    large.taken_at_unix_ms = Speed(i).taken_at_unix_ms;
    EXPECT_EQ(*inbox.Put(large), i > 2 ? 1 : 0);
  }
  EXPECT_THAT(IdsIn(inbox), ElementsAre(Speed(4).id, Speed(5).id));
}

TEST_F(InboxTest, WhatWasSetAsideStays) {
  const Inbox inbox(state_);
  ASSERT_TRUE(inbox.Put(Speed(1)).ok());
  const std::string name = inbox.Waiting()[0];
  ASSERT_TRUE(inbox.SetAside(name).ok());
  EXPECT_THAT(inbox.Waiting(), IsEmpty());
  EXPECT_TRUE(fs::exists(inbox.directory() + "/" + name + ".refused"));
}

TEST_F(InboxTest, AnIdOfContentIsOneThatItTakes) {
  agent::SpeedMeasurement speed = Speed(1);
  speed.id = IdOfContent("printed");
  EXPECT_TRUE(Inbox(state_).Put(speed).ok());
  EXPECT_EQ(IdOfContent("printed"), speed.id);
  EXPECT_NE(IdOfContent("printed "), speed.id);
}

TEST_F(InboxTest, RefusesWhatIsNoMeasurement) {
  const Inbox inbox(state_);
  for (const std::string& id : {std::string(), std::string(31, 'a'), std::string(32, 'A'),
                                "../" + std::string(29, 'a'), std::string(33, 'a')}) {
    agent::SpeedMeasurement speed = Speed(1);
    speed.id = id;
    EXPECT_TRUE(absl::IsInvalidArgument(inbox.Put(speed).status())) << id;
  }
  agent::SpeedMeasurement early = Speed(1);
  early.taken_at_unix_ms = -1;
  EXPECT_TRUE(absl::IsInvalidArgument(inbox.Put(early).status()));
  agent::SpeedMeasurement large = Speed(1);
  large.model_name = std::string(kMaxSpeedBytes, 'x');
  EXPECT_TRUE(absl::IsInvalidArgument(inbox.Put(large).status()));
  EXPECT_FALSE(fs::exists(state_));
}

TEST_F(InboxTest, IgnoresWhatIsNotItsOwn) {
  const Inbox inbox(state_);
  ASSERT_TRUE(inbox.Put(Speed(1)).ok());
  const std::string stem = "00000000000000000001-" + Speed(9).id;
  for (const std::string& name : {std::string("notes.txt"), "x" + stem.substr(1) + ".speed",
                                  stem + ".speed.new", stem + ".report"}) {
    std::ofstream(inbox.directory() + "/" + name) << "mine";
  }
  fs::create_directory(inbox.directory() + "/" + stem + ".speed");
  EXPECT_THAT(IdsIn(inbox), ElementsAre(Speed(1).id));
  // What somebody seems to write stays for an hour.
  const std::string unfinished = inbox.directory() + "/" + stem + ".speed.new";
  ASSERT_TRUE(inbox.Put(Speed(2)).ok());
  EXPECT_TRUE(fs::exists(unfinished));
  fs::last_write_time(unfinished, fs::file_time_type::clock::now() - std::chrono::hours(2));
  ASSERT_TRUE(inbox.Put(Speed(3)).ok());
  EXPECT_FALSE(fs::exists(unfinished));
  EXPECT_TRUE(fs::exists(inbox.directory() + "/notes.txt"));
}

TEST_F(InboxTest, SaysWhatCannotBeRead) {
  const Inbox inbox(state_);
  EXPECT_TRUE(absl::IsNotFound(inbox.Read("x.speed").status()));
  ASSERT_TRUE(inbox.Put(Speed(1)).ok());
  const std::string name = inbox.Waiting()[0];
  fs::resize_file(inbox.directory() + "/" + name, kMaxSpeedBytes + 1);
  EXPECT_TRUE(absl::IsInvalidArgument(inbox.Read(name).status()));
}

TEST_F(InboxTest, ADirectoryThatCannotBeUsedIsUnavailable) {
  std::ofstream(state_) << "a file";
  EXPECT_TRUE(absl::IsUnavailable(Inbox(state_).Put(Speed(1)).status()));
}

// A writer that is killed at any moment leaves whole measurements only, and none that it was told
// is kept is missing.
TEST_F(InboxTest, AKilledWriterLeavesWholeMeasurements) {
  std::mt19937 random(20261122);
  std::uint64_t kept = 0;
  for (std::uint64_t round = 1; round <= 20; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      const Inbox inbox(state_);
      for (std::uint64_t i = round * 100'000; true; ++i) {
        if (!inbox.Put(Speed(i)).ok() || write(ends[1], &i, sizeof i) != sizeof i) _exit(1);
      }
    }
    close(ends[1]);
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 40));
    kill(child, SIGKILL);
    std::vector<std::string> told;
    std::uint64_t number = 0;
    while (read(ends[0], &number, sizeof number) == sizeof number) told.push_back(Speed(number).id);
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    const Inbox inbox(state_);
    const std::vector<std::string> found = IdsIn(inbox);
    for (const std::string& id : told) EXPECT_THAT(found, ::testing::Contains(id));
    EXPECT_LE(found.size(), told.size() + 1);
    kept += told.size();
    for (const std::string& name : inbox.Waiting()) ASSERT_TRUE(inbox.Remove(name).ok());
  }
  EXPECT_GT(kept, 5u) << "too few for a test";
}

}  // namespace
}  // namespace capacity::reporter
