// JSON that an engine sent: bounded before anything is built of it, read without exceptions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "nlohmann/json_fwd.hpp"

namespace capacity::launch {

inline constexpr std::size_t kLongestAnswer = std::size_t{16} << 20;  // bytes
inline constexpr std::size_t kMostValues = 1'000'000;                 // in one answer
inline constexpr int kDeepest = 64;               // arrays and objects in each other
inline constexpr std::size_t kLongestText = 256;  // bytes kept of a name or a message

// The whole of `text` as one JSON value. InvalidArgument names `what` and says where it is broken
// or which bound it is over.
absl::StatusOr<nlohmann::json> ParseAnswer(std::string_view text, std::string_view what);

// `text` with control characters and broken UTF-8 replaced by '?', at most `longest` bytes.
std::string Clean(std::string_view text, std::size_t longest = kLongestText);

// The member `key`; null when there is none or `object` is no object.
const nlohmann::json& Member(const nlohmann::json& object, std::string_view key);
// Cleaned, at most `longest` bytes; "" when it is no text.
std::string TextAt(const nlohmann::json& object, std::string_view key,
                   std::size_t longest = kLongestText);
// Whole, 0 to `most`; nullopt otherwise.
std::optional<std::int64_t> CountAt(const nlohmann::json& object, std::string_view key,
                                    std::int64_t most);

// {"Tag": {...}}: the only member of an object.
struct Tagged {
  std::string tag;                        // "" when it is none such
  const nlohmann::json* value = nullptr;  // null likewise
};
Tagged Untag(const nlohmann::json& value);

// Letters, digits, '.', '-', '_', 1 to 128: what may stand in a path of a URL.
bool IsPlainId(std::string_view id);
// `text` for a query of a URL.
std::string UrlQuoted(std::string_view text);

}  // namespace capacity::launch
