#include "planner/launch/answers_json.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace capacity::launch {
namespace {

using nlohmann::json;

// Counts what a parser would build, and stops it at a bound.
class Bounds : public nlohmann::json_sax<json> {
 public:
  bool null() override { return Value(); }
  bool boolean(bool) override { return Value(); }
  bool number_integer(number_integer_t) override { return Value(); }
  bool number_unsigned(number_unsigned_t) override { return Value(); }
  bool number_float(number_float_t, const string_t&) override { return Value(); }
  bool string(string_t&) override { return Value(); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return Value() && Open(); }
  bool start_array(std::size_t) override { return Value() && Open(); }
  bool key(string_t&) override { return true; }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }
  bool parse_error(std::size_t position, const std::string&, const json::exception&) override {
    problem_ = absl::StrCat("is no JSON at byte ", position);
    return false;
  }
  const std::string& problem() const { return problem_; }

 private:
  bool Value() {
    if (++values_ <= kMostValues) return true;
    problem_ = absl::StrCat("has more than ", kMostValues, " values");
    return false;
  }
  bool Open() {
    if (++depth_ <= kDeepest) return true;
    problem_ = absl::StrCat("is nested deeper than ", kDeepest);
    return false;
  }
  bool Close() {
    --depth_;
    return true;
  }

  std::size_t values_ = 0;
  int depth_ = 0;
  std::string problem_;
};

// Bytes of the UTF-8 character that begins at `text[at]`; 0 when none does.
std::size_t CharacterAt(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const std::size_t size = first < 0x80                     ? 1
                           : first >= 0xC2 && first <= 0xDF ? 2
                           : first >= 0xE0 && first <= 0xEF ? 3
                           : first >= 0xF0 && first <= 0xF4 ? 4
                                                            : 0;
  if (size == 0 || at + size > text.size()) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((static_cast<unsigned char>(text[at + i]) & 0xC0) != 0x80) return 0;
  }
  const auto second = size > 1 ? static_cast<unsigned char>(text[at + 1]) : 0;
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second > 0x9F;
  const bool too_high = first == 0xF4 && second > 0x8F;
  const bool c1_control = first == 0xC2 && second < 0xA0;
  // Marks that turn the direction of a line show it as something else.
  const bool turns = first == 0xE2 && (second == 0x80 || second == 0x81);
  return overlong || surrogate || too_high || c1_control || turns ? 0 : size;
}

}  // namespace

absl::StatusOr<json> ParseAnswer(std::string_view text, std::string_view what) {
  const auto wrong = [&](const std::string& problem) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(what), " ", problem));
  };
  if (text.size() > kLongestAnswer) {
    return wrong(absl::StrCat("is longer than ", kLongestAnswer, " bytes"));
  }
  Bounds bounds;
  if (!json::sax_parse(text.begin(), text.end(), &bounds)) return wrong(bounds.problem());
  json value = json::parse(text.begin(), text.end(), nullptr, false);
  if (value.is_discarded()) return wrong("is no JSON");
  return value;
}

std::string Clean(std::string_view text, std::size_t longest) {
  std::string clean;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = CharacterAt(text, at);
    const auto byte = static_cast<unsigned char>(text[at]);
    const bool shown = size > 1 || (size == 1 && byte >= 0x20 && byte != 0x7F);
    const std::size_t needs = shown ? size : 1;
    if (clean.size() + needs > longest) break;
    clean += shown ? std::string(text.substr(at, size)) : std::string("?");
    at += std::max<std::size_t>(size, 1);
  }
  return clean;
}

const json& Member(const json& object, std::string_view key) {
  static const json kNone;
  if (!object.is_object()) return kNone;
  const auto found = object.find(std::string(key));
  return found == object.end() ? kNone : *found;
}

std::string TextAt(const json& object, std::string_view key, std::size_t longest) {
  const json& value = Member(object, key);
  return value.is_string() ? Clean(value.get_ref<const std::string&>(), longest) : "";
}

std::optional<std::int64_t> CountAt(const json& object, std::string_view key, std::int64_t most) {
  const json& value = Member(object, key);
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (number <= static_cast<std::uint64_t>(most)) return static_cast<std::int64_t>(number);
  } else if (value.is_number_float()) {
    const auto number = value.get<double>();
    if (number >= 0 && number <= static_cast<double>(most) && number == std::floor(number)) {
      return static_cast<std::int64_t>(number);
    }
  }
  return std::nullopt;
}

Tagged Untag(const json& value) {
  if (!value.is_object() || value.size() != 1) return {};
  return {Clean(value.begin().key()), &value.begin().value()};
}

bool IsPlainId(std::string_view id) {
  constexpr std::size_t kLongestId = 128;
  return !id.empty() && id.size() <= kLongestId && id != "." && id != ".." &&
         std::all_of(id.begin(), id.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_';
         });
}

std::string UrlQuoted(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string quoted;
  for (const unsigned char c : text) {
    if (std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_' || c == '~' || c == '/') {
      quoted += static_cast<char>(c);
    } else {
      quoted += {'%', kHex[c >> 4], kHex[c & 15]};
    }
  }
  return quoted;
}

}  // namespace capacity::launch
