#include "planner/validation/learning.h"

#include <gtest/gtest.h>

#include <cmath>

#include "planner/inventory/inventory.h"
#include "planner/validation/validate.h"

namespace capacity::validation {
namespace {

const catalog::Catalog& Facts() {
  static const auto& loaded = *new inventory::Loaded<catalog::Catalog>(
      inventory::LoadCatalog(std::string(CAPACITY_SOURCE_DIR) + "/inventories/catalog", {}));
  return *loaded.value;
}

const throughput::Calibration& Shipped() {
  static const auto& loaded =
      *new inventory::Loaded<throughput::Calibration>(inventory::LoadCalibration(
          std::string(CAPACITY_SOURCE_DIR) + "/inventories/calibration.yaml"));
  return *loaded.value;
}

// A machine that runs everything `factor` times as fast as the catalogue lets expect, but for the
// model of the odd row.
std::vector<ValidatedRow> Rows(double factor, double odd) {
  std::vector<Measurement> measurements;
  for (const char* model : {"llama-3.1-8b", "qwen3-8b", "mistral-7b", "llama-2-7b", "qwen3-14b"}) {
    Measurement m;
    m.chip = "apple-m4-max-40";
    m.engine_family = m.engine = "mlx";
    m.model = model;
    m.quant = "mlx-4bit";
    m.lab = "lab";
    m.decode_tps = 1;
    measurements.push_back(m);
  }
  std::vector<ValidatedRow> rows = Validate(Facts(), Shipped(), measurements).rows;
  std::erase_if(rows, [](const ValidatedRow& row) { return !row.decode; });
  for (ValidatedRow& row : rows) row.measurement.decode_tps = row.decode->mid * factor;
  rows.back().measurement.decode_tps = rows.back().decode->mid * odd;
  return rows;
}

TEST(AfterMeasuring, AMachineThatIsSlowThroughoutIsLearned) {
  const std::vector<ValidatedRow> rows = Rows(0.8, 0.8);
  ASSERT_GE(rows.size(), 4u);
  const std::vector<Learned> learned = AfterMeasuring(Facts(), Shipped(), rows, 3);
  ASSERT_EQ(learned.size(), 3u);  // decode: all and the one; prefill: all, of nothing
  EXPECT_EQ(learned[0].machine, "all machines");
  EXPECT_EQ(learned[1].machine, "apple-m4-max-40 (lab)");
  EXPECT_EQ(learned[1].rows, static_cast<int>(rows.size()));
  EXPECT_NEAR(learned[1].before.median_ape, 0.25, 1e-9);
  EXPECT_LT(learned[1].after.median_ape, 0.1);
  EXPECT_EQ(learned[0].after.n, learned[1].after.n);
}

TEST(AfterMeasuring, TooFewModelsTellNothing) {
  std::vector<ValidatedRow> rows = Rows(0.8, 0.8);
  rows.resize(3);
  const std::vector<Learned> learned = AfterMeasuring(Facts(), Shipped(), rows, 3);
  ASSERT_EQ(learned.size(), 2u);
  EXPECT_EQ(learned[0].rows, 0);
}

}  // namespace
}  // namespace capacity::validation
