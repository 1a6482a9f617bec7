#include "planner/service/planner_service.h"

#include <algorithm>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "planner/service/log.h"
#include "planner/service/questions.h"

namespace capacity::service {
namespace {

// Longer than any search takes that anyone waits for.
constexpr auto kLongestQuestion = std::chrono::minutes(5);

double SecondsSince(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

// Ends a question's search when the caller is gone, its deadline is near or the planner stops.
class Patience {
 public:
  Patience(const Context& context, grpc::CallbackServerContext* server_context)
      : thread_([this, &context, server_context] {
          constexpr auto kLook = std::chrono::milliseconds(50);
          constexpr auto kToAnswer = std::chrono::milliseconds(500);
          const auto began = std::chrono::steady_clock::now();
          std::unique_lock<std::mutex> lock(mutex_);
          while (!done_.wait_for(lock, kLook, [this] { return answered_; })) {
            if (context.stopping || server_context->IsCancelled() ||
                std::chrono::system_clock::now() + kToAnswer > server_context->deadline() ||
                std::chrono::steady_clock::now() - began > kLongestQuestion) {
              stop_ = true;
            }
          }
        }) {}
  ~Patience() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      answered_ = true;
      done_.notify_all();
    }
    thread_.join();
  }
  const std::atomic<bool>& stop() const { return stop_; }

 private:
  std::atomic<bool> stop_{false};
  bool answered_ = false;
  std::mutex mutex_;
  std::condition_variable done_;
  std::thread thread_;
};

}  // namespace

grpc::ServerUnaryReactor* PlannerService::Plan(grpc::CallbackServerContext* server_context,
                                               const v1::PlanRequest* request,
                                               v1::PlanResponse* response) {
  return Serve(context_, server_context, Method::kPlan, *request, "",
               [&](const Call& call, grpc::ServerUnaryReactor* reactor) {
                 FinishOn(context_.questions, context_, call, reactor,
                          [this, server_context, request, response, began = call.began] {
                            const Patience patience(context_, server_context);
                            grpc::Status status =
                                AnswerPlan(context_, *request, patience.stop(), *response);
                            context_.metrics.ObserveQuestion("Plan", SecondsSince(began));
                            return status;
                          });
               });
}

grpc::ServerUnaryReactor* PlannerService::Fit(grpc::CallbackServerContext* server_context,
                                              const v1::FitRequest* request,
                                              v1::FitResponse* response) {
  return Serve(context_, server_context, Method::kFit, *request, "",
               [&](const Call& call, grpc::ServerUnaryReactor* reactor) {
                 FinishOn(context_.questions, context_, call, reactor,
                          [this, request, response, began = call.began] {
                            grpc::Status status = AnswerFit(context_, *request, *response);
                            context_.metrics.ObserveQuestion("Fit", SecondsSince(began));
                            return status;
                          });
               });
}

grpc::ServerUnaryReactor* PlannerService::Predict(grpc::CallbackServerContext* server_context,
                                                  const v1::PredictRequest* request,
                                                  v1::PredictResponse* response) {
  return Serve(context_, server_context, Method::kPredict, *request, "",
               [&](const Call& call, grpc::ServerUnaryReactor* reactor) {
                 FinishOn(context_.questions, context_, call, reactor,
                          [this, request, response, began = call.began] {
                            grpc::Status status = AnswerPredict(context_, *request, *response);
                            context_.metrics.ObserveQuestion("Predict", SecondsSince(began));
                            return status;
                          });
               });
}

grpc::ServerUnaryReactor* PlannerService::ListNodes(grpc::CallbackServerContext* server_context,
                                                    const v1::ListNodesRequest* request,
                                                    v1::ListNodesResponse* response) {
  const auto list = [this, request, response] {
    constexpr std::size_t kPage = 1000;
    auto summaries = context_.fleet.Summaries();
    if (!summaries.ok()) return ToGrpc(summaries.status());
    const std::size_t size = request->page_size() == 0 ? kPage : request->page_size();
    response->set_now_unix_ms(context_.fleet.now_unix_ms());
    for (v1::NodeSummary& summary : *summaries) {
      if (summary.name() <= request->page_token() && !request->page_token().empty()) continue;
      if (static_cast<std::size_t>(response->nodes_size()) == size) {
        response->set_next_page_token(response->nodes(response->nodes_size() - 1).name());
        break;
      }
      *response->add_nodes() = std::move(summary);
    }
    return grpc::Status::OK;
  };
  return Serve(context_, server_context, Method::kListNodes, *request, "",
               [&](const Call& call, grpc::ServerUnaryReactor* reactor) {
                 FinishOn(context_.looks, context_, call, reactor, list);
               });
}

