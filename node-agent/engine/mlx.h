// What mlx_lm prints: the tail of `mlx_lm.generate`, and `mlx_lm.benchmark`.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "node-agent/report.h"

namespace capacity::engine {

// Neither says which model it ran: model_name is left empty. A batch above 1 counts as streams.
// InvalidArgument names the line that makes no sense, or says that there is no result.
absl::StatusOr<agent::SpeedMeasurement> ParseMlx(std::string_view text);

}  // namespace capacity::engine
