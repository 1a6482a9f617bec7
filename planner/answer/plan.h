// "What runs on my machines, and what to buy next?"
#pragma once

#include <optional>
#include <string>

#include "planner/answer/question.h"
#include "planner/plan.h"
#include "planner/report/table.h"

namespace capacity::answer {

struct PlanQuestion {
  Documents documents;
  PlanOptions options;
  int explain_rung = 0;  // why this rung, from 1, and not the runner-up; 0: the whole plan
};

struct PlanAnswer {
  Plan plan;
  std::optional<Plan> before;  // without the what-ifs, where there are any
  int explain_rung = 0;
};

// An interrupted search (options.watch) is an answer: the best found until then.
Answered<PlanAnswer> AnswerPlan(const Facts& facts, const PlanQuestion& question);

std::string PlanJson(const PlanAnswer& answer);
std::string PlanText(const Facts& facts, const PlanAnswer& answer, const report::Style& style);

}  // namespace capacity::answer
