#include "node-agent/probe/text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

namespace capacity::probe {
namespace {

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Length of the well-formed UTF-8 sequence at the start of `text`; 0 when there is none.
std::size_t Utf8Length(std::string_view text) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if (first == 0xE0 && byte(1) < 0xA0) return 0;
  if (first == 0xED && byte(1) > 0x9F) return 0;
  if (first == 0xF0 && byte(1) < 0x90) return 0;
  if (first == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

// The character that a well-formed UTF-8 sequence stands for.
std::uint32_t CodePoint(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  const std::size_t length = sequence.size();
  std::uint32_t value = length == 1 ? first : first & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    value = value << 6 | (static_cast<unsigned char>(sequence[i]) & 0x3Fu);
  }
  return value;
}

// Characters without a shape of their own, by which a text could rearrange or hide what stands
// beside it on a terminal (Unicode 16.0: general categories Cc above ASCII, Cf, Zl and Zp).
bool IsInvisible(std::uint32_t character) {
  struct Range {
    std::uint32_t first, last;
  };
  constexpr std::array<Range, 12> kInvisible = {{{0x80, 0x9F},
                                                 {0xAD, 0xAD},
                                                 {0x600, 0x605},
                                                 {0x61C, 0x61C},
                                                 {0x6DD, 0x6DD},
                                                 {0x180E, 0x180E},
                                                 {0x200B, 0x200F},
                                                 {0x2028, 0x202E},
                                                 {0x2060, 0x206F},
                                                 {0xFEFF, 0xFEFF},
                                                 {0xFFF9, 0xFFFB},
                                                 {0xE0001, 0xE007F}}};
  return std::any_of(kInvisible.begin(), kInvisible.end(), [character](const Range& range) {
    return character >= range.first && character <= range.last;
  });
}

}  // namespace

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    lines.push_back(line);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t at = 0;
  while (at < text.size()) {
    while (at < text.size() && IsSpace(text[at])) ++at;
    const std::size_t start = at;
    while (at < text.size() && !IsSpace(text[at])) ++at;
    if (at > start) words.push_back(text.substr(start, at - start));
  }
  return words;
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t at = text.find(separator);
    parts.push_back(Trim(text.substr(0, at)));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool ContainsWord(std::string_view text, std::string_view part) {
  return Contains(Lower(text), Lower(part));
}

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

std::optional<Pair> SplitPair(std::string_view line, char separator) {
  const std::size_t at = line.find(separator);
  if (at == std::string_view::npos) return std::nullopt;
  return Pair{Trim(line.substr(0, at)), Trim(line.substr(at + 1))};
}

std::optional<std::uint64_t> ParseWhole(std::string_view text) {
  text = Trim(text);
  if (text.empty() || text.size() > 19) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!IsDigit(c)) return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

std::optional<double> ParseLeadingNumber(std::string_view text) {
  text = Trim(text);
  std::size_t at = 0;
  double value = 0;
  int digits = 0;
  constexpr int kMostDigits = 17;
  while (at < text.size() && IsDigit(text[at])) {
    value = value * 10 + (text[at++] - '0');
    if (++digits > kMostDigits) return std::nullopt;
  }
  if (digits == 0) return std::nullopt;
  if (at + 1 < text.size() && text[at] == '.' && IsDigit(text[at + 1])) {
    double unit = 0.1;
    for (++at; at < text.size() && IsDigit(text[at]); ++at, unit /= 10) {
      value += unit * (text[at] - '0');
    }
  }
  return value;
}

std::string Clean(std::string_view text, std::size_t longest) {
  text = Trim(text);
  std::string clean;
  while (!text.empty()) {
    const std::size_t length = Utf8Length(text);
    if (clean.size() + std::max<std::size_t>(length, 1) > longest) break;
    if (length == 0) {
      clean += '?';
    } else if (length == 1) {
      const auto c = static_cast<unsigned char>(text[0]);
      clean += c < 0x20 || c == 0x7F ? ' ' : text[0];
    } else if (!IsInvisible(CodePoint(text.substr(0, length)))) {
      clean += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return std::string(Trim(clean));
}

std::optional<std::uint64_t> ParseMemorySize(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    if (c != ',') plain += c;
  }
  const std::string_view trimmed = Trim(plain);
  const std::optional<double> number = ParseLeadingNumber(trimmed);
  if (!number) return std::nullopt;
  const std::size_t unit = trimmed.find_first_not_of("0123456789. ");
  if (unit == std::string_view::npos) return std::nullopt;
  double scale = 0;
  switch (std::tolower(static_cast<unsigned char>(trimmed[unit]))) {
    case 'k':
      scale = 1024.0;
      break;
    case 'm':
      scale = 1048576.0;
      break;
    case 'g':
      scale = 1073741824.0;
      break;
    case 't':
      scale = 1099511627776.0;
      break;
    default:
      return std::nullopt;
  }
  const double bytes = *number * scale;
  if (bytes > 1e18) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround(bytes));
}

std::optional<Speed> ParseSpeed(std::string_view text) {
  text = Trim(text);
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!IsDigit(text[at])) continue;
    const std::optional<double> number = ParseLeadingNumber(text.substr(at));
    std::size_t after = text.find_first_not_of("0123456789.", at);
    if (!number || after == std::string_view::npos) return std::nullopt;
    after = text.find_first_not_of(" ", after);
    if (after == std::string_view::npos) return std::nullopt;
    double scale = 0;
    switch (std::tolower(static_cast<unsigned char>(text[after]))) {
      case 'k':
        scale = 1e3;
        break;
      case 'm':
        scale = 1e6;
        break;
      case 'g':
        scale = 1e9;
        break;
      default:
        break;
    }
    const double speed = *number * scale;
    constexpr double kFastest = 1e14;  // bits/s; nothing is within a factor of 100
    if (speed <= 0 || speed > kFastest) return std::nullopt;
    return Speed{speed, at == 0};
  }
  return std::nullopt;
}

Fields ParseFields(std::string_view text, char separator) {
  Fields fields;
  for (const std::string_view line : Lines(text)) {
    const auto pair = SplitPair(line, separator);
    if (!pair || pair->key.empty()) continue;
    fields[std::string(pair->key)] = std::string(pair->value);
  }
  return fields;
}

std::string Field(const Fields& fields, std::string_view key) {
  const auto found = fields.find(key);
  return found == fields.end() ? "" : found->second;
}

std::string Prefer(std::string first, std::string second) {
  return first.empty() ? std::move(second) : std::move(first);
}

std::string Listed(const std::vector<std::string>& words) {
  std::string list;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) list += i + 1 == words.size() ? " and " : ", ";
    list += words[i];
  }
  return list;
}

}  // namespace capacity::probe
