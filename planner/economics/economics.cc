#include "planner/economics/economics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace capacity::economics {
namespace {

constexpr double kSecondsPerHour = 3600;
constexpr double kTokensPerMtok = 1e6;
constexpr double kDaysPerMonth = kHoursPerMonth / 24;

// The article's decision rule (2026-02-09), in months and price decline a year.
constexpr double kBuyUnderMonths = 6;
constexpr double kBuyAtDecline = 0.5;
constexpr double kNonPriceAboveMonths = 18;

// A sum of n equal savings that misses the cost by rounding error alone has reached it.
constexpr double kRelativeRounding = 1e-12;

double MonthlyFactor(double annual_decline) { return std::pow(1 - annual_decline, 1.0 / 12); }

// small 1, mid 2, frontier 3; 0 for anything else.
int TierRank(std::string_view tier) {
  if (tier == "small") return 1;
  if (tier == "mid") return 2;
  if (tier == "frontier") return 3;
  return 0;
}

int ModelTierRank(const catalog::Catalog& catalog, const catalog::Model& model) {
  const catalog::FrontierEquivalent* equivalent = catalog.FindFrontierEquivalent(model.id);
  if (equivalent == nullptr) return 0;
  const catalog::CloudModel* cloud = catalog.FindCloudModel(equivalent->cloud_model);
  return cloud == nullptr ? 0 : TierRank(cloud->tier);
}

absl::StatusOr<TokenPrice> CloudPrice(const catalog::Catalog& catalog,
                                      const std::string& cloud_model) {
  const catalog::CloudModel* cloud = catalog.FindCloudModel(cloud_model);
  if (cloud == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("the catalogue has no price for cloud model ", cloud_model));
  }
  return TokenPrice{.input = cloud->input,
                    .output = cloud->output,
                    .cached_input = cloud->cached_input.value_or(cloud->input),
                    .source = cloud->id,
                    .as_of = cloud->provenance.as_of};
}

struct RankedPrice {
  double usd_per_output_mtok = 0;
  TokenPrice price;
};

bool Cheaper(const RankedPrice& a, const RankedPrice& b) {
  if (a.usd_per_output_mtok != b.usd_per_output_mtok) {
    return a.usd_per_output_mtok < b.usd_per_output_mtok;
  }
  return a.price.source < b.price.source;
}

// The median host's price of `model`; nullopt when nobody hosts it.
std::optional<RankedPrice> MedianHostedPrice(const catalog::Catalog& catalog,
                                             const fleet::Workload& workload,
                                             const std::string& model) {
  std::vector<RankedPrice> hosts;
  for (const catalog::HostedOffer& offer : catalog.hosted) {
    if (offer.model != model) continue;
    const TokenPrice price{.input = offer.input,
                           .output = offer.output,
                           .cached_input = offer.cached_input.value_or(offer.input),
                           .source = offer.provider,
                           .as_of = offer.provenance.as_of};
    hosts.push_back({SavedPerOutputMtok(workload, price).value, price});
  }
  if (hosts.empty()) return std::nullopt;
  std::sort(hosts.begin(), hosts.end(), Cheaper);
  RankedPrice median = hosts[(hosts.size() - 1) / 2];
  const std::string provider = median.price.source;
  median.price.source = hosts.size() == 1 ? absl::StrCat(model, " at ", provider)
                                          : absl::StrCat(model, ", median of ", hosts.size(),
                                                         " hosts (", provider, ")");
  return median;
}

// The workload names models or a tier: any of several models would do.
bool AcceptsSeveral(const fleet::Workload& workload) {
  return !workload.models.empty() || !workload.min_tier.empty();
}

// What one would rent instead: the cheapest of the models that would do.
absl::StatusOr<TokenPrice> HostedPrice(const catalog::Catalog& catalog,
                                       const fleet::Workload& workload,
                                       const catalog::Model& model) {
  std::optional<RankedPrice> best = MedianHostedPrice(catalog, workload, model.id);
  if (AcceptsSeveral(workload)) {
    for (const catalog::Model& other : catalog.models) {
      if (!Accepts(catalog, workload, other)) continue;
      std::optional<RankedPrice> price = MedianHostedPrice(catalog, workload, other.id);
      if (price && (!best || Cheaper(*price, *best))) best = std::move(price);
    }
  }
  if (!best) {
    return absl::FailedPreconditionError(
        absl::StrCat("the catalogue knows nobody who hosts ", model.id));
  }
  return best->price;
}

// The cheapest of the cloud models that the accepted models are mapped to.
absl::StatusOr<TokenPrice> CheapestEquivalent(const catalog::Catalog& catalog,
                                              const fleet::Workload& workload) {
  std::optional<RankedPrice> best;
  for (const catalog::FrontierEquivalent& equivalent : catalog.frontier_equivalents) {
    const catalog::Model* model = catalog.FindModel(equivalent.model);
    if (model == nullptr || !Accepts(catalog, workload, *model)) continue;
    const auto price = CloudPrice(catalog, equivalent.cloud_model);
    if (!price.ok()) continue;
    RankedPrice ranked{SavedPerOutputMtok(workload, *price).value, *price};
    if (!best || Cheaper(ranked, *best)) best = std::move(ranked);
  }
  if (!best) {
    return absl::FailedPreconditionError(absl::StrCat("the catalogue maps no model that workload ",
                                                      workload.name, " accepts to a cloud model"));
  }
  return best->price;
}

}  // namespace

double ArticleUsdPerHour(TokensPerSecond decode, UsdPerMtok input, UsdPerMtok output,
                         double output_share) {
  const double usd_per_mtok = output_share * output.value + (1 - output_share) * input.value;
  return decode.value * kSecondsPerHour * usd_per_mtok / kTokensPerMtok;
}

