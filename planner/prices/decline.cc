#include "planner/prices/decline.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace capacity::prices {
namespace {

constexpr std::chrono::days kStandsUnseen{183};

using ListingKey = std::tuple<std::optional<Feed>, std::string, std::string>;

ListingKey KeyOf(const Offer& offer) { return {offer.feed, offer.provider, offer.listing}; }

std::set<Date> DaysOf(const Known& known, const std::vector<std::size_t>& offers) {
  std::set<Date> days;
  for (std::size_t index : offers) {
    days.insert(known.offers[index].first);
    days.insert(known.offers[index].last);
  }
  return days;
}

// What each listing asked on `day`: its offer that was seen last by then.
std::vector<std::size_t> Standing(const Known& known, const std::vector<std::size_t>& offers,
                                  Date day) {
  const auto seen = [&](const Offer& offer) { return std::min(offer.last, day); };
  std::map<ListingKey, std::size_t> newest;
  for (std::size_t index : offers) {
    const Offer& offer = known.offers[index];
    if (offer.first > day || offer.contradicted || day - seen(offer) > kStandsUnseen) continue;
    if (offer.superseded_on && day >= *offer.superseded_on) continue;
    const auto [it, added] = newest.try_emplace(KeyOf(offer), index);
    const Offer& held = known.offers[it->second];
    if (!added && std::pair(seen(offer), offer.first) > std::pair(seen(held), held.first)) {
      it->second = index;
    }
  }
  std::vector<std::size_t> standing;
  for (const auto& [key, index] : newest) standing.push_back(index);
  std::sort(standing.begin(), standing.end());
  return standing;
}

bool IsCheaper(const Offer& a, const Offer& b) {
  return std::tuple(Blended(a.prices), a.provider, a.listing) <
         std::tuple(Blended(b.prices), b.provider, b.listing);
}

Price MedianOf(std::vector<Price> prices) {
  std::sort(prices.begin(), prices.end());
  return prices[(prices.size() - 1) / 2];
}

double MedianOf(std::vector<double> numbers) {
  std::sort(numbers.begin(), numbers.end());
  const std::size_t half = numbers.size() / 2;
  return numbers.size() % 2 == 1 ? numbers[half] : (numbers[half - 1] + numbers[half]) / 2;
}

// The imported, trusted offers; of a cloud model only those that name no snapshot.
std::vector<std::size_t> Measurable(const Known& known, const std::vector<std::size_t>& offers) {
  std::vector<std::size_t> out;
  for (std::size_t index : offers) {
    const Offer& offer = known.offers[index];
    const bool snapshot = offer.model.kind == Resolved::Kind::kCloudModel && offer.model.dated;
    if (offer.feed && !offer.contradicted && !snapshot) out.push_back(index);
  }
  return out;
}

std::vector<PricePoint> CheapestByDay(const Known& known, const std::vector<std::size_t>& offers) {
  std::vector<PricePoint> points;
  for (const DaySummary& day : ByDay(known, offers)) {
    points.push_back({day.day, Blended(known.offers[day.cheapest].prices).value});
  }
  return points;
}

std::map<ListingKey, std::vector<PricePoint>> ByListing(const Known& known,
                                                        const std::vector<std::size_t>& offers) {
  std::map<ListingKey, std::vector<PricePoint>> series;
  for (std::size_t index : offers) {
    const Offer& offer = known.offers[index];
    std::vector<PricePoint>& points = series[KeyOf(offer)];
    const double price = Blended(offer.prices).value;
    points.push_back({offer.first, price});
    if (offer.last != offer.first) points.push_back({offer.last, price});
  }
  return series;
}

}  // namespace

std::vector<DaySummary> ByDay(const Known& known, const std::vector<std::size_t>& offers) {
  std::vector<DaySummary> days;
  for (Date day : DaysOf(known, offers)) {
    const std::vector<std::size_t> standing = Standing(known, offers, day);
    if (standing.empty()) continue;
    DaySummary summary{.day = day, .cheapest = standing.front()};
    // A provider with several listings counts once, at its cheapest.
    std::map<std::string, const Offer*> best;
    for (std::size_t index : standing) {
      const Offer& offer = known.offers[index];
      const Offer*& held = best[offer.provider];
      if (held == nullptr || IsCheaper(offer, *held)) held = &offer;
      if (IsCheaper(offer, known.offers[summary.cheapest])) summary.cheapest = index;
    }
    std::vector<Price> inputs;
    std::vector<Price> outputs;
    for (const auto& [provider, offer] : best) {
      inputs.push_back(offer->prices.input);
      outputs.push_back(offer->prices.output);
    }
    summary.providers = static_cast<int>(best.size());
    summary.median.input = MedianOf(std::move(inputs));
    summary.median.output = MedianOf(std::move(outputs));
    days.push_back(std::move(summary));
  }
  return days;
}

