#include "planner/purchase/market.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "planner/purchase/enumeration.h"
#include "planner/purchase/milp_search.h"

namespace capacity::purchase {
namespace {

double At(const Estimate& estimate, Pace pace) {
  switch (pace) {
    case Pace::kLow:
      return estimate.low;
    case Pace::kMid:
      return estimate.mid;
    case Pace::kHigh:
      return estimate.high;
  }
  return estimate.mid;
}

// Hands out the names of the nodes of each kind, owned ones first by name.
class NamePool {
 public:
  explicit NamePool(const Candidates& candidates, const fleet::Scenario& scenario)
      : candidates_(candidates), scenario_(scenario), next_(candidates.kinds.size(), 0) {}

  std::string Take(int kind) {
    const MachineKind& machine = candidates_.kinds[static_cast<std::size_t>(kind)];
    const int index = next_[static_cast<std::size_t>(kind)]++;
    if (index < static_cast<int>(machine.owned.size())) {
      const int node = machine.owned[static_cast<std::size_t>(index)];
      return scenario_.fleet.nodes()[static_cast<std::size_t>(node)].name;
    }
    return absl::StrCat(machine.node.name, " #",
                        index - static_cast<int>(machine.owned.size()) + 1);
  }

 private:
  const Candidates& candidates_;
  const fleet::Scenario& scenario_;
  std::vector<int> next_;
};

// Adds what is bought of one good between two counts, offer by offer.
void AddBought(const Good& good, int before, int after, const fleet::Scenario& scenario,
               std::vector<BoughtItem>& items) {
  int passed = 0;
  for (const PricedOffer& priced : good.offers) {
    const int from = std::max(before, passed);
    passed += priced.max_count;
    const int count = std::min(after, passed) - from;
    if (count <= 0) continue;
    const fleet::Offer& offer = scenario.offers[static_cast<std::size_t>(priced.offer)];
    items.push_back({offer.id, offer.item, count, offer.price, offer.price * count});
  }
}

}  // namespace

Market::Market(const Candidates& candidates, const fleet::Scenario& scenario,
               fleet::Baseline baseline, Problem problem, Usd budget, double longest_months,
               const std::atomic<bool>* stop)
    : candidates_(candidates),
      scenario_(scenario),
      baseline_(baseline),
      problem_(std::move(problem)) {
  search_ = Enumeration::Create(problem_, budget, longest_months, stop);
  if (search_ != nullptr) {
    method_ = "exact enumeration";
    return;
  }
  solver_ = MakeCbcSolver();
  search_ = MakeMilpSearch(problem_, budget, longest_months, *solver_, {.stop = stop});
  method_ = absl::StrCat("MILP (", solver_->name(), ")");
}

const Candidate& Market::CandidateOf(int column) const {
  const int cluster = problem_.columns[static_cast<std::size_t>(column)].cluster;
  return candidates_.clusters[static_cast<std::size_t>(cluster)];
}

const Service& Market::ServiceOf(int column, std::size_t option) const {
  const ServiceOption& chosen = problem_.columns[static_cast<std::size_t>(column)].options[option];
  return CandidateOf(column).services[static_cast<std::size_t>(chosen.service)];
}

std::vector<const Service*> Market::ServicesAtWork(const Choice& choice) const {
  std::vector<const Service*> services;
  for (const Running& running : choice.operation.running) {
    for (std::size_t o = 0; o < running.cluster_months.size(); ++o) {
      if (running.cluster_months[o] > 0) services.push_back(&ServiceOf(running.column, o));
    }
  }
  return services;
}

const fleet::Workload& Market::WorkloadOf(const Service& service) const {
  return scenario_.workloads[static_cast<std::size_t>(service.workload)];
}

double Market::ValueAt(const Choice& choice, const PaceOf& pace_of) const {
  Problem problem{.workloads = problem_.workloads};
  std::vector<std::pair<int, int>> clusters;
  for (const Running& running : choice.operation.running) {
    Column column;
    for (std::size_t o = 0; o < running.cluster_months.size(); ++o) {
      if (running.cluster_months[o] <= 0) continue;
      const Service& service = ServiceOf(running.column, o);
      const throughput::Speed& speed = *service.placement.speed;
      const Pace pace = pace_of(service);
      const double mtok = MtokPerMonth(WorkloadOf(service), {At(speed.decode_tps, pace)},
                                       {At(speed.prefill_tps, pace)});
      if (mtok <= 0) continue;
      const double electricity = service.electricity.value * service.mtok_per_month / mtok;
      column.options.push_back({.workload = service.workload,
                                .mtok_per_month = mtok,
                                .usd_per_mtok = SavedBy(service).value - electricity});
    }
    clusters.emplace_back(static_cast<int>(problem.columns.size()), running.copies);
    problem.columns.push_back(std::move(column));
  }
  return Operate(problem, clusters).usd_per_month - Standby(problem_, choice.basket);
}

FleetValue Market::Describe(const Choice& choice) const {
  FleetValue value;
  value.value = {choice.usd_per_month};
  value.electricity = {Standby(problem_, choice.basket)};
  NamePool names(candidates_, scenario_);
  for (const Running& running : choice.operation.running) {
    std::vector<std::string> nodes;
    for (int copy = 0; copy < running.copies; ++copy) {
      for (int kind : CandidateOf(running.column).kind_of_node) nodes.push_back(names.Take(kind));
    }
    for (std::size_t o = 0; o < running.cluster_months.size(); ++o) {
      const double months = running.cluster_months[o];
      if (months <= 0) continue;
      const Service& service = ServiceOf(running.column, o);
      const double mtok = service.mtok_per_month * months;
      Assignment assignment{.placement = service.placement,
                            .node_names = nodes,
                            .copies = running.copies,
                            .workload = WorkloadOf(service).name,
                            .share_of_time = months / running.copies,
                            .output_mtok_per_month = mtok,
                            .gross_value = {SavedBy(service).value * mtok},
                            .electricity = {service.electricity.value * mtok}};
      value.gross += assignment.gross_value;
      value.electricity += assignment.electricity;
      value.assignments.push_back(std::move(assignment));
    }
  }
  return value;
}

std::vector<BoughtItem> Market::Bought(const Basket& before, const Basket& after) const {
  std::vector<BoughtItem> items;
  for (std::size_t k = 0; k < problem_.kinds.size(); ++k) {
    AddBought(problem_.kinds[k], before.nodes[k], after.nodes[k], scenario_, items);
  }
  for (std::size_t i = 0; i < problem_.items.size(); ++i) {
    AddBought(problem_.items[i], before.items[i], after.items[i], scenario_, items);
  }
  return items;
}

std::string List(const std::vector<BoughtItem>& items) {
  if (items.empty()) return "nothing";
  return absl::StrJoin(items, " + ", [](std::string* out, const BoughtItem& item) {
    absl::StrAppend(out, item.count, " x ", item.offer);
  });
}

}  // namespace capacity::purchase
