#include "planner/pki/token.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace capacity::pki {
namespace {

constexpr std::size_t kPartBytes = 32;
constexpr std::size_t kPartCharacters = 43;  // 256 bits at six a character, rounded up
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string Encode(std::string_view bytes) {
  std::string text;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char byte : bytes) {
    bits = (bits << 8) | static_cast<unsigned char>(byte);
    held += 8;
    while (held >= 6) {
      held -= 6;
      text += kAlphabet[(bits >> held) & 63];
    }
  }
  if (held > 0) text += kAlphabet[(bits << (6 - held)) & 63];
  return text;
}

// "" unless `text` is the one spelling of some 32 bytes: spare bits must be zero.
std::string Decode(std::string_view text) {
  if (text.size() != kPartCharacters) return "";
  std::string bytes;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char character : text) {
    const std::size_t digit = kAlphabet.find(character);
    if (digit == std::string_view::npos) return "";
    bits = (bits << 6) | static_cast<std::uint32_t>(digit);
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes += static_cast<char>((bits >> held) & 255);
    }
  }
  const std::uint32_t spare = bits & ((1U << held) - 1);
  return spare == 0 ? bytes : "";
}

absl::StatusOr<std::string> RandomBytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    return absl::InternalError("the system gives no random numbers");
  }
  return bytes;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

absl::Status NotAToken(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("not a join token: ", std::string(why)));
}

}  // namespace

absl::StatusOr<JoinToken> CreateJoinToken(std::string_view authority_fingerprint) {
  if (authority_fingerprint.size() != kPartBytes) {
    return absl::InvalidArgumentError("an authority's fingerprint has 32 bytes");
  }
  auto secret = RandomBytes(kPartBytes);
  if (!secret.ok()) return secret.status();
  return JoinToken{*std::move(secret), std::string(authority_fingerprint)};
}

std::string Format(const JoinToken& token) {
  return absl::StrCat(std::string(kJoinTokenPrefix), Encode(token.secret), ".",
                      Encode(token.authority_fingerprint));
}

absl::StatusOr<JoinToken> ParseJoinToken(std::string_view text) {
  text = Trim(text);
  if (text.substr(0, kJoinTokenPrefix.size()) != kJoinTokenPrefix) {
    return NotAToken(absl::StrCat("it does not begin with ", std::string(kJoinTokenPrefix)));
  }
  text.remove_prefix(kJoinTokenPrefix.size());
  if (text.size() != 2 * kPartCharacters + 1 || text[kPartCharacters] != '.') {
    return NotAToken("it is not complete; copy all of what `planner token create` printed");
  }
  JoinToken token = {Decode(text.substr(0, kPartCharacters)),
                     Decode(text.substr(kPartCharacters + 1))};
  if (token.secret.empty() || token.authority_fingerprint.empty()) {
    return NotAToken("it has a character that tokens have not; copy it again");
  }
  return token;
}

std::string HashForStore(const JoinToken& token) {
  std::string hash(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(token.secret.data()), token.secret.size(),
         reinterpret_cast<unsigned char*>(hash.data()));
  return hash;
}

bool EqualInConstantTime(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

absl::StatusOr<std::string> RandomId() {
  auto bytes = RandomBytes(16);
  if (!bytes.ok()) return bytes.status();
  return ToHex(*bytes);
}

std::string ToHex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * bytes.size());
  for (const char byte : bytes) {
    hex += kDigits[static_cast<unsigned char>(byte) >> 4];
    hex += kDigits[static_cast<unsigned char>(byte) & 15];
  }
  return hex;
}

}  // namespace capacity::pki
