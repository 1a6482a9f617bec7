// Stores in a directory of their own, with a clock that stands still.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "planner/store/store.h"

namespace capacity::store::testing {

// A fresh directory that is removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = ::testing::TempDir() + "capacity-store-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The functions with a callback, waited for.
inline absl::StatusOr<Outcome> Put(Store& store, NewReport report) {
  std::promise<absl::StatusOr<Outcome>> answer;
  store.PutReport(std::move(report), [&](auto outcome) { answer.set_value(outcome); });
  return answer.get_future().get();
}
inline absl::StatusOr<Outcome> Put(Store& store, NewMeasurements measurements) {
  std::promise<absl::StatusOr<Outcome>> answer;
  store.PutMeasurements(std::move(measurements), [&](auto outcome) { answer.set_value(outcome); });
  return answer.get_future().get();
}
inline absl::StatusOr<Outcome> Put(Store& store, Link link) {
  std::promise<absl::StatusOr<Outcome>> answer;
  store.PutLink(std::move(link), [&](auto outcome) { answer.set_value(outcome); });
  return answer.get_future().get();
}
inline absl::StatusOr<HeartbeatAnswer> Put(Store& store, NewHeartbeat heartbeat) {
  std::promise<absl::StatusOr<HeartbeatAnswer>> answer;
  store.PutHeartbeat(std::move(heartbeat), [&](auto outcome) { answer.set_value(outcome); });
  return answer.get_future().get();
}

// A report of node "n" unless it is changed.
inline NewReport Report(std::uint64_t boot, std::uint64_t sequence, std::string bytes = "report") {
  return {.node_id = "n",
          .stamp = {boot, sequence},
          .taken_at_unix_ms = 1'000,
          .bytes = std::move(bytes)};
}

inline Measurement Triad(std::int64_t taken_at_unix_ms, std::string bytes = "m") {
  return {.kind = "memory-bandwidth",
          .subject = "cpu",
          .taken_at_unix_ms = taken_at_unix_ms,
          .bytes = std::move(bytes)};
}

}  // namespace capacity::store::testing
