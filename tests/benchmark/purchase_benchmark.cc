// Time of a purchase recommendation, both baselines, against the number of owned nodes and budget.
// The counters tell which way it was solved and whether that proved the optimum.
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "planner/inventory/inventory.h"
#include "planner/purchase/clusters.h"
#include "planner/purchase/enumeration.h"
#include "planner/purchase/milp_search.h"
#include "planner/purchase/purchase.h"
#include "planner/purchase/reduce.h"
#include "tests/purchase/random_problem.h"
#include "tests/support/shipped.h"

namespace capacity::purchase {
namespace {

using capacity::testing::Fitted;
using capacity::testing::Shipped;

// `nodes` machines of six kinds; the home lab's workloads, growing with the fleet, times `demand`.
fleet::Scenario FleetOf(int nodes, double demand) {
  fleet::Scenario scenario =
      *inventory::LoadScenario(Shipped(), "inventories/home-lab.yaml", {}).value;
  if (nodes != 3) {
    const char* const kMachines[] = {"mac-studio-m3-ultra-512gb",
                                     "mac-studio-m3-ultra-256gb",
                                     "mac-studio-m4-max-128gb",
                                     "dgx-spark",
                                     "dual-rtx-3090",
                                     "mac-mini-m4-pro-64gb"};
    std::vector<fleet::Node> owned;
    for (int i = 0; i < nodes; ++i) {
      fleet::Node node;
      node.machine = Shipped().FindMachine(kMachines[i % 6]);
      node.chip = Shipped().FindChip(node.machine->chip);
      node.name = "node-" + std::to_string(i);
      owned.push_back(std::move(node));
    }
    scenario.fleet = *fleet::Fleet::Create(std::move(owned), {}, {});
  }
  for (fleet::Workload& workload : scenario.workloads) {
    if (workload.input_tokens_per_day) *workload.input_tokens_per_day *= demand * nodes / 3;
    if (workload.output_tokens_per_day) *workload.output_tokens_per_day *= demand * nodes / 3;
  }
  return scenario;
}

void BM_Recommend(benchmark::State& state) {
  const fleet::Scenario scenario =
      FleetOf(static_cast<int>(state.range(0)), static_cast<double>(state.range(2)));
  Options options;
  options.budget = Usd::FromDollars(static_cast<double>(state.range(1)));
  bool proven = true;
  bool enumerated = true;
  for (auto _ : state) {
    const auto ladders = RecommendByBaseline(Shipped(), Fitted(), scenario, options);
    for (const auto& [baseline, ladder] : *ladders) {
      proven = proven && ladder.optimality.proven;
      enumerated = enumerated && ladder.optimality.method == "exact enumeration";
    }
  }
  state.counters["proven"] = proven;
  state.counters["enumerated"] = enumerated;
}
BENCHMARK(BM_Recommend)
    ->ArgNames({"nodes", "budget", "demand"})
    ->ArgsProduct({{3}, {10'000}, {1, 3, 5, 10, 100}})
    ->ArgsProduct({{8, 30, 100}, {10'000, 200'000}, {5, 10}})
    ->ArgsProduct({{1000, 10'000}, {200'000, 2'000'000}, {5, 10}})
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);

// ---------------------------------------------------------------- against slower ways, in one run

// The same hundred small problems by every subset and every partition, and by the enumeration.
std::vector<Problem> SmallProblems() {
  std::mt19937 random(20261122);
  std::vector<Problem> problems;
  for (int i = 0; i < 100; ++i) problems.push_back(RandomProblem(random, i % 3 != 0));
  return problems;
}

Terms AtTwelveMonths(const Problem& problem) {
  Terms terms;
  terms.months = 12;
  terms.at_least = EmptyBasket(problem);
  return terms;
}

const Usd kSmallBudget = Usd::FromDollars(10'000);

void BM_SmallByBruteForce(benchmark::State& state) {
  const std::vector<Problem> problems = SmallProblems();
  for (auto _ : state) {
    for (const Problem& problem : problems) {
      benchmark::DoNotOptimize(
          BruteForceBest(problem, kSmallBudget, AtTwelveMonths(problem), Lp::kOwn));
    }
  }
}
BENCHMARK(BM_SmallByBruteForce)->Unit(benchmark::kMillisecond);

void BM_SmallByEnumeration(benchmark::State& state) {
  const std::vector<Problem> problems = SmallProblems();
  for (auto _ : state) {
    for (const Problem& problem : problems) {
      const Problem reduced = Reduce(problem);
      const auto search = Enumeration::Create(reduced, kSmallBudget, 36);
      benchmark::DoNotOptimize(search->Best(AtTwelveMonths(reduced)));
    }
  }
}
BENCHMARK(BM_SmallByEnumeration)->Unit(benchmark::kMillisecond);

// One rung of a real fleet as a MILP: with every cluster and every model that fits, and with what
// pruning leaves. Candidates are found outside the clock.
void OneRungByMilp(benchmark::State& state, bool pruned) {
  const auto nodes = static_cast<int>(state.range(0));
  const Usd budget = Usd::FromDollars(nodes > 10 ? 200'000 : 10'000);
  const fleet::Scenario scenario = FleetOf(nodes, 5);
  const Candidates candidates = FindCandidates(Shipped(), Fitted(), scenario,
                                               {.budget = budget, .keep_beaten_clusters = !pruned});
  Problem problem = MakeProblem(candidates, scenario, fleet::Baseline::kFrontierEquivalent);
  if (pruned) problem = Reduce(std::move(problem));
  std::erase_if(problem.columns, [](const Column& column) { return column.options.empty(); });
  const auto solver = MakeCbcSolver();
  double gap = 0;
  for (auto _ : state) {
    const Found found =
        MakeMilpSearch(problem, budget, 36, *solver, {})->Best(AtTwelveMonths(problem));
    gap = found.gap_usd_per_month;
  }
  state.counters["columns"] = static_cast<double>(problem.columns.size());
  state.counters["gap_usd"] = gap;
}
void BM_RungPlainMilp(benchmark::State& state) { OneRungByMilp(state, false); }
void BM_RungPrunedMilp(benchmark::State& state) { OneRungByMilp(state, true); }
BENCHMARK(BM_RungPlainMilp)
    ->ArgName("nodes")
    ->Arg(3)
    ->Arg(8)
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);
BENCHMARK(BM_RungPrunedMilp)
    ->ArgName("nodes")
    ->Arg(3)
    ->Arg(8)
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);

// ---------------------------------------------------------------- growth

// Recommend for 8 nodes with fewer offers or models than there are.
void BM_GrowthWithOffers(benchmark::State& state) {
  fleet::Scenario scenario = FleetOf(8, 5);
  const auto keep = static_cast<std::size_t>(state.range(0));
  if (scenario.offers.size() > keep) {
    scenario.offers.erase(scenario.offers.begin() + static_cast<std::ptrdiff_t>(keep),
                          scenario.offers.end());
  }
  Options options;
  options.budget = Usd::FromDollars(20'000);
  for (auto _ : state) benchmark::DoNotOptimize(Recommend(Shipped(), Fitted(), scenario, options));
  state.counters["offers"] = static_cast<double>(scenario.offers.size());
}
BENCHMARK(BM_GrowthWithOffers)
    ->Arg(3)
    ->Arg(6)
    ->Arg(12)
    ->Arg(24)
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);

void BM_GrowthWithModels(benchmark::State& state) {
  catalog::Catalog fewer = Shipped();
  const auto keep = static_cast<std::size_t>(state.range(0));
  const fleet::Scenario scenario = FleetOf(8, 5);
  // The entries themselves stay where the scenario points; models are named, not pointed at.
  if (fewer.models.size() > keep) fewer.models.resize(keep);
  Options options;
  options.budget = Usd::FromDollars(20'000);
  for (auto _ : state) benchmark::DoNotOptimize(Recommend(fewer, Fitted(), scenario, options));
  state.counters["models"] = static_cast<double>(fewer.models.size());
}
BENCHMARK(BM_GrowthWithModels)
    ->Arg(10)
    ->Arg(20)
    ->Arg(40)
    ->Arg(80)
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);

}  // namespace
}  // namespace capacity::purchase
