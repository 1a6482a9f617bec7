#include "planner/report/placement_text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "planner/report/table.h"

namespace capacity::report {

std::string Where(const fleet::Fleet& fleet, const placement::Placement& placement) {
  std::vector<std::string> names;
  for (int node : placement.nodes)
    names.push_back(fleet.nodes()[static_cast<std::size_t>(node)].name);
  std::string out = absl::StrJoin(names, "+");
  if (placement.strategy != throughput::Strategy::kSingle) {
    absl::StrAppend(&out, " ", throughput::Name(placement.strategy));
    if (placement.link != nullptr) absl::StrAppend(&out, " ", placement.link->id);
  }
  absl::StrAppend(&out, " ", catalog::Name(placement.engine));
  return out;
}

std::string Interval(const Estimate& estimate) {
  return FormatInterval(estimate.low, estimate.mid, estimate.high);
}

std::string MemoryText(const placement::Placement& placement) {
  const auto tightest = std::max_element(
      placement.memory.begin(), placement.memory.end(), [](const auto& a, const auto& b) {
        return (a.demand.total() - a.budget.bytes) < (b.demand.total() - b.budget.bytes);
      });
  if (tightest == placement.memory.end()) return "-";
  return absl::StrCat(FormatNumber(tightest->demand.total().gb()), " of ",
                      FormatNumber(tightest->budget.bytes.gb()), " GB");
}

}  // namespace capacity::report
