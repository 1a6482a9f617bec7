#include "planner/inventory/scenario_yaml.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/base/parse.h"
#include "planner/inventory/nodes_yaml.h"

namespace capacity::inventory {
namespace {

using catalog::Condition;
using fleet::Offer;
using fleet::Workload;

constexpr Range kUtilization = Above(0, 1);

// ---------------------------------------------------------------- workloads

// Tokens a day: both as stated; one from the other by the ratio where one is.
void ReadDemand(const Value& value, Workload& workload, bool ratio_stated, Problems& problems) {
  Fields fields(value, "tokens_per_day", problems);
  constexpr Range kTokensPerDay = Between(0, 1e12);
  workload.input_tokens_per_day = fields.Tokens("input", kTokensPerDay);
  workload.output_tokens_per_day = fields.Tokens("output", Above(0, kTokensPerDay.high));
  fields.Require({"output"});
  fields.ReportUnknown();
  if (!workload.output_tokens_per_day) return;
  if (!workload.input_tokens_per_day) {
    workload.input_tokens_per_day = *workload.output_tokens_per_day * workload.input_per_output;
  } else if (ratio_stated) {
    problems.Add(value, "workload has input and output tokens and input_per_output",
                 "leave input_per_output out");
  } else {
    workload.input_per_output = *workload.input_tokens_per_day / *workload.output_tokens_per_day;
  }
}

std::vector<std::string> ReadModels(const catalog::Catalog& catalog, Fields& fields,
                                    Problems& problems) {
  std::vector<std::string> ids;
  for (const Word& word : fields.References("models")) {
    const catalog::Model* model = catalog.FindModel(word.text);
    if (model != nullptr) {
      ids.push_back(model->id);
    } else {
      problems.AddUnknown(*word.at, "model", word.text, IdsOf(catalog.models));
    }
  }
  return ids;
}

// What the workload starts from: its preset, where it names one, else the defaults.
Workload ReadPreset(const catalog::Catalog& catalog, Fields& fields,
                    fleet::Assumptions& assumptions, Problems& problems) {
  Workload out;
  out.utilization = assumptions.utilization;
  const std::optional<Word> name = fields.Reference("preset");
  if (!name) return out;
  const catalog::WorkloadPreset* preset = catalog.FindWorkloadPreset(name->text);
  if (preset == nullptr) {
    problems.AddUnknown(*name->at, "preset", name->text, IdsOf(catalog.workload_presets));
    return out;
  }
  if (preset->utilization) assumptions.utilization_stated = true;
  return fleet::FromPreset(*preset, assumptions.utilization);
}

Workload ReadWorkload(const catalog::Catalog& catalog, const Value& value,
                      fleet::Assumptions& assumptions, Problems& problems) {
  Fields fields(value, "workload", problems);
  Workload out = ReadPreset(catalog, fields, assumptions, problems);
  fields.Require({"name"});
  constexpr Range kTokens = Between(1, 1e8);
  out.name = fields.Text("name").value_or("");
  const std::optional<double> ratio = fields.Number("input_per_output", Between(0, 1e6));
  out.input_per_output = ratio.value_or(out.input_per_output);
  if (const Value* demand = fields.Find("tokens_per_day")) {
    ReadDemand(*demand, out, ratio.has_value(), problems);
  }
  out.cached_input_share =
      fields.Number("cached_input_share", Between(0, 1)).value_or(out.cached_input_share);
  const auto context = fields.Tokens("context", kTokens);
  const auto prompt = fields.Tokens("prompt", kTokens);
  out.prompt_tokens = static_cast<int>(prompt.value_or(out.prompt_tokens));
  // A prompt has to be cached before the first token comes out.
  out.context_tokens =
      static_cast<int>(context.value_or(std::max(out.context_tokens, out.prompt_tokens)));
  if (context && out.prompt_tokens > out.context_tokens) {
    problems.Add(*fields.Find("context"),
                 absl::StrCat("context ", out.context_tokens, " is shorter than the prompt of ",
                              out.prompt_tokens),
                 prompt ? "" : "state prompt as well");
  }
  out.concurrency = fields.Integer("concurrency", Between(1, 100'000)).value_or(out.concurrency);
  const auto utilization = fields.Number("utilization", kUtilization);
  out.utilization = utilization.value_or(out.utilization);
  if (utilization) assumptions.utilization_stated = true;
  out.growth_per_month = fields.Number("growth_per_month", Above(-1, 1)).value_or(0);
  out.min_decode_tps = fields.Number("min_tokens_per_second", Above(0, 1e6));
  out.min_tier = fields.OneOf("quality_tier", {"small", "mid", "frontier"}).value_or("");
  out.models = ReadModels(catalog, fields, problems);
  if (fields.Find("quality_tier") != nullptr && fields.Find("models") != nullptr) {
    problems.Add(*fields.Find("quality_tier"), "workload has both quality_tier and models",
                 "name the models, or the tier");
  }
  if (const std::optional<Word> replaces = fields.Reference("replaces")) {
    const catalog::CloudModel* cloud = catalog.FindCloudModel(replaces->text);
    if (cloud != nullptr) {
      out.replaces = cloud->id;
    } else {
      problems.AddUnknown(*replaces->at, "cloud model", replaces->text,
                          IdsOf(catalog.cloud_models));
    }
  }
  fields.ReportUnknown();
  return out;
}

std::vector<Workload> ReadWorkloads(const catalog::Catalog& catalog, const Draft& draft,
                                    fleet::Assumptions& assumptions, Problems& problems) {
  std::vector<Workload> workloads;
  std::map<std::string, const Value*> names;
  for (const DraftEntry& entry : draft.workloads) {
    Workload workload = ReadWorkload(catalog, *entry.value, assumptions, problems);
    const auto [it, added] = names.try_emplace(workload.name, entry.value);
    if (!added && !workload.name.empty()) {
      problems.Add(*entry.value, absl::StrCat("two workloads are named \"", workload.name, "\""),
                   absl::StrCat("the first is on line ", it->second->line));
    }
    workloads.push_back(std::move(workload));
  }
  assumptions.workload_stated = !workloads.empty();
  if (workloads.empty()) {
    Workload any;
    any.name = "any";
    any.utilization = assumptions.utilization;
    workloads.push_back(std::move(any));
  }
  return workloads;
}

// ---------------------------------------------------------------- economics

catalog::PriceDecline ReadDecline(const Value& value, Problems& problems) {
  catalog::PriceDecline decline;
  constexpr Range kDecline = Between(-10, 1);  // below zero: prices rise
  const std::string origin = absl::StrCat("stated in ", *value.file, ":", value.line);
  decline.provenance.source = origin;
  if (value.is_map()) {
    Fields fields(value, "decline", problems);
    fields.Require({"low", "mid", "high"});
    decline.low = fields.Number("low", kDecline).value_or(0);
    decline.mid = fields.Number("mid", kDecline).value_or(0);
    decline.high = fields.Number("high", kDecline).value_or(0);
    fields.ReportUnknown();
    if (!(decline.low <= decline.mid && decline.mid <= decline.high)) {
      problems.Add(value, "a decline must have low <= mid <= high");
    }
  }
  return decline;
}

void ReadDeclines(Fields& economics, fleet::Assumptions& assumptions, Problems& problems) {
  const Value* value = economics.Find("declines");
  if (value == nullptr) return;
  Fields fields(*value, "declines", problems);
  for (fleet::Baseline baseline : fleet::kBaselines) {
    const std::string_view name = Name(baseline);
    const Value* stated = fields.Find(name);
    if (stated == nullptr) continue;
    catalog::PriceDecline decline = ReadDecline(*stated, problems);
    if (!stated->is_map()) {
      const double fraction = fields.Number(name, Between(-10, 1)).value_or(0);
      decline.low = decline.mid = decline.high = fraction;
    }
    decline.baseline = name;
    assumptions.declines[baseline] = std::move(decline);
  }
  assumptions.hardware_price_decline = fields.Number("hardware", Between(-10, 0.99));
  fields.ReportUnknown();
}

// A number, or {low, mid, high}.
std::optional<Spread> ReadSpread(Fields& owner, std::string_view key, Range range,
                                 Problems& problems) {
  const Value* value = owner.Find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_map()) {
    const std::optional<double> exact = owner.Number(key, range);
    return exact ? std::optional<Spread>(Spread::Exactly(*exact)) : std::nullopt;
  }
  Fields fields(*value, "range", problems);
  fields.Require({"low", "mid", "high"});
  const std::optional<double> low = fields.Number("low", range);
  const std::optional<double> mid = fields.Number("mid", range);
  const std::optional<double> high = fields.Number("high", range);
  fields.ReportUnknown();
  if (!low || !mid || !high) return std::nullopt;
  if (!(*low <= *mid && *mid <= *high)) {
    problems.Add(*value, "a range must have low <= mid <= high");
    return std::nullopt;
  }
  return Spread{*low, *mid, *high};
}

void ReadResale(const Value& value, fleet::Costs& costs, Problems& problems) {
  Fields fields(value, "resale", problems);
  fields.Require({"years", "share"});
  costs.resale_stated = true;
  costs.resale_years = fields.Number("years", Above(0, 50)).value_or(costs.resale_years);
  costs.resale_share =
      ReadSpread(fields, "share", Between(0, 100), problems).value_or(costs.resale_share);
  fields.ReportUnknown();
}

fleet::Currency ReadCurrency(const Value& value, Problems& problems) {
  Fields fields(value, "currency", problems);
  fields.Require({"code", "per_usd"});
  fleet::Currency currency;
  currency.code = fields.Text("code").value_or(currency.code);
  currency.per_usd = fields.Number("per_usd", Above(0, 1e9)).value_or(1);
  fields.ReportUnknown();
  const bool iso =
      currency.code.size() == 3 && std::all_of(currency.code.begin(), currency.code.end(),
                                               [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!iso) {
    problems.Add(*fields.Find("code"), absl::StrCat("\"", currency.code, "\" is no currency code"),
                 "three capital letters, such as EUR (ISO 4217)");
  } else if (currency.code == "USD" && currency.per_usd != 1) {
    problems.Add(*fields.Find("per_usd"), "a US dollar is one US dollar", "per_usd: 1");
  }
  return currency;
}

void ReadCosts(const Value& value, fleet::Costs& costs, Problems& problems) {
  Fields fields(value, "costs", problems);
  if (const Value* resale = fields.Find("resale")) ReadResale(*resale, costs, problems);
  if (const auto share = fields.Number("maintenance_share_per_year", Between(0, 10))) {
    costs.maintenance_share_per_year = *share;
    costs.maintenance_stated = true;
  }
  if (const auto rate = fields.Number("cost_of_capital_per_year", Between(0, 10))) {
    costs.cost_of_capital_per_year = *rate;
    costs.cost_of_capital_stated = true;
  }
  if (const auto months = fields.Integer("horizon_months", Between(1, 240))) {
    costs.horizon_months = *months;
    costs.horizon_stated = true;
  }
  if (const Value* currency = fields.Find("currency")) {
    costs.currency = ReadCurrency(*currency, problems);
  }
  fields.ReportUnknown();
}

fleet::Subscription ReadSubscription(const Value& value, Problems& problems) {
  Fields fields(value, "subscription", problems);
  fields.Require({"usd_per_month"});
  fleet::Subscription out;
  out.name = fields.Text("name").value_or(out.name);
  out.fee = fields.Dollars("usd_per_month").value_or(Usd{0});
  const auto mtok = fields.Number("quota_mtok", Above(0, 1e9));
  const auto messages = fields.Number("quota_messages", Above(0, 1e9));
  const auto tokens = fields.Tokens("tokens_per_message", Between(1, 1e8));
  if (const auto overage = fields.Number("overage_usd_per_mtok", Between(0, 1e5))) {
    out.overage = UsdPerMtok{*overage};
  }
  fields.ReportUnknown();
  if (fields.Find("quota_mtok") != nullptr && fields.Find("quota_messages") != nullptr) {
    problems.Add(value, "subscription has both quota_mtok and quota_messages", "state one quota");
  } else if (fields.valid() && !mtok && !messages) {
    problems.Add(value, "subscription has no quota",
                 "state quota_mtok, or quota_messages and tokens_per_message");
  } else if (messages && !tokens) {
    problems.Add(value, "subscription counts messages of unknown length",
                 "state tokens_per_message");
  }
  if (mtok) out.quota_mtok = *mtok;
  if (messages && tokens) out.quota_mtok = *messages * *tokens / 1e6;
  return out;
}

fleet::CustomPrice ReadCustomPrice(const Value& value, Problems& problems) {
  constexpr Range kUsdPerMtok = Between(0, 1e5);
  Fields fields(value, "custom", problems);
  fields.Require({"input_usd_per_mtok", "output_usd_per_mtok"});
  fleet::CustomPrice out;
  out.name = fields.Text("name").value_or("");
  out.input = {fields.Number("input_usd_per_mtok", kUsdPerMtok).value_or(0)};
  out.output = {fields.Number("output_usd_per_mtok", kUsdPerMtok).value_or(0)};
  if (const auto cached = fields.Number("cached_input_usd_per_mtok", kUsdPerMtok)) {
    out.cached_input = UsdPerMtok{*cached};
  }
  fields.ReportUnknown();
  return out;
}

void ReadBaselines(const Value& value, fleet::Assumptions& assumptions, Problems& problems) {
  Fields fields(value, "baselines", problems);
  if (const Value* custom = fields.Find("custom")) {
    assumptions.custom_price = ReadCustomPrice(*custom, problems);
  }
  if (const Value* subscription = fields.Find("subscription")) {
    assumptions.subscription = ReadSubscription(*subscription, problems);
  }
  fields.ReportUnknown();
}

fleet::Assumptions ReadEconomics(const catalog::Catalog& catalog, const Draft& draft,
                                 Problems& problems) {
  fleet::Assumptions out;
  for (const catalog::PriceDecline& decline : catalog.declines) {
    if (const auto baseline = fleet::ParseBaseline(decline.baseline)) {
      out.declines[*baseline] = decline;
    }
  }
  if (draft.economics == nullptr) return out;
  Fields fields(*draft.economics, "economics", problems);
  if (const auto price = ReadSpread(fields, "electricity_usd_per_kwh", Between(0, 10), problems)) {
    out.electricity_usd_per_kwh = price->mid;
    out.electricity_stated = true;
    if (!price->exact()) out.electricity_range = price;
  }
  if (const auto utilization = ReadSpread(fields, "utilization", kUtilization, problems)) {
    out.utilization = utilization->mid;
    out.utilization_stated = true;
    if (!utilization->exact()) out.utilization_range = utilization;
  }
  if (const Value* baselines = fields.Find("baselines")) ReadBaselines(*baselines, out, problems);
  if (const Value* costs = fields.Find("costs")) ReadCosts(*costs, out.costs, problems);
  ReadDeclines(fields, out, problems);
  fields.ReportUnknown();
  return out;
}

// ---------------------------------------------------------------- offers

constexpr Condition kConditions[] = {Condition::kNew, Condition::kUsed, Condition::kRefurbished};

using OfferKey = std::pair<std::string, Condition>;  // item id

std::string OfferId(const OfferKey& key) {
  if (key.second == Condition::kNew) return key.first;
  return absl::StrCat(key.first, " (", Name(key.second), ")");
}

std::optional<Offer> CatalogOffer(const catalog::Catalog& catalog, const OfferKey& key) {
  const catalog::PriceOffer* price = catalog.FindOffer(key.first, key.second);
  if (price == nullptr) return std::nullopt;
  Offer offer;
  offer.id = OfferId(key);
  offer.item = key.first;
  offer.condition = key.second;
  offer.price = price->price;
  offer.price_low = price->price_low.value_or(price->price);
  offer.price_high = price->price_high.value_or(price->price);
  offer.source = price->provenance.source;
  offer.as_of = price->provenance.as_of;
  return offer;
}

// The id of the machine or interconnect item that `word` names; "" when reported.
std::string ResolveItem(const catalog::Catalog& catalog, const Word& word, Problems& problems) {
  if (const catalog::Machine* machine = catalog.FindMachine(word.text)) return machine->id;
  if (const catalog::InterconnectItem* item = catalog.FindItem(word.text)) return item->id;
  std::vector<std::string> names = IdsOf(catalog.machines);
  for (const std::string& id : IdsOf(catalog.items)) names.push_back(id);
  problems.AddUnknown(*word.at, "machine or item", word.text, names);
  return "";
}

struct StatedOffer {
  Offer offer;
  bool machine = false;
  const Value* at = nullptr;
};

// What an offer asks, in dollars: price_usd as it is, or price in the currency of the inventory,
// each less the tax that comes back.
struct Quote {
  std::optional<Usd> price;
  std::optional<Usd> low;
  std::optional<Usd> high;
};

class QuoteReader {
 public:
  QuoteReader(Fields& fields, const fleet::Currency& currency, Problems& problems)
      : fields_(fields), problems_(problems) {
    tax_ = fields.Number("vat_recovered", Between(0, 1)).value_or(0);
    if (const std::optional<Word> code = fields.Reference("currency")) {
      if (code->text != "USD" && code->text == currency.code) {
        per_usd_ = currency.per_usd;
        note_ = absl::StrCat(", in ", code->text, " at ", per_usd_, " for a US dollar");
      } else if (code->text != "USD") {
        problems.Add(*code->at, absl::StrCat("no exchange rate of ", code->text, " is stated"),
                     absl::StrCat("add economics: {costs: {currency: {code: ", code->text,
                                  ", per_usd: ...}}}, or state price_usd"));
      }
    } else if (fields.Find("price") != nullptr) {
      problems.Add(*fields.Find("price"), "a price without a currency",
                   "state currency beside price, or price_usd");
    }
    for (const char* key : {"price_usd", "price_low_usd", "price_high_usd"}) {
      const Value* dollars = fields.Find(key);
      if (dollars == nullptr || fields.Find("currency") == nullptr || per_usd_ == 1) continue;
      problems.Add(*dollars, absl::StrCat(key, " is in US dollars, whatever the currency"),
                   absl::StrCat("state ", std::string(key).substr(0, std::string(key).rfind('_')),
                                ", or leave currency out"));
    }
    if (tax_ > 0 && fields.Find("price") == nullptr && fields.Find("price_usd") == nullptr) {
      problems.Add(*fields.Find("vat_recovered"), "vat_recovered without a price of yours",
                   "state price_usd, or price and currency");
    }
    if (tax_ > 0) {
      absl::StrAppend(&note_, ", less ", 100 * tax_, " % tax that comes back");
    }
  }

  // How the price was worked out; "" when it is as stated.
  std::string note() const { return note_; }

  Quote Read() {
    return {Amount("price", "price_usd"), Amount("price_low", "price_low_usd"),
            Amount("price_high", "price_high_usd")};
  }

 private:
  // Of "price_usd", or of "price".
  std::optional<Usd> Amount(std::string_view key, std::string_view in_dollars) {
    const std::optional<Usd> dollars = fields_.Dollars(in_dollars);
    const std::optional<double> amount = fields_.Number(key, Between(0, 1e10));
    if (dollars && amount) {
      problems_.Add(
          *fields_.Find(key),
          absl::StrCat("offer has both ", std::string(key), " and ", std::string(in_dollars)),
          "state one");
    }
    if (!dollars && !amount) return std::nullopt;
    const double usd = (dollars ? dollars->dollars() : *amount / per_usd_) / (1 + tax_);
    if (usd <= kMostDollars) return Usd::FromDollars(usd);
    problems_.Add(*fields_.Find(amount ? key : in_dollars),
                  absl::StrCat(std::string(key), " is more than 10 million dollars"),
                  "check the price and the exchange rate");
    return std::nullopt;
  }

  static constexpr double kMostDollars = 1e7;

  Fields& fields_;
  Problems& problems_;
  double per_usd_ = 1;
  double tax_ = 0;  // share of the price without tax
  std::string note_;
};

std::optional<StatedOffer> ReadOffer(const catalog::Catalog& catalog, const Value& value,
                                     const fleet::Currency& currency, Problems& problems) {
  Fields fields(value, "offer", problems);
  if (!fields.valid()) return std::nullopt;
  const std::optional<Word> machine = fields.Reference("machine");
  const std::optional<Word> item = fields.Reference("item");
  if (machine.has_value() == item.has_value()) {
    problems.Add(value, machine ? "offer has both \"machine\" and \"item\""
                                : "offer has neither \"machine\" nor \"item\"");
  }
  OfferKey key;
  if (machine || item) key.first = ResolveItem(catalog, machine ? *machine : *item, problems);
  key.second =
      fields.Choice("condition", {Condition::kNew, Condition::kUsed, Condition::kRefurbished})
          .value_or(Condition::kNew);
  QuoteReader quote(fields, currency, problems);
  const auto [price, low, high] = quote.Read();
  const bool available = fields.Flag("available").value_or(true);
  const std::optional<int> max_count = fields.Integer("max_count", Between(0, 100'000));
  const std::optional<std::string> source = fields.Text("source");
  const std::optional<std::string> as_of = fields.Text("as_of");
  if (as_of && !IsCalendarDate(*as_of)) {
    problems.Add(*fields.Find("as_of"), absl::StrCat("\"", *as_of, "\" is no date"),
                 "a year, month or day: \"2026\", \"2026-11\", \"2026-11-20\"");
  }
  fields.ReportUnknown();
  if (key.first.empty()) return std::nullopt;

  std::optional<Offer> known = CatalogOffer(catalog, key);
  StatedOffer stated{known.value_or(Offer{}), catalog.FindMachine(key.first) != nullptr, &value};
  Offer& offer = stated.offer;
  offer.id = OfferId(key);
  offer.item = key.first;
  offer.condition = key.second;
  offer.max_count = available ? max_count.value_or(offer.max_count) : 0;
  if (price) {
    offer.price = *price;
    offer.price_low = low.value_or(*price);
    offer.price_high = high.value_or(*price);
    offer.source = source.value_or(absl::StrCat("stated in ", *value.file, ":", value.line));
    offer.source += quote.note();
    offer.as_of = as_of.value_or("");
  } else if (!known && offer.max_count > 0) {
    if (fields.Find("price_usd") == nullptr && fields.Find("price") == nullptr) {
      problems.Add(value, absl::StrCat("no price of ", offer.id, " is known"), "state price_usd");
    }
  }
  if (low && !price) offer.price_low = *low;
  if (high && !price) offer.price_high = *high;
  if (offer.price_low > offer.price || offer.price > offer.price_high) {
    problems.Add(value, "an offer must have price_low_usd <= price_usd <= price_high_usd");
  }
  return stated;
}

// The machines that may be bought where the inventory restricts them.
std::optional<std::set<std::string>> ReadBuyOnly(const catalog::Catalog& catalog,
                                                 const Draft& draft, Problems& problems) {
  if (draft.buy_only == nullptr) return std::nullopt;
  std::set<std::string> machines;
  if (!draft.buy_only->is_list()) {
    problems.Add(*draft.buy_only, absl::StrCat("buy_only is ", Describe(*draft.buy_only)),
                 "write a list of machines");
    return machines;
  }
  for (const Value* item : draft.buy_only->items) {
    const catalog::Machine* machine = item->is_scalar() ? catalog.FindMachine(item->text) : nullptr;
    if (machine != nullptr) {
      machines.insert(machine->id);
    } else if (item->is_scalar()) {
      problems.AddUnknown(*item, "machine", item->text, IdsOf(catalog.machines));
    } else {
      problems.Add(*item, absl::StrCat(Describe(*item), " stands in buy_only"), "write machines");
    }
  }
  return machines;
}

std::map<OfferKey, StatedOffer> ReadStatedOffers(const catalog::Catalog& catalog,
                                                 const Draft& draft,
                                                 const fleet::Currency& currency,
                                                 Problems& problems) {
  std::map<OfferKey, StatedOffer> stated;
  for (const DraftEntry& entry : draft.offers) {
    std::optional<StatedOffer> offer = ReadOffer(catalog, *entry.value, currency, problems);
    if (!offer) continue;
    const OfferKey key(offer->offer.item, offer->offer.condition);
    const auto [it, added] = stated.try_emplace(key, *offer);
    if (!added) {
      problems.Add(*entry.value, absl::StrCat("a second offer of ", offer->offer.id),
                   absl::StrCat("the first is on line ", it->second.at->line));
    }
  }
  return stated;
}

// The catalogue's offers, with the stated ones in their place: machines first, then cables, DACs
// and switches, each in catalogue order.
std::vector<Offer> ReadOffers(const catalog::Catalog& catalog, const Draft& draft,
                              const fleet::Currency& currency, Problems& problems) {
  const std::map<OfferKey, StatedOffer> stated =
      ReadStatedOffers(catalog, draft, currency, problems);
  const std::optional<std::set<std::string>> buy_only = ReadBuyOnly(catalog, draft, problems);
  std::vector<Offer> offers;
  const auto add = [&](const std::string& item) {
    for (Condition condition : kConditions) {
      const OfferKey key(item, condition);
      const auto it = stated.find(key);
      const std::optional<Offer> offer =
          it == stated.end() ? CatalogOffer(catalog, key) : it->second.offer;
      if (offer && offer->max_count > 0) offers.push_back(*offer);
    }
  };
  for (const catalog::Machine& machine : catalog.machines) {
    if (!buy_only || buy_only->count(machine.id) > 0) add(machine.id);
  }
  for (const catalog::InterconnectItem& item : catalog.items) {
    if (item.kind != "card") add(item.id);  // a card alone runs nothing
  }
  return offers;
}

}  // namespace

fleet::Scenario ReadScenario(const catalog::Catalog& catalog, const Draft& draft,
                             Problems& problems) {
  fleet::Scenario scenario;
  scenario.name = draft.name;
  scenario.assumptions = ReadEconomics(catalog, draft, problems);
  scenario.workloads = ReadWorkloads(catalog, draft, scenario.assumptions, problems);
  for (Workload& workload : scenario.workloads) {
    workload.custom_price = scenario.assumptions.custom_price;
  }
  scenario.offers = ReadOffers(catalog, draft, scenario.assumptions.costs.currency, problems);
  scenario.fleet = ReadFleet(catalog, draft, problems);
  return scenario;
}

}  // namespace capacity::inventory
