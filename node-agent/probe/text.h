// Reading what command-line tools print: lines, words, numbers. Nothing here fails on any bytes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace capacity::probe {

// Lines without their ends (\n or \r\n).
std::vector<std::string_view> Lines(std::string_view text);
std::vector<std::string_view> Words(std::string_view text);
std::vector<std::string_view> Split(std::string_view text, char separator);
std::string_view Trim(std::string_view text);
std::string Lower(std::string_view text);
bool Contains(std::string_view text, std::string_view part);
// Ignoring the case of ASCII letters.
bool ContainsWord(std::string_view text, std::string_view part);
bool StartsWith(std::string_view text, std::string_view prefix);

// What stands before and after the first `separator`, trimmed; nullopt when it is not there.
struct Pair {
  std::string_view key;
  std::string_view value;
};
std::optional<Pair> SplitPair(std::string_view line, char separator);

// A whole number that fills `text` up to spaces; nullopt when it is none or too large.
std::optional<std::uint64_t> ParseWhole(std::string_view text);
// A finite decimal number at the start of `text`; what follows is not looked at.
std::optional<double> ParseLeadingNumber(std::string_view text);

// Printable ASCII and well-formed UTF-8 without invisible characters (those that turn the direction
// of writing among them), at most `longest` bytes: what may stand in a report.
std::string Clean(std::string_view text, std::size_t longest = 128);

// "64 GB", "24576 MiB", "8,192 MB": memory sizes as system tools print them, where GB and MB mean
// 2^30 and 2^20 bytes. Nullopt without a number or a unit.
std::optional<std::uint64_t> ParseMemorySize(std::string_view text);

// "80 Gb/s", "Up to 120 Gb/s", "200000Mb/s", "200 Gb/sec (4X HDR)": the first number with a G, M or
// K right after it, as bits a second.
struct Speed {
  double bits_per_second = 0;
  bool leads = false;  // the number stands first: "Up to 40 Gb/s" is a possibility, not a speed
};
std::optional<Speed> ParseSpeed(std::string_view text);

// All "key: value" or "key = value" lines; of repeated keys the last counts.
using Fields = std::map<std::string, std::string, std::less<>>;
Fields ParseFields(std::string_view text, char separator);
// The value of `key`, "" when it is not there.
std::string Field(const Fields& fields, std::string_view key);

// The first that is not empty.
std::string Prefer(std::string first, std::string second);

// "a", "a and b", "a, b and c".
std::string Listed(const std::vector<std::string>& words);

}  // namespace capacity::probe
