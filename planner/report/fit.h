// What an answer of `planner fit` carries beside its placements.
#pragma once

#include <optional>
#include <vector>

namespace capacity::report {

struct FitDetails {
  // By placement, in tokens of each stream: the most with which it still fits; nullopt: a fact is
  // missing. Absent: nobody asked.
  std::optional<std::vector<std::optional<int>>> longest_context;
  bool breakdown = false;  // of every node's memory, as text (JSON always has it)
};

}  // namespace capacity::report
