// capacity.v1.Planner: questions about the live fleet, and its administration.
#pragma once

#include "capacity/v1/planner.grpc.pb.h"
#include "planner/service/rpc.h"
#include "planner/service/watchers.h"

namespace capacity::service {

class PlannerService final : public v1::Planner::CallbackService {
 public:
  PlannerService(Context& context, Watchers& watchers) : context_(context), watchers_(watchers) {}

  grpc::ServerUnaryReactor* Plan(grpc::CallbackServerContext* server_context,
                                 const v1::PlanRequest* request,
                                 v1::PlanResponse* response) override;
  grpc::ServerUnaryReactor* Fit(grpc::CallbackServerContext* server_context,
                                const v1::FitRequest* request, v1::FitResponse* response) override;
  grpc::ServerUnaryReactor* Predict(grpc::CallbackServerContext* server_context,
                                    const v1::PredictRequest* request,
                                    v1::PredictResponse* response) override;
  grpc::ServerUnaryReactor* ListNodes(grpc::CallbackServerContext* server_context,
                                      const v1::ListNodesRequest* request,
                                      v1::ListNodesResponse* response) override;
  grpc::ServerUnaryReactor* GetNode(grpc::CallbackServerContext* server_context,
                                    const v1::GetNodeRequest* request,
                                    v1::GetNodeResponse* response) override;
  grpc::ServerUnaryReactor* ExportInventory(grpc::CallbackServerContext* server_context,
                                            const v1::ExportInventoryRequest* request,
                                            v1::ExportInventoryResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchFleetResponse>* WatchFleet(
      grpc::CallbackServerContext* server_context, const v1::WatchFleetRequest* request) override;
  grpc::ServerUnaryReactor* Forget(grpc::CallbackServerContext* server_context,
                                   const v1::ForgetRequest* request,
                                   v1::ForgetResponse* response) override;
  grpc::ServerUnaryReactor* Rename(grpc::CallbackServerContext* server_context,
                                   const v1::RenameRequest* request,
                                   v1::RenameResponse* response) override;

 private:
  Context& context_;
  Watchers& watchers_;
};

}  // namespace capacity::service
