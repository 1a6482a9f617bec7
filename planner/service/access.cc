#include "planner/service/access.h"

#include "absl/strings/str_cat.h"
#include "grpc/grpc_security_constants.h"
#include "grpcpp/security/auth_context.h"
#include "planner/base/host_name.h"
#include "planner/pki/certificate.h"
#include "planner/service/listener.h"

namespace capacity::service {
namespace {

using Kind = Caller::Kind;

// Who may call what. `own`: a node only about itself.
struct Right {
  Method method;
  const char* name;
  bool anonymous;
  bool node;
  bool reader;
  bool admin;
};
constexpr Right kRights[] = {
    //                                                  anonymous node reader admin
    {Method::kEnrol, "Enrol", /*the token decides*/ true, true, true, true},
    {Method::kRenew, "Renew", false, true, true, true},
    {Method::kSendReport, "SendReport", false, true, false, false},
    {Method::kHeartbeat, "Heartbeat", false, true, false, false},
    {Method::kSendMeasurements, "SendMeasurements", false, true, false, false},
    {Method::kPollTask, "PollTask", false, true, false, false},
    {Method::kUpdateTask, "UpdateTask", false, true, false, false},
    {Method::kPlan, "Plan", false, false, true, true},
    {Method::kFit, "Fit", false, false, true, true},
    {Method::kPredict, "Predict", false, false, true, true},
    {Method::kListNodes, "ListNodes", false, false, true, true},
    {Method::kGetNode, "GetNode", false, false, true, true},
    {Method::kExportInventory, "ExportInventory", false, false, true, true},
    {Method::kWatchFleet, "WatchFleet", false, false, true, true},
    {Method::kForget, "Forget", false, false, false, true},
    {Method::kRename, "Rename", false, false, false, true},
};

const Right& RightOf(Method method) { return kRights[static_cast<std::size_t>(method)]; }

bool Allowed(const Right& right, const Caller& caller) {
  switch (caller.kind) {
    case Kind::kLocal:
      return true;
    case Kind::kAnonymous:
      // Without a certificate, but on this machine: may ask.
      return right.anonymous || (caller.loopback && right.reader && right.method != Method::kRenew);
    case Kind::kNode:
      return right.node;
    case Kind::kReader:
      return right.reader;
    case Kind::kAdmin:
      return right.admin;
    case Kind::kUnusable:
      return false;
  }
  return false;
}

grpc::Status Unauthenticated(const std::string& why) {
  return {grpc::StatusCode::UNAUTHENTICATED, why};
}

// "ipv4:127.0.0.1:999", "ipv6:[::1]:999", "ipv6:%5B::1%5D:999" without scheme and port.
std::string AddressOf(const std::string& peer) {
  std::string address = peer.substr(peer.find(':') + 1);
  address = address.substr(0, address.rfind(':'));
  for (const auto& [from, to] :
       {std::pair<const char*, const char*>{"%5B", ""}, {"%5D", ""}, {"[", ""}, {"]", ""}}) {
    const std::size_t at = address.find(from);
    if (at != std::string::npos) address.replace(at, std::string_view(from).size(), to);
  }
  constexpr std::string_view kMapped = "::ffff:";
  if (address.rfind(kMapped, 0) == 0) address.erase(0, kMapped.size());
  return address;
}

}  // namespace

const char* Name(Method method) { return RightOf(method).name; }

Caller CallerOf(const grpc::CallbackServerContext& context) {
  Caller caller;
  caller.address = AddressOf(context.peer());
  caller.loopback = IsLoopback(caller.address);
  const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  const auto security = auth->FindPropertyValues(GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME);
  const bool tls = !security.empty() && security.front() == GRPC_SSL_TRANSPORT_SECURITY_TYPE;
  if (!tls) {
    caller.kind = caller.loopback ? Kind::kLocal : Kind::kUnusable;
    return caller;
  }
  const auto certificates = auth->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (certificates.empty()) return caller;
  const auto identity = pki::ParseCertificate(
      std::string_view(certificates.front().data(), certificates.front().size()));
  caller.kind = Kind::kUnusable;
  if (!identity.ok()) return caller;
  caller.id = identity->id;
  caller.serial = identity->serial;
  switch (identity->role) {
    case pki::Role::kNode:
      caller.kind = Kind::kNode;
      break;
    case pki::Role::kReader:
      caller.kind = Kind::kReader;
      break;
    case pki::Role::kAdmin:
      caller.kind = Kind::kAdmin;
      break;
    case pki::Role::kServer:
      break;
  }
  return caller;
}

Decision Authorize(Method method, const Caller& caller, std::string_view node_id,
                   const store::Store& store) {
  const Right& right = RightOf(method);
  if (!caller.serial.empty()) {
    const auto standing = store.CertificateStanding(caller.serial);
    if (!standing.ok()) {
      return {{grpc::StatusCode::UNAVAILABLE, "the store cannot be read; try again"}, "store"};
    }
    switch (*standing) {
      case store::Standing::kGood:
        break;
      case store::Standing::kRevoked:
        return {Unauthenticated("the certificate is revoked; enrol again"), "revoked"};
      case store::Standing::kExpired:
        return {Unauthenticated("the certificate is expired; enrol again"), "expired"};
      case store::Standing::kUnknown:
        return {Unauthenticated("this planner did not issue the certificate, or forgot the node; "
                                "enrol again"),
                "unknown certificate"};
    }
  }
  if (!Allowed(right, caller)) {
    if (caller.kind == Kind::kAnonymous) {
      return {Unauthenticated(absl::StrCat(right.name, " needs a client certificate")),
              "no certificate"};
    }
    if (caller.kind == Kind::kUnusable) {
      return {Unauthenticated("the certificate is none of this planner's"), "foreign certificate"};
    }
    return {{grpc::StatusCode::PERMISSION_DENIED,
             absl::StrCat("this certificate is not for ", right.name)},
            "wrong role"};
  }
  if (caller.kind == Kind::kNode && method != Method::kEnrol && caller.id != node_id) {
    return {{grpc::StatusCode::PERMISSION_DENIED,
             "a node writes only itself: node_id is not the one of the certificate"},
            "foreign node"};
  }
  return {};
}

}  // namespace capacity::service
