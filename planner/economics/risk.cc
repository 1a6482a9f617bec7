#include "planner/economics/risk.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>

#include "planner/economics/subscription.h"

namespace capacity::economics {
namespace {

// 90th percentile of the standard normal distribution.
constexpr double kZ90 = 1.2815515655446004;

// The value of every factor in one world.
struct World {
  double cost = 0;
  double gross_saving = 0;
  double utilization = 1;
  double decline = 0;
  double electricity = 0;
  double resale_share = 0;
};

World MiddleWorld(const RiskInput& input) {
  return {input.cost.mid,    input.gross_saving.mid, input.utilization.mid,
          input.decline.mid, input.electricity.mid,  input.resale_share.mid};
}

CashFlow FlowIn(const RiskInput& input, const World& world) {
  const double work = input.utilization.mid > 0 ? world.utilization / input.utilization.mid : 1;
  CashFlow flow = input.flow;
  flow.cost = Usd::FromDollars(world.cost);
  flow.gross_saving = {world.gross_saving * work};
  if (flow.plan) {
    flow.plan->served_mtok *= work;
    flow.gross_saving = {
        SubscriptionSaving(flow.plan->subscription, flow.plan->demand_mtok, flow.plan->served_mtok)
            .dollars()};
  }
  flow.electricity = {world.electricity * work};
  if (work > 0) flow.capacity_ratio = input.flow.capacity_ratio / work;
  // The price of electricity is that of standing by, too.
  if (input.electricity.mid > 0) {
    flow.standby = flow.standby * (world.electricity / input.electricity.mid);
  }
  flow.annual_decline = world.decline;
  flow.resale_share = world.resale_share;
  return flow;
}

const Spread& RangeOf(const RiskInput& input, RiskFactor factor) {
  switch (factor) {
    case RiskFactor::kCost:
      return input.cost;
    case RiskFactor::kSpeed:
      return input.gross_saving;
    case RiskFactor::kUtilization:
      return input.utilization;
    case RiskFactor::kDecline:
      return input.decline;
    case RiskFactor::kElectricity:
      return input.electricity;
    case RiskFactor::kResale:
      break;
  }
  return input.resale_share;
}

World With(World world, RiskFactor factor, double value) {
  switch (factor) {
    case RiskFactor::kCost:
      world.cost = value;
      break;
    case RiskFactor::kSpeed:
      world.gross_saving = value;
      break;
    case RiskFactor::kUtilization:
      world.utilization = value;
      break;
    case RiskFactor::kDecline:
      world.decline = value;
      break;
    case RiskFactor::kElectricity:
      world.electricity = value;
      break;
    case RiskFactor::kResale:
      world.resale_share = value;
      break;
  }
  return world;
}

// ---------------------------------------------------------------- draws

// The standard library's generators are the same everywhere; its distributions are not.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : bits_(seed) {}

  // 0 <= u < 1, 53 bits.
  double Uniform() { return static_cast<double>(bits_() >> 11) * 0x1p-53; }

  // Box and Muller, 1958; one of the two numbers.
  double Normal() {
    const double radius = std::sqrt(-2 * std::log(1 - Uniform()));
    return radius * std::cos(2 * std::numbers::pi * Uniform());
  }

  double Within(const Spread& spread) {
    const double u = Uniform();
    if (u < 0.5) return spread.low + 2 * u * (spread.mid - spread.low);
    return spread.mid + (2 * u - 1) * (spread.high - spread.mid);
  }

  double Around(const Spread& interval) {
    const double z = Normal() / kZ90;
    if (interval.exact()) return interval.mid;
    if (interval.low > 0) {
      const double side = z < 0 ? interval.mid / interval.low : interval.high / interval.mid;
      return interval.mid * std::pow(side, z);
    }
    const double side = z < 0 ? interval.mid - interval.low : interval.high - interval.mid;
    return std::max(0.0, interval.mid + side * z);
  }

