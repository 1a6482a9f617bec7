// Predict every measured row and say how wrong the predictions are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/base/estimate.h"
#include "planner/catalog/catalog.h"
#include "planner/throughput/calibration.h"
#include "planner/throughput/cluster.h"
#include "planner/validation/measurements.h"
#include "planner/validation/scores.h"

namespace capacity::validation {

// One row of the file and what the model says about it.
struct ValidatedRow {
  Measurement measurement;
  std::optional<Estimate> decode;   // tokens/s; absent when skipped
  std::optional<Estimate> prefill;  // tokens/s; absent when skipped or a fact is missing
  std::vector<std::string> assumed;
  std::string skipped;          // why nothing could be predicted; empty when something could
  std::string prefill_skipped;  // why prefill alone could not

  // What the row counts as in the summary.
  std::string task;  // "single", "batch", "tensor", "pipeline", "replicas"
  bool old_build = false;
  double bytes_read = 0;  // weights per token, one stream
};

// The rows of one group under one metric.
struct GroupScore {
  std::string group;   // "all", "engine: mlx", "chip: gb10", ...
  std::string metric;  // decode | prefill
  Score score;
};

struct ValidationReport {
  std::vector<ValidatedRow> rows;  // in file order, every one of them
  std::vector<GroupScore> summary;
  int skipped = 0;
};

// Tokens/s as a measurement sees them: the decode rate, or, where `wall_clock_tokens` were timed as
// a whole request, those over the time of the request (docs/model.md equation 4.21).
double MeasuredSpeed(const throughput::Step& step, std::optional<double> wall_clock_tokens,
                     const throughput::Coefficients& coefficients);

// Deterministic. Never drops a row: what cannot be predicted says why.
ValidationReport Validate(const catalog::Catalog& catalog,
                          const throughput::Calibration& calibration,
                          const std::vector<Measurement>& measurements);

// The summary of rows that are predicted already: by task, chip family, chip, engine, quantization,
// strategy, batch, lab, and the groups that the project's accuracy goals name.
std::vector<GroupScore> Summarize(const std::vector<ValidatedRow>& rows);

}  // namespace capacity::validation
