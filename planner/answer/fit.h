// "Where does each model fit, how fast, or why not?"
#pragma once

#include <string>
#include <vector>

#include "planner/answer/question.h"
#include "planner/fleet/scenario.h"
#include "planner/placement/placement.h"
#include "planner/report/fit.h"
#include "planner/report/table.h"

namespace capacity::answer {

struct FitQuestion {
  Documents documents;
  std::vector<std::string> models;  // catalogue ids; empty: all
  std::vector<std::string> quants;  // catalogue ids; empty: all
  placement::Load load;
  int top = 1;                   // placements for each model and quantization
  bool all = false;              // every placement, the rejected ones with their reason
  bool longest_context = false;  // also of each placement
  bool breakdown = false;        // also in text: memory term by term
};

struct FitAnswer {
  fleet::Scenario scenario;
  placement::Load load;
  std::vector<placement::Placement> rows;
  report::FitDetails details;
};

Answered<FitAnswer> AnswerFit(const Facts& facts, const FitQuestion& question);

std::string FitJson(const FitAnswer& answer);
std::string FitText(const FitAnswer& answer, const report::Style& style);

}  // namespace capacity::answer
