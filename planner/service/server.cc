#include "planner/service/server.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/security/server_credentials.h"
#include "planner/base/host_name.h"
#include "planner/service/agents_service.h"
#include "planner/service/log.h"
#include "planner/service/planner_service.h"
#include "planner/wire/subnet.h"

namespace capacity::service {
namespace {

using grpc::experimental::ExternalConnectionAcceptor;

constexpr int kMaxMessageBytes = 256 << 10;
constexpr int kMaxStreamsPerConnection = 64;
constexpr int kHandshakeMs = 10'000;
constexpr int kKeepaliveMs = 60'000;
constexpr int kKeepaliveTimeoutMs = 20'000;
constexpr int kShortestPingMs = 10'000;
constexpr std::size_t kQuestionThreads = 2;
constexpr std::size_t kMostQuestions = 64;
constexpr std::size_t kLookThreads = 2;
constexpr std::size_t kMostLooks = 256;
constexpr std::size_t kWaitThreads = 4;
constexpr std::size_t kMostWaits = 4'096;
constexpr auto kMaintainEvery = std::chrono::seconds(1);
constexpr auto kGrace = std::chrono::seconds(3);
constexpr auto kLastGrace = std::chrono::seconds(1);  // for searches to see that they are to end
constexpr std::int64_t kAliveMs = 30'000;

std::shared_ptr<grpc::ServerCredentials> TlsCredentials(const Authority& authority) {
  grpc::SslServerCredentialsOptions options(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = authority.authority.certificate_pem;
  options.pem_key_cert_pairs.push_back(
      {authority.server.key_pem, authority.server.certificate_pem});
  return grpc::SslServerCredentials(options);
}

// Whether both ends of a link could measure it now, from what they said last.
std::vector<Measurable> MeasurableNodes(const store::Store& store) {
  std::vector<Measurable> out;
  const auto nodes = store.ListNodes();
  if (!nodes.ok()) return out;
  const std::int64_t now = store::SystemClock();
  for (const store::NodeRecord& node : *nodes) {
    if (node.revoked_at_unix_ms || !node.heartbeat || !node.report) continue;
    if (now - node.heartbeat->received_at_unix_ms > kAliveMs) continue;
    v1::HeartbeatRequest beat;
    const auto stored = store.GetReport(node.node_id);
    v1::NodeReport report;
    if (!stored.ok() || !report.ParseFromString(stored->bytes) ||
        !beat.ParseFromString(node.heartbeat->bytes)) {
      continue;
    }
    Measurable entry{node.node_id, node.name, {}, beat.busy()};
    for (const v1::Port& port : report.ports()) {
      if (port.state() != v1::Port::STATE_UP || port.kind() == v1::Port::KIND_WIFI) continue;
      entry.addresses.insert(entry.addresses.end(), port.addresses().begin(),
                             port.addresses().end());
    }
    if (!entry.addresses.empty()) out.push_back(std::move(entry));
  }
  return out;
}

std::map<std::pair<std::string, std::string>, std::int64_t> LastMeasured(
    const store::Store& store) {
  std::map<std::pair<std::string, std::string>, std::int64_t> last;
  const auto links = store.ListLinks();
  if (!links.ok()) return last;
  for (const store::Link& link : *links) {
    std::int64_t& when = last[std::minmax(link.from_node_id, link.to_node_id)];
    when = std::max(when, link.received_at_unix_ms);
  }
  return last;
}

}  // namespace

struct Server::Parts {
  Parts(const answer::Facts& facts, ServerOptions server_options)
      : options(std::move(server_options)), facts_ref(facts) {}

  absl::Status Open();
  absl::Status Listen();
  void Maintain();
  void UpdateGauges();
  void Stop();

