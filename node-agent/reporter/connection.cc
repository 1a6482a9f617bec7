#include "node-agent/reporter/connection.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <mutex>
#include <set>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "capacity/v1/error.pb.h"
#include "capacity/v1/planner.grpc.pb.h"
#include "node-agent/reporter/wire.h"
#include "planner/pki/certificate.h"

namespace capacity::reporter {
namespace {

constexpr std::chrono::seconds kCallDeadline{10};
constexpr std::chrono::milliseconds kReconnect{3'000};  // longer than kLongestReconnectMs
constexpr std::chrono::milliseconds kGlance{100};       // how soon a wish to end is seen
constexpr int kFirstReconnectMs = 500;
constexpr int kLongestReconnectMs = 2'000;
constexpr int kConnectTimeoutMs = 10'000;  // gRPC's "minimum back-off" is how long it tries

// What is asked for is capped again where it is done; this one only has to fit an int.
constexpr std::uint32_t kMostRoundTrips = 1'000'000;

// Name of the payload that carries the planner's wish, in ms as text.
constexpr char kRetryDelay[] = "capacity.retry-delay-ms";
constexpr std::string_view kRetryInfo = "type.googleapis.com/google.rpc.RetryInfo";

std::optional<std::int64_t> RetryDelayMs(const std::string& details) {
  v1::Status status;
  if (!status.ParseFromString(details)) return std::nullopt;
  for (const auto& detail : status.details()) {
    v1::RetryInfo info;
    if (detail.type_url() != kRetryInfo || !info.ParseFromString(detail.value())) continue;
    return info.retry_delay().seconds() * 1'000 + info.retry_delay().nanos() / 1'000'000;
  }
  return std::nullopt;
}

// Name of the payload that marks a connection which was there and ended under a call.
constexpr char kBroken[] = "capacity.broken";

// In gRPC's words. A planner that ends cancels the calls it has.
bool IsBroken(const grpc::Status& status) {
  if (status.error_code() == grpc::StatusCode::CANCELLED) return true;
  const std::string& words = status.error_message();
  return status.error_code() == grpc::StatusCode::UNAVAILABLE &&
         !absl::StrContains(words, "failed to connect") &&
         (absl::StrContains(words, "Socket closed") || absl::StrContains(words, "reset by peer"));
}

absl::Status StatusOf(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  if (IsBroken(status)) {
    absl::Status broken = absl::UnavailableError("the connection to it ended");
    broken.SetPayload(kBroken, absl::Cord());
    return broken;
  }
  absl::Status converted(static_cast<absl::StatusCode>(status.error_code()),
                         status.error_message());
  if (const auto delay = RetryDelayMs(status.error_details())) {
    converted.SetPayload(kRetryDelay, absl::Cord(absl::StrCat(*delay)));
  }
  return converted;
}

void SetOrigin(v1::Origin& origin, const std::string& node_id, std::uint64_t boot_id,
               std::uint64_t sequence) {
  origin.set_node_id(node_id);
  origin.set_boot_id(boot_id);
  origin.set_sequence(sequence);
}

grpc::ChannelArguments Arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLongestReconnectMs);
  // A connection of its own: one with another certificate must not be shared.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // A home network has no proxy between its machines.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

Task TaskOf(const v1::Task& from) {
  Task task;
  task.task_id = from.task_id();
  task.role = from.role() == v1::Task::ROLE_LISTEN ? Task::Role::kListen : Task::Role::kConnect;
  task.peer_node_id = from.peer_node_id();
  task.peer_name = from.peer_name();
  task.addresses.assign(from.addresses().begin(), from.addresses().end());
  task.port = static_cast<int>(from.port() & 0xFFFF);
  task.secret = from.secret();
  task.lease = std::chrono::milliseconds(from.lease_ms());
  task.round_trips = static_cast<int>(std::min(from.round_trips(), kMostRoundTrips));
  task.transfer = std::chrono::milliseconds(from.transfer_ms());
  task.transfer_limit_bytes = from.transfer_limit_bytes();
  return task;
}

v1::TaskState StateOf(TaskState state) {
  switch (state) {
    case TaskState::kListening:
      return v1::TASK_STATE_LISTENING;
    case TaskState::kDone:
      return v1::TASK_STATE_DONE;
    case TaskState::kRefused:
      return v1::TASK_STATE_REFUSED;
    case TaskState::kFailed:
      return v1::TASK_STATE_FAILED;
  }
  return v1::TASK_STATE_UNSPECIFIED;
}

void Convert(const LinkResult& from, v1::LinkMeasurement& to) {
  to.set_task_id(from.task_id);
  to.set_peer_node_id(from.peer_node_id);
  to.set_local_address(from.local_address);
  to.set_peer_address(from.peer_address);
  if (from.round_trip_best_us) to.set_round_trip_best_us(*from.round_trip_best_us);
  if (from.round_trip_median_us) to.set_round_trip_median_us(*from.round_trip_median_us);
  to.set_round_trips(from.round_trips);
  if (from.send_bits_per_second) to.set_send_bits_per_second(*from.send_bits_per_second);
  if (from.receive_bits_per_second) to.set_receive_bits_per_second(*from.receive_bits_per_second);
  to.set_transferred_bytes(from.transferred_bytes);
  to.set_taken_at_unix_ms(from.taken_at_unix_ms);
  if (!to.mutable_conditions()->ParseFromString(Serialize(from.conditions))) to.clear_conditions();
  to.set_failure(from.failure);
}

}  // namespace

std::optional<std::chrono::milliseconds> RetryDelayOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kRetryDelay);
  if (!payload) return std::nullopt;
  return std::chrono::milliseconds(std::stoll(std::string(*payload)));
}

