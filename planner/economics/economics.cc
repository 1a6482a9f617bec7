#include "planner/economics/economics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace capacity::economics {
namespace {

constexpr double kSecondsPerHour = 3600;
constexpr double kTokensPerMtok = 1e6;
constexpr double kDaysPerMonth = kHoursPerMonth / 24;

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
  const catalog::FrontierEquivalent* equivalent = catalog.FindFrontierEquivalent(model.priced_as());
  if (equivalent == nullptr) return 0;
  const catalog::CloudModel* cloud = catalog.FindCloudModel(equivalent->cloud_model);
  return cloud == nullptr ? 0 : TierRank(cloud->tier);
}

TokenPrice PriceOf(const catalog::CloudModel& cloud) {
  return {.input = cloud.input,
          .output = cloud.output,
          .cached_input = cloud.cached_input.value_or(cloud.input),
          .source = cloud.id,
          .as_of = cloud.provenance.as_of};
}

absl::StatusOr<TokenPrice> CloudPrice(const catalog::Catalog& catalog,
                                      const std::string& cloud_model) {
  const catalog::CloudModel* cloud = catalog.FindCloudModel(cloud_model);
  if (cloud == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("the catalogue has no price for cloud model ", cloud_model));
  }
  return PriceOf(*cloud);
}

// The workload names models or a tier: any of several models would do.
bool AcceptsSeveral(const fleet::Workload& workload) {
  return !workload.models.empty() || !workload.min_tier.empty();
}

bool Names(const fleet::Workload& workload, const std::string& model) {
  return std::find(workload.models.begin(), workload.models.end(), model) != workload.models.end();
}

double SavedAt(const fleet::Workload& workload, UsdPerMtok input, UsdPerMtok output,
               std::optional<UsdPerMtok> cached_input) {
  const double h = workload.cached_input_share;
  return (output + InputPerOutput(workload) * ((1 - h) * input + h * cached_input.value_or(input)))
      .value;
}

// ---------------------------------------------------------------- hosted

// An offer with what a million output tokens cost at it, their input included.
struct RankedHost {
  double usd_per_output_mtok = 0;
  const catalog::HostedOffer* offer = nullptr;
};

bool Cheaper(const RankedHost& a, const RankedHost& b) {
  if (a.usd_per_output_mtok != b.usd_per_output_mtok) {
    return a.usd_per_output_mtok < b.usd_per_output_mtok;
  }
  return std::tie(a.offer->model, a.offer->provider) < std::tie(b.offer->model, b.offer->provider);
}

using HostsByModel = std::map<std::string_view, std::vector<RankedHost>>;

// Whom the workload's tokens could be rented from when `model` serves it: hosts of that model, and
// of every other that would do.
HostsByModel HostsFor(const catalog::Catalog& catalog, const fleet::Workload& workload,
                      const catalog::Model& model) {
  HostsByModel hosts;
  for (const catalog::HostedOffer& offer : catalog.hosted) {
    if (offer.model != model.priced_as() && !AcceptsSeveral(workload)) continue;
    hosts[offer.model].push_back(
        {SavedAt(workload, offer.input, offer.output, offer.cached_input), &offer});
  }
  std::erase_if(hosts, [&](const auto& entry) {
    if (entry.first == model.priced_as()) return false;
    const catalog::Model* other = catalog.FindModel(entry.first);
    return other == nullptr || !Accepts(catalog, workload, *other);
  });
  return hosts;
}

// The cheaper of the two middle ones.
const RankedHost& MedianOf(const std::vector<RankedHost>& sorted) {
  return sorted[(sorted.size() - 1) / 2];
}

absl::Status NobodyHosts(const catalog::Model& model) {
  return absl::FailedPreconditionError(
      absl::StrCat("the catalogue knows nobody who hosts ", model.id));
}

TokenPrice PriceOf(const catalog::HostedOffer& offer) {
  return {.input = offer.input,
          .output = offer.output,
          .cached_input = offer.cached_input.value_or(offer.input),
          .source = absl::StrCat(offer.model, " at ", offer.provider),
          .as_of = offer.provenance.as_of};
}

