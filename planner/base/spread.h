// A number with the least and the most that somebody thinks it may be.
#pragma once

namespace capacity {

// low <= mid <= high, in the unit of the field that holds it. As likely above `mid` as below. All
// three are equal where one number was stated.
struct Spread {
  double low = 0;
  double mid = 0;
  double high = 0;

  static constexpr Spread Exactly(double value) { return {value, value, value}; }
  constexpr bool exact() const { return low == high; }

  friend bool operator==(const Spread&, const Spread&) = default;
};

}  // namespace capacity
