#include "node-agent/reporter/backoff.h"

#include <algorithm>
#include <cmath>

namespace capacity::reporter {

std::chrono::milliseconds BackOff(int failures, double random) {
  const double doublings = std::clamp(failures - 1, 0, 30);
  const double whole = std::min(static_cast<double>(kFirstWait.count()) * std::exp2(doublings),
                                static_cast<double>(kLongestWait.count()));
  const double part = 0.5 + 0.5 * std::clamp(random, 0.0, 1.0);
  return std::chrono::milliseconds(std::llround(whole * part));
}

}  // namespace capacity::reporter
