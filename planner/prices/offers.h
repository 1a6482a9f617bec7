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
  bool contradicted = false;  // not to be believed
  // True in its time; from that day on another source's change of price holds.
  std::optional<Date> superseded_on;
};

// Two prices of the same product at the same provider that differ by more than five times, and are
// no change of price. Indices into Known::offers.
struct Contradiction {
  std::optional<std::size_t> trusted;  // nullopt: nothing tells which is right
  std::size_t distrusted = 0;
  std::string reason;  // why the one is not trusted
};

struct Known {
  std::vector<Offer> offers;  // the catalogue's, then the history's, each in its order
  std::vector<Contradiction> contradictions;
};

// Everything known, judged by the rule of docs/prices.md (planner/prices/trust.h).
Known KnownOffers(const catalog::Catalog& catalog, const History& history);

// Which offers were in force at the newest moment: per feed and listing the last one that is
// trusted and not superseded, less those of listings that their feed has stopped to show.
std::vector<std::size_t> CurrentOffers(const Known& known);

// The catalogue with cloud and hosted prices replaced by newer ones of the history, and with hosts
// that it did not know. A price is taken when it is trusted, still shown by its feed, and not older
// than the catalogue's own. Of several listings at one provider an open model takes the cheapest, a
// cloud model the one that names no snapshot. Provenance names the feed, the listing and the day.
catalog::Catalog WithPrices(const catalog::Catalog& catalog, const History& history);

}  // namespace capacity::prices
