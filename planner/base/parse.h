// Reading quantities that a person wrote, with their units, and guessing what a misspelling meant.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/base/units.h"

namespace capacity {

// "128 GiB" (2^30), "128GB" (1e9), also KiB/MiB/TiB and kB/MB/TB, spaces optional. A number without
// a unit is InvalidArgument: GB and GiB differ by 7 % and are never guessed.
absl::StatusOr<Bytes> ParseBytes(std::string_view text);

// A count of tokens: "131072", "128k" (x 1000), "128Ki" (x 1024), "3M", "1.5B". InvalidArgument
// otherwise.
absl::StatusOr<double> ParseCount(std::string_view text);

// Candidates closest to `word` by edit distance, best first, at most `limit`; only near ones
// (distance at most a third of the length, or sharing a prefix of half of it), none more than twice
// as far away as the best.
std::vector<std::string> CloseMatches(std::string_view word,
                                      const std::vector<std::string>& candidates, int limit = 3);

// Whether `text` is a year, a month or a day of the calendar: "2026", "2026-11", "2026-11-20".
bool IsCalendarDate(std::string_view text);

// Such a date as a number of years, the middle of what it names: 2026.5 for "2026". Nullopt for
// anything else.
std::optional<double> CalendarYear(std::string_view text);

// "did you mean \"a\" or \"b\"?", or "" when nothing is close.
std::string DidYouMean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace capacity