double ArticlePayoffMonths(Usd cost, double usd_per_hour, double utilization) {
  const double saving = usd_per_hour * kHoursPerMonth * utilization;
  if (saving <= 0) return std::numeric_limits<double>::infinity();
  return cost.dollars() / saving;
}

std::optional<int> PayoffMonthsUnderDecline(Usd cost, UsdPerMonth saving, double annual_decline) {
  if (cost.cents <= 0) return 0;
  if (saving.value <= 0) return std::nullopt;
  const double m = MonthlyFactor(annual_decline);
  const double first_months = cost.dollars() / saving.value * (1 - kRelativeRounding);
  if (first_months <= 1) return 1;
  if (m == 1) return static_cast<int>(std::ceil(first_months));
  // sum_{k<n} m^k = (1 - m^n) / (1 - m) >= cost / saving, solved for n.
  const double remaining = 1 - first_months * (1 - m);
  if (remaining <= 0) return std::nullopt;
  const double n = std::log(remaining) / std::log(m);
  return static_cast<int>(std::ceil(n * (1 - kRelativeRounding)));
}

absl::StatusOr<TokenPrice> PriceFor(const catalog::Catalog& catalog,
                                    const fleet::Workload& workload, const catalog::Model& model,
                                    fleet::Baseline baseline) {
  switch (baseline) {
    case fleet::Baseline::kSameModelHosted:
      return HostedPrice(catalog, workload, model);
    case fleet::Baseline::kFrontierEquivalent:
      break;
  }
  if (!workload.replaces.empty()) return CloudPrice(catalog, workload.replaces);
  if (AcceptsSeveral(workload)) return CheapestEquivalent(catalog, workload);
  const catalog::FrontierEquivalent* equivalent = catalog.FindFrontierEquivalent(model.id);
  if (equivalent == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("the catalogue maps ", model.id, " to no cloud model"));
  }
  return CloudPrice(catalog, equivalent->cloud_model);
}

bool Accepts(const catalog::Catalog& catalog, const fleet::Workload& workload,
             const catalog::Model& model) {
  if (!workload.models.empty()) {
    return std::find(workload.models.begin(), workload.models.end(), model.id) !=
           workload.models.end();
  }
  if (workload.min_tier.empty()) return true;
  return ModelTierRank(catalog, model) >= TierRank(workload.min_tier);
}

double InputPerOutput(const fleet::Workload& workload) {
  if (workload.input_tokens_per_day && workload.output_tokens_per_day &&
      *workload.output_tokens_per_day > 0) {
    return *workload.input_tokens_per_day / *workload.output_tokens_per_day;
  }
  return workload.input_per_output;
}

double OutputTokensPerHour(const fleet::Workload& workload, TokensPerSecond decode,
                           TokensPerSecond prefill) {
  if (decode.value <= 0) return 0;
  const double new_input = InputPerOutput(workload) * (1 - workload.cached_input_share);
  if (new_input > 0 && prefill.value <= 0) return 0;
  const double prefill_seconds = new_input > 0 ? new_input / prefill.value : 0;
  return kSecondsPerHour / (1 / decode.value + prefill_seconds);
}

UsdPerMtok SavedPerOutputMtok(const fleet::Workload& workload, const TokenPrice& price) {
  const double h = workload.cached_input_share;
  return price.output + InputPerOutput(workload) * ((1 - h) * price.input + h * price.cached_input);
}

std::optional<double> DemandMtokPerMonth(const fleet::Workload& workload) {
  if (workload.output_tokens_per_day) {
    return *workload.output_tokens_per_day * kDaysPerMonth / kTokensPerMtok;
  }
  if (!workload.input_tokens_per_day) return std::nullopt;
  if (workload.input_per_output <= 0) return 0;
  return *workload.input_tokens_per_day / workload.input_per_output * kDaysPerMonth /
         kTokensPerMtok;
}

Usd ElectricityCost(Watts power, double hours, double usd_per_kwh) {
  return Usd::FromDollars(power.value / 1000 * hours * usd_per_kwh);
}

std::optional<Months> PaybackMonths(Usd cost, UsdPerMonth gross_saving, UsdPerMonth running_cost,
                                    double annual_decline, int horizon_months) {
  double owed = cost.dollars();
  if (owed <= 0) return Months{0};
  const double m = MonthlyFactor(annual_decline);
  double gross = gross_saving.value;
  const double rounding = owed * kRelativeRounding;
  for (int month = 0; month < horizon_months; ++month, gross *= m) {
    const double net = gross - running_cost.value;
    // Under a rising price a losing month may be followed by winning ones.
    if (net <= 0 && m <= 1) return std::nullopt;
    if (net > 0 && owed <= net + rounding) return Months{month + std::min(1.0, owed / net)};
    owed -= net;
  }
  return std::nullopt;
}

const char* Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kBuy:
      return "buy";
    case Verdict::kConsider:
      return "consider";
    case Verdict::kNonPriceValueOnly:
      return "non-price-value-only";
    case Verdict::kNever:
      return "never-pays-back";
  }
  return "unknown";
}

Verdict Judge(Usd cost, UsdPerMonth gross_saving, UsdPerMonth running_cost) {
  const std::optional<Months> constant = PaybackMonths(cost, gross_saving, running_cost, 0);
  if (!constant) return Verdict::kNever;
  const std::optional<Months> declining =
      PaybackMonths(cost, gross_saving, running_cost, kBuyAtDecline);
  if (declining && declining->value < kBuyUnderMonths) return Verdict::kBuy;
  if (constant->value > kNonPriceAboveMonths) return Verdict::kNonPriceValueOnly;
  return Verdict::kConsider;
}

}  // namespace capacity::economics
