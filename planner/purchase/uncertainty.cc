#include "planner/purchase/uncertainty.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace capacity::purchase {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

// What moves the speed of a service up or down together with others.
std::string CauseOf(const Market& market, const Service& service) {
  const placement::Placement& placement = service.placement;
  const auto source = placement.speed->decode_tps.source;
  if (source == EstimateSource::kMeasuredPlacement) {
    return absl::StrCat("measured speed of ", placement.model->id);
  }
  std::set<std::string> families;
  for (int node : placement.nodes) {
    const catalog::Chip& chip = *market.NodeOf(node).chip;
    families.insert(chip.family == "other" ? chip.id : chip.family);
  }
  std::string cause = absl::StrCat("speed of ", catalog::Name(placement.engine), " on ",
                                   absl::StrJoin(families, " and "));
  if (placement.link != nullptr && placement.nodes.size() > 1) {
    absl::StrAppend(&cause, " over ", placement.link->id);
  }
  return cause;
}

double ValueAdded(const Change& change, const PaceOf& before, const PaceOf& after) {
  return change.market_after.ValueAt(change.after, after) -
         change.market_before.ValueAt(change.before, before);
}

// Value added with the services of one cause at one end of their intervals.
double ValueAddedAt(const Change& change, const std::string& cause, Pace pace) {
  auto moved = [&](const Market& market) {
    return [&market, &cause, pace](const Service& service) {
      return CauseOf(market, service) == cause ? pace : Pace::kMid;
    };
  };
  return ValueAdded(change, moved(change.market_before), moved(change.market_after));
}

std::set<std::string> CausesOf(const Market& market, const Choice& choice) {
  std::set<std::string> causes;
  for (const Service* service : market.ServicesAtWork(choice)) {
    causes.insert(CauseOf(market, *service));
  }
  return causes;
}

const fleet::Offer& OfferOf(const fleet::Scenario& scenario, const BoughtItem& item) {
  return *std::find_if(scenario.offers.begin(), scenario.offers.end(),
                       [&](const fleet::Offer& offer) { return offer.id == item.offer; });
}

// Sums of squares of what makes the payoff shorter, and longer, in the unit of the terms.
struct Spread {
  double less = 0;
  double more = 0;
  void Add(double low, double high) {
    const double down = std::min({low, high, 0.0});
    const double up = std::max({low, high, 0.0});
    less += down * down;
    more += up * up;
  }
};

EstimateSource WorstSource(const Change& change) {
  EstimateSource worst = EstimateSource::kMeasuredPlacement;
  for (const Service* service : change.market_after.ServicesAtWork(change.after)) {
    worst = std::max(worst, service->placement.speed->decode_tps.source);
  }
  return worst;
}

}  // namespace

double MonthsToPay(double cost, double usd_per_month) {
  if (cost <= 0) return 0;
  return usd_per_month > 0 ? cost / usd_per_month : kNever;
}

Payoff PayoffOf(const Change& change) {
  const PaceOf middle = [](const Service&) { return Pace::kMid; };
  const double cost = change.cost.dollars();
  const double value = change.after.usd_per_month - change.before.usd_per_month;
  const double simulated = ValueAdded(change, middle, middle);
  Payoff payoff;
  Spread values;
  std::set<std::string> causes = CausesOf(change.market_before, change.before);
  causes.merge(CausesOf(change.market_after, change.after));
  for (const std::string& cause : causes) {
    const double slow = ValueAddedAt(change, cause, Pace::kLow) - simulated;
    const double fast = ValueAddedAt(change, cause, Pace::kHigh) - simulated;
    if (slow == 0 && fast == 0) continue;
    values.Add(slow, fast);
    payoff.causes.push_back(
        {cause, MonthsToPay(cost, value + slow), MonthsToPay(cost, value + fast)});
  }
  Spread costs;
  for (const BoughtItem& item : change.items) {
    const fleet::Offer& offer = OfferOf(change.market_after.scenario(), item);
    auto beyond = [&](Usd stated) {  // no stated range is no range
      return stated > Usd{0} ? ((stated - offer.price) * item.count).dollars() : 0.0;
    };
    const double low = beyond(offer.price_low);
    const double high = beyond(offer.price_high);
    if (low == 0 && high == 0) continue;
    costs.Add(low, high);
    payoff.causes.push_back({absl::StrCat("price of ", offer.id), MonthsToPay(cost + low, value),
                             MonthsToPay(cost + high, value)});
  }
  std::stable_sort(payoff.causes.begin(), payoff.causes.end(), [](const Cause& a, const Cause& b) {
    auto width = [](const Cause& c) { return std::abs(c.months_at_high - c.months_at_low); };
    return width(a) > width(b);
  });
  payoff.months.mid = MonthsToPay(cost, value);
  payoff.months.source = WorstSource(change);
  payoff.months.low = payoff.months.mid;
  payoff.months.high = payoff.months.mid;
  if (cost <= 0) return payoff;
  // In logarithms, because the payoff is a ratio of the two.
  auto log_ratio = [](double above, double below) {
    return above > 0 && below > 0 ? std::log(above / below) : kNever;
  };
  const double best = value + std::sqrt(values.more);
  const double worst = value - std::sqrt(values.less);
  if (value > 0) {
    const double shorter = std::hypot(log_ratio(best, value),
                                      log_ratio(cost, std::max(0.0, cost - std::sqrt(costs.less))));
    const double longer =
        std::hypot(log_ratio(value, worst), log_ratio(cost + std::sqrt(costs.more), cost));
    payoff.months.low = payoff.months.mid * std::exp(-shorter);
    payoff.months.high = payoff.months.mid * std::exp(longer);
  } else {
    payoff.months.low = MonthsToPay(cost - std::sqrt(costs.less), best);
  }
  return payoff;
}

}  // namespace capacity::purchase
