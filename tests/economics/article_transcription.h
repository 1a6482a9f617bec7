// The article's inputs and its printed tables, transcribed ("The Cost Return of Local AI", Eugene
// Petrenko, 2026-02-09). Golden: the planner must reproduce every printed cell.
#pragma once

#include <string>
#include <vector>

#include "planner/economics/article.h"

namespace capacity::economics {

inline ArticlePreset TranscribedArticle() {
  ArticlePreset preset;
  preset.name = "article";
  preset.output_share = 0.7;
  preset.setups = {
      {.id = "A",
       .machine = "mac-studio-m3-ultra-512gb",
       .name = "Mac Studio M3 Ultra 512GB",
       .price = Usd::FromDollars(9500),
       .rows =
           {
               {"llama-3.1-8b", {85}, "claude-haiku-4.5", {1}, {5}},
               {"qwen3-30b", {30}, "claude-sonnet-4.5", {3}, {15}},
               {"llama-3.1-70b", {14}, "claude-sonnet-4.5", {3}, {15}},
               {"gpt-oss-120b", {20}, "claude-opus-4.5", {5}, {25}},
               {"deepseek-r1-671b", {17}, "claude-opus-4.5", {5}, {25}},
           }},
      {.id = "B",
       .machine = "mac-studio-m4-max-128gb",
       .name = "Mac Studio M4 Max 128GB",
       .price = Usd::FromDollars(3500),
       .rows =
           {
               {"llama-3.1-8b", {70}, "claude-haiku-4.5", {1}, {5}},
               {"qwen3-30b", {22}, "gpt-4o", {2.5}, {10}},
               {"llama-3.1-70b", {8}, "claude-sonnet-4.5", {3}, {15}},
               {"gpt-oss-120b", {10}, "claude-opus-4.5", {5}, {25}},
           }},
      {.id = "C",
       .machine = "dgx-spark",
       .name = "NVIDIA DGX Spark",
       .price = Usd::FromDollars(3999),
       .rows =
           {
               {"llama-3.1-8b", {38}, "claude-haiku-4.5", {1}, {5}},
               {"qwen3-30b", {20}, "claude-sonnet-4.5", {3}, {15}},
               {"llama-3.1-70b", {6}, "claude-sonnet-4.5", {3}, {15}},
               {"gpt-oss-120b", {50}, "claude-opus-4.5", {5}, {25}},
           }},
      {.id = "D",
       .machine = "dual-rtx-3090",
       .name = "Dual RTX 3090 workstation",
       .price = Usd::FromDollars(3600),
       .rows =
           {
               {"llama-3.1-8b", {120}, "claude-haiku-4.5", {1}, {5}},
               {"qwen3-30b", {35}, "claude-sonnet-4.5", {3}, {15}},
               {"llama-3.1-70b", {13}, "claude-sonnet-4.5", {3}, {15}},
           }},
  };
  preset.risk_cases = {{.setup = 2, .row = 3}, {.setup = 1, .row = 1}};
  preset.utilizations = {1, 0.5, 0.25, 0.1};
  preset.annual_declines = {0, 0.25, 0.5, 0.8};
  return preset;
}

struct PrintedPayoff {
  std::string setup;
  std::string model;
  std::string usd_per_hour;
  std::string months;
};

inline std::vector<PrintedPayoff> PrintedPayoffTable() {
  return {
      {"A", "llama-3.1-8b", "1.16", "11.3"},     {"A", "qwen3-30b", "1.23", "10.7"},
      {"A", "llama-3.1-70b", "0.57", "23.0"},    {"A", "gpt-oss-120b", "1.37", "9.6"},
      {"A", "deepseek-r1-671b", "1.16", "11.3"}, {"B", "llama-3.1-8b", "0.96", "5.1"},
      {"B", "qwen3-30b", "0.61", "7.9"},         {"B", "llama-3.1-70b", "0.33", "14.8"},
      {"B", "gpt-oss-120b", "0.68", "7.1"},      {"C", "llama-3.1-8b", "0.52", "10.7"},
      {"C", "qwen3-30b", "0.82", "6.8"},         {"C", "llama-3.1-70b", "0.25", "22.6"},
      {"C", "gpt-oss-120b", "3.42", "1.6"},      {"D", "llama-3.1-8b", "1.64", "3.0"},
      {"D", "qwen3-30b", "1.44", "3.5"},         {"D", "llama-3.1-70b", "0.53", "9.4"},
  };
}

struct PrintedRisk {
  std::string setup;
  std::string model;
  double utilization = 0;
  double annual_decline = 0;
  std::string months;
};

inline std::vector<PrintedRisk> PrintedRiskTable() {
  return {
      {"C", "gpt-oss-120b", 1, 0, "2"},       {"C", "gpt-oss-120b", 1, 0.25, "2"},
      {"C", "gpt-oss-120b", 1, 0.5, "2"},     {"C", "gpt-oss-120b", 1, 0.8, "2"},
      {"C", "gpt-oss-120b", 0.5, 0, "4"},     {"C", "gpt-oss-120b", 0.5, 0.25, "4"},
      {"C", "gpt-oss-120b", 0.5, 0.5, "4"},   {"C", "gpt-oss-120b", 0.5, 0.8, "4"},
      {"C", "gpt-oss-120b", 0.25, 0, "7"},    {"C", "gpt-oss-120b", 0.25, 0.25, "7"},
      {"C", "gpt-oss-120b", 0.25, 0.5, "8"},  {"C", "gpt-oss-120b", 0.25, 0.8, "13"},
      {"C", "gpt-oss-120b", 0.1, 0, "17"},    {"C", "gpt-oss-120b", 0.1, 0.25, "21"},
      {"C", "gpt-oss-120b", 0.1, 0.5, "42"},  {"C", "gpt-oss-120b", 0.1, 0.8, "never"},
      {"B", "qwen3-30b", 1, 0, "8"},          {"B", "qwen3-30b", 1, 0.25, "9"},
      {"B", "qwen3-30b", 1, 0.5, "11"},       {"B", "qwen3-30b", 1, 0.8, "39"},
      {"B", "qwen3-30b", 0.5, 0, "16"},       {"B", "qwen3-30b", 0.5, 0.25, "20"},
      {"B", "qwen3-30b", 0.5, 0.5, "39"},     {"B", "qwen3-30b", 0.5, 0.8, "never"},
      {"B", "qwen3-30b", 0.25, 0, "32"},      {"B", "qwen3-30b", 0.25, 0.25, "58"},
      {"B", "qwen3-30b", 0.25, 0.5, "never"}, {"B", "qwen3-30b", 0.25, 0.8, "never"},
      {"B", "qwen3-30b", 0.1, 0, "80"},       {"B", "qwen3-30b", 0.1, 0.25, "never"},
      {"B", "qwen3-30b", 0.1, 0.5, "never"},  {"B", "qwen3-30b", 0.1, 0.8, "never"},
  };
}

}  // namespace capacity::economics
