#include "planner/base/api_key.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "planner/base/host_name.h"

namespace capacity {
namespace {

constexpr std::size_t kLongestKey = 4096;   // bytes
constexpr std::size_t kShortestSecret = 8;  // bytes

// Whether `digits` starts with `count` hexadecimal digits that make the number `wanted`.
bool IsHex(std::string_view digits, std::size_t count, unsigned char wanted) {
  unsigned number = 0;
  if (digits.size() < count) return false;
  const char* const end = digits.data() + count;
  const auto [read, error] = std::from_chars(digits.data(), end, number, 16);
  return error == std::errc() && read == end && number == wanted;
}

// How many bytes at the beginning of `text` are one way to write `wanted`: as it is, "\/", "\u002f"
// (with more backslashes where JSON stands in JSON), "%2F". 0: none.
std::size_t SpelledAt(std::string_view text, char wanted) {
  const auto byte = static_cast<unsigned char>(wanted);
  const std::size_t slashes = std::min(text.find_first_not_of('\\'), text.size());
  if (wanted == '\\') return std::min<std::size_t>(slashes, 2);
  const std::string_view rest = text.substr(slashes);
  if (!rest.empty() && rest.front() == wanted) return slashes + 1;
  if (slashes > 0 && !rest.empty() && rest.front() == 'u' && IsHex(rest.substr(1), 4, byte)) {
    return slashes + 5;
  }
  return slashes == 0 && !rest.empty() && rest.front() == '%' && IsHex(rest.substr(1), 2, byte) ? 3
                                                                                                : 0;
}

// The same of a whole word; 0: `text` does not begin with it, or it is empty.
std::size_t SpelledAt(std::string_view text, const std::string& wanted) {
  std::size_t length = 0;
  for (const char c : wanted) {
    const std::size_t part = SpelledAt(text.substr(length), c);
    if (part == 0) return 0;
    length += part;
  }
  return length;
}

}  // namespace

absl::StatusOr<ApiKey> ApiKey::Checked(std::string value, const std::string& origin) {
  const bool printable =
      std::all_of(value.begin(), value.end(), [](unsigned char c) { return c > 0x20 && c < 0x7F; });
  if (value.empty() || value.size() > kLongestKey || !printable) {
    return absl::InvalidArgumentError(
        absl::StrCat(origin, " holds no API key: one word of printable ASCII is one"));
  }
  ApiKey key;
  key.value_ = std::move(value);
  return key;
}

absl::StatusOr<ApiKey> ApiKey::FromEnvironment(const std::string& variable) {
  const char* const value = std::getenv(variable.c_str());
  if (value == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("--api-key-env: the environment has no variable ", variable));
  }
  return Checked(value, absl::StrCat("the environment variable ", variable));
}

absl::StatusOr<ApiKey> ApiKey::FromFile(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!file || !std::getline(file, line)) {
    return absl::NotFoundError(absl::StrCat(path, ": no such file, or nothing in it"));
  }
  return Checked(std::string(absl::StripAsciiWhitespace(line)), path);
}

std::string ApiKey::Header() const { return "Authorization: Bearer " + value_; }

std::string ApiKey::StruckFrom(std::string_view text) const {
  std::string kept;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = SpelledAt(text.substr(at), value_);
    if (length > 0) {
      kept += "***";
      at += length;
    } else {
      kept += text[at++];
    }
  }
  return kept;
}

std::string ApiKey::StruckFromAnswer(std::string_view text) const {
  return value_.size() < kShortestSecret ? std::string(text) : StruckFrom(text);
}

absl::Status MayCarryKey(const std::string& url, const ApiKey& key) {
  if (key.empty() || absl::StartsWithIgnoreCase(url, "https:") || IsPrivate(HostOf(url))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      url, ": an API key is not sent without TLS beyond a private network; use https"));
}

}  // namespace capacity
