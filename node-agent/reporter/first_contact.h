// Knowing the planner before trusting anybody: by the fingerprint in a join token.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace capacity::reporter {

// "planner.local:7443", "192.168.1.2:7443", "[fd00::1]:7443".
struct Address {
  std::string host;  // without brackets
  std::string port;

  friend bool operator==(const Address&, const Address&) = default;
};

// InvalidArgument says what would be right.
absl::StatusOr<Address> ParseAddress(std::string_view text);
// As ParseAddress reads it.
std::string Format(const Address& address);

// Which planner is looked for.
struct Wanted {
  std::string fingerprint;  // of its authority, 32 bytes
  std::string who;          // for messages: "the planner that made the join token"
};

// Shakes hands with the planner at `address` and gives the certificate of its authority in PEM,
// when it is the one that is wanted and the authority really signed the planner's certificate.
// Unavailable: nobody answers, or not in TLS, within `timeout`, or this machine's clock is not
// within the time of the certificates. PermissionDenied: somebody else answers.
absl::StatusOr<std::string> FetchAuthority(const Address& address, const Wanted& wanted,
                                           std::int64_t now_unix_ms,
                                           std::chrono::milliseconds timeout);

// Whether somebody, whoever it is, shakes hands at `address` within `timeout`.
bool SpeaksTls(const Address& address, std::chrono::milliseconds timeout);

}  // namespace capacity::reporter
