#include "planner/report/measurements.h"

#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "planner/report/json.h"

namespace capacity::report {
namespace {

using Json = nlohmann::ordered_json;
using placement::Judged;

std::string Dump(const Json& document) {
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::vector<std::string> NamesOf(const fleet::Fleet& fleet,
                                 const fleet::SpeedMeasurement& measured) {
  std::vector<std::string> names;
  for (int node : measured.nodes) {
    names.push_back(fleet.nodes()[static_cast<std::size_t>(node)].name);
  }
  return names;
}

Json HalfJson(const std::optional<TokensPerSecond>& measured, const std::optional<Estimate>& before,
              const std::optional<Estimate>& after) {
  if (!measured) return nullptr;
  const auto estimate = [](const std::optional<Estimate>& e) -> Json {
    if (!e) return nullptr;
    return {{"low", e->low}, {"mid", e->mid}, {"high", e->high}, {"source", Name(e->source)}};
  };
  return {{"measured_tps", measured->value},
          {"predicted_before", estimate(before)},
          {"predicted_from_the_others", estimate(after)}};
}

// "+12 %": how much faster the machine was than expected.
std::string Off(const std::optional<TokensPerSecond>& measured,
                const std::optional<Estimate>& expected) {
  if (!measured || !expected) return "";
  return absl::StrFormat("%+.0f %%", 100 * (measured->value / expected->mid - 1));
}

std::string Tps(const Estimate& estimate) {
  return absl::StrCat(FormatNumber(estimate.mid), " (", FormatNumber(estimate.low), "–",
                      FormatNumber(estimate.high), ")");
}

void AddRow(const fleet::Fleet& fleet, const Judged& judged, const char* half,
            const std::optional<TokensPerSecond>& measured, const std::optional<Estimate>& before,
            const std::optional<Estimate>& after, Table& table) {
  if (!measured) return;
  const fleet::SpeedMeasurement& m = *judged.measurement;
  table.Add({absl::StrJoin(NamesOf(fleet, m), "+"), m.model->id, m.quant->id,
             catalog::Name(m.engine), half, FormatNumber(measured->value),
             before ? FormatNumber(before->mid) : "?", Off(measured, before),
             after ? Tps(*after) : "?", Off(measured, after)});
}

}  // namespace

std::string MeasurementsJson(const fleet::Fleet& fleet, const placement::Judgements& judged,
                             const std::vector<std::string>& notes) {
  Json rows = Json::array();
  for (const Judged& one : judged.measurements) {
    const fleet::SpeedMeasurement& m = *one.measurement;
    rows.push_back(
        {{"nodes", NamesOf(fleet, m)},
         {"model", m.model->id},
         {"quant", m.quant->id},
         {"engine", catalog::Name(m.engine)},
         {"strategy", Name(one.strategy)},
         {"link", m.link == nullptr ? Json(nullptr) : Json(m.link->id)},
         {"context_tokens", m.context_tokens},
         {"prompt_tokens", m.prompt_tokens},
         {"streams", m.batch},
         {"as_of", m.as_of.empty() ? Json(nullptr) : Json(m.as_of)},
         {"decode", HalfJson(m.decode, one.decode_before, one.decode_after)},
         {"prefill", HalfJson(m.prefill, one.prefill_before, one.prefill_after)},
         {"not_predicted_because", one.why_not.empty() ? Json(nullptr) : Json(one.why_not)}});
  }
  return Dump({{"schema_version", kSchemaVersion},
               {"kind", "measurements"},
               {"measurements", rows},
               {"contradictions", judged.remarks},
               {"notes", notes}});
}

std::string MeasurementsText(const fleet::Fleet& fleet, const placement::Judgements& judged,
                             const std::vector<std::string>& notes, const Style& style) {
  Table table({{"node", Align::kLeft, true, 4},
               {"model", Align::kLeft, true, 8},
               {"quant", Align::kLeft, true, 6},
               {"engine", Align::kLeft, true, 5},
               {""},
               {"measured", Align::kRight},
               {"catalogue", Align::kRight},
               {"off", Align::kRight},
               {"by the others", Align::kRight},
               {"off", Align::kRight}});
  std::string below;
  for (const Judged& one : judged.measurements) {
    AddRow(fleet, one, "decode", one.measurement->decode, one.decode_before, one.decode_after,
           table);
    AddRow(fleet, one, "prefill", one.measurement->prefill, one.prefill_before, one.prefill_after,
           table);
    if (one.why_not.empty()) continue;
    absl::StrAppend(
        &below,
        Wrap(absl::StrCat(absl::StrJoin(NamesOf(fleet, *one.measurement), "+"), ": ",
                          one.measurement->model->id, " is not predicted: ", one.why_not),
             style.width, 4),
        "\n");
  }
  for (const std::string& remark : judged.remarks) {
    absl::StrAppend(&below, Wrap(remark, style.width, 4), "\n");
  }
  for (const std::string& note : notes) absl::StrAppend(&below, Wrap(note, style.width, 4), "\n");
  if (table.empty() && below.empty()) {
    return "Nothing was measured yet. `node-agent bench --engine auto` measures; `planner "
           "measurements import` takes what you have.\n";
  }
  return absl::StrCat(table.empty() ? "" : table.Render(style),
                      table.empty() ? ""
                                    : "Tokens/s of all streams together. catalogue: predicted "
                                      "before anything was measured;\nby the others: predicted "
                                      "from the other measurements of this fleet.\n",
                      below);
}

std::string MeasurementsImportJson(const std::string& yaml, int imported,
                                   const std::vector<LeftOutRow>& left_out) {
  Json rows = Json::array();
  for (const LeftOutRow& row : left_out) {
    rows.push_back({{"row", row.row}, {"reason", row.reason}});
  }
  return Dump({{"schema_version", kSchemaVersion},
               {"kind", "measurements-import"},
               {"yaml", yaml},
               {"imported", imported},
               {"left_out", rows}});
}

}  // namespace capacity::report
