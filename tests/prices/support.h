// A small catalogue, the excerpts of the feeds, and short ways to make rows.
#pragma once

#include <fstream>
#include <iterator>
#include <string>

#include "gtest/gtest.h"
#include "planner/catalog/catalog.h"
#include "planner/prices/feed.h"
#include "planner/prices/history.h"

namespace capacity::prices {

inline Date Day(const std::string& text) { return ParseDate(text).value(); }

inline Price Dollars(const std::string& text) {
  return ParsePrice(text, PriceUnit::kUsdPerMtok).value();
}

inline std::string Excerpt(const std::string& name) {
  std::ifstream in(std::string(CAPACITY_SOURCE_DIR "/tests/prices/data/") + name);
  EXPECT_TRUE(in.good()) << name;
  return {std::istreambuf_iterator<char>(in), {}};
}

// As of 2026-07-30 unless the text says otherwise.
inline FeedContents Read(const std::string& text, std::optional<Feed> feed = std::nullopt) {
  const auto contents = ReadFeed(text, feed, {std::nullopt, Day("2026-07-30")});
  EXPECT_TRUE(contents.ok()) << contents.status();
  return contents.ok() ? *contents : FeedContents{};
}

inline TokenPrices InOut(const std::string& input, const std::string& output) {
  TokenPrices prices;
  prices.input = Dollars(input);
  prices.output = Dollars(output);
  return prices;
}

// One listing of one feed on one day.
inline FeedContents One(Feed feed, const std::string& provider, const std::string& model,
                        const std::string& day, const TokenPrices& prices) {
  FeedContents contents;
  contents.feed = feed;
  contents.as_of = Day(day);
  contents.rows.push_back({provider, model, prices, contents.as_of, contents.as_of});
  return contents;
}

inline catalog::Catalog SmallCatalogue() {
  catalog::Catalog c;
  for (const char* id : {"gpt-oss-120b", "llama-3.3-70b", "llama-3.1-8b", "qwen3-235b-a22b",
                         "deepseek-v3.1", "deepseek-r1", "kimi-k2", "kimi-k2-thinking", "glm-4.6",
                         "minimax-m2", "qwen3-8b", "mistral-7b-v0.3"}) {
    catalog::Model model;
    model.id = id;
    c.models.push_back(model);
  }
  c.models[0].hf_id = "openai/gpt-oss-120b";
  c.models[2].aliases = {"deepseek-r1-distill-llama-8b"};
  c.models[8].aliases = {"glm-4.7"};
  const auto cloud = [&](const char* id, const char* provider, const char* tier, double in,
                         double out) {
    catalog::CloudModel model;
    model.id = id;
    model.provider = provider;
    model.tier = tier;
    model.input = {in};
    model.output = {out};
    model.provenance = {"a price list", "2026-07"};
    c.cloud_models.push_back(model);
  };
  cloud("claude-opus-4.5", "anthropic", "frontier", 5, 25);
  cloud("claude-sonnet-4.5", "anthropic", "mid", 3, 15);
  cloud("claude-haiku-4.5", "anthropic", "small", 1, 5);
  cloud("gpt-4o", "openai", "mid", 2.5, 10);
  cloud("gpt-4o-mini", "openai", "small", 0.15, 0.6);
  catalog::HostedOffer hosted;
  hosted.model = "gpt-oss-120b";
  hosted.provider = "groq";
  hosted.input = {0.15};
  hosted.output = {0.75};
  hosted.provenance = {"LiteLLM gpt-oss-120b", "2026-01-01"};
  c.hosted.push_back(hosted);
  c.Index();
  return c;
}

}  // namespace capacity::prices
