// Calendar days, as prices are dated.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace capacity::prices {

using Date = std::chrono::sys_days;

// "2026-11-22". A time behind it ("2026-07-24T18:23:43Z") is ignored. Nullopt for anything else,
// days that do not exist and years outside 2000 to 2199 included.
std::optional<Date> ParseDate(std::string_view text);

// As the catalogue dates facts: "2026-07" is the first of July.
std::optional<Date> ParseMonthOrDate(std::string_view text);

std::string ToString(Date date);  // "2026-11-22"

// Years of 365.25 days.
double YearsBetween(Date from, Date to);

}  // namespace capacity::prices
