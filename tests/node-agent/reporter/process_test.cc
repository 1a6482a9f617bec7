// The real node-agent against a planner: what it costs, how it ends, and kill -9 at any moment.
//
// CAPACITY_KILLS=1000 build/tests/node-agent/reporter/agent_reporter_test
//     --gtest_filter='AgentProcess.*' is the long version; CAPACITY_IDLE_SECONDS=120 measures
//     idling
// for as long, at the usual ten seconds between heartbeats.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "node-agent/reporter/inbox.h"
#include "planner/discovery/dns_sd.h"
#include "tests/node-agent/reporter/fake_planner.h"
#include "tests/node-agent/reporter/support.h"

extern char** environ;

namespace capacity::reporter {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using testing::FakePlanner;
using testing::TemporaryDirectory;
using Told = FakePlanner::Told;

int NumberFrom(const char* name, int otherwise) {
  const char* const text = std::getenv(name);
  return text != nullptr ? std::atoi(text) : otherwise;
}

// `node-agent run ...`; killed at the end if it still runs.
class Process {
 public:
  // What it says goes to the file `errors`.
  explicit Process(std::vector<std::string> arguments, const std::string& errors = "/dev/null") {
    arguments.insert(arguments.begin(), {CAPACITY_NODE_AGENT, "run"});
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, errors.c_str(), O_WRONLY | O_CREAT, 0600);
    EXPECT_EQ(posix_spawn(&id_, argv[0], &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
  }
  ~Process() { End(SIGKILL); }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Its exit code; 128 + signal when a signal ended it; -1 when it had ended before.
  int End(int signal) {
    if (id_ <= 0) return -1;
    kill(id_, signal);
    int status = 0;
    waitpid(id_, &status, 0);
    id_ = 0;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

  int id() const { return id_; }

 private:
  pid_t id_ = 0;
};

class AgentProcess : public ::testing::Test {
 protected:
  std::vector<std::string> Arguments(const FakePlanner& planner, const std::string& heartbeat = "1",
                                     const std::string& token = "") {
    std::vector<std::string> arguments = {"--planner",   "127.0.0.1:" + planner.address().port,
                                          "--state-dir", state_,
                                          "--name",      "spark-1",
                                          "--heartbeat", heartbeat};
    if (!token.empty()) arguments.insert(arguments.end(), {"--token", token});
    return arguments;
  }

  using Stamp = std::pair<std::uint64_t, std::uint64_t>;  // boot, sequence

  // What is kept on disk.
  std::set<Stamp> Kept() const {
    std::set<Stamp> kept;
    std::error_code error;
    for (const auto& file : fs::directory_iterator(state_ + "/spool", error)) {
      if (file.path().extension() != ".report") continue;
      const std::string name = file.path().stem().string();  // 20 digits, '-', 20 digits
      kept.emplace(std::stoull(name.substr(0, 20)), std::stoull(name.substr(21)));
    }
    return kept;
  }
  std::size_t Spooled() const { return Kept().size(); }

  TemporaryDirectory directory_;
  const std::string state_ = directory_.path() + "/state";
};

TEST_F(AgentProcess, EndsOnSigtermWithinSeconds) {
  FakePlanner planner(FakePlanner::Security::kTls);
  Process agent(Arguments(planner, "1", planner.NewToken()));
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return !told.heartbeats.empty(); }));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(agent.End(SIGTERM), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4));
}

TEST_F(AgentProcess, EndsOnSigtermWithoutAPlanner) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  planner.Stop();
  Process agent(Arguments(planner));
  for (int i = 0; i < 500 && Spooled() == 0; ++i) std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(Spooled(), 1u);  // kept before anybody was reached
  EXPECT_EQ(agent.End(SIGTERM), 0);
  EXPECT_EQ(Spooled(), 1u);
}

TEST_F(AgentProcess, SaysOnceAndInItsOwnWordsThatThePlannerIsAnother) {
  FakePlanner planner(FakePlanner::Security::kTls);
  {
    Process agent(Arguments(planner, "1", planner.NewToken()));
    ASSERT_TRUE(planner.WaitFor([](const Told& told) { return !told.heartbeats.empty(); }));
  }
  planner.Stop();
  FakePlanner anew(FakePlanner::Security::kTls, std::stoi(planner.address().port));
  const std::string errors = directory_.path() + "/errors";
  {
    Process agent(Arguments(anew), errors);
    std::this_thread::sleep_for(std::chrono::seconds(4));  // several tries
    EXPECT_EQ(agent.End(SIGTERM), 0);
  }
  std::ifstream in(errors);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 3u) << ::testing::PrintToString(lines);
  EXPECT_THAT(lines[0], ::testing::HasSubstr(" info node-agent "));
  EXPECT_THAT(lines[1], ::testing::HasSubstr("is not the planner that enrolled this node"));
  EXPECT_THAT(lines[2], ::testing::HasSubstr(" info ended as asked"));
}

