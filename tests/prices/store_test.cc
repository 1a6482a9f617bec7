#include "planner/prices/store.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/prices/support.h"

namespace capacity::prices {
namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Store : public ::testing::Test {
 protected:
  Store() {
    directory_ = fs::path(::testing::TempDir()) /
                 ("store-" + std::to_string(getpid()) + "-" +
                  ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(directory_);
    file_ = (directory_ / "deep" / "prices.jsonl").string();
  }
  ~Store() override { fs::remove_all(directory_); }

  absl::StatusOr<StoreChange> Add(const std::string& model, const std::string& input) {
    return ChangeStore(file_, [&](History& history) {
      Merge(One(Feed::kLiteLlm, "groq", model, "2026-01-01", InOut(input, "9")), history);
    });
  }

  std::string Content() {
    std::ifstream in(file_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::vector<std::string> Files() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(fs::path(file_).parent_path())) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  fs::path directory_;
  std::string file_;
};

TEST_F(Store, AbsentIsEmptyAndIsMade) {
  EXPECT_THAT(LoadHistory(file_).history->records, IsEmpty());
  ASSERT_TRUE(Add("a", "1")->written);
  EXPECT_THAT(LoadHistory(file_).history->records, SizeIs(1));
  EXPECT_THAT(Files(), ::testing::UnorderedElementsAre("prices.jsonl", "prices.jsonl.lock"));
}

TEST_F(Store, NothingNewIsNotWritten) {
  ASSERT_TRUE(Add("a", "1").ok());
  struct stat before{};
  stat(file_.c_str(), &before);
  EXPECT_FALSE(Add("a", "1")->written);
  struct stat after{};
  stat(file_.c_str(), &after);
  EXPECT_EQ(before.st_ino, after.st_ino);
}

TEST_F(Store, ADamagedFileIsLeftAsItIs) {
  ASSERT_TRUE(Add("a", "1").ok());
  std::ofstream(file_, std::ios::app) << "{\"feed\":\"lite";
  const std::string before = Content();
  const auto change = Add("b", "1");
  ASSERT_TRUE(change.ok());
  EXPECT_FALSE(change->written);
  ASSERT_THAT(change->problems, SizeIs(1));
  EXPECT_EQ(change->problems[0].line, 3);
  EXPECT_EQ(Content(), before);
}

TEST_F(Store, KeepsPermissionsAndFollowsALink) {
  ASSERT_TRUE(Add("a", "1").ok());
  chmod(file_.c_str(), 0600);
  const std::string link = (directory_ / "link.jsonl").string();
  fs::create_symlink(file_, link);
  const std::string target = file_;
  file_ = link;
  ASSERT_TRUE(Add("b", "1").ok());
  file_ = target;
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_THAT(LoadHistory(file_).history->records, SizeIs(2));
  struct stat info{};
  stat(file_.c_str(), &info);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(Store, ADirectoryThatRefusesIsAnError) {
  file_ = "/proc/no-such-place/prices.jsonl";
  EXPECT_FALSE(Add("a", "1").ok());
}

TEST_F(Store, ManyAtOnceLoseNothing) {
  constexpr int kProcesses = 8;
  constexpr int kImports = 12;
  std::vector<pid_t> children;
  for (int process = 0; process < kProcesses; ++process) {
    const pid_t child = fork();
    if (child == 0) {
      bool good = true;
      for (int i = 0; i < kImports; ++i) {
        const std::string model = std::to_string(process) + "/" + std::to_string(i);
        good = Add(model, "1").ok() && good;
      }
      _exit(good ? 0 : 1);
    }
    children.push_back(child);
  }
  for (pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_THAT(LoadHistory(file_).history->records, SizeIs(kProcesses * kImports));
}

// Killed at any moment, an import leaves a file that reads, old or new.
TEST_F(Store, KilledWritersLeaveAWholeFile) {
  ASSERT_TRUE(Add("first", "1").ok());
  for (int round = 0; round < 20; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      for (int i = 0;; ++i) {
        if (!Add(std::to_string(round) + "/" + std::to_string(i), "1").ok()) _exit(1);
      }
    }
    usleep(3000 + 700 * static_cast<useconds_t>(round));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    const ReadHistory read = LoadHistory(file_);
    ASSERT_TRUE(read.history) << ToString(read.problems.front());
    EXPECT_EQ(read.history->records.front().model, "first");
  }
}

}  // namespace
}  // namespace capacity::prices
