// A bill for tokens, read from what providers export.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "planner/base/diagnostics.h"
#include "planner/prices/date.h"

namespace capacity::usage {

// Larger files are refused.
inline constexpr std::size_t kMaxUsageBytes = std::size_t{64} << 20;

// Tokens of one model within one day; a file may have many such rows for a day.
struct UsageRow {
  prices::Date day;
  std::string model;              // as the provider names it
  std::int64_t input_tokens = 0;  // cached ones included
  std::int64_t cached_tokens = 0;
  std::int64_t output_tokens = 0;
  std::optional<std::int64_t> requests;
  std::optional<std::int64_t> cost_nano_usd;  // 1e-9 dollars
};

// CSV with a header, or JSON: a list of objects, {"data": [...]}, or the buckets of the OpenAI and
// Anthropic usage APIs. Columns are known by name, in any case, separated by commas, semicolons or
// tabs (docs/usage.md). Days after `latest` are mistakes. Nullopt after adding every problem, each
// with its line (CSV) or row number (JSON); `warnings` says what the bill lacks.
std::optional<std::vector<UsageRow>> ReadUsage(const std::string& file, std::string_view text,
                                               prices::Date latest, Diagnostics& problems,
                                               Diagnostics& warnings);

}  // namespace capacity::usage
