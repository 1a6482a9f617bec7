// The purchase problem under one baseline with the search that solves it, and the way back from its
// plain numbers to machines, models and dollars.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "planner/fleet/scenario.h"
#include "planner/purchase/clusters.h"
#include "planner/purchase/milp.h"
#include "planner/purchase/purchase.h"
#include "planner/purchase/search.h"

namespace capacity::purchase {

// Speeds of a service's interval.
enum class Pace { kLow, kMid, kHigh };
using PaceOf = std::function<Pace(const Service&)>;

class Market {
 public:
  // `problem` comes from MakeProblem on the same candidates (perhaps with fewer offers or columns)
  // and is reduced by the caller where that is wanted. `longest_months`: the longest payback that
  // will be asked for. `stop`, once true, ends a search (null: never). All references outlive this.
  Market(const Candidates& candidates, const fleet::Scenario& scenario, fleet::Baseline baseline,
         Problem problem, Usd budget, double longest_months, const std::atomic<bool>* stop);
  Market(const Market&) = delete;  // its search holds on to its problem
  Market& operator=(const Market&) = delete;

  const Problem& problem() const { return problem_; }
  const fleet::Scenario& scenario() const { return scenario_; }
  fleet::Baseline baseline() const { return baseline_; }
  Search& search() const { return *search_; }
  const std::string& method() const { return method_; }  // "exact enumeration", "MILP (CBC)"
  const Candidates& candidates() const { return candidates_; }
  Basket Nothing() const { return EmptyBasket(problem_); }

  const Candidate& CandidateOf(int column) const;
  const Service& ServiceOf(int column, std::size_t option) const;
  const fleet::Node& NodeOf(int index) const {  // of a service's placement
    return candidates_.fleet->nodes()[static_cast<std::size_t>(index)];
  }
  // Services that some cluster spends time on, each once.
  std::vector<const Service*> ServicesAtWork(const Choice& choice) const;

  // Net value a month when the same clusters run the same models at the given ends of their speed
  // intervals. Time is shared out anew.
  double ValueAt(const Choice& choice, const PaceOf& pace) const;
  FleetValue Describe(const Choice& choice) const;
  // What `after` holds beyond `before`, offer by offer.
  std::vector<BoughtItem> Bought(const Basket& before, const Basket& after) const;

 private:
  UsdPerMtok SavedBy(const Service& service) const { return service.saved.at(baseline_); }
  const fleet::Workload& WorkloadOf(const Service& service) const;

  const Candidates& candidates_;
  const fleet::Scenario& scenario_;
  fleet::Baseline baseline_;
  Problem problem_;
  std::unique_ptr<MilpSolver> solver_;
  std::unique_ptr<Search> search_;
  std::string method_;
};

// "2 x dgx-spark + 1 x thunderbolt5-cable"; "nothing".
std::string List(const std::vector<BoughtItem>& items);

}  // namespace capacity::purchase
