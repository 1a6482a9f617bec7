// What mlx_lm prints: the tail of `mlx_lm.generate`, and `mlx_lm.benchmark`.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "node-agent/report.h"

namespace capacity::engine {

// One measurement for each run that is in it, in their order. None says which model it ran:
// model_name is left empty. A batch above 1 counts as streams. Numbers may have commas between
// thousands ("1,071 tokens"). InvalidArgument names the line that makes no sense, or says that
// there is no result.
absl::StatusOr<std::vector<agent::SpeedMeasurement>> ParseMlx(std::string_view text);

}  // namespace capacity::engine
