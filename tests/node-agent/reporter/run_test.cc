#include "node-agent/reporter/run.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <map>
#include <mutex>

#include "node-agent/link/link.h"
#include "node-agent/reporter/inbox.h"
#include "node-agent/reporter/spool.h"
#include "node-agent/reporter/state.h"
#include "tests/node-agent/reporter/fake_planner.h"
#include "tests/node-agent/reporter/support.h"

namespace capacity::reporter {
namespace {

using std::chrono::milliseconds;
using testing::FakePlanner;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using Told = FakePlanner::Told;

std::int64_t Now() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class RunTest : public ::testing::Test {
 protected:
  ~RunTest() override {
    if (running_.valid()) StopAgent().IgnoreError();
  }

  World TestWorld() {
    return {
        .report = [this]() -> absl::StatusOr<agent::Report> {
          agent::Report report;
          const std::lock_guard lock(mutex_);
          report.hostname = hostname_;
          report.taken_at_unix_ms = Now();
          report.memory.available_bytes = ++looks_;
          return report;
        },
        .vitals = [] { return Vitals{.available_memory_bytes = 7, .load_average = 0.5}; },
        .readiness =
            [this] { return Readiness{.conditions = {.load_average = 0.5}, .refusal = refusal_}; },
        .measure = [this]() -> absl::StatusOr<std::vector<agent::MemoryBandwidth>> {
          ++measurements_;
          if (busy_) return absl::FailedPreconditionError("busy");
          return std::vector<agent::MemoryBandwidth>{
              {.best_bytes_per_second = 100e9, .taken_at_unix_ms = Now()}};
        },
        .find = [this]() -> absl::StatusOr<std::vector<Address>> {
          const std::lock_guard lock(mutex_);
          return found_;
        },
        .clock = [this] { return Now() + ahead_ms_; },
        .log =
            [this](Severity, const std::string& text) {
              const std::lock_guard lock(mutex_);
              log_.push_back(text);
            },
        .agent_version = "1.2.3"};
  }

  Settings TestSettings(const FakePlanner& planner, std::string token = "") {
    Settings settings;
    settings.planner = planner.address();
    settings.state_directory = directory_.path() + "/state";
    settings.name = "spark-1";
    settings.join_token = std::move(token);
    settings.heartbeat = milliseconds(30);
    settings.probe = milliseconds(50);
    return settings;
  }

  void Start(const Settings& settings) {
    stop_ = std::make_unique<Stop>();
    running_ = std::async(std::launch::async, [this, settings, world = TestWorld()] {
      return reporter::Run(settings, world, *stop_);
    });
  }

  absl::Status StopAgent() {
    stop_->Request();
    return running_.get();
  }

  void Rename(const std::string& hostname) {
    const std::lock_guard lock(mutex_);
    hostname_ = hostname;
  }

  void Announce(absl::StatusOr<std::vector<Address>> found) {
    const std::lock_guard lock(mutex_);
    found_ = std::move(found);
  }

  std::vector<std::string> Log() {
    const std::lock_guard lock(mutex_);
    return log_;
  }

  bool LoggedSoon(const std::string& text) {
    for (int i = 0; i < 500; ++i) {
      for (const std::string& line : Log()) {
        if (line.find(text) != std::string::npos) return true;
      }
      std::this_thread::sleep_for(milliseconds(20));
    }
    return false;
  }

  int TimesLogged(const std::string& text) {
    const std::vector<std::string> log = Log();
    return static_cast<int>(std::count_if(log.begin(), log.end(), [&](const std::string& line) {
      return line.find(text) != std::string::npos;
    }));
  }

  // Runs it until the planner has heard it, and forgets what it logged.
  void EnrolAndStop(FakePlanner& planner, const Settings& settings) {
    Start(settings);
    ASSERT_TRUE(planner.WaitFor([](const Told& told) { return !told.heartbeats.empty(); }));
    ASSERT_TRUE(StopAgent().ok());
    const std::lock_guard lock(mutex_);
    log_.clear();
  }

  std::string StateFile(const std::string& name) const {
    return directory_.path() + "/state/" + name;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Stop> stop_;
  std::future<absl::Status> running_;
  std::atomic<std::int64_t> ahead_ms_{0};
  std::string refusal_;           // set before Start
  std::atomic<bool> busy_{true};  // too busy to measure memory
  std::atomic<int> measurements_{0};
  std::mutex mutex_;
  std::string hostname_ = "first";
  std::uint64_t looks_ = 0;
  absl::StatusOr<std::vector<Address>> found_ = std::vector<Address>{};
  std::vector<std::string> log_;
};

// ---------------------------------------------------------------- membership

TEST_F(RunTest, EnrolsOnceAndIsKnownByItsCertificate) {
  FakePlanner planner(FakePlanner::Security::kTls);
  const std::string token = planner.NewToken();
  Start(TestSettings(planner, token));
  // A heartbeat comes after the report was acknowledged.
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return !told.heartbeats.empty(); }));
  ASSERT_TRUE(StopAgent().ok());
  const Told first = planner.told();
  ASSERT_EQ(first.enrolments.size(), 1u);
  EXPECT_EQ(first.enrolments[0].join_token(), token);
  EXPECT_EQ(first.enrolments[0].node_name(), "spark-1");
  EXPECT_EQ(first.enrolments[0].agent_version(), "1.2.3");
  EXPECT_EQ(first.last_certificate_id, "node-1");
  EXPECT_EQ(first.reports[0].origin().node_id(), "node-1");
  EXPECT_EQ(first.reports[0].report().hostname(), "first");

