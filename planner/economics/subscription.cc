#include "planner/economics/subscription.h"

#include <algorithm>
#include <cmath>

namespace capacity::economics {
namespace {

// Less than a token of a month's: rounding, not work left over.
constexpr double kNothingMtok = 1e-6;

}  // namespace

Usd SubscriptionCost(const fleet::Subscription& subscription, double mtok) {
  if (mtok < kNothingMtok) return {0};
  const double above = mtok - subscription.quota_mtok;
  if (above < kNothingMtok) return subscription.fee;
  if (subscription.overage) {
    return subscription.fee + Usd::FromDollars(above * subscription.overage->value);
  }
  const double plans = std::ceil((mtok - kNothingMtok) / subscription.quota_mtok);
  return subscription.fee * static_cast<std::int64_t>(plans);
}

Usd SubscriptionSaving(const fleet::Subscription& subscription, double demand_mtok,
                       double served_mtok) {
  const double left = std::max(0.0, demand_mtok - std::max(0.0, served_mtok));
  return SubscriptionCost(subscription, demand_mtok) - SubscriptionCost(subscription, left);
}

}  // namespace capacity::economics
