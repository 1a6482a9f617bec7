#include "planner/answer/fit.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "planner/report/json.h"
#include "planner/report/text.h"

namespace capacity::answer {
namespace {

using placement::Placement;

// The named entries, or all when none is named. Unknown names are reported together.
template <class Entry, class Find>
std::vector<const Entry*> Select(const std::vector<std::string>& names,
                                 const std::vector<Entry>& entries, const char* argument,
                                 const char* what, Find find,
                                 std::vector<ArgumentProblem>& problems) {
  std::vector<const Entry*> selected;
  if (names.empty()) {
    for (const Entry& entry : entries) selected.push_back(&entry);
    return selected;
  }
  for (const std::string& name : names) {
    if (const Entry* entry = find(name)) {
      selected.push_back(entry);
      continue;
    }
    problems.push_back({argument, Unknown(what, name, Ids(entries))});
  }
  return selected;
}

// Of rejected placements the one that lacks the least memory, or, when none got as far as memory,
// the first.
std::vector<Placement> Nearest(std::vector<Placement> rejected) {
  const auto nearest = std::min_element(rejected.begin(), rejected.end(),
                                        [](const Placement& a, const Placement& b) {
                                          if (a.memory.empty() != b.memory.empty())
                                            return b.memory.empty();
                                          return placement::Shortfall(a) < placement::Shortfall(b);
                                        });
  if (nearest == rejected.end()) return {};
  return {std::move(*nearest)};
}

// The `top` best that fit, or, when none does, the one that comes closest with its reason. Replicas
// are left out: each is a placement of its own on fewer nodes.
std::vector<Placement> Summarize(std::vector<Placement> placements, int top) {
  std::erase_if(placements, [](const Placement& placement) {
    return placement.strategy == throughput::Strategy::kReplicas;
  });
  const auto rejected = std::find_if(placements.begin(), placements.end(),
                                     [](const Placement& p) { return !p.why_not.empty(); });
  if (rejected == placements.begin()) return Nearest(std::move(placements));
  const auto kept = std::min<std::ptrdiff_t>(top, rejected - placements.begin());
  placements.erase(placements.begin() + kept, placements.end());
  return placements;
}

}  // namespace

Answered<FitAnswer> AnswerFit(const Facts& facts, const FitQuestion& question) {
  const catalog::Catalog& catalog = facts.catalog;
  const Documents& documents = question.documents;
  auto scenario =
      inventory::LoadScenarioWith(documents.read, catalog, documents.inventory, documents.overlays);
  if (!scenario.value) return {std::nullopt, scenario.problems, {}};
  std::vector<ArgumentProblem> problems;
  const auto models = Select(
      question.models, catalog.models, "model", "model",
      [&](const std::string& name) { return catalog.FindModel(name); }, problems);
  const auto quants = Select(
      question.quants, catalog.quantizations, "quant", "quantization",
      [&](const std::string& name) { return catalog.FindQuantization(name); }, problems);
  if (!problems.empty()) return {std::nullopt, {}, std::move(problems)};

  FitAnswer answer{*std::move(scenario.value), question.load, {}, {}};
  answer.details.breakdown = question.breakdown;
  placement::Options options;
  options.keep_rejected = true;
  const placement::Placer placer(catalog, facts.calibration, answer.scenario.fleet, options);
  for (const catalog::Model* model : models) {
    for (const catalog::Quantization* quant : quants) {
      // A file is in one format; in another it is asked for by name only.
      const bool other = model->own_file && model->own_file->quant != quant->id;
      if (other && question.quants.empty()) continue;
      std::vector<Placement> placements = placer.Enumerate(*model, *quant, question.load);
      if (!question.all) placements = Summarize(std::move(placements), question.top);
      std::move(placements.begin(), placements.end(), std::back_inserter(answer.rows));
    }
  }
  if (question.longest_context) {
    answer.details.longest_context.emplace();
    for (const Placement& row : answer.rows) {
      answer.details.longest_context->push_back(placer.LongestContext(row, question.load));
    }
  }
  return {std::move(answer), {}, {}};
}

std::string FitJson(const FitAnswer& answer) {
  return report::FitJson(answer.scenario, answer.load, answer.rows, answer.details);
}

std::string FitText(const FitAnswer& answer, const report::Style& style) {
  return report::FitText(answer.scenario, answer.load, answer.rows, answer.details, style);
}

}  // namespace capacity::answer