  Start(TestSettings(planner, token));  // the token may stay on the command line
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.reports.size() == 2; }));
  ASSERT_TRUE(StopAgent().ok());
  EXPECT_EQ(planner.told().enrolments.size(), 1u);
  EXPECT_GT(planner.told().reports[1].origin().boot_id(),
            planner.told().reports[0].origin().boot_id());
}

TEST_F(RunTest, EnrolsInPlaintextOnLoopback) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  Start(TestSettings(planner));
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return !told.reports.empty(); }));
  EXPECT_EQ(planner.told().enrolments[0].csr_pem(), "");
  EXPECT_TRUE(StopAgent().ok());
}

TEST_F(RunTest, NeverSpeaksPlaintextBeyondTheMachine) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  Settings settings = TestSettings(planner);
  settings.planner->host = "192.0.2.1";
  Start(settings);
  const absl::Status end = running_.get();
  EXPECT_TRUE(absl::IsInvalidArgument(end)) << end;
  EXPECT_THAT(std::string(end.message()), HasSubstr("a join token is needed"));

  Start(TestSettings(planner));  // enrolled in plaintext
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return !told.reports.empty(); }));
  ASSERT_TRUE(StopAgent().ok());
  Start(settings);
  EXPECT_TRUE(absl::IsInvalidArgument(running_.get()));
}

TEST_F(RunTest, AKeyThatIsNotTheCertificatesIsSaid) {
  FakePlanner planner(FakePlanner::Security::kTls);
  const std::string token = planner.NewToken();
  Start(TestSettings(planner, token));
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return !told.heartbeats.empty(); }));
  ASSERT_TRUE(StopAgent().ok());
  const std::string key = directory_.path() + "/state/node.key";
  for (const char* damaged : {"", "garbage"}) {
    std::ofstream(key, std::ios::trunc) << damaged;
    Start(TestSettings(planner));
    const absl::Status end = running_.get();
    EXPECT_TRUE(absl::IsInvalidArgument(end)) << end;
    EXPECT_THAT(std::string(end.message()),
                AllOf(HasSubstr("node.key is not the key"), HasSubstr("planner forget")));
  }
  // With a token it begins anew, and the file that hinders that is named.
  Start(TestSettings(planner, token));
  EXPECT_THAT(std::string(running_.get().message()), HasSubstr("node.key"));
  std::filesystem::remove(key);
  Start(TestSettings(planner, planner.NewToken()));
  EXPECT_TRUE(planner.WaitFor([](const Told& told) { return told.enrolments.size() == 2; }));
  EXPECT_TRUE(LoggedSoon("enrolling anew"));
  EXPECT_TRUE(StopAgent().ok());
}

TEST_F(RunTest, AMissingKeyIsSaidAndNotMadeAnew) {
  FakePlanner planner(FakePlanner::Security::kTls);
  EnrolAndStop(planner, TestSettings(planner, planner.NewToken()));
  std::filesystem::remove(StateFile("node.key"));
  Start(TestSettings(planner));
  const absl::Status end = running_.get();
  EXPECT_TRUE(absl::IsInvalidArgument(end)) << end;
  EXPECT_THAT(std::string(end.message()),
              AllOf(HasSubstr("node.key, the key of the certificate beside it, is missing"),
                    HasSubstr("planner forget")));
  EXPECT_FALSE(std::filesystem::exists(StateFile("node.key")));
}

TEST_F(RunTest, ADamagedCertificateIsSaid) {
  FakePlanner planner(FakePlanner::Security::kTls);
  EnrolAndStop(planner, TestSettings(planner, planner.NewToken()));
  const std::string path = StateFile("membership.pem");
  std::ifstream in(path);
  const std::string good((std::istreambuf_iterator<char>(in)), {});
  const std::string begin = "BEGIN CERTIFICATE-----\n";
  for (const std::size_t at : {good.find(begin), good.rfind(begin)}) {  // the node's, the planner's
    std::string damaged = good;
    damaged.replace(at + begin.size(), 40, 40, 'A');
    std::ofstream(path, std::ios::trunc) << damaged;
    Start(TestSettings(planner));
    const absl::Status end = running_.get();
    EXPECT_TRUE(absl::IsInvalidArgument(end)) << end;
    EXPECT_THAT(std::string(end.message()),
                AllOf(HasSubstr("membership.pem is damaged"), HasSubstr("the same node")));
  }
  Start(TestSettings(planner, planner.NewToken()));
  EXPECT_TRUE(planner.WaitFor([](const Told& told) { return told.enrolments.size() == 2; }));
  EXPECT_TRUE(LoggedSoon("membership.pem is damaged"));
}

TEST_F(RunTest, AnotherNameThanTheOneItWasEnrolledWithIsWarnedOf) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  Settings settings = TestSettings(planner);
  EnrolAndStop(planner, settings);
  settings.name = "spark-2";  // the host's, which may change
  const std::size_t before = planner.told().heartbeats.size();
  Start(settings);
  ASSERT_TRUE(
      planner.WaitFor([before](const Told& told) { return told.heartbeats.size() > before; }));
  ASSERT_TRUE(StopAgent().ok());
  EXPECT_EQ(TimesLogged("was enrolled as"), 0);
  settings.name_is_stated = true;
  Start(settings);
  EXPECT_TRUE(LoggedSoon("this node was enrolled as spark-1: --name counts the first time only"));
}

