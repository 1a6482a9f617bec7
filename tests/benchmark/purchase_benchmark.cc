// Time of a purchase recommendation, both baselines, against the number of owned nodes and budget.
// The counters tell which way it was solved and whether that proved the optimum.
#include <benchmark/benchmark.h>

#include <string>
#include <utility>

#include "planner/inventory/inventory.h"
#include "planner/purchase/purchase.h"

namespace capacity::purchase {
namespace {

const catalog::Catalog& Shipped() {
  static const catalog::Catalog* const kCatalog = [] {
    auto loaded = inventory::LoadCatalog("inventories/catalog", {});
    return new catalog::Catalog(*std::move(loaded.value));
  }();
  return *kCatalog;
}

const throughput::Calibration& Fitted() {
  static const throughput::Calibration* const kCalibration = [] {
    auto loaded = inventory::LoadCalibration("inventories/calibration.yaml");
    return new throughput::Calibration(*std::move(loaded.value));
  }();
  return *kCalibration;
}

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

}  // namespace
}  // namespace capacity::purchase
