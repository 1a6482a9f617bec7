#include "planner/store/maintenance.h"
#include "planner/store/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "planner/store/location.h"
#include "tests/store/support.h"

namespace capacity::store {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Put;
using testing::Report;
using testing::TemporaryDirectory;
using testing::Triad;

class MaintenanceTest : public ::testing::Test {
 protected:
  MaintenanceTest() : path_(directory_.path() + "/store") {
    Options options;
    options.directory = path_;
    store_ = *Store::Open(options);
    EXPECT_TRUE(store_->Enroll({.name = "spark", .new_node_id = "n"}).ok());
    NewReport report = Report(1, 1, std::string(20'000, 'r'));
    report.measurements = {Triad(1), Triad(2)};
    EXPECT_TRUE(Put(*store_, report).ok());
  }

  // Changes the database behind the store's back.
  void Meddle(const char* sql) {
    auto database = *Database::Open(DatabasePath(path_), Database::Access::kReadWrite);
    database->RunScript(sql);
    EXPECT_TRUE(database->TakeError().ok()) << sql;
  }

  TemporaryDirectory directory_;
  const std::string path_;
  std::unique_ptr<Store> store_;
};

// ---------------------------------------------------------------- backup

TEST_F(MaintenanceTest, ABackupIsAStoreInOnePrivateFile) {
  const std::string copy = directory_.path() + "/restored/fleet.sqlite";
  fs::create_directory(directory_.path() + "/restored");
  ASSERT_TRUE(BackUp(path_, copy).ok());
  struct stat status{};
  ASSERT_EQ(stat(copy.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_.path() + "/restored"), {}), 1);
  EXPECT_THAT(Check(copy)->findings, IsEmpty());

  Options options;
  options.directory = directory_.path() + "/restored";
  const auto restored = Store::Open(options);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ((*restored)->GetReport("n")->bytes, std::string(20'000, 'r'));
  EXPECT_EQ(*(*restored)->PlannerId(), *store_->PlannerId());
}

TEST_F(MaintenanceTest, BackupsAreWholeWhileWritesGoOn) {
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (std::uint64_t sequence = 2; !stop; ++sequence) {
      NewReport report = Report(1, sequence, std::string(5'000, 'r'));
      report.measurements = {Triad(static_cast<std::int64_t>(sequence) + 10)};
      ASSERT_TRUE(Put(*store_, report).ok());
    }
  });
  std::int64_t before = 0;
  for (int i = 0; i < 10; ++i) {
    const std::string copy = directory_.path() + "/copy.sqlite";
    const absl::Status backed_up = BackUp(path_, copy);
    EXPECT_TRUE(backed_up.ok()) << backed_up;
    const auto check = Check(copy);
    ASSERT_TRUE(check.ok()) << check.status();
    EXPECT_THAT(check->findings, IsEmpty());
    EXPECT_GE(check->measurements, before);
    before = check->measurements;
  }
  stop = true;
  writer.join();
}

TEST_F(MaintenanceTest, ABackupThatCannotBeMadeLeavesWhatWasThere) {
  EXPECT_TRUE(absl::IsUnavailable(BackUp(path_, directory_.path() + "/none/copy.sqlite")));
  EXPECT_TRUE(absl::IsNotFound(BackUp(directory_.path(), directory_.path() + "/copy.sqlite")));
  EXPECT_TRUE(absl::IsInvalidArgument(BackUp(path_, DatabasePath(path_))));
  EXPECT_EQ(store_->GetReport("n")->stamp.sequence, 1u);
}

// ---------------------------------------------------------------- check

TEST_F(MaintenanceTest, ASoundStoreHasNoFindings) {
  const auto check = Check(path_);
  ASSERT_TRUE(check.ok()) << check.status();
  EXPECT_THAT(check->findings, IsEmpty());
  EXPECT_EQ(check->schema, CurrentSchema());
  EXPECT_EQ(check->nodes, 1);
  EXPECT_EQ(check->reports, 1);
  EXPECT_EQ(check->measurements, 2);
}

TEST_F(MaintenanceTest, WhatDisagreesIsSaidInWords) {
  Meddle("UPDATE node SET measurements = 7");
  EXPECT_THAT(Check(path_)->findings,
              ElementsAre("node \"spark\" counts other measurements than it has"));
  Meddle("UPDATE node SET measurements = 2; UPDATE report SET sequence = -1");
  EXPECT_THAT(Check(path_)->findings, ElementsAre("node \"spark\" has a negative sequence number"));
  Meddle("PRAGMA foreign_keys = OFF; DELETE FROM node");
  EXPECT_THAT(Check(path_)->findings,
              Contains("a row of report belongs to a row of node that does not exist"));
}

TEST_F(MaintenanceTest, ARevokedNodeWithAGoodCertificateIsFound) {
  ASSERT_TRUE(store_
                  ->AddCertificate({.serial = "01",
                                    .role = "node",
                                    .subject = "n",
                                    .fingerprint = "f",
                                    .key_fingerprint = "k",
                                    .not_after_unix_ms = 1})
                  .ok());
  Meddle("UPDATE node SET revoked_at_unix_ms = 1");
  EXPECT_THAT(Check(path_)->findings,
              ElementsAre("node \"spark\" is revoked and has a certificate that is not"));
}

TEST_F(MaintenanceTest, DamageIsFound) {
  store_.reset();  // the log is moved into the database
  const std::string file = DatabasePath(path_);
  const auto size = fs::file_size(file);
  ASSERT_GT(size, 40'000u);
  int found = 0;
  for (std::uintmax_t page = 4096; page + 4096 <= size; page += 4096) {
    const std::string copy = directory_.path() + "/damaged.sqlite";
    fs::copy_file(file, copy, fs::copy_options::overwrite_existing);
    std::fstream stream(copy, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(static_cast<std::streamoff>(page));
    stream << std::string(64, '\xa5');
    stream.close();
    const auto check = Check(copy);
    found += !check.ok() || !check->findings.empty();
  }
  // Damage within a report's own bytes cannot be seen.
  EXPECT_GT(found, 10);
}

TEST_F(MaintenanceTest, WhatIsNoStoreIsSaidToBeNone) {
  EXPECT_TRUE(absl::IsNotFound(Check(directory_.path()).status()));
  const std::string text = directory_.path() + "/text";
  std::ofstream(text) << std::string(5'000, 't');
  EXPECT_TRUE(absl::IsDataLoss(Check(text).status()));
  const std::string empty = directory_.path() + "/empty";
  std::ofstream(empty).flush();
  EXPECT_TRUE(absl::IsInvalidArgument(Check(empty).status()));
}

}  // namespace
}  // namespace capacity::store
