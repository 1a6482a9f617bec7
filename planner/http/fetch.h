// Getting a document over HTTPS.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace capacity::http {

// What a server said about the version of a document; sent back to ask for newer ones only.
struct Validators {
  std::string etag;
  std::string last_modified;
};

struct FetchLimits {
  std::chrono::seconds connect{10};
  std::chrono::seconds total{60};
  std::size_t bytes = std::size_t{64} << 20;  // after decompression
  int redirects = 5;
};

struct Fetched {
  bool not_modified = false;  // the server has nothing newer; the body is empty
  std::string body;
  Validators validators;
};

// Only http and https; from https never back to http. Certificates are checked; the proxy variables
// of the environment (https_proxy, no_proxy, ...) are honoured, and CURL_CA_BUNDLE names a file of
// trusted roots in place of the system's. InvalidArgument for a URL of
// another kind, NotFound, PermissionDenied or Unavailable for an HTTP status, DeadlineExceeded,
// OutOfRange for a body over the limit, DataLoss for one that breaks off, Unavailable for all else.
absl::StatusOr<Fetched> Fetch(const std::string& url, const Validators& known,
                              const FetchLimits& limits);

}  // namespace capacity::http
