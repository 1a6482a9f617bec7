#include "planner/purchase/money.h"

#include <cmath>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace capacity::purchase {
namespace {

std::string Grouped(std::int64_t number) {
  std::string digits = absl::StrCat(number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

}  // namespace

std::string Dollars(Usd amount) {
  const std::int64_t cents = std::abs(amount.cents);
  std::string text = absl::StrCat(amount.cents < 0 ? "-$" : "$", Grouped(cents / 100));
  if (cents % 100 != 0) absl::StrAppend(&text, absl::StrFormat(".%02d", cents % 100));
  return text;
}

std::string WholeDollars(double amount) { return Dollars(Usd{std::llround(amount) * 100}); }

}  // namespace capacity::purchase
