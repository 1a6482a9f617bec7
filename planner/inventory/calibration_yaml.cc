// LoadCalibration: the fitted numbers of the speed model.
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/inventory/fields.h"
#include "planner/inventory/inventory.h"

namespace capacity::inventory {
namespace {

constexpr DocumentLimits kCalibrationLimits = {.bytes = 1 << 20};
constexpr Range kCount = Between(0, 1e9);
constexpr Range kLogs = Between(0, 10);
constexpr char kSchema[] = "capacity-planner/calibration/v1";

void ReadParameters(const Value& map, throughput::Calibration& out, Problems& problems) {
  if (!map.is_map()) {
    problems.Add(map, absl::StrCat("expected a map of parameters, found ", Describe(map)));
    return;
  }
  for (const Value::Entry& entry : map.entries) {
    Fields fields(*entry.value, "parameter", problems);
    fields.Require({"value"});
    throughput::Parameter parameter;
    parameter.value = fields.Number("value", Above(0, 1e15)).value_or(1);
    parameter.standard_error = fields.Number("log_standard_error", kLogs).value_or(0);
    parameter.rows = fields.Integer("rows", kCount).value_or(0);
    parameter.labs = fields.Integer("labs", kCount).value_or(0);
    parameter.unit = fields.Text("unit").value_or("");
    fields.ReportUnknown();
    throughput::Calibration known;
    known.parameters[entry.key->text] = parameter;
    if (const absl::Status status = known.Resolve(); !status.ok()) {
      problems.Add(*entry.key, std::string(status.message()));
    }
    out.parameters[entry.key->text] = std::move(parameter);
  }
}

void ReadWidths(const Value& map, throughput::Calibration& out, Problems& problems) {
  if (!map.is_map()) {
    problems.Add(map, absl::StrCat("expected a map of intervals, found ", Describe(map)));
    return;
  }
  for (const Value::Entry& entry : map.entries) {
    Fields fields(*entry.value, "interval", problems);
    fields.Require({"log_half_width"});
    out.prefill_widths[entry.key->text] = {
        .log_half_width = fields.Number("log_half_width", Above(0, 10)).value_or(0),
        .rows = fields.Integer("rows", kCount).value_or(0)};
    fields.ReportUnknown();
  }
}

}  // namespace

Loaded<throughput::Calibration> LoadCalibration(const std::string& file) {
  ParsedDocument parsed = ReadDocument(file, kCalibrationLimits);
  if (!parsed.document) return {std::nullopt, std::move(parsed.problems)};
  Problems problems;
  throughput::Calibration out;
  Fields fields(parsed.document->root(), "calibration", problems);
  fields.Require({"schema", "source", "parameters"});
  fields.OneOf("schema", {kSchema});
  out.source = fields.Text("source").value_or("");
  out.decode_interval_scale = fields.Number("decode_interval_scale", Above(0, 100)).value_or(1);
  if (const Value* map = fields.Find("prefill_intervals")) ReadWidths(*map, out, problems);
  if (const Value* map = fields.Find("parameters")) ReadParameters(*map, out, problems);
  if (const Value* map = fields.Find("old_builds")) ReadParameters(*map, out, problems);
  for (std::string& chip : fields.Texts("chips")) out.chips.insert(std::move(chip));
  fields.ReportUnknown();
  if (problems.empty()) {
    // Every parameter was checked on its own, so this resolves.
    const absl::Status status = out.Resolve();
    if (!status.ok()) problems.Add(fields.value(), std::string(status.message()));
  }
  if (!problems.empty()) return {std::nullopt, problems.Take()};
  return {std::move(out), {}};
}

}  // namespace capacity::inventory
