#include "planner/prices/feed.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/prices/support.h"

namespace capacity::prices {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// The only row of `model`, or a failure.
FeedRow RowOf(const FeedContents& contents, const std::string& model) {
  FeedRow found;
  int rows = 0;
  for (const FeedRow& row : contents.rows) {
    if (row.model != model) continue;
    found = row;
    ++rows;
  }
  EXPECT_EQ(rows, 1) << model;
  return found;
}

RefusedRow RefusedOf(const FeedContents& contents, const std::string& model) {
  for (const RefusedRow& row : contents.refused) {
    if (row.model == model) return row;
  }
  ADD_FAILURE() << model << " was not refused";
  return {};
}

std::string Text(const std::optional<Price>& price) { return price ? ToString(*price) : "-"; }

// ---------------------------------------------------------------- the four feeds

TEST(LiteLlm, PricesOfEveryKind) {
  const FeedContents contents = Read(Excerpt("litellm.json"));
  EXPECT_EQ(contents.feed, Feed::kLiteLlm);
  EXPECT_EQ(ToString(contents.as_of), "2026-07-24");
  EXPECT_TRUE(contents.dated_by_itself);
  const TokenPrices sonnet = RowOf(contents, "claude-sonnet-4-5").prices;
  EXPECT_EQ(ToString(sonnet.input), "3");
  EXPECT_EQ(Text(sonnet.cached_input), "0.3");
  EXPECT_EQ(Text(sonnet.cache_write), "3.75");
  ASSERT_THAT(sonnet.long_context, SizeIs(1));
  EXPECT_EQ(sonnet.long_context[0].above_tokens, 200'000);
  EXPECT_EQ(ToString(sonnet.long_context[0].output), "22.5");
  EXPECT_EQ(Text(sonnet.long_context[0].cached_input), "0.6");
  const TokenPrices gpt = RowOf(contents, "gpt-4o").prices;
  EXPECT_EQ(Text(gpt.batch_input), "1.25");
  EXPECT_EQ(Text(gpt.batch_output), "5");
  // Zero in a field that may be left out means that it is not offered.
  EXPECT_EQ(Text(RowOf(contents, "deepseek/deepseek-chat").prices.cache_write), "-");
  const FeedRow fireworks = RowOf(contents, "fireworks_ai/accounts/fireworks/models/gpt-oss-120b");
  EXPECT_EQ(fireworks.provider, "fireworks");
  EXPECT_EQ(Text(fireworks.prices.cached_input), "0.015");
}

TEST(LiteLlm, ItsOwnErrorsAreRefused) {
  const FeedContents contents = Read(Excerpt("litellm.json"));
  const RefusedRow wandb = RefusedOf(contents, "wandb/openai/gpt-oss-120b");
  EXPECT_EQ(wandb.refusal, Refusal::kImplausible);
  EXPECT_THAT(wandb.reason, HasSubstr("$15000/Mtok"));
  EXPECT_EQ(RefusedOf(contents, "together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo-Free").refusal,
            Refusal::kFree);
}

TEST(LiteLlm, TieredPricingHasItsFirstTierAsTheUsualPrice) {
  const FeedContents contents = Read(R"({"dashscope/qwen-x": {
      "litellm_provider": "dashscope", "mode": "chat", "tiered_pricing": [
        {"range": [0, 32000.0], "input_cost_per_token": 1e-06, "output_cost_per_token": 5e-06},
        {"range": [32000.0, 128000.0], "input_cost_per_token": 2e-06,
         "output_cost_per_token": 8e-06}]}})");
  const TokenPrices prices = RowOf(contents, "dashscope/qwen-x").prices;
  EXPECT_EQ(ToString(prices.input), "1");
  ASSERT_THAT(prices.long_context, SizeIs(1));
  EXPECT_EQ(prices.long_context[0].above_tokens, 32'000);
  EXPECT_EQ(ToString(prices.long_context[0].output), "8");
}

TEST(LiteLlm, ModesThatMakeNoText) {
  const FeedContents contents = Read(R"({
      "a": {"litellm_provider": "openai", "mode": "embedding", "input_cost_per_token": 2e-08},
      "b": {"litellm_provider": "openai", "mode": "image_generation"},
      "c": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_character": 1e-6},
      "d": {"litellm_provider": "openai", "mode": "responses", "input_cost_per_token": 1e-6,
            "output_cost_per_token": 4e-6}})");
  EXPECT_EQ(RefusedOf(contents, "a").refusal, Refusal::kNotText);
  EXPECT_EQ(RefusedOf(contents, "b").refusal, Refusal::kNotText);
  EXPECT_EQ(RefusedOf(contents, "c").refusal, Refusal::kNoPrice);
  EXPECT_THAT(contents.rows, SizeIs(1));
}

