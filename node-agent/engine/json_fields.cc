#include "node-agent/engine/json_fields.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "node-agent/probe/text.h"

namespace capacity::engine {
namespace {

using nlohmann::json;

constexpr std::size_t kShownOfWrongValue = 40;  // bytes

const json& Null() {
  static const json* const kNull = new json(nullptr);
  return *kNull;
}

std::string Shown(const json& value) {
  if (value.is_array()) return "a list";
  if (value.is_object()) return "an object";
  return probe::Clean(value.dump(-1, ' ', true, json::error_handler_t::replace),
                      kShownOfWrongValue);
}

}  // namespace

absl::StatusOr<json> ParseWholeJson(std::string_view text, std::string_view what) {
  if (text.size() > kLongestJson) {
    return absl::ResourceExhaustedError(
        absl::StrCat(std::string(what), ": longer than ", kLongestJson, " bytes; refused"));
  }
  try {
    return json::parse(text);
  } catch (const json::parse_error& error) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(what),
                                                   ": no JSON, or cut off, at byte ",
                                                   static_cast<std::uint64_t>(error.byte)));
  } catch (const json::exception&) {  // a number that no double holds
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(what), ": a number in it is out of range"));
  }
}

Fields::Fields(const json& object, std::string where, absl::Status& problem)
    : object_(object), where_(std::move(where)), problem_(problem) {
  if (!object.is_object() && !object.is_null() && problem_.ok()) {
    problem_ = absl::InvalidArgumentError(absl::StrCat(where_.empty() ? "the answer" : where_,
                                                       " is ", Shown(object), ", not an object"));
  }
}

std::string Fields::PathOf(std::string_view key) const {
  return where_.empty() ? std::string(key) : absl::StrCat(where_, ".", std::string(key));
}

void Fields::Complain(std::string_view key, std::string_view problem) const {
  if (!problem_.ok()) return;
  problem_ = absl::InvalidArgumentError(absl::StrCat(PathOf(key), " ", std::string(problem)));
}

const json& Fields::Raw(std::string_view key) const {
  if (!object_.is_object()) return Null();
  const auto found = object_.find(std::string(key));
  return found == object_.end() ? Null() : *found;
}

bool Fields::Has(std::string_view key) const { return !Raw(key).is_null(); }

std::optional<double> Fields::Number(std::string_view key, double most) const {
  const json& value = Raw(key);
  if (value.is_null()) return std::nullopt;
  const double number = value.is_number() ? value.get<double>() : -1;
  if (std::isfinite(number) && number >= 0 && number <= most) return number;
  Complain(key, absl::StrCat("is ", Shown(value), ", not a number from 0 to ", most));
  return std::nullopt;
}

std::optional<double> Fields::Positive(std::string_view key, double most) const {
  const std::optional<double> number = Number(key, most);
  if (!number || *number > 0) return number;
  Complain(key, "is 0 and should be more");
  return std::nullopt;
}

std::optional<std::uint64_t> Fields::Count(std::string_view key, double most) const {
  const std::optional<double> number = Number(key, most);
  if (!number) return std::nullopt;
  if (*number == std::floor(*number)) return static_cast<std::uint64_t>(*number);
  Complain(key, absl::StrCat("is ", *number, ", not a whole number"));
  return std::nullopt;
}

double Fields::NeededPositive(std::string_view key, double most) const {
  if (!Has(key)) Complain(key, "is missing");
  return Positive(key, most).value_or(0);
}

std::uint64_t Fields::NeededCount(std::string_view key, double most) const {
  if (!Has(key)) Complain(key, "is missing");
  return Count(key, most).value_or(0);
}

std::string Fields::Text(std::string_view key, std::size_t longest) const {
  const json& value = Raw(key);
  if (value.is_string()) return probe::Clean(value.get_ref<const std::string&>(), longest);
  if (value.is_number()) return probe::Clean(value.dump(), longest);
  return "";
}

Fields Fields::Inner(std::string_view key) const { return {Raw(key), PathOf(key), problem_}; }

}  // namespace capacity::engine
