// What was said already: who says the same at each try is not heard any more.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

namespace capacity::reporter {

class Said {
 public:
  static constexpr std::size_t kMostKinds = 32;

  // True for the first text of its kind since Clear. Texts that differ in digits only (a time of
  // day, a duration, a count, a port) are of one kind. After kMostKinds nothing is the first any
  // more: a fault that has so many texts was described well enough.
  bool IsFirst(std::string_view text);

  void Clear() { kinds_.clear(); }
  bool empty() const { return kinds_.empty(); }

 private:
  std::set<std::string> kinds_;
};

}  // namespace capacity::reporter
