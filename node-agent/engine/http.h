// Asking a server over HTTP, whole or as a stream.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "planner/base/api_key.h"

namespace capacity::engine {

using capacity::ApiKey;

struct HttpLimits {
  std::chrono::milliseconds connect{5'000};
  std::chrono::seconds idle{300};  // without a byte: a long prompt takes its time
  std::chrono::seconds total{3'600};
  std::size_t bytes = std::size_t{64} << 20;
};

// Where a server is, and how to speak to it.
struct Endpoint {
  std::string url;  // "http://127.0.0.1:8080", without a slash at its end
  ApiKey key;
  HttpLimits limits;
  const std::atomic<bool>* stop = nullptr;  // when it becomes true, what runs ends as Cancelled
};

// `url` without slashes at its end. InvalidArgument for what is not http or https, for a name or
// password in it (those belong nowhere near a command line), a query or a fragment.
absl::StatusOr<std::string> CheckedUrl(std::string_view url);

// The bodies of answers with status 200, the key struck out of them. Certificates are checked
// (CURL_CA_BUNDLE names other roots than the system's); redirects are not followed: what would be
// measured is another server. Errors: Unavailable (unreachable, or a server error),
// PermissionDenied (401, 403), NotFound (404), FailedPrecondition (another status; what the server
// says of it is in the message), DeadlineExceeded, ResourceExhausted (too long), DataLoss (it broke
// off), Cancelled.
absl::StatusOr<std::string> Get(const Endpoint& endpoint, std::string_view path);
absl::StatusOr<std::string> Post(const Endpoint& endpoint, std::string_view path,
                                 const std::string& json_body);
// True of an error with which an HTTP server answered, false where none was reached.
bool IsFromServer(const absl::Status& status);
// Whether the server runs on another machine than this one; false when it cannot be reached. What
// connects to itself does so from the address it connects to.
bool IsElsewhere(const Endpoint& endpoint);
// Hands each piece of the body to `take` as it arrives; its error ends the transfer and is
// returned. A key may stand across two pieces: whoever puts them together strikes it out.
// `content_type` is what the server says the body is ("text/html"); empty: it does not say.
absl::Status PostStreaming(const Endpoint& endpoint, std::string_view path,
                           const std::string& json_body,
                           const std::function<absl::Status(std::string_view)>& take,
                           std::string& content_type);

}  // namespace capacity::engine
