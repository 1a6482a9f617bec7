// Any text as a certificate, a signing request, a key or a join token: understood or refused, no
// crash; and what is understood keeps its promises.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "planner/pki/certificate.h"
#include "planner/pki/token.h"

namespace capacity::pki {
namespace {

constexpr std::int64_t kNow = 1'790'000'000'000;

void Expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

const Credential& Authority() {
  static const Credential* const kAuthority = new Credential(*CreateAuthority("fuzz", kNow));
  return *kAuthority;
}

void ReadAsToken(std::string_view text) {
  const auto token = ParseJoinToken(text);
  if (!token.ok()) return;
  Expect(token->secret.size() == 32 && token->authority_fingerprint.size() == 32, "sizes");
  Expect(*ParseJoinToken(Format(*token)) == *token, "a token reads back as written");
}

void ReadAsCertificate(std::string_view text) {
  const auto identity = ParseCertificate(text);
  Expect(!VerifySignedBy(text, Authority().certificate_pem, kNow).ok(),
         "nothing that the authority did not sign is trusted");
  if (!identity.ok()) return;
  Expect(identity->serial.size() == 32 && identity->fingerprint.size() == 64 &&
             identity->key_fingerprint.size() == 64,
         "fingerprints are whole");
  Expect((identity->role == Role::kServer) == identity->id.empty(), "all but servers have an id");
}

void ReadAsRequest(std::string_view text) {
  const auto fingerprint = KeyFingerprintOfRequest(text);
  const auto issued = IssueClientCertificate(Authority(), text, Role::kNode, "id", kNow);
  Expect(fingerprint.ok() == issued.ok(), "what has a key gets a certificate");
  if (!issued.ok()) return;
  const auto identity = ParseCertificate(*issued);
  Expect(identity.ok() && identity->role == Role::kNode && identity->id == "id" &&
             identity->key_fingerprint == *fingerprint,
         "a request decides nothing but the key");
}

// RFC 7468, in one line as readers accept it.
std::string Pem(std::string_view label, std::string_view der) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text = "-----BEGIN " + std::string(label) + "-----\n";
  for (std::size_t i = 0; i < der.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t j = i; j < i + 3; ++j) {
      bits = (bits << 8) | (j < der.size() ? static_cast<unsigned char>(der[j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      text += i + j <= der.size() ? kAlphabet[(bits >> (18 - 6 * j)) & 63] : '=';
    }
    if (i % 48 == 45) text += '\n';
  }
  return text + "\n-----END " + std::string(label) + "-----\n";
}

}  // namespace
}  // namespace capacity::pki

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace capacity::pki;  // NOLINT(google-build-using-namespace)
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  ReadAsToken(text);
  ReadAsCertificate(text);
  ReadAsRequest(text);
  KeyFingerprint(text).IgnoreError();
  AuthorityFingerprint(text).IgnoreError();
  // The same bytes as what PEM wraps, so that a changed bit is one bit of the structure.
  ReadAsCertificate(Pem("CERTIFICATE", text));
  ReadAsRequest(Pem("CERTIFICATE REQUEST", text));
  return 0;
}
