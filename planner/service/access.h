// Who is calling, and what they may do: the one table of rights.
#pragma once

#include <string>
#include <string_view>

#include "grpcpp/server_context.h"
#include "grpcpp/support/status.h"
#include "planner/store/store.h"

namespace capacity::service {

// What a connection proves about its other end.
struct Caller {
  enum class Kind {
    kLocal,      // plaintext on loopback: whoever is on this machine
    kAnonymous,  // TLS without a certificate
    kNode,
    kReader,
    kAdmin,
    kUnusable,  // a certificate that says nothing we know
  };
  Kind kind = Kind::kAnonymous;
  bool loopback = false;
  std::string id;       // of the certificate: node id, or a reader's name
  std::string serial;   // of the certificate; empty: none
  std::string address;  // without port

  // For limits: one node, one reader, or one address.
  std::string Key() const { return id.empty() ? address : id; }
};

Caller CallerOf(const grpc::CallbackServerContext& context);

// The methods of the service. Every one has a row in the table of access.cc.
enum class Method {
  kEnrol,
  kRenew,
  kSendReport,
  kHeartbeat,
  kSendMeasurements,
  kPollTask,
  kUpdateTask,
  kPlan,
  kFit,
  kPredict,
  kListNodes,
  kGetNode,
  kExportInventory,
  kWatchFleet,
  kForget,
  kRename,
};
const char* Name(Method method);

// What was decided; `why` names a refusal for metrics ("revoked").
struct Decision {
  grpc::Status status;
  const char* why = "";
};

// May `caller` call `method`, about `node_id` where it writes as a node? Certificates are looked up
// in the store: revoked and forgotten ones are refused from the next call on.
Decision Authorize(Method method, const Caller& caller, std::string_view node_id,
                   const store::Store& store);

}  // namespace capacity::service