// What one would rent instead: the cheapest of the models that would do, each at its median host.
absl::StatusOr<TokenPrice> HostedPrice(const catalog::Catalog& catalog,
                                       const fleet::Workload& workload,
                                       const catalog::Model& model) {
  std::optional<RankedHost> best;
  std::size_t best_hosts = 0;
  HostsByModel by_model = HostsFor(catalog, workload, model);
  for (auto& [id, hosts] : by_model) {
    std::sort(hosts.begin(), hosts.end(), Cheaper);
    const RankedHost& median = MedianOf(hosts);
    if (best && !Cheaper(median, *best)) continue;
    best = median;
    best_hosts = hosts.size();
  }
  if (!best) return NobodyHosts(model);
  TokenPrice price = PriceOf(*best->offer);
  if (best_hosts > 1) {
    price.source = absl::StrCat(best->offer->model, ", median of ", best_hosts, " hosts (",
                                best->offer->provider, ")");
  }
  return price;
}

// ---------------------------------------------------------------- custom

absl::StatusOr<TokenPrice> StatedPrice(const fleet::Workload& workload) {
  if (!workload.custom_price) {
    return absl::FailedPreconditionError(
        absl::StrCat("no custom price is stated for workload ", workload.name));
  }
  const fleet::CustomPrice& price = *workload.custom_price;
  return TokenPrice{.input = price.input,
                    .output = price.output,
                    .cached_input = price.cached_input.value_or(price.input),
                    .source = price.name.empty() ? "the stated price" : price.name,
                    .as_of = ""};
}

// ---------------------------------------------------------------- frontier

// The cheapest of the cloud models that the accepted models are mapped to.
absl::StatusOr<TokenPrice> CheapestEquivalent(const catalog::Catalog& catalog,
                                              const fleet::Workload& workload) {
  const catalog::CloudModel* best = nullptr;
  double best_usd = 0;
  for (const catalog::FrontierEquivalent& equivalent : catalog.frontier_equivalents) {
    if (!workload.models.empty() && !Names(workload, equivalent.model)) continue;
    const catalog::CloudModel* cloud = catalog.FindCloudModel(equivalent.cloud_model);
    if (cloud == nullptr) continue;
    if (workload.models.empty() && TierRank(cloud->tier) < TierRank(workload.min_tier)) continue;
    const double usd = SavedAt(workload, cloud->input, cloud->output, cloud->cached_input);
    if (best != nullptr && (usd > best_usd || (usd == best_usd && cloud->id >= best->id))) continue;
    best = cloud;
    best_usd = usd;
  }
  if (best == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat("the catalogue maps no model that workload ",
                                                      workload.name, " accepts to a cloud model"));
  }
  return PriceOf(*best);
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
    case fleet::Baseline::kCustom:
      return StatedPrice(workload);
    case fleet::Baseline::kFrontierEquivalent:
      break;
  }
  if (!workload.replaces.empty()) return CloudPrice(catalog, workload.replaces);
  if (AcceptsSeveral(workload)) return CheapestEquivalent(catalog, workload);
  const catalog::FrontierEquivalent* equivalent = catalog.FindFrontierEquivalent(model.priced_as());
  if (equivalent == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("the catalogue maps ", model.id, " to no cloud model"));
  }
  return CloudPrice(catalog, equivalent->cloud_model);
}

absl::StatusOr<TokenPrice> CheapestHostFor(const catalog::Catalog& catalog,
                                           const fleet::Workload& workload,
                                           const catalog::Model& model) {
  std::optional<RankedHost> best;
  HostsByModel by_model = HostsFor(catalog, workload, model);
  for (auto& [id, hosts] : by_model) {
    std::sort(hosts.begin(), hosts.end(), Cheaper);
    const double least = MedianOf(hosts).usd_per_output_mtok / kImplausibleFactor;
    for (const RankedHost& host : hosts) {
      if (host.usd_per_output_mtok < least) continue;
      if (!best || Cheaper(host, *best)) best = host;
      break;
    }
  }
  if (!best) return NobodyHosts(model);
  return PriceOf(*best->offer);
}

bool Accepts(const catalog::Catalog& catalog, const fleet::Workload& workload,
             const catalog::Model& model) {
  if (!workload.models.empty()) {
    return Names(workload, model.id);
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
  return {SavedAt(workload, price.input, price.output, price.cached_input)};
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

Spread DeclineOf(const fleet::Assumptions& assumptions, fleet::Baseline baseline) {
  const auto found = assumptions.declines.find(baseline);
  if (found == assumptions.declines.end()) return Spread::Exactly(0);
  return {found->second.low, found->second.mid, found->second.high};
}

Usd ElectricityCost(Watts power, double hours, double usd_per_kwh) {
  return Usd::FromDollars(power.value / 1000 * hours * usd_per_kwh);
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

}  // namespace capacity::economics
