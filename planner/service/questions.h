// Plan, Fit and Predict: wire -> planner/answer -> wire.
#pragma once

#include <atomic>

#include "planner/service/rpc.h"

namespace capacity::service {

// `stop` ends a search early, with the best found until then.
grpc::Status AnswerPlan(Context& context, const v1::PlanRequest& request,
                        const std::atomic<bool>& stop, v1::PlanResponse& response);
grpc::Status AnswerFit(Context& context, const v1::FitRequest& request, v1::FitResponse& response);
grpc::Status AnswerPredict(Context& context, const v1::PredictRequest& request,
                           v1::PredictResponse& response);

}  // namespace capacity::service
