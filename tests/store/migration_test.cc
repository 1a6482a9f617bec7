// Stores of older planners are brought forward; those of newer ones are left alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "planner/store/location.h"
#include "planner/store/maintenance.h"
#include "planner/store/schema.h"
#include "tests/store/support.h"

namespace capacity::store {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::TemporaryDirectory;

class MigrationTest : public ::testing::Test {
 protected:
  // Makes the store that the script says.
  void Make(const std::string& script) {
    ASSERT_TRUE(Prepare(directory_.path()).ok());
    auto database = Connect();
    database->RunScript(script.c_str());
    const absl::Status error = database->TakeError();
    ASSERT_TRUE(error.ok()) << error;
  }

  void MakeVersion1() {
    std::ifstream file(CAPACITY_SOURCE_DIR "/tests/store/data/v1.sql");
    Make({std::istreambuf_iterator<char>(file), {}});
  }

  std::unique_ptr<Database> Connect() {
    return *Database::Open(DatabasePath(directory_.path()), Database::Access::kReadWrite);
  }

  Options StoreOptions() {
    Options options;
    options.directory = directory_.path();
    options.clock = [] { return std::int64_t{1'790'000'000'000}; };
    return options;
  }

  TemporaryDirectory directory_;
};

// Name and statement of every table and index.
std::map<std::string, std::string> SchemaIn(Database& database) {
  std::map<std::string, std::string> schema;
  database.Query("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL",
                 [&schema](const Row& row) { schema[row.Text(0)] = row.Text(1); });
  return schema;
}

TEST_F(MigrationTest, AStoreOfVersion1OpensWithAllThatItHeld) {
  MakeVersion1();
  const auto store = Store::Open(StoreOptions());
  ASSERT_TRUE(store.ok()) << store.status();
  const auto node = (*store)->FindNode("spark-1");
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_EQ(node->node_id, "id-1");
  EXPECT_EQ(node->report, (Stamp{3, 14}));
  EXPECT_EQ(node->heartbeat->stamp, (Stamp{3, 159}));
  EXPECT_EQ(node->heartbeat->bytes, "beat");
  EXPECT_EQ(node->measurements, 1);
  EXPECT_EQ((*store)->GetReport("id-1")->bytes, std::string("\0report\xff", 8));
  EXPECT_THAT(*(*store)->ListMeasurements("id-1", "memory-bandwidth", 10), SizeIs(1));
  EXPECT_EQ((*store)->ListLinks()->front().bytes, "link");
  EXPECT_EQ((*store)->ListLinks()->front().stamp, (Stamp{0, 0}));  // anything is newer
  EXPECT_EQ((*store)->ListTokens()->front().used_by_node_id, "id-1");
  EXPECT_EQ(*(*store)->CertificateStanding("0A"), Standing::kGood);
  EXPECT_EQ((*store)->Counters()->front().count, 2);
  EXPECT_THAT(*(*store)->ListNodes(), SizeIs(2));
}

// A released schema never changes: what ships makes the very tables that the old store has.
TEST_F(MigrationTest, Version1IsStillWhatItWas) {
  MakeVersion1();
  TemporaryDirectory fresh;
  ASSERT_TRUE(Prepare(fresh.path()).ok());
  auto made = *Database::Open(DatabasePath(fresh.path()), Database::Access::kReadWrite);
  const Migrations first = {AllMigrations().front()};
  ASSERT_TRUE(Migrate(*made, first, "fresh").ok());
  EXPECT_EQ(SchemaIn(*made), SchemaIn(*Connect()));
}

TEST_F(MigrationTest, GoesThroughEveryVersionBetween) {
  MakeVersion1();
  Migrations later = AllMigrations();
  later.push_back("ALTER TABLE node ADD COLUMN note TEXT NOT NULL DEFAULT 'none'");
  later.push_back("UPDATE node SET note = name || ' ' || note");
  auto database = Connect();
  ASSERT_TRUE(Migrate(*database, later, "store").ok());
  EXPECT_EQ(*SchemaOf(*database), static_cast<int>(later.size()));
  std::string note;
  database->Query("SELECT note FROM node WHERE node_id = 'id-1'",
                  [&note](const Row& row) { note = row.Text(0); });
  EXPECT_EQ(note, "spark-1 none");
  // And again: nothing is done twice.
  ASSERT_TRUE(Migrate(*database, later, "store").ok());
  EXPECT_EQ(database->QueryInt("SELECT count(*) FROM node WHERE note LIKE '% % none'"), 0);
}

TEST_F(MigrationTest, ThatFailsLeavesTheStoreAsItWas) {
  MakeVersion1();
  Migrations broken = AllMigrations();
  broken.push_back("ALTER TABLE node ADD COLUMN note TEXT");
  broken.push_back("INSERT INTO nowhere VALUES (1)");
  auto database = Connect();
  const auto before = SchemaIn(*database);
  EXPECT_FALSE(Migrate(*database, broken, "store").ok());
  EXPECT_EQ(SchemaIn(*database), before);
  EXPECT_EQ(*SchemaOf(*database), 1);
}

TEST_F(MigrationTest, ANewerStoreIsRefusedInWords) {
  MakeVersion1();
  Make("PRAGMA user_version = 99");
  for (const absl::Status& status :
       {Store::Open(StoreOptions()).status(), Store::OpenBeside(StoreOptions()).status(),
        Check(directory_.path()).status()}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(
        std::string(status.message()),
        HasSubstr(absl::StrCat("was written by a newer planner (schema 99; this one knows up to ",
                               CurrentSchema(), ")")));
  }
  EXPECT_EQ(*SchemaOf(*Connect()), 99);
}

TEST_F(MigrationTest, AnotherProgramsDatabaseIsLeftAlone) {
  Make("CREATE TABLE recipes (name TEXT)");
  const auto store = Store::Open(StoreOptions());
  EXPECT_TRUE(absl::IsInvalidArgument(store.status())) << store.status();
  EXPECT_THAT(SchemaIn(*Connect()), SizeIs(1));
}

}  // namespace
}  // namespace capacity::store
