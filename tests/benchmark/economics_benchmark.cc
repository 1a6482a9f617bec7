// How long the risk of one purchase takes.
#include <benchmark/benchmark.h>

#include "planner/economics/risk.h"

namespace capacity::economics {
namespace {

// A Spark at frontier prices; every factor has a range.
RiskInput Spark() {
  RiskInput input;
  input.flow.horizon_months = 36;
  input.flow.cost_of_capital = 0.05;
  input.flow.standby = {3};
  input.cost = {4000, 4699, 5200};
  input.gross_saving = {820, 888, 962};
  input.decline = {0, 0.2, 0.67};
  input.utilization = {0.1, 0.25, 0.5};
  input.electricity = {1, 2, 3};
  input.resale_share = {0.33, 0.53, 1};
  return input;
}

// The same where most worlds never pay back, so that every month up to the limit is looked at.
RiskInput Hopeless() {
  RiskInput input = Spark();
  input.gross_saving = {15, 20, 25};
  input.decline = {0, 0.01, 0.02};
  return input;
}

void TenThousandDraws(benchmark::State& state) {
  const RiskInput input = Spark();
  for (auto _ : state) benchmark::DoNotOptimize(Simulate(input, kRiskSeed, 10'000));
}
BENCHMARK(TenThousandDraws)->Unit(benchmark::kMillisecond);

void TenThousandHopelessDraws(benchmark::State& state) {
  const RiskInput input = Hopeless();
  for (auto _ : state) benchmark::DoNotOptimize(Simulate(input, kRiskSeed, 10'000));
}
BENCHMARK(TenThousandHopelessDraws)->Unit(benchmark::kMillisecond);

void TornadoAndGrid(benchmark::State& state) {
  const RiskInput input = Spark();
  for (auto _ : state) {
    benchmark::DoNotOptimize(Tornado(input));
    benchmark::DoNotOptimize(PaybackGrid(input, {1, 0.5, 0.25, 0.1}, {0, 0.25, 0.5, 0.8}));
  }
}
BENCHMARK(TornadoAndGrid)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace capacity::economics