TEST_F(RunTest, WhatThePlannerSaysOfANameIsSaidOfTheOption) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  planner.AnswerEnrolments(grpc::INVALID_ARGUMENT, "node_name: a node's name has letters");
  Start(TestSettings(planner));
  const absl::Status ended = running_.get();
  EXPECT_TRUE(absl::IsInvalidArgument(ended));
  EXPECT_EQ(ended.message(), "--name: a node's name has letters");
}

// ---------------------------------------------------------------- another planner, or other words

TEST_F(RunTest, APlannerThatWasSetUpAnewIsJoinedWithItsToken) {
  FakePlanner planner(FakePlanner::Security::kTls);
  EnrolAndStop(planner, TestSettings(planner, planner.NewToken()));
  planner.Stop();
  FakePlanner anew(FakePlanner::Security::kTls, std::stoi(planner.address().port));
  Start(TestSettings(anew, anew.NewToken()));
  EXPECT_TRUE(anew.WaitFor([](const Told& told) { return !told.heartbeats.empty(); }));
  EXPECT_EQ(anew.told().enrolments.size(), 1u);
  EXPECT_EQ(anew.told().reports.size(), 1u);
  EXPECT_TRUE(
      LoggedSoon("is not the planner that enrolled this node, but the one that made the "
                 "join token: enrolling"));
  EXPECT_EQ(TimesLogged("cannot be told"), 0);
}

TEST_F(RunTest, APlannerThatWasSetUpAnewElsewhereIsFound) {
  FakePlanner planner(FakePlanner::Security::kTls);
  FakePlanner anew(FakePlanner::Security::kTls);
  EnrolAndStop(planner, TestSettings(planner, planner.NewToken()));
  planner.Stop();
  Announce(std::vector<Address>{anew.address()});
  Settings settings = TestSettings(anew, anew.NewToken());
  settings.planner.reset();
  Start(settings);
  EXPECT_TRUE(anew.WaitFor([](const Told& told) { return !told.heartbeats.empty(); }));
  EXPECT_EQ(anew.told().enrolments.size(), 1u);
}

TEST_F(RunTest, APlannerThatWasSetUpAnewIsNotCalledTheTokens) {
  FakePlanner planner(FakePlanner::Security::kTls);
  const std::string old_token = planner.NewToken();
  EnrolAndStop(planner, TestSettings(planner, old_token));
  planner.Stop();
  FakePlanner anew(FakePlanner::Security::kTls, std::stoi(planner.address().port));
  for (const std::string& token : {std::string(), old_token}) {
    Start(TestSettings(anew, token));
    EXPECT_TRUE(
        LoggedSoon("is not the planner that enrolled this node: its authority has another "
                   "fingerprint (if the planner was set up anew, this node needs a join "
                   "token of the new one"));
    ASSERT_TRUE(StopAgent().ok());
  }
  EXPECT_EQ(TimesLogged("made th"), 0) << "a token has no part in it";
  EXPECT_TRUE(anew.told().enrolments.empty());
}

// The old planner's token may stay where it is when the node belongs to another one by now.
TEST_F(RunTest, AnotherPlannersTokenDoesNotTakeANodeAway) {
  FakePlanner planner(FakePlanner::Security::kTls);
  FakePlanner other(FakePlanner::Security::kTls);
  EnrolAndStop(planner, TestSettings(planner, planner.NewToken()));
  Start(TestSettings(planner, other.NewToken()));
  EXPECT_TRUE(planner.WaitFor([](const Told& told) { return told.reports.size() == 2; }));
  EXPECT_EQ(planner.told().enrolments.size(), 1u);
}

