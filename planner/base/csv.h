// Comma-separated values as in RFC 4180: quoted fields, doubled quotes, newlines inside quotes;
// CRLF or LF; a byte-order mark is skipped.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "planner/base/diagnostics.h"

namespace capacity {

struct CsvField {
  std::string text;
  int line = 0;    // where the field starts; lines count from 1
  int column = 0;  // in bytes, from 1
};
using CsvRow = std::vector<CsvField>;

struct CsvTable {
  std::vector<std::string> header;
  std::vector<CsvRow> rows;  // each as long as the header
};

// Larger files are refused: no table that anybody imports is that large.
inline constexpr std::size_t kMaxCsvBytes = std::size_t{64} << 20;

// Reads a whole file; fields end at `separator`. Empty lines are skipped. Problems (too large,
// binary, empty, an unclosed quote, text after a closing quote, rows of the wrong length, repeated
// column names) are appended to `problems`, all of them; the table is absent when there was any.
std::optional<CsvTable> ReadCsv(const std::string& file, std::string_view text,
                                Diagnostics& problems, char separator = ',');

// `text` as one field: quoted when it has to be.
std::string CsvQuote(std::string_view text);

}  // namespace capacity
