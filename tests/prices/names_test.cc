#include "planner/prices/names.h"

#include "gtest/gtest.h"
#include "tests/prices/support.h"

namespace capacity::prices {
namespace {

std::string Resolve(const std::string& listing) {
  static const NameResolver names(SmallCatalogue());
  return names.Resolve(listing).id;
}

TEST(NameResolver, OpenModelsInEverySpelling) {
  for (const char* listing : {"gpt-oss-120b", "openai/gpt-oss-120b", "groq/openai/gpt-oss-120b",
                              "gpt-oss:120b", "fireworks_ai/accounts/fireworks/models/gpt-oss-120b",
                              "openai.gpt-oss-120b-v1:0", "GPT_OSS_120B"}) {
    EXPECT_EQ(Resolve(listing), "gpt-oss-120b") << listing;
  }
  for (const char* listing :
       {"meta-llama/Llama-3.3-70B-Instruct", "deepinfra/meta-llama/Llama-3.3-70B-Instruct-Turbo",
        "fireworks_ai/accounts/fireworks/models/llama-v3p3-70b-instruct",
        "groq/llama-3.3-70b-versatile", "us.meta.llama3-3-70b-instruct-v1:0",
        "cerebras/llama-3.3-70b"}) {
    EXPECT_EQ(Resolve(listing), "llama-3.3-70b") << listing;
  }
  EXPECT_EQ(Resolve("deepseek/deepseek-chat-v3.1"), "deepseek-v3.1");
  EXPECT_EQ(Resolve("accounts/fireworks/models/deepseek-v3p1-terminus"), "deepseek-v3.1");
  EXPECT_EQ(Resolve("deepseek/deepseek-r1-0528"), "deepseek-r1");
  EXPECT_EQ(Resolve("Qwen/Qwen3-235B-A22B-Instruct-2507-tput"), "qwen3-235b-a22b");
  EXPECT_EQ(Resolve("moonshotai/kimi-k2-0905"), "kimi-k2");
  EXPECT_EQ(Resolve("moonshotai/Kimi-K2-Thinking"), "kimi-k2-thinking");
  EXPECT_EQ(Resolve("mistralai/Mistral-7B-Instruct-v0.3"), "mistral-7b-v0.3");
}

TEST(NameResolver, OtherProductsStayUnknown) {
  for (const char* listing :
       {"Qwen/Qwen3-235B-A22B-Thinking-2507", "deepseek/deepseek-chat", "moonshotai/kimi-k2.5",
        "fireworks_ai/kimi-k2p6", "minimax/minimax-m2.1", "z-ai/glm-4.7",
        "deepseek/deepseek-r1-distill-llama-8b", "deepseek/deepseek-r1-0528-qwen3-8b",
        "deepseek/deepseek-chat-v3.1:free", "meta-llama/llama-3-8b-instruct", "openrouter/auto", "",
        "/", "instruct"}) {
    EXPECT_EQ(Resolve(listing), "") << listing;
  }
}

TEST(NameResolver, CloudModelsWhateverTheOrderOfTheName) {
  for (const char* listing :
       {"claude-opus-4-5", "claude-opus-4-5-20251101", "anthropic/claude-opus-4.5",
        "anthropic/claude-opus-4-5-20251101", "us.anthropic.claude-opus-4-5-20251101-v1:0",
        "claude-opus-4-5@20251101", "claude-4.5-opus", "claude-opus-4-5@default"}) {
    EXPECT_EQ(Resolve(listing), "claude-opus-4.5") << listing;
  }
  EXPECT_EQ(Resolve("claude-4.5-haiku"), "claude-haiku-4.5");
  EXPECT_EQ(Resolve("azure/eu/gpt-4o-2024-08-06"), "gpt-4o");
  EXPECT_EQ(Resolve("gpt-4o-mini"), "gpt-4o-mini");
  for (const char* listing : {"claude-opus-4-1", "claude-opus-4", "claude-opus-4.5:thinking",
                              "gpt-4o-audio-preview", "gpt-4o-mini-search-preview", "gpt-4"}) {
    EXPECT_EQ(Resolve(listing), "") << listing;
  }
}

TEST(NameResolver, KnowsASnapshot) {
  const NameResolver names(SmallCatalogue());
  EXPECT_TRUE(names.Resolve("gpt-4o-2024-05-13").dated);
  EXPECT_FALSE(names.Resolve("gpt-4o").dated);
}

TEST(ProviderKey, OneSpellingEach) {
  EXPECT_EQ(ProviderKey("together_ai"), "together");
  EXPECT_EQ(ProviderKey("togetherai"), "together");
  EXPECT_EQ(ProviderKey("fireworks-ai"), "fireworks");
  EXPECT_EQ(ProviderKey("OpenAI"), "openai");
  EXPECT_EQ(ProviderKey("deepinfra"), "deepinfra");
}

TEST(ProductKey, SameProductInTwoFeeds) {
  EXPECT_EQ(ProductKey("together_ai/Qwen/Qwen3-235B-A22B-Instruct-2507-tput"),
            ProductKey("Qwen/Qwen3-235B-A22B-Instruct-2507-tput"));
  EXPECT_EQ(ProductKey("accounts/fireworks/models/deepseek-v3p1"), ProductKey("DeepSeek-V3.1"));
  EXPECT_EQ(ProductKey("claude-opus-4-5-20251101"), ProductKey("anthropic/claude-opus-4.5"));
  EXPECT_NE(ProductKey("Qwen3-235B-A22B-fp8-tput"), ProductKey("Qwen3-235B-A22B"));
}

}  // namespace
}  // namespace capacity::prices
