#include "planner/validation/calibration_text.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace capacity::validation {
namespace {

using throughput::Calibration;
using throughput::Parameter;
using throughput::ParameterSpec;

// Fitted so that old measurements do not bend the other parameters.
bool IsOldBuild(const std::string& name) {
  return absl::EndsWith(name, "-2024") || absl::EndsWith(name, "_2024") ||
         absl::EndsWith(name, "-undated") || absl::StrContains(name, ".old_cache.") ||
         absl::StrContains(name, ".old.") || absl::StartsWith(name, "measurement.");
}

std::string Line(const ParameterSpec& spec, const Parameter& parameter) {
  std::string out = absl::StrFormat("  %s: {value: %.4g", spec.name, parameter.value);
  if (!spec.unit.empty()) absl::StrAppend(&out, ", unit: \"", spec.unit, "\"");
  absl::StrAppendFormat(&out, ", log_standard_error: %.3f, rows: %d, labs: %d}\n",
                        parameter.standard_error, parameter.rows, parameter.labs);
  return out;
}

std::string Section(const Calibration& calibration, bool old_builds) {
  std::string out;
  std::string meaning;  // said once for the parameters that share it
  for (const ParameterSpec& spec : throughput::ParameterSpecs()) {
    auto it = calibration.parameters.find(spec.name);
    if (it == calibration.parameters.end() || IsOldBuild(spec.name) != old_builds) continue;
    if (spec.meaning != meaning) absl::StrAppend(&out, "  # ", spec.meaning, "\n");
    meaning = spec.meaning;
    out += Line(spec, it->second);
  }
  return out;
}

}  // namespace

std::string CalibrationYaml(const Calibration& calibration) {
  std::string out =
      "# The fitted numbers of the speed model: docs/model.md section 4 says what they mean.\n"
      "#\n"
      "# Written by `planner calibrate`; do not edit, rebuild (docs/accuracy.md has the command).\n"
      "# rows and labs count the measurements that inform a parameter; without any, the value is "
      "its\n"
      "# prior. log_standard_error is of the natural logarithm.\n\n"
      "schema: capacity-planner/calibration/v1\n";
  absl::StrAppend(&out, "source: \"", calibration.source, "\"\n\n");
  absl::StrAppendFormat(
      &out,
      "# 80 %% intervals: factor on equation 4.22, and half-widths of equation 4.23.\n"
      "decode_interval_scale: %.4g\n",
      calibration.decode_interval_scale);
  out += calibration.prefill_widths.empty() ? "prefill_intervals: {}\n" : "prefill_intervals:\n";
  for (const auto& [name, width] : calibration.prefill_widths) {
    absl::StrAppendFormat(&out, "  %s: {log_half_width: %.4g, rows: %d}\n", name,
                          width.log_half_width, width.rows);
  }
  absl::StrAppend(&out, "\nparameters:\n", Section(calibration, false));
  absl::StrAppend(&out,
                  "\n# Builds of 2023 and 2024, builds without a date, and measurements that time "
                  "whole requests:\n# fitted so that they do not bend the rest. Only `planner "
                  "validate` uses them, for such rows.\nold_builds:\n",
                  Section(calibration, true));
  out += "\n# Chips that were measured; others get wider intervals.\nchips:\n";
  for (const std::string& chip : calibration.chips) absl::StrAppend(&out, "  - ", chip, "\n");
  return out;
}

}  // namespace capacity::validation
