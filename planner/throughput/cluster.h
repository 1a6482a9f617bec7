// Several devices on one model: tensor parallel, pipeline, replicas (docs/model.md equations 4.12,
// 4.13, 4.19 and 4.20).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "planner/base/estimate.h"
#include "planner/throughput/calibration.h"
#include "planner/throughput/coefficients.h"
#include "planner/throughput/decode.h"
#include "planner/throughput/interval.h"
#include "planner/throughput/prefill.h"
#include "planner/throughput/throughput.h"

namespace capacity::throughput {

// The all-reduce that `engine` does over `link` (null: unknown).
AllReduceProfile AllReduceOf(catalog::Engine engine, const catalog::Link* link);
// The hop between pipeline stages that `engine` does over `link` (null: PCIe in one box).
HopProfile HopOf(EngineClass engine, const catalog::Link* link);

// One decode step of all ranks together; every accelerator of every node is a rank.
struct Step {
  DecodeTerms terms;  // of the slowest rank (tensor), the whole chain (pipeline), the first replica
  double tokens_per_second = 0;  // aggregate
};

struct Prompt {
  PrefillTerms terms;  // of the first replica
  double tokens_per_second = 0;
};

// A query with every fact looked up: evaluating it is arithmetic on doubles, for the optimizer and
// the fit, which ask for millions. Holds pointers of the query, not the query.
class Prepared {
 public:
  // FailedPrecondition names a missing fact, InvalidArgument a query that makes no sense.
  static absl::StatusOr<Prepared> Of(const Query& query);

  Step Decode(const Coefficients& coefficients) const;
  // Precondition: MissingForPrefill() is ok.
  Prompt Prefill(const Coefficients& coefficients) const;
  // FailedPrecondition naming the chip or model whose facts prefill lacks.
  const absl::Status& MissingForPrefill() const { return missing_for_prefill_; }

  double bytes_read() const;  // weights, one stream

  // The speeds with their intervals.
  Estimate DecodeEstimate(const Calibration& calibration) const;
  Estimate PrefillEstimate(const Calibration& calibration) const;  // same precondition as Prefill
  // What makes them uncertain.
  DecodeDoubt Doubt(const DecodeTerms& terms, const Calibration& calibration) const;
  PrefillKind Kind(const Calibration& calibration) const;
  const Device& first_device() const { return ranks_[0].device; }
  const DecodeProfile& first_decode() const { return ranks_[0].decode; }

 private:
  struct Rank {
    std::string chip;  // id
    Device device;
    double layer_share = 1;
    DecodeProfile decode;
    PrefillProfile prefill;
  };

  DecodeLoad Load(double ranks, double batch) const;
  Step TensorDecode(const Coefficients& c, std::size_t first, std::size_t count) const;
  Step PipelineDecode(const Coefficients& c) const;
  Step ReplicaDecode(const Coefficients& c) const;
  Step FastestDecode(const Coefficients& c) const;
  double AllReduceMs(const Coefficients& c, double ranks) const;
  PrefillTerms Alone(const Rank& rank, const Coefficients& c) const;
  PrefillTerms TensorPrefill(const Coefficients& c) const;
  PrefillTerms PipelinePrefill(const Coefficients& c) const;
  PrefillTerms PrefillTermsOf(const Coefficients& c) const;
  PrefillTerms FastestPrefill(const Coefficients& c) const;

  std::vector<Rank> ranks_;
  Strategy strategy_ = Strategy::kSingle;
  catalog::Engine engine_ = catalog::Engine::kOther;
  std::string link_medium_;
  AllReduceProfile all_reduce_ = AllReduceProfile::kUnknown;
  HopProfile hop_ = HopProfile::kPcie;
  double measured_all_reduce_ms_ = 0;  // 0: not measured
  double link_rate_ = 0;               // bytes/s; 0: unknown
  double context_ = 0;
  PrefillLoad prompt_;
  double batch_ = 1;
  double kv_scale_ = 1;
  bool unknown_architecture_ = false;
  absl::Status missing_for_prefill_;
};

}  // namespace capacity::throughput
