// The published JSON Schemas name exactly the fields that the loaders accept.
//
// A loader lists the fields it knows when it meets one that is far from all of them; each section
// is given such a field here, and the list compared with the schema's properties.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "planner/inventory/catalog_yaml.h"
#include "tests/inventory/support.h"

namespace capacity::inventory {
namespace {

using ::testing::IsEmpty;

using FieldsBySection = std::map<std::string, std::set<std::string>>;

// From "node has no field "zzzzzzzzzzzz"; it has name, count and machine".
FieldsBySection AcceptedFields(const Diagnostics& problems) {
  FieldsBySection accepted;
  static const std::regex kProblem("(.*) has no field \"z{12}\"");
  for (const Diagnostic& problem : problems) {
    std::smatch match;
    if (!std::regex_match(problem.problem, match, kProblem)) continue;
    std::string list = std::regex_replace(problem.remedy, std::regex("^it has "), "");
    list = std::regex_replace(list, std::regex(" and |, "), " ");
    std::istringstream words(list);
    for (std::string word; words >> word;) accepted[match[1]].insert(word);
  }
  return accepted;
}

nlohmann::json ReadSchema(const std::string& name) {
  std::ifstream file(std::string(CAPACITY_SOURCE_DIR "/inventories/schema/") + name +
                     ".schema.json");
  EXPECT_TRUE(file.good()) << name;
  return nlohmann::json::parse(file);
}

std::set<std::string> PropertiesOf(const nlohmann::json& schema) {
  std::set<std::string> names;
  for (const auto& alternative : schema.value("anyOf", nlohmann::json::array())) {
    names.merge(PropertiesOf(alternative));
  }
  if (!schema.contains("properties")) return names;
  for (const auto& [name, unused] : schema.at("properties").items()) names.insert(name);
  return names;
}

// The sections of `schema` that have fields of their own; its top level is `root`.
FieldsBySection PublishedFields(const nlohmann::json& schema, const std::string& root) {
  FieldsBySection published;
  published[root] = PropertiesOf(schema);
  for (const auto& [section, definition] : schema.at("$defs").items()) {
    published[section] = PropertiesOf(definition);
  }
  return published;
}

// "model.notes" for each field that only one of the two knows: what to fix, and nothing else.
std::vector<std::string> OnlyIn(const FieldsBySection& one, const FieldsBySection& other) {
  std::vector<std::string> fields;
  for (const auto& [section, names] : one) {
    const auto it = other.find(section);
    for (const std::string& name : names) {
      if (it == other.end() || it->second.count(name) == 0) fields.push_back(section + "." + name);
    }
  }
  return fields;
}

void ExpectSame(const FieldsBySection& accepted, const FieldsBySection& published) {
  EXPECT_FALSE(accepted.empty());
  EXPECT_THAT(OnlyIn(accepted, published), IsEmpty()) << "the loader accepts, the schema does not";
  EXPECT_THAT(OnlyIn(published, accepted), IsEmpty()) << "the schema has, the loader refuses";
}

constexpr char kUnknown[] = "{zzzzzzzzzzzz: 1}";

TEST(Schema, OfTheInventoryIsWhatTheLoaderAccepts) {
  const std::string x = kUnknown;
  const Loaded<fleet::Scenario> loaded = LoadText(
      "zzzzzzzzzzzz: 1\n"
      "nodes: [" +
      x +
      ", {machine: dgx-spark}]\n"
      "links: [" +
      x +
      "]\n"
      "measurements: [" +
      x +
      "]\n"
      "workloads: [" +
      x + ", {name: w, tokens_per_day: " + x +
      "}]\n"
      "offers: [" +
      x +
      "]\n"
      "economics: {zzzzzzzzzzzz: 1, utilization: " +
      x + ", baselines: {zzzzzzzzzzzz: 1, custom: " + x + ", subscription: " + x +
      "}, costs: {zzzzzzzzzzzz: 1, resale: " + x + ", currency: " + x +
      "}, declines: {zzzzzzzzzzzz: 1, same-model-hosted: " + x + "}}\n");
  ExpectSame(AcceptedFields(loaded.problems),
             PublishedFields(ReadSchema("inventory"), "inventory"));
}

TEST(Schema, OfTheWhatIfIsWhatTheLoaderAccepts) {
  const std::string x = kUnknown;
  const Texts texts = {
      {"base.yaml", std::string(kInventoryLine) + "nodes: [{machine: dgx-spark}]\n"},
      {"w.yaml", std::string(kWhatIfLine) + "zzzzzzzzzzzz: 1\nremove: " + x + "\nreplace: " + x +
                     "\nchange: " + x + "\nadd: " + x + "\n"}};
  ExpectSame(AcceptedFields(LoadTexts(texts, {"w.yaml"}).problems),
             PublishedFields(ReadSchema("what-if"), "what-if"));
}

TEST(Schema, OfTheCatalogueIsWhatTheLoaderAccepts) {
  const std::string x = kUnknown;
  const ParsedDocument parsed =
      ParseDocument("c.yaml",
                    "schema: capacity-planner/catalog/v1\n"
                    "zzzzzzzzzzzz: 1\n"
                    "models: [{zzzzzzzzzzzz: 1, architecture: " +
                        x + ", parameters: " + x + ", kv_cache: {zzzzzzzzzzzz: 1, layers: [" + x +
                        "]}, own_file: " + x +
                        "}]\n"
                        "quantizations: [{zzzzzzzzzzzz: 1, bits: " +
                        x + ", bits_by_engine: " + x +
                        "}]\n"
                        "kv_cache_types: [" +
                        x +
                        "]\n"
                        "artifacts: [{zzzzzzzzzzzz: 1, layout: {zzzzzzzzzzzz: 1, layers: [" +
                        x +
                        "]}}]\n"
                        "chips: [" +
                        x +
                        "]\n"
                        "machines: [{zzzzzzzzzzzz: 1, power: " +
                        x + ", ports: {zzzzzzzzzzzz: 1, thunderbolt: " + x + ", connectx7: " + x +
                        "}}]\n"
                        "metal_limits: [" +
                        x +
                        "]\n"
                        "links: [{zzzzzzzzzzzz: 1, requirements: " +
                        x +
                        "}]\n"
                        "items: [" +
                        x +
                        "]\n"
                        "offers: [" +
                        x +
                        "]\n"
                        "cloud_models: [" +
                        x +
                        "]\n"
                        "hosted: [{zzzzzzzzzzzz: 1, offers: [" +
                        x +
                        "]}]\n"
                        "frontier_equivalents: [" +
                        x +
                        "]\n"
                        "declines: [" +
                        x +
                        "]\n"
                        "workload_presets: [" +
                        x + "]\n",
                    {});
  ASSERT_TRUE(parsed.document.has_value());
  Problems problems;
  CatalogReader reader(problems);
  reader.Read(*parsed.document);
  reader.Finish();
  ExpectSame(AcceptedFields(problems.Take()), PublishedFields(ReadSchema("catalog"), "catalogue"));
}

}  // namespace
}  // namespace capacity::inventory
