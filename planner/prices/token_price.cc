#include "planner/prices/token_price.h"

#include <algorithm>
#include <cctype>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace capacity::prices {
namespace {

constexpr int kNanoDigits = 9;
constexpr int kMtokDigits = 6;           // a million tokens
constexpr std::size_t kMostDigits = 18;  // of an int64 that cannot overflow
constexpr int kMostExponent = 400;       // beyond it everything is 0 or out of range
constexpr double kOutputShare = 0.7;     // the article's mix

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// A decimal taken apart: digits without leading zeros, times 10^exponent.
struct Decimal {
  bool negative = false;
  std::string digits;
  int exponent = 0;
};

std::optional<int> ReadExponent(std::string_view text) {
  bool negative = false;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  if (text.empty()) return std::nullopt;
  int exponent = 0;
  for (char c : text) {
    if (!IsDigit(c)) return std::nullopt;
    exponent = std::min(exponent * 10 + (c - '0'), kMostExponent);
  }
  return negative ? -exponent : exponent;
}

std::optional<Decimal> ReadDecimal(std::string_view text) {
  Decimal out;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    out.negative = text.front() == '-';
    text.remove_prefix(1);
  }
  bool after_point = false;
  bool any = false;
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.' && !after_point) {
      after_point = true;
    } else if (IsDigit(c)) {
      any = true;
      if (after_point) --out.exponent;
      if (c != '0' || !out.digits.empty()) out.digits.push_back(c);
    } else {
      break;
    }
  }
  if (!any) return std::nullopt;
  if (at == text.size()) return out;
  if (text[at] != 'e' && text[at] != 'E') return std::nullopt;
  const std::optional<int> exponent = ReadExponent(text.substr(at + 1));
  if (!exponent) return std::nullopt;
  out.exponent += *exponent;
  return out;
}

// digits x 10^shift, rounded half up; nullopt when it has too many digits.
std::optional<std::int64_t> Shifted(std::string digits, std::int64_t shift) {
  bool round_up = false;
  if (shift < 0) {
    const auto drop = static_cast<std::size_t>(-shift);
    if (drop > digits.size()) return 0;
    round_up = digits[digits.size() - drop] >= '5';
    digits.resize(digits.size() - drop);
  } else if (!digits.empty()) {
    if (digits.size() + static_cast<std::size_t>(shift) > kMostDigits) return std::nullopt;
    digits.append(static_cast<std::size_t>(shift), '0');
  }
  if (digits.size() > kMostDigits) return std::nullopt;
  std::int64_t number = 0;
  for (char c : digits) number = number * 10 + (c - '0');
  return number + (round_up ? 1 : 0);
}

}  // namespace

absl::StatusOr<Price> ParsePrice(std::string_view text, PriceUnit unit) {
  const std::optional<Decimal> decimal = ReadDecimal(text);
  if (!decimal) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", std::string(text.substr(0, 40)), "\" is not a number"));
  }
  const std::int64_t shift = std::int64_t{decimal->exponent} + kNanoDigits +
                             (unit == PriceUnit::kUsdPerToken ? kMtokDigits : 0);
  const std::optional<std::int64_t> nano = Shifted(decimal->digits, shift);
  if (!nano) {
    return absl::OutOfRangeError(
        absl::StrCat(std::string(text.substr(0, 40)), " is beyond any price"));
  }
  return Price{decimal->negative ? -*nano : *nano};
}

std::string ToString(Price price) {
  const bool negative = price.nano_usd_per_mtok < 0;
  const std::uint64_t nano = negative ? -static_cast<std::uint64_t>(price.nano_usd_per_mtok)
                                      : static_cast<std::uint64_t>(price.nano_usd_per_mtok);
  std::string digits = absl::StrCat(nano);
  if (digits.size() <= kNanoDigits) digits.insert(0, kNanoDigits + 1 - digits.size(), '0');
  std::string fraction = digits.substr(digits.size() - kNanoDigits);
  digits.resize(digits.size() - kNanoDigits);
  fraction.erase(fraction.find_last_not_of('0') + 1);
  return absl::StrCat(negative ? "-" : "", digits, fraction.empty() ? "" : ".", fraction);
}

UsdPerMtok Blended(const TokenPrices& prices) {
  return kOutputShare * prices.output.usd_per_mtok() +
         (1 - kOutputShare) * prices.input.usd_per_mtok();
}

}  // namespace capacity::prices