TEST(OpenRouter, StringsPerToken) {
  const FeedContents contents = Read(Excerpt("openrouter.json"));
  EXPECT_EQ(contents.feed, Feed::kOpenRouter);
  EXPECT_EQ(ToString(RowOf(contents, "qwen/qwen3-30b-a3b-instruct-2507").prices.input), "0.04815");
  EXPECT_EQ(ToString(RowOf(contents, "openai/gpt-oss-120b").prices.input), "0.037");
  const TokenPrices sonnet = RowOf(contents, "anthropic/claude-sonnet-4.5").prices;
  ASSERT_THAT(sonnet.long_context, SizeIs(1));
  EXPECT_EQ(ToString(sonnet.long_context[0].input), "6");
  EXPECT_THAT(contents.refused, IsEmpty());
}

TEST(OpenRouter, RoutersFreeTiersAndPictures) {
  const FeedContents contents = Read(R"({"data": [
      {"id": "openrouter/auto", "pricing": {"prompt": "-1", "completion": "-1"}},
      {"id": "a/b:free", "pricing": {"prompt": "0", "completion": "0"}},
      {"id": "a/picture", "architecture": {"output_modalities": ["image", "text"]},
       "pricing": {"prompt": "0.000001", "completion": "0.000004"}},
      {"id": "a/words", "pricing": {"prompt": "cheap", "completion": "0.000004"}},
      {"id": "a/nan", "pricing": {"prompt": "NaN", "completion": "inf"}},
      {"id": "a/none", "pricing": {"prompt": "0.000001"}},
      {"pricing": {}}, 7]})");
  EXPECT_THAT(contents.rows, IsEmpty());
  EXPECT_THAT(RefusedOf(contents, "openrouter/auto").reason, HasSubstr("negative"));
  EXPECT_EQ(RefusedOf(contents, "a/b:free").refusal, Refusal::kFree);
  EXPECT_EQ(RefusedOf(contents, "a/picture").refusal, Refusal::kNotText);
  EXPECT_THAT(RefusedOf(contents, "a/words").reason, HasSubstr("\"cheap\" is not a number"));
  EXPECT_EQ(RefusedOf(contents, "a/nan").refusal, Refusal::kUnreadable);
  EXPECT_EQ(RefusedOf(contents, "a/none").refusal, Refusal::kNoPrice);
  EXPECT_THAT(contents.refused, SizeIs(8));
}

TEST(ModelsDev, PerMillionByProvider) {
  const FeedContents contents = Read(Excerpt("models_dev.json"));
  EXPECT_EQ(contents.feed, Feed::kModelsDev);
  const FeedRow tput = RowOf(contents, "Qwen/Qwen3-235B-A22B-Instruct-2507-tput");
  EXPECT_EQ(tput.provider, "together");
  EXPECT_EQ(ToString(tput.prices.output), "0.6");
  EXPECT_EQ(Text(RowOf(contents, "claude-opus-4-5").prices.cache_write), "6.25");
}

