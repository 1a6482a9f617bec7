// Durable reports a second: each is acknowledged only after its transaction is on disk.
//
// `agents` send at once, each its next report of 4 KiB when the one before is acknowledged. Where
// the store lies decides as much as the processor: CAPACITY_BENCHMARK_DIR names a directory on the
// disk in question, the working directory otherwise.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "planner/store/store.h"

namespace capacity::store {
namespace {

constexpr std::size_t kReportBytes = 4096;

std::string NodeId(std::int64_t node) { return "node-" + std::to_string(node); }

// Sends, and lets the main thread wait until every agent has got its last answer.
class Load {
 public:
  Load(Store& store, std::int64_t agents, std::int64_t reports)
      : store_(store),
        next_(static_cast<std::size_t>(agents)),
        unsent_(reports),
        sending_(agents) {}

  void Run() {
    for (std::size_t agent = 0; agent < next_.size(); ++agent) Send(agent);
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return sending_ == 0; });
  }

 private:
  void Send(std::size_t agent) {
    NewReport report;
    {
      const std::lock_guard lock(mutex_);
      if (unsent_ == 0) {
        if (--sending_ == 0) done_.notify_all();
        return;  // nothing of this object is touched any more
      }
      --unsent_;
      report.stamp = {epoch_, ++next_[agent]};
    }
    report.node_id = NodeId(static_cast<std::int64_t>(agent));
    report.bytes.assign(kReportBytes, 'r');
    store_.PutReport(std::move(report), [this, agent](absl::StatusOr<Outcome> outcome) {
      if (!outcome.ok() || *outcome != Outcome::kStored) std::abort();
      Send(agent);
    });
  }

  Store& store_;
  // Newer than every run before it on the same store.
  const std::uint64_t epoch_ = static_cast<std::uint64_t>(SystemClock());
  std::mutex mutex_;
  std::condition_variable done_;
  std::vector<std::uint64_t> next_;
  std::int64_t unsent_;
  std::int64_t sending_;  // agents
};

class Directory {
 public:
  Directory() {
    const char* const where = std::getenv("CAPACITY_BENCHMARK_DIR");
    std::string name = std::string(where != nullptr ? where : ".") + "/capacity-store-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void BM_DurableReports(benchmark::State& state) {
  const std::int64_t agents = state.range(0);
  const std::int64_t reports = state.range(1);
  const Directory directory;
  Options options;
  options.directory = directory.path();
  auto store = Store::Open(options);
  if (!store.ok()) {
    state.SkipWithError(std::string(store.status().message()).c_str());
    return;
  }
  for (std::int64_t node = 0; node < agents; ++node) {
    (*store)->Enroll({.name = NodeId(node), .new_node_id = NodeId(node)}).IgnoreError();
  }
  const Store::Health before = (*store)->GetHealth();
  for (auto _ : state) {
    Load(**store, agents, reports).Run();
  }
  const Store::Health after = (*store)->GetHealth();
  state.SetItemsProcessed(state.iterations() * reports);
  state.counters["reports_per_commit"] =
      static_cast<double>(after.committed_writes - before.committed_writes) /
      static_cast<double>(after.commits - before.commits);
  state.counters["commit_ms"] = 1000 * (after.commit_seconds - before.commit_seconds) /
                                static_cast<double>(after.commits - before.commits);
}
BENCHMARK(BM_DurableReports)
    ->ArgNames({"agents", "reports"})
    ->Args({1, 500})
    ->Args({16, 5'000})
    ->Args({256, 40'000})
    ->Args({2'000, 40'000})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace capacity::store
