// The article's payoff and risk tables, as text and JSON.
#pragma once

#include <string>

#include "planner/economics/article.h"
#include "planner/report/table.h"

namespace capacity::report {

std::string PayoffText(const economics::ArticlePreset& preset, const Style& style);
// The risk grid over every row, not only the two of the article: who never pays back, and where.
std::string ArticleRiskText(const economics::ArticlePreset& preset, const Style& style);
std::string PayoffJson(const economics::ArticlePreset& preset);
// The same with the risk of every row under `risk_of_every_row`.
std::string PayoffRiskJson(const economics::ArticlePreset& preset);

}  // namespace capacity::report
