#include <string>
#include <string_view>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "planner/prices/feed.h"

namespace capacity::prices {
namespace {

// The dearest text listing known asked 600 dollars per million output tokens (o1-pro, 2025), the
// cheapest 0.01; a unit mistaken for another is wrong by 1e3 to 1e6 and lands outside.
constexpr std::int64_t kDearest = 1'000'000'000'000;  // 1000 dollars per million
constexpr std::int64_t kCheapest = 1'000'000;         // 0.001 dollars per million
// Output is computed token by token and input at once: nobody sells it at a fifth of input.
constexpr std::int64_t kOutputBelowInput = 5;

constexpr std::size_t kMostTiers = 16;
constexpr std::int64_t kLongestPrompt = 1'000'000'000;  // tokens

std::string Dollars(Price price) { return absl::StrCat("$", ToString(price), "/Mtok"); }

// The price as it would be had the unit been mistaken by a million.
std::string InTheOtherUnit(Price price) {
  constexpr std::int64_t kTokensPerMtok = 1'000'000;
  if (price.nano_usd_per_mtok > kDearest) {
    return Dollars({price.nano_usd_per_mtok / kTokensPerMtok});
  }
  return Dollars({price.nano_usd_per_mtok * kTokensPerMtok});
}

std::optional<Doubt> OutOfBounds(std::string_view what, Price price) {
  const std::int64_t nano = price.nano_usd_per_mtok;
  const std::string name(what);
  if (nano < 0) {
    return Doubt{Refusal::kImplausible, absl::StrCat(name, " is negative: ", Dollars(price))};
  }
  if (nano == 0) return Doubt{Refusal::kFree, absl::StrCat(name, " is zero")};
  if (nano > kDearest) {
    return Doubt{
        Refusal::kImplausible,
        absl::StrCat(name, " of ", Dollars(price), " is above any price; dollars per million ",
                     "given as dollars per token? (then ", InTheOtherUnit(price), ")")};
  }
  if (nano < kCheapest) {
    return Doubt{
        Refusal::kImplausible,
        absl::StrCat(name, " of ", Dollars(price), " is below any price; dollars per token ",
                     "given as dollars per million? (then ", InTheOtherUnit(price), ")")};
  }
  return std::nullopt;
}

std::optional<Doubt> Above(std::string_view what, const std::optional<Price>& price,
                           std::string_view usual_what, Price usual) {
  if (!price || *price <= usual) return std::nullopt;
  return Doubt{Refusal::kImplausible,
               absl::StrCat(std::string(what), " of ", Dollars(*price), " is above ",
                            std::string(usual_what), " of ", Dollars(usual))};
}

// What holds for the usual price and for that of long prompts alike.
std::optional<Doubt> Inconsistent(Price input, Price output, const std::optional<Price>& cached) {
  // A free tier charges for neither.
  const std::string_view free = input.nano_usd_per_mtok == 0 ? "input" : "output";
  const Price other = input.nano_usd_per_mtok == 0 ? output : input;
  if ((input.nano_usd_per_mtok == 0 || output.nano_usd_per_mtok == 0) &&
      other.nano_usd_per_mtok != 0) {
    return Doubt{Refusal::kImplausible,
                 absl::StrCat(std::string(free), " is zero, but ",
                              free == "input" ? "output" : "input", " is ", Dollars(other))};
  }
  if (auto doubt = OutOfBounds("input", input)) return doubt;
  if (auto doubt = OutOfBounds("output", output)) return doubt;
  if (output.nano_usd_per_mtok < input.nano_usd_per_mtok / kOutputBelowInput) {
    return Doubt{Refusal::kImplausible,
                 absl::StrCat("output of ", Dollars(output), " is less than a fifth of input of ",
                              Dollars(input))};
  }
  if (cached && cached->nano_usd_per_mtok < 0) return OutOfBounds("cached input", *cached);
  return Above("cached input", cached, "input", input);
}

// Zero counts as "not offered" and does not get here.
std::optional<Doubt> BadCacheWrite(const std::optional<Price>& price) {
  if (!price || (price->nano_usd_per_mtok > 0 && price->nano_usd_per_mtok <= kDearest)) {
    return std::nullopt;
  }
  return OutOfBounds("cache write", *price);
}

}  // namespace

std::optional<Doubt> WhyImplausible(const TokenPrices& prices) {
  if (auto doubt = Inconsistent(prices.input, prices.output, prices.cached_input)) return doubt;
  if (auto doubt = BadCacheWrite(prices.cache_write)) return doubt;
  for (const auto& [what, price, usual] :
       {std::tuple("batch input", prices.batch_input, prices.input),
        std::tuple("batch output", prices.batch_output, prices.output)}) {
    if (!price) continue;
    if (auto doubt = OutOfBounds(what, *price)) return doubt;
    if (auto doubt = Above(what, price, "the usual price", usual)) return doubt;
  }
  if (prices.long_context.size() > kMostTiers) {
    return Doubt{Refusal::kImplausible,
                 absl::StrCat(prices.long_context.size(), " long-context prices")};
  }
  for (const LongContextPrice& tier : prices.long_context) {
    if (tier.above_tokens <= 0 || tier.above_tokens > kLongestPrompt) {
      return Doubt{Refusal::kImplausible,
                   absl::StrCat("a price above ", tier.above_tokens, " tokens")};
    }
    std::optional<Doubt> doubt = Inconsistent(tier.input, tier.output, tier.cached_input);
    if (!doubt) doubt = BadCacheWrite(tier.cache_write);
    if (doubt) {
      doubt->reason = absl::StrCat("above ", tier.above_tokens, " tokens, ", doubt->reason);
      // Free above a threshold is no free tier.
      doubt->refusal = Refusal::kImplausible;
      return doubt;
    }
  }
  return std::nullopt;
}

}  // namespace capacity::prices