  ServerOptions options;
  const answer::Facts& facts_ref;
  std::unique_ptr<Authority> authority;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<FleetView> fleet;
  Metrics metrics;
  LinkTasks link_tasks;
  std::unique_ptr<WorkQueue> questions;
  std::unique_ptr<WorkQueue> looks;
  std::unique_ptr<WorkQueue> waits;
  std::unique_ptr<Context> context;
  std::unique_ptr<Watchers> watchers;
  std::unique_ptr<AgentsService> agents;
  std::unique_ptr<PlannerService> planner;
  std::unique_ptr<ExternalConnectionAcceptor> tls_acceptor;
  std::unique_ptr<ExternalConnectionAcceptor> plaintext_acceptor;
  std::unique_ptr<grpc::Server> server;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::thread maintenance;
  std::mutex mutex;
  std::condition_variable wake;
  bool stopping = false;
  // The store's writer calls `changed` before the rest exists.
  std::atomic<Watchers*> told{nullptr};
  std::atomic<FleetView*> invalidated{nullptr};
};

absl::Status Server::Parts::Open() {
  auto loaded = LoadAuthority(options.state_directory);
  if (loaded.ok()) {
    authority = std::make_unique<Authority>(*std::move(loaded));
  } else if (!absl::IsNotFound(loaded.status())) {
    return loaded.status();
  }
  for (const std::string& listen : options.listen) {
    const auto endpoint = ParseEndpoint(listen);
    if (!endpoint.ok()) return endpoint.status();
    if (authority != nullptr || (IsLoopback(endpoint->host) && !options.require_tls)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(listen, options.require_tls ? " is to speak TLS" : " can be reached by others",
                     ", and there is no certificate in ", options.state_directory,
                     "; run `planner init` first, or listen on 127.0.0.1"));
  }
  store::Options store_options;
  store_options.directory = options.state_directory;
  store_options.changed = [this](const std::vector<std::string>& node_ids) {
    if (FleetView* view = invalidated) view->Invalidate();
    if (Watchers* all = told) all->Changed(node_ids);
  };
  auto opened = store::Store::Open(std::move(store_options));
  if (!opened.ok()) return opened.status();
  store = *std::move(opened);
  fleet = std::make_unique<FleetView>(facts_ref.catalog, *store);
  invalidated = fleet.get();
  questions = std::make_unique<WorkQueue>(kQuestionThreads, kMostQuestions);
  looks = std::make_unique<WorkQueue>(kLookThreads, kMostLooks);
  waits = std::make_unique<WorkQueue>(kWaitThreads, kMostWaits);
  context.reset(new Context{facts_ref, options.overlays, *store, *fleet, metrics, link_tasks,
                            *questions, *looks, *waits, authority.get()});
  watchers = std::make_unique<Watchers>(*context);
  told = watchers.get();
  agents = std::make_unique<AgentsService>(*context);
  planner = std::make_unique<PlannerService>(*context, *watchers);
  return absl::OkStatus();
}

absl::Status Server::Parts::Listen() {
  for (const std::string& listen : options.listen) {
    auto listener = Listener::Bind(*ParseEndpoint(listen), options.limits);
    if (!listener.ok()) return listener.status();
    listeners.push_back(*std::move(listener));
  }
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  using External = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
  if (authority != nullptr) {
    tls_acceptor = builder.experimental().AddExternalConnectionAcceptor(External::FROM_FD,
                                                                        TlsCredentials(*authority));
  }
  plaintext_acceptor = builder.experimental().AddExternalConnectionAcceptor(
      External::FROM_FD, grpc::InsecureServerCredentials());
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kShortestPingMs);
  builder.RegisterService(agents.get());
  builder.RegisterService(planner.get());
  server = builder.BuildAndStart();
  if (server == nullptr) return absl::UnavailableError("gRPC does not start");
  grpc::HealthCheckServiceInterface& health = *server->GetHealthCheckService();
  health.SetServingStatus(true);
  for (const char* service : {"capacity.v1.Planner", "capacity.v1.Agents"}) {
    health.SetServingStatus(service, true);
  }
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    Listener::Hooks hooks;
    hooks.count = [this](const char* what) { metrics.CountConnection(what); };
    hooks.serve = [this](Listener::Protocol protocol, int fd) {
      ExternalConnectionAcceptor::NewConnectionParameters parameters;
      parameters.listener_fd = -1;
      parameters.fd = fd;
      (protocol == Listener::Protocol::kTls ? tls_acceptor : plaintext_acceptor)
          ->HandleNewConnection(&parameters);
    };
    listeners[i]->Start(std::move(hooks), authority != nullptr, !options.require_tls);
  }
  if (!options.metrics.empty()) {
    const auto endpoint = ParseEndpoint(options.metrics);
    if (!endpoint.ok()) return endpoint.status();
    if (!IsLoopback(endpoint->host)) {
      return absl::FailedPreconditionError(absl::StrCat(
          "metrics on ", options.metrics, " would be open to others; listen on 127.0.0.1"));
    }
    if (absl::Status s = metrics.Expose(options.metrics); !s.ok()) return s;
  }
  maintenance = std::thread([this] { Maintain(); });
  return absl::OkStatus();
}