TEST(ModelsDev, LongContextInBothForms) {
  const FeedContents contents = Read(R"({"p": {"id": "p", "models": {
      "old": {"cost": {"input": 3, "output": 15,
                       "context_over_200k": {"input": 6, "output": 22.5}}},
      "new": {"cost": {"input": 5, "output": 30,
                       "context_over_200k": {"input": 10, "output": 45},
                       "tiers": [{"input": 10, "output": 45, "cache_read": 1,
                                  "tier": {"type": "context", "size": 272000}}]}}}}})");
  EXPECT_EQ(RowOf(contents, "old").prices.long_context[0].above_tokens, 200'000);
  ASSERT_THAT(RowOf(contents, "new").prices.long_context, SizeIs(1));
  EXPECT_EQ(RowOf(contents, "new").prices.long_context[0].above_tokens, 272'000);
}

TEST(LlmPrices, HistoricalPeriods) {
  const FeedContents contents = Read(Excerpt("llm_prices_historical.json"));
  EXPECT_EQ(contents.feed, Feed::kLlmPrices);
  std::vector<std::string> periods;
  for (const FeedRow& row : contents.rows) {
    if (row.model != "deepseek-chat") continue;
    periods.push_back(ToString(row.first) + " " + ToString(row.last) + " " +
                      ToString(row.prices.input));
  }
  EXPECT_THAT(periods,
              ::testing::ElementsAre("2025-02-08 2026-07-30 0.27", "2025-02-07 2025-02-07 0.14"));
  // 2 in and 10 out until 2026-09-01, more from then on: the latter is no price yet.
  EXPECT_EQ(ToString(RowOf(contents, "claude-sonnet-5").prices.input), "2");
  EXPECT_EQ(RefusedOf(contents, "claude-sonnet-5").refusal, Refusal::kNotYet);
}

TEST(LlmPrices, LongContextRowsGoToTheirModel) {
  for (const char* file : {"llm_prices_historical.json", "llm_prices_current.json"}) {
    const FeedContents contents = Read(Excerpt(file));
    const TokenPrices sonnet = RowOf(contents, "claude-sonnet-4.5").prices;
    ASSERT_THAT(sonnet.long_context, SizeIs(1)) << file;
    EXPECT_EQ(sonnet.long_context[0].above_tokens, 200'000);
    EXPECT_EQ(ToString(sonnet.long_context[0].input), "6");
  }
}

TEST(LlmPrices, PerVendorFile) {
  const FeedContents contents = Read(Excerpt("llm_prices_vendor.json"));
  EXPECT_EQ(contents.feed, Feed::kLlmPrices);
  ASSERT_THAT(contents.rows, SizeIs(2));
  EXPECT_EQ(contents.rows[0].provider, "deepseek");
}

// ---------------------------------------------------------------- documents

TEST(ReadFeed, TheUsersDayGoesBeforeTheDocuments) {
  const auto contents =
      ReadFeed(Excerpt("litellm.json"), std::nullopt, {Day("2026-02-03"), Day("2026-07-30")});
  ASSERT_TRUE(contents.ok());
  EXPECT_EQ(ToString(contents->as_of), "2026-02-03");
  EXPECT_FALSE(contents->dated_by_itself);
}

TEST(ReadFeed, SaysWhatItCannotRead) {
  const AsOf as_of{std::nullopt, Day("2026-07-30")};
  for (const char* text : {"{}", "[]", "3", "{\"a\": {\"b\": 1}}", "{\"data\": 3}", "<html>", ""}) {
    EXPECT_FALSE(ReadFeed(text, std::nullopt, as_of).ok()) << text;
  }
  EXPECT_THAT(std::string(ReadFeed("{}", std::nullopt, as_of).status().message()),
              HasSubstr("no price feed that is known"));
  EXPECT_THAT(
      std::string(ReadFeed(Excerpt("litellm.json"), Feed::kOpenRouter, as_of).status().message()),
      HasSubstr("not of the form of OpenRouter; it has that of LiteLLM: --feed litellm"));
  EXPECT_THAT(std::string(ReadFeed("{\"a\": 1}", Feed::kOpenRouter, as_of).status().message()),
              HasSubstr("not of the form of OpenRouter, nor of another price feed that is known"));
}

TEST(ReadFeed, RowsThatAppearTwiceAreRefused) {
  const FeedContents contents = Read(R"({
      "twice": {"litellm_provider": "x", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6},
      "twice": {"litellm_provider": "x", "input_cost_per_token": 3e-6, "output_cost_per_token": 4e-6},
      "field": {"litellm_provider": "x", "input_cost_per_token": 1e-6, "input_cost_per_token": 2e-6,
                "output_cost_per_token": 2e-6}})");
  EXPECT_THAT(contents.rows, IsEmpty());
  EXPECT_THAT(RefusedOf(contents, "twice").reason, HasSubstr("twice"));
  EXPECT_THAT(RefusedOf(contents, "field").reason, HasSubstr("\"input_cost_per_token\" appears"));
}

TEST(LlmPrices, TwoPricesForTheSameDaysAreNotBothTrue) {
  const FeedContents contents = Read(R"({"updated_at": "2026-07-30", "prices": [
      {"id": "m", "vendor": "v", "name": "M", "input": 1, "output": 2},
      {"id": "m", "vendor": "v", "name": "M", "input": 3, "output": 4}]})");
  ASSERT_THAT(contents.rows, SizeIs(1));
  EXPECT_EQ(contents.rows[0].prices, InOut("1", "2"));
  EXPECT_EQ(RefusedOf(contents, "m").reason, "the listing appears again");
}

