// The result file of `vllm bench serve --save-result`.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "node-agent/report.h"

namespace capacity::engine {

// With one request at a time: prefill from the median time to the first token, decode from the
// median time per token after it. With more, the server mixes prompts and answers in its batches;
// the aggregate is kept and marked.
absl::StatusOr<agent::SpeedMeasurement> ParseVllmBench(std::string_view text);

}  // namespace capacity::engine
