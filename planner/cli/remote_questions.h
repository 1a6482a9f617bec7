// plan, fit and predict, answered by a running planner.
#pragma once

#include "planner/answer/fit.h"
#include "planner/answer/plan.h"
#include "planner/answer/predict.h"
#include "planner/cli/answers.h"
#include "planner/cli/load_arguments.h"
#include "planner/cli/remote.h"

namespace capacity::cli {

// Prints the planner's answer; returns the exit code.
int AskPlan(const Common& common, const RemoteArguments& remote, const FleetArguments& fleet,
            const v1::PlanRequest& request);
int AskFit(const Common& common, const RemoteArguments& remote, const FleetArguments& fleet,
           const v1::FitRequest& request);
int AskPredict(const Common& common, const RemoteArguments& remote,
               const v1::PredictRequest& request);

// The load as the protocol has it; InvalidArgument names the option.
absl::StatusOr<v1::Load> WireLoad(const LoadArguments& arguments);

}  // namespace capacity::cli
