// The shipped catalogue loads, and a user's own file corrects it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "planner/inventory/catalog_yaml.h"
#include "tests/inventory/support.h"

namespace capacity::inventory {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const char kSchema[] = "schema: capacity-planner/catalog/v1\n";

struct Read {
  catalog::Catalog catalog;
  std::vector<std::string> problems;
};

// The catalogue of `texts`, named 1.yaml, 2.yaml, ...
Read ReadTexts(const std::vector<std::string>& texts) {
  Problems problems;
  CatalogReader reader(problems);
  std::vector<ParsedDocument> parsed;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    parsed.push_back(ParseDocument(std::to_string(i + 1) + ".yaml", kSchema + texts[i], {}));
    EXPECT_THAT(Lines(parsed.back().problems), IsEmpty());
  }
  for (const ParsedDocument& document : parsed) reader.Read(*document.document);
  Read read{reader.Finish(), {}};
  read.problems = Lines(problems.Take());
  return read;
}

std::string Chip(const std::string& id, const std::string& rest) {
  return "  - {id: " + id + ", name: x, vendor: nvidia, family: rtx, memory: discrete, " + rest +
         ", source: s, as_of: 2026-08}\n";
}

TEST(ShippedCatalog, LoadsWithoutProblems) {
  const Loaded<catalog::Catalog> loaded =
      LoadCatalog(CAPACITY_SOURCE_DIR "/inventories/catalog", {});
  EXPECT_THAT(Lines(loaded.problems), IsEmpty());
  ASSERT_TRUE(loaded.value.has_value());
}

TEST(ShippedCatalog, SaysWhatItsFilesSay) {
  const catalog::Catalog& catalog = ShippedCatalog();
  const catalog::Machine* ultra = catalog.FindMachine("mac-studio-m3-ultra-512gb");
  ASSERT_NE(ultra, nullptr);
  EXPECT_EQ(ultra->memory, GiB(512));
  EXPECT_EQ(ultra->ports.thunderbolt->count, 6);
  EXPECT_EQ(ultra->ports.thunderbolt->rdma, 5);
  EXPECT_EQ(ultra->sold_new, false);
  EXPECT_EQ(catalog.FindOffer(ultra->id, catalog::Condition::kNew), nullptr);
  EXPECT_EQ(*catalog.FindChip("apple-m4-max-32")->memory_bandwidth, BytesPerSecond{410e9});
  EXPECT_EQ(*catalog.FindChip("apple-m4-max-40")->memory_bandwidth, BytesPerSecond{546e9});
  const catalog::Model* gpt = catalog.FindModel("gpt-oss-120b");
  ASSERT_NE(gpt, nullptr);
  EXPECT_EQ(gpt->architecture.attention, catalog::AttentionKind::kSliding);
  EXPECT_EQ(gpt->architecture.experts, 128);
  EXPECT_EQ(gpt->architecture.experts_per_token, 4);
  EXPECT_EQ(catalog.FindLink("thunderbolt5-rdma")->id, "rdma-tb5");
  EXPECT_EQ(catalog.FindLink("thunderbolt5-rdma")->min_os_version, "26.2");
  EXPECT_EQ(catalog.FindMachine("dual-rtx-3090")->vram_per_accelerator, GiB(24));
}

TEST(ShippedCatalog, EveryFactHasASourceAndADate) {
  const catalog::Catalog& catalog = ShippedCatalog();
  const auto check = [](const auto& entries) {
    for (const auto& entry : entries) {
      EXPECT_FALSE(entry.provenance.source.empty());
      EXPECT_FALSE(entry.provenance.as_of.empty());
    }
  };
  check(catalog.models);
  check(catalog.quantizations);
  check(catalog.artifacts);
  check(catalog.chips);
  check(catalog.machines);
  check(catalog.metal_limits);
  check(catalog.links);
  check(catalog.items);
  check(catalog.offers);
  check(catalog.cloud_models);
  check(catalog.hosted);
  check(catalog.declines);
}

// Two entries that claim the same spelling would make one of them unreachable.
TEST(ShippedCatalog, NoSpellingMeansTwoThings) {
  const auto check = [](const auto& entries) {
    std::map<std::string, std::string> owner;
    for (const auto& entry : entries) {
      std::set<std::string> spellings = {catalog::NormalizeId(entry.id)};
      for (const std::string& alias : entry.aliases) spellings.insert(catalog::NormalizeId(alias));
      for (const std::string& spelling : spellings) {
        const auto [it, added] = owner.try_emplace(spelling, entry.id);
        EXPECT_TRUE(added) << spelling << " is " << it->second << " and " << entry.id;
      }
    }
  };
  check(ShippedCatalog().models);
  check(ShippedCatalog().quantizations);
  check(ShippedCatalog().chips);
  check(ShippedCatalog().machines);
  check(ShippedCatalog().links);
}

