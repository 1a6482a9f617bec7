#include "planner/economics/ownership.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "planner/economics/subscription.h"

namespace capacity::economics {
namespace {

constexpr double kMonthsPerYear = 12;

// A sum that misses the cost by rounding error alone has reached it.
constexpr double kRelativeRounding = 1e-12;

double PriceFactor(const CashFlow& flow) {
  return std::pow(1 - flow.annual_decline, 1 / kMonthsPerYear);
}

double DiscountFactor(const CashFlow& flow) {
  return std::pow(1 + flow.cost_of_capital, -1 / kMonthsPerYear);
}

double Maintenance(const CashFlow& flow) {
  return flow.cost.dollars() * flow.maintenance_share / kMonthsPerYear;
}

double Resale(const CashFlow& flow) { return flow.cost.dollars() * flow.resale_share; }

// sum of q^k for k from `first` up to but not including `end`.
double GeometricSum(double q, int first, int end) {
  if (end <= first) return 0;
  const double start = std::pow(q, first);
  const int terms = end - first;
  if (q == 1) return terms;
  // 1 - q^n loses digits for q near 1; expm1 does not.
  if (q > 0) return start * std::expm1(terms * std::log(q)) / (q - 1);
  return first == 0 ? 1 : 0;
}

// Whole months [first, end).
struct Window {
  int first = 0;
  int end = 0;
};

// One month after the other; tokens and price are advanced by multiplication.
class Walk {
 public:
  explicit Walk(const CashFlow& flow)
      : flow_(flow),
        m_(PriceFactor(flow)),
        v_(DiscountFactor(flow)),
        most_(std::max(flow.capacity_ratio, 1.0)),
        maintenance_(Maintenance(flow)) {}

  bool running() const { return gain() > 0; }
  double saved() const { return running() ? worth() : 0; }
  double electricity() const { return running() ? power() : 0; }
  double maintenance() const { return maintenance_; }
  double net() const { return std::max(gain(), 0.0) - maintenance_; }
  double discount() const { return discount_; }
  double tokens() const { return running() ? tokens_ : 0; }  // in first months' worth
  // Neither this month nor any later one brings anything.
  bool over() const { return !running() && m_ <= 1 && flow_.growth_per_month <= 0; }

  void Next() {
    price_ *= m_;
    discount_ *= v_;
    wanted_ *= 1 + flow_.growth_per_month;
    tokens_ = std::min(wanted_, most_);
  }

 private:
  double power() const { return flow_.electricity.value * tokens_ + flow_.standby.value; }
  double worth() const {
    if (!flow_.plan) return flow_.gross_saving.value * price_ * tokens_;
    const CancelledPlan& plan = *flow_.plan;
    return SubscriptionSaving(plan.subscription, plan.demand_mtok * wanted_,
                              plan.served_mtok * tokens_)
        .dollars();
  }
  double gain() const { return worth() - power(); }

