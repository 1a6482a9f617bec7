// The example fleets, the what-ifs and the files in docs/inventory.md are correct inventories.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "tests/inventory/support.h"

namespace capacity::inventory {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(Examples, AllLoadWithEveryOverlayMeantForThem) {
  namespace fs = std::filesystem;
  const fs::path directory = CAPACITY_SOURCE_DIR "/inventories";
  int inventories = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() != ".yaml" || entry.path().stem() == "calibration") continue;
    ++inventories;
    EXPECT_THAT(Lines(LoadScenario(ShippedCatalog(), entry.path().string(), {}).problems),
                IsEmpty());
  }
  EXPECT_GE(inventories, 11);
  const std::string lab = (directory / "home-lab.yaml").string();
  int overlays = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory / "what-if")) {
    ++overlays;
    EXPECT_THAT(Lines(LoadScenario(ShippedCatalog(), lab, {entry.path().string()}).problems),
                IsEmpty());
  }
  EXPECT_GE(overlays, 4);
}

TEST(Examples, TheArticlesSetupsOwnWhatTheArticleDescribes) {
  const std::map<std::string, std::string> machines = {{"a", "mac-studio-m3-ultra-512gb"},
                                                       {"b", "mac-studio-m4-max-128gb"},
                                                       {"c", "dgx-spark"},
                                                       {"d", "dual-rtx-3090"}};
  for (const auto& [setup, machine] : machines) {
    const Loaded<fleet::Scenario> loaded = LoadScenario(
        ShippedCatalog(), CAPACITY_SOURCE_DIR "/inventories/article-setup-" + setup + ".yaml", {});
    ASSERT_TRUE(loaded.value.has_value());
    EXPECT_EQ(loaded.value->fleet.nodes().at(0).machine->id, machine);
    EXPECT_DOUBLE_EQ(loaded.value->assumptions.utilization, 1);
  }
}

// The fenced YAML blocks of a page.
std::vector<std::string> YamlBlocks(const std::string& file) {
  std::ifstream stream(file);
  const std::string page{std::istreambuf_iterator<char>(stream), {}};
  const std::string fence = "```yaml\n";
  std::vector<std::string> blocks;
  for (std::size_t at = page.find(fence); at != std::string::npos; at = page.find(fence, at)) {
    at += fence.size();
    blocks.push_back(page.substr(at, page.find("```", at) - at));
  }
  return blocks;
}

TEST(Documentation, ItsExamplesLoad) {
  const std::vector<std::string> blocks = YamlBlocks(CAPACITY_SOURCE_DIR "/docs/inventory.md");
  ASSERT_THAT(blocks, SizeIs(2));
  EXPECT_THAT(Lines(LoadTexts({{"base.yaml", blocks[0]}}).problems), IsEmpty());

  const std::string what_if = CAPACITY_SOURCE_DIR "/inventories/what-if/documented.yaml";
  const DocumentReader read = [&](const std::string& file) {
    return file == what_if ? ParseDocument(file, blocks[1], {}) : ReadDocument(file, {});
  };
  const Loaded<fleet::Scenario> changed = LoadScenarioWith(
      read, ShippedCatalog(), CAPACITY_SOURCE_DIR "/inventories/home-lab.yaml", {what_if});
  EXPECT_THAT(Lines(changed.problems), IsEmpty());
  ASSERT_TRUE(changed.value.has_value());
  EXPECT_EQ(changed.value->name, "home-lab + more-demand + second-spark");
  EXPECT_THAT(changed.value->fleet.nodes(), SizeIs(5));  // max, three sparks, spark-b
}

}  // namespace
}  // namespace capacity::inventory
