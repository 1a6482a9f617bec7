#include "planner/prices/json_text.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace capacity::prices {
namespace {

using nlohmann::json;

// "line 3, column 14" of the byte at `offset`.
std::string LineAndColumn(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t start = before.rfind('\n');
  const std::size_t column = start == std::string_view::npos ? offset : offset - start - 1;
  return absl::StrCat("line ", line, ", column ", std::max<std::size_t>(column, 1));
}

// What a file is that is no JSON at all, and what to do about it; "" when it may be JSON with a
// mistake in it.
std::string_view OtherForm(std::string_view text) {
  const auto starts = [&](std::string_view magic) { return text.substr(0, magic.size()) == magic; };
  if (starts("\x1f\x8b")) return "compressed with gzip, not JSON; unpack it first, with gunzip";
  if (starts("PK\x03\x04")) return "a zip archive, not JSON; unpack it first";
  if (starts("\xff\xfe") || starts("\xfe\xff")) {
    return "UTF-16, where JSON is UTF-8; convert it, with iconv -f UTF-16 -t UTF-8";
  }
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return "empty, not JSON; the download may have failed";
  if (text[first] == '<') {
    return "a web page (HTML or XML), not JSON; save the JSON document itself, on GitHub the raw "
           "file";
  }
  return "";
}

// Builds the tree from the parser's events; stops the parser at a limit.
class Builder : public nlohmann::json_sax<json> {
 public:
  Builder(std::string_view text, const JsonLimits& limits) : text_(text), limits_(limits) {}

  bool null() override { return Add(JsonValue::Kind::kNull, ""); }
  bool boolean(bool value) override {
    return Add(JsonValue::Kind::kBoolean, value ? "true" : "false");
  }
  bool number_integer(number_integer_t value) override {
    return Add(JsonValue::Kind::kNumber, absl::StrCat(value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return Add(JsonValue::Kind::kNumber, absl::StrCat(value));
  }
  bool number_float(number_float_t, const string_t& written) override {
    return Add(JsonValue::Kind::kNumber, written);
  }
  bool string(string_t& value) override { return Add(JsonValue::Kind::kString, std::move(value)); }
  bool binary(binary_t&) override { return false; }  // not in JSON text
  bool start_object(std::size_t) override { return Open(JsonValue::Kind::kObject); }
  bool start_array(std::size_t) override { return Open(JsonValue::Kind::kArray); }
  bool key(string_t& name) override {
    open_.back()->members.push_back({std::move(name), {}});
    return true;
  }
  bool end_object() override {
    FindDuplicates(*open_.back());
    open_.pop_back();
    return true;
  }
  bool end_array() override {
    open_.pop_back();
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const json::exception& error) override {
    constexpr int kNumberOverflow = 406;  // nlohmann's id
    const std::string_view other = OtherForm(text_);
    const std::string_view what =
        !other.empty()                ? other
        : error.id == kNumberOverflow ? "a number that no double holds; a price has fewer digits"
        : position >= text_.size()
            ? "the text ends too early; it is cut off, get it again"
            : "not JSON; a value, a comma or a bracket in its place would be right";
    if (!other.empty()) position = 0;
    status_ = absl::InvalidArgumentError(
        absl::StrCat(LineAndColumn(text_, position), ": ", std::string(what)));
    return false;
  }

  absl::StatusOr<JsonValue> Take(bool complete) {
    if (!status_.ok()) return status_;
    if (!complete) return absl::InvalidArgumentError("not JSON");
    return std::move(root_);
  }

 private:
  JsonValue* NextPlace() {
    if (open_.empty()) return &root_;
    JsonValue& parent = *open_.back();
    if (parent.is_object()) return &parent.members.back().value;
    return &parent.items.emplace_back();
  }

  bool Add(JsonValue::Kind kind, std::string text) {
    if (!Count()) return false;
    JsonValue* value = NextPlace();
    value->kind = kind;
    value->text = std::move(text);
    return true;
  }

  // Pointers in open_ stay valid: a parent's vector does not grow while a child is open.
  bool Open(JsonValue::Kind kind) {
    if (!Count()) return false;
    if (static_cast<int>(open_.size()) >= limits_.depth) {
      status_ = absl::OutOfRangeError(absl::StrCat("nested deeper than ", limits_.depth));
      return false;
    }
    JsonValue* value = NextPlace();
    value->kind = kind;
    open_.push_back(value);
    return true;
  }

  bool Count() {
    if (++count_ <= limits_.values) return true;
    status_ = absl::OutOfRangeError(absl::StrCat("more than ", limits_.values, " values"));
    return false;
  }

  static void FindDuplicates(JsonValue& object) {
    std::set<std::string_view> seen;
    std::set<std::string_view> twice;
    for (const JsonValue::Member& member : object.members) {
      if (!seen.insert(member.key).second) twice.insert(member.key);
    }
    object.duplicate_keys.assign(twice.begin(), twice.end());
  }

  std::string_view text_;
  const JsonLimits& limits_;
  JsonValue root_;
  std::vector<JsonValue*> open_;
  std::size_t count_ = 0;
  absl::Status status_;
};

}  // namespace

const JsonValue* JsonValue::Find(std::string_view key) const {
  for (const Member& member : members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

std::string_view JsonValue::Text(std::string_view key) const {
  const JsonValue* value = Find(key);
  return value != nullptr && value->is_string() ? std::string_view(value->text) : "";
}

absl::StatusOr<JsonValue> ParseJson(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes) {
    return absl::OutOfRangeError(
        absl::StrCat(text.size() >> 20, " MiB; at most ", limits.bytes >> 20, " MiB are read"));
  }
  Builder builder(text, limits);
  const bool complete = json::sax_parse(text.begin(), text.end(), &builder);
  return builder.Take(complete);
}

Diagnostic Located(const std::string& file, const absl::Status& status) {
  const std::string message(status.message());
  int line = 0;
  int column = 0;
  int length = 0;
  if (std::sscanf(message.c_str(), "line %d, column %d: %n", &line, &column, &length) < 2) {
    return {file, 0, 0, message, ""};
  }
  return {file, line, column, message.substr(static_cast<std::size_t>(length)), ""};
}

std::string JsonQuote(std::string_view text) {
  return json(std::string(text)).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace capacity::prices