grpc::ServerUnaryReactor* PlannerService::GetNode(grpc::CallbackServerContext* server_context,
                                                  const v1::GetNodeRequest* request,
                                                  v1::GetNodeResponse* response) {
  return Serve(context_, server_context, Method::kGetNode, *request, "",
               [&](const Call& call, grpc::ServerUnaryReactor* reactor) {
                 FinishOn(context_.looks, context_, call, reactor, [this, request, response] {
                   auto details = context_.fleet.Details(request->node());
                   if (!details.ok()) return ToGrpc(details.status());
                   *response = *std::move(details);
                   return grpc::Status::OK;
                 });
               });
}

grpc::ServerUnaryReactor* PlannerService::ExportInventory(
    grpc::CallbackServerContext* server_context, const v1::ExportInventoryRequest* request,
    v1::ExportInventoryResponse* response) {
  return Serve(context_, server_context, Method::kExportInventory, *request, "",
               [&](const Call& call, grpc::ServerUnaryReactor* reactor) {
                 FinishOn(context_.looks, context_, call, reactor, [this, response] {
                   const auto snapshot = context_.fleet.Current();
                   if (!snapshot.ok()) return ToGrpc(snapshot.status());
                   response->set_yaml((*snapshot)->yaml);
                   for (const wire::OmittedNode& node : (*snapshot)->fleet.omitted) {
                     v1::OmittedNode& out = *response->add_omitted();
                     out.set_name(node.name);
                     out.set_reason(node.reason);
                   }
                   for (const std::string& note : (*snapshot)->fleet.speed_notes) {
                     response->add_unused_speeds(note);
                   }
                   return grpc::Status::OK;
                 });
               });
}

grpc::ServerWriteReactor<v1::WatchFleetResponse>* PlannerService::WatchFleet(
    grpc::CallbackServerContext* server_context, const v1::WatchFleetRequest* /*request*/) {
  const Call call{Method::kWatchFleet, CallerOf(*server_context)};
  const grpc::Status admitted = Admit(context_, call, "");
  return admitted.ok() ? watchers_.Add(call) : Watchers::Refuse(admitted);
}

grpc::ServerUnaryReactor* PlannerService::Forget(grpc::CallbackServerContext* server_context,
                                                 const v1::ForgetRequest* request,
                                                 v1::ForgetResponse* response) {
  return Serve(context_, server_context, Method::kForget, *request, "",
               [&](const Call& call, grpc::ServerUnaryReactor* reactor) {
                 FinishOn(context_.waits, context_, call, reactor, [this, request, response] {
                   const auto node = context_.fleet.Find(request->node());
                   if (!node.ok()) return ToGrpc(node.status());
                   const auto revoked = context_.store.Forget(node->node_id);
                   if (!revoked.ok()) return ToGrpc(revoked.status());
                   response->set_node_id(node->node_id);
                   response->set_name(node->name);
                   response->set_revoked_certificates(static_cast<std::uint32_t>(*revoked));
                   LogInfo("forgotten", {{"name", node->name}, {"node_id", node->node_id}});
                   return grpc::Status::OK;
                 });
               });
}

grpc::ServerUnaryReactor* PlannerService::Rename(grpc::CallbackServerContext* server_context,
                                                 const v1::RenameRequest* request,
                                                 v1::RenameResponse* response) {
  return Serve(context_, server_context, Method::kRename, *request, "",
               [&](const Call& call, grpc::ServerUnaryReactor* reactor) {
                 FinishOn(context_.waits, context_, call, reactor, [this, request, response] {
                   const absl::Status valid = store::ValidateNodeName(request->new_name());
                   if (!valid.ok()) {
                     return BadRequest({{"new_name", std::string(valid.message())}});
                   }
                   const auto node = context_.fleet.Find(request->node());
                   if (!node.ok()) return ToGrpc(node.status());
                   const absl::Status renamed =
                       context_.store.Rename(node->node_id, request->new_name());
                   if (!renamed.ok()) return ToGrpc(renamed);
                   response->set_node_id(node->node_id);
                   response->set_name(request->new_name());
                   return grpc::Status::OK;
                 });
               });
}

}  // namespace capacity::service