TEST_F(RunTest, WithoutATokenAPlannerThatWantsTlsIsNotTriedForever) {
  FakePlanner planner(FakePlanner::Security::kTls);
  Start(TestSettings(planner));
  ASSERT_EQ(running_.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  const absl::Status end = running_.get();
  EXPECT_TRUE(absl::IsInvalidArgument(end)) << end;
  EXPECT_THAT(std::string(end.message()),
              AllOf(HasSubstr("speaks TLS only"), HasSubstr("a join token is needed")));
}

TEST_F(RunTest, SaysThatThePlannerSpeaksAnotherWay) {
  FakePlanner secured(FakePlanner::Security::kTls);
  EnrolAndStop(secured, TestSettings(secured, secured.NewToken()));
  secured.Stop();
  const int port = std::stoi(secured.address().port);
  {
    FakePlanner plain(FakePlanner::Security::kPlaintext, port);
    Start(TestSettings(plain));
    EXPECT_TRUE(LoggedSoon("it does not speak TLS"));
    ASSERT_TRUE(StopAgent().ok());
    std::filesystem::remove(StateFile("membership.pem"));
    EnrolAndStop(plain, TestSettings(plain));
  }
  secured.Start();
  Start(TestSettings(secured));
  EXPECT_TRUE(LoggedSoon("speaks TLS only"));
}

TEST_F(RunTest, AForgottenNodeWithATokenEnrolsAtOnce) {
  FakePlanner planner(FakePlanner::Security::kTls);
  EnrolAndStop(planner, TestSettings(planner, planner.NewToken()));
  planner.ForgetNodes();
  const std::size_t reports = planner.told().reports.size();
  Start(TestSettings(planner, planner.NewToken()));
  EXPECT_TRUE(planner.WaitFor([&](const Told& told) { return told.reports.size() > reports; }));
  EXPECT_EQ(planner.told().enrolments.size(), 2u);
  EXPECT_EQ(TimesLogged("the planner refuses this node (this planner forgot the node): enrolling "
                        "with the join token"),
            1);
  EXPECT_EQ(TimesLogged("enrol again"), 0);
}

TEST_F(RunTest, AForgottenNodeWithAnOldTokenSaysWhatToDo) {
  FakePlanner planner(FakePlanner::Security::kTls);
  const Settings settings = TestSettings(planner, planner.NewToken());
  EnrolAndStop(planner, settings);
  planner.ForgetNodes();
  Start(settings);
  EXPECT_TRUE(LoggedSoon("this node cannot be enrolled again: the join token is not good"));
}

TEST_F(RunTest, AClockThatIsWrongIsSaidAndWaitedFor) {
  FakePlanner planner(FakePlanner::Security::kTls);
  ahead_ms_ = -2 * 60 * 60'000;
  Start(TestSettings(planner, planner.NewToken()));
  EXPECT_TRUE(LoggedSoon("this machine's clock says"));
  ahead_ms_ = -3 * 60 * 60'000;  // time goes on, which is no news
  std::this_thread::sleep_for(milliseconds(1'500));
  EXPECT_EQ(TimesLogged("this machine's clock says"), 1);
  EXPECT_TRUE(planner.told().enrolments.empty());
  ahead_ms_ = 0;
  EXPECT_TRUE(planner.WaitFor([](const Told& told) { return !told.heartbeats.empty(); }));
  EXPECT_TRUE(StopAgent().ok());
}

// ---------------------------------------------------------------- without an address

TEST_F(RunTest, OfPlannersThatAreFoundTheTokensOwnIsTaken) {
  FakePlanner stranger(FakePlanner::Security::kTls);
  FakePlanner careless(FakePlanner::Security::kPlaintext);
  FakePlanner planner(FakePlanner::Security::kTls);
  Announce(std::vector<Address>{
      {"127.0.0.1", "1"}, stranger.address(), careless.address(), planner.address()});
  Settings settings = TestSettings(planner, planner.NewToken());
  settings.planner.reset();
  Start(settings);
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return !told.heartbeats.empty(); }));
  ASSERT_TRUE(StopAgent().ok());
  EXPECT_EQ(planner.told().last_certificate_id, "node-1");
  EXPECT_TRUE(stranger.told().enrolments.empty());
  EXPECT_TRUE(careless.told().enrolments.empty());

  Announce(std::vector<Address>{});  // once found it is remembered
  settings.join_token.clear();
  Start(settings);
  EXPECT_TRUE(planner.WaitFor([](const Told& told) { return told.reports.size() == 2; }));
  EXPECT_TRUE(StopAgent().ok());
}

TEST_F(RunTest, APlannerThatMovedIsFoundAgain) {
  FakePlanner planner(FakePlanner::Security::kTls);
  FakePlanner stranger(FakePlanner::Security::kTls);
  Settings settings = TestSettings(planner, planner.NewToken());
  settings.planner.reset();
  Announce(std::vector<Address>{planner.address()});
  Start(settings);
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return !told.heartbeats.empty(); }));
  ASSERT_TRUE(StopAgent().ok());

  std::ofstream(settings.state_directory + "/planner") << "127.0.0.1:1\n";  // where nobody is now
  Announce(std::vector<Address>{stranger.address(), planner.address()});
  Start(settings);
  EXPECT_TRUE(planner.WaitFor([](const Told& told) { return told.reports.size() == 2; }));
  EXPECT_TRUE(StopAgent().ok());
  EXPECT_EQ(planner.told().enrolments.size(), 1u);
  EXPECT_TRUE(stranger.told().enrolments.empty());
  EXPECT_TRUE(stranger.told().reports.empty());
}

TEST_F(RunTest, WhoIsOnlyFoundIsNeverSpokenToInPlaintext) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  Announce(std::vector<Address>{planner.address()});
  Settings settings = TestSettings(planner);
  settings.planner.reset();
  Start(settings);
  const absl::Status end = running_.get();
  EXPECT_TRUE(absl::IsInvalidArgument(end)) << end;
  EXPECT_THAT(std::string(end.message()), HasSubstr("a join token is needed"));

  Start(TestSettings(planner));  // named, it may be
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return !told.reports.empty(); }));
  ASSERT_TRUE(StopAgent().ok());
  Start(settings);
  EXPECT_TRUE(absl::IsInvalidArgument(running_.get()));
}

TEST_F(RunTest, APlannerThatIsNotFoundIsLookedForUntilItIs) {
  FakePlanner planner(FakePlanner::Security::kTls);
  Settings settings = TestSettings(planner, planner.NewToken());
  settings.planner.reset();
  Announce(absl::UnavailableError("no responder"));
  Start(settings);
  ASSERT_TRUE(LoggedSoon("it is not found (no responder"));
  EXPECT_TRUE(LoggedSoon("--planner HOST:PORT"));
  Announce(std::vector<Address>{planner.address()});
  EXPECT_TRUE(planner.WaitFor([](const Told& told) { return !told.reports.empty(); }));
  EXPECT_TRUE(StopAgent().ok());
}

