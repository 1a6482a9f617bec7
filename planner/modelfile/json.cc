#include "planner/modelfile/json.h"

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace capacity::modelfile {
namespace {

using nlohmann::json;

// Builds the tree from the parser's events, which come without recursion.
class Builder : public nlohmann::json_sax<json> {
 public:
  // `take`: null to build the whole tree.
  Builder(std::uint64_t offset, const JsonLimits& limits, const TakeMember* take)
      : offset_(offset), limits_(limits), take_(take) {}

  bool null() override { return Add(JsonValue::Kind::kNull) != nullptr && GiveMember(); }
  bool boolean(bool value) override { return AddNumber(JsonValue::Kind::kBoolean, value ? 1 : 0); }
  bool number_integer(number_integer_t value) override {
    return AddNumber(JsonValue::Kind::kNumber, static_cast<double>(value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return AddNumber(JsonValue::Kind::kNumber, static_cast<double>(value));
  }
  bool number_float(number_float_t value, const string_t&) override {
    return AddNumber(JsonValue::Kind::kNumber, value);
  }
  bool string(string_t& value) override {
    JsonValue* added = Add(JsonValue::Kind::kString);
    if (added != nullptr) added->text = std::move(value);
    return added != nullptr && GiveMember();
  }
  bool binary(binary_t&) override { return false; }  // not in JSON text
  bool start_object(std::size_t) override { return Open(JsonValue::Kind::kObject); }
  bool start_array(std::size_t) override { return Open(JsonValue::Kind::kArray); }
  bool key(string_t& name) override {
    if (IsTakenFrom() && !taken_.insert(name).second) return Twice(name);
    open_.back()->keys.push_back(std::move(name));
    return true;
  }
  bool end_object() override {
    std::set<std::string_view> seen;
    for (const std::string& key : open_.back()->keys) {
      if (!seen.insert(key).second) return Twice(key);
    }
    open_.pop_back();
    return GiveMember();
  }
  bool end_array() override {
    open_.pop_back();
    return GiveMember();
  }
  bool parse_error(std::size_t position, const std::string&, const json::exception&) override {
    const std::uint64_t read =
        std::max<std::size_t>(position, 1);  // the last byte of them is wrong
    status_ = absl::InvalidArgumentError(
        absl::StrCat("byte ", offset_ + read - 1, ": not JSON, or not UTF-8"));
    return false;
  }

  absl::StatusOr<JsonValue> Take(bool complete) {
    if (!status_.ok()) return status_;
    if (!complete) return absl::InvalidArgumentError("not JSON");
    return std::move(root_);
  }

 private:
  static std::string Shortened(const std::string& text) {
    constexpr std::size_t kMost = 80;
    std::string out;
    for (const char c : text.substr(0, kMost)) {
      const auto byte = static_cast<unsigned char>(c);
      out += byte < 0x20 || byte >= 0x7f ? '?' : c;
    }
    return out;
  }

  bool AddNumber(JsonValue::Kind kind, double number) {
    JsonValue* added = Add(kind);
    if (added != nullptr) added->number = number;
    return added != nullptr && GiveMember();
  }

  bool Twice(const std::string& key) {
    status_ = absl::InvalidArgumentError(absl::StrCat(
        "key \"", Shortened(key), "\" stands twice in one object; each may stand once"));
    return false;
  }

  // Whether the innermost open value is the object whose members are given away.
  bool IsTakenFrom() const { return take_ != nullptr && open_.size() == 1 && root_.is_object(); }

  // Gives away the member that was just completed, if one was.
  bool GiveMember() {
    if (!IsTakenFrom() || root_.items.empty()) return true;
    status_ = (*take_)(root_.keys.back(), std::move(root_.items.back()));
    root_.keys.clear();
    root_.items.clear();
    count_ = 0;
    return status_.ok();
  }

  // Null at the limit. Pointers in open_ stay valid: a parent does not grow while a child is open.
  JsonValue* Add(JsonValue::Kind kind) {
    if (++count_ > limits_.values) {
      status_ = absl::OutOfRangeError(absl::StrCat("more than ", limits_.values, " values"));
      return nullptr;
    }
    JsonValue* value = open_.empty() ? &root_ : &open_.back()->items.emplace_back();
    value->kind = kind;
    return value;
  }

  bool Open(JsonValue::Kind kind) {
    if (static_cast<int>(open_.size()) >= limits_.depth) {
      status_ = absl::OutOfRangeError(absl::StrCat("nested deeper than ", limits_.depth));
      return false;
    }
    JsonValue* added = Add(kind);
    if (added != nullptr) open_.push_back(added);
    return added != nullptr;
  }

  std::uint64_t offset_;
  const JsonLimits& limits_;
  const TakeMember* take_;
  std::unordered_set<std::string> taken_;  // keys of the members given away
  JsonValue root_;
  std::vector<JsonValue*> open_;
  std::size_t count_ = 0;
  absl::Status status_;
};

}  // namespace

const JsonValue* JsonValue::Find(std::string_view key) const {
  for (std::size_t i = 0; i < keys.size() && i < items.size(); ++i) {
    if (keys[i] == key) return items[i].kind == Kind::kNull ? nullptr : &items[i];
  }
  return nullptr;
}

std::optional<double> JsonValue::Number(std::string_view key) const {
  const JsonValue* held = Find(key);
  if (held == nullptr || held->kind != Kind::kNumber) return std::nullopt;
  return held->number;
}

std::optional<bool> JsonValue::Flag(std::string_view key) const {
  const JsonValue* held = Find(key);
  if (held == nullptr || held->kind != Kind::kBoolean) return std::nullopt;
  return held->number != 0;
}

std::string_view JsonValue::Text(std::string_view key) const {
  const JsonValue* held = Find(key);
  return held == nullptr || held->kind != Kind::kString ? std::string_view()
                                                        : std::string_view(held->text);
}

absl::StatusOr<JsonValue> ParseJson(std::string_view text, std::uint64_t offset,
                                    const JsonLimits& limits) {
  Builder builder(offset, limits, nullptr);
  const bool complete = json::sax_parse(text.begin(), text.end(), &builder);
  return builder.Take(complete);
}

absl::Status ForEachMember(std::string_view text, const TakeMember& take, std::uint64_t offset,
                           const JsonLimits& limits) {
  Builder builder(offset, limits, &take);
  const bool complete = json::sax_parse(text.begin(), text.end(), &builder);
  const absl::StatusOr<JsonValue> rest = builder.Take(complete);
  if (!rest.ok()) return rest.status();
  return rest->is_object() ? absl::OkStatus() : absl::InvalidArgumentError("no JSON object");
}

void BlankNonNumbers(std::string& text) {
  constexpr std::string_view kNames[] = {"-Infinity", "Infinity", "NaN"};
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  char before = ':';  // the last character that is no space; a text may be one value
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i) i += text[i] == '\\' ? 1 : 0;
      before = '"';
      ++i;
      continue;
    }
    std::size_t length = 0;
    for (std::string_view name : kNames) {
      if (text.compare(i, name.size(), name) == 0) length = name.size();
    }
    std::size_t after = i + length;
    while (length > 0 && after < text.size() && is_space(text[after])) ++after;
    const bool ends =
        after >= text.size() || text[after] == ',' || text[after] == ']' || text[after] == '}';
    if (length > 0 && ends && (before == ':' || before == ',' || before == '[')) {
      text.replace(i, length, "\"\"" + std::string(length - 2, ' '));
      i = after;
      before = '"';
      continue;
    }
    if (!is_space(c)) before = c;
    ++i;
  }
}

}  // namespace capacity::modelfile
