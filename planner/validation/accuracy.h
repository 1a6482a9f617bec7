// The tables of docs/accuracy.md.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/catalog/catalog.h"
#include "planner/validation/measurements.h"

namespace capacity::validation {

// Markdown: leave-one-source-out scores by task, chip family, engine and strategy, beside the naive
// formulas (decode: 0.55 x bandwidth / bytes read; prefill: 0.5 x FLOP/s / 2 x parameters) on the
// same rows. FailedPrecondition when no row can be used.
absl::StatusOr<std::string> AccuracyTables(const catalog::Catalog& catalog,
                                           const std::vector<Measurement>& measurements);

}  // namespace capacity::validation
