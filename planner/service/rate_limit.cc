#include "planner/service/rate_limit.h"

#include <algorithm>
#include <cmath>

namespace capacity::service {

std::optional<std::chrono::milliseconds> RateLimit::Take(
    const std::string& caller, std::chrono::steady_clock::time_point now) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto known = by_caller_.find(caller);
  if (known == by_caller_.end()) {
    buckets_.push_front({caller, burst_, now});
    by_caller_[caller] = buckets_.begin();
    if (buckets_.size() > callers_) {
      by_caller_.erase(buckets_.back().caller);
      buckets_.pop_back();
    }
  } else {
    buckets_.splice(buckets_.begin(), buckets_, known->second);
  }
  Bucket& bucket = buckets_.front();
  const double seconds = std::chrono::duration<double>(now - bucket.filled).count();
  bucket.tokens = std::min(burst_, bucket.tokens + std::max(0.0, seconds) * per_second_);
  bucket.filled = now;
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return std::nullopt;
  }
  constexpr double kMsPerSecond = 1000;
  const double wait_ms = std::ceil((1 - bucket.tokens) / per_second_ * kMsPerSecond);
  return std::chrono::milliseconds(static_cast<std::int64_t>(wait_ms));
}

}  // namespace capacity::service