TEST_F(RunTest, EndsAtOnceWhenItIsRefused) {
  FakePlanner planner(FakePlanner::Security::kTls);
  FakePlanner other(FakePlanner::Security::kTls);
  const std::string used = planner.NewToken();
  Settings settings = TestSettings(planner, used);
  Start(settings);
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return !told.reports.empty(); }));
  ASSERT_TRUE(StopAgent().ok());

  settings.state_directory = directory_.path() + "/another";
  Start(settings);
  EXPECT_TRUE(absl::IsUnauthenticated(running_.get()));
  settings.join_token = other.NewToken();
  Start(settings);
  EXPECT_TRUE(absl::IsPermissionDenied(running_.get()));
  settings.join_token = "cpjt_nonsense";
  Start(settings);
  EXPECT_TRUE(absl::IsInvalidArgument(running_.get()));
}

TEST_F(RunTest, RenewsItsCertificateAfterTwoThirds) {
  FakePlanner planner(FakePlanner::Security::kTls);
  planner.SetCertificateLife(
      60'000);  // with the five minutes before, more than two thirds are over
  Start(TestSettings(planner, planner.NewToken()));
  ASSERT_TRUE(planner.WaitFor(
      [](const Told& told) { return told.renewals == 1 && told.heartbeats.size() > 3; }));
  ASSERT_TRUE(StopAgent().ok());
  EXPECT_EQ(planner.told().renewals, 1);
  const auto membership = (*State::Open(directory_.path() + "/state"))->LoadMembership();
  EXPECT_GT(pki::ParseCertificate((*membership)->certificate_pem)->not_after_unix_ms,
            Now() + pki::kDayMs);
}

TEST_F(RunTest, AForgottenNodeSaysSo) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  Start(TestSettings(planner));
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return !told.heartbeats.empty(); }));
  planner.AnswerHeartbeats(grpc::NOT_FOUND, "no such node");
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.heartbeats.size() > 1; }));
  EXPECT_TRUE(LoggedSoon("has forgotten this node"));
  EXPECT_TRUE(StopAgent().ok());
}

TEST_F(RunTest, ARefusedNodeSaysOnceWhatToDo) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  Start(TestSettings(planner));
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return !told.heartbeats.empty(); }));
  planner.AnswerHeartbeats(grpc::UNAUTHENTICATED, "the certificate is revoked; enrol again");
  EXPECT_TRUE(LoggedSoon("refuses this node (the certificate is revoked): enrol again with a new"));
  EXPECT_TRUE(StopAgent().ok());
}

// ---------------------------------------------------------------- reports

TEST_F(RunTest, SendsANewReportWhenFactsChangeAndOnlyThen) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  Start(TestSettings(planner));
  // Free memory differs at each look, which is no new fact.
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.heartbeats.size() > 5; }));
  EXPECT_EQ(planner.told().reports.size(), 1u);
  Rename("second");
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.reports.size() == 2; }));
  const Told told = planner.told();
  EXPECT_EQ(told.reports[1].report().hostname(), "second");
  EXPECT_EQ(told.reports[1].origin().boot_id(), told.reports[0].origin().boot_id());
  EXPECT_EQ(told.reports[1].origin().sequence(), 2u);
}

TEST_F(RunTest, SendsAReportWhenThePlannerWantsOne) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  Start(TestSettings(planner));
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.reports.size() == 1; }));
  planner.AnswerHeartbeats(0, "", true);
  EXPECT_TRUE(planner.WaitFor([](const Told& told) { return told.reports.size() == 2; }));
}

TEST_F(RunTest, HeartbeatsSayWhatIsNowAndWhatWasAcknowledged) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  Start(TestSettings(planner));
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.heartbeats.size() > 2; }));
  const auto beats = planner.told().heartbeats;
  EXPECT_EQ(beats[1].origin().sequence(), 2u);
  EXPECT_EQ(beats[1].available_memory_bytes(), 7u);
  EXPECT_EQ(beats[1].load_average(), 0.5);
  EXPECT_EQ(beats[1].report_boot_id(), beats[1].origin().boot_id());
  EXPECT_EQ(beats[1].report_sequence(), 1u);
  EXPECT_EQ(beats[1].spooled_reports(), 0u);
}

TEST_F(RunTest, KeepsReportsThroughAnOutageAndSendsThemInOrder) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  Start(TestSettings(planner));
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.reports.size() == 1; }));
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return !told.heartbeats.empty(); }));
  planner.Stop();
  Rename("second");
  ASSERT_TRUE(LoggedSoon("reports are kept until"));
  std::this_thread::sleep_for(milliseconds(200));
  ASSERT_TRUE(StopAgent().ok());  // and it is restarted while the planner is away
  Rename("third");
  Start(TestSettings(planner));
  std::this_thread::sleep_for(milliseconds(300));
  planner.Start();
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.reports.size() == 3; }));
  const auto reports = planner.told().reports;
  EXPECT_EQ(reports[1].report().hostname(), "second");
  EXPECT_EQ(reports[2].report().hostname(), "third");
  EXPECT_GT(reports[2].origin().boot_id(), reports[1].origin().boot_id());
  ASSERT_TRUE(LoggedSoon("reached again"));
}

