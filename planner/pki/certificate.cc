#include "planner/pki/certificate.h"

#include <arpa/inet.h>
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "planner/pki/token.h"

namespace capacity::pki {
namespace {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Freer<&BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<&EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<&X509_free>>;
using Request = std::unique_ptr<X509_REQ, Freer<&X509_REQ_free>>;
using Subject = std::unique_ptr<X509_NAME, Freer<&X509_NAME_free>>;
using Number = std::unique_ptr<BIGNUM, Freer<&BN_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freer<&X509_EXTENSION_free>>;
using GeneralNames = std::unique_ptr<GENERAL_NAMES, Freer<&GENERAL_NAMES_free>>;
using TrustStore = std::unique_ptr<X509_STORE, Freer<&X509_STORE_free>>;
using Verification = std::unique_ptr<X509_STORE_CTX, Freer<&X509_STORE_CTX_free>>;

constexpr std::size_t kSerialBytes = 16;
constexpr std::size_t kMaxServerNames = 64;
constexpr std::size_t kMaxIdBytes = 128;
constexpr std::string_view kScheme = "capacity://";

// What OpenSSL has to say about the last failure; its queue is emptied.
std::string Reason() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  if (error == 0) return "no reason given";
  const char* const reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : absl::StrCat("OpenSSL error ", error);
}

absl::Status Refused(std::string_view what) {
  return absl::InternalError(absl::StrCat("OpenSSL cannot ", std::string(what), ": ", Reason()));
}

absl::Status Invalid(std::string_view what) {
  ERR_clear_error();
  return absl::InvalidArgumentError(std::string(what));
}

// ---------------------------------------------------------------- PEM

// Encrypted PEM is refused instead of asking on a terminal.
int NoPassword(char*, int, int, void*) { return -1; }

Bio Reading(std::string_view pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

template <class Owner, class Read>
absl::StatusOr<Owner> ReadPem(std::string_view pem, std::string_view what, Read read) {
  if (pem.size() > kMaxPemBytes) {
    return Invalid(absl::StrCat(std::string(what), " is larger than ", kMaxPemBytes, " bytes"));
  }
  const Bio in = Reading(pem);
  if (in == nullptr) return Refused("read memory");
  Owner object(read(in.get(), nullptr, &NoPassword, nullptr));
  if (object == nullptr) {
    return Invalid(absl::StrCat(std::string(what), " cannot be read: ", Reason()));
  }
  ERR_clear_error();
  return object;
}

absl::StatusOr<Key> ReadKey(std::string_view pem) {
  return ReadPem<Key>(pem, "the private key", &PEM_read_bio_PrivateKey);
}

absl::StatusOr<Certificate> ReadCertificate(std::string_view pem) {
  return ReadPem<Certificate>(pem, "the certificate", &PEM_read_bio_X509);
}

template <class Write>
absl::StatusOr<std::string> WritePem(Write write) {
  const Bio out(BIO_new(BIO_s_mem()));
  if (out == nullptr || write(out.get()) != 1) return Refused("write PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

absl::StatusOr<std::string> KeyPem(EVP_PKEY* key) {
  return WritePem([key](BIO* out) {
    return PEM_write_bio_PKCS8PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

absl::StatusOr<std::string> CertificatePem(X509* certificate) {
  return WritePem([certificate](BIO* out) { return PEM_write_bio_X509(out, certificate); });
}

// ---------------------------------------------------------------- keys

absl::StatusOr<Key> NewKey() {
  Key key(EVP_EC_gen("P-256"));
  if (key == nullptr) return Refused("make a key");
  return key;
}

bool IsP256(EVP_PKEY* key) {
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) return false;
  char group[32] = {};
  std::size_t size = 0;
  return EVP_PKEY_get_group_name(key, group, sizeof group, &size) == 1 &&
         std::string_view(group, size) == "prime256v1";
}

std::string Sha256(std::string_view bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

// The DER bytes that an i2d_ function writes.
template <class Object, class ToDer>
absl::StatusOr<std::string> Der(Object* object, ToDer to_der) {
  const int size = to_der(object, nullptr);
  if (size <= 0) return Refused("write DER");
  std::string der(static_cast<std::size_t>(size), '\0');
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  if (to_der(object, &out) != size) return Refused("write DER");
  return der;
}

absl::StatusOr<std::string> PublicKeyFingerprint(EVP_PKEY* key) {
  const auto der = Der(key, &i2d_PUBKEY);
  if (!der.ok()) return der.status();
  return ToHex(Sha256(*der));
}

// A request whose signature holds and whose key is of the one kind that agents make.
absl::StatusOr<Request> ReadRequest(std::string_view pem) {
  auto request = ReadPem<Request>(pem, "the certificate signing request", &PEM_read_bio_X509_REQ);
  if (!request.ok()) return request;
  EVP_PKEY* const key = X509_REQ_get0_pubkey(request->get());
  if (key == nullptr) return Invalid("the certificate signing request has no usable key");
  if (!IsP256(key)) return Invalid("the certificate signing request is not for a P-256 key");
  if (X509_REQ_verify(request->get(), key) != 1) {
    return Invalid("the certificate signing request is not signed by its own key");
  }
  return request;
}

// ---------------------------------------------------------------- making certificates

bool SetTime(ASN1_TIME* time, std::int64_t unix_ms) {
  return ASN1_TIME_set(time, static_cast<std::time_t>(unix_ms / 1000)) != nullptr;
}

absl::StatusOr<std::int64_t> UnixMs(const ASN1_TIME* time) {
  std::tm parts = {};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return Invalid("the certificate's times are not times");
  return std::int64_t{timegm(&parts)} * 1000;
}

// 127 random bits below a leading zero bit (serials are positive), never zero.
bool SetRandomSerial(X509* certificate) {
  unsigned char bytes[kSerialBytes];
  if (RAND_bytes(bytes, kSerialBytes) != 1) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x3F) | 0x40);
  const Number number(BN_bin2bn(bytes, kSerialBytes, nullptr));
  return number != nullptr &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

// `value` in the notation of openssl's configuration files; always a constant of this file.
bool AddExtension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool AddName(GENERAL_NAMES* names, int type, std::string_view value) {
  GENERAL_NAME* const name = GENERAL_NAME_new();
  ASN1_STRING* const text = type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
  if (name == nullptr || text == nullptr ||
      ASN1_STRING_set(text, value.data(), static_cast<int>(value.size())) != 1) {
    GENERAL_NAME_free(name);
    ASN1_STRING_free(text);
    return false;
  }
  GENERAL_NAME_set0_value(name, type, text);
  if (sk_GENERAL_NAME_push(names, name) > 0) return true;
  GENERAL_NAME_free(name);
  return false;
}

bool SetSubject(X509* certificate, std::string_view name) {
  const Subject subject(X509_NAME_new());  // that of a certificate is not to be changed: OpenSSL 4
  return subject != nullptr &&
         X509_NAME_add_entry_by_txt(subject.get(), "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(name.data()),
                                    static_cast<int>(name.size()), -1, 0) == 1 &&
         X509_set_subject_name(certificate, subject.get()) == 1;
}

struct Validity {
  std::int64_t not_before_unix_ms;
  std::int64_t not_after_unix_ms;
};

// Version, serial, times, subject and key; what every certificate has.
absl::StatusOr<Certificate> Blank(EVP_PKEY* key, std::string_view subject, Validity validity) {
  Certificate certificate(X509_new());
  const bool made = certificate != nullptr && X509_set_version(certificate.get(), 2) == 1 &&
                    SetRandomSerial(certificate.get()) &&
                    SetTime(X509_getm_notBefore(certificate.get()), validity.not_before_unix_ms) &&
                    SetTime(X509_getm_notAfter(certificate.get()), validity.not_after_unix_ms) &&
                    SetSubject(certificate.get(), subject) &&
                    X509_set_pubkey(certificate.get(), key) == 1;
  if (!made) return Refused("make a certificate");
  return certificate;
}

// An authority that is ready to sign.
struct Signer {
  Certificate certificate;
  Key key;
  std::int64_t not_after_unix_ms;
};

absl::StatusOr<Signer> ReadSigner(const Credential& authority) {
  if (absl::Status matches = CheckKeyMatches(authority); !matches.ok()) return matches;
  auto certificate = ReadCertificate(authority.certificate_pem);
  if (!certificate.ok()) return certificate.status();
  if (X509_check_ca(certificate->get()) != 1) return Invalid("the authority may not sign");
  auto key = ReadKey(authority.key_pem);
  if (!key.ok()) return key.status();
  const auto not_after = UnixMs(X509_get0_notAfter(certificate->get()));
  if (!not_after.ok()) return not_after.status();
  return Signer{*std::move(certificate), *std::move(key), *not_after};
}

struct Leaf {
  std::string subject;
  const char* extended_key_usage;  // "clientAuth", "serverAuth"
  const GENERAL_NAMES* names;
  Validity validity;
};

absl::StatusOr<std::string> SignLeaf(const Signer& signer, EVP_PKEY* key, const Leaf& leaf) {
  auto certificate = Blank(key, leaf.subject, leaf.validity);
  if (!certificate.ok()) return certificate.status();
  X509* const made = certificate->get();
  X509* const issuer = signer.certificate.get();
  const bool complete =
      X509_set_issuer_name(made, X509_get_subject_name(issuer)) == 1 &&
      AddExtension(made, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
      AddExtension(made, issuer, NID_key_usage, "critical,digitalSignature") &&
      AddExtension(made, issuer, NID_ext_key_usage, leaf.extended_key_usage) &&
      AddExtension(made, issuer, NID_subject_key_identifier, "hash") &&
      AddExtension(made, issuer, NID_authority_key_identifier, "keyid:always") &&
      X509_add1_ext_i2d(made, NID_subject_alt_name, const_cast<GENERAL_NAMES*>(leaf.names), 0,
                        X509V3_ADD_DEFAULT) == 1 &&
      X509_sign(made, signer.key.get(), EVP_sha256()) > 0;
  if (!complete) return Refused("sign a certificate");
  return CertificatePem(made);
}

absl::StatusOr<Validity> LeafValidity(const Signer& signer, std::int64_t now_unix_ms,
                                      std::int64_t life_ms) {
  if (life_ms <= 0) return Invalid("a certificate lives longer than nothing");
  if (now_unix_ms >= signer.not_after_unix_ms) {
    return absl::FailedPreconditionError("the authority's certificate has expired");
  }
  return Validity{now_unix_ms - kBackdateMs,
                  std::min(now_unix_ms + life_ms, signer.not_after_unix_ms)};
}

// ---------------------------------------------------------------- names

bool IsIdCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

bool IsId(std::string_view id) {
  return !id.empty() && id.size() <= kMaxIdBytes &&
         std::all_of(id.begin(), id.end(), IsIdCharacter);
}

// 4 or 16 bytes; "" when `text` is no address.
std::string AddressBytes(const std::string& text) {
  unsigned char bytes[16];
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1) return {reinterpret_cast<char*>(bytes), 4};
  if (inet_pton(AF_INET6, text.c_str(), bytes) == 1) return {reinterpret_cast<char*>(bytes), 16};
  return "";
}

constexpr std::string_view kServerUri = "capacity://server";

absl::StatusOr<GeneralNames> ServerAlternativeNames(const ServerNames& names) {
  if (names.dns.size() + names.ip.size() > kMaxServerNames) {
    return Invalid(absl::StrCat("a server has at most ", kMaxServerNames, " names and addresses"));
  }
  GeneralNames all(sk_GENERAL_NAME_new_null());
  if (all == nullptr || !AddName(all.get(), GEN_URI, kServerUri) ||
      !AddName(all.get(), GEN_DNS, kServerName)) {
    return Refused("make a list of names");
  }
  for (const std::string& dns : names.dns) {
    if (dns.size() > 253 || !IsId(dns)) {
      return Invalid(absl::StrCat("\"", dns, "\" is not a host name"));
    }
    if (!AddName(all.get(), GEN_DNS, dns)) return Refused("add a name");
  }
  for (const std::string& ip : names.ip) {
    const std::string bytes = AddressBytes(ip);
    if (bytes.empty()) return Invalid(absl::StrCat("\"", ip, "\" is not an IP address"));
    if (!AddName(all.get(), GEN_IPADD, bytes)) return Refused("add an address");
  }
  return all;
}

std::optional<Role> ClientRole(std::string_view name) {
  for (const Role role : {Role::kNode, Role::kReader, Role::kAdmin}) {
    if (Name(role) == name) return role;
  }
  return std::nullopt;
}

// The one URI of this fleet's scheme; "" when there is none or more than one.
std::string FleetUri(X509* certificate) {
  const GeneralNames names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::string found;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* const uri = name->d.uniformResourceIdentifier;
    const std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                                static_cast<std::size_t>(ASN1_STRING_length(uri)));
    if (text.substr(0, kScheme.size()) != kScheme) continue;
    if (!found.empty()) return "";
    found = text;
  }
  return found;
}

// Role and id out of the URI, agreeing with what the key may be used for.
absl::Status ReadEntitlement(X509* certificate, Identity& identity) {
  const std::string uri = FleetUri(certificate);
  if (uri.empty()) return Invalid("the certificate names no role in this fleet");
  const std::uint32_t usage = X509_get_extended_key_usage(certificate);
  if (uri == kServerUri) {
    if (usage != XKU_SSL_SERVER) return Invalid("the certificate is not for servers only");
    identity.role = Role::kServer;
    return absl::OkStatus();
  }
  const std::string_view rest = std::string_view(uri).substr(kScheme.size());
  const std::size_t slash = rest.find('/');
  const auto role = ClientRole(rest.substr(0, slash));
  if (!role || slash == std::string_view::npos || !IsId(rest.substr(slash + 1))) {
    return Invalid("the certificate names a role that is not known");
  }
  if (usage != XKU_SSL_CLIENT) return Invalid("the certificate is not for clients only");
  identity.role = *role;
  identity.id = rest.substr(slash + 1);
  return absl::OkStatus();
}

absl::StatusOr<std::string> Serial(X509* certificate) {
  const Number number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  std::string bytes(kSerialBytes, '\0');
  if (number == nullptr || BN_is_negative(number.get()) ||
      BN_bn2binpad(number.get(), reinterpret_cast<unsigned char*>(bytes.data()), kSerialBytes) <
          0) {
    return Invalid("the certificate's serial number is not of this fleet's kind");
  }
  std::string hex = ToHex(bytes);
  std::transform(hex.begin(), hex.end(), hex.begin(),
                 [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
  return hex;
}

absl::StatusOr<std::string> CertificateDigest(X509* certificate) {
  const auto der = Der(certificate, &i2d_X509);
  if (!der.ok()) return der.status();
  return Sha256(*der);
}

// "2026-11-23 05:14 UTC".
std::string UtcMinute(const absl::StatusOr<std::int64_t>& unix_ms) {
  if (!unix_ms.ok()) return "?";
  const auto seconds = static_cast<std::time_t>(*unix_ms / 1000);
  std::tm parts{};
  char text[32] = "?";
  if (gmtime_r(&seconds, &parts) != nullptr) {
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts);
  }
  return text;
}

}  // namespace

std::string_view Name(Role role) {
  switch (role) {
    case Role::kNode:
      return "node";
    case Role::kReader:
      return "reader";
    case Role::kAdmin:
      return "admin";
    case Role::kServer:
      return "server";
  }
  return "";
}

absl::StatusOr<Credential> CreateAuthority(std::string_view name, std::int64_t now_unix_ms) {
  if (name.empty() || name.size() > 64) return Invalid("an authority's name has 1 to 64 bytes");
  auto key = NewKey();
  if (!key.ok()) return key.status();
  auto certificate =
      Blank(key->get(), name, {now_unix_ms - kBackdateMs, now_unix_ms + kAuthorityLifeMs});
  if (!certificate.ok()) return certificate.status();
  X509* const made = certificate->get();
  const bool complete =
      X509_set_issuer_name(made, X509_get_subject_name(made)) == 1 &&
      AddExtension(made, made, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
      AddExtension(made, made, NID_key_usage, "critical,keyCertSign,cRLSign") &&
      AddExtension(made, made, NID_subject_key_identifier, "hash") &&
      X509_sign(made, key->get(), EVP_sha256()) > 0;
  if (!complete) return Refused("sign an authority");
  const auto certificate_pem = CertificatePem(made);
  if (!certificate_pem.ok()) return certificate_pem.status();
  const auto key_pem = KeyPem(key->get());
  if (!key_pem.ok()) return key_pem.status();
  return Credential{*certificate_pem, *key_pem};
}

absl::StatusOr<Credential> CreateServerCertificate(const Credential& authority,
                                                   const ServerNames& names,
                                                   std::int64_t now_unix_ms) {
  const auto signer = ReadSigner(authority);
  if (!signer.ok()) return signer.status();
  const auto alternative_names = ServerAlternativeNames(names);
  if (!alternative_names.ok()) return alternative_names.status();
  const auto validity = LeafValidity(*signer, now_unix_ms, kServerLifeMs);
  if (!validity.ok()) return validity.status();
  const auto key = NewKey();
  if (!key.ok()) return key.status();
  const auto leaf = SignLeaf(*signer, key->get(),
                             {.subject = std::string(kServerName),
                              .extended_key_usage = "serverAuth",
                              .names = alternative_names->get(),
                              .validity = *validity});
  if (!leaf.ok()) return leaf.status();
  const auto authority_pem = CertificatePem(signer->certificate.get());
  if (!authority_pem.ok()) return authority_pem.status();
  const auto key_pem = KeyPem(key->get());
  if (!key_pem.ok()) return key_pem.status();
  return Credential{absl::StrCat(*leaf, *authority_pem), *key_pem};
}

absl::StatusOr<std::string> CreateKey() {
  const auto key = NewKey();
  if (!key.ok()) return key.status();
  return KeyPem(key->get());
}

absl::StatusOr<std::string> CreateSigningRequest(std::string_view key_pem) {
  const auto key = ReadKey(key_pem);
  if (!key.ok()) return key.status();
  const Request request(X509_REQ_new());
  if (request == nullptr || X509_REQ_set_version(request.get(), 0) != 1 ||
      X509_REQ_set_pubkey(request.get(), key->get()) != 1 ||
      X509_REQ_sign(request.get(), key->get(), EVP_sha256()) <= 0) {
    return Refused("make a certificate signing request");
  }
  return WritePem([&request](BIO* out) { return PEM_write_bio_X509_REQ(out, request.get()); });
}

absl::StatusOr<std::string> KeyFingerprintOfRequest(std::string_view request_pem) {
  const auto request = ReadRequest(request_pem);
  if (!request.ok()) return request.status();
  return PublicKeyFingerprint(X509_REQ_get0_pubkey(request->get()));
}

absl::StatusOr<std::string> KeyFingerprint(std::string_view key_pem) {
  const auto key = ReadKey(key_pem);
  if (!key.ok()) return key.status();
  return PublicKeyFingerprint(key->get());
}

absl::StatusOr<std::string> IssueClientCertificate(const Credential& authority,
                                                   std::string_view request_pem, Role role,
                                                   std::string_view id, std::int64_t now_unix_ms,
                                                   std::int64_t life_ms) {
  if (role == Role::kServer) return Invalid("a server's certificate is not made from a request");
  if (!IsId(id)) return Invalid("an id is 1 to 128 letters, digits, '-', '_' or '.'");
  const auto request = ReadRequest(request_pem);
  if (!request.ok()) return request.status();
  const auto signer = ReadSigner(authority);
  if (!signer.ok()) return signer.status();
  const auto validity = LeafValidity(*signer, now_unix_ms, life_ms);
  if (!validity.ok()) return validity.status();
  const std::string uri =
      absl::StrCat(std::string(kScheme), std::string(Name(role)), "/", std::string(id));
  const GeneralNames names(sk_GENERAL_NAME_new_null());
  if (names == nullptr || !AddName(names.get(), GEN_URI, uri)) return Refused("add a name");
  // A common name holds 64 characters; it is for people, the URI is what counts.
  return SignLeaf(*signer, X509_REQ_get0_pubkey(request->get()),
                  {.subject = std::string(id.substr(0, 64)),
                   .extended_key_usage = "clientAuth",
                   .names = names.get(),
                   .validity = *validity});
}

absl::StatusOr<Credential> CreateClientCredential(const Credential& authority, Role role,
                                                  std::string_view id, std::int64_t now_unix_ms,
                                                  std::int64_t life_ms) {
  auto key_pem = CreateKey();
  if (!key_pem.ok()) return key_pem.status();
  const auto request = CreateSigningRequest(*key_pem);
  if (!request.ok()) return request.status();
  auto certificate = IssueClientCertificate(authority, *request, role, id, now_unix_ms, life_ms);
  if (!certificate.ok()) return certificate.status();
  return Credential{*std::move(certificate), *std::move(key_pem)};
}

absl::StatusOr<Identity> ParseCertificate(std::string_view certificate_pem) {
  const auto certificate = ReadCertificate(certificate_pem);
  if (!certificate.ok()) return certificate.status();
  X509* const parsed = certificate->get();
  Identity identity;
  if (absl::Status read = ReadEntitlement(parsed, identity); !read.ok()) return read;
  EVP_PKEY* const key = X509_get0_pubkey(parsed);
  if (key == nullptr || !IsP256(key)) return Invalid("the certificate is not for a P-256 key");
  const auto key_fingerprint = PublicKeyFingerprint(key);
  if (!key_fingerprint.ok()) return key_fingerprint.status();
  const auto digest = CertificateDigest(parsed);
  if (!digest.ok()) return digest.status();
  const auto serial = Serial(parsed);
  if (!serial.ok()) return serial.status();
  const auto not_before = UnixMs(X509_get0_notBefore(parsed));
  if (!not_before.ok()) return not_before.status();
  const auto not_after = UnixMs(X509_get0_notAfter(parsed));
  if (!not_after.ok()) return not_after.status();
  identity.serial = *serial;
  identity.fingerprint = ToHex(*digest);
  identity.key_fingerprint = *key_fingerprint;
  identity.not_before_unix_ms = *not_before;
  identity.not_after_unix_ms = *not_after;
  return identity;
}

absl::StatusOr<std::string> AuthorityFingerprint(std::string_view authority_pem) {
  const auto certificate = ReadCertificate(authority_pem);
  if (!certificate.ok()) return certificate.status();
  return CertificateDigest(certificate->get());
}

absl::Status VerifySignedBy(std::string_view certificate_pem, std::string_view authority_pem,
                            std::int64_t now_unix_ms) {
  const auto certificate = ReadCertificate(certificate_pem);
  if (!certificate.ok()) return certificate.status();
  const auto authority = ReadCertificate(authority_pem);
  if (!authority.ok()) return authority.status();
  const TrustStore trusted(X509_STORE_new());
  const Verification verification(X509_STORE_CTX_new());
  if (trusted == nullptr || verification == nullptr ||
      X509_STORE_add_cert(trusted.get(), authority->get()) != 1 ||
      X509_STORE_CTX_init(verification.get(), trusted.get(), certificate->get(), nullptr) != 1) {
    return Refused("verify a certificate");
  }
  X509_STORE_CTX_set_time(verification.get(), 0, static_cast<std::time_t>(now_unix_ms / 1000));
  if (X509_verify_cert(verification.get()) == 1) return absl::OkStatus();
  const int error = X509_STORE_CTX_get_error(verification.get());
  ERR_clear_error();
  if (error == X509_V_ERR_CERT_NOT_YET_VALID || error == X509_V_ERR_CERT_HAS_EXPIRED) {
    return absl::FailedPreconditionError(absl::StrCat(
        "its certificate is good from ", UtcMinute(UnixMs(X509_get0_notBefore(certificate->get()))),
        " to ", UtcMinute(UnixMs(X509_get0_notAfter(certificate->get()))),
        " and this machine's clock says ", UtcMinute(now_unix_ms)));
  }
  return absl::PermissionDeniedError(
      absl::StrCat("the certificate is not to be trusted: ", X509_verify_cert_error_string(error)));
}

absl::Status CheckKeyMatches(const Credential& credential) {
  const auto certificate = ReadCertificate(credential.certificate_pem);
  if (!certificate.ok()) return certificate.status();
  const auto key = ReadKey(credential.key_pem);
  if (!key.ok()) return key.status();
  if (X509_check_private_key(certificate->get(), key->get()) == 1) return absl::OkStatus();
  ERR_clear_error();
  return absl::PermissionDeniedError("the private key does not belong to the certificate");
}

std::int64_t RenewalTimeUnixMs(const Identity& identity) {
  const std::int64_t life_ms = identity.not_after_unix_ms - identity.not_before_unix_ms;
  return identity.not_before_unix_ms + life_ms / 3 * 2;
}

}  // namespace capacity::pki
