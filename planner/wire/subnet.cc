#include "planner/wire/subnet.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace capacity::wire {
namespace {

constexpr int kUsualIpv4Prefix = 24;
constexpr int kUsualIpv6Prefix = 64;

struct Address {
  std::array<std::uint8_t, 16> bytes{};
  int bits = 0;  // 32 or 128
};

std::optional<Address> Parse(const std::string& text) {
  Address address;
  if (inet_pton(AF_INET, text.c_str(), address.bytes.data()) == 1) {
    address.bits = 32;
    return address;
  }
  if (inet_pton(AF_INET6, text.c_str(), address.bytes.data()) == 1) {
    address.bits = 128;
    return address;
  }
  return std::nullopt;
}

bool SaysNothing(const Address& address) {
  const auto& b = address.bytes;
  if (address.bits == 32) return b[0] == 127 || b[0] == 0 || (b[0] == 169 && b[1] == 254);
  const bool link_local = b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
  const bool loopback = std::all_of(b.begin(), b.end() - 1, [](auto x) { return x == 0; });
  return link_local || loopback;
}

void Mask(Address& address, int prefix) {
  for (int bit = prefix; bit < address.bits; ++bit) {
    address.bytes[static_cast<std::size_t>(bit / 8)] &=
        static_cast<std::uint8_t>(~(0x80u >> (bit % 8)));
  }
}

}  // namespace

std::string PlainAddress(std::string_view address) {
  return std::string(address.substr(0, address.find_first_of("/%")));
}

std::optional<std::string> SubnetOf(std::string_view address) {
  std::optional<Address> parsed = Parse(PlainAddress(address));
  if (!parsed || SaysNothing(*parsed)) return std::nullopt;
  int prefix = parsed->bits == 32 ? kUsualIpv4Prefix : kUsualIpv6Prefix;
  if (const std::size_t slash = address.find('/'); slash != std::string_view::npos) {
    const bool number = absl::SimpleAtoi(std::string(address.substr(slash + 1)), &prefix);
    if (!number || prefix < 1 || prefix > parsed->bits) return std::nullopt;
  }
  Mask(*parsed, prefix);
  const auto* bytes = reinterpret_cast<const char*>(parsed->bytes.data());
  return absl::StrCat(
      absl::BytesToHexString(std::string(bytes, static_cast<std::size_t>(parsed->bits / 8))), "/",
      prefix);
}

}  // namespace capacity::wire
