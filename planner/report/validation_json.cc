#include "planner/report/validation_json.h"

#include <optional>
#include "nlohmann/json.hpp"

#include "planner/report/json.h"

namespace capacity::report {
namespace {

using validation::GroupScore;
using validation::Measurement;
using validation::ValidatedRow;
using validation::ValidationReport;

nlohmann::ordered_json Json(const Estimate& estimate) {
  return {{"low", estimate.low},
          {"mid", estimate.mid},
          {"high", estimate.high},
          {"source", Name(estimate.source)}};
}

nlohmann::ordered_json Json(const ValidatedRow& row) {
  const Measurement& m = row.measurement;
  const auto number = [](const std::optional<double>& value) {
    return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
  };
  nlohmann::ordered_json json;
  json["id"] = m.id;
  json["line"] = m.line;
  json["predicted_decode_tps"] = row.decode ? Json(*row.decode) : nlohmann::ordered_json(nullptr);
  json["predicted_prefill_tps"] =
      row.prefill ? Json(*row.prefill) : nlohmann::ordered_json(nullptr);
  json["measured_decode_tps"] = number(m.decode_tps);
  json["measured_prefill_tps"] = number(m.prefill_tps);
  json["skipped"] =
      row.skipped.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(row.skipped);
  if (!row.prefill_skipped.empty()) json["prefill_skipped"] = row.prefill_skipped;
  if (!row.assumed.empty()) json["assumed"] = row.assumed;
  return json;
}

}  // namespace

std::string ValidationJson(const ValidationReport& report) {
  nlohmann::ordered_json json;
  json["schema_version"] = kSchemaVersion;
  json["kind"] = "validate";
  json["rows"] = nlohmann::ordered_json::array();
  for (const ValidatedRow& row : report.rows) json["rows"].push_back(Json(row));
  json["summary"] = nlohmann::ordered_json::array();
  for (const GroupScore& group : report.summary) {
    json["summary"].push_back({{"group", group.group},
                               {"metric", group.metric},
                               {"n", group.score.n},
                               {"median_ape", group.score.median_ape},
                               {"p90_ape", group.score.p90_ape},
                               {"within_20", group.score.within_20},
                               {"bias", group.score.bias},
                               {"coverage_80", group.score.coverage_80},
                               {"mean_interval_width", group.score.mean_width}});
  }
  json["skipped"] = report.skipped;
  // Replaces bytes that are not UTF-8 (a CSV may hold anything) instead of throwing.
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace capacity::report
