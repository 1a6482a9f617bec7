#include "planner/service/rpc.h"

#include "absl/strings/str_cat.h"
#include "planner/service/log.h"
#include "planner/wire/error_details.h"

namespace capacity::service {
namespace {

const char* CodeName(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::OK:
      return "OK";
    case grpc::StatusCode::INVALID_ARGUMENT:
      return "INVALID_ARGUMENT";
    case grpc::StatusCode::NOT_FOUND:
      return "NOT_FOUND";
    case grpc::StatusCode::ALREADY_EXISTS:
      return "ALREADY_EXISTS";
    case grpc::StatusCode::PERMISSION_DENIED:
      return "PERMISSION_DENIED";
    case grpc::StatusCode::UNAUTHENTICATED:
      return "UNAUTHENTICATED";
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return "RESOURCE_EXHAUSTED";
    case grpc::StatusCode::FAILED_PRECONDITION:
      return "FAILED_PRECONDITION";
    case grpc::StatusCode::UNAVAILABLE:
      return "UNAVAILABLE";
    case grpc::StatusCode::DATA_LOSS:
      return "DATA_LOSS";
    case grpc::StatusCode::CANCELLED:
      return "CANCELLED";
    default:
      return "OTHER";
  }
}

RateLimit& LimitOf(RateLimits& limits, Method method) {
  switch (method) {
    case Method::kEnrol:
      return limits.enrolments;
    case Method::kSendReport:
    case Method::kSendMeasurements:
    case Method::kRenew:
      return limits.reports;
    case Method::kHeartbeat:
    case Method::kPollTask:
    case Method::kUpdateTask:
      return limits.heartbeats;
    default:
      return limits.questions;
  }
}

}  // namespace

grpc::Status BadRequest(const wire::FieldViolations& violations) {
  std::string message = absl::StrCat(violations[0].field, violations[0].field.empty() ? "" : ": ",
                                     violations[0].description);
  if (violations.size() > 1) {
    absl::StrAppend(&message, " (and ", violations.size() - 1, " more)");
  }
  return {grpc::StatusCode::INVALID_ARGUMENT, message,
          wire::BadRequestDetails(static_cast<int>(grpc::StatusCode::INVALID_ARGUMENT), message,
                                  violations)};
}

grpc::Status ToGrpc(const absl::Status& status) {
  // The codes of both have the same numbers.
  if (status.ok()) return grpc::Status::OK;
  return WithDetails(
      {static_cast<grpc::StatusCode>(status.raw_code()), std::string(status.message())});
}

grpc::Status WithDetails(const grpc::Status& status) {
  if (status.ok() || !status.error_details().empty()) return status;
  return {status.error_code(), status.error_message(),
          wire::PlainDetails(static_cast<int>(status.error_code()), status.error_message())};
}

grpc::Status Admit(Context& context, const Call& call, std::string_view node_id) {
  if (context.stopping) return ToGrpc(absl::UnavailableError("the planner is stopping"));
  const Decision decision = Authorize(call.method, call.caller, node_id, context.store);
  if (!decision.status.ok()) {
    context.metrics.CountRefusal(decision.why);
    context.store.Count(absl::StrCat("refused: ", decision.why));
    // A stranger who calls all the time fills no disk with our log.
    static RateLimit log_limit(2, 20);
    if (log_limit.Take("", call.began)) return decision.status;
    LogWarning("refused", {{"method", Name(call.method)},
                           {"why", decision.why},
                           {"from", call.caller.address},
                           {"id", call.caller.id}});
    return decision.status;
  }
  // In plaintext whole fleets may come from one address: each is limited by who it claims to be.
  const std::string who = call.caller.kind == Caller::Kind::kLocal && !node_id.empty()
                              ? std::string(node_id)
                              : call.caller.Key();
  const auto wait = LimitOf(context.limits, call.method).Take(who, call.began);
  if (!wait) return grpc::Status::OK;
  const std::string message = absl::StrCat("too many calls; try again in ", wait->count(), " ms");
  return {grpc::StatusCode::RESOURCE_EXHAUSTED, message,
          wire::RetryDetails(static_cast<int>(grpc::StatusCode::RESOURCE_EXHAUSTED), message,
                             wait->count())};
}

void Finish(Context& context, const Call& call, grpc::ServerUnaryReactor* reactor,
            const grpc::Status& status) {
  context.metrics.CountRequest(Name(call.method), CodeName(status.error_code()));
  reactor->Finish(WithDetails(status));
}

void FinishOn(WorkQueue& queue, Context& context, const Call& call,
              grpc::ServerUnaryReactor* reactor, std::function<grpc::Status()> work) {
  const bool added = queue.Add([&context, call, reactor, work = std::move(work)] {
    Finish(context, call, reactor, work());
  });
  if (added) return;
  constexpr std::int64_t kRetryMs = 1000;
  const std::string message =
      context.stopping ? "the planner is stopping" : "too many questions wait already; try again";
  const auto code =
      context.stopping ? grpc::StatusCode::UNAVAILABLE : grpc::StatusCode::RESOURCE_EXHAUSTED;
  Finish(context, call, reactor,
         {code, message, wire::RetryDetails(static_cast<int>(code), message, kRetryMs)});
}

}  // namespace capacity::service
