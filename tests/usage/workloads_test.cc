#include "planner/usage/workloads.h"

#include <cmath>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "planner/inventory/inventory.h"
#include "tests/support/json_schema.h"
#include "tests/support/program.h"

namespace capacity::usage {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Planner;
using testing::Ran;
using ::testing::SizeIs;
using testing::TempFile;

const std::string kData = std::string(CAPACITY_SOURCE_DIR) + "/tests/usage/data/";

const catalog::Catalog& Catalogue() {
  static const catalog::Catalog catalog =
      *inventory::LoadCatalog(std::string(CAPACITY_SOURCE_DIR) + "/inventories/catalog", {}).value;
  return catalog;
}

UsageRow Row(const std::string& day, const std::string& model, std::int64_t input,
             std::int64_t output) {
  UsageRow row;
  row.day = *prices::ParseDate(day);
  row.model = model;
  row.input_tokens = input;
  row.output_tokens = output;
  return row;
}

// ---------------------------------------------------------------- figures

TEST(Summarize, DaysWithoutUseCount) {
  const UseSummary summary = Summarize(
      {Row("2026-10-01", "gpt-4o", 100, 10), Row("2026-10-01", "gpt-4o-2024-08-06", 300, 30),
       Row("2026-10-04", "gpt-4o", 400, 40)},
      Catalogue(), Grouping::kModel);
  EXPECT_EQ(summary.days, 4);
  ASSERT_THAT(summary.workloads, SizeIs(1));
  const WorkloadUse& use = summary.workloads[0];
  EXPECT_EQ(use.name, "gpt-4o");
  EXPECT_THAT(use.billed, ElementsAre("gpt-4o", "gpt-4o-2024-08-06"));
  EXPECT_EQ(use.replaces, "gpt-4o");
  EXPECT_DOUBLE_EQ(use.input.mean, 200);
  EXPECT_DOUBLE_EQ(use.output.mean, 20);
  EXPECT_DOUBLE_EQ(use.output.p90, 40);
  EXPECT_FALSE(use.growth_per_month);
}

TEST(Summarize, NineDaysOfTenStayBelowTheP90) {
  std::vector<UsageRow> rows;
  for (int day = 1; day <= 10; ++day) {
    rows.push_back(Row("2026-10-" + std::string(day < 10 ? "0" : "") + std::to_string(day),
                       "gpt-4o", 0, day * 100));
  }
  EXPECT_DOUBLE_EQ(Summarize(rows, Catalogue(), Grouping::kModel).workloads[0].output.p90, 900);
}

TEST(Summarize, GrowthIsTheLineThroughTheMonths) {
  std::vector<UsageRow> rows;
  const auto first = *prices::ParseDate("2026-07-01");
  for (int day = 0; day < 90; ++day) {
    UsageRow row =
        Row("2026-07-01", "gpt-4o", 0, static_cast<std::int64_t>(1e6 * std::pow(1.2, day / 30)));
    row.day = first + std::chrono::days(day);
    rows.push_back(row);
  }
  const UseSummary summary = Summarize(rows, Catalogue(), Grouping::kModel);
  ASSERT_TRUE(summary.workloads[0].growth_per_month);
  EXPECT_NEAR(*summary.workloads[0].growth_per_month, 0.2, 1e-9);
  // The workload is of the last month, from which growth goes on.
  EXPECT_EQ(summary.days, 30);
  EXPECT_NEAR(summary.workloads[0].output.mean, 1.44e6, 1);
}

TEST(Summarize, AMonthWithoutUseHasNoGrowth) {
  const UseSummary summary =
      Summarize({Row("2026-07-01", "gpt-4o", 1, 1), Row("2026-10-01", "gpt-4o", 1, 1)}, Catalogue(),
                Grouping::kModel);
  EXPECT_FALSE(summary.workloads[0].growth_per_month);
}

TEST(Summarize, AModelOfEarlierMonthsIsNotWhatIsReplaced) {
  const UseSummary summary =
      Summarize({Row("2026-08-01", "claude-opus-4-5", 9000, 9000),
                 Row("2026-09-01", "gpt-4o", 100, 10), Row("2026-09-30", "gpt-4o", 100, 10)},
                Catalogue(), Grouping::kTier);
  for (const WorkloadUse& use : summary.workloads) EXPECT_NE(use.replaces, "claude-opus-4.5");
  // Both of one tier: the one that is no longer used has no say in it.
  const UseSummary mixed =
      Summarize({Row("2026-08-01", "claude-opus-4-5", 9000, 9000),
                 Row("2026-09-01", "gpt-5.1", 100, 10), Row("2026-09-30", "gpt-5.1", 100, 10)},
                Catalogue(), Grouping::kTier);
  ASSERT_THAT(mixed.workloads, SizeIs(1));
  EXPECT_EQ(mixed.workloads[0].name, "frontier");
  EXPECT_EQ(mixed.workloads[0].replaces, "gpt-5.1");
  EXPECT_THAT(mixed.workloads[0].billed, ElementsAre("gpt-5.1"));
}

TEST(Summarize, ByTierTheMostUsedModelIsReplaced) {
  const UseSummary summary = Summarize(
      {Row("2026-10-01", "gpt-4o", 1, 100), Row("2026-10-01", "claude-sonnet-4-5", 1, 300),
       Row("2026-10-01", "gpt-4o-mini", 1, 50), Row("2026-10-01", "openai/gpt-oss-120b", 1, 7),
       Row("2026-10-01", "mystery", 1, 5), Row("2026-10-01", "embedder", 10, 0)},
      Catalogue(), Grouping::kTier);
  ASSERT_THAT(summary.workloads, SizeIs(4));
  EXPECT_EQ(summary.workloads[0].name, "mid");
  EXPECT_EQ(summary.workloads[0].replaces, "claude-sonnet-4.5");
  EXPECT_DOUBLE_EQ(summary.workloads[0].output.mean, 400);
  EXPECT_EQ(summary.workloads[1].name, "small");
  EXPECT_EQ(summary.workloads[2].open_model, "gpt-oss-120b");
  EXPECT_EQ(summary.workloads[3].name, "mystery");
  EXPECT_THAT(summary.without_output, ElementsAre("embedder"));
}

// ---------------------------------------------------------------- the command

Ran Import(const std::string& file, std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"usage", "import", kData + file});
  return Planner(more);
}