std::optional<double> AnnualDecline(const std::vector<PricePoint>& points) {
  if (points.size() < 2) return std::nullopt;
  const auto [first, last] = std::minmax_element(
      points.begin(), points.end(), [](const auto& a, const auto& b) { return a.day < b.day; });
  if (last->day - first->day < kShortestSpan) return std::nullopt;
  double mean_years = 0;
  double mean_log = 0;
  for (const PricePoint& point : points) {
    mean_years += YearsBetween(first->day, point.day);
    mean_log += std::log(point.usd_per_mtok);
  }
  mean_years /= static_cast<double>(points.size());
  mean_log /= static_cast<double>(points.size());
  double covariance = 0;
  double variance = 0;
  for (const PricePoint& point : points) {
    const double years = YearsBetween(first->day, point.day) - mean_years;
    covariance += years * (std::log(point.usd_per_mtok) - mean_log);
    variance += years * years;
  }
  const double decline = -std::expm1(covariance / variance);
  // An unchanged price leaves a rounding error, of either sign.
  constexpr double kNothing = 1e-9;
  return std::abs(decline) < kNothing ? 0 : decline;
}

std::optional<MeasuredDecline> MeasureDecline(const Known& known,
                                              const std::vector<std::size_t>& offers) {
  const std::vector<std::size_t> measurable = Measurable(known, offers);
  // Feed by feed: a cheaper host that a further feed knows is no fall in prices.
  std::map<Feed, std::vector<std::size_t>> by_feed;
  for (std::size_t index : measurable) by_feed[*known.offers[index].feed].push_back(index);
  std::vector<double> cheapest;
  for (const auto& [feed, of_feed] : by_feed) {
    if (const auto decline = AnnualDecline(CheapestByDay(known, of_feed))) {
      cheapest.push_back(*decline);
    }
  }
  if (cheapest.empty()) return std::nullopt;
  const std::set<Date> days = DaysOf(known, measurable);
  const auto [least, greatest] = std::minmax_element(cheapest.begin(), cheapest.end());
  MeasuredDecline out{*least,        MedianOf(cheapest),
                      *greatest,     static_cast<int>(cheapest.size()),
                      *days.begin(), *days.rbegin()};
  for (const auto& [listing, points] : ByListing(known, measurable)) {
    const std::optional<double> decline = AnnualDecline(points);
    if (!decline) continue;
    ++out.series;
    out.low = std::min(out.low, *decline);
    out.high = std::max(out.high, *decline);
  }
  return out;
}

std::vector<ModelDecline> MeasureAll(const catalog::Catalog& catalog, const Known& known) {
  std::map<std::string, std::vector<std::size_t>> by_model;
  for (std::size_t i = 0; i < known.offers.size(); ++i) {
    if (known.offers[i].model.known()) by_model[known.offers[i].model.id].push_back(i);
  }
  std::vector<ModelDecline> out;
  const auto add = [&](const std::string& id, const std::string& group) {
    const auto it = by_model.find(id);
    if (it == by_model.end()) return;
    if (const auto decline = MeasureDecline(known, it->second))
      out.push_back({id, group, *decline});
  };
  for (const catalog::CloudModel& model : catalog.cloud_models) add(model.id, model.tier);
  for (const catalog::Model& model : catalog.models) add(model.id, "hosted");
  return out;
}

std::vector<GroupDecline> GroupDeclines(const std::vector<ModelDecline>& models) {
  std::vector<GroupDecline> groups;
  for (const char* group : {"frontier", "mid", "small", "hosted"}) {
    GroupDecline out;
    out.group = group;
    out.baseline = out.group == "hosted" ? "same-model-hosted" : "frontier-equivalent";
    std::vector<double> mids;
    for (const ModelDecline& model : models) {
      if (model.group != group) continue;
      const MeasuredDecline& one = model.decline;
      if (mids.empty()) out.decline = one;
      out.decline.low = std::min(out.decline.low, one.low);
      out.decline.high = std::max(out.decline.high, one.high);
      out.decline.first = std::min(out.decline.first, one.first);
      out.decline.last = std::max(out.decline.last, one.last);
      if (!mids.empty()) out.decline.series += one.series;
      mids.push_back(one.mid);
    }
    if (mids.empty()) continue;
    out.models = static_cast<int>(mids.size());
    out.decline.mid = MedianOf(std::move(mids));
    groups.push_back(std::move(out));
  }
  return groups;
}

}  // namespace capacity::prices
