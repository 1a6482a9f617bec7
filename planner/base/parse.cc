#include "planner/base/parse.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace capacity {
namespace {

struct NumberAndUnit {
  double number = 0;
  std::string unit;
};

// Splits "1.5 GiB" into 1.5 and "GiB". False when the text does not start with a finite number.
bool Split(std::string_view text, NumberAndUnit& out) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())))
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())))
    text.remove_suffix(1);
  std::size_t end = 0;
  while (end < text.size() &&
         (std::isdigit(static_cast<unsigned char>(text[end])) || text[end] == '.' ||
          text[end] == '-' || text[end] == '+' || text[end] == '_')) {
    ++end;
  }
  std::string digits(text.substr(0, end));
  digits.erase(std::remove(digits.begin(), digits.end(), '_'), digits.end());
  if (!absl::SimpleAtod(digits, &out.number) || !std::isfinite(out.number)) return false;
  text.remove_prefix(end);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())))
    text.remove_prefix(1);
  out.unit = std::string(text);
  return true;
}

int EditDistance(std::string_view a, std::string_view b) {
  std::vector<int> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      int substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row[b.size()];
}

std::size_t CommonPrefix(std::string_view a, std::string_view b) {
  std::size_t n = 0;
  while (n < a.size() && n < b.size() && a[n] == b[n]) ++n;
  return n;
}

}  // namespace

absl::StatusOr<Bytes> ParseBytes(std::string_view text) {
  NumberAndUnit parsed;
  if (!Split(text, parsed)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", std::string(text), "\" is not a size; write for example \"128 GiB\" or \"128 GB\""));
  }
  static const std::pair<const char*, double> kUnits[] = {{"B", 1},
                                                          {"kB", 1e3},
                                                          {"KB", 1e3},
                                                          {"MB", 1e6},
                                                          {"GB", 1e9},
                                                          {"TB", 1e12},
                                                          {"KiB", 1024},
                                                          {"MiB", 1048576.0},
                                                          {"GiB", 1073741824.0},
                                                          {"TiB", 1099511627776.0}};
  if (parsed.unit.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("size \"", std::string(text), "\" has no unit; write \"", std::string(text),
                     " GiB\" (2^30) or \"", std::string(text), " GB\" (1e9)"));
  }
  for (const auto& [unit, factor] : kUnits) {
    if (parsed.unit != unit) continue;
    double bytes = parsed.number * factor;
    if (bytes < 0)
      return absl::InvalidArgumentError(
          absl::StrCat("size \"", std::string(text), "\" is negative"));
    if (bytes > 9e18)
      return absl::InvalidArgumentError(
          absl::StrCat("size \"", std::string(text), "\" is absurdly large"));
    return Bytes{std::llround(bytes)};
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown size unit \"", parsed.unit, "\"; use GiB, GB, MiB, MB, TiB or TB"));
}

absl::StatusOr<double> ParseCount(std::string_view text) {
  NumberAndUnit parsed;
  static const std::pair<const char*, double> kUnits[] = {
      {"", 1},    {"k", 1e3},        {"K", 1e3}, {"Ki", 1024},
      {"M", 1e6}, {"Mi", 1048576.0}, {"G", 1e9}, {"B", 1e9}};
  if (Split(text, parsed)) {
    for (const auto& [unit, factor] : kUnits) {
      if (parsed.unit == unit) return parsed.number * factor;
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", std::string(text), "\" is not a count; write for example 131072, 128k or 3M"));
}

std::vector<std::string> CloseMatches(std::string_view word,
                                      const std::vector<std::string>& candidates, int limit) {
  struct Scored {
    int distance;
    std::string text;
  };
  std::vector<Scored> near;
  for (const std::string& candidate : candidates) {
    int distance = EditDistance(word, candidate);
    int allowed = static_cast<int>(std::max<std::size_t>(2, word.size() / 3));
    bool shares_prefix =
        !word.empty() && CommonPrefix(word, candidate) * 2 >= std::max<std::size_t>(word.size(), 4);
    if (distance <= allowed || shares_prefix) near.push_back({distance, candidate});
  }
  std::sort(near.begin(), near.end(), [](const Scored& a, const Scored& b) {
    return a.distance != b.distance ? a.distance < b.distance : a.text < b.text;
  });
  std::vector<std::string> out;
  for (const Scored& scored : near) {
    // Beside a slip of one or two letters, distant relatives only distract.
    if (scored.distance > 2 * near.front().distance) break;
    if (static_cast<int>(out.size()) == limit) break;
    out.push_back(scored.text);
  }
  return out;
}

std::optional<double> CalendarYear(std::string_view text) {
  if (text.size() != 4 && text.size() != 7 && text.size() != 10) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 4 || i == 7;
    if (dash ? text[i] != '-' : text[i] < '0' || text[i] > '9') return std::nullopt;
  }
  const auto number = [&](std::size_t at, std::size_t size) {
    int value = 0;
    for (const char digit : text.substr(at, size)) value = 10 * value + (digit - '0');
    return value;
  };
  constexpr double kMonths = 12;
  constexpr double kDays = 365.25;
  const int years = number(0, 4);
  if (text.size() == 4) return years + 0.5;
  const int months = number(5, 2);
  const std::chrono::month month(static_cast<unsigned>(months));
  if (!month.ok()) return std::nullopt;
  if (text.size() == 7) return years + (months - 0.5) / kMonths;
  const int days = number(8, 2);
  if (!(std::chrono::year(years) / month / static_cast<unsigned>(days)).ok()) return std::nullopt;
  return years + (months - 1) / kMonths + (days - 0.5) / kDays;
}

bool IsCalendarDate(std::string_view text) { return CalendarYear(text).has_value(); }

std::string DidYouMean(std::string_view word, const std::vector<std::string>& candidates) {
  std::vector<std::string> close = CloseMatches(word, candidates);
  if (close.empty()) return "";
  for (std::string& c : close) c = absl::StrCat("\"", c, "\"");
  return absl::StrCat("did you mean ", absl::StrJoin(close, " or "), "?");
}

}  // namespace capacity