// What a planner that ends makes of the calls it has.
TEST_F(RunTest, APlannerThatIsRestartedIsNoOutage) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  Start(TestSettings(planner));
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.heartbeats.size() > 2; }));
  planner.AnswerHeartbeats(grpc::CANCELLED, "");
  const std::size_t before = planner.told().heartbeats.size();
  ASSERT_TRUE(
      planner.WaitFor([before](const Told& told) { return told.heartbeats.size() > before; }));
  planner.AnswerHeartbeats(0, "");
  ASSERT_TRUE(
      planner.WaitFor([before](const Told& told) { return told.heartbeats.size() > before + 3; }));
  EXPECT_EQ(TimesLogged("cannot be told"), 0);
  EXPECT_EQ(TimesLogged("reached again"), 0);
  planner.AnswerHeartbeats(grpc::CANCELLED, "");
  EXPECT_TRUE(LoggedSoon("cannot be told: the connection to it ended"));
}

// An answer "later" is no failure: the agent waits as long as it was asked, and lives meanwhile.
TEST_F(RunTest, WhatWaitsIsDeliveredAsFastAsThePlannerTakesIt) {
  constexpr std::uint64_t kWaiting = 20;
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  planner.LimitReports(milliseconds(100));
  const Settings settings = TestSettings(planner);
  {
    auto spool = *Spool::Open(settings.state_directory + "/spool", {});
    for (std::uint64_t i = 1; i <= kWaiting; ++i) ASSERT_TRUE(spool.Append({1, i, ""}).ok());
  }
  Start(settings);
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.reports.size() > kWaiting; }));
  const auto reports = planner.told().reports;
  for (std::uint64_t i = 0; i < kWaiting; ++i) EXPECT_EQ(reports[i].origin().sequence(), i + 1);
  EXPECT_GE(planner.told().heartbeats.size(), kWaiting);
  EXPECT_TRUE(LoggedSoon("what waited is delivered"));
  EXPECT_EQ(TimesLogged("bit by bit"), 1);
  EXPECT_EQ(TimesLogged("cannot be told"), 0);
}

TEST_F(RunTest, ToBeAskedLaterIsNoFailureOfEnrolmentsAndHeartbeatsEither) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  planner.AnswerEnrolments(grpc::RESOURCE_EXHAUSTED, "");
  planner.AnswerHeartbeats(grpc::RESOURCE_EXHAUSTED, "");
  Start(TestSettings(planner));
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.enrolments.size() == 3; }));
  EXPECT_EQ(TimesLogged("it is asked again when it wants"), 1);
  planner.AnswerEnrolments(0, "");
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return !told.heartbeats.empty(); }));
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.heartbeats.size() > 5; }));
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(450)) << "asked too early";
  EXPECT_EQ(TimesLogged("cannot be told"), 0);
  EXPECT_EQ(TimesLogged("reached again"), 0);
}

TEST_F(RunTest, ASlowPlannerHearsSignsOfLifeBetweenWhatWaits) {
  constexpr std::uint64_t kWaiting = 20;
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  planner.SetDelay(milliseconds(50));
  const Settings settings = TestSettings(planner);
  {
    auto spool = *Spool::Open(settings.state_directory + "/spool", {});
    for (std::uint64_t i = 1; i <= kWaiting; ++i) ASSERT_TRUE(spool.Append({1, i, ""}).ok());
  }
  Start(settings);
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.heartbeats.size() >= 5; }));
  EXPECT_LT(planner.told().reports.size(), kWaiting);
}

TEST_F(RunTest, ReportsThatTheDiskHasDamagedAreSaid) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  const Settings settings = TestSettings(planner);
  {
    auto spool = *Spool::Open(settings.state_directory + "/spool", {});
    for (std::uint64_t i = 1; i <= 3; ++i) ASSERT_TRUE(spool.Append({1, i, "whole"}).ok());
  }
  for (const auto& file : std::filesystem::directory_iterator(StateFile("spool"))) {
    std::filesystem::resize_file(file.path(), 33);
  }
  Start(settings);
  EXPECT_TRUE(LoggedSoon("3 damaged and dropped ("));
  EXPECT_EQ(TimesLogged("00000000000000000001-00000000000000000001.report is damaged)"), 1);
  EXPECT_TRUE(planner.WaitFor([](const Told& told) { return told.reports.size() == 1; }));
}

TEST_F(RunTest, ReportsThatTheDiskRefusesAreNotCalledKept) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  const Settings settings = TestSettings(planner);
  EnrolAndStop(planner, settings);
  planner.Stop();
  Start(settings);
  ASSERT_TRUE(LoggedSoon("reports are kept until it can"));
  std::filesystem::rename(StateFile("spool"), StateFile("elsewhere"));
  std::ofstream(StateFile("spool")) << "as if the disk were full";
  Rename("second");
  ASSERT_TRUE(LoggedSoon("a report cannot be kept, nor sent"));
  EXPECT_TRUE(LoggedSoon("reports cannot be kept meanwhile"));
}

TEST_F(RunTest, ADiskThatTakesNoMembershipIsNotThePlannersFault) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  const std::string hindrance = StateFile("membership.pem.new-" + std::to_string(getpid()));
  std::filesystem::create_directories(hindrance + "/inside");
  Start(TestSettings(planner));
  ASSERT_TRUE(LoggedSoon("the planner is not told: " + hindrance));
  EXPECT_EQ(TimesLogged("reports are kept until it can"), 0);
  std::filesystem::remove_all(hindrance);
  EXPECT_TRUE(planner.WaitFor([](const Told& told) { return !told.heartbeats.empty(); }));
}

