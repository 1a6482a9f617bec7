#include "planner/store/group_commit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <utility>

#include "planner/store/location.h"
#include "tests/store/support.h"

namespace capacity::store {
namespace {

using ::testing::ElementsAre;
using testing::TemporaryDirectory;

class GroupCommitTest : public ::testing::Test {
 protected:
  GroupCommitTest() {
    EXPECT_TRUE(Prepare(directory_.path()).ok());
    auto database = *OpenForWriting(directory_.path());
    database->RunScript("CREATE TABLE t (v INTEGER UNIQUE)");
    commits_ = std::make_unique<GroupCommit>(
        std::move(database),
        GroupCommit::Options{
            .waiting_writes = 100,
            .period = std::chrono::milliseconds(20),
            .periodic = [this] { return periodic_(); },
            .changed = [this](const auto& ids) { announced_.push_back(ids.front()); }});
  }

  // Keeps the writer busy until the promise is kept, so that what follows shares a group.
  void Block(std::promise<void>& release) {
    auto started = std::make_shared<std::promise<void>>();
    commits_->Submit({.apply =
                          [&release, started](Database&, std::set<std::string>&) {
                            started->set_value();
                            release.get_future().wait();
                          },
                      .finish = [](const absl::Status&) {}});
    started->get_future().wait();
  }

  void Insert(std::int64_t value) {
    commits_->Submit(
        {.apply =
             [value](Database& database, std::set<std::string>& changed) {
               database.Run("INSERT INTO t VALUES (?1)", value);
               changed.insert(std::to_string(value));
             },
         .finish = [this](const absl::Status& status) { finished_.push_back(status.ok()); }});
  }

  std::vector<std::int64_t> Rows() {
    std::vector<std::int64_t> rows;
    (*OpenForReading(directory_.path()))
        ->Query("SELECT v FROM t ORDER BY v",
                [&rows](const Row& row) { rows.push_back(row.Int(0)); });
    return rows;
  }

  TemporaryDirectory directory_;
  std::function<Write()> periodic_ = [] { return Write{}; };
  std::vector<bool> finished_;
  std::vector<std::string> announced_;
  std::unique_ptr<GroupCommit> commits_;
};

TEST_F(GroupCommitTest, WhatWaitsTogetherIsCommittedTogether) {
  std::promise<void> release;
  Block(release);
  for (std::int64_t i = 0; i < 50; ++i) Insert(i);
  release.set_value();
  EXPECT_TRUE(commits_->Run([](Database&, std::set<std::string>&) {}).ok());
  EXPECT_EQ(commits_->GetFigures().writes, 52);
  EXPECT_LE(commits_->GetFigures().commits, 3);
  commits_.reset();
  EXPECT_EQ(Rows().size(), 50u);
}

TEST_F(GroupCommitTest, AWriteThatIsRefusedTakesNoOtherWithIt) {
  std::promise<void> release;
  Block(release);
  for (const std::int64_t value : {1, 2, 2, 3}) Insert(value);
  release.set_value();
  commits_.reset();
  EXPECT_THAT(finished_, ElementsAre(true, true, false, true));
  EXPECT_THAT(Rows(), ElementsAre(1, 2, 3));
}

TEST_F(GroupCommitTest, NothingIsAnnouncedBeforeItIsDurable) {
  std::promise<void> release;
  Block(release);
  Insert(7);
  EXPECT_TRUE(announced_.empty());
  release.set_value();
  commits_.reset();
  EXPECT_THAT(announced_, ElementsAre("7"));
}

TEST_F(GroupCommitTest, TooManyWaitingWritesAreRefusedAtOnce) {
  std::promise<void> release;
  Block(release);
  for (std::int64_t i = 0; i < 101; ++i) Insert(i);
  EXPECT_THAT(finished_, ElementsAre(false));
  release.set_value();
  commits_.reset();
  EXPECT_EQ(finished_.size(), 101u);
  EXPECT_EQ(Rows().size(), 100u);
}

TEST_F(GroupCommitTest, AsksForWhatHasNoHurryAndOnceMoreAtTheEnd) {
  std::promise<void> release;
  Block(release);  // orders what follows before the writer's next look
  std::int64_t asked = 0;
  std::promise<void> twice;
  periodic_ = [&]() -> Write {
    if (++asked == 2) twice.set_value();
    return {.apply =
                [value = asked](Database& database, std::set<std::string>&) {
                  database.Run("INSERT INTO t VALUES (?1)", value);
                },
            .finish = [](const absl::Status& status) { EXPECT_TRUE(status.ok()); }};
  };
  release.set_value();
  twice.get_future().wait();
  commits_.reset();
  EXPECT_GE(Rows().size(), 3u);
  EXPECT_EQ(std::int64_t(Rows().size()), asked);
}

}  // namespace
}  // namespace capacity::store
