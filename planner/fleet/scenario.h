// A fleet with what it is for: workloads, what may be bought, and what the alternative costs.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "planner/base/units.h"
#include "planner/catalog/catalog.h"
#include "planner/fleet/fleet.h"

namespace capacity::fleet {

// What the tokens would otherwise cost (docs/model.md section 5).
enum class Baseline {
  kFrontierEquivalent,  // the cloud model that the catalogue (or the workload) says is replaced
  kSameModelHosted,     // the same open model from a hosting provider
};
inline constexpr Baseline kBaselines[] = {Baseline::kFrontierEquivalent,
                                          Baseline::kSameModelHosted};
const char* Name(Baseline baseline);  // "frontier-equivalent", "same-model-hosted"
std::optional<Baseline> ParseBaseline(std::string_view name);

// A stream of tokens somebody wants every day.
struct Workload {
  std::string name;
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
};

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

// What the user said, or the stated default; `stated_*` tells which, for the first lines of output.
struct Assumptions {
  double utilization = 0.25;  // where a workload states none
  bool workload_stated = false;
  bool utilization_stated = false;
  double electricity_usd_per_kwh = 0.15;
  bool electricity_stated = false;
  std::map<Baseline, catalog::PriceDecline> declines;  // per year
};

struct Scenario {
  std::string name;
  Fleet fleet;
  std::vector<Workload> workloads;  // never empty: one implicit workload where none was stated
  std::vector<Offer> offers;
  Assumptions assumptions;
};

}  // namespace capacity::fleet
