#include "planner/base/csv.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace capacity {
namespace {

constexpr int kMaxReportedRows = 50;  // of one kind of problem; the rest is counted

class Scanner {
 public:
  Scanner(const std::string& file, std::string_view text, char separator, Diagnostics& problems)
      : file_(file), text_(text), separator_(separator), problems_(problems) {}

  bool AtEnd() const { return at_ >= text_.size(); }

  // One record; false when a quote was never closed.
  bool ReadRow(CsvRow& row) {
    row.clear();
    while (true) {
      CsvField field{.line = line_, .column = column_};
      if (!ReadField(field)) return false;
      row.push_back(std::move(field));
      if (AtEnd()) return true;
      const char c = Next();
      if (c == separator_) continue;
      if (c == '\r' && !AtEnd() && text_[at_] == '\n') Next();
      return true;  // '\n', "\r\n" or a lone '\r'
    }
  }

 private:
  char Next() {
    const char c = text_[at_++];
    if (c == '\n' || (c == '\r' && (AtEnd() || text_[at_] != '\n'))) {
      ++line_;
      column_ = 1;
    } else {
      ++column_;
    }
    return c;
  }

  bool AtSeparator() const {
    return AtEnd() || text_[at_] == separator_ || text_[at_] == '\n' || text_[at_] == '\r';
  }

  bool ReadField(CsvField& field) {
    if (AtEnd() || text_[at_] != '"') {
      while (!AtSeparator()) field.text.push_back(Next());
      return true;
    }
    Next();
    while (true) {
      if (AtEnd()) {
        problems_.push_back({file_, field.line, field.column, "a quote is opened and never closed",
                             "close it, or double it to mean a quote"});
        return false;
      }
      const char c = Next();
      if (c != '"') {
        field.text.push_back(c);
      } else if (!AtEnd() && text_[at_] == '"') {
        field.text.push_back(Next());
      } else {
        break;
      }
    }
    if (!AtSeparator()) {
      problems_.push_back({file_, line_, column_, "text after a closing quote",
                           "double a quote inside a quoted field"});
      while (!AtSeparator()) Next();
    }
    return true;
  }

  const std::string& file_;
  std::string_view text_;
  char separator_;
  Diagnostics& problems_;
  std::size_t at_ = 0;
  int line_ = 1;
  int column_ = 1;
};

bool IsBlank(const CsvRow& row) { return row.size() == 1 && row[0].text.empty(); }

void CheckHeader(const std::string& file, const CsvRow& header, Diagnostics& problems) {
  std::set<std::string> seen;
  for (const CsvField& field : header) {
    if (!seen.insert(field.text).second) {
      problems.push_back({file, field.line, field.column,
                          absl::StrCat("column \"", field.text, "\" appears twice"), ""});
    }
  }
}

}  // namespace

std::optional<CsvTable> ReadCsv(const std::string& file, std::string_view text,
                                Diagnostics& problems, char separator) {
  const std::size_t before = problems.size();
  if (text.size() > kMaxCsvBytes) {
    problems.push_back({file, 0, 0,
                        absl::StrCat("file of ", text.size() >> 20, " MiB is too large"),
                        absl::StrCat("at most ", kMaxCsvBytes >> 20, " MiB")});
    return std::nullopt;
  }
  if (text.find('\0') != std::string_view::npos) {
    problems.push_back({file, 0, 0, "not a text file", "expected comma-separated values"});
    return std::nullopt;
  }
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  Scanner scanner(file, text, separator, problems);
  CsvTable table;
  CsvRow row;
  int ragged = 0;
  while (!scanner.AtEnd()) {
    if (!scanner.ReadRow(row)) break;
    if (IsBlank(row)) continue;
    if (table.header.empty()) {
      CheckHeader(file, row, problems);
      for (CsvField& field : row) table.header.push_back(std::move(field.text));
      continue;
    }
    if (row.size() != table.header.size()) {
      if (++ragged <= kMaxReportedRows) {
        problems.push_back(
            {file, row[0].line, 1,
             absl::StrCat("row has ", row.size(), " fields, the header ", table.header.size()),
             "quote fields that contain commas"});
      }
      continue;
    }
    table.rows.push_back(std::move(row));
  }
  if (ragged > kMaxReportedRows) {
    problems.push_back({file, 0, 0,
                        absl::StrCat(ragged - kMaxReportedRows, " more rows of the wrong length"),
                        ""});
  }
  if (table.header.empty()) {
    problems.push_back({file, 0, 0, "empty file", "expected a header line and rows"});
  }
  if (problems.size() != before) return std::nullopt;
  return table;
}

std::string CsvQuote(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (char c : text) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  out.push_back('"');
  return out;
}

}  // namespace capacity
