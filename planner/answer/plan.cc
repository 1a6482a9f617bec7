#include "planner/answer/plan.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/report/json.h"
#include "planner/report/text.h"

namespace capacity::answer {
namespace {

// Empty when the ladder has that rung.
std::string NoSuchRung(const Plan& plan, int rung) {
  const auto rungs = static_cast<int>(plan.ladder().rungs.size());
  if (rung <= rungs) return "";
  if (rungs == 0) {
    return absl::StrCat("there is no rung ", rung, ": nothing is worth buying (",
                        plan.ladder().stopped_reason, ")");
  }
  return absl::StrCat("there is no rung ", rung, "; the ladder has ",
                      rungs == 1 ? "1 rung" : absl::StrCat(rungs, " rungs"));
}

Answered<PlanAnswer> Refused(const absl::Status& status) {
  return {std::nullopt, {}, {{"", std::string(status.message())}}};
}

}  // namespace

Answered<PlanAnswer> AnswerPlan(const Facts& facts, const PlanQuestion& question) {
  const Documents& documents = question.documents;
  const auto scenario = inventory::LoadScenarioWith(documents.read, facts.catalog,
                                                    documents.inventory, documents.overlays);
  if (!scenario.value) return {std::nullopt, scenario.problems, {}};
  absl::StatusOr<Plan> plan =
      MakePlan(facts.catalog, facts.calibration, *scenario.value, question.options);
  if (!plan.ok()) return Refused(plan.status());
  PlanAnswer answer{*std::move(plan), std::nullopt, question.explain_rung};
  if (question.explain_rung > 0) {
    std::string problem = NoSuchRung(answer.plan, question.explain_rung);
    if (!problem.empty()) return {std::nullopt, {}, {{"explain", std::move(problem)}}};
    return {std::move(answer), {}, {}};
  }
  if (documents.overlays.size() == documents.standing) return {std::move(answer), {}, {}};

  const std::vector<std::string> standing(
      documents.overlays.begin(),
      documents.overlays.begin() + static_cast<std::ptrdiff_t>(documents.standing));
  const auto base =
      inventory::LoadScenarioWith(documents.read, facts.catalog, documents.inventory, standing);
  if (!base.value) return {std::nullopt, base.problems, {}};
  PlanOptions options = question.options;
  options.watch = {};
  options.compare = false;
  absl::StatusOr<Plan> before = MakePlan(facts.catalog, facts.calibration, *base.value, options);
  if (!before.ok()) return Refused(before.status());
  answer.before = *std::move(before);
  return {std::move(answer), {}, {}};
}

std::string PlanJson(const PlanAnswer& answer) {
  if (answer.explain_rung > 0) {
    return report::ExplainJson(answer.plan, static_cast<std::size_t>(answer.explain_rung - 1));
  }
  return report::PlanJson(answer.plan, answer.before ? &*answer.before : nullptr);
}

std::string PlanText(const Facts& facts, const PlanAnswer& answer, const report::Style& style) {
  if (answer.explain_rung > 0) {
    return report::ExplainText(facts.catalog, answer.plan,
                               static_cast<std::size_t>(answer.explain_rung - 1), style);
  }
  return report::PlanText(facts.catalog, answer.plan, answer.before ? &*answer.before : nullptr,
                          style);
}

}  // namespace capacity::answer
