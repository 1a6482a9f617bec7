// Plain-text tables that fit a terminal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace capacity::report {

// Whether to use terminal attributes. Off when output is not a terminal or NO_COLOR is set.
struct Style {
  bool color = false;
  int width = 100;  // columns

  std::string Bold(std::string_view text) const;
  std::string Dim(std::string_view text) const;
  std::string Good(std::string_view text) const;     // green
  std::string Caution(std::string_view text) const;  // yellow
};

enum class Align { kLeft, kRight };

struct Column {
  std::string title;
  Align align = Align::kLeft;
  bool shrinks = false;  // its cells are shortened with "…" when the table is too wide
  int least = 8;         // and not below this width
};

// Rows of cells under titles, two spaces between columns. Widths count code points, so that "…" and
// "–" take one column. Shrinking columns give way until the table fits `style.width`.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void Add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  std::string Render(const Style& style) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Display columns of UTF-8 text (code points; no wide characters are used here).
int DisplayWidth(std::string_view text);

// `text` broken at spaces into lines of at most `width` columns, later lines indented by `indent`.
std::string Wrap(std::string_view text, int width, int indent);

// 1234567.8 -> "1,234,568"; cents only below 100: "$38.50".
std::string FormatUsd(double dollars);
// Three significant digits: 0.912, 9.12, 91.2, 912.
std::string FormatNumber(double value);
// The same without trailing zeros: 6, 0.15, 4.91.
std::string FormatShort(double value);
// 0.25 -> "25 %", 0.0491 -> "4.9 %".
std::string FormatPercent(double share);
// "84 (72–98)".
std::string FormatInterval(double low, double mid, double high);
// "7.4 mo", "never" for infinity.
std::string FormatMonths(double months);

}  // namespace capacity::report
