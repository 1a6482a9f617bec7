#include "planner/answer/launch.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "planner/placement/sharding.h"
#include "planner/plan.h"

namespace capacity::answer {
namespace {

using placement::Placement;

Answered<LaunchAnswer> Refused(const char* argument, std::string problem) {
  return {std::nullopt, {}, {{argument, std::move(problem)}}};
}

// Indices of the nodes of these names; the unknown ones in `problems`.
std::vector<int> NodesNamed(const fleet::Fleet& fleet, const std::vector<std::string>& names,
                            const char* argument, std::vector<ArgumentProblem>& problems) {
  std::vector<std::string> known;
  for (const fleet::Node& node : fleet.nodes()) known.push_back(node.name);
  std::vector<int> indices;
  for (const std::string& name : names) {
    const auto it = std::find(known.begin(), known.end(), name);
    if (it == known.end()) {
      problems.push_back({argument, Unknown("node", name, known)});
    } else {
      indices.push_back(static_cast<int>(it - known.begin()));
    }
  }
  std::sort(indices.begin(), indices.end());
  indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
  return indices;
}

// Names that addresses and interfaces were stated for.
std::vector<std::string> NamesIn(const launch::Facts& facts) {
  std::vector<std::string> names;
  for (const auto& [name, address] : facts.addresses) names.push_back(name);
  for (const auto& [name, interface] : facts.interfaces) names.push_back(name);
  for (const auto& [ends, device] : facts.rdma_devices) {
    names.push_back(ends.first);
    names.push_back(ends.second);
  }
  return names;
}

bool Wanted(const Placement& placement, const LaunchQuestion& question) {
  if (!launch::CanLaunch(placement.engine, placement.strategy)) return false;
  if (!question.engine.empty() && question.engine != catalog::Name(placement.engine)) return false;
  // What needs code that the engine lacks is for those who ask for it.
  const bool asked = !question.engine.empty() && !question.strategy.empty();
  if (!asked && placement.nodes.size() > 1 &&
      placement::CanSplit(placement.engine, placement.strategy, placement.model->model_type) ==
          placement::Splittable::kNo) {
    return false;
  }
  return question.strategy.empty() || question.strategy == throughput::Name(placement.strategy);
}

bool Runs(const Placement& placement) {
  return placement.verdict != fit::Verdict::kDoesNotFit && placement.why_not.empty() &&
         placement.speed.has_value();
}

// Everything wanted that there is, fastest first, then what does not run, nearest first.
std::vector<Placement> Candidates(const Facts& facts, const fleet::Fleet& fleet,
                                  const catalog::Model& model, const catalog::Quantization* stated,
                                  const std::vector<int>& nodes, const LaunchQuestion& question) {
  placement::Options options;
  options.keep_rejected = true;
  options.drivers = launch::LlamaDrivers(fleet, question.facts);
  const placement::Placer placer(facts.catalog, facts.calibration, fleet, options);
  std::vector<Placement> all;
  for (const catalog::Quantization& quant : facts.catalog.quantizations) {
    if (stated != nullptr ? &quant != stated
                          : !placement::Proposable(quant, model, PlanOptions().min_nominal_bits)) {
      continue;
    }
    std::vector<Placement> some =
        nodes.empty() ? placer.Enumerate(model, quant, question.facts.load)
                      : placer.EnumerateOn(nodes, model, quant, question.facts.load);
    std::erase_if(some, [&](const Placement& one) { return !Wanted(one, question); });
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
  std::stable_sort(all.begin(), all.end(), [](const Placement& a, const Placement& b) {
    if (Runs(a) != Runs(b)) return Runs(a);
    if (Runs(a)) return a.speed->decode_tps.mid > b.speed->decode_tps.mid;
    if (a.memory.empty() != b.memory.empty()) return b.memory.empty();
    return placement::Shortfall(a) < placement::Shortfall(b);
  });
  return all;
}

bool IsNative(const catalog::Quantization& quant, const catalog::Model& model) {
  const auto& native = quant.native_to;
  return std::find(native.begin(), native.end(), model.id) != native.end();
}

// EXO's own model cards, from which the catalogue has these sizes, are named like the repositories
// of mlx-community. A release that MLX loads converted is looked for under its conversion.
std::string MlxRepository(const catalog::Catalog& catalog, const catalog::Model& model,
                          const catalog::Quantization& quant) {
  for (const catalog::Artifact& artifact : catalog.artifacts) {
    const catalog::Quantization* held = catalog.FindQuantization(artifact.quant);
    if (artifact.model != model.id || held == nullptr || held->family != "mlx") continue;
    const bool meant = held == &quant ||
                       (quant.family != "mlx" && IsNative(quant, model) && IsNative(*held, model));
    if (meant && artifact.provenance.source.rfind("EXO model card", 0) == 0) {
      return "mlx-community/" + artifact.name;
    }
  }
  return "";
}

// What was released: 16 bits, or the first native format that vLLM loads.
bool IsReleased(const catalog::Catalog& catalog, const catalog::Model& model,
                const catalog::Quantization& quant) {
  if (!model.released_quantized) return quant.id == "bf16";
  for (const catalog::Quantization& one : catalog.quantizations) {
    const bool loads = std::find(one.engines.begin(), one.engines.end(), catalog::Engine::kVllm) !=
                       one.engines.end();
    if (loads && IsNative(one, model)) return &one == &quant;
  }
  return false;
}

// What the engine calls these weights, where the catalogue knows it.
void NameSource(const catalog::Catalog& catalog, const Placement& placement, launch::Facts& facts) {
  const catalog::Model& model = *placement.model;
  const catalog::Quantization& quant = *placement.quant;
  if (!facts.source.empty()) {
    facts.source_origin = "--source";
  } else if (placement.engine == catalog::Engine::kMlx ||
             placement.engine == catalog::Engine::kExo) {
    facts.source = MlxRepository(catalog, model, quant);
    facts.source_origin = "catalogue's artifacts";
  } else if (placement.engine == catalog::Engine::kVllm && IsReleased(catalog, model, quant)) {
    facts.source = model.hf_id;
    facts.source_origin = "catalogue's models";
  }
}

}  // namespace

Answered<LaunchAnswer> AnswerLaunch(const Facts& facts, const LaunchQuestion& question) {
  const catalog::Catalog& catalog = facts.catalog;
  auto scenario = inventory::LoadScenarioWith(
      question.documents.read, catalog, question.documents.inventory, question.documents.overlays);
  if (!scenario.value) return {std::nullopt, scenario.problems, {}};
  std::vector<ArgumentProblem> problems;
  const catalog::Model* model = catalog.FindModel(question.model);
  if (model == nullptr) {
    problems.push_back({"model", Unknown("model", question.model, Ids(catalog.models))});
  }
  const catalog::Quantization* quant = nullptr;
  if (!question.quant.empty()) {
    quant = catalog.FindQuantization(question.quant);
    if (quant == nullptr) {
      problems.push_back(
          {"quant", Unknown("quantization", question.quant, Ids(catalog.quantizations))});
    }
  }
  const fleet::Fleet& fleet = scenario.value->fleet;
  const std::vector<int> nodes = NodesNamed(fleet, question.nodes, "nodes", problems);
  NodesNamed(fleet, NamesIn(question.facts), "address", problems);
  if (!question.facts.here.empty()) NodesNamed(fleet, {question.facts.here}, "here", problems);
  if (!problems.empty()) return {std::nullopt, {}, std::move(problems)};

  std::vector<Placement> candidates = Candidates(facts, fleet, *model, quant, nodes, question);
  if (candidates.empty()) {
    return Refused("", absl::StrCat("nothing that the planner can start runs ", model->id,
                                    " as asked; `planner fit --model ", model->id,
                                    " --all` shows every combination"));
  }
  const auto running = static_cast<int>(std::count_if(candidates.begin(), candidates.end(), Runs));
  if (running == 0) {
    const Placement& nearest = candidates.front();
    std::vector<std::string> names;
    for (int node : nearest.nodes) {
      names.push_back(fleet.nodes()[static_cast<std::size_t>(node)].name);
    }
    return Refused("", absl::StrCat(model->id, " does not run here; nearest, ", nearest.quant->id,
                                    " on ", absl::StrJoin(names, "+"), ": ", nearest.why_not));
  }
  if (question.rank > running) {
    return Refused("rank", absl::StrCat("there are ", running, " ways to run it as asked"));
  }
  LaunchAnswer answer{*std::move(scenario.value),
                      std::move(candidates[static_cast<std::size_t>(question.rank - 1)]),
                      {}};
  launch::Facts launch_facts = question.facts;
  NameSource(catalog, answer.placement, launch_facts);
  absl::StatusOr<launch::LaunchPlan> plan =
      launch::MakeLaunchPlan(answer.scenario.fleet, answer.placement, launch_facts);
  if (!plan.ok()) return Refused("", std::string(plan.status().message()));
  answer.plan = *std::move(plan);
  return {std::move(answer), {}, {}};
}

}  // namespace capacity::answer
