// How long to wait before trying again.
#pragma once

#include <chrono>

namespace capacity::reporter {

inline constexpr std::chrono::milliseconds kFirstWait{1'000};
inline constexpr std::chrono::milliseconds kLongestWait{30'000};

// After `failures` (from 1) in a row: twice as long each time, from kFirstWait to kLongestWait, and
// of that a part between one half and all, as `random` says (from 0 up to 1). Thousands of agents
// that lost the same planner at once therefore do not come back at once.
std::chrono::milliseconds BackOff(int failures, double random);

}  // namespace capacity::reporter
