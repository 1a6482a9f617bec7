#include "tests/node-agent/reporter/fake_planner.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "capacity/v1/error.pb.h"
#include "capacity/v1/planner.grpc.pb.h"
#include "planner/pki/token.h"

namespace capacity::reporter::testing {
namespace {

std::int64_t Now() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

grpc::Status TooFast(std::chrono::milliseconds wait) {
  const std::string message =
      "too many calls; try again in " + std::to_string(wait.count()) + " ms";
  v1::RetryInfo info;
  info.mutable_retry_delay()->set_nanos(static_cast<int>(wait.count()) * 1'000'000);
  v1::Status details;
  details.set_code(grpc::RESOURCE_EXHAUSTED);
  auto& detail = *details.add_details();
  detail.set_type_url("type.googleapis.com/google.rpc.RetryInfo");
  detail.set_value(info.SerializeAsString());
  return {grpc::RESOURCE_EXHAUSTED, message, details.SerializeAsString()};
}

grpc::Status StatusOf(int code, const std::string& message) {
  if (code == grpc::RESOURCE_EXHAUSTED) return TooFast(std::chrono::milliseconds(100));
  return {static_cast<grpc::StatusCode>(code), message};
}

}  // namespace

class FakePlanner::Service final : public v1::Agents::Service {
 public:
  explicit Service(const pki::Credential& authority) : authority_(authority) {}

  grpc::Status Enrol(grpc::ServerContext*, const v1::EnrolRequest* request,
                     v1::EnrolResponse* response) override {
    const std::lock_guard lock(mutex_);
    told_.enrolments.push_back(*request);
    changed_.notify_all();
    if (!enrolment_answer_.ok()) return enrolment_answer_;
    if (!request->csr_pem().empty()) {
      const auto token = pki::ParseJoinToken(request->join_token());
      if (!token.ok() || tokens_.erase(pki::HashForStore(*token)) == 0) {
        return {grpc::StatusCode::UNAUTHENTICATED, "the join token is not good"};
      }
      const auto issued = pki::IssueClientCertificate(authority_, request->csr_pem(),
                                                      pki::Role::kNode, "node-1", Now(), life_ms_);
      if (!issued.ok()) return {grpc::StatusCode::INVALID_ARGUMENT, "csr_pem"};
      response->set_certificate_pem(*issued);
      response->set_ca_pem(authority_.certificate_pem);
    }
    forgot_ = false;
    response->set_node_id("node-1");
    response->set_planner_id("planner-1");
    response->set_now_unix_ms(Now());
    return grpc::Status::OK;
  }

  grpc::Status Renew(grpc::ServerContext*, const v1::RenewRequest* request,
                     v1::RenewResponse* response) override {
    const std::lock_guard lock(mutex_);
    ++told_.renewals;
    changed_.notify_all();
    response->set_certificate_pem(*pki::IssueClientCertificate(
        authority_, request->csr_pem(), pki::Role::kNode, request->node_id(), Now()));
    response->set_ca_pem(authority_.certificate_pem);
    return grpc::Status::OK;
  }

  grpc::Status SendReport(grpc::ServerContext* context, const v1::SendReportRequest* request,
                          v1::SendReportResponse* response) override {
    std::this_thread::sleep_for(delay());
    const std::lock_guard lock(mutex_);
    told_.last_certificate_id = PeerId(*context);
    if (!report_answer_.ok()) return report_answer_;
    if (forgot_) return Forgotten();
    const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(
        report_limit_until_ - std::chrono::steady_clock::now());
    if (wait.count() > 0) return TooFast(wait);
    report_limit_until_ = std::chrono::steady_clock::now() + report_interval_;
    told_.reports.push_back(*request);
    changed_.notify_all();
    response->set_outcome(v1::OUTCOME_ACCEPTED);
    response->set_received_at_unix_ms(Now());
    return grpc::Status::OK;
  }

  grpc::Status Heartbeat(grpc::ServerContext*, const v1::HeartbeatRequest* request,
                         v1::HeartbeatResponse* response) override {
    const std::lock_guard lock(mutex_);
    told_.heartbeats.push_back(*request);
    changed_.notify_all();
    if (!heartbeat_answer_.ok()) return heartbeat_answer_;
    if (forgot_) return Forgotten();
    response->set_received_at_unix_ms(Now());
    response->set_report_wanted(std::exchange(report_wanted_, false));
    response->set_task_waiting(task_waiting_);
    return grpc::Status::OK;
  }

  grpc::Status PollTask(grpc::ServerContext*, const v1::PollTaskRequest* request,
                        v1::PollTaskResponse* response) override {
    const std::lock_guard lock(mutex_);
    task_waiting_ = false;
    if (request->refusal().empty()) {
      *response->mutable_task() = task_;
    } else {
      told_.refusals.push_back(request->refusal());
    }
    changed_.notify_all();
    return grpc::Status::OK;
  }

  grpc::Status UpdateTask(grpc::ServerContext*, const v1::UpdateTaskRequest* request,
                          v1::UpdateTaskResponse* response) override {
    const std::lock_guard lock(mutex_);
    told_.updates.push_back(*request);
    changed_.notify_all();
    if (request->state() != v1::TASK_STATE_LISTENING) task_over_ = true;
    response->set_over(task_over_);
    return grpc::Status::OK;
  }

