#include "planner/report/table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace capacity::report {
namespace {

constexpr std::string_view kGap = "  ";

std::string Wrapped(const Style& style, std::string_view code, std::string_view text) {
  if (!style.color) return std::string(text);
  return absl::StrCat("\033[", std::string(code), "m", std::string(text), "\033[0m");
}

// The first `columns` code points of `text`.
std::string_view Prefix(std::string_view text, int columns) {
  std::size_t i = 0;
  while (i < text.size()) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) {
      if (columns == 0) break;
      --columns;
    }
    ++i;
  }
  return text.substr(0, i);
}

std::string Fitted(const std::string& text, int width, Align align) {
  const int actual = DisplayWidth(text);
  if (actual > width) return absl::StrCat(std::string(Prefix(text, width - 1)), "…");
  const std::string padding(static_cast<std::size_t>(width - actual), ' ');
  return align == Align::kRight ? padding + text : text + padding;
}

std::string WithoutTrailingSpace(std::string line) {
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

std::string WithThousands(std::int64_t value) {
  std::string digits = std::to_string(std::llabs(value));
  for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3) {
    digits.insert(static_cast<std::size_t>(i), ",");
  }
  return value < 0 ? "-" + digits : digits;
}

}  // namespace

std::string Style::Bold(std::string_view text) const { return Wrapped(*this, "1", text); }
std::string Style::Dim(std::string_view text) const { return Wrapped(*this, "2", text); }
std::string Style::Good(std::string_view text) const { return Wrapped(*this, "32", text); }
std::string Style::Caution(std::string_view text) const { return Wrapped(*this, "33", text); }

int DisplayWidth(std::string_view text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string Table::Render(const Style& style) const {
  std::vector<int> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    int width = DisplayWidth(columns_[c].title);
    for (const auto& row : rows_) {
      if (c < row.size()) width = std::max(width, DisplayWidth(row[c]));
    }
    widths.push_back(width);
  }
  auto total = [&] {
    int sum = static_cast<int>(kGap.size()) * (static_cast<int>(columns_.size()) - 1);
    for (int width : widths) sum += width;
    return sum;
  };
  while (total() > style.width) {
    int widest = -1;  // the one with the most to give
    int spare = 0;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (!columns_[c].shrinks || widths[c] - columns_[c].least <= spare) continue;
      spare = widths[c] - columns_[c].least;
      widest = static_cast<int>(c);
    }
    if (widest < 0) break;
    --widths[static_cast<std::size_t>(widest)];
  }
  std::string out;
  std::string titles;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    if (c > 0) titles += kGap;
    titles += Fitted(columns_[c].title, widths[c], columns_[c].align);
  }
  absl::StrAppend(&out, style.Bold(WithoutTrailingSpace(titles)), "\n");
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (c > 0) line += kGap;
      line += Fitted(c < row.size() ? row[c] : "", widths[c], columns_[c].align);
    }
    absl::StrAppend(&out, WithoutTrailingSpace(line), "\n");
  }
  return out;
}

std::string Wrap(std::string_view text, int width, int indent) {
  std::string out;
  int column = 0;
  const std::vector<std::string> words = absl::StrSplit(std::string(text), ' ');
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string word = words[i];
    // "79 %" is not torn apart.
    if (i + 1 < words.size() && absl::StartsWith(words[i + 1], "%")) {
      absl::StrAppend(&word, " ", words[++i]);
    }
    const int length = DisplayWidth(word);
    if (column > 0 && column + 1 + length > width) {
      absl::StrAppend(&out, "\n", std::string(static_cast<std::size_t>(indent), ' '));
      column = indent;
    } else if (!out.empty()) {
      out += ' ';
      ++column;
    }
    out += word;
    column += length;
  }
  return out;
}

std::string FormatUsd(double dollars) {
  if (!std::isfinite(dollars)) return "-";
  if (std::fabs(dollars) < 100 && std::fabs(dollars - std::round(dollars)) > 0.004) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%s$%.2f", dollars < 0 ? "-" : "", std::fabs(dollars));
    return buffer;
  }
  const std::int64_t whole = std::llround(dollars);
  return absl::StrCat(whole < 0 ? "-$" : "$", WithThousands(std::llabs(whole)));
}

std::string FormatNumber(double value) {
  const double magnitude = std::fabs(value);
  if (magnitude >= 1000) return WithThousands(std::llround(value));
  char buffer[32];
  const int decimals = magnitude >= 99.95 ? 0 : magnitude >= 9.995 ? 1 : magnitude >= 1 ? 2 : 3;
  std::snprintf(buffer, sizeof buffer, "%.*f", decimals, value);
  return buffer;
}

std::string FormatShort(double value) {
  std::string text = FormatNumber(value);
  if (text.find('.') == std::string::npos) return text;
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string FormatPercent(double share) {
  return absl::StrCat(FormatShort(std::round(share * 1000) / 10), " %");
}

std::string FormatInterval(double low, double mid, double high) {
  return absl::StrCat(FormatNumber(mid), " (", FormatNumber(low), "–", FormatNumber(high), ")");
}

std::string FormatMonths(double months) {
  if (!std::isfinite(months)) return "never";
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, months < 99.95 ? "%.1f" : "%.0f", months);
  return buffer;
}

}  // namespace capacity::report
