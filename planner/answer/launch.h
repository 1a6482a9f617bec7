// "What must be started, and where, for this model to run on my machines?"
#pragma once

#include <map>
#include <string>
#include <vector>

#include "planner/answer/question.h"
#include "planner/fleet/scenario.h"
#include "planner/launch/launch.h"
#include "planner/placement/placement.h"

namespace capacity::answer {

struct LaunchQuestion {
  Documents documents;
  std::string model;               // catalogue id
  std::string quant;               // catalogue id; empty: any of at least 4 bits
  std::string engine;              // empty: any that can be started
  std::string strategy;            // empty: any that can be started
  std::vector<std::string> nodes;  // names, exactly these; empty: any
  int rank = 1;                    // the fastest, the second fastest, ... of what is left
  launch::Facts facts;             // addresses and the like; its load and kv_type count
};

struct LaunchAnswer {
  fleet::Scenario scenario;
  placement::Placement placement;
  launch::LaunchPlan plan;
};

// Refused when nothing fits, with the nearest miss.
Answered<LaunchAnswer> AnswerLaunch(const Facts& facts, const LaunchQuestion& question);

}  // namespace capacity::answer
