#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "planner/cli/commands.h"
#include "planner/cli/measurement_file.h"
#include "planner/report/validation_json.h"
#include "planner/validation/accuracy.h"
#include "planner/validation/calibrate.h"
#include "planner/validation/validate.h"

namespace capacity::cli {
namespace {

using validation::GroupScore;
using validation::ValidatedRow;
using validation::ValidationReport;

struct ValidateArguments {
  std::string measurements;
  bool leave_one_source_out = false;
  bool page = false;
};

std::string Percent(double share) { return absl::StrFormat("%.1f %%", 100 * share); }

std::string ReportText(const ValidationReport& found, const report::Style& style) {
  std::string out;
  for (const char* metric : {"decode", "prefill"}) {
    report::Table table({{absl::StrCat(metric, ": rows of"), report::Align::kLeft, true},
                         {"rows", report::Align::kRight},
                         {"median error", report::Align::kRight},
                         {"within 20 %", report::Align::kRight},
                         {"p90 error", report::Align::kRight},
                         {"bias", report::Align::kRight},
                         {"in interval", report::Align::kRight}});
    for (const GroupScore& group : found.summary) {
      if (group.metric != metric) continue;
      table.Add({group.group, absl::StrCat(group.score.n), Percent(group.score.median_ape),
                 Percent(group.score.within_20), Percent(group.score.p90_ape),
                 absl::StrFormat("%+.1f %%", 100 * group.score.bias),
                 Percent(group.score.coverage_80)});
    }
    if (!table.empty()) absl::StrAppend(&out, table.Render(style), "\n");
  }
  for (const ValidatedRow& row : found.rows) {
    if (!row.skipped.empty()) {
      absl::StrAppend(&out, "not predicted: ", row.measurement.id, ": ", row.skipped, "\n");
    } else if (!row.prefill_skipped.empty() && row.measurement.prefill_tps) {
      absl::StrAppend(&out, "prefill not predicted: ", row.measurement.id, ": ",
                      row.prefill_skipped, "\n");
    }
  }
  absl::StrAppend(&out, found.rows.size(), " rows, ", found.skipped, " not predicted\n");
  return out;
}

int RunValidate(const Common& common, const ValidateArguments& arguments) {
  const std::optional<Facts> facts = LoadFactsOrPrint(common);
  if (!facts) return kBadInput;
  const auto measurements = LoadMeasurementsOrPrint(arguments.measurements);
  if (!measurements) return kBadInput;
  if (arguments.page) {
    const absl::StatusOr<std::string> tables =
        validation::AccuracyTables(facts->catalog, *measurements);
    if (!tables.ok()) return BadArgument("--measurements", std::string(tables.status().message()));
    return Print(*tables);
  }
  ValidationReport found;
  if (arguments.leave_one_source_out) {
    auto rows = validation::LeaveOneSourceOut(facts->catalog, *measurements);
    if (!rows.ok()) return BadArgument("--measurements", std::string(rows.status().message()));
    found.rows = *std::move(rows);
    found.summary = validation::Summarize(found.rows);
    for (const ValidatedRow& row : found.rows) found.skipped += row.skipped.empty() ? 0 : 1;
  } else {
    found = validation::Validate(facts->catalog, facts->calibration, *measurements);
  }
  return Print(common.json() ? report::ValidationJson(found) : ReportText(found, common.style));
}

}  // namespace

void AddValidate(CLI::App& app, Common& common, Action& action) {
  auto arguments = std::make_shared<ValidateArguments>();
  CLI::App* command =
      app.add_subcommand("validate", "Predict measured speeds and say how wrong the model is");
  command->footer("Example:\n  planner validate --measurements data/measurements.csv");
  command
      ->add_option("--measurements", arguments->measurements,
                   "CSV of measured speeds; docs/accuracy.md lists the columns")
      ->required()
      ->type_name("FILE");
  command->add_flag("--leave-one-source-out", arguments->leave_one_source_out,
                    "Refit without each lab and predict its rows: the honest score");
  command->add_flag("--page", arguments->page, "The tables of docs/accuracy.md, as Markdown");
  AddCommonOptions(*command, common);
  command->callback([arguments, &common, &action] {
    action = [arguments, &common] { return RunValidate(common, *arguments); };
  });
}

}  // namespace capacity::cli
