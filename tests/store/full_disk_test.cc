// A disk that is full, and then is not: the store refuses writes, answers questions, and recovers
// by itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <string>

#ifdef __linux__
#include <sys/mount.h>
#endif

#include "planner/store/maintenance.h"
#include "tests/store/support.h"

namespace capacity::store {
namespace {

using testing::Put;
using testing::Report;
using testing::TemporaryDirectory;

std::unique_ptr<Store> OpenWithNode(const std::string& directory) {
  Options options;
  options.directory = directory;
  options.write_behind_ms = 20;
  auto store = Store::Open(options);
  EXPECT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE((*store)->Enroll({.name = "n", .new_node_id = "n"}).ok());
  return *std::move(store);
}

// Reports with a measurement each until one is refused; the last that was stored.
std::uint64_t WriteUntilRefused(Store& store, std::uint64_t first) {
  for (std::uint64_t sequence = first; sequence < first + 1'000; ++sequence) {
    NewReport report = Report(1, sequence, std::string(100'000, 'r'));
    report.measurements = {{.kind = "k",
                            .subject = "",
                            .taken_at_unix_ms = static_cast<std::int64_t>(sequence),
                            .bytes = std::string(100'000, 'm')}};
    const auto outcome = Put(store, report);
    if (!outcome.ok()) {
      EXPECT_TRUE(absl::IsUnavailable(outcome.status())) << outcome.status();
      return sequence - 1;
    }
  }
  ADD_FAILURE() << "nothing was refused";
  return 0;
}

// The store can do everything except write.
void ExpectReadable(Store& store, std::uint64_t newest) {
  const auto report = store.GetReport("n");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->stamp.sequence, newest);
  const auto history = store.ListMeasurements("n", "", 10'000);
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_EQ(history->size(), newest);
  const auto heartbeat = Put(store, NewHeartbeat{.node_id = "n", .stamp = {1, newest}});
  EXPECT_TRUE(heartbeat.ok()) << heartbeat.status();
  EXPECT_FALSE(store.GetHealth().last_write.ok());
}

void ExpectRecovered(Store& store, std::uint64_t newest) {
  const auto outcome = Put(store, Report(1, newest + 1, std::string(100'000, 'r')));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(store.GetReport("n")->stamp.sequence, newest + 1);
  EXPECT_TRUE(store.GetHealth().last_write.ok());
}

void ExpectSound(const std::string& directory) {
  const auto check = Check(directory);
  ASSERT_TRUE(check.ok()) << check.status();
  EXPECT_THAT(check->findings, ::testing::IsEmpty());
}

// ---------------------------------------------------------------- where nobody may mount

// Files of this process may not grow beyond so many bytes.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);  // then writing fails with EFBIG
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_;
};

TEST(FullDisk, FilesThatMayNotGrow) {
  TemporaryDirectory directory;
  const auto store = OpenWithNode(directory.path() + "/store");
  std::uint64_t newest = 0;
  {
    const FileSizeLimit limit(4 << 20);
    newest = WriteUntilRefused(*store, 1);
    EXPECT_GT(newest, 3u);
    ExpectReadable(*store, newest);
    EXPECT_EQ(WriteUntilRefused(*store, newest + 1), newest);
  }
  ExpectRecovered(*store, newest);
  ExpectSound(directory.path() + "/store");
}

// ---------------------------------------------------------------- a file system that is full

#ifdef __linux__
class SmallDisk {
 public:
  SmallDisk() {
    mounted_ = mount("none", directory_.path().c_str(), "tmpfs", 0, "size=4m") == 0;
    if (!mounted_) why_ = std::strerror(errno);
  }
  ~SmallDisk() {
    if (mounted_) umount2(directory_.path().c_str(), MNT_DETACH);
  }

  bool mounted() const { return mounted_; }
  const std::string& why() const { return why_; }
  const std::string& path() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
  bool mounted_ = false;
  std::string why_;
};

TEST(FullDisk, AFileSystemWithoutSpace) {
  const SmallDisk disk;
  if (!disk.mounted()) GTEST_SKIP() << "a small file system cannot be mounted here: " << disk.why();
  const std::string ballast = disk.path() + "/ballast";
  const std::string directory = disk.path() + "/store";
  std::ofstream(ballast) << std::string(1 << 20, 'b');
  auto store = OpenWithNode(directory);
  const std::uint64_t newest = WriteUntilRefused(*store, 1);
  EXPECT_GT(newest, 3u);
  ExpectReadable(*store, newest);
  EXPECT_EQ(WriteUntilRefused(*store, newest + 1), newest);
  store->Count("refused", 3);

  ASSERT_EQ(unlink(ballast.c_str()), 0);
  ExpectRecovered(*store, newest);

  store.reset();
  ExpectSound(directory);
}

// The planner can also be started on a full disk, to be asked.
TEST(FullDisk, AStoreOpensOnAFullFileSystem) {
  const SmallDisk disk;
  if (!disk.mounted()) GTEST_SKIP() << "a small file system cannot be mounted here: " << disk.why();
  const std::string directory = disk.path() + "/store";
  ASSERT_TRUE(OpenWithNode(directory)->GetNode("n").ok());
  std::ofstream(disk.path() + "/ballast") << std::string(8 << 20, 'b');
  Options options;
  options.directory = directory;
  const auto store = Store::Open(options);
  if (!store.ok()) {
    // SQLite needs 32 KiB for the index of its log.
    EXPECT_TRUE(absl::IsUnavailable(store.status())) << store.status();
    return;
  }
  EXPECT_TRUE((*store)->GetNode("n").ok());
  EXPECT_TRUE(absl::IsUnavailable(Put(**store, Report(1, 1)).status()));
}
#endif

}  // namespace
}  // namespace capacity::store
