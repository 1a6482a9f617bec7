#include "planner/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <mutex>

#include "tests/store/support.h"

namespace capacity::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Put;
using testing::Report;
using ::testing::SizeIs;
using testing::TemporaryDirectory;
using testing::Triad;

const std::string kHash(32, 'h');

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() { Reopen(); }

  Options StoreOptions() {
    Options options{.directory = directory_.path() + "/store", .clock = [this] { return now_; }};
    options.measurements_per_node = 3;
    options.write_behind_ms = 50;
    options.changed = [this](const std::vector<std::string>& ids) {
      const std::lock_guard lock(mutex_);
      changed_.insert(changed_.end(), ids.begin(), ids.end());
    };
    return options;
  }

  void Reopen() {
    store_.reset();
    auto opened = Store::Open(StoreOptions());
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }

  // A node of this id and name, with a key of its own.
  void Add(const std::string& id, const std::string& name) {
    const auto node =
        store_->Enroll({.name = name, .key_fingerprint = "key of " + id, .new_node_id = id});
    ASSERT_TRUE(node.ok()) << node.status();
  }

  Outcome Stored(NewReport report) {
    const auto outcome = Put(*store_, std::move(report));
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    return outcome.value_or(Outcome::kStored);
  }

  std::string Newest() { return store_->GetReport("n")->bytes; }

  TemporaryDirectory directory_;
  std::int64_t now_ = 1'700'000'000'000;
  std::mutex mutex_;
  std::vector<std::string> changed_;
  std::unique_ptr<Store> store_;
};

// ---------------------------------------------------------------- order

TEST_F(StoreTest, WithinABootTheLargerSequenceWins) {
  Add("n", "spark");
  EXPECT_EQ(Stored(Report(1, 2, "two")), Outcome::kStored);
  EXPECT_EQ(Stored(Report(1, 1, "one")), Outcome::kStale);
  EXPECT_EQ(Stored(Report(1, 2, "two")), Outcome::kDuplicate);
  EXPECT_EQ(Newest(), "two");
  EXPECT_EQ(Stored(Report(1, 3, "three")), Outcome::kStored);
  EXPECT_EQ(Newest(), "three");
}

TEST_F(StoreTest, ANewBootSupersedesAndAnOlderOneNeverComesBack) {
  Add("n", "spark");
  Stored(Report(1, 900));
  EXPECT_EQ(Stored(Report(3, 1, "after the reboot")), Outcome::kStored);
  EXPECT_EQ(Stored(Report(1, 901, "late")), Outcome::kStale);
  EXPECT_EQ(Stored(Report(2, 5, "never seen, and late")), Outcome::kStale);
  EXPECT_EQ(Newest(), "after the reboot");
  EXPECT_EQ(Stored(Report(4, 0, "fourth")), Outcome::kStored);
  EXPECT_EQ(Stored(Report(3, 2, "late")), Outcome::kStale);
  EXPECT_EQ(Newest(), "fourth");
}

TEST_F(StoreTest, OrderSurvivesARestart) {
  Add("n", "spark");
  Stored(Report(1, 1));
  Stored(Report(2, 7, "newest"));
  Reopen();
  EXPECT_EQ(Stored(Report(1, 99)), Outcome::kStale);
  EXPECT_EQ(Stored(Report(2, 7)), Outcome::kDuplicate);
  EXPECT_EQ(Newest(), "newest");
}

TEST_F(StoreTest, AReportSaysWhenAndOfWhichBoot) {
  Add("n", "spark");
  Stored(Report(1, 4, std::string("\0bytes\xff", 7)));
  const auto report = store_->GetReport("n");
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->bytes, std::string("\0bytes\xff", 7));
  EXPECT_EQ(report->stamp, (Stamp{1, 4}));
  EXPECT_EQ(report->taken_at_unix_ms, 1'000);
  EXPECT_EQ(report->received_at_unix_ms, now_);
  const auto node = store_->GetNode("n");
  EXPECT_EQ(node->report, (Stamp{1, 4}));
  EXPECT_EQ(node->report_received_at_unix_ms, now_);
}

