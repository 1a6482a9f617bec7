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
  double age_years = 0;  // older than the newest of its fleet
  std::string name;      // how remarks call it
};

// The measurements of one fleet, digested once.
//
// A prediction errs by the machine, by the engine on that machine (alike for speeds of the same
// order), by the model, and by the run; a cluster errs by the cost of its link as well. What is
// measured tells the sum, and so moves every estimate that shares a part of it, by less the less
// they share. Clusters share with their machines, and by their link with each other. Decode and
// prefill are judged apart. An upward shift is never larger than the largest that was measured.
//
// Measurements count for less the older they are (10 % of scatter a year, assumed), and when the
// others contradict them; remarks() names these. Those whose query cannot be predicted are passed
// over. Copies share what is digested.
class Evidence {
 public:
  Evidence() = default;  // nothing was measured
  Evidence(std::vector<SpeedMeasurement> measurements, const Calibration& calibration);

  bool empty() const { return digest_ == nullptr; }

  // `catalogue` (the answer of Predict to `query` on these machines) in the light of what was
  // measured. The same configuration on such machines: the newest measurement of it, with the
  // spread of repeated runs.
  Speed Adjust(const Query& query, const std::vector<std::string>& machines,
               const Speed& catalogue) const;

  // Measurements that are not taken at face value and why, in the order given: "gpt-oss-20b mxfp4
  // llama.cpp decode: 41 tokens/s where the others let expect 62.1; it counts for less".
  const std::vector<std::string>& remarks() const;

 private:
  struct Digest;
  std::shared_ptr<const Digest> digest_;
};

}  // namespace capacity::throughput
