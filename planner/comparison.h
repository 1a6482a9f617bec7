// What a rung's purchase brings against each thing that its tokens would otherwise cost, side by
// side (docs/model.md 5.1, 5.5).
//
// Pure: the same plan gives the same comparison, byte for byte.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/base/spread.h"
#include "planner/base/units.h"
#include "planner/catalog/catalog.h"
#include "planner/fleet/scenario.h"
#include "planner/purchase/purchase.h"

namespace capacity {

// A purchase against one price of the tokens that it makes, at its best use at that price. The
// cheapest host prices the use that is best at the median host; a subscription the use of the
// headline.
struct Comparison {
  std::string title;                        // "frontier", "hosted", "cheapest host", "custom", ...
  std::optional<fleet::Baseline> baseline;  // whose decline counts; nullopt: a subscription
  std::string remark;                       // why there are no figures, or a caveat; empty: neither
  bool priced = false;                      // whether the figures below hold
  UsdPerMonth saved;                        // added by the purchase
  UsdPerMonth electricity;                  // added by the purchase
  std::optional<Months> payback;            // at constant prices; nullopt: never
  Spread decline = Spread::Exactly(0);      // of the price, a year
  std::optional<Months> payback_at_low;     // as prices fall at decline.low; nullopt: never
  std::optional<Months> payback_at_mid;     // never: not within 20 years
  std::optional<Months> payback_at_high;
  std::vector<std::string> prices_from;  // whose prices, each once: "claude-opus-4.5, 2026-02"
};

// Every baseline of the scenario, the cheapest host after the median, and last the subscription
// where the scenario states one. `before`: the fleet's value under the headline's baseline before
// the rung.
std::vector<Comparison> SideBySide(const catalog::Catalog& catalog, const fleet::Scenario& scenario,
                                   const purchase::FleetValue& before, const purchase::Rung& rung);

}  // namespace capacity
