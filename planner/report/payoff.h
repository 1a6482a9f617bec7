// The article's payoff and risk tables, as text and JSON.
#pragma once

#include <string>

#include "planner/economics/article.h"
#include "planner/report/table.h"

namespace capacity::report {

std::string PayoffText(const economics::ArticlePreset& preset, const Style& style);
std::string PayoffJson(const economics::ArticlePreset& preset);

}  // namespace capacity::report
