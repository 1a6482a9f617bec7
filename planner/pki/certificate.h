// Keys and certificates of a fleet: an authority of its own, ECDSA P-256 throughout.
//
// The authority signs one server certificate for the planner and short-lived client certificates
// for nodes, readers and administrators. What a certificate entitles to stands in a URI of its
// subject alternative names (capacity://node/ID), never in its subject's name. Certificates of
// clients are for client authentication only, so that no node can pose as the planner.
//
// Everything here is PEM text and plain values. Text from outside is hostile: sizes are capped, and
// what is not understood is InvalidArgument. Internal: OpenSSL refused something that it should
// not. Times are milliseconds since 1970-01-01 UTC; certificates know whole seconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace capacity::pki {

// Larger PEM texts are refused.
inline constexpr std::size_t kMaxPemBytes = std::size_t{16} << 10;

// Every server certificate names it besides the addresses it was made for. A client that trusts
// only the fleet's own authority may therefore expect this name whatever address it dialled.
inline constexpr std::string_view kServerName = "planner.capacity.internal";

inline constexpr std::int64_t kDayMs = 86'400'000;
inline constexpr std::int64_t kAuthorityLifeMs = 3650 * kDayMs;
inline constexpr std::int64_t kServerLifeMs =
    825 * kDayMs;  // what browsers and systems accept at most
inline constexpr std::int64_t kClientLifeMs = 30 * kDayMs;

// Certificates are valid from this long before they are issued, for clocks that are behind.
inline constexpr std::int64_t kBackdateMs = 5 * 60'000;

enum class Role { kNode, kReader, kAdmin, kServer };

// "node", "reader", "admin", "server".
std::string_view Name(Role role);

// A certificate (or a chain, the leaf first) and the private key that belongs to it.
struct Credential {
  std::string certificate_pem;
  std::string key_pem;  // PKCS #8, not encrypted
};

// What a certificate says.
struct Identity {
  Role role = Role::kNode;
  std::string id;           // node id, or the name of a reader or administrator; "" for a server
  std::string serial;       // hex, upper case, 32 digits
  std::string fingerprint;  // SHA-256 of the certificate, 64 hex digits, lower case
  std::string key_fingerprint;  // SHA-256 of its SubjectPublicKeyInfo, 64 hex digits, lower case
  std::int64_t not_before_unix_ms = 0;
  std::int64_t not_after_unix_ms = 0;

  friend bool operator==(const Identity&, const Identity&) = default;
};

// Makes an authority whose certificate lives kAuthorityLifeMs. `name` is for people.
absl::StatusOr<Credential> CreateAuthority(std::string_view name, std::int64_t now_unix_ms);

// Under what a server may be reached: host names and IP addresses, at most 64 together.
struct ServerNames {
  std::vector<std::string> dns;
  std::vector<std::string> ip;  // "192.168.1.2", "fd00::1"
};

// Makes a key and a server certificate. `certificate_pem` is the chain: the leaf, then the
// authority, so that a client can pin the authority on first contact (token.h).
absl::StatusOr<Credential> CreateServerCertificate(const Credential& authority,
                                                   const ServerNames& names,
                                                   std::int64_t now_unix_ms);

// A fresh private key, PEM.
absl::StatusOr<std::string> CreateKey();

// Asks for a certificate for the key. The request carries no name: the planner decides it.
absl::StatusOr<std::string> CreateSigningRequest(std::string_view key_pem);

// SHA-256 of the public key of a request whose own signature was checked, 64 hex digits, lower
// case. InvalidArgument: not a request, a bad signature, or a key other than P-256.
absl::StatusOr<std::string> KeyFingerprintOfRequest(std::string_view request_pem);

// The same for a private key.
absl::StatusOr<std::string> KeyFingerprint(std::string_view key_pem);

// A client certificate for the key of a request, valid from kBackdateMs before now until life_ms
// after now, but never longer than the authority. What the request asks for besides its key is
// ignored. `role` is not kServer; `id` is 1 to 128 letters, digits, '-', '_' or '.'.
absl::StatusOr<std::string> IssueClientCertificate(const Credential& authority,
                                                   std::string_view request_pem, Role role,
                                                   std::string_view id, std::int64_t now_unix_ms,
                                                   std::int64_t life_ms = kClientLifeMs);

// A key and a client certificate at once, for readers and administrators.
absl::StatusOr<Credential> CreateClientCredential(const Credential& authority, Role role,
                                                  std::string_view id, std::int64_t now_unix_ms,
                                                  std::int64_t life_ms);

// What a certificate says (of a chain, the first). Says nothing of whether it is to be trusted: of
// a peer, TLS has checked that before. InvalidArgument when it is none of this fleet's kind.
absl::StatusOr<Identity> ParseCertificate(std::string_view certificate_pem);

// SHA-256 of an authority's certificate, 32 bytes: what a join token pins.
absl::StatusOr<std::string> AuthorityFingerprint(std::string_view authority_pem);

// OK when `certificate_pem` (of a chain, the first) was signed by the authority and is valid now;
// FailedPrecondition when only the time is wrong, PermissionDenied with the reason otherwise.
absl::Status VerifySignedBy(std::string_view certificate_pem, std::string_view authority_pem,
                            std::int64_t now_unix_ms);

// PermissionDenied unless the key belongs to the certificate.
absl::Status CheckKeyMatches(const Credential& credential);

// When a certificate should be renewed: after two thirds of its life.
std::int64_t RenewalTimeUnixMs(const Identity& identity);

}  // namespace capacity::pki
