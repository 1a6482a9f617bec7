// Everything known about what models cost: the catalogue and the imported history side by side,
// with what of it is to be trusted.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/catalog/catalog.h"
#include "planner/prices/history.h"
#include "planner/prices/names.h"

namespace capacity::prices {

// One price that somebody asks or asked.
struct Offer {
  Resolved model;
  std::string provider;  // ProviderKey()
  std::string listing;   // the feed's name; the catalogue's own entries have their id
  TokenPrices prices;
  Date first;  // seen on
  Date last;
  std::optional<Feed> feed;   // nullopt: the catalogue
  std::string source;         // "LiteLLM deepinfra/openai/gpt-oss-120b", or "catalogue: SOURCE"
  bool contradicted = false;  // another offer is trusted in its place
};

// Two prices of the same product at the same provider, seen within half a year of each other, that
// differ by more than five times.
struct Contradiction {
  std::size_t trusted;  // indices into Known::offers
  std::size_t distrusted;
  std::string reason;  // why the one is trusted
};

struct Known {
  std::vector<Offer> offers;  // the catalogue's, then the history's, each in its order
  std::vector<Contradiction> contradictions;
};

// The rule of docs/prices.md: of two offers that contradict each other, the one nearer to the
// median of what other providers ask for the model is trusted; where fewer than two others are
// known, the newer, and of two of the same day the cheaper.
Known KnownOffers(const catalog::Catalog& catalog, const History& history);

// Which offers were in force at the newest moment: per feed and listing the last one seen, less
// those of listings that their feed has stopped to show and those that are contradicted.
std::vector<std::size_t> CurrentOffers(const Known& known);

// The catalogue with cloud and hosted prices replaced by newer ones of the history, and with hosts
// that it did not know. A price is taken when it is trusted, still shown by its feed, and not older
// than the catalogue's own. Of several listings at one provider an open model takes the cheapest, a
// cloud model the one that names no snapshot. Provenance names the feed, the listing and the day.
catalog::Catalog WithPrices(const catalog::Catalog& catalog, const History& history);

}  // namespace capacity::prices