bool ConnectionBroke(const absl::Status& status) { return status.GetPayload(kBroken).has_value(); }

class Connection::Impl {
 public:
  explicit Impl(const std::shared_ptr<grpc::Channel>& channel)
      : channel_(channel), agents_(v1::Agents::NewStub(channel)) {}

  // `call(stub, context)` is one blocking call.
  template <class Call>
  absl::Status Run(Call call) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kCallDeadline);
    AwaitReconnection();
    if (!Begin(context)) return absl::CancelledError("the agent ends");
    const grpc::Status status = call(*agents_, context);
    End(context);
    return StatusOf(status);
  }

  void Cancel() {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    for (grpc::ClientContext* context : running_) context->TryCancel();
  }

 private:
  // A channel that failed makes progress towards a new connection only while somebody waits for it;
  // a call would fail at once instead.
  void AwaitReconnection() {
    const auto until = std::chrono::system_clock::now() + kReconnect;
    for (auto state = channel_->GetState(true);
         state == GRPC_CHANNEL_TRANSIENT_FAILURE && std::chrono::system_clock::now() < until &&
         !cancelled();
         state = channel_->GetState(true)) {
      channel_->WaitForStateChange(state, std::chrono::system_clock::now() + kGlance);
    }
  }
  bool cancelled() {
    const std::lock_guard lock(mutex_);
    return cancelled_;
  }
  bool Begin(grpc::ClientContext& context) {
    const std::lock_guard lock(mutex_);
    if (!cancelled_) running_.insert(&context);
    return !cancelled_;
  }
  void End(grpc::ClientContext& context) {
    const std::lock_guard lock(mutex_);
    running_.erase(&context);
  }

  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::Agents::Stub> agents_;
  std::mutex mutex_;
  std::set<grpc::ClientContext*> running_;  // guarded by mutex_
  bool cancelled_ = false;                  // guarded by mutex_
};

Connection::Connection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Connection::~Connection() = default;

std::unique_ptr<Connection> Connection::Plaintext(const Address& address) {
  return std::unique_ptr<Connection>(
      new Connection(std::make_unique<Impl>(grpc::CreateCustomChannel(
          Format(address), grpc::InsecureChannelCredentials(), Arguments()))));
}

std::unique_ptr<Connection> Connection::Secured(const Address& address,
                                                const std::string& authority_pem,
                                                const std::string& certificate_pem,
                                                const std::string& key_pem) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = authority_pem;
  options.pem_cert_chain = certificate_pem;
  options.pem_private_key = certificate_pem.empty() ? "" : key_pem;
  grpc::ChannelArguments arguments = Arguments();
  // The authority signs for one planner only, whatever its address is today.
  arguments.SetSslTargetNameOverride(std::string(pki::kServerName));
  return std::unique_ptr<Connection>(new Connection(std::make_unique<Impl>(
      grpc::CreateCustomChannel(Format(address), grpc::SslCredentials(options), arguments))));
}

void Connection::Cancel() { impl_->Cancel(); }

absl::StatusOr<Membership> Connection::Enrol(const EnrolRequest& request) {
  v1::EnrolRequest message;
  message.set_join_token(request.join_token);
  message.set_node_name(request.node_name);
  message.set_csr_pem(request.signing_request_pem);
  message.set_agent_version(request.agent_version);
  v1::EnrolResponse answer;
  const absl::Status status = impl_->Run([&](v1::Agents::Stub& agents, auto& context) {
    return agents.Enrol(&context, message, &answer);
  });
  if (!status.ok()) return status;
  return Membership{.node_id = answer.node_id(),
                    .planner_id = answer.planner_id(),
                    .certificate_pem = answer.certificate_pem(),
                    .authority_pem = answer.certificate_pem().empty() ? "" : answer.ca_pem()};
}

