// docs/accuracy.md and inventories/calibration.yaml are what the commands produce today.
#include "planner/validation/accuracy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "planner/inventory/inventory.h"
#include "planner/validation/calibrate.h"
#include "planner/validation/calibration_text.h"

namespace capacity::validation {
namespace {

std::string Slurp(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string Root(const std::string& path) { return absl::StrCat(CAPACITY_SOURCE_DIR, "/", path); }

const catalog::Catalog& Facts() {
  static const auto& loaded = *new inventory::Loaded<catalog::Catalog>(
      inventory::LoadCatalog(Root("inventories/catalog"), {}));
  return *loaded.value;
}

std::vector<Measurement> Rows(const std::string& file) {
  MeasurementFile read = ReadMeasurements(file, Slurp(file));
  for (const Diagnostic& problem : read.problems) ADD_FAILURE() << ToString(problem);
  return std::move(read.rows);
}

// The file with the rows that may not be redistributed; nullopt, said aloud, when it is not here.
std::optional<std::string> FullFile() {
  const char* stated = std::getenv("CAPACITY_TRAINING_CSV");
  const std::string file =
      stated != nullptr ? stated : Root("../shared/reference/measurements-train.csv");
  if (std::filesystem::exists(file)) return file;
  std::cout << "The full measurements are not at " << file
            << " (CAPACITY_TRAINING_CSV names another place): only the part that depends on "
               "data/measurements.csv is checked.\n";
  return std::nullopt;
}

// The text between "<!-- begin NAME -->" and "<!-- end NAME -->".
std::string Block(const std::string& page, const std::string& name) {
  const std::string begin = absl::StrCat("<!-- begin ", name, " -->\n");
  const std::size_t from = page.find(begin);
  const std::size_t to = page.find(absl::StrCat("<!-- end ", name, " -->"));
  if (from == std::string::npos || to == std::string::npos) return "";
  return page.substr(from + begin.size(), to - from - begin.size());
}

// The same words, and numbers that differ by no more than another compiler's rounding.
void ExpectSame(const std::string& page, const std::string& fresh) {
  constexpr double kRounding = 1.01;  // one unit of what the page prints
  constexpr double kRelative = 0.02;
  const std::vector<std::string> a =
      absl::StrSplit(page, absl::ByAnyChar(" \n|,:{}"), absl::SkipEmpty());
  const std::vector<std::string> b =
      absl::StrSplit(fresh, absl::ByAnyChar(" \n|,:{}"), absl::SkipEmpty());
  ASSERT_EQ(a.size(), b.size()) << "the page is stale";
  for (std::size_t i = 0; i < a.size(); ++i) {
    double x = 0;
    double y = 0;
    const std::string& left = a[i];
    const std::string& right = b[i];
    const auto number = [](const std::string& text, double& value) {
      return absl::SimpleAtod(text[0] == 'x' ? text.substr(1) : text, &value);
    };
    if (number(left, x) && number(right, y)) {
      EXPECT_NEAR(x, y, std::max(kRounding, kRelative * std::fabs(y)))
          << "stale near \"" << left << "\"";
    } else {
      ASSERT_EQ(left, right) << "the page is stale";
    }
  }
}

TEST(Accuracy, ThePageIsFresh) {
  const std::string page = Slurp(Root("docs/accuracy.md"));
  const auto fresh = AccuracyTables(Facts(), Rows(Root("data/measurements.csv")));
  ASSERT_TRUE(fresh.ok()) << fresh.status();
  ExpectSame(Block(page, "data/measurements.csv"), *fresh);
  if (const std::optional<std::string> full = FullFile()) {
    const auto of_all = AccuracyTables(Facts(), Rows(*full));
    ASSERT_TRUE(of_all.ok()) << of_all.status();
    ExpectSame(Block(page, "full"), *of_all);
  }
}

TEST(Accuracy, TheShippedCalibrationIsFresh) {
  const std::optional<std::string> full = FullFile();
  const std::string file = full ? *full : Root("data/measurements.csv");
  const absl::StatusOr<Fitted> fitted = Calibrate(Facts(), Rows(file));
  ASSERT_TRUE(fitted.ok()) << fitted.status();
  inventory::Loaded<throughput::Calibration> shipped =
      inventory::LoadCalibration(Root("inventories/calibration.yaml"));
  ASSERT_TRUE(shipped.value.has_value());
  ASSERT_EQ(shipped.value->parameters.size(), fitted->calibration.parameters.size());
  // Without the full file the fit has other evidence: parameters may move by their own uncertainty.
  constexpr double kRounding = 1e-3;
  constexpr double kErrors = 3;
  for (const auto& [name, parameter] : shipped.value->parameters) {
    const throughput::Parameter& again = fitted->calibration.parameters.at(name);
    const double moved = std::fabs(std::log(again.value / parameter.value));
    if (full) {
      EXPECT_LE(moved, kRounding) << name << " is stale";
      EXPECT_EQ(again.rows, parameter.rows) << name;
    } else {
      EXPECT_LE(moved, kErrors * std::max(again.standard_error, 0.02)) << name;
    }
  }
}

// What the project set itself for lab-unseen rows, on the part that everybody has.
TEST(Accuracy, TheHonestScoresMeetTheBars) {
  const auto rows = LeaveOneSourceOut(Facts(), Rows(Root("data/measurements.csv")));
  ASSERT_TRUE(rows.ok()) << rows.status();
  int checked = 0;
  for (const GroupScore& group : Summarize(*rows)) {
    if (group.metric == "decode" && group.group == "task: single, current builds") {
      EXPECT_LE(group.score.median_ape, 0.07);
      EXPECT_GE(group.score.within_20, 0.85);
      EXPECT_LE(group.score.p90_ape, 0.22);
      EXPECT_GE(group.score.coverage_80, 0.70);
      ++checked;
    }
    if (group.metric == "decode" && group.group == "task: pipeline") {
      EXPECT_GE(group.score.within_20, 0.70);
      ++checked;
    }
    if (group.metric == "prefill" && group.group == "task: single, current builds") {
      EXPECT_LE(group.score.median_ape, 0.16);
      EXPECT_GE(group.score.within_20, 0.62);
      ++checked;
    }
  }
  EXPECT_EQ(checked, 3);
}

}  // namespace
}  // namespace capacity::validation
