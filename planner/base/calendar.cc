#include "planner/base/calendar.h"

#include <ctime>

namespace capacity {

std::string CalendarDay(std::int64_t unix_ms) {
  constexpr std::int64_t kSecondMs = 1000;
  const std::time_t seconds = static_cast<std::time_t>(unix_ms / kSecondMs);
  char text[32] = "";
  std::tm utc{};
  std::strftime(text, sizeof text, "%Y-%m-%d", gmtime_r(&seconds, &utc));
  return text;
}

}  // namespace capacity
