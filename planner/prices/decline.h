// How prices moved, measured from what was imported.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/prices/offers.h"

namespace capacity::prices {

// Shorter spans say nothing about a year.
inline constexpr std::chrono::days kShortestSpan{90};

// Who asked what on one day.
struct DaySummary {
  Date day;
  int providers = 0;
  std::size_t cheapest = 0;  // index into Known::offers, by the article's mix of 70 % output
  TokenPrices median;        // of input and of output, each by itself; other fields absent
};

// One summary per day on which some offer of `offers` (indices) was first or last seen. An offer
// stands until its listing shows another price, or for half a year after it was last seen.
// Contradicted offers are left out.
std::vector<DaySummary> ByDay(const Known& known, const std::vector<std::size_t>& offers);

struct PricePoint {
  Date day;
  double usd_per_mtok = 0;  // Blended()
};

// 1 - e^b of the least-squares line ln(price) = a + b x years: 0.5 halves every year, below zero
// rises. Nullopt with fewer than two days or less than kShortestSpan between the first and the
// last.
std::optional<double> AnnualDecline(const std::vector<PricePoint>& points);

// The decline of one model. `mid` is that of the cheapest provider of each day; `low` and `high`
// are the least and the greatest among it and every single listing.
struct MeasuredDecline {
  double low = 0;
  double mid = 0;
  double high = 0;
  int series = 0;  // that allowed a measurement
  Date first;
  Date last;
};

// From the imported offers among `offers` (indices); the catalogue's are no measurement.
std::optional<MeasuredDecline> MeasureDecline(const Known& known,
                                              const std::vector<std::size_t>& offers);

struct ModelDecline {
  std::string model;  // catalogue id
  std::string group;  // "small", "mid" or "frontier" of a cloud model; "hosted" of an open one
  MeasuredDecline decline;
};

// Of every catalogue model whose imports allow it: cloud models in catalogue order, then open ones.
std::vector<ModelDecline> MeasureAll(const catalog::Catalog& catalog, const Known& known);

// The median of the models' mids within the least low and the greatest high.
struct GroupDecline {
  std::string baseline;  // frontier-equivalent | same-model-hosted
  std::string group;     // small | mid | frontier | hosted
  int models = 0;
  MeasuredDecline decline;
};
std::vector<GroupDecline> GroupDeclines(const std::vector<ModelDecline>& models);

}  // namespace capacity::prices
