// JSON from strangers: size, nesting and count bounded, numbers kept as they were written.
//
// A parsed tree in which a number is its digits, so that a price is never rounded through a binary
// double, and in which an object remembers which of its keys appear twice.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/base/diagnostics.h"

namespace capacity::prices {

// What a document may be, at most. The largest feed known (LiteLLM, 2026-07) is 1.5 MiB.
struct JsonLimits {
  std::size_t bytes = std::size_t{64} << 20;
  int depth = 64;
  std::size_t values = 4'000'000;
};

class JsonValue {
 public:
  enum class Kind { kNull, kBoolean, kNumber, kString, kArray, kObject };
  struct Member;

  Kind kind = Kind::kNull;
  std::string text;  // of a string, unescaped; of a number, as written; "true" or "false"
  std::vector<JsonValue> items;             // of an array
  std::vector<Member> members;              // of an object, in file order, repeated keys included
  std::vector<std::string> duplicate_keys;  // of an object, each once

  bool is_object() const { return kind == Kind::kObject; }
  bool is_array() const { return kind == Kind::kArray; }
  bool is_string() const { return kind == Kind::kString; }
  bool is_number() const { return kind == Kind::kNumber; }
  bool is_null() const { return kind == Kind::kNull; }

  // The first value of `key`; null when there is none or this is no object.
  const JsonValue* Find(std::string_view key) const;
  // The text of a string member; "" otherwise.
  std::string_view Text(std::string_view key) const;
};

struct JsonValue::Member {
  std::string key;
  JsonValue value;
};

// InvalidArgument with "line L, column C: what; what would be right" for what is no JSON,
// OutOfRange beyond a limit.
absl::StatusOr<JsonValue> ParseJson(std::string_view text, const JsonLimits& limits = {});

// What ParseJson said of `file`, at its line and column.
Diagnostic Located(const std::string& file, const absl::Status& status);

// `text` as a JSON string, in quotes.
std::string JsonQuote(std::string_view text);

}  // namespace capacity::prices
