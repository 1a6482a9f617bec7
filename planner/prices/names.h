// Whose price of which model: the many spellings of feeds, brought together.
//
// A feed's name says the provider, the vendor, the model, a variant and a date in an order of its
// own: "fireworks_ai/accounts/fireworks/models/llama-v3p3-70b-instruct",
// "anthropic.claude-sonnet-4-5-20250929-v1:0", "deepseek/deepseek-chat-v3.1". docs/prices.md lists
// the rules; a name that they bring to no catalogue id stays unresolved and is never guessed.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "planner/catalog/catalog.h"

namespace capacity::prices {

// One spelling per provider, that of the catalogue: "together_ai", "togetherai" -> "together".
std::string ProviderKey(std::string_view provider);

// The listing without its path, vendor prefix, long date and spelling differences:
// "deepseek-ai/DeepSeek-V3.1" and "accounts/fireworks/models/deepseek-v3p1" -> "deepseek-v3-1".
// Listings of one provider with the same key are the same product.
std::string ProductKey(std::string_view listing);

// What a feed's listing is in the catalogue.
struct Resolved {
  enum class Kind { kUnknown, kCloudModel, kOpenModel };
  Kind kind = Kind::kUnknown;
  std::string id;      // of the catalogue; "" when unknown
  bool dated = false;  // names a snapshot: "gpt-4o-2024-05-13"

  bool known() const { return kind != Kind::kUnknown; }
};

// Resolves listings against one catalogue. Aliases of the catalogue are not used: they say that a
// model has the same shape (R1 distillations, thinking variants), not that it is the same product.
class NameResolver {
 public:
  explicit NameResolver(const catalog::Catalog& catalog);
  Resolved Resolve(std::string_view listing) const;

 private:
  std::map<std::string, std::string, std::less<>> cloud_;
  std::map<std::string, std::string, std::less<>> open_;
};

}  // namespace capacity::prices
