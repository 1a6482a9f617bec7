// Inventories held in memory, and their problems as the lines that a person reads.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "planner/inventory/document.h"
#include "planner/inventory/inventory.h"

namespace capacity::inventory {

// The shipped catalogue, loaded once.
inline const catalog::Catalog& ShippedCatalog() {
  static const Loaded<catalog::Catalog> loaded =
      LoadCatalog(CAPACITY_SOURCE_DIR "/inventories/catalog", {});
  EXPECT_TRUE(loaded.value.has_value());
  return *loaded.value;
}

inline std::vector<std::string> Lines(const Diagnostics& problems) {
  std::vector<std::string> lines;
  for (const Diagnostic& problem : problems) lines.push_back(ToString(problem));
  return lines;
}

// By file name.
using Texts = std::map<std::string, std::string>;

// The inventory "base.yaml" of `texts` with `overlays` on top.
inline Loaded<fleet::Scenario> LoadTexts(const Texts& texts,
                                         const std::vector<std::string>& overlays = {}) {
  const DocumentReader read = [&](const std::string& file) -> ParsedDocument {
    const auto it = texts.find(file);
    if (it == texts.end()) return {std::nullopt, {{file, 0, 0, "no such file", ""}}};
    return ParseDocument(file, it->second, DocumentLimits{});
  };
  return LoadScenarioWith(read, ShippedCatalog(), "base.yaml", overlays);
}

inline constexpr char kInventoryLine[] = "schema: capacity-planner/inventory/v1\n";
inline constexpr char kWhatIfLine[] = "schema: capacity-planner/what-if/v1\n";

// `text` as an inventory; its first line is line 2 of the file.
inline Loaded<fleet::Scenario> LoadText(const std::string& text) {
  return LoadTexts({{"base.yaml", kInventoryLine + text}});
}

}  // namespace capacity::inventory
