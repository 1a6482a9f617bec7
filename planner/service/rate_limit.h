// Token buckets, one for each caller.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace capacity::service {

class RateLimit {
 public:
  // `per_second` on average, `burst` at once. Remembers at most `callers`, the latest.
  RateLimit(double per_second, double burst, std::size_t callers = 100'000)
      : per_second_(per_second), burst_(burst), callers_(callers) {}

  // Nullopt: go ahead. Otherwise how long to wait for the next chance.
  std::optional<std::chrono::milliseconds> Take(const std::string& caller,
                                                std::chrono::steady_clock::time_point now);

 private:
  struct Bucket {
    std::string caller;
    double tokens;
    std::chrono::steady_clock::time_point filled;
  };
  const double per_second_;
  const double burst_;
  const std::size_t callers_;
  std::mutex mutex_;
  std::list<Bucket> buckets_;  // latest first
  std::unordered_map<std::string, std::list<Bucket>::iterator> by_caller_;
};

}  // namespace capacity::service
