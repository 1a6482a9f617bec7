// What every method goes through: who calls, may they, how often, does the message make sense; then
// the work; then one finish that is counted.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "planner/answer/question.h"
#include "planner/service/access.h"
#include "planner/service/fleet_view.h"
#include "planner/service/link_tasks.h"
#include "planner/service/metrics.h"
#include "planner/service/rate_limit.h"
#include "planner/service/state_directory.h"
#include "planner/service/work_queue.h"
#include "planner/store/store.h"
#include "planner/wire/validate.h"

namespace capacity::service {

// Rates that no honest caller comes near. Heartbeats have a bucket of their own, so that a node
// whose reports are refused still shows that it lives.
struct RateLimits {
  RateLimit reports{5, 100};  // a spool of a day is replayed within minutes
  RateLimit heartbeats{2, 20};
  RateLimit questions{10, 40};
  RateLimit enrolments{20, 4000};  // by address: many nodes may stand behind one
};

// Everything that methods work with. Outlives every call.
struct Context {
  const answer::Facts& facts;
  std::vector<v1::Document> overlays;  // that apply to every question
  store::Store& store;
  FleetView& fleet;
  Metrics& metrics;
  LinkTasks& link_tasks;
  WorkQueue& questions;        // Plan, Fit, Predict: may compute for minutes
  WorkQueue& looks;            // what is quickly read
  WorkQueue& waits;            // for the store, in calls that change who is who
  const Authority* authority;  // null: none, plaintext on loopback only
  RateLimits limits;
  std::atomic<bool> stopping{false};
};

// A status with violations in its details.
grpc::Status BadRequest(const wire::FieldViolations& violations);
// A status of the store as one for the caller.
grpc::Status ToGrpc(const absl::Status& status);
// With a capacity.v1.Status in its details where it has none: no refusal goes out without one.
grpc::Status WithDetails(const grpc::Status& status);

// One call under way.
struct Call {
  Method method;
  Caller caller;
  std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
};

// OK, or why the call goes no further. `node_id` is whom the caller claims to be, where it does.
grpc::Status Admit(Context& context, const Call& call, std::string_view node_id);

// Counts and finishes.
void Finish(Context& context, const Call& call, grpc::ServerUnaryReactor* reactor,
            const grpc::Status& status);

// A call that is refused, or handed to `work`, which must see to it that Finish is called.
template <class Request, class Work>
grpc::ServerUnaryReactor* Serve(Context& context, grpc::CallbackServerContext* server_context,
                                Method method, const Request& request, std::string_view node_id,
                                Work work) {
  grpc::ServerUnaryReactor* reactor = server_context->DefaultReactor();
  const Call call{method, CallerOf(*server_context)};
  grpc::Status admitted = Admit(context, call, node_id);
  if (admitted.ok()) {
    const wire::FieldViolations violations = wire::Violations(request);
    if (!violations.empty()) admitted = BadRequest(violations);
  }
  if (!admitted.ok()) {
    Finish(context, call, reactor, admitted);
    return reactor;
  }
  work(call, reactor);
  return reactor;
}

// Runs `work` on `queue`, then finishes with what it returns.
void FinishOn(WorkQueue& queue, Context& context, const Call& call,
              grpc::ServerUnaryReactor* reactor, std::function<grpc::Status()> work);

}  // namespace capacity::service
