// Prices per million tokens as exact decimals, and everything one listing charges.
//
// Feeds write the same price as 5.2e-07 a token, "0.00000052" or 0.52 a million. A binary double
// would turn some of them into 0.30000000000000004; here a price is a count of 1e-9 dollars per
// million tokens, far finer than anybody charges, and coarse enough to drop such noise where a feed
// already carries it.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/base/units.h"

namespace capacity::prices {

struct Price {
  std::int64_t nano_usd_per_mtok = 0;  // 1e-9 US dollars per million tokens

  friend constexpr auto operator<=>(const Price&, const Price&) = default;
  UsdPerMtok usd_per_mtok() const { return {static_cast<double>(nano_usd_per_mtok) / 1e9}; }
};

// What the number in a feed counts.
enum class PriceUnit { kUsdPerToken, kUsdPerMtok };

// "5.2e-07", "0.00000052", "-1": a decimal number, rounded half away from zero to the unit of
// Price. InvalidArgument for anything else ("free", "NaN", ""); OutOfRange beyond 1e9 dollars per
// million.
absl::StatusOr<Price> ParsePrice(std::string_view text, PriceUnit unit);

// US dollars per million tokens without trailing zeros: "0.04815", "25".
std::string ToString(Price price);

// What a prompt longer than `above_tokens` costs, from its first token on.
struct LongContextPrice {
  std::int64_t above_tokens = 0;
  Price input;
  Price output;
  std::optional<Price> cached_input;
  std::optional<Price> cache_write;

  friend bool operator==(const LongContextPrice&, const LongContextPrice&) = default;
};

// Everything a listing charges for text tokens. Absent: the feed does not say.
struct TokenPrices {
  Price input;
  Price output;
  std::optional<Price> cached_input;  // read from a prompt cache
  std::optional<Price> cache_write;   // written to it, kept for the shortest time offered
  std::optional<Price> batch_input;
  std::optional<Price> batch_output;
  std::vector<LongContextPrice> long_context;  // by rising above_tokens

  friend bool operator==(const TokenPrices&, const TokenPrices&) = default;
};

// 70 % output and 30 % input, the article's mix: one number to rank and to follow over time.
UsdPerMtok Blended(const TokenPrices& prices);

}  // namespace capacity::prices
