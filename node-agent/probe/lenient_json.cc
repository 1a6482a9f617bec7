#include "node-agent/probe/lenient_json.h"

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

}  // namespace

json ParseJson(std::string_view text, bool& cut) {
  cut = false;
  const std::size_t start = text.find_first_of("{[");
  if (start == std::string_view::npos) return nullptr;
  text.remove_prefix(start);
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
