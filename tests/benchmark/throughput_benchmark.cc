// How many decode predictions one core makes a second: the optimizer asks for millions.
#include <benchmark/benchmark.h>

#include "planner/inventory/inventory.h"
#include "planner/throughput/cluster.h"
#include "planner/throughput/decode.h"

namespace {

using namespace capacity;  // NOLINT(google-build-using-namespace)

const catalog::Catalog& Facts() {
  static const auto& loaded =
      *new inventory::Loaded<catalog::Catalog>(inventory::LoadCatalog("inventories/catalog", {}));
  return *loaded.value;
}

const throughput::Calibration& Shipped() {
  static const auto& loaded = *new inventory::Loaded<throughput::Calibration>(
      inventory::LoadCalibration("inventories/calibration.yaml"));
  return *loaded.value;
}

throughput::Query Asked(int batch) {
  throughput::Query query;
  query.model = Facts().FindModel("gpt-oss-120b");
  query.quant = Facts().FindQuantization("mlx-mxfp4-q8");
  query.engine = catalog::Engine::kMlx;
  query.nodes = {{.chip = Facts().FindChip("apple-m3-ultra-80")}};
  query.batch = batch;
  return query;
}

// What others compute: a constant share of the bandwidth over the bytes.
void NaiveFormula(benchmark::State& state) {
  const auto prepared = throughput::Prepared::Of(Asked(1));
  double bandwidth = 819e9;
  for (auto _ : state) {
    benchmark::DoNotOptimize(bandwidth += 1);
    benchmark::DoNotOptimize(0.55 * bandwidth / prepared->bytes_read());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(NaiveFormula);

// One step of a prepared profile, another context each time.
void DecodeStep(benchmark::State& state) {
  const throughput::Query query = Asked(1);
  const auto profile = throughput::MakeDecodeProfile(query, catalog::Platform::kMetal);
  const auto device = throughput::DeviceOf(query.nodes[0]);
  throughput::DecodeLoad load{.batch = static_cast<double>(state.range(0))};
  for (auto _ : state) {
    load.context = load.context < 100000 ? load.context + 1 : 0;
    benchmark::DoNotOptimize(
        throughput::DecodeStep(*profile, *device, load, Shipped().coefficients).total());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(DecodeStep)->Arg(1)->Arg(8);

// The same with the interval.
void DecodeEstimate(benchmark::State& state) {
  const auto prepared = throughput::Prepared::Of(Asked(1));
  for (auto _ : state) benchmark::DoNotOptimize(prepared->DecodeEstimate(Shipped()));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(DecodeEstimate);

// From ids to both speeds: looks every fact up again.
void PredictFromScratch(benchmark::State& state) {
  const throughput::Query query = Asked(1);
  for (auto _ : state) benchmark::DoNotOptimize(throughput::Predict(query, Shipped()));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(PredictFromScratch);

}  // namespace
