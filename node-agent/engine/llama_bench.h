// llama.cpp's llama-bench: what it prints with `-o json` (one list) or `-o jsonl` (a row a line).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "node-agent/report.h"

namespace capacity::engine {

// One measurement for each prompt test and generation test that ran under equal settings at equal
// depth (the first of each together, the second, ...); what has no partner stands alone, and a test
// that mixes both (`-pg`) is marked. Median, lowest and highest over `samples_ts`; where those are
// missing, the mean and one standard deviation about it. Machines that took part over RPC are the
// devices that go by an address. InvalidArgument names the row and the field; of JSONL that breaks
// off (a run that was ended) the rows before count.
absl::StatusOr<std::vector<agent::SpeedMeasurement>> ParseLlamaBench(std::string_view text);

}  // namespace capacity::engine
