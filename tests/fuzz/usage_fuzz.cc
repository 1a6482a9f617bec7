// Whatever bytes a bill holds, reading it ends with rows or with problems; and what is accepted
// makes workloads of finite figures.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "planner/usage/usage.h"
#include "planner/usage/workloads.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace usage = capacity::usage;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  constexpr capacity::prices::Date latest{std::chrono::year(2100) / 1 / 1};
  capacity::Diagnostics problems;
  capacity::Diagnostics warnings;
  const auto rows = usage::ReadUsage("fuzz.csv", text, latest, problems, warnings);
  Require(rows.has_value() == problems.empty());
  if (!rows) return 0;
  const capacity::catalog::Catalog catalog;
  const usage::UseSummary summary = usage::Summarize(*rows, catalog, usage::Grouping::kModel);
  for (const usage::WorkloadUse& use : summary.workloads) {
    Require(std::isfinite(use.output.mean) && use.output.mean > 0);
    Require(use.cached_share >= 0 && use.cached_share <= 1);
    if (use.growth_per_month) Require(*use.growth_per_month > -1);
  }
  Require(!usage::ToYaml(summary, "fuzz.csv").empty());
  return 0;
}
