#include "planner/report/usage.h"

#include "nlohmann/json.hpp"
#include "planner/report/json.h"

namespace capacity::report {
namespace {

using Json = nlohmann::ordered_json;

template <class T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json OrNull(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json DailyJson(const usage::DailyTokens& tokens) {
  return {{"mean", tokens.mean}, {"p90", tokens.p90}};
}

Json WorkloadJson(const usage::WorkloadUse& use) {
  return {{"name", use.name},
          {"billed_as", use.billed},
          {"replaces", OrNull(use.replaces)},
          {"quality_tier", OrNull(use.tier)},
          {"open_model", OrNull(use.open_model)},
          {"input_tokens_per_day", DailyJson(use.input)},
          {"output_tokens_per_day", DailyJson(use.output)},
          {"cached_input_share", use.cached_share},
          {"input_tokens_per_request", OrNull(use.input_per_request)},
          {"output_tokens_per_request", OrNull(use.output_per_request)},
          {"growth_per_month", OrNull(use.growth_per_month)},
          {"cost_usd", OrNull(use.cost_usd)}};
}

}  // namespace

std::string UsageJson(const usage::UseSummary& summary) {
  Json workloads = Json::array();
  for (const usage::WorkloadUse& use : summary.workloads) workloads.push_back(WorkloadJson(use));
  const Json out = {{"schema_version", kSchemaVersion},
                    {"kind", "usage-import"},
                    {"first_day", prices::ToString(summary.first)},
                    {"last_day", prices::ToString(summary.last)},
                    {"days", summary.days},
                    {"workloads", workloads},
                    {"without_output", summary.without_output}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace capacity::report
