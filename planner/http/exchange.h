// One request to an engine's API, and its answer.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "planner/base/api_key.h"

namespace capacity::http {

using capacity::ApiKey;

struct ExchangeLimits {
  std::chrono::milliseconds connect{5'000};
  std::chrono::milliseconds total{30'000};
  std::size_t bytes = std::size_t{16} << 20;  // of an answer
};

// Where an API is, and how to speak to it.
struct Endpoint {
  std::string url;  // "http://10.0.0.2:52415", without a slash at its end
  ApiKey key;
  ExchangeLimits limits;
  const std::atomic<bool>* stop = nullptr;  // when it becomes true, a transfer ends as Cancelled
};

// Whatever HTTP status it has.
struct Answer {
  int status = 0;
  std::string body;
};

// Sends exactly one request to exactly this address: no redirect is followed and no proxy asked.
// Certificates are checked. `method`: GET, POST or DELETE; a POST's body is JSON. Errors:
// InvalidArgument (no http or https URL; a key that would travel in clear text beyond this machine
// and private networks), Unavailable, DeadlineExceeded, ResourceExhausted (a longer answer than
// limits.bytes), DataLoss (it broke off), Cancelled.
absl::StatusOr<Answer> Exchange(const Endpoint& endpoint, const std::string& method,
                                std::string_view path, const std::string& body = "");

}  // namespace capacity::http