void Server::Parts::UpdateGauges() {
  const store::Store::Health health = store->GetHealth();
  metrics.Set("store_ok", health.last_write.ok() ? 1 : 0);
  metrics.Set("store_waiting_writes", static_cast<double>(health.waiting_writes));
  metrics.Set("store_commits", static_cast<double>(health.commits));
  metrics.Set("store_committed_writes", static_cast<double>(health.committed_writes));
  metrics.Set("store_failed_commits", static_cast<double>(health.failed_commits));
  metrics.Set("store_last_commit_seconds", health.last_commit_seconds);
  metrics.Set("store_bytes", static_cast<double>(health.database_bytes));
  std::size_t connections = 0;
  for (const auto& listener : listeners) connections += listener->open_connections();
  metrics.Set("connections", static_cast<double>(connections));
}

void Server::Parts::Maintain() {
  std::unique_lock<std::mutex> lock(mutex);
  int round = 0;
  while (!wake.wait_for(lock, kMaintainEvery, [this] { return stopping; })) {
    lock.unlock();
    UpdateGauges();
    // Looking for the next link reads every report: less often, and only when none is measured.
    constexpr int kLookEvery = 3;
    if (options.measure_links && !link_tasks.running() && ++round % kLookEvery == 0) {
      link_tasks.Tick(store::SystemClock(), MeasurableNodes(*store), LastMeasured(*store));
    } else if (options.measure_links && link_tasks.running()) {
      link_tasks.Tick(store::SystemClock(), {}, {});  // ends what takes too long
    }
    lock.lock();
  }
}

void Server::Parts::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex);
    if (stopping) return;
    stopping = true;
    wake.notify_all();
  }
  if (context != nullptr) context->stopping = true;
  if (server != nullptr) server->GetHealthCheckService()->SetServingStatus(false);
  for (const auto& listener : listeners) listener->Stop();
  if (maintenance.joinable()) maintenance.join();
  if (watchers != nullptr) watchers->Stop();
  if (server != nullptr) server->Shutdown(std::chrono::system_clock::now() + kGrace);
  if (looks != nullptr) looks->Stop();
  if (waits != nullptr) waits->Stop();
  if (questions != nullptr && !questions->StopWithin(kLastGrace)) {
    // A search that does not look whether it is to end. Nothing acknowledged hangs on it.
    LogWarning("a question does not end; leaving it");
    store.reset();
    std::_Exit(0);
  }
  if (server != nullptr) server->Wait();
  told = nullptr;
  invalidated = nullptr;
  store.reset();  // completes what was accepted
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Server::~Server() { parts_->Stop(); }

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const answer::Facts& facts,
                                                      ServerOptions options) {
  auto parts = std::make_unique<Parts>(facts, std::move(options));
  std::unique_ptr<Server> server(new Server(std::move(parts)));
  if (absl::Status s = server->parts_->Open(); !s.ok()) return s;
  if (absl::Status s = server->parts_->Listen(); !s.ok()) return s;
  return server;
}

std::vector<int> Server::ports() const {
  std::vector<int> ports;
  for (const auto& listener : parts_->listeners) ports.push_back(listener->port());
  return ports;
}

std::string Server::MetricsText() const {
  parts_->UpdateGauges();
  return parts_->metrics.Text();
}

void Server::Stop() { parts_->Stop(); }

}  // namespace capacity::service