TEST_F(AgentProcess, AnEmptyTokenFileHoldsNoToken) {
  FakePlanner planner(FakePlanner::Security::kTls);
  const std::string empty = directory_.path() + "/token";
  const std::string errors = directory_.path() + "/errors";
  std::ofstream(empty) << "\n";
  std::vector<std::string> arguments = Arguments(planner);
  arguments.insert(arguments.end(), {"--token-file", empty});
  Process agent(arguments, errors);
  EXPECT_EQ(agent.End(0), 2);  // waits until it ends by itself
  std::ifstream in(errors);
  const std::string said((std::istreambuf_iterator<char>(in)), {});
  EXPECT_THAT(said, ::testing::HasSubstr("/token is empty"));
  EXPECT_THAT(said, ::testing::HasSubstr("a join token is needed"));
}

// Needs a responder on loopback too: avahi-daemon.
TEST_F(AgentProcess, FindsThePlannerThatAnnouncesItself) {
#ifdef __APPLE__
  GTEST_SKIP() << "macOS announces nothing on loopback, where the planner of this test is";
#endif
  FakePlanner stranger(FakePlanner::Security::kTls);
  FakePlanner planner(FakePlanner::Security::kTls);
  const auto announce = [](const std::string& name, const FakePlanner& who) {
    return discovery::Announcement::Start(name + std::to_string(getpid()),
                                          std::stoi(who.address().port), {});
  };
  const auto wrong = announce("a planner test ", stranger);
  if (!wrong.ok()) GTEST_SKIP() << "no responder here: " << wrong.status().message();
  const auto right = announce("b planner test ", planner);
  ASSERT_TRUE(right.ok()) << right.status();
  Process agent({"--state-dir", state_, "--name", "spark-1", "--heartbeat", "1", "--token",
                 planner.NewToken()});
  EXPECT_TRUE(planner.WaitFor([](const Told& told) { return !told.heartbeats.empty(); }));
  EXPECT_TRUE(stranger.told().enrolments.empty());
  EXPECT_EQ(agent.End(SIGTERM), 0);
}

TEST_F(AgentProcess, RefusesWhatMakesNoSense) {
  FakePlanner planner(FakePlanner::Security::kTls);
  const auto ends_with = [](std::vector<std::string> arguments) {
    Process agent(std::move(arguments));
    std::this_thread::sleep_for(milliseconds(500));
    return agent.End(0);
  };
  const auto with_planner = [this](const std::string& address) {
    return std::vector<std::string>{"--planner", address, "--state-dir", state_};
  };
  EXPECT_EQ(ends_with(with_planner("nowhere")), 2);
  EXPECT_EQ(ends_with(with_planner("192.0.2.1:7443")), 2);  // no token
  EXPECT_EQ(ends_with(Arguments(planner, "1", "cpjt_x")), 2);
}

// ---------------------------------------------------------------- cost

#ifdef __linux__
struct Usage {
  double cpu_seconds = 0;
  double resident_mb = 0;
};

Usage UsageOf(int process) {
  Usage usage;
  std::ifstream stat("/proc/" + std::to_string(process) + "/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string field;
  for (int i = 3; i <= 24 && fields >> field; ++i) {
    if (i == 14 || i == 15) usage.cpu_seconds += std::stod(field) / sysconf(_SC_CLK_TCK);
    if (i == 24) usage.resident_mb = std::stod(field) * sysconf(_SC_PAGESIZE) / 1e6;
  }
  return usage;
}

TEST_F(AgentProcess, CostsNothingNoticeableWhileIdle) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "a sanitizer's memory is not the agent's";
#endif
  const int seconds = NumberFrom("CAPACITY_IDLE_SECONDS", 0);
  FakePlanner planner(FakePlanner::Security::kTls);
  Process agent(Arguments(planner, seconds > 0 ? "10" : "1", planner.NewToken()));
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return !told.heartbeats.empty(); }));
  std::this_thread::sleep_for(milliseconds(500));
  const Usage before = UsageOf(agent.id());
  std::this_thread::sleep_for(std::chrono::seconds(seconds > 0 ? seconds : 4));
  const Usage after = UsageOf(agent.id());
  const double cpu = after.cpu_seconds - before.cpu_seconds;
  std::printf("resident %.1f MB, %.3f s of processor in %d s\n", after.resident_mb, cpu,
              seconds > 0 ? seconds : 4);
  EXPECT_LT(after.resident_mb, 30.0);
  // Clock ticks are of 10 ms: too coarse to judge a tenth of a percent in a short run.
  EXPECT_LT(cpu, seconds > 0 ? 0.001 * seconds + 0.01 : 0.08);
}
#endif

// ---------------------------------------------------------------- kill -9