TEST(ReadFeed, NamesThatWouldHarmATerminalAreRefused) {
  const FeedContents contents = Read(R"({
      "evil\u001b[2J": {"litellm_provider": "x", "input_cost_per_token": 1e-6,
                         "output_cost_per_token": 2e-6}})");
  EXPECT_THAT(contents.rows, IsEmpty());
  ASSERT_THAT(contents.refused, SizeIs(1));
  EXPECT_EQ(contents.refused[0].model, "evil?[2J");
}

// ---------------------------------------------------------------- plausibility

std::string Doubted(const TokenPrices& prices) {
  const auto doubt = WhyImplausible(prices);
  return doubt ? doubt->reason : "";
}

TEST(Plausibility, RealExtremesPass) {
  EXPECT_EQ(Doubted(InOut("150", "600")), "");    // the dearest (o1-pro)
  EXPECT_EQ(Doubted(InOut("75", "150")), "");     // gpt-4.5
  EXPECT_EQ(Doubted(InOut("0.01", "0.01")), "");  // the cheapest
  EXPECT_EQ(Doubted(InOut("0.2", "6")), "");      // wrong, but only other feeds show it
  EXPECT_EQ(Doubted(InOut("0.88", "0.88")), "");
}

TEST(Plausibility, UnitsMistakenForEachOther) {
  EXPECT_THAT(Doubted(InOut("15000", "60000")), HasSubstr("then $0.015/Mtok"));
  EXPECT_THAT(Doubted(InOut("0.00000015", "0.0000006")), HasSubstr("then $0.15/Mtok"));
}

TEST(Plausibility, ZeroNegativeAndUpsideDown) {
  EXPECT_EQ(WhyImplausible(InOut("0", "0"))->refusal, Refusal::kFree);
  // Free is what charges for neither.
  for (const auto& [input, output] : {std::pair("1", "0"), std::pair("0", "1")}) {
    EXPECT_EQ(WhyImplausible(InOut(input, output))->refusal, Refusal::kImplausible);
  }
  EXPECT_EQ(Doubted(InOut("0", "1")), "input is zero, but output is $1/Mtok");
  EXPECT_EQ(Doubted(InOut("1", "0")), "output is zero, but input is $1/Mtok");
  EXPECT_THAT(Doubted(InOut("-1", "1")), HasSubstr("negative"));
  EXPECT_THAT(Doubted(InOut("10", "1.9")), HasSubstr("less than a fifth"));
  EXPECT_EQ(Doubted(InOut("10", "2")), "");
}

TEST(Plausibility, PartsAboveTheWhole) {
  TokenPrices cached = InOut("1", "5");
  cached.cached_input = Dollars("1.01");
  EXPECT_THAT(Doubted(cached), HasSubstr("cached input of $1.01/Mtok is above input"));
  cached.cached_input = Dollars("1");
  EXPECT_EQ(Doubted(cached), "");
  TokenPrices batch = InOut("1", "5");
  batch.batch_output = Dollars("6");
  EXPECT_THAT(Doubted(batch), HasSubstr("batch output"));
  TokenPrices tier = InOut("1", "5");
  tier.long_context.push_back({200'000, Dollars("-2"), Dollars("10")});
  EXPECT_THAT(Doubted(tier), HasSubstr("above 200000 tokens, input is negative"));
}

}  // namespace
}  // namespace capacity::prices
