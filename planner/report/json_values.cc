#include "planner/report/json_values.h"

#include <cmath>

#include "nlohmann/json.hpp"
#include "planner/report/json.h"

namespace capacity::report {

Json Number(double value) {
  if (!std::isfinite(value)) return nullptr;
  if (value == 0) return 0;
  const double scale = std::pow(10.0, 5 - std::floor(std::log10(std::fabs(value))));
  const double rounded = std::round(value * scale) / scale;
  if (rounded == std::floor(rounded) && std::fabs(rounded) < 1e15) {
    return static_cast<std::int64_t>(rounded);
  }
  return rounded;
}

Json Cents(Usd usd) { return usd.dollars(); }

Json Dollars(double usd) {
  return std::isfinite(usd) ? Json(std::round(usd * 100) / 100) : Json(nullptr);
}

Json IntervalJson(const Estimate& estimate) {
  return {{"low", Number(estimate.low)},
          {"mid", Number(estimate.mid)},
          {"high", Number(estimate.high)},
          {"source", Name(estimate.source)}};
}

Json MonthsJson(const Estimate& estimate) {
  return {{"low", Number(estimate.low)},
          {"mid", Number(estimate.mid)},
          {"high", Number(estimate.high)}};
}

std::string Document(const char* kind, Json body) {
  Json document = {{"schema_version", kSchemaVersion}, {"kind", kind}};
  document.update(body);
  // Names come from users' files: text that is not UTF-8 is replaced, never thrown on.
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace capacity::report
