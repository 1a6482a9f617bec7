#include "planner/validation/validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "planner/inventory/inventory.h"
#include "planner/report/validation_json.h"

namespace capacity::validation {
namespace {

using ::testing::HasSubstr;

const catalog::Catalog& Facts() {
  static const auto& loaded = *new inventory::Loaded<catalog::Catalog>(
      inventory::LoadCatalog(CAPACITY_SOURCE_DIR "/inventories/catalog", {}));
  return *loaded.value;
}

const throughput::Calibration& Shipped() {
  static const auto& loaded = *new inventory::Loaded<throughput::Calibration>(
      inventory::LoadCalibration(CAPACITY_SOURCE_DIR "/inventories/calibration.yaml"));
  return *loaded.value;
}

constexpr char kHeader[] =
    "id,chip_id,chip_family,bandwidth_gbps,engine_family,model_id,quant_id,kv_ctx,prompt_tokens,"
    "nodes,world,interconnect,parallelism_kind,prefill_tps,decode_tps,source\n";

ValidationReport Validated(const std::string& rows) {
  MeasurementFile file = ReadMeasurements("m.csv", kHeader + rows);
  for (const Diagnostic& problem : file.problems) ADD_FAILURE() << ToString(problem);
  return Validate(Facts(), Shipped(), file.rows);
}

TEST(Validate, PredictsKnownRows) {
  const ValidationReport report = Validated(
      "a,apple-m4-max-40,apple-max,546,mlx,llama-3.1-8b,mlx-4bit,200,512,1,1,none,single,900,"
      "98,somebody\n");
  ASSERT_EQ(report.rows.size(), 1u);
  const ValidatedRow& row = report.rows[0];
  EXPECT_EQ(row.skipped, "");
  ASSERT_TRUE(row.decode && row.prefill);
  EXPECT_LT(row.decode->low, row.decode->mid);
  EXPECT_GT(row.decode->high, row.decode->mid);
  EXPECT_GT(row.decode->mid, 50);
  EXPECT_LT(row.decode->mid, 546e9 / 4e9) << "faster than the memory";
}

TEST(Validate, SaysWhyARowCannotBePredicted) {
  const ValidationReport report = Validated(
      "a,apple-m4-max-40,,,mlx,llama-3.1-9b,mlx-4bit,,,,,,,,90,s\n"
      "b,apple-m4-maxx-40,,,mlx,llama-3.1-8b,mlx-4bit,,,,,,,,90,s\n"
      "c,apple-m4-max-40,,,mlx,llama-3.1-8b,mlx-4bits,,,,,,,,90,s\n"
      "d,apple-m4-max-40,,,mlx,llama-3.1-8b,mlx-4bit,,,2,2,string,tensor,,90,s\n"
      "e,apple-m4-max-40,,,mlx,llama-3.1-8b,mlx-4bit,,,2,2,,pipeline,,90,s\n"
      "f,apple-m4-max-40,,,,llama-3.1-8b,mlx-4bit,,,,,,,,90,s\n"
      "g,,,,mlx,llama-3.1-8b,mlx-4bit,,,,,,,,90,s\n");
  ASSERT_EQ(report.rows.size(), 7u) << "never drops a row";
  EXPECT_EQ(report.skipped, 7);
  EXPECT_THAT(report.rows[0].skipped, HasSubstr("unknown model \"llama-3.1-9b\"; did you mean"));
  EXPECT_THAT(report.rows[1].skipped, HasSubstr("unknown chip \"apple-m4-maxx-40\""));
  EXPECT_THAT(report.rows[2].skipped, HasSubstr("unknown quantization \"mlx-4bits\""));
  EXPECT_THAT(report.rows[3].skipped, HasSubstr("unknown link \"string\""));
  EXPECT_THAT(report.rows[4].skipped, HasSubstr("no link"));
  EXPECT_THAT(report.rows[5].skipped, HasSubstr("no engine"));
  EXPECT_THAT(report.rows[6].skipped, HasSubstr("no chip"));
}

TEST(Validate, PredictsAnUnknownChipByItsFamilyAndWidens) {
  const ValidationReport report = Validated(
      "a,apple-m4-max-40,apple-max,546,mlx,llama-3.1-8b,mlx-4bit,200,,1,1,none,single,,98,s\n"
      "b,apple-m9-max-60,apple-max,546,mlx,llama-3.1-8b,mlx-4bit,200,,1,1,none,single,,98,s\n");
  const Estimate& known = *report.rows[0].decode;
  const Estimate& unknown = *report.rows[1].decode;
  EXPECT_NEAR(unknown.mid, known.mid, 0.03 * known.mid);
  EXPECT_GT(unknown.high / unknown.low, known.high / known.low);
  EXPECT_FALSE(report.rows[1].prefill.has_value());
  EXPECT_THAT(report.rows[1].prefill_skipped, HasSubstr("apple-m9-max-60 has no FP16 FLOP/s"));
}

TEST(Validate, WritesEveryRowAndScoreAsJson) {
  const ValidationReport report = Validated(
      "a,apple-m4-max-40,apple-max,546,mlx,llama-3.1-8b,mlx-4bit,200,512,1,1,none,single,,98,"
      "s\nb,nothing,,,mlx,llama-3.1-8b,mlx-4bit,,,,,,,,90,s\n");
  const nlohmann::json json = nlohmann::json::parse(report::ValidationJson(report));
  ASSERT_EQ(json["rows"].size(), 2u);
  EXPECT_EQ(json["rows"][0]["id"], "a");
  EXPECT_TRUE(json["rows"][0]["skipped"].is_null());
  EXPECT_GT(json["rows"][0]["predicted_decode_tps"]["mid"].get<double>(), 0);
  EXPECT_TRUE(json["rows"][1]["predicted_decode_tps"].is_null());
  EXPECT_THAT(json["rows"][1]["skipped"].get<std::string>(), HasSubstr("unknown chip"));
  for (const char* key :
       {"group", "metric", "n", "median_ape", "p90_ape", "within_20", "bias", "coverage_80"}) {
    EXPECT_TRUE(json["summary"][0].contains(key)) << key;
  }
}

TEST(Measurements, NamesUnusableCellsAtTheirPlace) {
  const MeasurementFile file = ReadMeasurements("m.csv", "id,batch,decode_tps\na,1,fast\nb,-3,2\n");
  ASSERT_EQ(file.problems.size(), 2u);
  EXPECT_EQ(ToString(file.problems[0]),
            "m.csv:2:5: column decode_tps: \"fast\" is not a usable value; expected a positive "
            "number of tokens/s up to 1e7");
  EXPECT_EQ(ToString(file.problems[1]),
            "m.csv:3:3: column batch: \"-3\" is not a usable value; expected a whole number of at "
            "least 1");
}

TEST(Measurements, OfMoreThanAnInventoryHoldsOrOfNoWholeNumberAreUnusable) {
  const MeasurementFile file = ReadMeasurements(
      "m.csv", "kv_ctx,prompt_tokens,batch,decode_tps\n1e11,1e9,2.6,1e11\n1e8,0,2,1e7\n");
  std::vector<std::string> problems;
  for (const Diagnostic& problem : file.problems) {
    problems.push_back(ToString(problem).substr(0, ToString(problem).find(" is not")));
  }
  EXPECT_EQ(problems,
            (std::vector<std::string>{
                "m.csv:2:6: column prompt_tokens: \"1e9\"", "m.csv:2:1: column kv_ctx: \"1e11\"",
                "m.csv:2:10: column batch: \"2.6\"", "m.csv:2:14: column decode_tps: \"1e11\""}));
}

TEST(Measurements, HaveDatesOfTheCalendarThatHaveCome) {
  const auto problem = [](const std::string& date, const std::string& latest) {
    const MeasurementFile file =
        ReadMeasurements("m.csv", "decode_tps,date\n5," + date + "\n", latest);
    return file.problems.empty() ? "" : ToString(file.problems[0]);
  };
  const std::string today = "2026-11-23";
  for (const char* good : {"", "2026", "2026-11", "2026-11-23", "2024-02-29"}) {
    EXPECT_EQ(problem(good, today), "") << good;
  }
  EXPECT_EQ(problem("23.11.2026", today),
            "m.csv:2:3: column date: \"23.11.2026\" is not a usable value; expected a year, month "
            "or day: \"2026\", \"2026-11\", \"2026-11-20\"");
  EXPECT_NE(problem("2026-13-45", ""), "");
  EXPECT_NE(problem("2025-02-29", ""), "");
  EXPECT_EQ(problem("2026-11-24", today),
            "m.csv:2:3: column date: \"2026-11-24\" is not a usable value; expected a date up to "
            "2026-11-23");
  EXPECT_NE(problem("2026-12", today), "");
  EXPECT_NE(problem("2027", today), "");
  EXPECT_EQ(problem("2027", ""), "");
}

TEST(Measurements, NeedAMeasuredColumn) {
  const MeasurementFile file = ReadMeasurements("m.csv", "id,model\n1,x\n");
  ASSERT_EQ(file.problems.size(), 1u);
  EXPECT_EQ(ToString(file.problems[0]),
            "m.csv:1:1: no column decode_tps or prefill_tps; a file of measurements has at least "
            "one of them");
}

TEST(Measurements, TellsLabsApart) {
  EXPECT_EQ(LabOf("owner/repo results/x.md @abc"), "owner");
  EXPECT_EQ(LabOf("https://github.com/owner/repo/issues/8"), "owner");
  EXPECT_EQ(LabOf("https://blog.example.net/day-2"), "blog.example.net");
  EXPECT_EQ(LabOf("llama.cpp discussion #4167 (https://x), indexed"), "llama.cpp discussion #4167");
  EXPECT_EQ(LabOf("ggml-org/llama.cpp benches/x/x.md @4c7e"), "llama.cpp benches/x/x.md");
  EXPECT_EQ(LabOf("llama.cpp benches/x/x.md as carried in a/b"), "llama.cpp benches/x/x.md");
  EXPECT_EQ(LabOf("ggml-org/llama.cpp PR #1 comment by eugr (2025)"), "eugr");
}

TEST(Scores, AreWhatTheyAreCalled) {
  const Score score =
      ScoreOf({{90, 100, 110, 100}, {90, 100, 110, 80}, {90, 100, 110, 125}, {90, 100, 110, 95}});
  EXPECT_EQ(score.n, 4);
  EXPECT_DOUBLE_EQ(score.within_20, 0.75);  // 100/80 is off by 25 %
  EXPECT_DOUBLE_EQ(score.coverage_80, 0.5);
  EXPECT_NEAR(score.median_ape, (0.2 + 100.0 / 95 - 1) / 2, 1e-12);
  EXPECT_NEAR(score.bias, (0 + 100.0 / 95 - 1) / 2, 1e-12);
  EXPECT_NEAR(score.mean_width, 110.0 / 90 - 1, 1e-12);
}

}  // namespace
}  // namespace capacity::validation
