// kill -9 at any moment: nothing that was acknowledged is lost, nothing is there twice.
//
// CAPACITY_KILLS=1000 build/tests/store/store_test --gtest_filter='Crash.*' is the long version.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>

#include "planner/store/maintenance.h"
#include "tests/store/support.h"

namespace capacity::store {
namespace {

using testing::TemporaryDirectory;

constexpr int kNodes = 8;
constexpr int kShortKills = 30;

std::string NodeId(std::int64_t node) { return "node-" + std::to_string(node); }

Options LargeHistory(const std::string& directory) {
  Options options;
  options.directory = directory;
  options.measurements_per_node = 10'000'000;
  return options;
}

struct Acknowledged {
  std::int64_t node;
  std::int64_t sequence;
};

// One node of the child: sends the next report, with one measurement, when the last is
// acknowledged.
class Sender {
 public:
  Sender(Store& store, std::int64_t node, std::int64_t next, int pipe)
      : store_(store), node_(node), next_(next), pipe_(pipe) {}

  void Send() {
    const std::int64_t sequence = next_;
    NewReport report;
    report.node_id = NodeId(node_);
    report.stamp = {1, static_cast<std::uint64_t>(sequence)};
    report.bytes = std::string(2'000, 'r') + std::to_string(sequence);
    report.measurements = {{.kind = "memory-bandwidth",
                            .subject = "cpu",
                            .taken_at_unix_ms = sequence,
                            .bytes = std::to_string(sequence)}};
    store_.PutReport(std::move(report), [this, sequence](absl::StatusOr<Outcome> outcome) {
      if (!outcome.ok()) _exit(3);
      const Acknowledged acknowledged = {node_, sequence};
      if (write(pipe_, &acknowledged, sizeof acknowledged) != sizeof acknowledged) _exit(4);
      next_ = sequence + 1;
      Send();
    });
  }

 private:
  Store& store_;
  const std::int64_t node_;
  std::int64_t next_;
  const int pipe_;
};

// The child: never returns. Each node begins with the last that was acknowledged, as an agent does
// that cannot know whether its last message arrived.
[[noreturn]] void WriteUntilKilled(const std::string& directory,
                                   const std::map<std::int64_t, std::int64_t>& last, int pipe) {
  auto store = Store::Open(LargeHistory(directory));
  if (!store.ok()) _exit(2);
  std::vector<Sender> senders;
  for (std::int64_t node = 0; node < kNodes; ++node) {
    const auto it = last.find(node);
    senders.emplace_back(**store, node, it == last.end() ? 1 : it->second, pipe);
  }
  for (Sender& sender : senders) sender.Send();
  while (true) pause();
}

// Kills the child at a moment of its choosing, and gives what was acknowledged until then.
class Round {
 public:
  Round(pid_t child, int pipe) : child_(child), pipe_(pipe) {}

  void Run(std::chrono::milliseconds life, std::map<std::int64_t, std::int64_t>& last) {
    const auto end = std::chrono::steady_clock::now() + life;
    while (std::chrono::steady_clock::now() < end) {
      pollfd readable = {.fd = pipe_, .events = POLLIN, .revents = 0};
      if (poll(&readable, 1, 1) > 0 && !ReadSome(last)) break;
    }
    kill(child_, SIGKILL);
    int status = 0;
    waitpid(child_, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself with " << WEXITSTATUS(status);
    while (ReadSome(last)) {
    }
  }

 private:
  bool ReadSome(std::map<std::int64_t, std::int64_t>& last) {
    Acknowledged acknowledged[256];
    const ssize_t size = read(pipe_, acknowledged, sizeof acknowledged);
    for (ssize_t i = 0; i < size / static_cast<ssize_t>(sizeof(Acknowledged)); ++i) {
      std::int64_t& newest = last[acknowledged[i].node];
      newest = std::max(newest, acknowledged[i].sequence);
    }
    return size > 0;
  }

  const pid_t child_;
  const int pipe_;
};

void KillOnce(const std::string& directory, std::chrono::milliseconds life,
              std::map<std::int64_t, std::int64_t>& last) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    close(ends[0]);
    WriteUntilKilled(directory, last, ends[1]);
  }
  close(ends[1]);
  Round(child, ends[0]).Run(life, last);
  close(ends[0]);
}

// Everything up to `sequence` is in the history, each once.
void ExpectHistory(Store& store, const std::string& node_id, std::int64_t sequence) {
  const auto history = store.ListMeasurements(node_id, "", 10'000'000);
  ASSERT_TRUE(history.ok()) << history.status();
  std::set<std::int64_t> times;
  for (const StoredMeasurement& entry : *history) {
    times.insert(entry.measurement.taken_at_unix_ms);
    EXPECT_EQ(entry.measurement.bytes, std::to_string(entry.measurement.taken_at_unix_ms));
  }
  EXPECT_EQ(times.size(), history->size()) << node_id << ": something is there twice";
  // One more than was acknowledged may have arrived.
  EXPECT_GE(std::int64_t(times.size()), sequence) << node_id << ": lost";
  EXPECT_LE(std::int64_t(times.size()), sequence + 1) << node_id;
}

void ExpectNothingLost(const std::string& directory,
                       const std::map<std::int64_t, std::int64_t>& last, bool with_history) {
  auto store = Store::Open(LargeHistory(directory));
  ASSERT_TRUE(store.ok()) << store.status();
  for (const auto& [node, sequence] : last) {
    const auto report = (*store)->GetReport(NodeId(node));
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_GE(std::int64_t(report->stamp.sequence), sequence) << NodeId(node) << ": lost";
    EXPECT_LE(std::int64_t(report->stamp.sequence), sequence + 1) << NodeId(node);
    EXPECT_EQ(report->bytes, std::string(2'000, 'r') + std::to_string(report->stamp.sequence));
    if (with_history) ExpectHistory(**store, NodeId(node), sequence);
  }
}

void ExpectSound(const std::string& directory) {
  const auto check = Check(directory);
  ASSERT_TRUE(check.ok()) << check.status();
  for (const std::string& finding : check->findings) ADD_FAILURE() << finding;
}

TEST(Crash, NothingAcknowledgedIsLostOrThereTwice) {
  const char* const wanted = std::getenv("CAPACITY_KILLS");
  const int kills = wanted != nullptr ? std::atoi(wanted) : kShortKills;
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/store";
  {
    auto store = Store::Open(LargeHistory(path));
    ASSERT_TRUE(store.ok()) << store.status();
    for (std::int64_t node = 0; node < kNodes; ++node) {
      ASSERT_TRUE((*store)->Enroll({.name = NodeId(node), .new_node_id = NodeId(node)}).ok());
    }
  }
  std::mt19937 random(20261122);  // repeatable
  std::map<std::int64_t, std::int64_t> last;
  for (int kill = 1; kill <= kills && !::testing::Test::HasFailure(); ++kill) {
    KillOnce(path, std::chrono::milliseconds(random() % 80), last);
    const bool thorough = kill % 50 == 0 || kill == kills;
    if (thorough) ExpectSound(path);
    ExpectNothingLost(path, last, thorough);
  }
  std::int64_t acknowledged = 0;
  for (const auto& [node, sequence] : last) acknowledged += sequence;
  EXPECT_GT(acknowledged, kills / 4) << "too few writes for a test";
  RecordProperty("kills", kills);
  RecordProperty("acknowledged", std::to_string(acknowledged));
  std::printf("%d kills, %lld acknowledged reports, none lost, none twice\n", kills,
              static_cast<long long>(acknowledged));
}

}  // namespace
}  // namespace capacity::store