 private:
  std::mt19937_64 bits_;
};

// Every factor is drawn in every world, exact ones too: a range more or less leaves the other
// factors' draws alone.
World DrawWorld(const RiskInput& input, Draws& draws) {
  World world;
  world.cost = draws.Within(input.cost);
  world.gross_saving = draws.Around(input.gross_saving);
  world.utilization = draws.Within(input.utilization);
  world.decline = draws.Within(input.decline);
  world.electricity = draws.Within(input.electricity);
  world.resale_share = draws.Within(input.resale_share);
  return world;
}

// The value that a share `q` of the sorted ones lies at or below.
template <class T>
T Quantile(const std::vector<T>& sorted, double q) {
  const double rank = std::ceil(q * static_cast<double>(sorted.size()));
  return sorted[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

std::optional<Months> OrNever(double months) {
  return std::isinf(months) ? std::nullopt : std::optional<Months>(Months{months});
}

double ShareWithin(const std::vector<double>& sorted, double months) {
  const auto end = std::upper_bound(sorted.begin(), sorted.end(), months);
  return static_cast<double>(end - sorted.begin()) / static_cast<double>(sorted.size());
}

}  // namespace

const char* Name(RiskFactor factor) {
  switch (factor) {
    case RiskFactor::kCost:
      return "price";
    case RiskFactor::kSpeed:
      return "speed";
    case RiskFactor::kUtilization:
      return "utilization";
    case RiskFactor::kDecline:
      return "price decline";
    case RiskFactor::kElectricity:
      return "electricity";
    case RiskFactor::kResale:
      return "resale";
  }
  return "unknown";
}

CashFlow Middle(const RiskInput& input) { return FlowIn(input, MiddleWorld(input)); }

std::vector<PaybackCell> PaybackGrid(const RiskInput& input,
                                     const std::vector<double>& utilizations,
                                     const std::vector<double>& annual_declines) {
  std::vector<PaybackCell> grid;
  World world = MiddleWorld(input);
  for (double utilization : utilizations) {
    for (double decline : annual_declines) {
      world.utilization = utilization;
      world.decline = decline;
      grid.push_back({utilization, decline, Payback(FlowIn(input, world))});
    }
  }
  return grid;
}

std::vector<TornadoBar> Tornado(const RiskInput& input) {
  std::vector<TornadoBar> bars;
  const World middle = MiddleWorld(input);
  for (RiskFactor factor : kRiskFactors) {
    const Spread& range = RangeOf(input, factor);
    if (range.exact()) continue;
    const CashFlow low = FlowIn(input, With(middle, factor, range.low));
    const CashFlow high = FlowIn(input, With(middle, factor, range.high));
    bars.push_back(
        {factor, range, Payback(low), Payback(high), NetPresentValue(low), NetPresentValue(high)});
  }
  const auto swing = [](const TornadoBar& bar) {
    return std::abs((bar.npv_high - bar.npv_low).cents);
  };
  std::stable_sort(bars.begin(), bars.end(),
                   [&](const TornadoBar& a, const TornadoBar& b) { return swing(a) > swing(b); });
  return bars;
}

RiskSummary Simulate(const RiskInput& input, std::uint64_t seed, int draws) {
  RiskSummary summary;
  summary.seed = seed;
  summary.draws = draws;
  if (draws <= 0) return summary;
  std::vector<double> months;
  std::vector<Usd> values;
  months.reserve(static_cast<std::size_t>(draws));
  values.reserve(static_cast<std::size_t>(draws));
  Draws random(seed);
  for (int i = 0; i < draws; ++i) {
    const CashFlow flow = FlowIn(input, DrawWorld(input, random));
    const std::optional<Months> payback = Payback(flow);
    months.push_back(payback ? payback->value : std::numeric_limits<double>::infinity());
    values.push_back(NetPresentValue(flow));
  }
  std::sort(months.begin(), months.end());
  std::sort(values.begin(), values.end());
  summary.within_6_months = ShareWithin(months, 6);
  summary.within_12_months = ShareWithin(months, 12);
  summary.within_24_months = ShareWithin(months, 24);
  summary.never = 1 - ShareWithin(months, std::numeric_limits<double>::max());
  summary.payback = {OrNever(Quantile(months, 0.1)), OrNever(Quantile(months, 0.5)),
                     OrNever(Quantile(months, 0.9))};
  summary.net_present_value = {Quantile(values, 0.1), Quantile(values, 0.5), Quantile(values, 0.9)};
  const auto positive = std::upper_bound(values.begin(), values.end(), Usd{0});
  summary.gains = static_cast<double>(values.end() - positive) / draws;
  return summary;
}

}  // namespace capacity::economics