absl::StatusOr<Membership> Connection::Renew(const Membership& membership,
                                             const std::string& signing_request_pem) {
  v1::RenewRequest message;
  message.set_node_id(membership.node_id);
  message.set_csr_pem(signing_request_pem);
  v1::RenewResponse answer;
  const absl::Status status = impl_->Run([&](v1::Agents::Stub& agents, auto& context) {
    return agents.Renew(&context, message, &answer);
  });
  if (!status.ok()) return status;
  Membership renewed = membership;
  renewed.certificate_pem = answer.certificate_pem();
  renewed.authority_pem = answer.ca_pem();
  return renewed;
}

absl::StatusOr<std::int64_t> Connection::SendReport(const std::string& node_id,
                                                    const Entry& entry) {
  v1::SendReportRequest message;
  SetOrigin(*message.mutable_origin(), node_id, entry.boot_id, entry.sequence);
  if (!message.mutable_report()->ParseFromString(entry.bytes)) {
    return absl::InvalidArgumentError("what was kept is not a report");
  }
  v1::SendReportResponse answer;
  const absl::Status status = impl_->Run([&](v1::Agents::Stub& agents, auto& context) {
    return agents.SendReport(&context, message, &answer);
  });
  if (!status.ok()) return status;
  return answer.received_at_unix_ms();
}

absl::StatusOr<PulseAnswer> Connection::SendPulse(const std::string& node_id, const Pulse& pulse) {
  v1::HeartbeatRequest message;
  SetOrigin(*message.mutable_origin(), node_id, pulse.boot_id, pulse.sequence);
  message.set_sent_at_unix_ms(pulse.sent_at_unix_ms);
  if (pulse.available_memory_bytes) {
    message.set_available_memory_bytes(*pulse.available_memory_bytes);
  }
  if (pulse.load_average) message.set_load_average(*pulse.load_average);
  message.set_report_boot_id(pulse.report_boot_id);
  message.set_report_sequence(pulse.report_sequence);
  message.set_spooled_reports(pulse.spooled_reports);
  message.set_dropped_reports(pulse.dropped_reports);
  message.set_busy(pulse.busy);
  v1::HeartbeatResponse answer;
  const absl::Status status = impl_->Run([&](v1::Agents::Stub& agents, auto& context) {
    return agents.Heartbeat(&context, message, &answer);
  });
  if (!status.ok()) return status;
  return PulseAnswer{.received_at_unix_ms = answer.received_at_unix_ms(),
                     .report_wanted = answer.report_wanted(),
                     .task_waiting = answer.task_waiting(),
                     .next = std::chrono::milliseconds(answer.next_heartbeat_ms())};
}

absl::StatusOr<std::optional<Task>> Connection::PollTask(const std::string& node_id,
                                                         const std::string& refusal) {
  v1::PollTaskRequest message;
  message.set_node_id(node_id);
  message.set_refusal(refusal);
  v1::PollTaskResponse answer;
  const absl::Status status = impl_->Run([&](v1::Agents::Stub& agents, auto& context) {
    return agents.PollTask(&context, message, &answer);
  });
  if (!status.ok()) return status;
  if (!answer.has_task()) return std::nullopt;
  return TaskOf(answer.task());
}

absl::StatusOr<bool> Connection::UpdateTask(const std::string& node_id, const std::string& task_id,
                                            TaskState state, int port, const std::string& reason) {
  v1::UpdateTaskRequest message;
  message.set_node_id(node_id);
  message.set_task_id(task_id);
  message.set_state(StateOf(state));
  message.set_port(static_cast<std::uint32_t>(port));
  message.set_reason(reason);
  v1::UpdateTaskResponse answer;
  const absl::Status status = impl_->Run([&](v1::Agents::Stub& agents, auto& context) {
    return agents.UpdateTask(&context, message, &answer);
  });
  if (!status.ok()) return status;
  return answer.over();
}

absl::Status Connection::SendMeasurements(const std::string& node_id, std::uint64_t boot_id,
                                          std::uint64_t sequence,
                                          const std::vector<LinkResult>& results) {
  v1::SendMeasurementsRequest message;
  SetOrigin(*message.mutable_origin(), node_id, boot_id, sequence);
  for (const LinkResult& result : results) Convert(result, *message.add_links());
  v1::SendMeasurementsResponse answer;
  return impl_->Run([&](v1::Agents::Stub& agents, auto& context) {
    return agents.SendMeasurements(&context, message, &answer);
  });
}

absl::Status Connection::SendSpeed(const std::string& node_id, std::uint64_t boot_id,
                                   std::uint64_t sequence, const std::string& bytes) {
  v1::SendMeasurementsRequest message;
  SetOrigin(*message.mutable_origin(), node_id, boot_id, sequence);
  if (!message.add_speeds()->ParseFromString(bytes)) {
    return absl::InvalidArgumentError("what was kept is not a measurement");
  }
  v1::SendMeasurementsResponse answer;
  return impl_->Run([&](v1::Agents::Stub& agents, auto& context) {
    return agents.SendMeasurements(&context, message, &answer);
  });
}

}  // namespace capacity::reporter