// Every report that was on the disk arrives, in order; a repeated one is the same one.
TEST_F(AgentProcess, KillsLoseNothing) {
  const int kills = NumberFrom("CAPACITY_KILLS", 20);
  FakePlanner planner(FakePlanner::Security::kTls);
  const std::string token = planner.NewToken();
  std::mt19937 random(20261122);
  std::set<Stamp> kept;  // seen on the disk after a kill
  {
    Process agent(Arguments(planner, "1", token));
    ASSERT_TRUE(planner.WaitFor([](const Told& told) { return !told.heartbeats.empty(); }));
  }
  for (int i = 0; i < kills; ++i) {
    Process agent(Arguments(planner));
    std::this_thread::sleep_for(milliseconds(random() % 600));
    agent.End(SIGKILL);
    kept.merge(Kept());
  }
  const std::size_t before = planner.told().heartbeats.size();
  {
    Process agent(Arguments(planner));
    ASSERT_TRUE(
        planner.WaitFor([before](const Told& told) { return told.heartbeats.size() > before; }));
    EXPECT_EQ(Spooled(), 0u);
  }
  std::map<Stamp, std::string> delivered;
  Stamp newest = {0, 0};
  for (const v1::SendReportRequest& report : planner.told().reports) {
    const Stamp stamp = {report.origin().boot_id(), report.origin().sequence()};
    EXPECT_EQ(report.origin().node_id(), "node-1");
    EXPECT_GE(stamp, newest) << "out of order";
    newest = stamp;
    const auto [it, first] = delivered.emplace(stamp, report.report().SerializeAsString());
    EXPECT_TRUE(first || it->second == report.report().SerializeAsString());
  }
  for (const Stamp& stamp : kept) EXPECT_EQ(delivered.count(stamp), 1u) << "lost";
  EXPECT_EQ(planner.told().enrolments.size(), 1u);
  std::printf(
      "%d kills, %zu reports delivered, %zu of them seen waiting after a kill, %zu repeated\n",
      kills, delivered.size(), kept.size(), planner.told().reports.size() - delivered.size());
}

// ---------------------------------------------------------------- kill -9 and measured speeds

TEST_F(AgentProcess, AKillBetweenSendingAndRemovingASpeedLosesNothing) {
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  const Inbox inbox(state_);
  {
    Process agent(Arguments(planner));
    ASSERT_TRUE(planner.WaitFor([](const Told& told) { return !told.heartbeats.empty(); }));
    planner.SetDelay(milliseconds(2'000));
    ASSERT_TRUE(inbox.Put(testing::Speed(1)).ok());
    ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.measurements.size() == 1; }));
    EXPECT_EQ(agent.End(SIGKILL), 128 + SIGKILL);
  }
  EXPECT_EQ(inbox.Waiting().size(), 1u);
  planner.SetDelay(milliseconds(0));
  Process agent(Arguments(planner));
  ASSERT_TRUE(planner.WaitFor([](const Told& told) { return told.measurements.size() == 2; }));
  const Told told = planner.told();
  EXPECT_EQ(told.measurements[0].speeds(0).SerializeAsString(),
            told.measurements[1].speeds(0).SerializeAsString());
  EXPECT_GT(told.measurements[1].origin().boot_id(), told.measurements[0].origin().boot_id());
  for (int i = 0; i < 250 && !inbox.Waiting().empty(); ++i) {
    std::this_thread::sleep_for(milliseconds(20));
  }
  EXPECT_TRUE(inbox.Waiting().empty());
}

TEST_F(AgentProcess, KillsLoseNoSpeed) {
  const int kills = NumberFrom("CAPACITY_KILLS", 10);
  FakePlanner planner(FakePlanner::Security::kPlaintext);
  planner.SetDelay(milliseconds(10));
  const Inbox inbox(state_);
  std::mt19937 random(20261122);
  std::uint64_t put = 0;
  for (int i = 0; i < kills; ++i) {
    Process agent(Arguments(planner));
    for (int j = 0; j < 5; ++j) ASSERT_TRUE(inbox.Put(testing::Speed(++put)).ok());
    std::this_thread::sleep_for(milliseconds(random() % 500));
    agent.End(SIGKILL);
  }
  planner.SetDelay(milliseconds(0));
  Process agent(Arguments(planner));
  for (int i = 0; i < 500 && !inbox.Waiting().empty(); ++i) {
    std::this_thread::sleep_for(milliseconds(20));
  }
  EXPECT_TRUE(inbox.Waiting().empty());
  std::map<std::string, int> times;
  for (const auto& request : planner.told().measurements) ++times[request.speeds(0).id()];
  for (std::uint64_t i = 1; i <= put; ++i) EXPECT_GE(times[testing::Speed(i).id], 1) << i;
  int repeated = 0;
  for (const auto& [id, count] : times) repeated += count - 1;
  EXPECT_LE(repeated, kills);
  std::printf("%d kills, %zu speeds delivered, %d of them twice\n", kills, times.size(), repeated);
}

}  // namespace
}  // namespace capacity::reporter
