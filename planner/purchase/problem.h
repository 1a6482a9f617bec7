// The purchase problem as plain numbers: node kinds, clusters, workloads, prices (docs/model.md 6).
//
// Nothing here knows machines or models: a Problem is made from a fleet by clusters.h, and solved
// by a Search (search.h). Money per month is in US dollars, tokens in Mtok of output a month.
#pragma once

#include <limits>
#include <optional>
#include <vector>

#include "planner/base/units.h"

namespace capacity::purchase {

// One way for a cluster to serve a workload: one model, quantization, strategy and engine.
struct ServiceOption {
  int workload = 0;           // index into Problem::workloads
  double mtok_per_month = 0;  // if it ran all hours
  double usd_per_mtok = 0;    // saved, less the electricity of running above idle
  int service = -1;           // the caller's index of what runs
};

// A legal cluster: these nodes together, with these cables. Its time may be shared among the
// options: models may be switched within a month.
struct Column {
  std::vector<int> nodes;  // how many of each node kind
  std::vector<int> items;  // how many of each item (cables, switches) that is not there yet
  std::vector<ServiceOption> options;
  int max_copies =
      std::numeric_limits<int>::max();  // owned links may allow fewer than the nodes do
  int cluster = -1;                     // the caller's index
};

// Offers of this many or more never run out.
inline constexpr int kUnlimited = 1000;

// One price at which something may be bought.
struct PricedOffer {
  Usd price;
  int max_count = 0;
  int offer = -1;  // the caller's index
};

// Interchangeable machines, or cables, or switches.
struct Good {
  int owned = 0;
  std::vector<PricedOffer> offers;   // cheapest first; empty: cannot be bought
  double standby_usd_per_month = 0;  // electricity of one bought and idle
};

struct WorkloadLimit {
  double max_share = 1;  // of all hours of each cluster
  double demand_mtok = std::numeric_limits<double>::infinity();
};

// Valid: vectors of every column have the length of `kinds` and `items`; options name workloads
// that exist, with positive rates; the single-node columns are at most one per kind.
struct Problem {
  std::vector<Good> kinds;
  std::vector<Good> items;
  std::vector<WorkloadLimit> workloads;
  std::vector<Column> columns;
  std::vector<int> one_of;  // columns of which at least one copy must stand; empty: no such demand
};

// What is bought, per kind and per item.
struct Basket {
  std::vector<int> nodes;
  std::vector<int> items;

  bool operator==(const Basket&) const = default;
};

Basket EmptyBasket(const Problem& problem);
// a holds at least as many of everything as b.
bool Contains(const Basket& a, const Basket& b);
bool IsEmpty(const Basket& basket);
int Machines(const Basket& basket);  // bought, of all kinds together
// nullopt: more than the offers allow.
std::optional<Usd> Cost(const Problem& problem, const Basket& basket);
// Electricity of what is bought, idle, US dollars a month.
double Standby(const Problem& problem, const Basket& basket);
// Sum of counts: the third criterion between equals is fewer things, then the earlier kinds.
bool SimplerThan(const Basket& a, const Basket& b);

// Copies of one column and what they do.
struct Running {
  int column = 0;
  int copies = 0;
  std::vector<double> cluster_months;  // per option of the column; their sum is at most `copies`

  bool operator==(const Running&) const = default;
};

// A fleet at work.
struct Operation {
  double usd_per_month = 0;      // saved less electricity of running; standby is not in it
  std::vector<Running> running;  // by column; clusters without any work are not listed
};

// The best use of given clusters, one entry a column: (column, copies). Exact.
Operation Operate(const Problem& problem, const std::vector<std::pair<int, int>>& clusters);

// What one copy of the column is worth when no workload's demand binds: an upper bound of its
// worth.
double ValueAlone(const Problem& problem, const Column& column);

// No workload limits its demand, so that clusters' values add up.
bool IsAdditive(const Problem& problem);

}  // namespace capacity::purchase
