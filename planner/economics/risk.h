// How sure a payback is: what moves it, and how often it comes in time (docs/model.md 5.4).
//
// Pure and seeded: the same input, seed and number of draws give the same answer everywhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "planner/base/spread.h"
#include "planner/base/units.h"
#include "planner/economics/economics.h"
#include "planner/economics/ownership.h"

namespace capacity::economics {

// A purchase with what is uncertain about it. `flow` holds what is not (growth, maintenance, cost
// of capital, standby, horizon); its other fields are those of the middle of every spread (see
// Middle). With flow.plan, served at the middle utilization, the saving is (5.13) at every
// utilization and gross_saving, exact, that of the middle one: a step is not in proportion to hours
// or speed.
struct RiskInput {
  CashFlow flow;
  Spread cost;          // US dollars
  Spread gross_saving;  // US dollars in the first month at slow, likely and fast speeds: an 80 %
                        // interval, one factor for every model and machine
  Spread decline;       // of the token price, a year
  // Share of all hours in which it works, or, where daily tokens are stated, of that work. Savings
  // and electricity are those of the middle and scale with it.
  Spread utilization = Spread::Exactly(1);
  Spread electricity;   // US dollars in the first month, by the price of electricity
  Spread resale_share;  // at the horizon
};

// `input.flow` with the middle of every spread in it.
CashFlow Middle(const RiskInput& input);

// ---------------------------------------------------------------- utilization x decline

struct PaybackCell {
  double utilization = 0;
  double annual_decline = 0;
  std::optional<Months> payback;  // undiscounted; nullopt: never
};

// Rows of the article's grid, at the middle of everything else. Utilizations, then declines.
std::vector<PaybackCell> PaybackGrid(const RiskInput& input,
                                     const std::vector<double>& utilizations,
                                     const std::vector<double>& annual_declines);

// ---------------------------------------------------------------- what matters most

enum class RiskFactor { kCost, kSpeed, kUtilization, kDecline, kElectricity, kResale };
inline constexpr RiskFactor kRiskFactors[] = {RiskFactor::kCost,        RiskFactor::kSpeed,
                                              RiskFactor::kUtilization, RiskFactor::kDecline,
                                              RiskFactor::kElectricity, RiskFactor::kResale};
// "price", "speed", "utilization", "price decline", "electricity", "resale".
const char* Name(RiskFactor factor);

// One factor moved over its range, the others at their middle.
struct TornadoBar {
  RiskFactor factor = RiskFactor::kCost;
  Spread range;                        // of the factor, in the unit of RiskInput
  std::optional<Months> payback_low;   // at range.low; nullopt: never
  std::optional<Months> payback_high;  // at range.high
  Usd npv_low;                         // net present value at range.low
  Usd npv_high;
};

// The factors that have a range, the one that moves the net present value most first. Ordered by
// that because it is finite where a payback is "never", and because resale moves nothing else.
std::vector<TornadoBar> Tornado(const RiskInput& input);

// ---------------------------------------------------------------- Monte Carlo

// A tenth of the draws lies below p10, half below p50, nine tenths below p90.
template <class T>
struct Quantiles {
  T p10{};
  T p50{};
  T p90{};
};

struct RiskSummary {
  std::uint64_t seed = 0;
  int draws = 0;
  // Probabilities of the undiscounted payback.
  double within_6_months = 0;
  double within_12_months = 0;
  double within_24_months = 0;
  double never = 0;                          // not within 240 months
  Quantiles<std::optional<Months>> payback;  // nullopt: never
  Quantiles<Usd> net_present_value;          // at the horizon, resale included
  double gains = 0;                          // probability of a net present value above zero
};

inline constexpr std::uint64_t kRiskSeed = 20260209;  // the article's date
inline constexpr int kRiskDraws = 10'000;

// Draws every factor by itself. Speed: split log-normal, the 80 % interval being the spread of
// gross_saving (split normal where its low end is not above zero, cut off at zero). All others:
// half of the draws evenly between low and mid, half evenly between mid and high, none beyond.
RiskSummary Simulate(const RiskInput& input, std::uint64_t seed = kRiskSeed,
                     int draws = kRiskDraws);

}  // namespace capacity::economics