  grpc::Status SendMeasurements(grpc::ServerContext*, const v1::SendMeasurementsRequest* request,
                                v1::SendMeasurementsResponse* response) override {
    {
      const std::lock_guard lock(mutex_);
      told_.measurements.push_back(*request);
      changed_.notify_all();
    }
    std::this_thread::sleep_for(delay());
    const std::lock_guard lock(mutex_);
    response->set_outcome(v1::OUTCOME_ACCEPTED);
    return measurement_answer_;
  }

  static grpc::Status Forgotten() {
    return {grpc::UNAUTHENTICATED, "this planner forgot the node; enrol again"};
  }

  static std::string PeerId(const grpc::ServerContext& context) {
    const auto pem = context.auth_context()->FindPropertyValues("x509_pem_cert");
    if (pem.empty()) return "";
    const auto identity =
        pki::ParseCertificate(std::string(pem.front().data(), pem.front().size()));
    return identity.ok() ? identity->id : identity.status().ToString();
  }

  std::chrono::milliseconds delay() const {
    const std::lock_guard lock(mutex_);
    return delay_;
  }

  const pki::Credential& authority_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  Told told_;
  std::set<std::string> tokens_;  // hashes
  grpc::Status enrolment_answer_;
  grpc::Status report_answer_;
  grpc::Status heartbeat_answer_;
  grpc::Status measurement_answer_;
  bool report_wanted_ = false;
  bool forgot_ = false;  // who was enrolled
  std::chrono::milliseconds report_interval_{0};
  std::chrono::steady_clock::time_point report_limit_until_{};
  v1::Task task_;
  bool task_waiting_ = false;
  bool task_over_ = false;
  std::int64_t life_ms_ = pki::kClientLifeMs;
  std::chrono::milliseconds delay_{0};
};

FakePlanner::FakePlanner(Security security, int port)
    : security_(security),
      authority_(*pki::CreateAuthority("test", Now())),
      server_(*pki::CreateServerCertificate(authority_, {}, Now())),
      service_(std::make_unique<Service>(authority_)),
      port_(port) {
  Start();
}

FakePlanner::~FakePlanner() { Stop(); }

void FakePlanner::Start() {
  grpc::ServerBuilder builder;
  grpc::SslServerCredentialsOptions options(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = authority_.certificate_pem;
  options.pem_key_cert_pairs = {{server_.key_pem, server_.certificate_pem}};
  const bool plaintext = security_ == Security::kPlaintext;
  int port = 0;
  builder.AddListeningPort(
      "127.0.0.1:" + std::to_string(port_),
      plaintext ? grpc::InsecureServerCredentials() : grpc::SslServerCredentials(options), &port);
  builder.RegisterService(service_.get());
  std::shared_ptr<grpc::Server> server = builder.BuildAndStart();
  ASSERT_NE(server, nullptr);
  port_ = port;
  running_ = server;
}

void FakePlanner::Stop() {
  if (running_ == nullptr) return;
  static_cast<grpc::Server*>(running_.get())->Shutdown(std::chrono::system_clock::now());
  running_.reset();
}

Address FakePlanner::address() const { return {"127.0.0.1", std::to_string(port_)}; }

std::string FakePlanner::NewToken() {
  const auto token = pki::CreateJoinToken(*pki::AuthorityFingerprint(authority_.certificate_pem));
  const std::lock_guard lock(service_->mutex_);
  service_->tokens_.insert(pki::HashForStore(*token));
  return pki::Format(*token);
}

FakePlanner::Told FakePlanner::told() const {
  const std::lock_guard lock(service_->mutex_);
  return service_->told_;
}

bool FakePlanner::WaitFor(const std::function<bool(const Told&)>& holds) const {
  std::unique_lock lock(service_->mutex_);
  return service_->changed_.wait_for(lock, std::chrono::seconds(10),
                                     [&] { return holds(service_->told_); });
}

void FakePlanner::AnswerEnrolments(int code, const std::string& message) {
  const std::lock_guard lock(service_->mutex_);
  service_->enrolment_answer_ = StatusOf(code, message);
}

void FakePlanner::AnswerReports(int code, const std::string& message) {
  const std::lock_guard lock(service_->mutex_);
  service_->report_answer_ = StatusOf(code, message);
}

void FakePlanner::AnswerHeartbeats(int code, const std::string& message, bool report_wanted) {
  const std::lock_guard lock(service_->mutex_);
  service_->heartbeat_answer_ = StatusOf(code, message);
  service_->report_wanted_ = report_wanted;
}

void FakePlanner::AnswerMeasurements(int code, const std::string& message) {
  const std::lock_guard lock(service_->mutex_);
  service_->measurement_answer_ = StatusOf(code, message);
}

void FakePlanner::LimitReports(std::chrono::milliseconds interval) {
  const std::lock_guard lock(service_->mutex_);
  service_->report_interval_ = interval;
}

void FakePlanner::ForgetNodes() {
  const std::lock_guard lock(service_->mutex_);
  service_->forgot_ = true;
}

void FakePlanner::SetCertificateLife(std::int64_t life_ms) {
  const std::lock_guard lock(service_->mutex_);
  service_->life_ms_ = life_ms;
}

void FakePlanner::SetDelay(std::chrono::milliseconds delay) {
  const std::lock_guard lock(service_->mutex_);
  service_->delay_ = delay;
}

void FakePlanner::GiveTask(v1::Task task) {
  const std::lock_guard lock(service_->mutex_);
  service_->task_ = std::move(task);
  service_->task_waiting_ = true;
  service_->task_over_ = false;
}

void FakePlanner::EndTask() {
  const std::lock_guard lock(service_->mutex_);
  service_->task_over_ = true;
}

}  // namespace capacity::reporter::testing
