// llama.cpp's llama-bench: what it prints with `-o json` (one list), `-o jsonl` (a row a line) or
// `-o csv`, whatever was logged before it.
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
// devices that go by an address. Marked is what a processor computed beside an accelerator (few
// layers, experts, the cache), and repeats that are far apart. InvalidArgument names the row and
// the field; of JSONL that breaks off (a run that was ended) the rows before count.
absl::StatusOr<std::vector<agent::SpeedMeasurement>> ParseLlamaBench(std::string_view text);

// Whether the build had no accelerator to work with, here or over RPC. True only where it says so.
bool RanOnProcessorOnly(std::string_view text);

}  // namespace capacity::engine