  const CashFlow& flow_;
  double m_;
  double v_;
  double most_;
  double maintenance_;
  double price_ = 1;
  double discount_ = 1;
  double wanted_ = 1;
  double tokens_ = 1;
};

// The months within `limit` in which the machine is on. They are one stretch: a_k (G m^k - E) rises
// at most once and falls at most once.
Window RunningMonths(const CashFlow& flow, int limit) {
  Walk walk(flow);
  Window window;
  int month = 0;
  for (; month < limit && !walk.running() && !walk.over(); ++month) walk.Next();
  if (month == limit || !walk.running()) return {};
  window.first = month;
  for (; month < limit && walk.running(); ++month) walk.Next();
  window.end = month;
  return window;
}

// The month from which growth has filled, or emptied, the machine: a_k is min(g^k, capacity).
int MonthFull(const CashFlow& flow) {
  const double ratio = std::max(flow.capacity_ratio, 1.0);
  if (flow.growth_per_month <= 0) return std::numeric_limits<int>::max();
  const double months = std::log(ratio) / std::log1p(flow.growth_per_month);
  // A whole number that rounding error has lifted is that number.
  return static_cast<int>(std::ceil(std::min(months * (1 - kRelativeRounding), 1e9)));
}

// sum over the months of `window` of a_k q^k.
double SumOfTokens(const CashFlow& flow, Window window, double q) {
  const int full = MonthFull(flow);
  const int bend = std::clamp(full, window.first, std::max(window.first, window.end));
  const double growing = GeometricSum((1 + flow.growth_per_month) * q, window.first, bend);
  const double steady = std::max(flow.capacity_ratio, 1.0) *
                        GeometricSum(q, std::max(bend, window.first), window.end);
  return growing + steady;
}

// Present values over the horizon.
struct PresentValues {
  double saved = 0;
  double electricity = 0;
  double maintenance = 0;
  double resale = 0;
  double tokens = 0;  // in first months' worth
};

// For flows whose months are not in proportion to tokens and price.
PresentValues DiscountedByMonth(const CashFlow& flow) {
  PresentValues values;
  Walk walk(flow);
  for (int month = 0; month < flow.horizon_months; ++month, walk.Next()) {
    values.saved += walk.saved() * walk.discount();
    values.electricity += walk.electricity() * walk.discount();
    values.maintenance += walk.maintenance() * walk.discount();
    values.tokens += walk.tokens() * walk.discount();
  }
  values.resale = Resale(flow) * std::pow(DiscountFactor(flow), flow.horizon_months);
  return values;
}

PresentValues Discounted(const CashFlow& flow) {
  if (flow.plan) return DiscountedByMonth(flow);
  const double v = DiscountFactor(flow);
  const Window running = RunningMonths(flow, flow.horizon_months);
  PresentValues values;
  values.tokens = SumOfTokens(flow, running, v);
  values.saved = flow.gross_saving.value * SumOfTokens(flow, running, PriceFactor(flow) * v);
  values.electricity = flow.electricity.value * values.tokens +
                       flow.standby.value * GeometricSum(v, running.first, running.end);
  values.maintenance = Maintenance(flow) * GeometricSum(v, 0, flow.horizon_months);
  values.resale = Resale(flow) * std::pow(v, flow.horizon_months);
  return values;
}

double NetPresentDollars(const CashFlow& flow) {
  const PresentValues values = Discounted(flow);
  return values.saved - values.electricity - values.maintenance + values.resale -
         flow.cost.dollars();
}

}  // namespace

std::optional<Months> SimplePayback(const CashFlow& flow) {
  if (flow.cost <= Usd{0}) return Months{0};
  const double net = flow.gross_saving.value - flow.electricity.value - flow.standby.value;
  if (net <= 0) return std::nullopt;
  return Months{flow.cost.dollars() / net};
}

std::optional<Months> DiscountedPayback(const CashFlow& flow, int limit_months) {
  double owed = flow.cost.dollars();
  if (owed <= 0) return Months{0};
  const double rounding = owed * kRelativeRounding;
  Walk walk(flow);
  for (int month = 0; month < limit_months && !walk.over(); ++month, walk.Next()) {
    const double net = walk.net() * walk.discount();
    if (net > 0 && owed <= net + rounding) return Months{month + std::min(1.0, owed / net)};
    owed -= net;
  }
  return std::nullopt;
}

std::optional<Months> Payback(const CashFlow& flow, int limit_months) {
  CashFlow undiscounted = flow;
  undiscounted.cost_of_capital = 0;
  return DiscountedPayback(undiscounted, limit_months);
}

Usd NetPresentValue(const CashFlow& flow) { return Usd::FromDollars(NetPresentDollars(flow)); }

std::optional<LevelisedCost> Levelise(const CashFlow& flow, const TokenFlow& tokens) {
  const PresentValues values = Discounted(flow);
  const double mtok = values.tokens * tokens.output_mtok_per_month;
  if (mtok <= 0) return std::nullopt;
  const double paid = flow.cost.dollars() + values.electricity + values.maintenance - values.resale;
  const UsdPerMtok per_output{paid / mtok};
  return LevelisedCost{per_output, per_output / (1 + tokens.input_per_output)};
}

std::optional<double> BreakEvenUtilization(const CashFlow& flow, double utilization) {
  const auto value_at = [&](double scale) {
    CashFlow scaled = flow;
    scaled.gross_saving = flow.gross_saving * scale;
    scaled.electricity = flow.electricity * scale;
    if (scaled.plan) scaled.plan->served_mtok *= scale;
    return NetPresentDollars(scaled);
  };
  if (value_at(0) >= 0) return 0;
  constexpr double kMost = 1e6;
  double low = 0;
  double high = 1;
  for (; value_at(high) < 0; high *= 2) {
    if (high > kMost) return std::nullopt;
    low = high;
  }
  // Rising in the scale: halving ends at neighbouring numbers.
  for (int i = 0; i < 100 && low < high; ++i) {
    const double middle = low + (high - low) / 2;
    if (middle == low || middle == high) break;
    (value_at(middle) < 0 ? low : high) = middle;
  }
  return utilization * high;
}

std::optional<int> MonthsWorthRunning(const CashFlow& flow) {
  constexpr int kForEver = 1200;  // months; nothing is precise out there
  if (flow.growth_per_month != 0 || flow.annual_decline < 0) {
    const Window running = RunningMonths(flow, kForEver);
    return running.end < kForEver ? std::optional<int>(running.end) : std::nullopt;
  }
  const double gross = flow.gross_saving.value;
  const double electricity = flow.electricity.value + flow.standby.value;
  if (gross <= electricity) return 0;
  const double m = PriceFactor(flow);
  if (m <= 0) return 1;
  if (m == 1 || electricity <= 0) return std::nullopt;
  const double months = std::log(electricity / gross) / std::log(m);
  if (months > kForEver) return std::nullopt;
  return static_cast<int>(std::ceil(months * (1 - kRelativeRounding)));
}

Decision Decide(const CashFlow& flow) {
  CashFlow priced = flow;
  priced.annual_decline = 0;
  Decision decision;
  decision.at_constant_price = Payback(priced);
  priced.annual_decline = kBuyAtDecline;
  decision.at_buy_decline = Payback(priced);
  if (!decision.at_constant_price) return decision;
  if (decision.at_buy_decline && decision.at_buy_decline->value < kBuyUnderMonths) {
    decision.verdict = Verdict::kBuy;
  } else if (decision.at_constant_price->value > kNonPriceAboveMonths) {
    decision.verdict = Verdict::kNonPriceValueOnly;
  } else {
    decision.verdict = Verdict::kConsider;
  }
  return decision;
}

std::vector<LedgerMonth> Ledger(const CashFlow& flow) {
  // Each column is the difference of its rounded running totals, so that no cent is lost or made.
  struct Column {
    double total = 0;
    Usd shown;
    Usd Add(double dollars) {
      total += dollars;
      const Usd before = shown;
      shown = Usd::FromDollars(total);
      return shown - before;
    }
  };
  Column saved, electricity, maintenance;
  std::vector<LedgerMonth> ledger;
  Usd cumulative = Usd{0} - flow.cost;
  Walk walk(flow);
  for (int month = 0; month < flow.horizon_months; ++month, walk.Next()) {
    LedgerMonth line;
    line.saved = saved.Add(walk.saved());
    line.electricity = electricity.Add(walk.electricity());
    line.maintenance = maintenance.Add(walk.maintenance());
    if (month + 1 == flow.horizon_months) line.resale = Usd::FromDollars(Resale(flow));
    line.net = line.saved - line.electricity - line.maintenance + line.resale;
    cumulative += line.net;
    line.cumulative = cumulative;
    ledger.push_back(line);
  }
  return ledger;
}

Spread ResaleShareAt(const fleet::Costs& costs, int months) {
  const double part = months / (costs.resale_years * kMonthsPerYear);
  const auto at = [&](double share) { return std::pow(share, part); };
  Spread spread{at(costs.resale_share.low), at(costs.resale_share.mid),
                at(costs.resale_share.high)};
  return spread;
}

CashFlow WithCosts(CashFlow flow, const fleet::Costs& costs) {
  flow.maintenance_share = costs.maintenance_share_per_year;
  flow.cost_of_capital = costs.cost_of_capital_per_year;
  flow.horizon_months = costs.horizon_months;
  flow.resale_share = ResaleShareAt(costs, costs.horizon_months).mid;
  return flow;
}

}  // namespace capacity::economics
