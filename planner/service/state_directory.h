// What a planner keeps on disk beside its store: the authority and certificates.
//
//   DIR/fleet.sqlite        the store
//   DIR/pki/ca.pem          the authority's certificate; may be shown to anyone
//   DIR/pki/ca.key          its key: whoever has it can make any node
//   DIR/pki/server.pem .key the planner's own
//   DIR/pki/admin.pem .key  for commands on this machine
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "planner/pki/certificate.h"
#include "planner/store/store.h"

namespace capacity::service {

// $CAPACITY_PLANNER_STATE, else systemd's $STATE_DIRECTORY, else /var/lib/capacity-planner for
// root, else $XDG_STATE_HOME or ~/.local/state with capacity-planner below it.
std::string DefaultStateDirectory();

struct Authority {
  pki::Credential authority;
  pki::Credential server;
};

// What InitializeAuthority made.
struct Initialized {
  bool authority = false;
  bool server = false;
  bool admin = false;
};
enum class ServerCertificate { kWhenNeeded, kAnew };

// Makes what is missing of authority, server certificate (for these names) and administrator's
// credential, and tells the store of the latter. An authority stays what it is: nodes know it. The
// others are made anew when they are broken or expire within 30 days, the server's also on request.
absl::StatusOr<Initialized> InitializeAuthority(const std::string& directory,
                                                const pki::ServerNames& names,
                                                ServerCertificate server, store::Store& store,
                                                std::int64_t now_unix_ms);

// What the store keeps of a certificate.
store::CertificateRecord RecordOf(const pki::Identity& identity);

// NotFound: `planner init` was not run.
absl::StatusOr<Authority> LoadAuthority(const std::string& directory);

// A client's credential from `directory`: ca.pem and NAME.pem, NAME.key.
struct ClientFiles {
  std::string ca_pem;
  pki::Credential credential;  // empty: none
};
// NotFound when there is no ca.pem. A credential that is not there or not readable is left empty.
absl::StatusOr<ClientFiles> LoadClientFiles(const std::string& directory, const std::string& name);

// "host.local", and the addresses of this machine that others can reach.
pki::ServerNames NamesOfThisMachine();

std::string PkiPath(const std::string& directory, const std::string& file);

}  // namespace capacity::service
