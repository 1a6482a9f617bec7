#include <map>

#include "nlohmann/json.hpp"
#include "planner/report/json.h"
#include "planner/report/prices.h"

namespace capacity::report {
namespace {

using Json = nlohmann::ordered_json;
using prices::Offer;
using prices::Price;
using prices::ToString;

Json Amount(Price price) { return price.usd_per_mtok().value; }
Json Amount(const std::optional<Price>& price) { return price ? Amount(*price) : Json(nullptr); }

Json PricesJson(const prices::TokenPrices& prices) {
  Json tiers = Json::array();
  for (const prices::LongContextPrice& tier : prices.long_context) {
    tiers.push_back({{"above_tokens", tier.above_tokens},
                     {"input_usd_per_mtok", Amount(tier.input)},
                     {"output_usd_per_mtok", Amount(tier.output)},
                     {"cached_input_usd_per_mtok", Amount(tier.cached_input)},
                     {"cache_write_usd_per_mtok", Amount(tier.cache_write)}});
  }
  return {{"input_usd_per_mtok", Amount(prices.input)},
          {"output_usd_per_mtok", Amount(prices.output)},
          {"cached_input_usd_per_mtok", Amount(prices.cached_input)},
          {"cache_write_usd_per_mtok", Amount(prices.cache_write)},
          {"batch_input_usd_per_mtok", Amount(prices.batch_input)},
          {"batch_output_usd_per_mtok", Amount(prices.batch_output)},
          {"long_context", tiers}};
}

Json OfferJson(const Offer& offer) {
  Json out = {{"model", offer.model.known() ? Json(offer.model.id) : Json(nullptr)},
              {"provider", offer.provider},
              {"listing", offer.listing},
              {"feed", offer.feed ? Json(Name(*offer.feed)) : Json(nullptr)},
              {"source", offer.source},
              {"first_seen", ToString(offer.first)},
              {"last_seen", ToString(offer.last)},
              {"trusted", !offer.contradicted}};
  out.update(PricesJson(offer.prices));
  return out;
}

Json ContradictionJson(const prices::Known& known, const prices::Contradiction& found) {
  return {{"trusted", found.trusted ? OfferJson(known.offers[*found.trusted]) : Json(nullptr)},
          {"distrusted", OfferJson(known.offers[found.distrusted])},
          {"reason", found.reason}};
}

Json DeclineJson(const prices::MeasuredDecline& decline) {
  return {{"low", decline.low},
          {"mid", decline.mid},
          {"high", decline.high},
          {"series", decline.series},
          {"first_seen", ToString(decline.first)},
          {"last_seen", ToString(decline.last)}};
}

std::string Document(const char* kind, const Json& fields) {
  Json out = {{"schema_version", kSchemaVersion}, {"kind", kind}};
  out.update(fields);
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json ImportFields(const prices::Imported& imported) {
  const prices::FeedContents& contents = imported.contents;
  Json refused = Json::array();
  for (const prices::RefusedRow& row : contents.refused) {
    refused.push_back({{"provider", row.provider},
                       {"listing", row.model},
                       {"refusal", Name(row.refusal)},
                       {"reason", row.reason}});
  }
  Json contradictions = Json::array();
  for (std::size_t index : imported.contradictions) {
    contradictions.push_back(
        ContradictionJson(imported.known, imported.known.contradictions[index]));
  }
  return {{"feed", Name(contents.feed)},
          {"as_of", ToString(contents.as_of)},
          {"store", imported.store},
          {"prices", contents.rows.size()},
          {"added", imported.counts.added},
          {"extended", imported.counts.extended},
          {"unchanged", imported.counts.unchanged},
          {"resolved", imported.resolved},
          {"models", imported.models},
          {"contradictions", contradictions},
          {"refused", refused}};
}

}  // namespace

std::string PriceImportJson(const prices::Imported& imported) {
  return Document("prices-import", ImportFields(imported));
}

std::string PriceUpdateJson(const std::vector<PriceUpdate>& updates) {
  Json rows = Json::array();
  for (const PriceUpdate& update : updates) {
    rows.push_back({{"url", update.url},
                    {"status", !update.error.empty() ? "failed"
                               : update.imported     ? "imported"
                                                     : "unchanged"},
                    {"error", update.error.empty() ? Json(nullptr) : Json(update.error)},
                    {"confirmed", update.confirmed},
                    {"import", update.imported ? ImportFields(*update.imported) : Json(nullptr)}});
  }
  return Document("prices-update", {{"updates", rows}});
}

std::string PriceHistoryJson(const PriceHistoryView& view) {
  Json offers = Json::array();
  for (std::size_t index : view.offers) offers.push_back(OfferJson(view.known->offers[index]));
  Json days = Json::array();
  for (const prices::DaySummary& day : view.days) {
    days.push_back({{"day", ToString(day.day)},
                    {"providers", day.providers},
                    {"cheapest", OfferJson(view.known->offers[day.cheapest])},
                    {"median_input_usd_per_mtok", Amount(day.median.input)},
                    {"median_output_usd_per_mtok", Amount(day.median.output)}});
  }
  return Document("prices-show", {{"model", view.model},
                                  {"offers", offers},
                                  {"days", days},
                                  {"decline_per_year",
                                   view.decline ? DeclineJson(*view.decline) : Json(nullptr)}});
}

std::string PriceListJson(const PriceListView& view) {
  Json offers = Json::array();
  for (const Offer& offer : view.known->offers) {
    if (offer.feed) offers.push_back(OfferJson(offer));
  }
  Json contradictions = Json::array();
  for (const prices::Contradiction& found : view.known->contradictions) {
    contradictions.push_back(ContradictionJson(*view.known, found));
  }
  return Document("prices-list",
                  {{"store", view.store}, {"offers", offers}, {"contradictions", contradictions}});
}

std::string PriceDeclineJson(const PriceDeclineView& view) {
  Json groups = Json::array();
  for (const prices::GroupDecline& group : view.groups) {
    Json out = {{"baseline", group.baseline}, {"tier", group.group}, {"models", group.models}};
    out.update(DeclineJson(group.decline));
    groups.push_back(std::move(out));
  }
  Json models = Json::array();
  for (const prices::ModelDecline& model : view.models) {
    Json out = {{"model", model.model}, {"tier", model.group}};
    out.update(DeclineJson(model.decline));
    models.push_back(std::move(out));
  }
  return Document("prices-decline", {{"baselines", groups}, {"models", models}});
}

}  // namespace capacity::report
