// Every basket, every way to group the nodes into clusters: exact, for home labs.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "planner/purchase/search.h"

namespace capacity::purchase {

// How much work the enumeration may take before a MILP is the better way.
struct EnumerationLimits {
  int baskets = 20'000;
  // Over all baskets; one that must be compared with many others counts for several.
  std::int64_t groupings = 100'000;
};

class Enumeration : public Search {
 public:
  // Lists the baskets within `budget` that may be worth buying at thresholds up to
  // `longest_months`. Null when that exceeds the limits, or
  // when `stop` (null: never) becomes true; it also ends what comes later early. `problem` must be
  // reduced and outlive this; columns in its `one_of` are of several nodes.
  static std::unique_ptr<Enumeration> Create(const Problem& problem, Usd budget,
                                             double longest_months,
                                             const std::atomic<bool>* stop = nullptr,
                                             const EnumerationLimits& limits = {});

  Found Best(const Terms& terms) override;
  Found ValueOf(const Basket& basket) override;
  Curve Frontier(double months) override;

 private:
  // A way to group nodes into clusters of several: (column, copies); the rest run by themselves.
  struct Grouping {
    std::vector<std::pair<int, int>> clusters;
    std::vector<int> items;  // that it needs
    double value = 0;        // exact once evaluated, an upper bound before
  };
  struct Listed {
    std::vector<int> nodes;  // bought
    Usd cost;                // of the nodes
    double standby = 0;
    double upper = 0;  // on the operation's value
    bool evaluated = false;
    std::vector<Grouping> groupings;  // none better with no more items; empty until evaluated
  };

  Enumeration(const Problem& problem, Usd budget, const std::atomic<bool>* stop,
              const EnumerationLimits& limits);
  bool Stopped() const { return stop_ != nullptr && stop_->load(std::memory_order_relaxed); }

  bool ListBaskets(double longest_months);
  bool ListFrom(std::size_t kind, const std::vector<bool>& worth, std::vector<int>& nodes,
                Usd cost);
  bool AddBasket(const std::vector<int>& nodes, Usd cost);
  std::vector<int> NodesWith(const std::vector<int>& bought) const;
  // The groupings of `nodes`, with upper bounds; false when there are more than `limit`.
  bool Groupings(const std::vector<int>& nodes, std::int64_t limit,
                 std::vector<Grouping>& out) const;
  bool GroupFrom(const std::vector<int>& possible, std::size_t next, std::int64_t& limit,
                 std::vector<int>& left, Grouping& grouping, std::vector<Grouping>& out) const;
  void AddGrouping(Grouping& grouping, const std::vector<int>& left,
                   std::vector<Grouping>& out) const;
  double BoundOf(const Grouping& grouping, const std::vector<int>& left) const;
  std::vector<std::pair<int, int>> AllClusters(const Grouping& grouping,
                                               const std::vector<int>& nodes) const;
  void Evaluate(Listed& listed);
  // The basket with the grouping's cables, without its operation; nullopt when it costs more than
  // `budget` or cables are not to be had.
  std::optional<Choice> ChoiceOf(const Listed& listed, const Grouping& grouping,
                                 const std::vector<int>& items_held, Usd budget) const;
  void Work(const Listed& listed, const Grouping& grouping, Choice& choice) const;
  bool Stands(const std::vector<std::pair<int, int>>& clusters) const;
  void EvaluateGroupings(const std::vector<int>& nodes, std::vector<Grouping>& groupings) const;

  const Problem& problem_;
  Usd budget_;
  const std::atomic<bool>* stop_;
  EnumerationLimits limits_;
  bool additive_ = false;
  double demand_bound_ = 0;
  std::vector<int> single_of_;       // column of a node of the kind by itself, or -1
  std::vector<int> several_;         // columns of more than one node
  std::vector<char> demanded_;       // by column: it is in Problem::one_of
  std::vector<double> value_alone_;  // by column
  std::int64_t groupings_listed_ = 0;
  std::vector<Listed> listed_;
};

}  // namespace capacity::purchase
