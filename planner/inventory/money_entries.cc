#include "planner/inventory/catalog_entries.h"

#include <optional>

#include "planner/fleet/scenario.h"
#include "planner/inventory/entry_fields.h"

namespace capacity::inventory {
namespace {

// Bounds that only a slip of the pen exceeds.
constexpr Range kUsdPerMtok = Between(0, 1e5);
constexpr Range kFraction = Between(0, 1);

}  // namespace

catalog::PriceOffer ReadOffer(Fields& fields) {
  using catalog::Condition;
  catalog::PriceOffer offer;
  fields.Require({"id", "item", "condition", "price_usd"});
  offer.id = fields.Text("id").value_or("");
  offer.item = fields.Text("item").value_or("");
  offer.condition =
      fields.Choice("condition", {Condition::kNew, Condition::kUsed, Condition::kRefurbished})
          .value_or(Condition::kNew);
  offer.price = fields.Dollars("price_usd").value_or(Usd{});
  offer.price_low = fields.Dollars("price_low_usd");
  offer.price_high = fields.Dollars("price_high_usd");
  offer.available = fields.Flag("available").value_or(true);
  fields.Text("withdrawn");
  fields.Text("notes");
  offer.provenance = ReadProvenance(fields);
  return offer;
}

namespace {

struct TokenPrices {
  UsdPerMtok input;
  UsdPerMtok output;
  std::optional<UsdPerMtok> cached_input;
};

TokenPrices ReadTokenPrices(Fields& fields) {
  fields.Require({"input_usd_per_mtok", "output_usd_per_mtok"});
  TokenPrices prices;
  prices.input = {fields.Number("input_usd_per_mtok", kUsdPerMtok).value_or(0)};
  prices.output = {fields.Number("output_usd_per_mtok", kUsdPerMtok).value_or(0)};
  prices.cached_input =
      Scaled<UsdPerMtok>(fields.Number("cached_input_usd_per_mtok", kUsdPerMtok), 1);
  return prices;
}

}  // namespace

catalog::CloudModel ReadCloudModel(Fields& fields) {
  catalog::CloudModel model;
  fields.Require({"id", "provider", "tier"});
  model.id = fields.Text("id").value_or("");
  model.provider = fields.Text("provider").value_or("");
  const TokenPrices prices = ReadTokenPrices(fields);
  model.input = prices.input;
  model.output = prices.output;
  model.cached_input = prices.cached_input;
  model.tier = fields.OneOf("tier", {"small", "mid", "frontier"}).value_or("");
  fields.Text("notes");
  model.provenance = ReadProvenance(fields);
  return model;
}

catalog::HostedOffer ReadHostedOffer(Fields& fields) {
  catalog::HostedOffer offer;
  fields.Require({"provider"});
  offer.provider = fields.Text("provider").value_or("");
  const TokenPrices prices = ReadTokenPrices(fields);
  offer.input = prices.input;
  offer.output = prices.output;
  offer.cached_input = prices.cached_input;
  fields.Text("notes");
  offer.provenance = ReadProvenance(fields);
  return offer;
}

catalog::FrontierEquivalent ReadFrontierEquivalent(Fields& fields) {
  catalog::FrontierEquivalent equivalent;
  fields.Require({"model", "cloud_model", "basis"});
  equivalent.model = fields.Text("model").value_or("");
  equivalent.cloud_model = fields.Text("cloud_model").value_or("");
  equivalent.basis = fields.Text("basis").value_or("");
  equivalent.provenance = ReadProvenance(fields);
  return equivalent;
}

catalog::PriceDecline ReadDecline(Fields& fields) {
  catalog::PriceDecline decline;
  fields.Require({"baseline", "low", "mid", "high"});
  decline.baseline = fields
                         .OneOf("baseline", {Name(fleet::Baseline::kFrontierEquivalent),
                                             Name(fleet::Baseline::kSameModelHosted)})
                         .value_or("");
  decline.low = fields.Number("low", kFraction).value_or(0);
  decline.mid = fields.Number("mid", kFraction).value_or(0);
  decline.high = fields.Number("high", kFraction).value_or(0);
  fields.Text("notes");
  decline.provenance = ReadProvenance(fields);
  return decline;
}

catalog::WorkloadPreset ReadWorkloadPreset(Fields& fields) {
  constexpr Range kTokens = Between(1, 1e8);
  catalog::WorkloadPreset preset;
  fields.Require({"id", "description", "input_per_output", "context", "prompt"});
  preset.id = fields.Text("id").value_or("");
  preset.description = fields.Text("description").value_or("");
  preset.input_per_output = fields.Number("input_per_output", Between(0, 1e6)).value_or(0);
  preset.cached_input_share = fields.Number("cached_input_share", kFraction).value_or(0);
  preset.context_tokens = static_cast<int>(fields.Tokens("context", kTokens).value_or(1));
  preset.prompt_tokens = static_cast<int>(fields.Tokens("prompt", kTokens).value_or(1));
  preset.concurrency = fields.Integer("concurrency", Between(1, 100'000)).value_or(1);
  preset.utilization = fields.Number("utilization", Above(0, 1));
  preset.provenance = ReadProvenance(fields);
  return preset;
}

}  // namespace capacity::inventory
