// From a fleet and what may be bought to the clusters worth considering (docs/model.md 6.2).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/catalog/catalog.h"
#include "planner/fleet/scenario.h"
#include "planner/placement/placement.h"
#include "planner/purchase/goods.h"
#include "planner/purchase/problem.h"
#include "planner/throughput/calibration.h"

namespace capacity::purchase {

// A cable or switch that clusters need, with the offers for it.
struct ItemKind {
  const catalog::InterconnectItem* item = nullptr;
  std::vector<int> offers;  // indices into the scenario's offers, cheapest first; never empty
};

// What a cluster can do for a workload: one model in one quantization.
struct Service {
  int workload = 0;                // index into the scenario's workloads
  placement::Placement placement;  // node indices are into Candidates::fleet
  double mtok_per_month = 0;       // of output, running all hours, at the middle speeds
  std::map<fleet::Baseline, UsdPerMtok> saved;  // per output Mtok, input included; absent: no price
  UsdPerMtok electricity;                       // running above idle
};

// Nodes of these kinds together.
struct Candidate {
  std::vector<int> kinds;         // how many of each kind
  std::vector<int> kind_of_node;  // of its placements' nodes, in their order
  std::vector<int> items;         // to be bought for it, of each item kind
  int max_copies = std::numeric_limits<int>::max();
  std::vector<Service> services;
};

struct Candidates {
  std::vector<MachineKind> kinds;  // owned first
  std::vector<ItemKind> items;
  std::vector<Candidate> clusters;
  // That the placements' indices mean: the scenario's nodes, then new ones.
  std::shared_ptr<const fleet::Fleet> fleet;
  std::vector<std::string> notes;  // what was left out and why, facts missing
};

struct CandidateOptions {
  Usd budget;
  double min_nominal_bits = 4;
  int max_new_cluster_nodes = 4;
  int max_alike_cluster_nodes = 8;  // where all are of one kind
  int max_kinds_in_new_cluster = 2;
  int max_owned_cluster_nodes = 8;
  double longest_months = 36;  // the longest payback threshold
  // Also clusters that their nodes by themselves would beat, and whatever they cost: for who asks
  // what a cluster would do.
  bool keep_beaten_clusters = false;
};

// Every kind by itself, every owned cluster over its stated links, and every cluster that bought
// nodes or cables make possible. Services that can be in no best operation, under either baseline,
// are left out before their speed is worked out where an upper bound already shows it.
Candidates FindCandidates(const catalog::Catalog& catalog,
                          const throughput::Calibration& calibration,
                          const fleet::Scenario& scenario, const CandidateOptions& options);

// The problem under one baseline. Column::cluster is an index into candidates.clusters,
// ServiceOption::service one into its services, PricedOffer::offer one into scenario.offers.
Problem MakeProblem(const Candidates& candidates, const fleet::Scenario& scenario,
                    fleet::Baseline baseline);

// Hours a month that `workload` may run at most, as a share of all; and what it wants, in Mtok.
WorkloadLimit LimitOf(const fleet::Workload& workload);

// Output Mtok a month of `workload` at these speeds, running all hours.
double MtokPerMonth(const fleet::Workload& workload, TokensPerSecond decode,
                    TokensPerSecond prefill);

}  // namespace capacity::purchase
