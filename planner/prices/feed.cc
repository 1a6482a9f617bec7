#include "planner/prices/feed.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "planner/prices/json_text.h"
#include "planner/prices/names.h"

namespace capacity::prices {
namespace {

constexpr std::size_t kMostRows = 20'000;  // LiteLLM, the largest, has 3000 (2026-07)
constexpr std::size_t kMostPeriods = 100;  // of one listing of llm-prices
constexpr std::size_t kLongestName = 200;  // the longest real one has 90 characters

// Names are shown on terminals: nothing but visible ASCII gets in.
bool IsReadableName(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName &&
         std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::string Shown(std::string_view name) {
  std::string out(name.substr(0, kLongestName));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

// The prices of one row, field by field; the first trouble is kept.
class PriceFields {
 public:
  PriceFields(const JsonValue& object, PriceUnit unit) : object_(object), unit_(unit) {
    if (!object.duplicate_keys.empty()) {
      Doubt(absl::StrCat("\"", Shown(object.duplicate_keys.front()), "\" appears twice"));
    }
  }

  // Nullopt when absent, null or unreadable; the last is a trouble.
  std::optional<Price> Read(std::string_view key) {
    const JsonValue* value = object_.Find(key);
    if (value == nullptr || value->is_null()) return std::nullopt;
    if (!value->is_number() && !value->is_string()) {
      Doubt(absl::StrCat(std::string(key), " is no number"));
      return std::nullopt;
    }
    const absl::StatusOr<Price> price = ParsePrice(value->text, unit_);
    if (price.ok()) return *price;
    Doubt(absl::StrCat(std::string(key), ": ", Shown(std::string(price.status().message()))));
    return std::nullopt;
  }

  // Feeds write 0 for "not offered" in a field that may be left out.
  std::optional<Price> ReadUnlessZero(std::string_view key) {
    const std::optional<Price> price = Read(key);
    return price && price->nano_usd_per_mtok == 0 ? std::nullopt : price;
  }

  const std::string& trouble() const { return trouble_; }

 private:
  void Doubt(std::string trouble) {
    if (trouble_.empty()) trouble_ = std::move(trouble);
  }

  const JsonValue& object_;
  PriceUnit unit_;
  std::string trouble_;
};

struct Period {
  Date first;
  Date last;
};

// Collects what a feed holds.
class Collector {
 public:
  explicit Collector(FeedContents& contents) : contents_(contents) {}

  Date as_of() const { return contents_.as_of; }

  void Refuse(std::string_view provider, std::string_view model, Refusal refusal,
              std::string reason) {
    contents_.refused.push_back(
        {Shown(ProviderKey(provider)), Shown(model), refusal, std::move(reason)});
  }

  // Keeps the row, or says why not. Each listing has one price, except where rows state their own
  // days.
  void Add(FeedRow row) {
    if (!IsReadableName(row.model) || !IsReadableName(row.provider)) {
      return Refuse(row.provider, row.model, Refusal::kUnreadable,
                    "a name is empty, longer than 200 characters or not plain text");
    }
    row.provider = ProviderKey(row.provider);
    std::vector<Period>& held = periods_of_[{row.provider, row.model}];
    const bool again = std::any_of(held.begin(), held.end(), [&](const Period& period) {
      return period.first <= row.last && row.first <= period.last;
    });
    if (again || held.size() >= kMostPeriods) {
      return Refuse(row.provider, row.model, Refusal::kUnreadable, "the listing appears again");
    }
    held.push_back({row.first, row.last});
    if (contents_.rows.size() >= kMostRows) {
      return Refuse(row.provider, row.model, Refusal::kUnreadable,
                    absl::StrCat("more than ", kMostRows, " rows"));
    }
    std::sort(row.prices.long_context.begin(), row.prices.long_context.end(),
              [](const auto& a, const auto& b) { return a.above_tokens < b.above_tokens; });
    if (const std::optional<Doubt> doubt = WhyImplausible(row.prices)) {
      return Refuse(row.provider, row.model, doubt->refusal, doubt->reason);
    }
    contents_.rows.push_back(std::move(row));
  }

 private:
  FeedContents& contents_;
  std::map<std::pair<std::string, std::string>, std::vector<Period>> periods_of_;
};

// `text` as a count of tokens; nullopt when it is none.
std::optional<std::int64_t> ReadTokens(std::string_view text) {
  std::int64_t tokens = 0;
  if (text.empty() || text.size() > 12) return std::nullopt;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    tokens = tokens * 10 + (c - '0');
  }
  return tokens;
}

bool Contains(const JsonValue* list, std::string_view word) {
  return list != nullptr && list->is_array() &&
         std::any_of(list->items.begin(), list->items.end(),
                     [&](const JsonValue& item) { return item.is_string() && item.text == word; });
}

bool Repeats(const JsonValue& object, const std::string& key) {
  return std::binary_search(object.duplicate_keys.begin(), object.duplicate_keys.end(), key);
}

// ---------------------------------------------------------------- LiteLLM

// "input_cost_per_token_above_200k_tokens" -> 200000; nullopt for other fields.
std::optional<std::int64_t> LiteLlmThreshold(std::string_view key) {
  constexpr std::string_view kBefore = "input_cost_per_token_above_";
  constexpr std::string_view kAfter = "k_tokens";
  if (key.substr(0, kBefore.size()) != kBefore) return std::nullopt;
  key.remove_prefix(kBefore.size());
  if (key.size() <= kAfter.size() || key.substr(key.size() - kAfter.size()) != kAfter) {
    return std::nullopt;
  }
  key.remove_suffix(kAfter.size());
  const std::optional<std::int64_t> thousands = ReadTokens(key);
  if (!thousands || *thousands <= 0 || *thousands > 1'000'000) return std::nullopt;
  return *thousands * 1000;
}

std::vector<LongContextPrice> LiteLlmLongContext(const JsonValue& row, PriceFields& fields) {
  std::vector<LongContextPrice> tiers;
  for (const JsonValue::Member& member : row.members) {
    const std::optional<std::int64_t> threshold = LiteLlmThreshold(member.key);
    if (!threshold) continue;
    const std::string suffix = absl::StrCat("_above_", *threshold / 1000, "k_tokens");
    const std::optional<Price> input = fields.Read(member.key);
    const std::optional<Price> output = fields.Read("output_cost_per_token" + suffix);
    if (!input || !output) continue;
    tiers.push_back(
        {.above_tokens = *threshold,
         .input = *input,
         .output = *output,
         .cached_input = fields.ReadUnlessZero("cache_read_input_token_cost" + suffix),
         .cache_write = fields.ReadUnlessZero("cache_creation_input_token_cost" + suffix)});
  }
  return tiers;
}

// "tiered_pricing": [{"range": [0, 32000], "input_cost_per_token": ...}, ...]: the first is the
// usual price, each later one holds above the start of its range.
void ReadLiteLlmTieredPricing(const JsonValue& row, std::optional<Price>& input,
                              std::optional<Price>& output, std::vector<LongContextPrice>& tiers,
                              std::string& trouble) {
  const JsonValue* list = row.Find("tiered_pricing");
  if (list == nullptr || !list->is_array() || input || output) return;
  for (const JsonValue& item : list->items) {
    PriceFields fields(item, PriceUnit::kUsdPerToken);
    const std::optional<Price> in = fields.Read("input_cost_per_token");
    const std::optional<Price> out = fields.Read("output_cost_per_token");
    if (trouble.empty()) trouble = fields.trouble();
    const JsonValue* range = item.Find("range");
    if (!in || !out || range == nullptr || !range->is_array() || range->items.empty()) continue;
    absl::StatusOr<Price> start = ParsePrice(range->items[0].text, PriceUnit::kUsdPerMtok);
    if (!start.ok() || start->nano_usd_per_mtok < 0) continue;
    const std::int64_t above = start->nano_usd_per_mtok / 1'000'000'000;
    if (above == 0) {
      input = in;
      output = out;
    } else {
      tiers.push_back({.above_tokens = above, .input = *in, .output = *out});
    }
  }
}

void ReadLiteLlmRow(const std::string& name, const JsonValue& row, Collector& out) {
  std::string provider(row.Text("litellm_provider"));
  if (provider.empty()) provider = name.substr(0, name.find('/'));
  const std::string mode(row.Text("mode"));
  if (!mode.empty() && mode != "chat" && mode != "completion" && mode != "responses") {
    return out.Refuse(provider, name, Refusal::kNotText, Shown(mode));
  }
  PriceFields fields(row, PriceUnit::kUsdPerToken);
  FeedRow read{.provider = provider, .model = name, .first = out.as_of(), .last = out.as_of()};
  std::optional<Price> input = fields.Read("input_cost_per_token");
  std::optional<Price> output = fields.Read("output_cost_per_token");
  read.prices.cached_input = fields.ReadUnlessZero("cache_read_input_token_cost");
  if (!read.prices.cached_input) {
    read.prices.cached_input = fields.ReadUnlessZero("input_cost_per_token_cache_hit");
  }
  read.prices.cache_write = fields.ReadUnlessZero("cache_creation_input_token_cost");
  read.prices.batch_input = fields.ReadUnlessZero("input_cost_per_token_batches");
  read.prices.batch_output = fields.ReadUnlessZero("output_cost_per_token_batches");
  read.prices.long_context = LiteLlmLongContext(row, fields);
  std::string trouble = fields.trouble();
  ReadLiteLlmTieredPricing(row, input, output, read.prices.long_context, trouble);
  if (!trouble.empty()) return out.Refuse(provider, name, Refusal::kUnreadable, trouble);
  if (!input || !output) {
    return out.Refuse(provider, name, Refusal::kNoPrice, "no price per token of input and output");
  }
  read.prices.input = *input;
  read.prices.output = *output;
  out.Add(std::move(read));
}

void ReadLiteLlm(const JsonValue& root, Collector& out) {
  for (const JsonValue::Member& member : root.members) {
    if (member.key == "sample_spec" || absl::StartsWith(member.key, "_")) continue;
    if (Repeats(root, member.key)) {
      out.Refuse("", member.key, Refusal::kUnreadable, "the name appears twice");
    } else if (!member.value.is_object()) {
      out.Refuse("", member.key, Refusal::kUnreadable, "is no object");
    } else {
      ReadLiteLlmRow(member.key, member.value, out);
    }
  }
}

// ---------------------------------------------------------------- OpenRouter

void ReadOpenRouterRow(const JsonValue& row, Collector& out) {
  const std::string name(row.Text("id"));
  constexpr char kProvider[] = "openrouter";
  if (!row.is_object() || name.empty()) {
    return out.Refuse(kProvider, "", Refusal::kUnreadable, "a row without an id");
  }
  const JsonValue* architecture = row.Find("architecture");
  const JsonValue* makes =
      architecture == nullptr ? nullptr : architecture->Find("output_modalities");
  if (makes != nullptr && makes->is_array() &&
      (!Contains(makes, "text") || makes->items.size() > 1)) {
    return out.Refuse(kProvider, name, Refusal::kNotText, "makes more than text, or none");
  }
  const JsonValue* pricing = row.Find("pricing");
  if (pricing == nullptr || !pricing->is_object()) {
    return out.Refuse(kProvider, name, Refusal::kNoPrice, "no pricing");
  }
  PriceFields fields(*pricing, PriceUnit::kUsdPerToken);
  const std::optional<Price> input = fields.Read("prompt");
  const std::optional<Price> output = fields.Read("completion");
  FeedRow read{.provider = kProvider, .model = name, .first = out.as_of(), .last = out.as_of()};
  read.prices.cached_input = fields.ReadUnlessZero("input_cache_read");
  read.prices.cache_write = fields.ReadUnlessZero("input_cache_write");
  std::string trouble = fields.trouble();
  if (const JsonValue* overrides = pricing->Find("overrides"); overrides != nullptr) {
    for (const JsonValue& item : overrides->items) {
      PriceFields tier(item, PriceUnit::kUsdPerToken);
      const JsonValue* above = item.Find("min_prompt_tokens");
      const auto tokens = above == nullptr ? std::nullopt : ReadTokens(above->text);
      if (!tokens) continue;  // an override on another condition
      const std::optional<Price> in = tier.Read("prompt");
      const std::optional<Price> completion = tier.Read("completion");
      const LongContextPrice price{.above_tokens = *tokens,
                                   .input = in.value_or(input.value_or(Price{})),
                                   .output = completion.value_or(output.value_or(Price{})),
                                   .cached_input = tier.ReadUnlessZero("input_cache_read"),
                                   .cache_write = tier.ReadUnlessZero("input_cache_write")};
      if (trouble.empty()) trouble = tier.trouble();
      read.prices.long_context.push_back(price);
    }
  }
  if (!trouble.empty()) return out.Refuse(kProvider, name, Refusal::kUnreadable, trouble);
  if (!input || !output) {
    return out.Refuse(kProvider, name, Refusal::kNoPrice, "no price of prompt and completion");
  }
  read.prices.input = *input;
  read.prices.output = *output;
  out.Add(std::move(read));
}

void ReadOpenRouter(const JsonValue& root, Collector& out) {
  for (const JsonValue& row : root.Find("data")->items) ReadOpenRouterRow(row, out);
}

// ---------------------------------------------------------------- models.dev

// Tiers as {"tier": {"type": "context", "size": N}, ...}, else the older context_over_200k.
std::vector<LongContextPrice> ModelsDevLongContext(const JsonValue& cost, std::string& trouble) {
  std::vector<LongContextPrice> tiers;
  const auto add = [&](std::int64_t above, const JsonValue& prices) {
    PriceFields fields(prices, PriceUnit::kUsdPerMtok);
    const std::optional<Price> input = fields.Read("input");
    const std::optional<Price> output = fields.Read("output");
    const auto cached = fields.ReadUnlessZero("cache_read");
    const auto write = fields.ReadUnlessZero("cache_write");
    if (trouble.empty()) trouble = fields.trouble();
    if (input && output) tiers.push_back({above, *input, *output, cached, write});
  };
  if (const JsonValue* list = cost.Find("tiers"); list != nullptr && list->is_array()) {
    for (const JsonValue& item : list->items) {
      const JsonValue* tier = item.Find("tier");
      const JsonValue* size = tier == nullptr ? nullptr : tier->Find("size");
      if (size == nullptr || tier->Text("type") != "context") continue;
      if (const auto above = ReadTokens(size->text)) add(*above, item);
    }
  } else if (const JsonValue* over = cost.Find("context_over_200k"); over != nullptr) {
    constexpr std::int64_t kThreshold = 200'000;
    if (over->is_object()) add(kThreshold, *over);
  }
  return tiers;
}

void ReadModelsDevRow(const std::string& provider, const std::string& name, const JsonValue& row,
                      Collector& out) {
  const JsonValue* modalities = row.Find("modalities");
  const JsonValue* makes = modalities == nullptr ? nullptr : modalities->Find("output");
  if (makes != nullptr && makes->is_array() &&
      (!Contains(makes, "text") || makes->items.size() > 1)) {
    return out.Refuse(provider, name, Refusal::kNotText, "makes more than text, or none");
  }
  const JsonValue* cost = row.Find("cost");
  if (cost == nullptr || !cost->is_object()) {
    return out.Refuse(provider, name, Refusal::kNoPrice, "no cost");
  }
  PriceFields fields(*cost, PriceUnit::kUsdPerMtok);
  const std::optional<Price> input = fields.Read("input");
  const std::optional<Price> output = fields.Read("output");
  FeedRow read{.provider = provider, .model = name, .first = out.as_of(), .last = out.as_of()};
  read.prices.cached_input = fields.ReadUnlessZero("cache_read");
  read.prices.cache_write = fields.ReadUnlessZero("cache_write");
  std::string trouble = fields.trouble();
  read.prices.long_context = ModelsDevLongContext(*cost, trouble);
  if (!trouble.empty()) return out.Refuse(provider, name, Refusal::kUnreadable, trouble);
  if (!input || !output) {
    return out.Refuse(provider, name, Refusal::kNoPrice, "no cost of input and output");
  }
  read.prices.input = *input;
  read.prices.output = *output;
  out.Add(std::move(read));
}

void ReadModelsDev(const JsonValue& root, Collector& out) {
  for (const JsonValue::Member& provider : root.members) {
    const JsonValue* models = provider.value.Find("models");
    if (models == nullptr || !models->is_object()) continue;
    if (Repeats(root, provider.key)) {
      out.Refuse(provider.key, "", Refusal::kUnreadable, "the provider appears twice");
      continue;
    }
    for (const JsonValue::Member& model : models->members) {
      if (Repeats(*models, model.key)) {
        out.Refuse(provider.key, model.key, Refusal::kUnreadable, "the name appears twice");
      } else {
        ReadModelsDevRow(provider.key, model.key, model.value, out);
      }
    }
  }
}

// ---------------------------------------------------------------- llm-prices

// From "from_date" and "to_date", each a day or null; the latter is the first day of another price.
// Nullopt with `why` set when the price was not in force up to `as_of`.
std::optional<Period> ReadPeriod(const JsonValue& price, Date as_of, Refusal& refusal,
                                 std::string& why) {
  constexpr std::chrono::days kDay{1};
  constexpr Date kFirstDay{std::chrono::year(2000) / 1 / 1};  // that ParseDate knows
  const auto read = [&](std::string_view key) -> std::optional<Date> {
    const JsonValue* value = price.Find(key);
    if (value == nullptr || value->is_null()) return std::nullopt;
    const std::optional<Date> date = value->is_string() ? ParseDate(value->text) : std::nullopt;
    if (!date) why = absl::StrCat(std::string(key), " is no date");
    return date;
  };
  refusal = Refusal::kUnreadable;
  const std::optional<Date> from = read("from_date");
  const std::optional<Date> to = read("to_date");
  if (!why.empty()) return std::nullopt;
  if (from && *from > as_of) {
    refusal = Refusal::kNotYet;
    why = absl::StrCat("in force from ", ToString(*from), " only");
    return std::nullopt;
  }
  if (!to || *to > as_of) return Period{from.value_or(as_of), as_of};
  const Date last = *to - kDay;
  if (*to == kFirstDay || (from && *from > last)) {
    why = "ends before it begins";
    return std::nullopt;
  }
  return Period{from.value_or(last), last};
}

// What "Claude Sonnet 4 and 4.5 >200k" of id "claude-sonnet-4.5-200k" is the long-context price of.
struct LongContextName {
  std::string base;
  std::int64_t above_tokens = 0;
};

std::optional<LongContextName> ReadLongContextName(std::string_view id, std::string_view name) {
  const std::size_t sign = name.find('>');
  const std::size_t dash = id.rfind('-');
  if (sign == std::string_view::npos || dash == std::string_view::npos) return std::nullopt;
  std::string_view size = id.substr(dash + 1);
  if (size.empty() || size.back() != 'k' || name.find(size, sign) == std::string_view::npos) {
    return std::nullopt;
  }
  size.remove_suffix(1);
  const std::optional<std::int64_t> thousands = ReadTokens(size);
  if (!thousands || *thousands <= 0 || *thousands > 1'000'000) return std::nullopt;
  return LongContextName{std::string(id.substr(0, dash)), *thousands * 1000};
}

class LlmPricesReader {
 public:
  explicit LlmPricesReader(Collector& out) : out_(out) {}

  void Add(std::string_view vendor, const JsonValue& model, const JsonValue& price) {
    const std::string id(model.Text("id"));
    PriceFields fields(price, PriceUnit::kUsdPerMtok);
    const std::optional<Price> input = fields.Read("input");
    const std::optional<Price> output = fields.Read("output");
    const std::optional<Price> cached = fields.ReadUnlessZero("input_cached");
    if (!fields.trouble().empty()) {
      return out_.Refuse(vendor, id, Refusal::kUnreadable, fields.trouble());
    }
    if (!input || !output) return out_.Refuse(vendor, id, Refusal::kNoPrice, "no price");
    Refusal refusal;
    std::string why;
    const std::optional<Period> period = ReadPeriod(price, out_.as_of(), refusal, why);
    if (!period) return out_.Refuse(vendor, id, refusal, why);
    FeedRow row{.provider = std::string(vendor), .model = id};
    row.prices = {.input = *input, .output = *output, .cached_input = cached};
    row.first = period->first;
    row.last = period->last;
    if (auto name = ReadLongContextName(id, model.Text("name"))) {
      long_.push_back({*std::move(name), std::move(row)});
    } else {
      rows_.push_back(std::move(row));
    }
  }

  // Long-context prices go to the listing they belong to, once all rows are known.
  void Finish() {
    for (auto& [name, row] : long_) {
      bool belongs = false;
      for (FeedRow& base : rows_) {
        if (base.model != name.base || base.provider != row.provider) continue;
        if (base.last < row.first || row.last < base.first) continue;
        base.prices.long_context.push_back({.above_tokens = name.above_tokens,
                                            .input = row.prices.input,
                                            .output = row.prices.output,
                                            .cached_input = row.prices.cached_input});
        belongs = true;
      }
      if (!belongs) {
        out_.Refuse(row.provider, row.model, Refusal::kNoPrice,
                    "a long-context price without its usual one");
      }
    }
    for (FeedRow& row : rows_) out_.Add(std::move(row));
  }

 private:
  Collector& out_;
  std::vector<FeedRow> rows_;
  std::vector<std::pair<LongContextName, FeedRow>> long_;
};

void ReadLlmPrices(const JsonValue& root, Collector& out) {
  LlmPricesReader reader(out);
  if (const JsonValue* prices = root.Find("prices"); prices != nullptr) {
    for (const JsonValue& row : prices->items) reader.Add(row.Text("vendor"), row, row);
  } else if (const JsonValue* models = root.Find("models"); models != nullptr) {
    for (const JsonValue& model : models->items) {
      const JsonValue* history = model.Find("price_history");
      if (history == nullptr || !history->is_array()) {
        out.Refuse(root.Text("vendor"), model.Text("id"), Refusal::kNoPrice, "no price_history");
        continue;
      }
      for (const JsonValue& price : history->items) reader.Add(root.Text("vendor"), model, price);
    }
  }
  reader.Finish();
}

// ---------------------------------------------------------------- all

bool IsList(const JsonValue* value) { return value != nullptr && value->is_array(); }

bool HasForm(const JsonValue& root, Feed feed) {
  const auto some_value = [&](auto holds) {
    return std::any_of(root.members.begin(), root.members.end(),
                       [&](const JsonValue::Member& member) { return holds(member.value); });
  };
  switch (feed) {
    case Feed::kOpenRouter:
      return IsList(root.Find("data"));
    case Feed::kLlmPrices:
      return IsList(root.Find("prices")) ||
             (!root.Text("vendor").empty() && IsList(root.Find("models")));
    case Feed::kModelsDev:
      return some_value([](const JsonValue& value) {
        const JsonValue* models = value.Find("models");
        return models != nullptr && models->is_object();
      });
    case Feed::kLiteLlm:
      return some_value([](const JsonValue& value) {
        return value.Find("litellm_provider") != nullptr ||
               value.Find("input_cost_per_token") != nullptr;
      });
  }
  return false;
}

std::optional<Feed> FormOf(const JsonValue& root) {
  for (Feed feed : {Feed::kOpenRouter, Feed::kLlmPrices, Feed::kModelsDev, Feed::kLiteLlm}) {
    if (HasForm(root, feed)) return feed;
  }
  return std::nullopt;
}

// The feed whose form `root` has, which must be the wanted one.
absl::StatusOr<Feed> Recognise(const JsonValue& root, std::optional<Feed> wanted) {
  if (wanted && HasForm(root, *wanted)) return *wanted;
  const std::optional<Feed> form = FormOf(root);
  if (form && wanted) {
    return absl::InvalidArgumentError(absl::StrCat("JSON, but not of the form of ", Title(*wanted),
                                                   "; it has that of ", Title(*form), ": --feed ",
                                                   Name(*form), ", or none"));
  }
  if (form) return *form;
  if (wanted) {
    return absl::InvalidArgumentError(absl::StrCat("JSON, but not of the form of ", Title(*wanted),
                                                   ", nor of another price feed that is known"));
  }
  return absl::InvalidArgumentError(
      "JSON, but no price feed that is known; these are: LiteLLM (names with litellm_provider), "
      "OpenRouter "
      "(\"data\"), models.dev (providers with \"models\") or llm-prices (\"prices\")");
}

std::optional<Date> OwnDate(const JsonValue& root) {
  for (std::string_view key : {"updated_at", "_as_of"}) {
    if (const auto date = ParseDate(root.Text(key))) return date;
  }
  return std::nullopt;
}

}  // namespace

const char* Name(Feed feed) {
  switch (feed) {
    case Feed::kLiteLlm:
      return "litellm";
    case Feed::kOpenRouter:
      return "openrouter";
    case Feed::kModelsDev:
      return "models.dev";
    case Feed::kLlmPrices:
      return "llm-prices";
  }
  return "unknown";
}

const char* Title(Feed feed) {
  switch (feed) {
    case Feed::kLiteLlm:
      return "LiteLLM";
    case Feed::kOpenRouter:
      return "OpenRouter";
    default:
      return Name(feed);
  }
}

std::optional<Feed> ParseFeed(std::string_view name) {
  for (Feed feed : kFeeds) {
    if (name == Name(feed)) return feed;
  }
  return std::nullopt;
}

const char* DefaultUrl(Feed feed) {
  switch (feed) {
    case Feed::kLiteLlm:
      return "https://raw.githubusercontent.com/BerriAI/litellm/main/"
             "model_prices_and_context_window.json";
    case Feed::kOpenRouter:
      return "https://openrouter.ai/api/v1/models";
    case Feed::kModelsDev:
      return "https://models.dev/api.json";
    case Feed::kLlmPrices:
      return "https://www.llm-prices.com/historical-v1.json";
  }
  return "";
}

const char* Name(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNotText:
      return "not-text";
    case Refusal::kNoPrice:
      return "no-price";
    case Refusal::kFree:
      return "free";
    case Refusal::kImplausible:
      return "implausible";
    case Refusal::kNotYet:
      return "not-yet";
    case Refusal::kUnreadable:
      return "unreadable";
  }
  return "unknown";
}

absl::StatusOr<FeedContents> ReadFeed(std::string_view text, std::optional<Feed> feed,
                                      const AsOf& as_of) {
  const absl::StatusOr<JsonValue> root = ParseJson(text);
  if (!root.ok()) return root.status();
  const absl::StatusOr<Feed> recognised = Recognise(*root, feed);
  if (!recognised.ok()) return recognised.status();
  feed = *recognised;
  FeedContents contents;
  contents.feed = *feed;
  const std::optional<Date> own = OwnDate(*root);
  contents.dated_by_itself = !as_of.stated && own;
  contents.as_of = as_of.stated.value_or(own.value_or(as_of.otherwise));
  Collector out(contents);
  switch (*feed) {
    case Feed::kLiteLlm:
      ReadLiteLlm(*root, out);
      break;
    case Feed::kOpenRouter:
      ReadOpenRouter(*root, out);
      break;
    case Feed::kModelsDev:
      ReadModelsDev(*root, out);
      break;
    case Feed::kLlmPrices:
      ReadLlmPrices(*root, out);
      break;
  }
  return contents;
}

}  // namespace capacity::prices
