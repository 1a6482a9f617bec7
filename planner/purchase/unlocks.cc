#include "planner/purchase/unlocks.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "planner/fit/fit.h"

namespace capacity::purchase {
namespace {

constexpr double kFaster = 1.05;  // less than 5 % is not worth a line
constexpr std::size_t kMostListed = 4;

const Candidate& CandidateOf(const Candidates& candidates, const Problem& problem, int column) {
  const int cluster = problem.columns[static_cast<std::size_t>(column)].cluster;
  return candidates.clusters[static_cast<std::size_t>(cluster)];
}

// The services at work in an operation.
std::vector<const Service*> ServicesOf(const Candidates& candidates, const Problem& problem,
                                       const Operation& operation) {
  std::vector<const Service*> services;
  for (const Running& running : operation.running) {
    const Column& column = problem.columns[static_cast<std::size_t>(running.column)];
    for (std::size_t o = 0; o < column.options.size(); ++o) {
      if (running.cluster_months[o] <= 0) continue;
      services.push_back(&CandidateOf(candidates, problem, running.column)
                              .services[static_cast<std::size_t>(column.options[o].service)]);
    }
  }
  return services;
}

std::map<std::string, double> FastestByModel(const std::vector<const Service*>& services) {
  std::map<std::string, double> fastest;
  for (const Service* service : services) {
    double& here = fastest[service->placement.model->id];
    here = std::max(here, service->placement.speed->decode_tps.mid);
  }
  return fastest;
}

// The largest memory that one cluster made of these nodes (kinds, items at hand) offers, in bytes.
double LargestMemory(const catalog::Catalog& catalog, const Candidates& candidates,
                     const Basket& basket) {
  double largest = 0;
  for (const Candidate& candidate : candidates.clusters) {
    double sum = 0;
    bool possible = true;
    for (std::size_t k = 0; k < candidate.kinds.size() && possible; ++k) {
      const MachineKind& kind = candidates.kinds[k];
      const int have = static_cast<int>(kind.owned.size()) + basket.nodes[k];
      possible = candidate.kinds[k] <= have;
      if (candidate.kinds[k] == 0) continue;
      const auto budget = fit::NodeBudget(catalog, kind.node);
      if (budget.ok()) sum += candidate.kinds[k] * static_cast<double>(budget->bytes.count);
    }
    for (std::size_t i = 0; i < candidate.items.size() && possible; ++i) {
      possible = candidate.items[i] <= basket.items[i];
    }
    if (possible) largest = std::max(largest, sum);
  }
  return largest;
}

// The smallest proposable file of `model`, in bytes; infinite when none is known.
double SmallestFile(const catalog::Catalog& catalog, const catalog::Model& model,
                    double min_nominal_bits) {
  double smallest = std::numeric_limits<double>::infinity();
  for (const catalog::Quantization& quant : catalog.quantizations) {
    if (!placement::Proposable(quant, model, min_nominal_bits)) continue;
    for (catalog::Engine engine : quant.engines) {
      const auto weights = fit::ModelWeightBytes(catalog, model, quant, engine);
      if (weights.ok()) smallest = std::min(smallest, static_cast<double>(weights->bytes.count));
    }
  }
  return smallest;
}

// Models too large for anything before, that some service of the new clusters shows to run.
std::set<std::string> NowRunnable(const catalog::Catalog& catalog, const Candidates& candidates,
                                  const Step& step, double min_nominal_bits) {
  const double before = LargestMemory(catalog, candidates, step.before.basket);
  std::set<std::string> models;
  for (const Candidate& candidate : candidates.clusters) {
    bool possible = true;
    for (std::size_t k = 0; k < candidate.kinds.size() && possible; ++k) {
      possible = candidate.kinds[k] <=
                 static_cast<int>(candidates.kinds[k].owned.size()) + step.after.basket.nodes[k];
    }
    for (std::size_t i = 0; i < candidate.items.size() && possible; ++i) {
      possible = candidate.items[i] <= step.after.basket.items[i];
    }
    if (!possible) continue;
    for (const Service& service : candidate.services) {
      const catalog::Model& model = *service.placement.model;
      if (models.contains(model.id)) continue;
      if (SmallestFile(catalog, model, min_nominal_bits) > before) models.insert(model.id);
    }
  }
  return models;
}

}  // namespace

std::vector<std::string> Unlocks(const catalog::Catalog& catalog, const Candidates& candidates,
                                 const Problem& problem, const Step& step,
                                 double min_nominal_bits) {
  std::vector<std::string> unlocks;
  const auto before = ServicesOf(candidates, problem, step.before.operation);
  const auto after = ServicesOf(candidates, problem, step.after.operation);
  std::set<std::string> runnable = NowRunnable(catalog, candidates, step, min_nominal_bits);
  for (const Service* service : after) {
    const std::string& model = service->placement.model->id;
    if (runnable.erase(model) == 0) continue;
    unlocks.push_back(absl::StrCat(model, " ", service->placement.quant->id, ": did not fit"));
  }
  if (!runnable.empty()) {
    std::vector<std::string> also(runnable.begin(), runnable.end());
    const std::size_t more = also.size() > kMostListed ? also.size() - kMostListed : 0;
    also.resize(also.size() - more);
    std::string text = absl::StrCat("would now fit: ", absl::StrJoin(also, ", "));
    if (more > 0) absl::StrAppend(&text, " and ", more, " more");
    unlocks.push_back(std::move(text));
  }
  const auto speed_before = FastestByModel(before);
  for (const auto& [model, speed] : FastestByModel(after)) {
    const auto was = speed_before.find(model);
    if (was == speed_before.end() || speed < was->second * kFaster) continue;
    unlocks.push_back(absl::StrFormat("%s: %.0f -> %.0f tokens/s", model, was->second, speed));
  }
  return unlocks;
}

}  // namespace capacity::purchase
