// Carrying a launch plan out: only requests to addresses that the user named and, on this machine,
// one server process. What fails is taken back.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "planner/http/exchange.h"
#include "planner/launch/launch.h"
#include "planner/launch/record.h"
#include "planner/operate/child.h"
#include "planner/operate/progress.h"

namespace capacity::operate {

struct Outcome {
  absl::Status status;            // Cancelled: interrupted, and taken back
  std::vector<std::string> done;  // in order
  TakenBack taken_back;           // after a problem
  launch::Record record;          // of what runs, when it does
  std::unique_ptr<Child> server;  // llama.cpp: the process, ready
};

// Asks every RPC server, starts llama-server here as a process and waits until it is ready. `plan`
// must be complete. `program` is llama-server, by path or name; what it says goes to `log`.
Outcome LaunchLlamaCpp(const launch::LaunchPlan& plan, const std::string& program,
                       const std::string& log, const http::ApiKey& key, const Control& control);

// Makes the instance through EXO's API at plan.api, with the plan's split, and waits until all its
// runners are ready. `addresses` are those that the user named; EXO's nodes are found by them, else
// by name. An instance of the model that runs already is a problem and is left alone; only one
// whose id the planner gave EXO is ever deleted.
Outcome LaunchExo(const launch::LaunchPlan& plan,
                  const std::map<std::string, launch::Address>& addresses, const http::ApiKey& key,
                  const Control& control);

}  // namespace capacity::operate
