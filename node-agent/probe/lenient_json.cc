#include "node-agent/probe/lenient_json.h"

#include <algorithm>
#include <vector>

#include "nlohmann/json.hpp"

namespace capacity::probe {
namespace {

using nlohmann::json;

constexpr std::size_t kDeepest = 64;

json Parse(const std::string& text) {
  return json::parse(text, nullptr, /*allow_exceptions=*/false, /*ignore_comments=*/true);
}

// Where the value that starts at 0 ends, and how to close it when it does not.
struct Extent {
  std::size_t end = 0;         // after the closing bracket; 0: not closed
  std::size_t last_comma = 0;  // 0: none
  std::string closers;         // for what was open at the last comma
  bool too_deep = false;
};

Extent Measure(std::string_view text) {
  Extent extent;
  std::string open;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
      continue;
    }
    if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      open += c == '{' ? '}' : ']';
      if (open.size() > kDeepest) {
        extent.too_deep = true;
        return extent;
      }
    } else if (c == '}' || c == ']') {
      if (open.empty() || open.back() != c) return extent;
      open.pop_back();
      if (open.empty()) {
        extent.end = i + 1;
        return extent;
      }
    } else if (c == ',') {
      extent.last_comma = i;
      extent.closers.assign(open.rbegin(), open.rend());
    }
  }
  return extent;
}

std::string AsciiOnly(std::string text) {
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || (byte < 0x20 && c != '\n' && c != '\t' && c != '\r')) c = '?';
  }
  return text;
}

// The value at the start of `text`, or null. `cut`: its end is missing.
json ParseAt(std::string_view text, bool& cut) {
  const Extent extent = Measure(text);
  if (extent.too_deep) return nullptr;
  std::string whole;
  if (extent.end > 0) {
    whole = std::string(text.substr(0, extent.end));
  } else if (extent.last_comma > 0) {
    cut = true;
    whole = std::string(text.substr(0, extent.last_comma)) + extent.closers;
  } else {
    return nullptr;
  }
  json value = Parse(whole);
  if (value.is_discarded()) value = Parse(AsciiOnly(whole));
  if (value.is_discarded()) return nullptr;
  return value;
}

// Where a document may start: at the first bracket, after a prompt; else at the start of a line,
// after lines of the log such as "2026-04-28 08:52:35 system_profiler[29046:41174793] hw: 0x1".
std::vector<std::size_t> Starts(std::string_view text) {
  constexpr std::size_t kMostStarts = 16;
  std::vector<std::size_t> starts;
  const std::size_t first = text.find_first_of("{[");
  if (first == std::string_view::npos) return starts;
  starts.push_back(first);
  for (std::size_t line = text.find('\n', first);
       line != std::string_view::npos && starts.size() < kMostStarts;
       line = text.find('\n', line + 1)) {
    const std::size_t at = text.find_first_not_of(" \t\r", line + 1);
    if (at != std::string_view::npos && (text[at] == '{' || text[at] == '[')) starts.push_back(at);
  }
  return starts;
}

// What a tool prints as JSON is an object or a list of such. "[29046]" in a line of the log is not.
bool IsDocument(const json& value) {
  if (value.is_object()) return true;
  return value.is_array() && std::all_of(value.begin(), value.end(),
                                         [](const json& entry) { return entry.is_object(); });
}

}  // namespace

json ParseJson(std::string_view text, bool& cut) {
  for (std::size_t start : Starts(text)) {
    cut = false;
    json value = ParseAt(text.substr(start), cut);
    if (IsDocument(value)) return value;
  }
  cut = false;
  return nullptr;
}

const json& At(const json& object, std::string_view key) {
  static const json* const kNull = new json(nullptr);
  if (!object.is_object()) return *kNull;
  const auto found = object.find(std::string(key));
  return found == object.end() ? *kNull : *found;
}

std::string TextAt(const json& object, std::string_view key) {
  const json& value = At(object, key);
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number()) return value.dump();
  return "";
}

}  // namespace capacity::probe
