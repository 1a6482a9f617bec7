#include "tests/service/live_planner.h"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "planner/pki/files.h"
#include "planner/pki/token.h"
#include "planner/service/state_directory.h"
#include "planner/store/store.h"
#include "tests/support/shipped.h"

namespace capacity::testing {
namespace {

const answer::Facts& ShippedFacts() {
  static const auto* const kFacts = new answer::Facts{Shipped(), Fitted()};
  return *kFacts;
}

template <class T>
T OrThrow(absl::StatusOr<T> value) {
  if (!value.ok()) throw std::runtime_error(std::string(value.status().message()));
  return *std::move(value);
}

std::unique_ptr<store::Store> Beside(const std::string& directory) {
  store::Options options;
  options.directory = directory;
  return OrThrow(store::Store::OpenBeside(std::move(options)));
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "planner-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

LivePlanner::LivePlanner(const LiveOptions& options) : options_(options) {
  if (options.tls) {
    const auto made = service::InitializeAuthority(state(), {{"localhost"}, {"127.0.0.1"}},
                                                   service::ServerCertificate::kWhenNeeded,
                                                   *Beside(state()), store::SystemClock());
    if (!made.ok()) throw std::runtime_error(std::string(made.status().message()));
  }
  Start();
}

void LivePlanner::Start() {
  service::ServerOptions options;
  options.state_directory = state();
  options.listen = {options_.listen};
  options.metrics = "";
  options.require_tls = options_.tls && options_.require_tls;
  options.limits = options_.limits;
  options.overlays = options_.overlays;
  server_ = OrThrow(service::Server::Start(ShippedFacts(), options));
}

void LivePlanner::Restart() {
  server_->Stop();
  server_.reset();
  Start();
}

std::string LivePlanner::address() const { return "127.0.0.1:" + std::to_string(port()); }

std::shared_ptr<grpc::Channel> LivePlanner::Plaintext() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(64 << 20);
  return grpc::CreateCustomChannel(address(), grpc::InsecureChannelCredentials(), arguments);
}

std::string LivePlanner::ca_pem() const {
  return OrThrow(pki::ReadFile(service::PkiPath(state(), "ca.pem")));
}

std::shared_ptr<grpc::Channel> LivePlanner::Tls(const pki::Credential& client) const {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = ca_pem();
  options.pem_private_key = client.key_pem;
  options.pem_cert_chain = client.certificate_pem;
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(64 << 20);
  arguments.SetSslTargetNameOverride(std::string(pki::kServerName));
  return grpc::CreateCustomChannel(address(), grpc::SslCredentials(options), arguments);
}

std::string LivePlanner::Token(std::int64_t ttl_ms, const std::string& node) const {
  const auto token = OrThrow(pki::CreateJoinToken(OrThrow(pki::AuthorityFingerprint(ca_pem()))));
  store::TokenRecord record;
  record.hash = pki::HashForStore(token);
  record.node_name = node;
  record.expires_at_unix_ms = store::SystemClock() + ttl_ms;
  const absl::Status added = Beside(state())->AddToken(record);
  if (!added.ok()) throw std::runtime_error(std::string(added.message()));
  return pki::Format(token);
}

std::string EnrolPlaintext(v1::Agents::Stub& agents, const std::string& name) {
  grpc::ClientContext context;
  v1::EnrolRequest request;
  request.set_node_name(name);
  v1::EnrolResponse response;
  const grpc::Status status = agents.Enrol(&context, request, &response);
  if (!status.ok()) throw std::runtime_error(status.error_message());
  return response.node_id();
}

EnrolledNode EnrolTls(const LivePlanner& planner, const std::string& token, const std::string& name,
                      const std::string& key_pem) {
  EnrolledNode node;
  node.credential.key_pem = key_pem.empty() ? OrThrow(pki::CreateKey()) : key_pem;
  v1::EnrolRequest request;
  request.set_join_token(token);
  request.set_node_name(name);
  request.set_csr_pem(OrThrow(pki::CreateSigningRequest(node.credential.key_pem)));
  v1::EnrolResponse response;
  grpc::ClientContext context;
  node.status = v1::Agents::NewStub(planner.Tls())->Enrol(&context, request, &response);
  node.node_id = response.node_id();
  node.credential.certificate_pem = response.certificate_pem();
  return node;
}

v1::SendReportRequest Report(const std::string& node_id, std::uint64_t boot,
                             std::uint64_t sequence) {
  v1::SendReportRequest request;
  request.mutable_origin()->set_node_id(node_id);
  request.mutable_origin()->set_boot_id(boot);
  request.mutable_origin()->set_sequence(sequence);
  v1::NodeReport& report = *request.mutable_report();
  report.set_hostname("studio");
  report.set_agent_version("0.1.0");
  report.set_taken_at_unix_ms(store::SystemClock());
  report.mutable_machine()->set_vendor("Apple");
  report.mutable_machine()->set_product("Mac Studio");
  report.mutable_machine()->set_model_identifier("Mac15,14");
  report.mutable_machine()->set_kind(v1::Machine::KIND_MAC);
  report.mutable_os()->set_name("macOS");
  report.mutable_os()->set_version("26.2");
  report.mutable_processor()->set_name("Apple M3 Ultra");
  report.mutable_processor()->set_architecture("arm64");
  report.mutable_memory()->set_installed_bytes(std::uint64_t{512} << 30);
  report.mutable_memory()->set_unified(true);
  v1::Accelerator& gpu = *report.add_accelerators();
  gpu.set_name("Apple M3 Ultra");
  gpu.set_gpu_cores(80);
  report.mutable_rdma()->set_state(v1::Rdma::STATE_ENABLED);
  report.mutable_identity()->set_machine("mac-studio-m3-ultra-512gb");
  report.mutable_identity()->set_chip("apple-m3-ultra-80");
  report.mutable_identity()->set_chips(1);
  return request;
}

}  // namespace capacity::testing
