#include "planner/service/state_directory.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "planner/pki/files.h"

namespace capacity::service {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

absl::Status WriteCredential(const std::string& directory, const std::string& name,
                             const pki::Credential& credential) {
  if (absl::Status s = pki::ReplaceFile(PkiPath(directory, name + ".key"), credential.key_pem);
      !s.ok()) {
    return s;
  }
  return pki::ReplaceFile(PkiPath(directory, name + ".pem"), credential.certificate_pem);
}

absl::StatusOr<pki::Credential> ReadCredential(const std::string& directory,
                                               const std::string& name) {
  pki::Credential credential;
  const auto certificate = pki::ReadFile(PkiPath(directory, name + ".pem"));
  if (!certificate.ok()) return certificate.status();
  const auto key = pki::ReadSecretFile(PkiPath(directory, name + ".key"));
  if (!key.ok()) return key.status();
  return pki::Credential{*certificate, *key};
}

// Whether a credential is there, whole, and good for another month.
bool GoodForLong(const std::string& directory, const std::string& name, std::int64_t now_unix_ms) {
  constexpr std::int64_t kLong = 30 * pki::kDayMs;
  const auto credential = ReadCredential(directory, name);
  if (!credential.ok() || !pki::CheckKeyMatches(*credential).ok()) return false;
  const auto identity = pki::ParseCertificate(credential->certificate_pem);
  return identity.ok() && identity->not_after_unix_ms - now_unix_ms > kLong;
}

}  // namespace

std::string DefaultStateDirectory() {
  for (const char* name : {"CAPACITY_PLANNER_STATE", "STATE_DIRECTORY"}) {
    if (std::string stated = Variable(name); !stated.empty()) return stated;
  }
  if (geteuid() == 0) return "/var/lib/capacity-planner";
  const std::string state = Variable("XDG_STATE_HOME");
  const std::filesystem::path base =
      std::filesystem::path(state).is_absolute()
          ? std::filesystem::path(state)
          : std::filesystem::path(Variable("HOME")) / ".local" / "state";
  return (base / "capacity-planner").string();
}

std::string PkiPath(const std::string& directory, const std::string& file) {
  return (std::filesystem::path(directory) / "pki" / file).string();
}

pki::ServerNames NamesOfThisMachine() {
  pki::ServerNames names{{"localhost"}, {"127.0.0.1", "::1"}};
  char host[256] = "";
  if (gethostname(host, sizeof host - 1) == 0 && *host != '\0') {
    names.dns.push_back(host);
    if (!absl::StrContains(host, ".")) names.dns.push_back(absl::StrCat(host, ".local"));
  }
  ifaddrs* found = nullptr;
  if (getifaddrs(&found) != 0) return names;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owned(found, freeifaddrs);
  for (const ifaddrs* it = found; it != nullptr; it = it->ifa_next) {
    if (it->ifa_addr == nullptr) continue;
    char text[INET6_ADDRSTRLEN] = "";
    if (it->ifa_addr->sa_family == AF_INET) {
      inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(it->ifa_addr)->sin_addr, text,
                sizeof text);
    } else if (it->ifa_addr->sa_family == AF_INET6) {
      inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(it->ifa_addr)->sin6_addr, text,
                sizeof text);
    }
    const std::string address = text;
    if (address.empty() || absl::StartsWith(address, "fe80:")) continue;
    if (std::find(names.ip.begin(), names.ip.end(), address) == names.ip.end()) {
      names.ip.push_back(address);
    }
  }
  return names;
}

store::CertificateRecord RecordOf(const pki::Identity& identity) {
  store::CertificateRecord record;
  record.serial = identity.serial;
  record.role = std::string(pki::Name(identity.role));
  record.subject = identity.id;
  record.fingerprint = identity.fingerprint;
  record.key_fingerprint = identity.key_fingerprint;
  record.not_before_unix_ms = identity.not_before_unix_ms;
  record.not_after_unix_ms = identity.not_after_unix_ms;
  return record;
}

absl::StatusOr<Initialized> InitializeAuthority(const std::string& directory,
                                                const pki::ServerNames& names,
                                                ServerCertificate server, store::Store& store,
                                                std::int64_t now_unix_ms) {
  Initialized done;
  std::error_code error;
  done.authority = !std::filesystem::exists(PkiPath(directory, "ca.pem"), error);
  const auto authority = done.authority ? pki::CreateAuthority("capacity-planner", now_unix_ms)
                                        : ReadCredential(directory, "ca");
  if (!authority.ok()) return authority.status();
  done.server = done.authority || server == ServerCertificate::kAnew ||
                !GoodForLong(directory, "server", now_unix_ms);
  if (done.server) {
    const auto made = pki::CreateServerCertificate(*authority, names, now_unix_ms);
    if (!made.ok()) return made.status();
    if (absl::Status s = WriteCredential(directory, "server", *made); !s.ok()) return s;
  }
  done.admin = done.authority || !GoodForLong(directory, "admin", now_unix_ms);
  if (done.admin) {
    const auto admin = pki::CreateClientCredential(*authority, pki::Role::kAdmin, "local-admin",
                                                   now_unix_ms, pki::kServerLifeMs);
    if (!admin.ok()) return admin.status();
    const auto identity = pki::ParseCertificate(admin->certificate_pem);
    if (!identity.ok()) return identity.status();
    if (absl::Status s = store.AddCertificate(RecordOf(*identity)); !s.ok()) return s;
    if (absl::Status s = WriteCredential(directory, "admin", *admin); !s.ok()) return s;
  }
  // ca.pem last: with it the authority is complete.
  if (done.authority) {
    if (absl::Status s = WriteCredential(directory, "ca", *authority); !s.ok()) return s;
  }
  return done;
}

absl::StatusOr<Authority> LoadAuthority(const std::string& directory) {
  auto authority = ReadCredential(directory, "ca");
  if (!authority.ok()) return authority.status();
  auto server = ReadCredential(directory, "server");
  if (!server.ok()) return server.status();
  return Authority{*std::move(authority), *std::move(server)};
}

absl::StatusOr<ClientFiles> LoadClientFiles(const std::string& directory, const std::string& name) {
  const auto ca = pki::ReadFile(PkiPath(directory, "ca.pem"));
  if (!ca.ok()) return ca.status();
  ClientFiles files{*ca, {}};
  if (auto credential = ReadCredential(directory, name); credential.ok()) {
    files.credential = *std::move(credential);
  }
  return files;
}

}  // namespace capacity::service
