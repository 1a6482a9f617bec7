#include "planner/validation/calibrate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "planner/inventory/inventory.h"
#include "planner/validation/calibration_text.h"

namespace capacity::validation {
namespace {

const catalog::Catalog& Facts() {
  static const auto& loaded = *new inventory::Loaded<catalog::Catalog>(
      inventory::LoadCatalog(CAPACITY_SOURCE_DIR "/inventories/catalog", {}));
  return *loaded.value;
}

// Rows that a machine with known parameters would measure, without noise: three labs, MLX on two
// chips, eight models of different size, short and long contexts.
std::vector<Measurement> Synthetic(const throughput::Calibration& truth) {
  std::vector<Measurement> rows;
  int n = 0;
  for (const char* lab : {"lab-a", "lab-b", "lab-c"}) {
    for (const char* chip : {"apple-m4-max-40", "apple-m4-pro-20"}) {
      for (const char* model : {"llama-3.2-1b", "llama-3.2-3b", "llama-3.1-8b", "qwen3-14b",
                                "qwen3-32b", "llama-3.1-70b", "qwen3-30b-a3b", "gpt-oss-20b"}) {
        for (double context : {200.0, 30000.0}) {
          Measurement row;
          row.id = absl::StrCat("s", ++n);
          row.chip = chip;
          row.engine_family = "mlx";
          row.engine = "mlx-lm";
          row.date = "2026-01";
          row.model = model;
          row.quant = "mlx-8bit";
          row.context_tokens = context;
          row.source = row.lab = lab;
          row.decode_tps = 1;
          const ValidationReport report = Validate(Facts(), truth, {row});
          EXPECT_TRUE(report.rows[0].decode.has_value()) << report.rows[0].skipped;
          if (!report.rows[0].decode) continue;
          row.decode_tps = report.rows[0].decode->mid;
          rows.push_back(row);
        }
      }
    }
  }
  return rows;
}

TEST(Calibrate, RecoversKnownParametersFromCleanData) {
  throughput::Calibration truth;
  truth.parameters["decode.bandwidth_share.apple-max"].value = 0.80;
  truth.parameters["decode.bandwidth_share.apple-pro"].value = 0.92;
  truth.parameters["decode.layer.mlx"].value = 0.07;
  truth.parameters["decode.moe_block.mlx"].value = 3;
  truth.parameters["decode.cache_walk.mlx"].value = 2.5;
  ASSERT_TRUE(truth.Resolve().ok());
  const absl::StatusOr<Fitted> fitted = Calibrate(Facts(), Synthetic(truth));
  ASSERT_TRUE(fitted.ok()) << fitted.status();
  for (const auto& [name, parameter] : truth.parameters) {
    const double found = fitted->calibration.parameters.at(name).value;
    EXPECT_NEAR(std::log(found / parameter.value), 0, 0.1) << name << " " << found;
    EXPECT_GT(fitted->calibration.parameters.at(name).rows, 10) << name;
  }
  // What the data says nothing about stays at its prior and says so.
  const throughput::Parameter& prior = fitted->calibration.parameters.at("decode.layer.vllm");
  EXPECT_EQ(prior.rows, 0);
  EXPECT_NEAR(
      prior.value,
      throughput::Coefficients().layer_ms[static_cast<std::size_t>(throughput::LaunchClass::kVllm)],
      1e-4);
}

TEST(Calibrate, AnOutlierDoesNotDecide) {
  std::vector<Measurement> rows = Synthetic(throughput::Calibration());
  const absl::StatusOr<Fitted> clean = Calibrate(Facts(), rows);
  rows[10].decode_tps = *rows[10].decode_tps / 5;
  const absl::StatusOr<Fitted> spoiled = Calibrate(Facts(), rows);
  ASSERT_TRUE(clean.ok() && spoiled.ok());
  const auto share = [](const Fitted& f) {
    return f.calibration.parameters.at("decode.bandwidth_share.apple-max").value;
  };
  EXPECT_NEAR(share(*spoiled), share(*clean), 0.02 * share(*clean));
}

TEST(Calibrate, RerunsGiveTheSameBytesAndTheFileReadsBack) {
  const std::vector<Measurement> rows = Synthetic(throughput::Calibration());
  const absl::StatusOr<Fitted> once = Calibrate(Facts(), rows);
  const absl::StatusOr<Fitted> again = Calibrate(Facts(), rows);
  ASSERT_TRUE(once.ok() && again.ok());
  const std::string text = CalibrationYaml(once->calibration);
  EXPECT_EQ(text, CalibrationYaml(again->calibration));

  const std::string file = ::testing::TempDir() + "/calibration_roundtrip.yaml";
  std::ofstream(file) << text;
  const inventory::Loaded<throughput::Calibration> loaded = inventory::LoadCalibration(file);
  std::remove(file.c_str());
  for (const Diagnostic& problem : loaded.problems) ADD_FAILURE() << ToString(problem);
  ASSERT_TRUE(loaded.value.has_value());
  EXPECT_EQ(CalibrationYaml(*loaded.value), text);
}

TEST(Calibrate, NothingUsableIsAnErrorThatSaysWhereToLook) {
  Measurement row;
  row.model = "no-such-model";
  row.decode_tps = 5;
  const absl::StatusOr<Fitted> fitted = Calibrate(Facts(), {row});
  EXPECT_EQ(fitted.status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace capacity::validation
