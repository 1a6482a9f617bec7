// What Apple's model identifiers tell, "Mac16,10": known to the probes, which see them, and to the
// doctor, who gives advice by them.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <string_view>
#include <system_error>

namespace capacity::agent {

// Models of which no Mac has Thunderbolt 5: "Mac16,10" (Mac mini with M4). False of the others and
// of those that are not known.
inline bool HasThunderbolt4AtMost(std::string_view model_identifier) {
  const auto number = [](std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && value > 0 ? value : -1;
  };
  const std::size_t digits = model_identifier.find_first_of("0123456789");
  const std::size_t comma = model_identifier.find(',');
  if (digits == std::string_view::npos || comma == std::string_view::npos || comma < digits) {
    return false;
  }
  const std::string_view name = model_identifier.substr(0, digits);
  const int family = number(model_identifier.substr(digits, comma - digits));
  const int model = number(model_identifier.substr(comma + 1));
  if (family < 0 || model < 0) return false;
  // Apple gave up names with the product in them before it built Thunderbolt 5.
  constexpr std::array<std::string_view, 7> kOldNames = {
      "MacBook", "MacBookAir", "MacBookPro", "Macmini", "iMac", "iMacPro", "MacPro"};
  if (name != "Mac") return std::find(kOldNames.begin(), kOldNames.end(), name) != kOldNames.end();
  // Apple, "Identify your Mac model" and technical specifications, 2026-11: M1 Max and Ultra are
  // Mac13, M2 Mac14, M3 Mac15 of which the M3 Ultra alone has Thunderbolt 5, M4 and M5 without Pro
  // or Max these (17,4: MacBook Air 15-inch M5). Of those with M6 only the Mac mini is known to
  // have Thunderbolt 4 (apple.com/mac-mini/specs; MacRumors, 2026-08-25).
  constexpr std::array<int, 6> kM4 = {1, 2, 3, 10, 12, 13};
  constexpr std::array<int, 3> kM5 = {2, 3, 4};
  constexpr int kMacMiniM6 = 5;
  switch (family) {
    case 13:
    case 14:
      return true;
    case 15:
      return model != 14;
    case 16:
      return std::find(kM4.begin(), kM4.end(), model) != kM4.end();
    case 17:
      return std::find(kM5.begin(), kM5.end(), model) != kM5.end();
    case 18:
      return model == kMacMiniM6;
    default:
      return false;
  }
}

}  // namespace capacity::agent
