#include "planner/prices/offers.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/prices/support.h"

namespace capacity::prices {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

History Of(const std::vector<FeedContents>& imports) {
  History history;
  for (const FeedContents& contents : imports) Merge(contents, history);
  return history;
}

FeedContents LiteLlm(const std::string& model, const std::string& provider, const std::string& day,
                     const std::string& input, const std::string& output) {
  return One(Feed::kLiteLlm, provider, model, day, InOut(input, output));
}
FeedContents ModelsDev(const std::string& model, const std::string& provider,
                       const std::string& day, const std::string& input,
                       const std::string& output) {
  return One(Feed::kModelsDev, provider, model, day, InOut(input, output));
}

const catalog::HostedOffer* Hosted(const catalog::Catalog& catalog, const std::string& model,
                                   const std::string& provider) {
  for (const catalog::HostedOffer& offer : catalog.hosted) {
    if (offer.model == model && offer.provider == provider) return &offer;
  }
  return nullptr;
}

// ---------------------------------------------------------------- overlay

TEST(WithPrices, ANewerPriceReplacesTheCataloguesOwn) {
  const auto catalog =
      WithPrices(SmallCatalogue(),
                 Of({LiteLlm("groq/openai/gpt-oss-120b", "groq", "2026-07-24", "0.15", "0.6")}));
  const catalog::HostedOffer* groq = Hosted(catalog, "gpt-oss-120b", "groq");
  ASSERT_NE(groq, nullptr);
  EXPECT_EQ(groq->output.value, 0.6);
  EXPECT_EQ(groq->provenance.source, "LiteLLM groq/openai/gpt-oss-120b");
  EXPECT_EQ(groq->provenance.as_of, "2026-07-24");
  EXPECT_THAT(catalog.hosted, SizeIs(1));
}

TEST(WithPrices, AnOlderPriceDoesNot) {
  const auto catalog =
      WithPrices(SmallCatalogue(),
                 Of({LiteLlm("groq/openai/gpt-oss-120b", "groq", "2025-12-31", "0.15", "0.6")}));
  EXPECT_EQ(Hosted(catalog, "gpt-oss-120b", "groq")->output.value, 0.75);
}

TEST(WithPrices, NewHostsAndCloudModels) {
  const auto catalog =
      WithPrices(SmallCatalogue(),
                 Of({LiteLlm("nebius/meta-llama/Llama-3.3-70B-Instruct", "nebius", "2026-07-24",
                             "0.13", "0.4"),
                     LiteLlm("claude-opus-4-5-20251101", "anthropic", "2026-08-24", "4", "20")}));
  ASSERT_NE(Hosted(catalog, "llama-3.3-70b", "nebius"), nullptr);
  EXPECT_EQ(catalog.FindCloudModel("claude-opus-4.5")->output.value, 20);
  EXPECT_EQ(catalog.FindCloudModel("claude-opus-4.5")->provenance.as_of, "2026-08-24");
  EXPECT_EQ(catalog.FindCloudModel("claude-opus-4.5")->tier, "frontier");
}

TEST(WithPrices, AnotherProviderOfACloudModelDoesNotSetItsPrice) {
  const auto catalog = WithPrices(
      SmallCatalogue(), Of({LiteLlm("azure/eu/gpt-4o", "azure", "2026-08-24", "2.75", "11")}));
  EXPECT_EQ(catalog.FindCloudModel("gpt-4o")->output.value, 10);
}

TEST(WithPrices, OfSeveralListingsTheCheapestAndNoSnapshot) {
  const auto catalog = WithPrices(
      SmallCatalogue(),
      Of({LiteLlm("deepinfra/deepseek-ai/DeepSeek-R1", "deepinfra", "2026-07-24", "0.7", "2.4"),
          LiteLlm("deepinfra/deepseek-ai/DeepSeek-R1-0528", "deepinfra", "2026-07-24", "0.5",
                  "2.15"),
          LiteLlm("gpt-4o-2024-05-13", "openai", "2026-07-24", "5", "15"),
          LiteLlm("gpt-4o", "openai", "2026-07-24", "2.4", "9"),
          LiteLlm("gpt-4o-2024-11-20", "openai", "2026-07-24", "2", "8")}));
  EXPECT_EQ(Hosted(catalog, "deepseek-r1", "deepinfra")->output.value, 2.15);
  EXPECT_EQ(catalog.FindCloudModel("gpt-4o")->output.value, 9);
}

TEST(WithPrices, OpenRouterKnowsItsOwnPricesBest) {
  const auto catalog = WithPrices(
      SmallCatalogue(),
      Of({One(Feed::kOpenRouter, "openrouter", "openai/gpt-oss-120b", "2026-07-20",
              InOut("0.037", "0.17")),
          LiteLlm("openrouter/openai/gpt-oss-120b", "openrouter", "2026-07-24", "0.18", "0.8")}));
  EXPECT_EQ(Hosted(catalog, "gpt-oss-120b", "openrouter")->input.value, 0.037);
}

TEST(WithPrices, AListingThatItsFeedNoLongerShowsIsGone) {
  const auto catalog = WithPrices(
      SmallCatalogue(), Of({LiteLlm("a/llama-3.3-70b", "a", "2026-03-01", "0.1", "0.1"),
                            LiteLlm("b/llama-3.3-70b", "b", "2026-07-24", "0.2", "0.2")}));
  EXPECT_EQ(Hosted(catalog, "llama-3.3-70b", "a"), nullptr);
  EXPECT_NE(Hosted(catalog, "llama-3.3-70b", "b"), nullptr);
}

TEST(WithPrices, ASilentFeedDoesNotAbolishTheCache) {
  TokenPrices cached = InOut("5", "25");
  cached.cached_input = Dollars("0.5");
  const History history =
      Of({One(Feed::kLiteLlm, "anthropic", "claude-opus-4-5", "2026-07-24", cached),
          One(Feed::kLlmPrices, "anthropic", "claude-opus-4-5", "2026-07-30", InOut("5", "25"))});
  const auto catalog = WithPrices(SmallCatalogue(), history);
  const catalog::CloudModel* opus = catalog.FindCloudModel("claude-opus-4.5");
  EXPECT_EQ(opus->provenance.as_of, "2026-07-30");
  EXPECT_EQ(opus->cached_input->value, 0.5);
}

TEST(WithPrices, NothingImportedChangesNothing) {
  const auto catalog = WithPrices(SmallCatalogue(), {});
  EXPECT_EQ(catalog.hosted.size(), SmallCatalogue().hosted.size());
  EXPECT_EQ(Hosted(catalog, "gpt-oss-120b", "groq")->provenance.source, "LiteLLM gpt-oss-120b");
}

// ---------------------------------------------------------------- contradictions

// Two other providers around 0.2 / 0.6, so that there is a median.
std::vector<FeedContents> Neighbours() {
  return {LiteLlm("x/qwen3-235b-a22b", "x", "2026-07-24", "0.2", "0.6"),
          LiteLlm("y/qwen3-235b-a22b", "y", "2026-07-24", "0.22", "0.88")};
}

constexpr char kTput[] = "Qwen/Qwen3-235B-A22B-Instruct-2507-tput";

TEST(Contradictions, TheOneNearerToOtherProvidersIsTrusted) {
  std::vector<FeedContents> imports = Neighbours();
  imports.push_back(
      LiteLlm(std::string("together_ai/") + kTput, "together", "2026-07-24", "0.2", "6"));
  imports.push_back(ModelsDev(kTput, "together", "2026-07-01", "0.2", "0.6"));
  for (int order = 0; order < 2; ++order) {
    const Known known = KnownOffers(SmallCatalogue(), Of(imports));
    ASSERT_THAT(known.contradictions, SizeIs(1));
    EXPECT_EQ(known.offers[*known.contradictions[0].trusted].prices, InOut("0.2", "0.6"));
    EXPECT_THAT(known.contradictions[0].reason, HasSubstr("other providers"));
    EXPECT_EQ(Hosted(WithPrices(SmallCatalogue(), Of(imports)), "qwen3-235b-a22b", "together")
                  ->output.value,
              0.6);
    std::swap(imports[2], imports[3]);  // the order of imports does not matter
  }
}

TEST(Contradictions, WithoutOthersTheEarlierStays) {
  const Known known =
      KnownOffers(SmallCatalogue(), Of({LiteLlm("a/mystery", "a", "2026-07-24", "0.2", "6"),
                                        ModelsDev("mystery", "a", "2026-07-30", "0.2", "0.6")}));
  ASSERT_THAT(known.contradictions, SizeIs(1));
  EXPECT_EQ(known.offers[*known.contradictions[0].trusted].feed, Feed::kLiteLlm);
  EXPECT_THAT(known.contradictions[0].reason, HasSubstr("to confirm"));
}

TEST(Contradictions, FiveTimesIsNone) {
  EXPECT_THAT(KnownOffers(SmallCatalogue(), Of({LiteLlm("a/m", "a", "2026-07-24", "1", "5"),
                                                ModelsDev("m", "a", "2026-07-30", "1", "1")}))
                  .contradictions,
              IsEmpty());
}

TEST(Contradictions, AChangeOverTheYearIsNone) {
  EXPECT_THAT(KnownOffers(SmallCatalogue(), Of({LiteLlm("a/m", "a", "2025-07-24", "1", "6"),
                                                LiteLlm("a/m", "a", "2026-07-24", "0.1", "0.6")}))
                  .contradictions,
              IsEmpty());
}

TEST(Contradictions, ASlipOfOneFeedIsNotBelievedUntilItHasHeld) {
  std::vector<FeedContents> imports = Neighbours();
  imports.push_back(LiteLlm("z/qwen3-235b-a22b", "z", "2026-06-01", "0.2", "0.7"));
  imports.push_back(LiteLlm("z/qwen3-235b-a22b", "z", "2026-07-24", "2", "7"));
  const auto price = [&] {
    return Hosted(WithPrices(SmallCatalogue(), Of(imports)), "qwen3-235b-a22b", "z");
  };
  ASSERT_NE(price(), nullptr);  // the new one is not yet believed: the old one stays
  EXPECT_EQ(price()->output.value, 0.7);
  imports.push_back(LiteLlm("z/qwen3-235b-a22b", "z", "2026-08-24", "2", "7"));
  ASSERT_NE(price(), nullptr);
  EXPECT_EQ(price()->output.value, 7);
}

TEST(Contradictions, TheCatalogueCountsToo) {
  const Known known =
      KnownOffers(SmallCatalogue(), Of({LiteLlm("gpt-4o", "openai", "2026-07-24", "0.25", "1")}));
  ASSERT_THAT(known.contradictions, SizeIs(1));
  EXPECT_FALSE(known.offers[*known.contradictions[0].trusted].feed.has_value());
}

// ---------------------------------------------------------------- the excerpts

TEST(Excerpts, EveryImportOrderGivesTheSamePrices) {
  std::vector<FeedContents> imports;
  for (const char* file :
       {"litellm.json", "openrouter.json", "models_dev.json", "llm_prices_historical.json"}) {
    imports.push_back(Read(Excerpt(file)));
  }
  const auto describe = [](const catalog::Catalog& catalog) {
    std::string out;
    for (const auto& offer : catalog.hosted) {
      out += offer.model + " " + offer.provider + " " + std::to_string(offer.output.value) + " " +
             offer.provenance.source + "\n";
    }
    for (const auto& model : catalog.cloud_models) {
      out += model.id + " " + std::to_string(model.output.value) + " " + model.provenance.source +
             "\n";
    }
    return out;
  };
  const std::string expected = describe(WithPrices(SmallCatalogue(), Of(imports)));
  std::sort(imports.begin(), imports.end(),
            [](const auto& a, const auto& b) { return a.rows.size() < b.rows.size(); });
  EXPECT_EQ(describe(WithPrices(SmallCatalogue(), Of(imports))), expected);
  std::reverse(imports.begin(), imports.end());
  EXPECT_EQ(describe(WithPrices(SmallCatalogue(), Of(imports))), expected);
  EXPECT_THAT(expected, HasSubstr("gpt-oss-120b openrouter 0.170000 OpenRouter"));
  EXPECT_THAT(expected, ::testing::Not(HasSubstr("wandb")));
}

}  // namespace
}  // namespace capacity::prices
