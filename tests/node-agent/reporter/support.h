// What the tests of the reporter share.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>

#include "node-agent/report.h"

namespace capacity::reporter::testing {

// A fresh directory that is removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = ::testing::TempDir() + "capacity-agent-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A measured speed; `number` tells it from others, also in time.
inline agent::SpeedMeasurement Speed(std::uint64_t number) {
  char id[33];
  std::snprintf(id, sizeof id, "%032llx", static_cast<unsigned long long>(number));
  agent::SpeedMeasurement speed;
  speed.id = id;
  speed.engine = "llama.cpp";
  speed.source = "llama-bench";
  speed.model_name = "qwen3 8B Q4_K - Medium";
  speed.decode = agent::Rate{.median = 50, .low = 49, .high = 51};
  speed.taken_at_unix_ms = 1'764'000'000'000 + static_cast<std::int64_t>(number);
  return speed;
}

}  // namespace capacity::reporter::testing
