// A fleet with what it is for: workloads, what may be bought, and what the alternative costs.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "planner/base/spread.h"
#include "planner/base/units.h"
#include "planner/catalog/catalog.h"
#include "planner/fleet/fleet.h"

namespace capacity::fleet {

// What the tokens would otherwise cost (docs/model.md section 5).
enum class Baseline {
  kFrontierEquivalent,  // the cloud model that the catalogue (or the workload) says is replaced
  kSameModelHosted,     // the same open model from a hosting provider
  kCustom,              // a price that the inventory states, whatever serves
};
// Every one there is. A scenario has those of ActiveBaselines.
inline constexpr Baseline kBaselines[] = {Baseline::kFrontierEquivalent, Baseline::kSameModelHosted,
                                          Baseline::kCustom};
const char* Name(Baseline baseline);        // "frontier-equivalent", "same-model-hosted", "custom"
const char* ColumnName(Baseline baseline);  // "frontier", "hosted", "custom"
std::optional<Baseline> ParseBaseline(std::string_view name);

// What tokens cost somebody today, by their own bill.
struct CustomPrice {
  std::string name;  // of whose price it is; may be empty
  UsdPerMtok input;
  UsdPerMtok output;
  std::optional<UsdPerMtok> cached_input;  // nullopt: as other input
};

// A stream of tokens somebody wants every day.
struct Workload {
  std::string name;
  std::string preset;  // catalogue id of what it started from; empty: none
  std::optional<double>
      input_tokens_per_day;  // nullopt with output absent: as much as the hours allow
  std::optional<double> output_tokens_per_day;
  double input_per_output = 3.0 / 7.0;  // article: 70 % output, 30 % input
  double cached_input_share = 0;        // of input tokens, answered from a prompt cache
  int context_tokens = 8192;            // cached tokens while decoding
  int prompt_tokens = 1024;
  int concurrency = 1;                   // simultaneous streams
  double utilization = 0.25;             // share of all hours in which this work may run, at most
  std::optional<double> min_decode_tps;  // per stream; slower placements do not serve it
  std::vector<std::string> models;       // accepted catalogue model ids; empty: by tier
  std::string min_tier;                  // small | mid | frontier; empty: any
  std::string replaces;  // cloud model id whose price the tokens save; empty: by model
  std::optional<CustomPrice> custom_price;  // under Baseline::kCustom
  // The tokens wanted grow by this share a month. The first month, which the fleet is planned for,
  // is as stated above; growth enters results over several months (docs/model.md 5.3).
  double growth_per_month = 0;
};

// The unnamed workload that `preset` describes, at `utilization` where the preset states none.
Workload FromPreset(const catalog::WorkloadPreset& preset, double utilization);

// Something that may be bought, any number of times up to `max_count`.
struct Offer {
  std::string id;    // "dgx-spark", "dgx-spark (used)"
  std::string item;  // machine or interconnect item id
  catalog::Condition condition = catalog::Condition::kNew;
  Usd price;
  Usd price_low;
  Usd price_high;
  int max_count = 1000;
  std::string source;
  std::string as_of;
};

// The currency that amounts are shown in; everything is computed in US dollars.
struct Currency {
  std::string code = "USD";
  double per_usd = 1;  // units of it for one US dollar
};

// What owning costs beside price and electricity (docs/model.md 5.3). `stated` fields: the user's
// word, not the default.
struct Costs {
  // What is left of the price after `resale_years`, as a share; above 1: it appreciated. Default,
  // low and mid: a used RTX 3090 at $500 to $800 in 2026-05 (catalog/prices.yaml) against its list
  // price of $1,499 of 2020-09, which is older than three years. High: no loss; new hardware
  // appreciated in 2026 (the list price of a DGX Spark rose from $3,999 to $4,699).
  Spread resale_share{0.33, 0.53, 1};
  double resale_years = 3;
  bool resale_stated = false;
  double maintenance_share_per_year = 0;  // of the price; default: none counted
  bool maintenance_stated = false;
  double cost_of_capital_per_year = 0.05;  // default: an assumption of this project, no source
  bool cost_of_capital_stated = false;
  int horizon_months = 36;  // default: the longest payback threshold of the ladder
  bool horizon_stated = false;
  Currency currency;
};

// A plan with a flat price, which many people would really cancel (docs/model.md 5.5).
struct Subscription {
  std::string name = "subscription";
  Usd fee;                // a month
  double quota_mtok = 0;  // input and output tokens a month that the fee covers
  // Above the quota; nullopt: another subscription for every quota begun.
  std::optional<UsdPerMtok> overage;  // input and output alike
};

// What the user said, or the stated default; `stated_*` tells which, for the first lines of output.
struct Assumptions {
  double utilization = 0.25;  // where a workload states none
  bool workload_stated = false;
  bool utilization_stated = false;
  std::optional<Spread> utilization_range;  // where a range was stated
  double electricity_usd_per_kwh = 0.15;
  bool electricity_stated = false;
  std::optional<Spread> electricity_range;             // USD/kWh, where a range was stated
  std::map<Baseline, catalog::PriceDecline> declines;  // per year
  Costs costs;
  std::optional<CustomPrice> custom_price;  // of every workload
  std::optional<Subscription> subscription;
  std::optional<double> hardware_price_decline;  // a year, as a fraction; negative: prices rise
};

struct Scenario {
  std::string name;
  Fleet fleet;
  std::vector<Workload> workloads;  // never empty: one implicit workload where none was stated
  std::vector<Offer> offers;
  Assumptions assumptions;
};

// Frontier-equivalent and same-model-hosted; custom too where a workload states its price.
std::vector<Baseline> ActiveBaselines(const Scenario& scenario);

}  // namespace capacity::fleet
