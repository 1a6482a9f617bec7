// capacity.v1.Agents over the store.
#pragma once

#include "capacity/v1/planner.grpc.pb.h"
#include "planner/service/rpc.h"

namespace capacity::service {

class AgentsService final : public v1::Agents::CallbackService {
 public:
  explicit AgentsService(Context& context) : context_(context) {}

  grpc::ServerUnaryReactor* Enrol(grpc::CallbackServerContext* server_context,
                                  const v1::EnrolRequest* request,
                                  v1::EnrolResponse* response) override;
  grpc::ServerUnaryReactor* Renew(grpc::CallbackServerContext* server_context,
                                  const v1::RenewRequest* request,
                                  v1::RenewResponse* response) override;
  grpc::ServerUnaryReactor* SendReport(grpc::CallbackServerContext* server_context,
                                       const v1::SendReportRequest* request,
                                       v1::SendReportResponse* response) override;
  grpc::ServerUnaryReactor* Heartbeat(grpc::CallbackServerContext* server_context,
                                      const v1::HeartbeatRequest* request,
                                      v1::HeartbeatResponse* response) override;
  grpc::ServerUnaryReactor* SendMeasurements(grpc::CallbackServerContext* server_context,
                                             const v1::SendMeasurementsRequest* request,
                                             v1::SendMeasurementsResponse* response) override;
  grpc::ServerUnaryReactor* PollTask(grpc::CallbackServerContext* server_context,
                                     const v1::PollTaskRequest* request,
                                     v1::PollTaskResponse* response) override;
  grpc::ServerUnaryReactor* UpdateTask(grpc::CallbackServerContext* server_context,
                                       const v1::UpdateTaskRequest* request,
                                       v1::UpdateTaskResponse* response) override;

 private:
  grpc::Status DoEnrol(const Caller& caller, const v1::EnrolRequest& request,
                       v1::EnrolResponse& response);
  grpc::Status DoRenew(const Caller& caller, const v1::RenewRequest& request,
                       v1::RenewResponse& response);
  // Signs the request and tells the store.
  absl::StatusOr<std::string> Issue(const std::string& csr_pem, pki::Role role,
                                    const std::string& id);

  Context& context_;
};

}  // namespace capacity::service
