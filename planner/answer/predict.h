// "How fast would this model run on these machines, and does it fit?"
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/answer/question.h"
#include "planner/fleet/fleet.h"
#include "planner/placement/placement.h"
#include "planner/report/table.h"

namespace capacity::answer {

struct PredictQuestion {
  std::string model;  // catalogue id
  std::string quant;  // catalogue id
  // "MACHINE", "MACHINE:COUNT" or "MACHINE/CHIP:COUNT" of the catalogue, all joined by `link`; or
  // names of `owned` nodes, joined as they are.
  std::vector<std::string> nodes;
  std::string link;        // catalogue id; empty: none
  std::string engine;      // empty: any
  std::string strategy;    // empty: any
  std::string os_version;  // of the Macs of the catalogue among the nodes
  placement::Load load;
  bool explain = false;
};

struct PredictAnswer {
  fleet::Fleet fleet;
  placement::Placement placement;
  placement::Load load;
  std::optional<throughput::Explanation> explanation;
};

// `owned`: a fleet whose nodes may be named; null: machines of the catalogue only.
Answered<PredictAnswer> AnswerPredict(const Facts& facts, const fleet::Fleet* owned,
                                      const PredictQuestion& question);

std::string PredictJson(const PredictAnswer& answer);
std::string PredictText(const PredictAnswer& answer, const report::Style& style);

}  // namespace capacity::answer