TEST(CatalogFiles, ALaterFileReplacesAnEntryOfTheSameId) {
  const Read read = ReadTexts({"chips:\n" + Chip("a", "gpu_cores: 1") + Chip("b", "gpu_cores: 2"),
                               "chips:\n" + Chip("a", "gpu_cores: 9") + Chip("c", "gpu_cores: 3")});
  EXPECT_THAT(read.problems, IsEmpty());
  ASSERT_THAT(read.catalog.chips, SizeIs(3));
  EXPECT_EQ(read.catalog.chips[0].id, "a");
  EXPECT_EQ(read.catalog.FindChip("a")->gpu_cores, 9);
  EXPECT_EQ(read.catalog.FindChip("b")->gpu_cores, 2);
}

TEST(CatalogFiles, OneFileCannotSayAThingTwice) {
  EXPECT_THAT(
      ReadTexts({"chips:\n" + Chip("a", "gpu_cores: 1") + Chip("a", "gpu_cores: 2")}).problems,
      ElementsAre("1.yaml:4:5: a second chip \"a\"; the first is on line 3"));
}

TEST(CatalogFiles, ALaterFileReplacesTheArtifactsOfItsModelAndQuant) {
  const std::string base =
      "models:\n"
      "  - {id: m, name: M, architecture: {attention: gqa, layers: 2}, source: s, as_of: 2026-08}\n"
      "quantizations:\n"
      "  - {id: q, family: gguf, engines: [mlx], source: s, as_of: 2026-08}\n"
      "  - {id: r, family: gguf, engines: [mlx], source: s, as_of: 2026-08}\n";
  const auto artifact = [](const std::string& quant, int bytes) {
    return "  - {model: m, quant: " + quant + ", bytes: " + std::to_string(bytes) +
           ", exact: true, source: s, as_of: 2026-08}\n";
  };
  const Read read =
      ReadTexts({base + "artifacts:\n" + artifact("q", 1) + artifact("q", 2) + artifact("r", 3),
                 "artifacts:\n" + artifact("q", 4)});
  EXPECT_THAT(read.problems, IsEmpty());
  ASSERT_THAT(read.catalog.artifacts, SizeIs(2));
  EXPECT_EQ(read.catalog.FindArtifact("m", "q")->bytes, Bytes{4});
  EXPECT_EQ(read.catalog.FindArtifact("m", "r")->bytes, Bytes{3});
}

TEST(CatalogFiles, ReferencesMustResolve) {
  const Read read = ReadTexts(
      {"chips:\n" + Chip("gb10", "gpu_cores: 48") +
       "machines:\n"
       "  - {id: spark, name: S, chip: gb11, os: linux, memory: 1 GiB, source: s, as_of: 2026-08}\n"
       "offers:\n"
       "  - {id: o, item: sparc, condition: new, price_usd: 1, source: s, as_of: 2026-08}\n"});
  EXPECT_THAT(read.problems,
              ElementsAre("1.yaml:5:32: unknown chip \"gb11\"; did you mean \"gb10\"?",
                          "1.yaml:7:19: unknown machine or item \"sparc\"; did you mean "
                          "\"spark\"?"));
}

TEST(CatalogFiles, FactsAreCheckedAndNeverFilledIn) {
  const Read read = ReadTexts(
      {"chips:\n" + Chip("a", "memory_bandwidth_gbps: -1") + "  - {id: b, name: x, source: s}\n"});
  EXPECT_THAT(
      read.problems,
      ElementsAre("1.yaml:3:92: memory_bandwidth_gbps is \"-1\"; it can be above 0 and at "
                  "most 1000000",
                  "1.yaml:4:5: chip has no \"vendor\"", "1.yaml:4:5: chip has no \"family\"",
                  "1.yaml:4:5: chip has no \"memory\"", "1.yaml:4:5: chip has no \"as_of\""));
  const Read sparse = ReadTexts({"chips:\n" + Chip("a", "gpu_cores: 1")});
  EXPECT_FALSE(sparse.catalog.chips.at(0).memory_bandwidth.has_value());
}

TEST(CatalogFiles, AMissingDirectoryIsAProblem) {
  EXPECT_THAT(Lines(LoadCatalog("/nowhere", {}).problems),
              ElementsAre("/nowhere: the catalogue directory cannot be read: No such file or "
                          "directory"));
}

}  // namespace
}  // namespace capacity::inventory
