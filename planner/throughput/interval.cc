#include "planner/throughput/interval.h"

#include "planner/throughput/cluster.h"

namespace capacity::throughput {

IntervalGroup DecodeGroup(const Query& query, double bytes_read) {
  constexpr double kSmallRead = 2e9;  // bytes; below it fixed costs decide, which vary most
  if (query.strategy == Strategy::kPipeline) return IntervalGroup::kPipeline;
  if (query.strategy == Strategy::kTensor) {
    const bool known = query.all_reduce.has_value() ||
                       AllReduceOf(query.engine, query.link) < AllReduceProfile::kPcie;
    return known ? IntervalGroup::kTensor : IntervalGroup::kTensorUnknown;
  }
  if (query.batch > 1) return IntervalGroup::kBatch;
  if (bytes_read < kSmallRead) return IntervalGroup::kSmall;
  return query.model->architecture.is_moe() ? IntervalGroup::kMoe : IntervalGroup::kDense;
}

IntervalGroup PrefillGroup(const Query& query) {
  return query.strategy == Strategy::kTensor || query.strategy == Strategy::kPipeline
             ? IntervalGroup::kPrefillCluster
             : IntervalGroup::kPrefill;
}

Estimate IntervalAround(double mid, const IntervalFactors& factors) {
  return {mid / factors.below, mid, mid * factors.above, EstimateSource::kCatalogModel};
}

}  // namespace capacity::throughput
