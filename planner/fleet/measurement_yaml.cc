#include "planner/fleet/measurement_yaml.h"

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace capacity::fleet {

std::string YamlQuoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned>(c) & 0xffu);
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string ExactNumber(double value) {
  char text[32];
  for (int digits = 6; digits <= 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    if (std::strtod(text, nullptr) == value) break;
  }
  return text;
}

std::string MeasurementYaml(const SpeedMeasurement& measurement,
                            const std::vector<std::string>& nodes, int indent) {
  const std::string margin(static_cast<std::size_t>(indent), ' ');
  std::vector<std::string> quoted;
  for (const std::string& node : nodes) quoted.push_back(YamlQuoted(node));
  std::vector<std::string> fields;
  if (nodes.size() == 1) {
    fields.push_back("node: " + quoted[0]);
    if (!measurement.strategy.empty()) fields.push_back("strategy: " + measurement.strategy);
  } else {
    fields.push_back(absl::StrCat("nodes: [", absl::StrJoin(quoted, ", "), "]"));
    fields.push_back("strategy: " + measurement.strategy);
    if (measurement.link != nullptr) fields.push_back("link: " + measurement.link->id);
  }
  fields.push_back("model: " + YamlQuoted(measurement.model->id));
  fields.push_back("quant: " + YamlQuoted(measurement.quant->id));
  fields.push_back(absl::StrCat("engine: ", catalog::Name(measurement.engine)));
  fields.push_back(absl::StrCat("context: ", measurement.context_tokens));
  if (measurement.prompt_tokens > 0) {
    fields.push_back(absl::StrCat("prompt: ", measurement.prompt_tokens));
  }
  if (measurement.batch > 1) fields.push_back(absl::StrCat("batch: ", measurement.batch));
  if (measurement.decode) {
    fields.push_back("decode_tps: " + ExactNumber(measurement.decode->value));
  }
  if (measurement.prefill) {
    fields.push_back("prefill_tps: " + ExactNumber(measurement.prefill->value));
  }
  if (!measurement.as_of.empty()) fields.push_back("as_of: " + YamlQuoted(measurement.as_of));
  return absl::StrCat(margin, "- ", absl::StrJoin(fields, "\n" + margin + "  "), "\n");
}

}  // namespace capacity::fleet