TEST_F(RunTest, AReportThatIsNotUnderstoodDoesNotBlockTheNext) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  planner.AnswerReports(grpc::INVALID_ARGUMENT, "report.hostname");
  Start(TestSettings(planner));
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.heartbeats.size() > 1; }));
  planner.AnswerReports(0, "");
  Rename("second");
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return !told.reports.empty(); }));
  EXPECT_EQ(planner.told().reports[0].report().hostname(), "second");
}

TEST_F(RunTest, MeasuresMemoryOnceWhenTheMachineIsIdle) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  Start(TestSettings(planner));
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.heartbeats.size() > 3; }));
  EXPECT_EQ(planner.told().reports.size(), 1u);
  EXPECT_EQ(planner.told().reports[0].report().memory_bandwidths_size(), 0);
  busy_ = false;
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.reports.size() == 2; }));
  EXPECT_EQ(planner.told().reports[1].report().memory_bandwidths(0).best_bytes_per_second(), 100e9);
  const int measured = measurements_;
  const std::size_t beats = planner.told().heartbeats.size();
  ASSERT_TRUE(
      planner.WaitFor([beats](const Told& told) { return told.heartbeats.size() > beats + 5; }));
  EXPECT_EQ(measurements_, measured);
  ASSERT_TRUE(StopAgent().ok());

  Start(TestSettings(planner));  // what was measured is remembered
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.reports.size() == 3; }));
  EXPECT_EQ(planner.told().reports[2].report().memory_bandwidths_size(), 1);
  EXPECT_EQ(measurements_, measured);
}

// ---------------------------------------------------------------- links

const std::string kSecretText(link::kSecretBytes, 's');

link::Secret SharedSecret() {
  link::Secret secret;
  secret.fill('s');
  return secret;
}

v1::Task LinkTask(v1::Task::Role role, int port) {
  v1::Task task;
  task.set_task_id("task-1");
  task.set_role(role);
  task.set_peer_node_id("node-2");
  task.set_peer_name("spark-2");
  task.add_addresses("127.0.0.1");
  task.set_port(static_cast<std::uint32_t>(port));
  task.set_secret(kSecretText);
  task.set_lease_ms(20'000);
  task.set_round_trips(20);
  task.set_transfer_ms(50);
  task.set_transfer_limit_bytes(1 << 26);
  return task;
}

TEST_F(RunTest, ListensForAPeerUntilThePlannerHasEnough) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  planner.GiveTask(LinkTask(v1::Task::ROLE_LISTEN, 0));
  Start(TestSettings(planner));
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return !told.updates.empty(); }));
  const v1::UpdateTaskRequest update = planner.told().updates[0];
  EXPECT_EQ(update.state(), v1::TASK_STATE_LISTENING);
  EXPECT_EQ(update.node_id(), "node-1");
  const auto measured =
      link::Measure({"127.0.0.1"}, static_cast<int>(update.port()), SharedSecret(),
                    {.round_trips = 20, .transfer = milliseconds(50)}, milliseconds(5'000));
  ASSERT_EQ(measured.size(), 1u);
  EXPECT_EQ(measured[0].failure, "");
  planner.EndTask();
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.updates.size() >= 2; }));
}

TEST_F(RunTest, MeasuresTheWayToAPeerAndSaysSo) {
  const auto listener = link::Listener::Open({"127.0.0.1"}, SharedSecret(), milliseconds(30'000));
  ASSERT_TRUE(listener.ok()) << listener.status();
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  planner.GiveTask(LinkTask(v1::Task::ROLE_CONNECT, (*listener)->port()));
  Start(TestSettings(planner));
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return !told.updates.empty(); }));
  const Told told = planner.told();
  EXPECT_EQ(told.updates[0].state(), v1::TASK_STATE_DONE);
  ASSERT_EQ(told.measurements.size(), 1u);
  EXPECT_EQ(told.measurements[0].origin().sequence(), 1u);
  const v1::LinkMeasurement& measured = told.measurements[0].links(0);
  EXPECT_EQ(measured.task_id(), "task-1");
  EXPECT_EQ(measured.peer_node_id(), "node-2");
  EXPECT_EQ(measured.peer_address(), "127.0.0.1");
  EXPECT_EQ(measured.failure(), "");
  EXPECT_GT(measured.round_trip_best_us(), 0.0);
  EXPECT_GT(measured.send_bits_per_second(), 0.0);
  EXPECT_EQ(measured.conditions().load_average(), 0.5);
}

TEST_F(RunTest, RefusesToMeasureOnABusyMachine) {
  refusal_ = "the machine is busy";
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  planner.GiveTask(LinkTask(v1::Task::ROLE_LISTEN, 0));
  Start(TestSettings(planner));
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return !told.refusals.empty(); }));
  EXPECT_EQ(planner.told().refusals[0], "the machine is busy");
  EXPECT_TRUE(planner.told().updates.empty());
}

// ---------------------------------------------------------------- the end

// ---------------------------------------------------------------- measured speeds

std::vector<std::string> IdsOf(const Told& told) {
  std::vector<std::string> ids;
  for (const auto& request : told.measurements) {
    for (const auto& speed : request.speeds()) ids.push_back(speed.id());
  }
  return ids;
}

