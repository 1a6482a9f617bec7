// JSON from strangers: size, nesting and count bounded; a key that stands twice is refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace capacity::modelfile {

struct JsonLimits {
  int depth = 32;
  std::size_t values = 2'000'000;  // each costs about 100 bytes
};

class JsonValue {
 public:
  enum class Kind { kNull, kBoolean, kNumber, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  double number = 0;              // of a number; 1 or 0 of a boolean
  std::string text;               // of a string
  std::vector<JsonValue> items;   // of an array or an object
  std::vector<std::string> keys;  // of an object, one for each item

  bool is_object() const { return kind == Kind::kObject; }
  bool is_array() const { return kind == Kind::kArray; }

  // The value of `key`; null when there is none, when it is null, or when this is no object.
  const JsonValue* Find(std::string_view key) const;
  std::optional<double> Number(std::string_view key) const;
  std::optional<bool> Flag(std::string_view key) const;
  std::string_view Text(std::string_view key) const;  // "" otherwise
};

// InvalidArgument with "byte N: what"; `offset` is the byte of the file that `text` begins at.
absl::StatusOr<JsonValue> ParseJson(std::string_view text, std::uint64_t offset = 0,
                                    const JsonLimits& limits = {});

// Gives the members of an object to `take`, one by one, and holds no more than one of them: what a
// large object may have is then the caller's to bound. `limits.values` is for each member. The
// first status of `take` that is not OK ends it and is returned. InvalidArgument as ParseJson, and
// where `text` is no object.
using TakeMember = std::function<absl::Status(const std::string& key, JsonValue value)>;
absl::Status ForEachMember(std::string_view text, const TakeMember& take, std::uint64_t offset = 0,
                           const JsonLimits& limits = {});

// Python writes numbers that JSON has not: NaN, Infinity and -Infinity. Puts "" in place of each
// that stands where a value may, without moving a byte; a field read as a number is then missing.
void BlankNonNumbers(std::string& text);

}  // namespace capacity::modelfile
