// Reading a payoff preset: a published comparison's own inputs (inventories/presets/*.yaml).
#pragma once

#include <string>

#include "planner/economics/article.h"
#include "planner/inventory/inventory.h"

namespace capacity::inventory {

// Setups, their models and measured speeds, cloud prices and the grid of risks, all resolved.
Loaded<economics::ArticlePreset> LoadArticlePreset(const std::string& file);

}  // namespace capacity::inventory
