#include "planner/base/api_key.h"

#include <arpa/inet.h>

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

// The bytes of an IPv4 (4) or IPv6 (16) address, without its zone; empty when it is a name:
// "127.0.0.1.example.com", and "10.ae" and "fd.cafe" too.
std::vector<unsigned char> AddressIn(const std::string& host) {
  std::vector<unsigned char> bytes(4);
  if (inet_pton(AF_INET, host.c_str(), bytes.data()) == 1) return bytes;
  bytes.resize(16);
  if (inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), bytes.data()) == 1) return bytes;
  return {};
}

bool IsPrivate(const std::string& host) {
  if (IsLoopback(host) || absl::EndsWith(host, ".local")) return true;
  if (host.find('.') == std::string::npos && host.find(':') == std::string::npos) return true;
  const std::vector<unsigned char> a = AddressIn(host);
  if (a.empty()) return false;
  if (a.size() == 4) {  // RFC 1918, and self-assigned
    return a[0] == 10 || (a[0] == 192 && a[1] == 168) || (a[0] == 169 && a[1] == 254) ||
           (a[0] == 172 && a[1] >= 16 && a[1] < 32);
  }
  return (a[0] & 0xfe) == 0xfc || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80);  // fc00::/7, fe80::/10
}

}  // namespace

std::string HostOf(std::string_view url) {
  const std::size_t scheme = url.find("://");
  std::string_view rest = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
  rest = rest.substr(0, rest.find('/'));
  if (!rest.empty() && rest.front() == '[') {
    return std::string(rest.substr(
        1, rest.find(']') == std::string_view::npos ? std::string_view::npos : rest.find(']') - 1));
  }
  return absl::AsciiStrToLower(std::string(rest.substr(0, rest.find(':'))));
}

bool IsLoopback(const std::string& host) {
  const std::vector<unsigned char> address = AddressIn(host);
  return host == "localhost" || host == "::1" || (address.size() == 4 && address[0] == 127);
}

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
