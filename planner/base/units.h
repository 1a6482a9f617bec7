// Quantities with their unit in the type.
//
// Operators exist only where physics has them: Bytes / BytesPerSecond is Seconds, Bytes + Seconds
// does not compile. `Usd` counts whole cents so that sums of prices lose nothing.
#pragma once

#include <cmath>
#include <compare>
#include <cstdint>

namespace capacity {

// A real-valued quantity of dimension `Tag`. The unit of `value` is the one its alias names.
template <class Tag>
struct Quantity {
  double value = 0;

  friend constexpr auto operator<=>(const Quantity&, const Quantity&) = default;
  friend constexpr Quantity operator+(Quantity a, Quantity b) { return {a.value + b.value}; }
  friend constexpr Quantity operator-(Quantity a, Quantity b) { return {a.value - b.value}; }
  friend constexpr Quantity operator*(Quantity a, double k) { return {a.value * k}; }
  friend constexpr Quantity operator*(double k, Quantity a) { return {a.value * k}; }
  friend constexpr Quantity operator/(Quantity a, double k) { return {a.value / k}; }
  friend constexpr double operator/(Quantity a, Quantity b) { return a.value / b.value; }
  constexpr Quantity& operator+=(Quantity b) {
    value += b.value;
    return *this;
  }
};

using Seconds = Quantity<struct SecondsTag>;
using BytesPerSecond = Quantity<struct BytesPerSecondTag>;  // vendors' GB/s are 1e9 bytes/s
using FlopsPerSecond = Quantity<struct FlopsPerSecondTag>;  // vendors' TFLOPS are 1e12
using BitsPerSecond = Quantity<struct BitsPerSecondTag>;    // network line rates
using TokensPerSecond = Quantity<struct TokensPerSecondTag>;
using Watts = Quantity<struct WattsTag>;
using Months = Quantity<struct MonthsTag>;  // of 720 hours, as in the article
using UsdPerMonth = Quantity<struct UsdPerMonthTag>;
using UsdPerMtok = Quantity<struct UsdPerMtokTag>;  // US dollars per 1e6 tokens

// A count of bytes. Signed, so that a shortfall can be expressed as a difference.
struct Bytes {
  std::int64_t count = 0;

  friend constexpr auto operator<=>(const Bytes&, const Bytes&) = default;
  friend constexpr Bytes operator+(Bytes a, Bytes b) { return {a.count + b.count}; }
  friend constexpr Bytes operator-(Bytes a, Bytes b) { return {a.count - b.count}; }
  constexpr Bytes& operator+=(Bytes b) {
    count += b.count;
    return *this;
  }
  // Scales by a real factor, rounding to the nearest byte.
  friend Bytes operator*(Bytes a, double k) {
    return {static_cast<std::int64_t>(std::llround(static_cast<double>(a.count) * k))};
  }
  friend constexpr Seconds operator/(Bytes a, BytesPerSecond b) {
    return {static_cast<double>(a.count) / b.value};
  }
  constexpr double gb() const { return static_cast<double>(count) / 1e9; }
  constexpr double gib() const { return static_cast<double>(count) / 1073741824.0; }
};

constexpr Bytes GiB(std::int64_t n) { return {n << 30}; }
constexpr Bytes GB(std::int64_t n) { return {n * 1'000'000'000}; }

// United States dollars in whole cents.
struct Usd {
  std::int64_t cents = 0;

  // Rounds half away from zero to the nearest cent.
  static Usd FromDollars(double dollars) { return {std::llround(dollars * 100.0)}; }
  constexpr double dollars() const { return static_cast<double>(cents) / 100.0; }

  friend constexpr auto operator<=>(const Usd&, const Usd&) = default;
  friend constexpr Usd operator+(Usd a, Usd b) { return {a.cents + b.cents}; }
  friend constexpr Usd operator-(Usd a, Usd b) { return {a.cents - b.cents}; }
  friend constexpr Usd operator*(Usd a, std::int64_t n) { return {a.cents * n}; }
  constexpr Usd& operator+=(Usd b) {
    cents += b.cents;
    return *this;
  }
};

}  // namespace capacity
