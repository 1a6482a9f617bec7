// Join tokens: what a person carries from the planner to a new node.
//
//     cpjt_<43 characters>.<43 characters>
//
// The first part is 256 random bits, the secret. The second is the SHA-256 of the authority's
// certificate: with it the node knows the planner on first contact, before it trusts anybody. Both
// are base64url without padding (RFC 4648 section 5).
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace capacity::pki {

inline constexpr std::string_view kJoinTokenPrefix = "cpjt_";

struct JoinToken {
  std::string secret;                 // 32 bytes
  std::string authority_fingerprint;  // 32 bytes, as AuthorityFingerprint gives it

  friend bool operator==(const JoinToken&, const JoinToken&) = default;
};

// With a fresh secret. InvalidArgument when the fingerprint is not of 32 bytes.
absl::StatusOr<JoinToken> CreateJoinToken(std::string_view authority_fingerprint);

// As people carry it.
std::string Format(const JoinToken& token);

// Surrounding white space is ignored. InvalidArgument says what is wrong and never quotes the
// token.
absl::StatusOr<JoinToken> ParseJoinToken(std::string_view text);

// What the planner stores instead: SHA-256 of the secret, 32 bytes.
std::string HashForStore(const JoinToken& token);

// In a time that does not depend on where they differ.
bool EqualInConstantTime(std::string_view a, std::string_view b);

// 128 random bits as 32 hex digits, lower case: a node id. Internal when there is no randomness.
absl::StatusOr<std::string> RandomId();

// "1f2e..." of bytes; lower case.
std::string ToHex(std::string_view bytes);

}  // namespace capacity::pki
