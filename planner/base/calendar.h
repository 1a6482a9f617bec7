// Days of the calendar.
#pragma once

#include <cstdint>
#include <string>

namespace capacity {

// The day of a moment, UTC: "2026-11-22". Milliseconds since 1970-01-01 UTC.
std::string CalendarDay(std::int64_t unix_ms);

}  // namespace capacity
