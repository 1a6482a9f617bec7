// What a machine costs and saves over the time it is owned (docs/model.md 5.3).
//
// Months count from 0, the month of the purchase. What is saved in month k is
// G_k = G a_k m^k and electricity is E_k = E a_k + S: a_k the tokens against the first month's
// (growth, as far as the machine can follow), m the monthly factor of the token price, S what the
// machine draws between requests. It is on in the months in which G_k > E_k and off, costing no
// electricity, in the others. Maintenance is paid in every month of ownership, and at the horizon
// the machine is sold.
#pragma once

#include <optional>
#include <vector>

#include "planner/base/spread.h"
#include "planner/base/units.h"
#include "planner/economics/economics.h"
#include "planner/fleet/scenario.h"

namespace capacity::economics {

// A subscription that a purchase lets one cancel, in part or whole. Its fee stays; what is wanted
// and what is served grow with the tokens, the latter as far as the machine can follow.
struct CancelledPlan {
  fleet::Subscription subscription;
  double demand_mtok = 0;  // input and output wanted in the first month
  double served_mtok = 0;  // of them by the purchase
};

// A purchase as a flow of money. Declines and rates are fractions a year, at most 1 and above -1.
struct CashFlow {
  Usd cost;                      // with cables and switches
  UsdPerMonth gross_saving;      // G, of the first month
  UsdPerMonth electricity{};     // E, of the first month's work; grows with the tokens
  UsdPerMonth standby{};         // S, electricity of being on, whatever the work
  double annual_decline = 0;     // of the token price; below 0: it rises
  double growth_per_month = 0;   // of the tokens wanted
  double capacity_ratio = 1;     // tokens the machine can make in a month over the first month's
  double maintenance_share = 0;  // of the cost, a year
  double resale_share = 0;       // of the cost, at the horizon; 0: nothing is left
  double cost_of_capital = 0;    // a year
  int horizon_months = 36;       // of ownership
  // Where one is, month k saves (5.13) of that month's tokens, and gross_saving is the first
  // month's; the token price and its decline play no part.
  std::optional<CancelledPlan> plan;
};

// One month in whole cents. Sums over months are exact: the net column adds up to the undiscounted
// total rounded once.
struct LedgerMonth {
  Usd saved;
  Usd electricity;
  Usd maintenance;
  Usd resale;      // in the last month
  Usd net;         // saved - electricity - maintenance + resale
  Usd cumulative;  // -cost + every net so far
};

// The tokens that a purchase makes, for what one of them costs.
struct TokenFlow {
  double output_mtok_per_month = 0;  // of the first month
  double input_per_output = 0;
};

// What to compare with a price list.
struct LevelisedCost {
  UsdPerMtok per_output_mtok;  // everything paid, per million output tokens
  UsdPerMtok per_mtok;         // the same, per million tokens of input and output together
};

// ---------------------------------------------------------------- when it has paid for itself

// (5.2) less electricity: cost over the first month's net saving, prices and tokens as they are.
// nullopt: never.
std::optional<Months> SimplePayback(const CashFlow& flow);

// (5.8) Months until discounted savings less electricity and maintenance reach the cost; linear
// within the month. Resale does not count: what must be sold has not paid for itself. Simulated
// month by month over `limit_months`; nullopt: never within them. With the defaults of CashFlow
// other than cost, saving, electricity and decline this is (5.6).
std::optional<Months> DiscountedPayback(const CashFlow& flow, int limit_months = 240);

// The same with cost of capital 0.
std::optional<Months> Payback(const CashFlow& flow, int limit_months = 240);

// ---------------------------------------------------------------- over the horizon

// (5.9) Net present value at the horizon, resale included, in closed form; with a subscription
// month by month.
Usd NetPresentValue(const CashFlow& flow);

// (5.10) The present value of everything paid less resale, over the present value of the tokens
// made by then. nullopt: no token is worth making.
std::optional<LevelisedCost> Levelise(const CashFlow& flow, const TokenFlow& tokens);

// (5.11) The share of all hours at which the net present value is zero, every hour's saving and
// electricity scaled alike (a subscription's saving in steps), when the flow is that of
// `utilization`; standby stays. Above 1: not
// even all hours would do. nullopt: never, not at a million times as much.
std::optional<double> BreakEvenUtilization(const CashFlow& flow, double utilization);

// The article's decision rule on (5.8) with cost of capital 0: at half the price after a year, and
// at constant prices; growth and maintenance count. A subscription's fee does not halve.
Decision Decide(const CashFlow& flow);

// (5.7) The month from which running is no longer worth its electricity. nullopt: not within 100
// years. 0: it never is. Closed form without growth.
std::optional<int> MonthsWorthRunning(const CashFlow& flow);

// Month by month to the horizon, undiscounted.
std::vector<LedgerMonth> Ledger(const CashFlow& flow);

// ---------------------------------------------------------------- assumptions

// Resale at `months`, when `costs` states it at another age: s^(months / stated months), a constant
// rate of loss or gain.
Spread ResaleShareAt(const fleet::Costs& costs, int months);

// The flow of a purchase with what `costs` says about owning it; resale at its middle.
CashFlow WithCosts(CashFlow flow, const fleet::Costs& costs);

}  // namespace capacity::economics
