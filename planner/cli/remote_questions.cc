#include "planner/cli/remote_questions.h"

namespace capacity::cli {
namespace {

constexpr int kPatienceSeconds = 300;  // as long as the planner itself looks for an answer

// Asks one unary method. `status` says how it went.
template <class Request, class Response, class Method>
std::optional<Response> Ask(const RemoteArguments& remote, const Request& request, Method method,
                            grpc::Status& status) {
  const auto channel = ConnectOrPrint(remote);
  if (channel == nullptr) return std::nullopt;
  const auto stub = v1::Planner::NewStub(channel);
  grpc::ClientContext context;
  SetDeadline(context, kPatienceSeconds);
  Response response;
  status = (stub.get()->*method)(&context, request, &response);
  return response;
}

// Fills the fleet, asks and prints.
template <class Response, class Request, class Method>
int AskAndPrint(const Common& common, const char* command, const RemoteArguments& remote,
                const FleetArguments& fleet, Request request, Method method) {
  if (!fleet.inventory.empty()) {
    return BadArgument("--inventory", "a running planner has its own fleet; give --what-if");
  }
  if (!FillFleetQuestion(common, fleet.overlays, *request.mutable_fleet())) return kBadInput;
  grpc::Status status;
  const auto response = Ask<Request, Response>(remote, request, method, status);
  if (!response) return kBadInput;
  if (!status.ok()) return PrintRefusal(command, status);
  if constexpr (requires { response->omitted(); }) PrintOmitted(response->omitted());
  const int printed = Print(common.json() ? response->json() : response->text());
  if constexpr (requires { response->interrupted(); }) {
    if (printed == kOk && response->interrupted()) return kInterrupted;
  }
  return printed;
}

}  // namespace

int AskPlan(const Common& common, const RemoteArguments& remote, const FleetArguments& fleet,
            const v1::PlanRequest& request) {
  return AskAndPrint<v1::PlanResponse>(common, "plan", remote, fleet, request,
                                       &v1::Planner::Stub::Plan);
}

int AskFit(const Common& common, const RemoteArguments& remote, const FleetArguments& fleet,
           const v1::FitRequest& request) {
  return AskAndPrint<v1::FitResponse>(common, "fit", remote, fleet, request,
                                      &v1::Planner::Stub::Fit);
}

int AskPredict(const Common& common, const RemoteArguments& remote,
               const v1::PredictRequest& request) {
  return AskAndPrint<v1::PredictResponse>(common, "predict", remote, {}, request,
                                          &v1::Planner::Stub::Predict);
}

absl::StatusOr<v1::Load> WireLoad(const LoadArguments& arguments) {
  const absl::StatusOr<Tokens> tokens = ParseLoadTokens(arguments);
  if (!tokens.ok()) return tokens.status();
  v1::Load load;
  load.set_context_tokens(static_cast<std::uint32_t>(tokens->context));
  load.set_prompt_tokens(static_cast<std::uint32_t>(tokens->prompt));
  load.set_streams(static_cast<std::uint32_t>(arguments.streams));
  load.set_kv_type(arguments.kv_type);
  return load;
}

}  // namespace capacity::cli
