#include "planner/service/agents_service.h"

#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "planner/pki/token.h"
#include "planner/service/log.h"

namespace capacity::service {
namespace {

v1::Outcome ToWire(store::Outcome outcome) {
  switch (outcome) {
    case store::Outcome::kStored:
      return v1::OUTCOME_ACCEPTED;
    case store::Outcome::kDuplicate:
      return v1::OUTCOME_DUPLICATE;
    case store::Outcome::kStale:
      return v1::OUTCOME_STALE;
  }
  return v1::OUTCOME_UNSPECIFIED;
}

const char* NameOf(v1::Outcome outcome) {
  switch (outcome) {
    case v1::OUTCOME_ACCEPTED:
      return "accepted";
    case v1::OUTCOME_DUPLICATE:
      return "duplicate";
    case v1::OUTCOME_STALE:
      return "stale";
    default:
      return "unknown";
  }
}

store::Stamp StampOf(const v1::Origin& origin) { return {origin.boot_id(), origin.sequence()}; }

// Why an enrolment with this token is refused. Who has the token of a record knows 256 random bits:
// that is no stranger who guesses, and may hear what became of it. Only the name that it is bound
// to stays in the log, since that protects a token which was stolen.
std::string WhyRefused(const store::Store& store, const store::Enrollment& enrollment) {
  constexpr char kRevoked[] = "the node with this name or key is revoked";
  if (enrollment.token_hash.empty()) return kRevoked;
  const auto tokens = store.ListTokens();
  if (!tokens.ok()) return "the join token is not valid for this";
  const auto token = std::find_if(tokens->begin(), tokens->end(), [&](const auto& record) {
    return pki::EqualInConstantTime(record.hash, enrollment.token_hash);
  });
  if (token == tokens->end()) return "the join token is not valid for this";
  if (token->expires_at_unix_ms <= store::SystemClock()) return "the join token has expired";
  if (!token->node_name.empty() && token->node_name != enrollment.name) {
    return absl::StrCat("the join token is for a node with another name than \"", enrollment.name,
                        "\"");
  }
  return token->used_at_unix_ms ? "the join token was used already" : kRevoked;
}

grpc::Status BadToken(const std::string& why) {
  return {grpc::StatusCode::UNAUTHENTICATED,
          absl::StrCat(why, "; make a new one with `planner token create`")};
}

double SecondsSince(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

// What enrolment and renewal answer alike.
template <class Response>
void FillCertificate(const std::string& certificate_pem, const std::string& ca_pem,
                     const pki::Identity& identity, Response& response) {
  response.set_certificate_pem(certificate_pem);
  response.set_ca_pem(ca_pem);
  response.set_expires_at_unix_ms(identity.not_after_unix_ms);
  response.set_renew_at_unix_ms(pki::RenewalTimeUnixMs(identity));
}

// The bandwidth measurements of a report, for the history.
std::vector<store::Measurement> MeasurementsIn(const v1::NodeReport& report) {
  std::vector<store::Measurement> out;
  for (const v1::MemoryBandwidth& bandwidth : report.memory_bandwidths()) {
    out.push_back({"memory-bandwidth",
                   absl::StrCat(v1::MemoryBandwidth::Kind_Name(bandwidth.kind()), " ",
                                bandwidth.device().substr(0, 200)),
                   bandwidth.taken_at_unix_ms(), bandwidth.SerializeAsString()});
  }
  return out;
}

}  // namespace

absl::StatusOr<std::string> AgentsService::Issue(const std::string& csr_pem, pki::Role role,
                                                 const std::string& id) {
  const auto certificate = pki::IssueClientCertificate(context_.authority->authority, csr_pem, role,
                                                       id, store::SystemClock());
  if (!certificate.ok()) return certificate.status();
  const auto identity = pki::ParseCertificate(*certificate);
  if (!identity.ok()) return identity.status();
  if (absl::Status s = context_.store.AddCertificate(RecordOf(*identity)); !s.ok()) return s;
  return certificate;
}

grpc::Status AgentsService::DoEnrol(const Caller& caller, const v1::EnrolRequest& request,
                                    v1::EnrolResponse& response) {
  if (absl::Status s = store::ValidateNodeName(request.node_name()); !s.ok()) {
    return BadRequest({{"node_name", std::string(s.message())}});
  }
  store::Enrollment enrollment;
  enrollment.name = request.node_name();
  const bool local = caller.kind == Caller::Kind::kLocal;
  if (!request.join_token().empty()) {
    const auto token = pki::ParseJoinToken(request.join_token());
    if (!token.ok()) {
      return BadRequest({{"join_token", std::string(token.status().message())}});
    }
    enrollment.token_hash = pki::HashForStore(*token);
  } else if (!local) {
    return BadRequest({{"join_token", "is missing; make one with `planner token create`"}});
  }
  if (!request.csr_pem().empty()) {
    if (context_.authority == nullptr) {
      return {grpc::StatusCode::FAILED_PRECONDITION,
              "this planner has no authority to sign with; run `planner init`"};
    }
    auto fingerprint = pki::KeyFingerprintOfRequest(request.csr_pem());
    if (!fingerprint.ok()) {
      return BadRequest({{"csr_pem", std::string(fingerprint.status().message())}});
    }
    enrollment.key_fingerprint = *std::move(fingerprint);
  } else if (!local) {
    return BadRequest({{"csr_pem", "is missing"}});
  }
  auto id = pki::RandomId();
  if (!id.ok()) return ToGrpc(id.status());
  enrollment.new_node_id = *std::move(id);
  const auto node = context_.store.Enroll(enrollment);
  if (!node.ok()) {
    LogWarning("enrolment refused", {{"name", request.node_name()},
                                     {"from", caller.address},
                                     {"why", std::string(node.status().message())}});
    if (!absl::IsPermissionDenied(node.status())) return ToGrpc(node.status());
    context_.metrics.CountRefusal("join token");
    context_.store.Count("refused: join token");
    return BadToken(WhyRefused(context_.store, enrollment));
  }
  response.set_node_id(node->node_id);
  if (!request.csr_pem().empty()) {
    const auto certificate = Issue(request.csr_pem(), pki::Role::kNode, node->node_id);
    if (!certificate.ok()) return ToGrpc(certificate.status());
    const auto identity = pki::ParseCertificate(*certificate);
    if (!identity.ok()) return ToGrpc(identity.status());
    FillCertificate(*certificate, context_.authority->authority.certificate_pem, *identity,
                    response);
  }
  response.set_now_unix_ms(store::SystemClock());
  if (const auto planner = context_.store.PlannerId(); planner.ok()) {
    response.set_planner_id(*planner);
  }
  LogInfo("enrolled", {{"name", node->name}, {"node_id", node->node_id}, {"from", caller.address}});
  return grpc::Status::OK;
}

grpc::ServerUnaryReactor* AgentsService::Enrol(grpc::CallbackServerContext* server_context,
                                               const v1::EnrolRequest* request,
                                               v1::EnrolResponse* response) {
  return Serve(context_, server_context, Method::kEnrol, *request, "",
               [&](const Call& call, grpc::ServerUnaryReactor* reactor) {
                 FinishOn(context_.waits, context_, call, reactor,
                          [this, caller = call.caller, request, response] {
                            return DoEnrol(caller, *request, *response);
                          });
               });
}

grpc::Status AgentsService::DoRenew(const Caller& caller, const v1::RenewRequest& request,
                                    v1::RenewResponse& response) {
  if (context_.authority == nullptr || caller.id.empty()) {
    return {grpc::StatusCode::FAILED_PRECONDITION, "there is no certificate to renew"};
  }
  const pki::Role role = caller.kind == Caller::Kind::kNode     ? pki::Role::kNode
                         : caller.kind == Caller::Kind::kReader ? pki::Role::kReader
                                                                : pki::Role::kAdmin;
  if (const auto key = pki::KeyFingerprintOfRequest(request.csr_pem()); !key.ok()) {
    return BadRequest({{"csr_pem", std::string(key.status().message())}});
  }
  const auto certificate = Issue(request.csr_pem(), role, caller.id);
  if (!certificate.ok()) return ToGrpc(certificate.status());
  const auto identity = pki::ParseCertificate(*certificate);
  if (!identity.ok()) return ToGrpc(identity.status());
  FillCertificate(*certificate, context_.authority->authority.certificate_pem, *identity, response);
  response.set_now_unix_ms(store::SystemClock());
  return grpc::Status::OK;
}

grpc::ServerUnaryReactor* AgentsService::Renew(grpc::CallbackServerContext* server_context,
                                               const v1::RenewRequest* request,
                                               v1::RenewResponse* response) {
  return Serve(context_, server_context, Method::kRenew, *request, request->node_id(),
               [&](const Call& call, grpc::ServerUnaryReactor* reactor) {
                 FinishOn(context_.waits, context_, call, reactor,
                          [this, caller = call.caller, request, response] {
                            return DoRenew(caller, *request, *response);
                          });
               });
}

grpc::ServerUnaryReactor* AgentsService::SendReport(grpc::CallbackServerContext* server_context,
                                                    const v1::SendReportRequest* request,
                                                    v1::SendReportResponse* response) {
  const auto work = [&](const Call& call, grpc::ServerUnaryReactor* reactor) {
    store::NewReport report;
    report.node_id = request->origin().node_id();
    report.stamp = StampOf(request->origin());
    report.taken_at_unix_ms = request->report().taken_at_unix_ms();
    report.bytes = request->report().SerializeAsString();
    report.measurements = MeasurementsIn(request->report());
    const std::int64_t now = store::SystemClock();
    context_.metrics.ObserveReportLag(static_cast<double>(now - report.taken_at_unix_ms) / 1e3);
    response->set_received_at_unix_ms(now);
    context_.store.PutReport(std::move(report), [this, call, reactor, response](
                                                    const absl::StatusOr<store::Outcome>& outcome) {
      context_.metrics.ObserveDurable(SecondsSince(call.began));
      if (!outcome.ok()) {
        context_.metrics.CountReport("failed");
        Finish(context_, call, reactor, ToGrpc(outcome.status()));
        return;
      }
      response->set_outcome(ToWire(*outcome));
      context_.metrics.CountReport(NameOf(response->outcome()));
      Finish(context_, call, reactor, grpc::Status::OK);
    });
  };
  return Serve(context_, server_context, Method::kSendReport, *request, request->origin().node_id(),
               work);
}

grpc::ServerUnaryReactor* AgentsService::Heartbeat(grpc::CallbackServerContext* server_context,
                                                   const v1::HeartbeatRequest* request,
                                                   v1::HeartbeatResponse* response) {
  const auto work = [&](const Call& call, grpc::ServerUnaryReactor* reactor) {
    store::NewHeartbeat beat;
    beat.node_id = request->origin().node_id();
    beat.stamp = StampOf(request->origin());
    beat.node_clock_unix_ms = request->sent_at_unix_ms();
    v1::HeartbeatRequest kept = *request;
    kept.clear_origin();
    beat.bytes = kept.SerializeAsString();
    response->set_received_at_unix_ms(store::SystemClock());
    const store::Stamp acknowledged{request->report_boot_id(), request->report_sequence()};
    context_.store.PutHeartbeat(
        std::move(beat),
        [this, call, reactor, response, acknowledged, node_id = request->origin().node_id()](
            const absl::StatusOr<store::HeartbeatAnswer>& answer) {
          if (!answer.ok()) {
            Finish(context_, call, reactor, ToGrpc(answer.status()));
            return;
          }
          response->set_outcome(ToWire(answer->outcome));
          // Nothing here, or less than was acknowledged: the store is another one than it was.
          response->set_report_wanted(!answer->report || *answer->report < acknowledged);
          response->set_task_waiting(context_.link_tasks.Waiting(node_id));
          Finish(context_, call, reactor, grpc::Status::OK);
        });
  };
  return Serve(context_, server_context, Method::kHeartbeat, *request, request->origin().node_id(),
               work);
}

grpc::ServerUnaryReactor* AgentsService::SendMeasurements(
    grpc::CallbackServerContext* server_context, const v1::SendMeasurementsRequest* request,
    v1::SendMeasurementsResponse* response) {
  const auto work = [&](const Call& call, grpc::ServerUnaryReactor* reactor) {
    store::NewMeasurements history;
    history.node_id = request->origin().node_id();
    history.stamp = StampOf(request->origin());
    std::vector<store::Link> links;
    for (const v1::LinkMeasurement& link : request->links()) {
      const std::string bytes = link.SerializeAsString();
      history.measurements.push_back(
          {"link", link.peer_node_id().substr(0, 128), link.taken_at_unix_ms(), bytes});
      if (!link.failure().empty()) continue;
      links.push_back({history.node_id, link.peer_node_id(),
                       absl::StrCat(link.local_address().substr(0, 100), " > ",
                                    link.peer_address().substr(0, 100)),
                       link.taken_at_unix_ms(), bytes, history.stamp});
    }
    for (const v1::SpeedMeasurement& speed : request->speeds()) {
      history.measurements.push_back({"speed", speed.id(), speed.taken_at_unix_ms(),
                                      speed.SerializeAsString(),
                                      /*known_by_subject=*/true});
    }
    response->set_received_at_unix_ms(store::SystemClock());
    // Acknowledged when every part is on disk; the worst answer counts.
    struct Pending {
      std::atomic<int> left;
      std::mutex mutex;
      absl::Status failed;
      v1::Outcome outcome = v1::OUTCOME_DUPLICATE;
    };
    auto pending = std::make_shared<Pending>();
    pending->left = static_cast<int>(links.size()) + 1;
    const auto one_done = [this, call, reactor, response, pending](
                              const absl::Status& status, std::optional<store::Outcome> outcome) {
      {
        const std::lock_guard<std::mutex> lock(pending->mutex);
        if (!status.ok() && pending->failed.ok()) pending->failed = status;
        if (outcome) pending->outcome = ToWire(*outcome);
      }
      if (--pending->left > 0) return;
      response->set_outcome(pending->outcome);
      Finish(context_, call, reactor,
             pending->failed.ok() ? grpc::Status::OK : ToGrpc(pending->failed));
    };
    context_.store.PutMeasurements(
        std::move(history), [one_done](const absl::StatusOr<store::Outcome>& outcome) {
          one_done(outcome.status(),
                   outcome.ok() ? std::optional<store::Outcome>(*outcome) : std::nullopt);
        });
    for (store::Link& link : links) {
      context_.store.PutLink(
          std::move(link), [one_done](const absl::StatusOr<store::Outcome>& outcome) {
            // A peer that was forgotten meanwhile is no mistake of the node.
            one_done(absl::IsNotFound(outcome.status()) ? absl::OkStatus() : outcome.status(),
                     std::nullopt);
          });
    }
  };
  return Serve(context_, server_context, Method::kSendMeasurements, *request,
               request->origin().node_id(), work);
}

grpc::ServerUnaryReactor* AgentsService::PollTask(grpc::CallbackServerContext* server_context,
                                                  const v1::PollTaskRequest* request,
                                                  v1::PollTaskResponse* response) {
  return Serve(context_, server_context, Method::kPollTask, *request, request->node_id(),
               [&](const Call& call, grpc::ServerUnaryReactor* reactor) {
                 auto task = context_.link_tasks.Poll(request->node_id(), request->refusal(),
                                                      store::SystemClock());
                 if (task) *response->mutable_task() = *std::move(task);
                 Finish(context_, call, reactor, grpc::Status::OK);
               });
}

grpc::ServerUnaryReactor* AgentsService::UpdateTask(grpc::CallbackServerContext* server_context,
                                                    const v1::UpdateTaskRequest* request,
                                                    v1::UpdateTaskResponse* response) {
  return Serve(context_, server_context, Method::kUpdateTask, *request, request->node_id(),
               [&](const Call& call, grpc::ServerUnaryReactor* reactor) {
                 response->set_over(context_.link_tasks.Update(*request, store::SystemClock()));
                 Finish(context_, call, reactor, grpc::Status::OK);
               });
}

}  // namespace capacity::service
