#include "planner/pki/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "planner/pki/token.h"

namespace capacity::pki {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kNow = 1'790'000'000'000;

// Made once: keys take time.
const Credential& Authority() {
  static const Credential* const kAuthority =
      new Credential(*CreateAuthority("capacity planner", kNow));
  return *kAuthority;
}

const std::string& NodeKey() {
  static const std::string* const kKey = new std::string(*CreateKey());
  return *kKey;
}

std::string NodeCertificate(std::int64_t now_unix_ms = kNow) {
  const auto request = CreateSigningRequest(NodeKey());
  const auto issued =
      IssueClientCertificate(Authority(), *request, Role::kNode, "id-1", now_unix_ms);
  EXPECT_TRUE(issued.ok()) << issued.status();
  return issued.value_or("");
}

TEST(Certificate, ANodesSaysWhoItIsAndForHowLong) {
  const auto identity = ParseCertificate(NodeCertificate());
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(identity->role, Role::kNode);
  EXPECT_EQ(identity->id, "id-1");
  EXPECT_EQ(identity->not_before_unix_ms, kNow - kBackdateMs);
  EXPECT_EQ(identity->not_after_unix_ms, kNow + kClientLifeMs);
  EXPECT_EQ(identity->serial.size(), 32u);
  EXPECT_EQ(identity->fingerprint.size(), 64u);
  EXPECT_EQ(identity->key_fingerprint, *KeyFingerprint(NodeKey()));
  EXPECT_EQ(identity->key_fingerprint, *KeyFingerprintOfRequest(*CreateSigningRequest(NodeKey())));
}

TEST(Certificate, IsSignedByItsAuthorityAndNoOther) {
  const std::string certificate = NodeCertificate();
  EXPECT_TRUE(VerifySignedBy(certificate, Authority().certificate_pem, kNow).ok());
  const auto other = CreateAuthority("capacity planner", kNow);
  const absl::Status foreign = VerifySignedBy(certificate, other->certificate_pem, kNow);
  EXPECT_TRUE(absl::IsPermissionDenied(foreign)) << foreign;
}

TEST(Certificate, IsGoodWithinItsTimeOnly) {
  const std::string certificate = NodeCertificate();
  const std::string& authority = Authority().certificate_pem;
  EXPECT_TRUE(VerifySignedBy(certificate, authority, kNow - kBackdateMs).ok());
  const absl::Status early = VerifySignedBy(certificate, authority, kNow - kBackdateMs - 1000);
  EXPECT_TRUE(absl::IsFailedPrecondition(early)) << early;
  EXPECT_THAT(std::string(early.message()), HasSubstr("this machine's clock says "));
  EXPECT_TRUE(VerifySignedBy(certificate, authority, kNow + kClientLifeMs - 1000).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(
      VerifySignedBy(certificate, authority, kNow + kClientLifeMs + 1000)));
}

TEST(Certificate, SerialsAreNotRepeated) {
  EXPECT_NE(ParseCertificate(NodeCertificate())->serial,
            ParseCertificate(NodeCertificate())->serial);
}

TEST(Certificate, NeverOutlivesItsAuthority) {
  const std::int64_t late = kNow + kAuthorityLifeMs - kDayMs;
  EXPECT_EQ(ParseCertificate(NodeCertificate(late))->not_after_unix_ms, kNow + kAuthorityLifeMs);
  const auto request = CreateSigningRequest(NodeKey());
  EXPECT_TRUE(absl::IsFailedPrecondition(
      IssueClientCertificate(Authority(), *request, Role::kNode, "id-1", late + kDayMs).status()));
}

TEST(Certificate, OfAServerCarriesItsAuthority) {
  const auto server = CreateServerCertificate(
      Authority(), {.dns = {"planner.local"}, .ip = {"192.168.1.2", "fd00::1"}}, kNow);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_TRUE(CheckKeyMatches(*server).ok());
  EXPECT_EQ(ParseCertificate(server->certificate_pem)->role, Role::kServer);
  EXPECT_THAT(server->certificate_pem, HasSubstr(Authority().certificate_pem));
  EXPECT_TRUE(VerifySignedBy(server->certificate_pem, Authority().certificate_pem, kNow).ok());
}

TEST(Certificate, OfAServerHasNamesAndAddressesOnly) {
  for (const ServerNames& names :
       {ServerNames{.dns = {"a b"}}, ServerNames{.dns = {""}}, ServerNames{.dns = {"a,DNS:b"}},
        ServerNames{.ip = {"1.2.3"}}, ServerNames{.ip = {std::vector<std::string>(65, "::1")}}}) {
    EXPECT_TRUE(
        absl::IsInvalidArgument(CreateServerCertificate(Authority(), names, kNow).status()));
  }
}

TEST(Certificate, NoClientCanBecomeAServerOrSign) {
  const auto request = CreateSigningRequest(NodeKey());
  EXPECT_TRUE(absl::IsInvalidArgument(
      IssueClientCertificate(Authority(), *request, Role::kServer, "x", kNow).status()));
  const Credential node = {NodeCertificate(), NodeKey()};
  EXPECT_FALSE(IssueClientCertificate(node, *request, Role::kAdmin, "x", kNow).ok());
}

TEST(Certificate, IdsCannotSmuggleAnotherRole) {
  const auto request = CreateSigningRequest(NodeKey());
  for (const std::string& id : {std::string(""), std::string("a/b"), std::string("a\0b", 3),
                                std::string("a,URI:capacity://admin/x"), std::string(129, 'a')}) {
    EXPECT_TRUE(absl::IsInvalidArgument(
        IssueClientCertificate(Authority(), *request, Role::kNode, id, kNow).status()))
        << id;
  }
}

TEST(Certificate, OfAReaderComesWithItsKey) {
  const auto reader =
      CreateClientCredential(Authority(), Role::kReader, "grafana", kNow, 365 * kDayMs);
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto identity = ParseCertificate(reader->certificate_pem);
  EXPECT_EQ(identity->role, Role::kReader);
  EXPECT_EQ(identity->id, "grafana");
  EXPECT_TRUE(CheckKeyMatches(*reader).ok());
  EXPECT_TRUE(
      absl::IsPermissionDenied(CheckKeyMatches({reader->certificate_pem, Authority().key_pem})));
}

TEST(Certificate, AnAuthorityIsNobodyInTheFleet) {
  EXPECT_TRUE(absl::IsInvalidArgument(ParseCertificate(Authority().certificate_pem).status()));
}

TEST(Certificate, IsRenewedAfterTwoThirdsOfItsLife) {
  const Identity identity = {.not_before_unix_ms = 1'000, .not_after_unix_ms = 4'000};
  EXPECT_EQ(RenewalTimeUnixMs(identity), 3'000);
}

// ---------------------------------------------------------------- requests

TEST(SigningRequest, OfAnotherKindOfKeyIsRefused) {
  // openssl req -new -newkey rsa:2048 -nodes -subj /CN=x
  const auto fingerprint = KeyFingerprintOfRequest(R"(-----BEGIN CERTIFICATE REQUEST-----
MIICUTCCATkCAQAwDDEKMAgGA1UEAwwBeDCCASIwDQYJKoZIhvcNAQEBBQADggEP
ADCCAQoCggEBAKuA8Zyu1pRky+tzKrGY0mR7uyQHcc7TFVOhoNc4I3/B60HwMg+e
P28NL2AZ2Q41BH+SBIrylt3lMXjISU9VKJygTZ6IYP6flXEmk6jc2I83wIxNI2pd
LK5rAg17Ti9Q60C3q3z+3m/mAFDtCNcyCj+KhjIAo8BNcObXuMEarau47xkp6Vty
eez2nWiSR3lL6Cbtez3fPp3VQiASbWiQDdblBrUJ2lYi7ZmEZpCFlP579fGrTYpu
+6bCNRfVe+GlHUpKEfMXNov6T3syShP26quoGOkjj7J7cl0DHM0F6SK50ecsJ0KH
LtTvPOJzPZAc5+fV+pOVB17NdUht2O8maY0CAwEAAaAAMA0GCSqGSIb3DQEBCwUA
A4IBAQAQjJPtH/H7nNKU+VHJMBePCAmUwkRon6g4ZbDzmSiYhGbtTsTYgAj0r1m8
amWx2pZDs+1JbDeKosoJ4DJCI8bnZ0fwJnBwvkc0YjlzVh4KjVPPi7jWzn01ifIq
RpMODiUqRVtFcnbuytWp4yEwR3p/A+DOFdYdeQdsmV/U4/BpMRX6V3A162BVfyGV
dSEHD/nwtv/dMktUkpMFzzwaPBbwrLTo6ZVlZ6OKr69gzHprujYq7rfeaJ05tS16
nsDug05Q/AaSDVWH0zTgiS9Xpq5odwkmdrrdAf/OuHb9rar1cqoJteMv/uWIM+TN
09iFvK4cHt8lVD/YJ+pc5cgAv1QD
-----END CERTIFICATE REQUEST-----
)");
  EXPECT_TRUE(absl::IsInvalidArgument(fingerprint.status()));
  EXPECT_THAT(std::string(fingerprint.status().message()), HasSubstr("not for a P-256 key"));
}

TEST(SigningRequest, ThatWasTamperedWithIsRefused) {
  const std::string request = *CreateSigningRequest(NodeKey());
  int refused = 0;
  for (std::size_t i = 40; i + 60 < request.size(); ++i) {
    std::string tampered = request;
    tampered[i] = tampered[i] == 'A' ? 'B' : 'A';
    if (tampered[i] == request[i]) continue;
    const auto fingerprint = KeyFingerprintOfRequest(tampered);
    if (fingerprint.ok()) {
      // Base64 has spellings that decode to the same bytes.
      EXPECT_EQ(*fingerprint, *KeyFingerprint(NodeKey()));
    } else {
      ++refused;
    }
  }
  EXPECT_GT(refused, 100);
}

TEST(Pem, ThatIsHostileIsRefused) {
  for (const std::string& text :
       {std::string(), std::string("x"), std::string(kMaxPemBytes + 1, 'A'),
        std::string("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"),
        std::string("-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: "
                    "AES-128-CBC,00000000000000000000000000000000\n\nAAAA\n"
                    "-----END CERTIFICATE-----\n")}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseCertificate(text).status()));
    EXPECT_TRUE(absl::IsInvalidArgument(KeyFingerprintOfRequest(text).status()));
    EXPECT_TRUE(absl::IsInvalidArgument(KeyFingerprint(text).status()));
    EXPECT_TRUE(absl::IsInvalidArgument(AuthorityFingerprint(text).status()));
  }
}

}  // namespace
}  // namespace capacity::pki
