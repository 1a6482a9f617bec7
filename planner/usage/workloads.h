// A bill as workloads: what somebody wants every day, and what it replaces.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/catalog/catalog.h"
#include "planner/usage/usage.h"

namespace capacity::usage {

enum class Grouping {
  kModel,  // a workload per model
  kTier,   // cloud models of one tier together: any local model of that tier would do
};

struct DailyTokens {
  double mean = 0;
  double p90 = 0;  // the smallest amount that 9 days of 10 do not exceed
};

// What was used of one model (or tier) over `days` days up to the last of the bill: days without
// use count, so that mean x days is the bill.
struct WorkloadUse {
  std::string name;                 // "claude-opus-4.5", "frontier", or the provider's own name
  std::vector<std::string> billed;  // the provider's names, sorted
  std::string replaces;             // cloud model: of a tier the one with the most output; "": none
  std::string tier;                 // of `replaces`
  std::string open_model;           // an open model that was rented; "": none
  DailyTokens input;                // cached ones included
  DailyTokens output;
  double cached_share = 0;                  // of input
  std::optional<double> input_per_request;  // tokens, where requests are known
  std::optional<double> output_per_request;
  std::optional<double> growth_per_month;  // nullopt: not measurable
  std::optional<double> cost_usd;          // where the bill tells
};

struct UseSummary {
  prices::Date first;  // the whole bill
  prices::Date last;
  int days = 0;                             // the last of it, which the workloads are of
  std::vector<WorkloadUse> workloads;       // by falling output, then name
  std::vector<std::string> without_output;  // models that gave no tokens (embeddings), sorted
};

// The last 30 days of the bill (all of it when it is shorter) by model or tier. Growth is measured
// over the whole bill: the least-squares line through ln(tokens) of its full 30-day months, of
// which it takes two with tokens in each. `rows` must not be empty.
UseSummary Summarize(const std::vector<UsageRow>& rows, const catalog::Catalog& catalog,
                     Grouping grouping);

// An inventory without machines that holds the workloads, each explained in comments; `origin`
// names the file they came from. docs/inventory.md describes the form.
std::string ToYaml(const UseSummary& summary, const std::string& origin);

}  // namespace capacity::usage
