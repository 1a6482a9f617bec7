#include "planner/prices/date.h"

#include <cctype>
#include <cstdio>

namespace capacity::prices {
namespace {

constexpr int kFirstYear = 2000;
constexpr int kLastYear = 2199;
constexpr double kDaysPerYear = 365.25;

// The number that `digits` characters of `text` spell from `at`; nullopt when they are no digits.
std::optional<int> Digits(std::string_view text, std::size_t at, std::size_t digits) {
  if (at + digits > text.size()) return std::nullopt;
  int number = 0;
  for (char c : text.substr(at, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  return number;
}

}  // namespace

std::optional<Date> ParseDate(std::string_view text) {
  constexpr std::size_t kLength = 10;
  const std::optional<int> year = Digits(text, 0, 4);
  const std::optional<int> month = Digits(text, 5, 2);
  const std::optional<int> day = Digits(text, 8, 2);
  if (!year || !month || !day || text[4] != '-' || text[7] != '-') return std::nullopt;
  if (text.size() > kLength && text[kLength] != 'T' && text[kLength] != ' ') return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *year < kFirstYear || *year > kLastYear) return std::nullopt;
  return Date(date);
}

std::optional<Date> ParseMonthOrDate(std::string_view text) {
  constexpr std::size_t kMonthLength = 7;
  if (text.size() == kMonthLength) return ParseDate(std::string(text) + "-01");
  return ParseDate(text);
}

std::string ToString(Date date) {
  const std::chrono::year_month_day ymd(date);
  char text[16];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(ymd.year()),
                static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()));
  return text;
}

double YearsBetween(Date from, Date to) {
  return static_cast<double>((to - from).count()) / kDaysPerYear;
}

}  // namespace capacity::prices
