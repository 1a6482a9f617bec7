// What tokens are worth and when a machine has paid for itself (docs/model.md section 5).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/base/spread.h"
#include "planner/base/units.h"
#include "planner/catalog/catalog.h"
#include "planner/fleet/scenario.h"

namespace capacity::economics {

inline constexpr double kHoursPerMonth = 720;  // the article's month

// ---------------------------------------------------------------- the article's form

// tokens/s x 3600 x (output_share x out + (1 - output_share) x in) / 1e6, US dollars per hour.
double ArticleUsdPerHour(TokensPerSecond decode, UsdPerMtok input, UsdPerMtok output,
                         double output_share = 0.7);

// Cost over monthly saving at constant prices, in months (not rounded). Infinity when nothing is
// saved.
double ArticlePayoffMonths(Usd cost, double usd_per_hour, double utilization = 1);

// Whole months until cumulative savings reach `cost` when prices fall by `annual_decline` a year,
// first month undiscounted: smallest n with sum_{k<n} saving x m^k >= cost, m = (1 - d)^(1/12).
// nullopt: never, because cost >= saving / (1 - m).
std::optional<int> PayoffMonthsUnderDecline(Usd cost, UsdPerMonth saving, double annual_decline);

// ---------------------------------------------------------------- the full form

struct TokenPrice {
  UsdPerMtok input;
  UsdPerMtok output;
  UsdPerMtok cached_input;  // equals input where the provider states none
  std::string source;       // "claude-opus-4.5, 2026-02" or "median of 7 hosts"
  std::string as_of;
};

// The price that `baseline` puts on tokens of `workload` when `model` serves it. FailedPrecondition
// when the catalogue maps the model to no cloud model, or nobody is known to host it.
// Frontier-equivalent: the workload's `replaces`, else the cloud model that the model is mapped to.
// Same-model-hosted: its median host (the cheaper of the two middle ones), by dollars saved per
// output token of this workload.
// Custom: what the workload states, whatever serves; FailedPrecondition when it states nothing.
// Where a workload accepts several models, by name or by tier, the cheapest of their prices counts
// under both, since that is what one would rent: a small model's task is not worth a frontier
// model's tokens because a larger model happens to do it.
absl::StatusOr<TokenPrice> PriceFor(const catalog::Catalog& catalog,
                                    const fleet::Workload& workload, const catalog::Model& model,
                                    fleet::Baseline baseline);

// Beside the median: the cheapest host that can be believed, which is one that asks no less than a
// fifth of its model's median. Any model that would do, as above. FailedPrecondition: nobody hosts
// one.
absl::StatusOr<TokenPrice> CheapestHostFor(const catalog::Catalog& catalog,
                                           const fleet::Workload& workload,
                                           const catalog::Model& model);

// Prices of one good that differ by more than this are not of one good.
inline constexpr double kImplausibleFactor = 5;

// Whether `model` may serve `workload`: it is among the named models, or its tier (that of the
// cloud model the catalogue maps it to; small < mid < frontier) is at least the workload's. A
// workload that names neither accepts every model.
bool Accepts(const catalog::Catalog& catalog, const fleet::Workload& workload,
             const catalog::Model& model);

// Input tokens per output token: from the stated daily volumes where both are, else the ratio.
double InputPerOutput(const fleet::Workload& workload);

// Output tokens per hour of running: 3600 / (1/D + r(1-h)/P). D aggregate decode, P prefill.
double OutputTokensPerHour(const fleet::Workload& workload, TokensPerSecond decode,
                           TokensPerSecond prefill);

// Dollars saved per million output tokens, their share of input included: p_out + r((1-h) p_in + h
// p_cached).
UsdPerMtok SavedPerOutputMtok(const fleet::Workload& workload, const TokenPrice& price);

// Output tokens the workload wants in a month, in Mtok; nullopt: as much as the hours allow.
std::optional<double> DemandMtokPerMonth(const fleet::Workload& workload);

// How fast the prices of `baseline` fall, a year; 0 where nobody says.
Spread DeclineOf(const fleet::Assumptions& assumptions, fleet::Baseline baseline);

// Electricity for `hours` at `power`.
Usd ElectricityCost(Watts power, double hours, double usd_per_kwh);

// The article's decision rule (docs/model.md section 6).
enum class Verdict { kBuy, kConsider, kNonPriceValueOnly, kNever };
const char* Name(Verdict verdict);  // "buy", "consider", "non-price-value-only", "never-pays-back"

// The rule's numbers: buy under 6 months at 50 %/yr decline, only for non-price value over 18
// months at constant price.
inline constexpr double kBuyUnderMonths = 6;
inline constexpr double kBuyAtDecline = 0.5;
inline constexpr double kNonPriceAboveMonths = 18;

// A verdict with what it rests on (Decide in ownership.h); nullopt: never.
struct Decision {
  Verdict verdict = Verdict::kNever;
  std::optional<Months> at_buy_decline;
  std::optional<Months> at_constant_price;
};

}  // namespace capacity::economics
