// When a purchase has paid for itself, what owning it costs, and how sure that is
// (docs/model.md 5.2 to 5.4).
//
// Pure: the same question gives the same answer, byte for byte.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/base/estimate.h"
#include "planner/base/units.h"
#include "planner/catalog/catalog.h"
#include "planner/economics/economics.h"
#include "planner/economics/ownership.h"
#include "planner/economics/risk.h"
#include "planner/fleet/scenario.h"
#include "planner/plan.h"
#include "planner/throughput/calibration.h"

namespace capacity {

// What the utilization of a payoff is a share of.
enum class WorkBasis {
  kAllHours,    // all hours of a month
  kStatedWork,  // the work that the inventory states
};
const char* Name(WorkBasis basis);  // "all-hours", "stated-work"

// What a payoff is of.
enum class Subject {
  kMachine,  // one machine, the same in every case, each against another price
  kRung,     // a step of a ladder
  kFleet,    // what is owned already, as if it were bought today
};

const char* Name(Subject subject);  // "machine", "rung", "fleet"

// A purchase under one baseline.
struct PayoffCase {
  Subject subject = Subject::kMachine;
  std::string title;     // what tells it from the others: "frontier", "hosted", "rung 2"
  std::string purchase;  // "dgx-spark"; "2 x dgx-spark, 1 x qsfp56-dac-200g"
  std::string runs;      // "gpt-oss-120b mxfp4 on llama.cpp"
  std::optional<Estimate> decode_tps;  // of what runs, where it is one thing
  std::string price_from;              // "NVIDIA 2026-06", "--price"
  // Absent: a subscription.
  std::optional<fleet::Baseline> baseline = fleet::Baseline::kFrontierEquivalent;
  std::string instead_of;  // whose price counts, as PriceFor says; empty: of several workloads
  std::string caveat;      // what the comparison takes for granted; empty: nothing
  std::optional<UsdPerMtok> saved_per_output_mtok;  // that price, input included
  WorkBasis basis = WorkBasis::kAllHours;
  economics::TokenFlow tokens;  // of the first month
  economics::RiskInput input;
};

struct Payoff {
  PayoffCase of;
  std::optional<Months> simple;        // constant prices, electricity counted; nullopt: never
  std::optional<Months> with_decline;  // at the middle of the stated decline, maintenance counted
  std::optional<Months> discounted;    // that, at the cost of capital
  Usd net_present_value;
  std::optional<economics::LevelisedCost> levelised;
  std::optional<double> break_even_utilization;  // nullopt: never
  std::optional<int> months_worth_running;       // nullopt: for ever
  economics::Decision decision;                  // the article's rule
  std::vector<economics::LedgerMonth> ledger;    // to the horizon, undiscounted
  std::vector<economics::PaybackCell> grid;      // kGridUtilizations x kGridDeclines
  std::vector<economics::TornadoBar> tornado;
  economics::RiskSummary risk;
};

// The article's grid.
inline const std::vector<double> kGridUtilizations = {1, 0.5, 0.25, 0.1};
inline const std::vector<double> kGridDeclines = {0, 0.25, 0.5, 0.8};

Payoff Assess(const PayoffCase& purchase);

// ---------------------------------------------------------------- what is asked about

// One machine bought to run one model.
struct MachineQuestion {
  const catalog::Machine* machine = nullptr;
  const catalog::Model* model = nullptr;
  const catalog::Quantization* quant = nullptr;  // null: whichever is worth most
  std::optional<Usd> price;                      // nullopt: the scenario's offer
  std::optional<catalog::Condition> condition;   // of that offer; nullopt: the first one
};

// The machine doing all workloads that accept the model, under every baseline that has a price for
// it; the cheapest host beside the median; and, where the scenario has one, the subscription it
// would replace. Where the hours of a month do not suffice, those workloads come first that are
// worth most an hour. Workloads and
// assumptions are the scenario's, its fleet plays no part. InvalidArgument: the scenario has no
// price for the machine, or no workload that accepts the model. FailedPrecondition: the model runs
// there under none of these workloads, with the reason.
struct MachineAnswer {
  std::vector<PayoffCase> cases;
  std::vector<std::string> notes;  // prices and facts that are not known, and what that means
};
absl::StatusOr<MachineAnswer> MachineCases(const catalog::Catalog& catalog,
                                           const throughput::Calibration& calibration,
                                           const fleet::Scenario& scenario,
                                           const MachineQuestion& question);

// The rungs of the plan's ladder, each against the rung before.
std::vector<PayoffCase> LadderCases(const Plan& plan);

// Today's fleet against nothing: what its machines would fetch (resale_value_usd) or, where the
// inventory does not say, what they are offered at, against what their best work saves.
// FailedPrecondition names the machines whose price is not known; NotFound: there is no fleet.
absl::StatusOr<PayoffCase> FleetCase(const Plan& plan);

// How uncertain the hours are when nobody says: what the article's grid spans around its 25 %.
inline constexpr Spread kUnstatedUtilization{0.1, 0.25, 0.5};

}  // namespace capacity
