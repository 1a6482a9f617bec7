// What measured speeds say about other speeds on the same machines (docs/model.md equation 4.24).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "planner/base/units.h"
#include "planner/throughput/calibration.h"
#include "planner/throughput/throughput.h"

namespace capacity::throughput {

// A speed that was measured, and the query that describes the run.
struct SpeedMeasurement {
  Query query;
  std::vector<std::string> machines;  // what each node is ("mac-studio m3-ultra"), in any order
  std::optional<TokensPerSecond> decode;
  std::optional<TokensPerSecond> prefill;
  double age_years = 0;  // older than what is known best
  std::string name;      // how remarks call it
};

// What is expected of a run, half by half; nullopt: nothing bears on it.
struct Expectation {
  std::optional<Estimate> decode;
  std::optional<Estimate> prefill;
};

// The measurements of one fleet, digested once.
//
// A prediction errs by the machine, by the engine on that machine (alike for speeds of the same
// order), by the model, and by the run; a cluster errs by the cost of its link as well. What is
// measured tells the sum, and so moves every estimate that shares a part of it, by less the less
// they share. Clusters share with their machines, and by their link with each other. Decode and
// prefill are judged apart. No shift is larger than the largest that was measured.
//
// A measurement counts for less the older it is (10 % of scatter a year, assumed), when the others
// contradict it, and, where no other bears on it, when it is far from the catalogue; the estimates
// near such a one become wider, not narrower. One that the memory's bandwidth does not allow is not
// used. remarks() names all of these. Those whose query cannot be predicted are passed over, and of
// more than kMostMeasurements a half the oldest. Copies share what is digested.
class Evidence {
 public:
  Evidence() = default;  // nothing was measured
  Evidence(std::vector<SpeedMeasurement> measurements, const Calibration& calibration);

  bool empty() const { return digest_ == nullptr; }

  static constexpr int kMostMeasurements = 256;

  // `catalogue` (the answer of Predict to `query` on these machines) in the light of what was
  // measured. The same configuration on such machines: the newest measurement of it that is neither
  // old nor contradicted, with the spread of repeated runs.
  Speed Adjust(const Query& query, const std::vector<std::string>& machines,
               const Speed& catalogue) const;

  // What the others let expect of each measurement, in the order given.
  std::vector<Expectation> WithoutEach() const;

  // Measurements that are not taken at face value and why: "gpt-oss-20b mxfp4 llama.cpp decode: 41
  // tokens/s where the others let expect 62.1; it counts for less".
  const std::vector<std::string>& remarks() const;

 private:
  struct Digest;
  std::shared_ptr<const Digest> digest_;
};

}  // namespace capacity::throughput
