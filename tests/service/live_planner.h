// A server in this process, and what talks to it.
#pragma once

#include <memory>
#include <string>

#include "capacity/v1/planner.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "planner/pki/certificate.h"
#include "planner/service/server.h"

namespace capacity::testing {

// A directory of its own, gone with it.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct LiveOptions {
  bool tls = false;         // with an authority
  bool require_tls = true;  // where there is one: plaintext is refused
  std::string listen = "127.0.0.1:0";
  service::ListenerLimits limits;
  std::vector<v1::Document> overlays;
};

class LivePlanner {
 public:
  explicit LivePlanner(const LiveOptions& options = {});

  void Stop() { server_->Stop(); }
  // The same store and port-less address again, as after a restart.
  void Restart();

  std::string address() const;
  int port() const { return server_->ports()[0]; }
  const std::string& state() const { return directory_.path(); }
  service::Server& server() { return *server_; }

  std::shared_ptr<grpc::Channel> Plaintext() const;
  // TLS with the authority's certificate, and a client's where one is given.
  std::shared_ptr<grpc::Channel> Tls(const pki::Credential& client = {}) const;
  std::string ca_pem() const;

  // As `planner token create` prints it.
  std::string Token(std::int64_t ttl_ms, const std::string& node = "") const;

 private:
  void Start();

  TemporaryDirectory directory_;
  LiveOptions options_;
  std::unique_ptr<service::Server> server_;
};

// Enrols in plaintext; the node id.
std::string EnrolPlaintext(v1::Agents::Stub& agents, const std::string& name);

// A key that stays here, enrolled with a token.
struct EnrolledNode {
  std::string node_id;
  pki::Credential credential;
  grpc::Status status;
};
EnrolledNode EnrolTls(const LivePlanner& planner, const std::string& token, const std::string& name,
                      const std::string& key_pem = "");

// A report of a Mac Studio M3 Ultra, as its agent sends it.
v1::SendReportRequest Report(const std::string& node_id, std::uint64_t boot,
                             std::uint64_t sequence);

}  // namespace capacity::testing
