// Reading the four public price feeds into one form.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/prices/date.h"
#include "planner/prices/token_price.h"

namespace capacity::prices {

enum class Feed {
  kLiteLlm,     // BerriAI/litellm model_prices_and_context_window.json: $/token, numbers
  kOpenRouter,  // openrouter.ai/api/v1/models: $/token, strings
  kModelsDev,   // models.dev/api.json: $/Mtok
  kLlmPrices,   // simonw/llm-prices: current, historical and per-vendor files: $/Mtok
};
inline constexpr Feed kFeeds[] = {Feed::kLiteLlm, Feed::kOpenRouter, Feed::kModelsDev,
                                  Feed::kLlmPrices};
const char* Name(Feed feed);   // "litellm", "openrouter", "models.dev", "llm-prices"
const char* Title(Feed feed);  // "LiteLLM", "OpenRouter", "models.dev", "llm-prices"
std::optional<Feed> ParseFeed(std::string_view name);
const char* DefaultUrl(Feed feed);

// One price as a feed gives it, and on which days it was in force.
struct FeedRow {
  std::string provider;  // who asks for the money, in the spelling of ProviderKey()
  std::string model;     // the feed's name of the listing
  TokenPrices prices;
  Date first;  // first <= last
  Date last;
};

// Why a row is not used.
enum class Refusal {
  kNotText,      // images, audio, embeddings, ranking
  kNoPrice,      // no price per token is given
  kFree,         // zero: a free tier, which has limits of its own
  kImplausible,  // no such price exists, or the row contradicts itself
  kNotYet,       // in force only after the day the document is of
  kUnreadable,   // not of the feed's form
};
// "not-text", "no-price", "free", "implausible", "not-yet", "unreadable".
const char* Name(Refusal refusal);

struct RefusedRow {
  std::string provider;  // "" where the row does not say
  std::string model;
  Refusal refusal = Refusal::kUnreadable;
  std::string reason;
};

// Which day a document is of: as the user said, else as it says itself ("updated_at", "_as_of"),
// else the best other knowledge, such as the modification date of the file.
struct AsOf {
  std::optional<Date> stated;
  Date otherwise;
};

struct FeedContents {
  Feed feed = Feed::kLiteLlm;
  Date as_of;
  bool dated_by_itself = false;     // as_of is what the document says
  std::vector<FeedRow> rows;        // in file order
  std::vector<RefusedRow> refused;  // in file order
};

// Reads a whole document. `feed` nullopt: recognised by its form. Rows that name no day of their
// own were in force on the document's day. InvalidArgument when the text is no JSON or of no known
// form, OutOfRange beyond the limits of JsonLimits; a bad row does not stop the others.
absl::StatusOr<FeedContents> ReadFeed(std::string_view text, std::optional<Feed> feed,
                                      const AsOf& as_of);

// Why `prices` cannot be true; nullopt when they can. The bounds are in docs/prices.md.
struct Doubt {
  Refusal refusal;
  std::string reason;
};
std::optional<Doubt> WhyImplausible(const TokenPrices& prices);

}  // namespace capacity::prices
