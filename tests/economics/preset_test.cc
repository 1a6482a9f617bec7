// The shipped preset file holds what the article states.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "planner/inventory/preset_yaml.h"
#include "tests/economics/article_transcription.h"

namespace capacity::inventory {
namespace {

using economics::ArticlePreset;

TEST(LoadArticlePresetTest, ShippedPresetIsTheTranscription) {
  const auto loaded = LoadArticlePreset("inventories/presets/article.yaml");
  ASSERT_THAT(loaded.problems, testing::IsEmpty());
  const ArticlePreset& preset = *loaded.value;
  const ArticlePreset expected = economics::TranscribedArticle();
  EXPECT_EQ(preset.provenance.as_of, "2026-02-09");
  EXPECT_EQ(preset.output_share, expected.output_share);
  EXPECT_EQ(preset.utilizations, expected.utilizations);
  EXPECT_EQ(preset.annual_declines, expected.annual_declines);
  ASSERT_EQ(preset.setups.size(), expected.setups.size());
  for (std::size_t s = 0; s < expected.setups.size(); ++s) {
    EXPECT_EQ(preset.setups[s].id, expected.setups[s].id);
    EXPECT_EQ(preset.setups[s].machine, expected.setups[s].machine);
    EXPECT_EQ(preset.setups[s].price, expected.setups[s].price);
    ASSERT_EQ(preset.setups[s].rows.size(), expected.setups[s].rows.size());
    for (std::size_t r = 0; r < expected.setups[s].rows.size(); ++r) {
      const economics::ArticleRow& row = preset.setups[s].rows[r];
      const economics::ArticleRow& printed = expected.setups[s].rows[r];
      SCOPED_TRACE(expected.setups[s].id + " " + printed.model);
      EXPECT_EQ(row.model, printed.model);
      EXPECT_EQ(row.decode, printed.decode);
      EXPECT_EQ(row.cloud_model, printed.cloud_model);
      EXPECT_EQ(row.input, printed.input);
      EXPECT_EQ(row.output, printed.output);
    }
  }
  ASSERT_EQ(preset.risk_cases.size(), expected.risk_cases.size());
  for (std::size_t i = 0; i < expected.risk_cases.size(); ++i) {
    EXPECT_EQ(preset.risk_cases[i].setup, expected.risk_cases[i].setup);
    EXPECT_EQ(preset.risk_cases[i].row, expected.risk_cases[i].row);
  }
}

std::vector<std::string> ProblemsOf(const std::string& text) {
  const std::string file = testing::TempDir() + "preset.yaml";
  std::ofstream(file) << text;
  std::vector<std::string> problems;
  for (const Diagnostic& problem : LoadArticlePreset(file).problems) {
    problems.push_back(std::to_string(problem.line) + ": " + problem.problem);
  }
  std::filesystem::remove(file);
  return problems;
}

TEST(LoadArticlePresetTest, EveryProblemIsReportedAtItsLine) {
  EXPECT_THAT(ProblemsOf("name: p\n"
                         "source: s\n"
                         "as_of: 2026-01-01\n"
                         "output_share: 1.5\n"
                         "cloud_prices:\n"
                         "  - {id: opus, input: 5, output: 25}\n"
                         "setups:\n"
                         "  - {id: A, machine: m, price_usd: 100, models: [\n"
                         "      {model: x, decode_tps: 10, cloud_model: opsu}]}\n"
                         "risk:\n"
                         "  utilizations: [1, two]\n"
                         "  annual_declines: [0]\n"
                         "  cases: [{setup: B, model: x}]\n"),
              testing::ElementsAre(
                  testing::StartsWith("4: "), testing::HasSubstr("unknown cloud price"),
                  testing::HasSubstr("is no share"), testing::HasSubstr("no setup B runs x")));
}

}  // namespace
}  // namespace capacity::inventory
