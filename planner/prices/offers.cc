#include "planner/prices/offers.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/prices/trust.h"

namespace capacity::prices {
namespace {

constexpr std::chrono::days kListingGone{31};  // unseen so long while its feed goes on

// ---------------------------------------------------------------- collecting

Price FromUsdPerMtok(UsdPerMtok price) { return {std::llround(price.value * 1e9)}; }

template <class Entry>
TokenPrices PricesOf(const Entry& entry) {
  TokenPrices out;
  out.input = FromUsdPerMtok(entry.input);
  out.output = FromUsdPerMtok(entry.output);
  if (entry.cached_input) out.cached_input = FromUsdPerMtok(*entry.cached_input);
  return out;
}

void AddCatalogOffer(Resolved model, const std::string& provider, TokenPrices prices,
                     const catalog::Provenance& provenance, Known& known) {
  const std::optional<Date> date = ParseMonthOrDate(provenance.as_of);
  Offer offer;
  offer.listing = model.id;
  offer.model = std::move(model);
  offer.provider = ProviderKey(provider);
  offer.prices = std::move(prices);
  offer.first = offer.last = date.value_or(Date{});  // a catalogue date is never older than 2000
  offer.source = absl::StrCat("catalogue: ", provenance.source);
  known.offers.push_back(std::move(offer));
}

std::vector<Offer> HistoryOffers(const NameResolver& names, const History& history) {
  std::vector<Offer> offers;
  offers.reserve(history.records.size());
  for (const Record& record : history.records) {
    Offer offer;
    offer.model = names.Resolve(record.model);
    offer.provider = record.provider;
    offer.listing = record.model;
    offer.prices = record.prices;
    offer.first = record.first;
    offer.last = record.last;
    offer.feed = record.feed;
    offer.source = absl::StrCat(Title(record.feed), " ", record.model);
    offers.push_back(std::move(offer));
  }
  return offers;
}

// ---------------------------------------------------------------- overlay

// OpenRouter knows its own prices best.
bool IsOfItsOwnFeed(const Offer& offer) {
  return offer.feed && offer.provider == Name(*offer.feed);
}

// Which of two prices of one product counts.
bool IsMoreCurrent(const Offer& a, const Offer& b) {
  const auto later = a.last - b.last;
  if (later > kListingGone) return true;
  if (later < -kListingGone) return false;
  if (IsOfItsOwnFeed(a) != IsOfItsOwnFeed(b)) return IsOfItsOwnFeed(a);
  if (a.last != b.last) return a.last > b.last;
  return Blended(a.prices) < Blended(b.prices);
}

// Which of two products of one provider counts.
bool IsBetterListing(const Offer& a, const Offer& b) {
  if (a.model.kind == Resolved::Kind::kCloudModel && a.model.dated != b.model.dated) {
    return !a.model.dated;
  }
  if (Blended(a.prices) != Blended(b.prices)) return Blended(a.prices) < Blended(b.prices);
  return a.last > b.last;
}

// The best current offer of the history by model id and provider.
using Best = std::map<std::pair<std::string, std::string>, const Offer*>;

Best BestListings(const Known& known, Resolved::Kind kind) {
  // First the newest of each product, whichever feed saw it; then the best product.
  std::map<std::tuple<std::string, std::string, std::string, bool>, const Offer*> newest;
  for (std::size_t index : CurrentOffers(known)) {
    const Offer& offer = known.offers[index];
    if (!offer.feed || offer.model.kind != kind) continue;
    const Offer*& held =
        newest[{offer.model.id, offer.provider, ProductKey(offer.listing), offer.model.dated}];
    if (held == nullptr || IsMoreCurrent(offer, *held)) held = &offer;
  }
  Best best;
  for (const auto& [key, offer] : newest) {
    const Offer*& held = best[{offer->model.id, offer->provider}];
    if (held == nullptr || IsBetterListing(*offer, *held)) held = offer;
  }
  return best;
}

// What reading from the cache costs. A feed that does not tell of it has not abolished it: where
// another source has the same prices and tells, that one counts.
std::optional<Price> CachedInputOf(const Known& known, const Offer& offer) {
  if (offer.prices.cached_input) return offer.prices.cached_input;
  const Offer* newest = nullptr;
  for (const Offer& other : known.offers) {
    if (other.contradicted || !other.prices.cached_input || other.provider != offer.provider ||
        other.model.id != offer.model.id || other.prices.input != offer.prices.input ||
        other.prices.output != offer.prices.output) {
      continue;
    }
    if (newest == nullptr || other.last > newest->last) newest = &other;
  }
  return newest == nullptr ? std::nullopt : newest->prices.cached_input;
}

template <class Entry>
void TakePrice(const Known& known, const Offer& offer, Entry& entry) {
  entry.input = offer.prices.input.usd_per_mtok();
  entry.output = offer.prices.output.usd_per_mtok();
  entry.cached_input = std::nullopt;
  if (const auto cached = CachedInputOf(known, offer)) entry.cached_input = cached->usd_per_mtok();
  entry.provenance = {.source = offer.source, .as_of = ToString(offer.last)};
}

// Whether an imported price of that day replaces one of the catalogue.
bool Replaces(const Offer& offer, const catalog::Provenance& provenance) {
  const std::optional<Date> held = ParseMonthOrDate(provenance.as_of);
  return !held || offer.last >= *held;
}

void OverlayCloud(const Known& known, catalog::Catalog& catalog) {
  const Best best = BestListings(known, Resolved::Kind::kCloudModel);
  for (catalog::CloudModel& model : catalog.cloud_models) {
    const auto it = best.find({model.id, ProviderKey(model.provider)});
    if (it != best.end() && Replaces(*it->second, model.provenance))
      TakePrice(known, *it->second, model);
  }
}

void OverlayHosted(const Known& known, catalog::Catalog& catalog) {
  Best best = BestListings(known, Resolved::Kind::kOpenModel);
  for (catalog::HostedOffer& held : catalog.hosted) {
    const auto it = best.find({held.model, ProviderKey(held.provider)});
    if (it == best.end()) continue;
    if (Replaces(*it->second, held.provenance)) TakePrice(known, *it->second, held);
    best.erase(it);
  }
  for (const auto& [key, offer] : best) {
    catalog::HostedOffer added;
    added.model = key.first;
    added.provider = key.second;
    TakePrice(known, *offer, added);
    catalog.hosted.push_back(std::move(added));
  }
}

}  // namespace

Known KnownOffers(const catalog::Catalog& catalog, const History& history) {
  Known known;
  for (const catalog::CloudModel& model : catalog.cloud_models) {
    AddCatalogOffer({Resolved::Kind::kCloudModel, model.id}, model.provider, PricesOf(model),
                    model.provenance, known);
  }
  for (const catalog::HostedOffer& offer : catalog.hosted) {
    AddCatalogOffer({Resolved::Kind::kOpenModel, offer.model}, offer.provider, PricesOf(offer),
                    offer.provenance, known);
  }
  for (Offer& offer : HistoryOffers(NameResolver(catalog), history)) {
    known.offers.push_back(std::move(offer));
  }
  Judge(known);
  return known;
}

std::vector<std::size_t> CurrentOffers(const Known& known) {
  using Listing = std::tuple<std::optional<Feed>, std::string, std::string>;
  std::map<Listing, std::size_t> newest;
  std::map<Listing, Date> listing_seen;  // at whatever price
  std::map<Feed, Date> feed_seen;
  const auto see = [](auto& days, const auto& key, Date day) {
    Date& seen = days.try_emplace(key, day).first->second;
    seen = std::max(seen, day);
  };
  for (std::size_t i = 0; i < known.offers.size(); ++i) {
    const Offer& offer = known.offers[i];
    const Listing listing{offer.feed, offer.provider, offer.listing};
    if (offer.feed) see(feed_seen, *offer.feed, offer.last);
    see(listing_seen, listing, offer.last);
    if (offer.contradicted || offer.superseded_on) continue;
    const auto [it, added] = newest.try_emplace(listing, i);
    if (!added && offer.last > known.offers[it->second].last) it->second = i;
  }
  std::vector<std::size_t> current;
  for (const auto& [listing, index] : newest) {
    const std::optional<Feed>& feed = known.offers[index].feed;
    if (feed && feed_seen.at(*feed) - listing_seen.at(listing) > kListingGone) continue;
    current.push_back(index);
  }
  std::sort(current.begin(), current.end());
  return current;
}

catalog::Catalog WithPrices(const catalog::Catalog& catalog, const History& history) {
  const Known known = KnownOffers(catalog, history);
  catalog::Catalog out = catalog;
  OverlayCloud(known, out);
  OverlayHosted(known, out);
  out.Index();
  return out;
}

}  // namespace capacity::prices
