#include <fstream>
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "planner/cli/commands.h"
#include "planner/cli/measurement_file.h"
#include "planner/validation/calibrate.h"
#include "planner/validation/calibration_text.h"

namespace capacity::cli {
namespace {

struct CalibrateArguments {
  std::string measurements;
  std::string out;
};

int RunCalibrate(const Common& common, const CalibrateArguments& arguments) {
  const std::optional<catalog::Catalog> catalog = LoadCatalogOrPrint(common);
  if (!catalog) return kBadInput;
  const auto measurements = LoadMeasurementsOrPrint(arguments.measurements);
  if (!measurements) return kBadInput;
  const absl::StatusOr<validation::Fitted> fitted = validation::Calibrate(*catalog, *measurements);
  if (!fitted.ok()) {
    return BadArgument("--measurements", std::string(fitted.status().message()));
  }
  for (const std::string& skipped : fitted->skipped) std::cerr << "not used: " << skipped << "\n";
  const std::string text = validation::CalibrationYaml(fitted->calibration);
  if (arguments.out.empty()) return Print(text);
  std::ofstream out(arguments.out, std::ios::binary);
  out << text;
  out.close();
  if (!out) {
    std::cerr << "planner: " << arguments.out << ": cannot be written\n";
    return kWorldFailed;
  }
  return Print(absl::StrCat("Fitted on ", fitted->calibration.source, ": ", arguments.out, "\n"));
}

}  // namespace

void AddCalibrate(CLI::App& app, Common& common, Action& action) {
  auto arguments = std::make_shared<CalibrateArguments>();
  CLI::App* command = app.add_subcommand("calibrate", "Fit the speed model to measurements");
  command->footer(
      "Example:\n  planner calibrate --measurements data/measurements.csv --out calibration.yaml");
  command
      ->add_option("--measurements", arguments->measurements,
                   "CSV of measured speeds; docs/accuracy.md lists the columns")
      ->required()
      ->type_name("FILE");
  command->add_option("--out", arguments->out, "Where to write it; standard output when absent")
      ->type_name("FILE");
  AddCommonOptions(*command, common);
  command->callback([arguments, &common, &action] {
    action = [arguments, &common] { return RunCalibrate(common, *arguments); };
  });
}

}  // namespace capacity::cli