TEST_F(RunTest, DeliversSpeedsThatWereMeasuredBeforeAndBesideIt) {
  FakePlanner planner(FakePlanner::Security::kTls);
  const Settings settings = TestSettings(planner, planner.NewToken());
  const Inbox inbox(settings.state_directory);
  ASSERT_TRUE(inbox.Put(testing::Speed(1)).ok());  // no agent has ever run here
  Start(settings);
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.measurements.size() == 1; }));
  ASSERT_TRUE(inbox.Put(testing::Speed(2)).ok());
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.measurements.size() == 2; }));
  ASSERT_TRUE(LoggedSoon("told the planner how fast llama.cpp runs qwen3 8B"));
  const Told told = planner.told();
  for (const int i : {0, 1}) {
    const v1::SendMeasurementsRequest& request = told.measurements[i];
    EXPECT_EQ(request.origin().node_id(), "node-1");
    EXPECT_EQ(request.origin().boot_id(), told.heartbeats[0].origin().boot_id());
    EXPECT_EQ(request.origin().sequence(), static_cast<std::uint64_t>(i) + 1);
    ASSERT_EQ(request.speeds_size(), 1);
    EXPECT_EQ(request.speeds(0).id(), testing::Speed(i + 1).id);
    EXPECT_EQ(request.speeds(0).decode().highest_tokens_per_second(), 51);
  }
  const std::size_t beats = told.heartbeats.size();
  ASSERT_TRUE(planner.WaitFor([&](const Told& now) { return now.heartbeats.size() > beats + 2; }));
  EXPECT_EQ(planner.told().measurements.size(), 2u) << "sent again";
  EXPECT_TRUE(inbox.Waiting().empty());
}

TEST_F(RunTest, ASpeedIsKeptUntilThePlannerHasIt) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  planner.AnswerMeasurements(14, "the disk is full");
  const Settings settings = TestSettings(planner);
  const Inbox inbox(settings.state_directory);
  ASSERT_TRUE(inbox.Put(testing::Speed(1)).ok());
  ASSERT_TRUE(inbox.Put(testing::Speed(2)).ok());
  Start(settings);
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.measurements.size() == 2; }));
  EXPECT_EQ(inbox.Waiting().size(), 2u);
  planner.AnswerMeasurements(0, "");
  ASSERT_TRUE(planner.WaitFor([](const Told& told) {
    return !IdsOf(told).empty() && IdsOf(told).back() == testing::Speed(2).id;
  }));
  for (int i = 0; i < 250 && !inbox.Waiting().empty(); ++i) {
    std::this_thread::sleep_for(milliseconds(20));
  }
  EXPECT_TRUE(inbox.Waiting().empty());
  // A repeated message has its number again, another one another.
  std::map<std::string, std::set<std::uint64_t>> numbers;
  for (const auto& request : planner.told().measurements) {
    numbers[request.speeds(0).id()].insert(request.origin().sequence());
  }
  ASSERT_EQ(numbers.size(), 2u);
  EXPECT_EQ(numbers[testing::Speed(1).id], std::set<std::uint64_t>{1});
  EXPECT_EQ(numbers[testing::Speed(2).id], std::set<std::uint64_t>{2});
}

TEST_F(RunTest, ASpeedThatIsNotUnderstoodIsSetAside) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  planner.AnswerMeasurements(3, "speeds[0].streams: is missing");
  const Settings settings = TestSettings(planner);
  const Inbox inbox(settings.state_directory);
  ASSERT_TRUE(inbox.Put(testing::Speed(1)).ok());
  std::ofstream(inbox.directory() + "/00000000000000000001-" + std::string(32, 'a') + ".speed")
      << "not a message";
  Start(settings);
  ASSERT_TRUE(LoggedSoon("streams: is missing"));
  ASSERT_TRUE(LoggedSoon("what was kept is not a measurement"));
  planner.AnswerMeasurements(0, "");
  ASSERT_TRUE(inbox.Put(testing::Speed(2)).ok());
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.measurements.size() == 2; }));
  EXPECT_EQ(IdsOf(planner.told()),
            (std::vector<std::string>{testing::Speed(1).id, testing::Speed(2).id}));
  int aside = 0;
  for (const auto& file : std::filesystem::directory_iterator(inbox.directory())) {
    if (file.path().extension() == ".refused") ++aside;
  }
  EXPECT_EQ(aside, 2);
}

TEST_F(RunTest, EndsWithinSecondsWhileThePlannerIsSlow) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  planner.SetDelay(milliseconds(3'000));
  Start(TestSettings(planner));
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return !told.enrolments.empty(); }));
  std::this_thread::sleep_for(milliseconds(200));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(StopAgent().ok());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
  // What was not acknowledged is sent by the next one.
  planner.SetDelay(milliseconds(0));
  Start(TestSettings(planner));
  EXPECT_TRUE(planner.WaitFor([](const Told& told) { return told.reports.size() >= 2; }));
}

TEST(SameFacts, LeavesOutWhatChangesAllTheTime) {
  agent::Report a;
  agent::Report b;
  b.taken_at_unix_ms = 5;
  b.memory.available_bytes = 5;
  EXPECT_TRUE(SameFacts(a, b));
  b.memory.installed_bytes = 5;
  EXPECT_FALSE(SameFacts(a, b));
}

}  // namespace
}  // namespace capacity::reporter