TEST(UsageImport, EveryExportMakesAnInventoryThatChecks) {
  for (const char* file :
       {"own.csv", "anthropic_console.csv", "anthropic_api.json", "openai.csv", "openai_api.json",
        "openrouter_generations.csv", "openrouter_activity.json"}) {
    for (const char* by : {"model", "tier"}) {
      const Ran ran = Import(file, {"--by", by});
      ASSERT_EQ(ran.exit_code, 0) << file << ran.err;
      const Ran check = Planner({"inventory", "check", TempFile(ran.out)});
      EXPECT_EQ(check.exit_code, 0) << file << check.err << ran.out;
      EXPECT_THAT(check.out, HasSubstr("no problems"));
    }
  }
}

// What goes in comes out of the inventory again, figure by figure.
TEST(UsageImport, RoundTrip) {
  const Ran ran = Import("own.csv");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const auto loaded = inventory::LoadScenario(Catalogue(), TempFile(ran.out), {});
  ASSERT_TRUE(loaded.value) << ran.out;
  ASSERT_THAT(loaded.value->workloads, SizeIs(2));
  const fleet::Workload& opus = loaded.value->workloads[0];
  EXPECT_EQ(opus.name, "claude-opus-4.5");
  EXPECT_EQ(opus.replaces, "claude-opus-4.5");
  EXPECT_EQ(opus.min_tier, "frontier");
  EXPECT_DOUBLE_EQ(*opus.input_tokens_per_day, 121 * 12000);
  EXPECT_DOUBLE_EQ(*opus.output_tokens_per_day, 121 * 800);
  EXPECT_DOUBLE_EQ(opus.cached_input_share, 0.8);
  EXPECT_EQ(opus.prompt_tokens, 12000);
  EXPECT_EQ(opus.context_tokens, 12800);
  EXPECT_DOUBLE_EQ(opus.growth_per_month, 0.1);
  const fleet::Workload& mini = loaded.value->workloads[1];
  EXPECT_EQ(mini.replaces, "gpt-4o-mini");
  EXPECT_DOUBLE_EQ(*mini.output_tokens_per_day, 2000);  // every third day
  EXPECT_THAT(ran.out, HasSubstr("text-embedding-3-small, which gave no output"));
  EXPECT_THAT(ran.out, HasSubstr("It cost $290.40 in these 30 days"));
}

TEST(UsageImport, UnknownModelsAskForAReplacement) {
  const Ran ran = Import("openrouter_generations.csv");
  EXPECT_THAT(ran.out, HasSubstr("name: \"somebody/unheard-of-9b\""));
  EXPECT_THAT(ran.out, HasSubstr("# replaces: MODEL"));
  EXPECT_THAT(ran.out, HasSubstr("models: [gpt-oss-120b]"));
}

TEST(UsageImport, JsonObeysItsSchema) {
  const json document = json::parse(Import("own.csv", {"--output", "json"}).out);
  std::ifstream schema(std::string(CAPACITY_SOURCE_DIR) +
                       "/inventories/schema/output/usage-import.schema.json");
  ASSERT_TRUE(schema);
  EXPECT_THAT(testing::SchemaViolations(json::parse(schema), document), IsEmpty());
}

TEST(UsageImport, WritesAFileButNotOverOne) {
  const std::string out = TempFile("precious");
  const Ran refused = Import("own.csv", {"--out", out});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("exists; --force overwrites it"));
  std::string content;
  std::getline(std::ifstream(out), content);
  EXPECT_EQ(content, "precious");
  ASSERT_EQ(Import("own.csv", {"--out", out, "--force"}).exit_code, 0);
  EXPECT_EQ(Planner({"inventory", "check", out}).exit_code, 0);
  EXPECT_EQ(Import("own.csv", {"--out", "/no/such/directory/x.yaml"}).exit_code, 1);
}

TEST(UsageImport, BadRowsStopItWithNothingOnStdout) {
  const Ran ran =
      Planner({"usage", "import", TempFile("date,model,input,output\n2026-10-01,m,x,1\n", ".csv")});
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.out, IsEmpty());
  EXPECT_THAT(ran.err, HasSubstr(".csv:2:1: input \"x\""));
}

TEST(UsageImport, ThePlanTakesIt) {
  const Ran ran = Import("own.csv");
  const Ran plan = Planner({"plan", "--budget", "10000", "--inventory", TempFile(ran.out)});
  EXPECT_EQ(plan.exit_code, 0) << plan.err;
}

}  // namespace
}  // namespace capacity::usage