TEST_F(StoreTest, UnknownAndRevokedNodesMayNotDeliver) {
  EXPECT_TRUE(absl::IsNotFound(Put(*store_, Report(1, 1)).status()));
  Add("n", "spark");
  ASSERT_TRUE(store_->RevokeNode("n").ok());
  EXPECT_TRUE(absl::IsPermissionDenied(Put(*store_, Report(1, 1)).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(
      Put(*store_, NewHeartbeat{.node_id = "n", .stamp = {1, 1}}).status()));
}

TEST_F(StoreTest, WhatIsTooLargeIsRefused) {
  Add("n", "spark");
  EXPECT_TRUE(absl::IsInvalidArgument(
      Put(*store_, Report(1, 1, std::string(kMaxReportBytes + 1, 'x'))).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Put(*store_, Report(1, std::uint64_t{1} << 63)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Put(*store_, Report(std::uint64_t{1} << 63, 1)).status()));
  NewHeartbeat heartbeat = {.node_id = "n", .stamp = {1, 1}};
  heartbeat.bytes = std::string(kMaxHeartbeatBytes + 1, 'x');
  EXPECT_TRUE(absl::IsInvalidArgument(Put(*store_, heartbeat).status()));
}

// ---------------------------------------------------------------- heartbeats

TEST_F(StoreTest, AHeartbeatLearnsWhichReportIsHere) {
  Add("n", "spark");
  const auto answer = Put(*store_, NewHeartbeat{.node_id = "n", .stamp = {1, 1}});
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_FALSE(answer->report.has_value());
  Stored(Report(1, 2));
  EXPECT_EQ(Put(*store_, NewHeartbeat{.node_id = "n", .stamp = {1, 2}})->report, (Stamp{1, 2}));
}

TEST_F(StoreTest, HeartbeatsAreShownAtOnceAndWrittenBehind) {
  Add("n", "spark");
  ASSERT_TRUE(
      Put(*store_, NewHeartbeat{.node_id = "n", .stamp = {1, 1}, .node_clock_unix_ms = 5}).ok());
  ASSERT_TRUE(
      Put(*store_, NewHeartbeat{.node_id = "n", .stamp = {1, 3}, .node_clock_unix_ms = 7}).ok());
  EXPECT_EQ(Put(*store_, NewHeartbeat{.node_id = "n", .stamp = {1, 2}})->outcome, Outcome::kStale);
  EXPECT_EQ(Put(*store_, NewHeartbeat{.node_id = "n", .stamp = {1, 3}})->outcome,
            Outcome::kDuplicate);
  ASSERT_TRUE(store_->GetNode("n")->heartbeat.has_value());
  EXPECT_EQ(store_->GetNode("n")->heartbeat->node_clock_unix_ms, 7);
  Reopen();
  ASSERT_TRUE(store_->GetNode("n")->heartbeat.has_value());
  EXPECT_EQ(store_->GetNode("n")->heartbeat->stamp, (Stamp{1, 3}));
  EXPECT_EQ(Put(*store_, NewHeartbeat{.node_id = "n", .stamp = {1, 3}})->outcome,
            Outcome::kDuplicate);
}

TEST_F(StoreTest, AHeartbeatOfAnOlderBootIsStale) {
  Add("n", "spark");
  NewHeartbeat heartbeat = {.node_id = "n", .stamp = {2, 1}};
  heartbeat.bytes = "busy";
  EXPECT_EQ(Put(*store_, heartbeat)->outcome, Outcome::kStored);
  EXPECT_EQ(Put(*store_, NewHeartbeat{.node_id = "n", .stamp = {1, 9}})->outcome, Outcome::kStale);
  EXPECT_EQ(store_->GetNode("n")->heartbeat->bytes, "busy");
  EXPECT_EQ(Put(*store_, NewHeartbeat{.node_id = "n", .stamp = {3, 0}})->outcome, Outcome::kStored);
  EXPECT_EQ(store_->GetNode("n")->heartbeat->stamp, (Stamp{3, 0}));
}

TEST_F(StoreTest, AHeartbeatAndAReportAreOrderedEachByItself) {
  Add("n", "spark");
  Put(*store_, NewHeartbeat{.node_id = "n", .stamp = {2, 50}}).IgnoreError();
  EXPECT_EQ(Stored(Report(2, 1)), Outcome::kStored);
}

// ---------------------------------------------------------------- history

TEST_F(StoreTest, AMeasurementDeliveredTwiceIsThereOnce) {
  Add("n", "spark");
  NewReport report = Report(1, 1);
  report.measurements = {Triad(10, "a"), Triad(20, "b")};
  Stored(report);
  EXPECT_EQ(Stored(report), Outcome::kDuplicate);
  report.stamp.sequence = 2;  // the next report has the same newest measurements
  Stored(report);
  const auto history = store_->ListMeasurements("n", "", 100);
  ASSERT_THAT(*history, SizeIs(2));
  EXPECT_EQ((*history)[0].measurement.bytes, "b");
  EXPECT_EQ((*history)[0].stamp, (Stamp{1, 1}));
  EXPECT_EQ(store_->GetNode("n")->measurements, 2);
}

// A speed has an id of its own: what is said of it later replaces what was said before.
TEST_F(StoreTest, AMeasurementKnownByItsSubjectIsReplacedByANewerSending) {
  Add("n", "spark");
  const auto put = [&](std::uint64_t sequence, std::int64_t taken, const char* bytes) {
    NewMeasurements delivery{"n", {7, sequence}, {}};
    delivery.measurements.push_back(
        {"speed", "0123456789abcdef", taken, bytes, /*known_by_subject=*/true});
    return *Put(*store_, delivery);
  };
  const auto only = [&] {
    const auto history = *store_->ListMeasurements("n", "speed", 100);
    EXPECT_THAT(history, SizeIs(1));
    return history.empty() ? std::string() : history[0].measurement.bytes;
  };
  EXPECT_EQ(put(1, 1'000, "llama"), Outcome::kStored);
  EXPECT_EQ(put(1, 1'000, "llama"), Outcome::kDuplicate);
  EXPECT_EQ(put(2, 1'000, "llama"), Outcome::kDuplicate);  // sent again after a restart
  EXPECT_EQ(put(3, 1'000, "llama, catalogue says which"), Outcome::kStored);
  EXPECT_EQ(only(), "llama, catalogue says which");
  EXPECT_EQ(put(4, 2'000, "of a file that was touched"), Outcome::kStored);
  EXPECT_EQ(only(), "of a file that was touched");
  EXPECT_EQ(put(3, 1'000, "late"), Outcome::kDuplicate);
  EXPECT_EQ(only(), "of a file that was touched");
  EXPECT_EQ(store_->GetNode("n")->measurements, 1);
}

TEST_F(StoreTest, AStaleReportsMeasurementsEnterTheHistory) {
  Add("n", "spark");
  Stored(Report(2, 1));
  NewReport late = Report(1, 2);
  late.measurements = {Triad(10)};
  EXPECT_EQ(Stored(late), Outcome::kStale);
  EXPECT_THAT(*store_->ListMeasurements("n", "", 100), SizeIs(1));
}

TEST_F(StoreTest, AtTheLimitTheOldestMeasurementGoesAndIsCounted) {
  Add("n", "spark");
  for (const std::int64_t taken : {30, 10, 20, 40, 50}) {
    NewMeasurements delivery;
    delivery.node_id = "n";
    delivery.stamp = {1, 1};
    delivery.measurements = {Triad(taken)};
    const auto outcome = Put(*store_, delivery);
    ASSERT_TRUE(outcome.ok()) << outcome.status();
  }
  const auto history = store_->ListMeasurements("n", "memory-bandwidth", 100);
  std::vector<std::int64_t> times;
  for (const auto& entry : *history) times.push_back(entry.measurement.taken_at_unix_ms);
  EXPECT_THAT(times, ElementsAre(50, 40, 20));  // by arrival: clocks play no part
  EXPECT_EQ(store_->GetNode("n")->dropped_measurements, 2);
  EXPECT_THAT(*store_->ListMeasurements("n", "link", 100), IsEmpty());
  EXPECT_THAT(*store_->ListMeasurements("n", "", 1), SizeIs(1));
}

// Clocks play no part: a node whose clock was years ahead for a moment is believed afterwards.
TEST_F(StoreTest, OfALinkTheNewerStampWins) {
  Add("a", "spark-1");
  Add("b", "spark-2");
  const auto link = [](Stamp stamp, std::int64_t taken_at, const char* bytes) {
    return Link{"a", "b", "10.0.0.1 > 10.0.0.2", taken_at, bytes, stamp};
  };
  EXPECT_EQ(*Put(*store_, link({1, 2}, 1'000'000, "from the future")), Outcome::kStored);
  EXPECT_EQ(*Put(*store_, link({1, 2}, 1'000'000, "again")), Outcome::kDuplicate);
  EXPECT_EQ(*Put(*store_, link({1, 1}, 2'000'000, "late")), Outcome::kStale);
  EXPECT_EQ(*Put(*store_, link({1, 3}, 10, "right clock")), Outcome::kStored);
  ASSERT_THAT(*store_->ListLinks(), SizeIs(1));
  EXPECT_EQ(store_->ListLinks()->front().bytes, "right clock");
  EXPECT_EQ(store_->ListLinks()->front().stamp, (Stamp{1, 3}));
  EXPECT_EQ(*Put(*store_, link({2, 1}, 5, "restarted")), Outcome::kStored);
  EXPECT_TRUE(absl::IsNotFound(Put(*store_, Link{"a", "c", "", 1, "", {1, 1}}).status()));
  ASSERT_TRUE(store_->Forget("b").ok());
  EXPECT_THAT(*store_->ListLinks(), IsEmpty());
}

// ---------------------------------------------------------------- membership

TEST_F(StoreTest, ATokenIsGoodOnce) {
  ASSERT_TRUE(store_->AddToken({.hash = kHash, .expires_at_unix_ms = now_ + 1000}).ok());
  const Enrollment first = {kHash, "spark-1", "key-1", "id-1"};
  ASSERT_TRUE(store_->Enroll(first).ok());
  const auto second = store_->Enroll({kHash, "spark-2", "key-2", "id-2"});
  EXPECT_TRUE(absl::IsPermissionDenied(second.status()));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("used already"));
  EXPECT_EQ(store_->ListTokens()->front().used_by_node_id, "id-1");
  EXPECT_TRUE(absl::IsNotFound(store_->RemoveToken(kHash)));
}

TEST_F(StoreTest, WhoLostTheAnswerMayAskAgain) {
  ASSERT_TRUE(store_->AddToken({.hash = kHash, .expires_at_unix_ms = now_ + 1000}).ok());
  ASSERT_TRUE(store_->Enroll({kHash, "spark-1", "key-1", "id-1"}).ok());
  const auto again = store_->Enroll({kHash, "spark-1", "key-1", "id-2"});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->node_id, "id-1");
  EXPECT_THAT(*store_->ListNodes(), SizeIs(1));
}

TEST_F(StoreTest, ExpiredRemovedUnknownAndBoundTokensAreRefused) {
  ASSERT_TRUE(
      store_->AddToken({.hash = kHash, .node_name = "spark-1", .expires_at_unix_ms = now_ + 1000})
          .ok());
  const auto refused = [&](const std::string& hash, const std::string& name) {
    const auto node = store_->Enroll({hash, name, "key", "id"});
    EXPECT_TRUE(absl::IsPermissionDenied(node.status())) << node.status();
    return std::string(node.status().message());
  };
  EXPECT_THAT(refused(kHash, "spark-2"), HasSubstr("\"spark-1\" only"));
  EXPECT_THAT(refused(std::string(32, 'x'), "spark-1"), HasSubstr("not known"));
  now_ += 1000;
  EXPECT_THAT(refused(kHash, "spark-1"), HasSubstr("expired"));
  now_ -= 1000;
  ASSERT_TRUE(store_->RemoveToken(kHash).ok());
  EXPECT_THAT(refused(kHash, "spark-1"), HasSubstr("not known"));
  EXPECT_THAT(*store_->ListNodes(), IsEmpty());
}

TEST_F(StoreTest, ARefusedEnrollmentDoesNotUseTheToken) {
  Add("n", "spark-1");
  ASSERT_TRUE(store_->AddToken({.hash = kHash, .expires_at_unix_ms = now_ + 1000}).ok());
  EXPECT_TRUE(
      absl::IsAlreadyExists(store_->Enroll({kHash, "spark-1", "other key", "id"}).status()));
  EXPECT_TRUE(store_->Enroll({kHash, "spark-2", "other key", "id"}).ok());
}

TEST_F(StoreTest, AKeyKeepsItsNodeWhateverItsName) {
  Add("n", "spark-1");
  ASSERT_TRUE(store_->Rename("n", "kitchen").ok());
  const auto node =
      store_->Enroll({.name = "spark-1", .key_fingerprint = "key of n", .new_node_id = "another"});
  ASSERT_TRUE(node.ok());
  EXPECT_EQ(node->node_id, "n");
  EXPECT_EQ(node->name, "kitchen");
}

TEST_F(StoreTest, NodesWithoutAKeyAreKnownByName) {
  ASSERT_TRUE(store_->Enroll({.name = "local", .new_node_id = "id-1"}).ok());
  EXPECT_EQ(store_->Enroll({.name = "local", .new_node_id = "id-2"})->node_id, "id-1");
  EXPECT_TRUE(absl::IsAlreadyExists(
      store_->Enroll({.name = "local", .key_fingerprint = "key", .new_node_id = "id-3"}).status()));
}

TEST_F(StoreTest, RenamingKeepsNamesUnique) {
  Add("a", "spark-1");
  Add("b", "spark-2");
  EXPECT_TRUE(absl::IsAlreadyExists(store_->Rename("a", "spark-2")));
  EXPECT_TRUE(store_->Rename("a", "spark-1").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(store_->Rename("a", "no spaces")));
  EXPECT_TRUE(absl::IsNotFound(store_->Rename("c", "spark-3")));
  EXPECT_EQ(store_->FindNode("spark-2")->node_id, "b");
  EXPECT_TRUE(absl::IsNotFound(store_->FindNode("spark-3").status()));
}

CertificateRecord Certificate(const std::string& serial, const std::string& node_id,
                              std::int64_t not_after) {
  return {.serial = serial,
          .role = "node",
          .subject = node_id,
          .fingerprint = "f",
          .key_fingerprint = "key of " + node_id,
          .not_after_unix_ms = not_after};
}

TEST_F(StoreTest, ACertificateIsAsGoodAsItsNode) {
  Add("n", "spark");
  ASSERT_TRUE(store_->AddCertificate(Certificate("01", "n", now_ + 1000)).ok());
  ASSERT_TRUE(store_->AddCertificate(Certificate("02", "n", now_ + 1000)).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(store_->AddCertificate(Certificate("02", "n", now_ + 1000))));
  EXPECT_EQ(*store_->CertificateStanding("01"), Standing::kGood);
  EXPECT_EQ(*store_->CertificateStanding("03"), Standing::kUnknown);
  ASSERT_TRUE(store_->RevokeCertificate("02").ok());
  EXPECT_EQ(*store_->CertificateStanding("02"), Standing::kRevoked);
  now_ += 1000;
  EXPECT_EQ(*store_->CertificateStanding("01"), Standing::kExpired);
  now_ -= 1000;
  ASSERT_TRUE(store_->RevokeNode("n").ok());
  EXPECT_EQ(*store_->CertificateStanding("01"), Standing::kRevoked);
  ASSERT_TRUE(store_->Forget("n").ok());
  EXPECT_EQ(*store_->CertificateStanding("01"), Standing::kUnknown);
  EXPECT_TRUE(absl::IsNotFound(store_->RevokeCertificate("99")));
}

TEST_F(StoreTest, ARenewedKeyIsKnownAndSoIsTheOneBefore) {
  Add("n", "spark");
  ASSERT_TRUE(store_->AddCertificate(Certificate("01", "n", now_ + 1000)).ok());
  CertificateRecord renewed = Certificate("02", "n", now_ + 2000);
  renewed.key_fingerprint = "new key";
  ASSERT_TRUE(store_->AddCertificate(renewed).ok());
  EXPECT_EQ(store_->GetNode("n")->key_fingerprint, "new key");
  EXPECT_EQ(store_->GetNode("n")->certificate_expires_at_unix_ms, now_ + 2000);
  for (const char* key : {"key of n", "new key"}) {
    const auto node =
        store_->Enroll({.name = "spark", .key_fingerprint = key, .new_node_id = "another"});
    ASSERT_TRUE(node.ok()) << key << node.status();
    EXPECT_EQ(node->node_id, "n");
  }
  Add("m", "other");
  CertificateRecord stolen = Certificate("03", "m", now_ + 1000);
  stolen.key_fingerprint = "new key";
  EXPECT_TRUE(absl::IsAlreadyExists(store_->AddCertificate(stolen)));
  EXPECT_TRUE(absl::IsNotFound(store_->AddCertificate(Certificate("04", "nobody", now_ + 1000))));
}

TEST_F(StoreTest, AForgottenNodeLeavesNothingAndItsNameIsFree) {
  Add("n", "spark");
  ASSERT_TRUE(store_->AddCertificate(Certificate("01", "n", now_ + 1000)).ok());
  NewReport report = Report(1, 1);
  report.measurements = {Triad(10)};
  Stored(report);
  const auto revoked = store_->Forget("n");
  ASSERT_TRUE(revoked.ok()) << revoked.status();
  EXPECT_EQ(*revoked, 1);
  EXPECT_TRUE(absl::IsNotFound(store_->GetReport("n").status()));
  EXPECT_THAT(*store_->ListMeasurements("n", "", 10), IsEmpty());
  EXPECT_TRUE(absl::IsNotFound(store_->Forget("n").status()));
  Add("m", "spark");
  EXPECT_EQ(store_->FindNode("spark")->node_id, "m");
}

// ---------------------------------------------------------------- the rest

TEST_F(StoreTest, HasAnIdOfItsOwn) {
  const std::string id = *store_->PlannerId();
  EXPECT_EQ(id.size(), 32u);
  Reopen();
  EXPECT_EQ(*store_->PlannerId(), id);
}

TEST_F(StoreTest, CountersOutliveARestart) {
  store_->Count("refused.expired");
  store_->Count("refused.expired", 2);
  store_->Count("dropped");
  Reopen();
  store_->Count("dropped");
  const auto counters = store_->Counters();
  ASSERT_THAT(*counters, SizeIs(2));
  EXPECT_EQ((*counters)[0].name, "dropped");
  EXPECT_EQ((*counters)[0].count, 2);
  EXPECT_EQ((*counters)[1].count, 3);
}

TEST_F(StoreTest, ChangesAreAnnouncedAfterTheyAreDurable) {
  Add("n", "spark");
  Stored(Report(1, 1));
  Stored(Report(1, 1));
  ASSERT_TRUE(Put(*store_, NewHeartbeat{.node_id = "n", .stamp = {1, 2}}).ok());
  Reopen();
  EXPECT_THAT(changed_, ElementsAre("n", "n"));  // enrolled, reported
}

TEST_F(StoreTest, EverythingIsPrivateToItsOwner) {
  Add("n", "spark");
  struct stat status{};
  const std::string directory = directory_.path() + "/store";
  ASSERT_EQ(stat(directory.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  for (const char* file : {"/fleet.sqlite", "/fleet.sqlite-wal", "/fleet.sqlite-shm"}) {
    ASSERT_EQ(stat((directory + file).c_str(), &status), 0) << file;
    EXPECT_EQ(status.st_mode & 0777, 0600u) << file;
  }
}

TEST_F(StoreTest, OnePlannerServesFromAStore) {
  const auto second = Store::Open(StoreOptions());
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("another planner (process "));
}

TEST_F(StoreTest, ACommandBesideIsSeenAtOnce) {
  auto beside = Store::OpenBeside(StoreOptions());
  ASSERT_TRUE(beside.ok()) << beside.status();
  ASSERT_TRUE((*beside)->AddToken({.hash = kHash, .expires_at_unix_ms = now_ + 1000}).ok());
  ASSERT_TRUE(store_->Enroll({kHash, "spark-1", "key-1", "id-1"}).ok());
  EXPECT_EQ((*(*beside)->ListNodes())[0].name, "spark-1");
  ASSERT_TRUE((*beside)->Forget("id-1").ok());
  NewHeartbeat heartbeat = {.node_id = "id-1", .stamp = {1, 1}};
  EXPECT_TRUE(absl::IsNotFound(Put(*store_, heartbeat).status()));
}

TEST_F(StoreTest, ACommandMayMakeTheStore) {
  Options options = StoreOptions();
  options.directory = directory_.path() + "/new/deep";
  auto beside = Store::OpenBeside(options);
  ASSERT_TRUE(beside.ok()) << beside.status();
  EXPECT_TRUE((*beside)->AddToken({.hash = kHash, .expires_at_unix_ms = now_ + 1000}).ok());
  EXPECT_TRUE(Store::Open(options).ok());
}

TEST_F(StoreTest, EndingCompletesWhatWasAccepted) {
  Add("n", "spark");
  int stored = 0;
  for (std::uint64_t i = 1; i <= 500; ++i) {
    store_->PutReport(Report(1, i),
                      [&stored](absl::StatusOr<Outcome> outcome) { stored += outcome.ok(); });
  }
  store_.reset();
  EXPECT_EQ(stored, 500);
  Reopen();
  EXPECT_EQ(store_->GetReport("n")->stamp.sequence, 500u);
}

TEST_F(StoreTest, WritesThatWaitTogetherShareACommit) {
  Add("n", "spark");
  EXPECT_EQ(store_->GetHealth().commits, 1);
  std::promise<void> last;
  for (std::uint64_t i = 1; i <= 2'000; ++i) {
    store_->PutReport(Report(1, i), [&last, i](absl::StatusOr<Outcome> outcome) {
      EXPECT_TRUE(outcome.ok());
      if (i == 2'000) last.set_value();
    });
  }
  last.get_future().wait();
  const Store::Health health = store_->GetHealth();
  EXPECT_EQ(health.committed_writes, 2'001);
  EXPECT_LT(health.commits, 500);
  EXPECT_TRUE(health.last_write.ok());
  EXPECT_GT(health.database_bytes, 0);
}

TEST(NodeName, IsALabel) {
  EXPECT_TRUE(ValidateNodeName("spark-1.local").ok());
  for (const std::string name : {"", "-x", ".", "a b", "a/b", "\xc3\xa9"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ValidateNodeName(name))) << name;
  }
  EXPECT_FALSE(ValidateNodeName(std::string(64, 'a')).ok());
}

}  // namespace
}  // namespace capacity::store
