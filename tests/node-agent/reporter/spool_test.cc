#include "node-agent/reporter/spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include "tests/node-agent/reporter/support.h"

namespace capacity::reporter {
namespace {

namespace fs = std::filesystem;
using testing::TemporaryDirectory;

class SpoolTest : public ::testing::Test {
 protected:
  Spool Open(Spool::Limits limits = {}) {
    auto spool = Spool::Open(path_, limits);
    EXPECT_TRUE(spool.ok()) << spool.status();
    return *std::move(spool);
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/spool";
};

TEST_F(SpoolTest, GivesBackInOrderWhatWasPutIn) {
  Spool spool = Open();
  EXPECT_EQ(spool.Front(), std::nullopt);
  const Entry entries[] = {
      {7, 2, "second"}, {7, 1, std::string("\0first\xff", 7)}, {8, 1, ""}, {7, 10, "tenth"}};
  for (const Entry& entry : entries) ASSERT_TRUE(spool.Append(entry).ok());
  for (const int i : {1, 0, 3, 2}) {
    EXPECT_EQ(spool.Front(), entries[i]);
    ASSERT_TRUE(spool.RemoveFront().ok());
  }
  EXPECT_EQ(spool.Front(), std::nullopt);
  EXPECT_EQ(spool.size(), 0u);
}

TEST_F(SpoolTest, OutlivesARestart) {
  {
    Spool spool = Open();
    ASSERT_TRUE(spool.Append({1, 1, "one"}).ok());
    ASSERT_TRUE(spool.Append({1, 2, "two"}).ok());
    ASSERT_TRUE(spool.RemoveFront().ok());
  }
  Spool spool = Open();
  EXPECT_EQ(spool.size(), 1u);
  EXPECT_EQ(spool.Front(), (Entry{1, 2, "two"}));
}

TEST_F(SpoolTest, AtTheLimitTheOldestGoAndAreCounted) {
  Spool spool = Open({.entries = 3});
  for (std::uint64_t i = 1; i <= 5; ++i) ASSERT_TRUE(spool.Append({1, i, "x"}).ok());
  EXPECT_EQ(spool.size(), 3u);
  EXPECT_EQ(spool.Front()->sequence, 3u);
  EXPECT_EQ(spool.dropped(), 2u);
  EXPECT_EQ(Open().dropped(), 2u);
}

TEST_F(SpoolTest, TheLimitIsAlsoOneOfBytes) {
  Spool spool = Open({.entries = 100, .bytes = 10'000});
  for (std::uint64_t i = 1; i <= 5; ++i) {
    ASSERT_TRUE(spool.Append({1, i, std::string(4'000, 'x')}).ok());
  }
  EXPECT_EQ(spool.size(), 2u);
  // The newest stays, however large it is.
  ASSERT_TRUE(spool.Append({1, 6, std::string(50'000, 'x')}).ok());
  EXPECT_EQ(spool.size(), 1u);
  EXPECT_EQ(spool.Front()->sequence, 6u);
}

TEST_F(SpoolTest, ADamagedEntryIsDroppedAndCounted) {
  Spool spool = Open();
  for (std::uint64_t i = 1; i <= 4; ++i) ASSERT_TRUE(spool.Append({1, i, "0123456789"}).ok());
  std::vector<fs::path> files;
  for (const auto& file : fs::directory_iterator(path_)) files.push_back(file.path());
  std::sort(files.begin(), files.end());
  ASSERT_EQ(files.size(), 4u);
  fs::resize_file(files[0], 35);  // a torn write
  fs::resize_file(files[1], 0);
  std::fstream(files[2], std::ios::in | std::ios::out).seekp(38) << '?';
  Spool reopened = Open();
  EXPECT_EQ(reopened.Front()->sequence, 4u);
  EXPECT_EQ(reopened.dropped(), 3u);
  const Spool::Losses losses = reopened.TakeLosses();
  EXPECT_EQ(losses.damaged, 3u);
  EXPECT_EQ(losses.unreadable, 0u);
  EXPECT_EQ(losses.first, files[0].string() + " is damaged");
  EXPECT_EQ(reopened.TakeLosses().first, "") << "said twice";
}

TEST_F(SpoolTest, ADirectoryInAnEntrysPlaceIsNoEntry) {
  Open();
  const std::string names[] = {path_ + "/00000000000000000001-00000000000000000001.report",
                               path_ + "/dropped"};
  for (const std::string& name : names) fs::create_directories(name + "/inside");
  Spool spool = Open();
  EXPECT_EQ(spool.size(), 0u);
  EXPECT_EQ(spool.dropped(), 0u);
  ASSERT_TRUE(spool.Append({1, 2, "two"}).ok());
  EXPECT_EQ(spool.Front()->sequence, 2u);
  for (const std::string& name : names) EXPECT_TRUE(fs::exists(name)) << "somebody else's";
}

// An entry that becomes something else while the spool is open.
TEST_F(SpoolTest, WhatCannotEvenBeRemovedKeepsNoOtherWaiting) {
  Spool spool = Open();
  ASSERT_TRUE(spool.Append({1, 1, "one"}).ok());
  ASSERT_TRUE(spool.Append({1, 2, "two"}).ok());
  const std::string first = path_ + "/00000000000000000001-00000000000000000001.report";
  fs::remove(first);
  fs::create_directories(first + "/inside");
  ASSERT_TRUE(spool.Front().has_value());
  EXPECT_EQ(spool.Front()->sequence, 2u);
  EXPECT_EQ(spool.TakeLosses().first, first + " is no file");
}

// As with a disk that answers EIO; a link that leads nowhere can be tested anywhere.
TEST_F(SpoolTest, WhatTheDiskDoesNotGiveIsLeftForTheNextStart) {
  const std::string first = path_ + "/00000000000000000001-00000000000000000001.report";
  {
    Spool spool = Open();
    ASSERT_TRUE(spool.Append({1, 1, "one"}).ok());
    ASSERT_TRUE(spool.Append({1, 2, "two"}).ok());
    fs::rename(first, first + ".away");
    fs::create_symlink(first, first);  // ELOOP, also for root
    ASSERT_TRUE(spool.Front().has_value());
    EXPECT_EQ(spool.Front()->sequence, 2u);
    EXPECT_EQ(spool.dropped(), 0u);
    const Spool::Losses losses = spool.TakeLosses();
    EXPECT_EQ(losses.damaged, 0u);
    EXPECT_EQ(losses.unreadable, 1u);
    EXPECT_THAT(losses.first, ::testing::HasSubstr(first + " cannot be opened"));
  }
  fs::rename(first + ".away", first);  // the disk gives it again
  EXPECT_EQ(Open().Front()->sequence, 1u);
}

TEST_F(SpoolTest, IgnoresWhatIsNotItsOwn) {
  Open();
  std::ofstream(path_ + "/notes.txt") << "mine";
  std::ofstream(path_ + "/00000000000000000001-0000000000000000000x.report") << "?";
  std::ofstream(path_ + "/00000000000000000001-00000000000000000001.report.new-7") << "half";
  Spool spool = Open();
  EXPECT_EQ(spool.Front(), std::nullopt);
  EXPECT_TRUE(fs::exists(path_ + "/notes.txt"));
  EXPECT_FALSE(fs::exists(path_ + "/00000000000000000001-00000000000000000001.report.new-7"));
}

TEST_F(SpoolTest, ADirectoryThatCannotBeUsedIsUnavailable) {
  std::ofstream(path_) << "a file";
  EXPECT_TRUE(absl::IsUnavailable(Spool::Open(path_, {}).status()));
}

// ---------------------------------------------------------------- kill -9
//
// CAPACITY_KILLS=1000 build/tests/node-agent/reporter/agent_reporter_test
//     --gtest_filter='SpoolCrash.*' is the long version.

struct Step {
  char what;  // 'a': Append returned; 's': sent, and about to be removed
  std::uint64_t sequence;
};

[[noreturn]] void SpoolUntilKilled(const std::string& path, std::uint64_t next, int pipe) {
  auto spool = Spool::Open(path, {});
  if (!spool.ok()) _exit(2);
  const auto tell = [pipe](Step step) {
    if (write(pipe, &step, sizeof step) != sizeof step) _exit(3);
  };
  while (true) {
    if (!spool->Append({1, next, std::string(3'000, 'r') + std::to_string(next)}).ok()) _exit(4);
    tell({'a', next++});
    // Sends two of three, so that some always wait.
    while (spool->size() > next % 3 + 5) {
      const auto front = spool->Front();
      if (!front) _exit(5);
      tell({'s', front->sequence});
      if (!spool->RemoveFront().ok()) _exit(6);
    }
  }
}

// What happened until the child was killed.
std::vector<Step> StepsUntilKilled(const std::string& path, std::uint64_t next,
                                   std::chrono::milliseconds life) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) SpoolUntilKilled(path, next, ends[1]);
  close(ends[1]);
  std::thread killer([child, life] {
    std::this_thread::sleep_for(life);
    kill(child, SIGKILL);
  });
  std::vector<Step> steps;
  Step step;
  while (read(ends[0], &step, sizeof step) == sizeof step) steps.push_back(step);
  killer.join();
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself with " << WEXITSTATUS(status);
  close(ends[0]);
  return steps;
}

TEST(SpoolCrash, NothingKeptIsLost) {
  const char* const wanted = std::getenv("CAPACITY_KILLS");
  const int kills = wanted != nullptr ? std::atoi(wanted) : 30;
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/spool";
  std::mt19937 random(20261122);
  std::set<std::uint64_t> unsent;
  std::uint64_t kept = 0;
  std::uint64_t next = 1;
  for (int kill = 0; kill < kills && !::testing::Test::HasFailure(); ++kill) {
    std::uint64_t last_sent = 0;
    for (const Step& step :
         StepsUntilKilled(path, next, std::chrono::milliseconds(random() % 80))) {
      if (step.what == 'a') {
        unsent.insert(step.sequence);
        ++kept;
      } else {
        unsent.erase(step.sequence);
        last_sent = step.sequence;
      }
    }
    auto spool = Spool::Open(path, {});
    ASSERT_TRUE(spool.ok()) << spool.status();
    EXPECT_EQ(spool->dropped(), 0u);
    // In the order of time: what was sent last may still be there, then all that was not sent, then
    // at most one whose keeping was not told.
    std::set<std::uint64_t> found;
    for (auto entry = spool->Front(); entry; entry = spool->Front()) {
      EXPECT_EQ(entry->bytes, std::string(3'000, 'r') + std::to_string(entry->sequence));
      EXPECT_TRUE(found.insert(entry->sequence).second) << "there twice";
      ASSERT_TRUE(spool->RemoveFront().ok());
      next = std::max(next, entry->sequence + 1);
    }
    for (const std::uint64_t sequence : unsent) {
      EXPECT_EQ(found.count(sequence), 1u) << sequence << " is lost";
      next = std::max(next, sequence + 1);
    }
    for (const std::uint64_t sequence : found) {
      EXPECT_TRUE(unsent.count(sequence) == 1 || sequence == last_sent || sequence + 1 == next)
          << sequence << " came back";
    }
    unsent.clear();
  }
  EXPECT_GT(kept, static_cast<std::uint64_t>(kills) / 4) << "too few for a test";
  std::printf("%d kills, %llu kept reports, none lost\n", kills,
              static_cast<unsigned long long>(kept));
}

}  // namespace
}  // namespace capacity::reporter
