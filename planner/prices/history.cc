#include "planner/prices/history.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "planner/prices/json_text.h"

namespace capacity::prices {
namespace {

// ---------------------------------------------------------------- merging

using ListingKey = std::tuple<Feed, std::string, std::string>;

ListingKey KeyOf(const Record& record) { return {record.feed, record.provider, record.model}; }

// The records of each listing, as indices in order of their first day.
class Timelines {
 public:
  explicit Timelines(History& history) : history_(history) {
    for (std::size_t i = 0; i < history.records.size(); ++i) {
      by_listing_[KeyOf(history.records[i])].push_back(i);
    }
  }

  // The sighting of `seen.prices` on `day`.
  void Add(const Record& seen, Date day, MergeCounts& counts) {
    std::vector<std::size_t>& own = by_listing_[KeyOf(seen)];
    for (std::size_t index : own) {
      const Record& held = history_.records[index];
      if (held.prices == seen.prices && held.first <= day && day <= held.last) {
        ++counts.unchanged;
        return;
      }
    }
    if (Record* neighbour = SamePriceBeside(own, seen.prices, day)) {
      neighbour->first = std::min(neighbour->first, day);
      neighbour->last = std::max(neighbour->last, day);
      ++counts.extended;
      return;
    }
    Record record = seen;
    record.first = record.last = day;
    own.push_back(history_.records.size());
    history_.records.push_back(std::move(record));
    ++counts.added;
  }

 private:
  // A record of the same price with no other price seen between it and `day`.
  Record* SamePriceBeside(const std::vector<std::size_t>& own, const TokenPrices& prices,
                          Date day) {
    Record* before = nullptr;  // the nearest sighting on each side, of whatever price
    Record* after = nullptr;
    for (std::size_t index : own) {
      Record& held = history_.records[index];
      if (held.first <= day && day <= held.last) return nullptr;  // another price, the same days
      if (held.last < day && (before == nullptr || held.last > before->last)) before = &held;
      if (held.first > day && (after == nullptr || held.first < after->first)) after = &held;
    }
    if (before != nullptr && before->prices == prices) return before;
    if (after != nullptr && after->prices == prices) return after;
    return nullptr;
  }

  History& history_;
  std::map<ListingKey, std::vector<std::size_t>> by_listing_;
};

// ---------------------------------------------------------------- writing

void AppendPrice(std::string& line, std::string_view key, const std::optional<Price>& price) {
  if (price) absl::StrAppend(&line, ",\"", std::string(key), "\":", ToString(*price));
}

// ---------------------------------------------------------------- reading

// One line's fields; the first trouble is kept, unknown fields are one.
class LineFields {
 public:
  explicit LineFields(const JsonValue& object) : object_(object) {
    if (!object.is_object()) Fail("is no record");
    if (!object.duplicate_keys.empty()) Fail("a field appears twice");
  }

  std::string Text(std::string_view key) {
    const JsonValue* value = Find(key);
    if (value == nullptr || !value->is_string() || value->text.empty()) {
      Fail(absl::StrCat("\"", std::string(key), "\" is missing"));
      return "";
    }
    return value->text;
  }

  std::optional<Price> Amount(std::string_view key) {
    const JsonValue* value = Find(key);
    if (value == nullptr) return std::nullopt;
    const absl::StatusOr<Price> price = ParsePrice(value->text, PriceUnit::kUsdPerMtok);
    if (value->is_number() && price.ok() && price->nano_usd_per_mtok > 0) return *price;
    Fail(absl::StrCat("\"", std::string(key), "\" is no price"));
    return std::nullopt;
  }

  Price Needed(std::string_view key) {
    const std::optional<Price> price = Amount(key);
    if (!price) Fail(absl::StrCat("\"", std::string(key), "\" is missing"));
    return price.value_or(Price{});
  }

  Date Day(std::string_view key) {
    const std::optional<Date> date = ParseDate(Text(key));
    if (!date) Fail(absl::StrCat("\"", std::string(key), "\" is no date"));
    return date.value_or(Date{});
  }

  const JsonValue* Find(std::string_view key) {
    known_.insert(key);
    return object_.Find(key);
  }

  void Fail(std::string trouble) {
    if (trouble_.empty()) trouble_ = std::move(trouble);
  }

  // "" when all is well.
  std::string Finish() {
    for (const JsonValue::Member& member : object_.members) {
      if (known_.count(member.key) == 0) Fail("holds a field that this version does not know");
    }
    return trouble_;
  }

 private:
  const JsonValue& object_;
  std::set<std::string_view> known_;
  std::string trouble_;
};

constexpr std::int64_t kMostTokens = 1'000'000'000;

std::string ReadTier(const JsonValue& value, LongContextPrice& tier) {
  LineFields fields(value);
  const JsonValue* tokens = fields.Find("tokens");
  const absl::StatusOr<Price> count =
      ParsePrice(tokens == nullptr ? "" : tokens->text, PriceUnit::kUsdPerMtok);
  constexpr std::int64_t kNano = 1'000'000'000;
  if (!count.ok() || count->nano_usd_per_mtok <= 0 || count->nano_usd_per_mtok % kNano != 0 ||
      count->nano_usd_per_mtok / kNano > kMostTokens) {
    return "\"tokens\" is no number of tokens";
  }
  tier.above_tokens = count->nano_usd_per_mtok / kNano;
  tier.input = fields.Needed("input");
  tier.output = fields.Needed("output");
  tier.cached_input = fields.Amount("cached_input");
  tier.cache_write = fields.Amount("cache_write");
  return fields.Finish();
}

std::string ReadRecord(const JsonValue& value, Record& record) {
  LineFields fields(value);
  const std::optional<Feed> feed = ParseFeed(fields.Text("feed"));
  if (!feed) fields.Fail("\"feed\" is no feed that is known");
  record.feed = feed.value_or(Feed::kLiteLlm);
  record.provider = fields.Text("provider");
  record.model = fields.Text("model");
  record.first = fields.Day("first");
  record.last = fields.Day("last");
  if (record.last < record.first) fields.Fail("\"last\" is before \"first\"");
  record.prices.input = fields.Needed("input");
  record.prices.output = fields.Needed("output");
  record.prices.cached_input = fields.Amount("cached_input");
  record.prices.cache_write = fields.Amount("cache_write");
  record.prices.batch_input = fields.Amount("batch_input");
  record.prices.batch_output = fields.Amount("batch_output");
  if (const JsonValue* tiers = fields.Find("above"); tiers != nullptr) {
    if (!tiers->is_array()) fields.Fail("\"above\" is no list");
    for (const JsonValue& item : tiers->items) {
      std::string trouble = ReadTier(item, record.prices.long_context.emplace_back());
      if (!trouble.empty()) fields.Fail(std::move(trouble));
    }
  }
  return fields.Finish();
}

constexpr JsonLimits kLineLimits = {.bytes = 1 << 20, .depth = 4, .values = 10'000};
constexpr std::size_t kMostProblems = 50;

}  // namespace

MergeCounts Merge(const FeedContents& contents, History& history) {
  MergeCounts counts;
  Timelines timelines(history);
  for (const FeedRow& row : contents.rows) {
    const Record seen{contents.feed, row.provider, row.model, row.prices, row.first, row.last};
    MergeCounts first;
    MergeCounts last;
    timelines.Add(seen, row.first, first);
    if (row.last != row.first) timelines.Add(seen, row.last, last);
    // A row counts once, by the most that it changed.
    if (first.added + last.added > 0) {
      ++counts.added;
    } else if (first.extended + last.extended > 0) {
      ++counts.extended;
    } else {
      ++counts.unchanged;
    }
  }
  return counts;
}

MergeCounts ConfirmAll(Feed feed, Date day, History& history) {
  MergeCounts counts;
  std::optional<Date> newest;
  for (const Record& record : history.records) {
    if (record.feed == feed && (!newest || record.last > *newest)) newest = record.last;
  }
  if (!newest || *newest > day) return counts;
  for (Record& record : history.records) {
    if (record.feed != feed || record.last != *newest) continue;
    ++(record.last == day ? counts.unchanged : counts.extended);
    record.last = day;
  }
  return counts;
}

std::string ToLine(const Record& record) {
  std::string line = absl::StrCat(
      "{\"feed\":\"", Name(record.feed), "\",\"provider\":", JsonQuote(record.provider),
      ",\"model\":", JsonQuote(record.model), ",\"first\":\"", ToString(record.first),
      "\",\"last\":\"", ToString(record.last), "\"");
  const TokenPrices& prices = record.prices;
  AppendPrice(line, "input", prices.input);
  AppendPrice(line, "output", prices.output);
  AppendPrice(line, "cached_input", prices.cached_input);
  AppendPrice(line, "cache_write", prices.cache_write);
  AppendPrice(line, "batch_input", prices.batch_input);
  AppendPrice(line, "batch_output", prices.batch_output);
  const char* separator = ",\"above\":[";
  for (const LongContextPrice& tier : prices.long_context) {
    absl::StrAppend(&line, separator, "{\"tokens\":", tier.above_tokens);
    AppendPrice(line, "input", tier.input);
    AppendPrice(line, "output", tier.output);
    AppendPrice(line, "cached_input", tier.cached_input);
    AppendPrice(line, "cache_write", tier.cache_write);
    line += "}";
    separator = ",";
  }
  return line + (prices.long_context.empty() ? "}" : "]}");
}

std::string ToText(const History& history) {
  std::string text(kHistoryHeader);
  text += "\n";
  for (const Record& record : history.records) absl::StrAppend(&text, ToLine(record), "\n");
  return text;
}

ReadHistory ParseHistory(const std::string& file, std::string_view text) {
  ReadHistory out;
  History history;
  std::size_t damaged = 0;
  const auto damage = [&](int line, std::string what) {
    if (++damaged > kMostProblems) return;
    out.problems.push_back({file, line, 1, "damaged line: " + std::move(what),
                            "repair or remove the line, or leave the file out with --prices none"});
  };
  int number = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (++number == 1) {
      if (line == kHistoryHeader) continue;
      out.problems.push_back(
          {file, 1, 1, "not a price history that this version can read",
           absl::StrCat("the first line must be ", std::string(kHistoryHeader))});
      return out;
    }
    const absl::StatusOr<JsonValue> value = ParseJson(line, kLineLimits);
    Record record;
    std::string trouble = value.ok() ? ReadRecord(*value, record) : "not JSON";
    if (!trouble.empty()) {
      damage(number, std::move(trouble));
    } else {
      history.records.push_back(std::move(record));
    }
  }
  if (damaged > kMostProblems) {
    out.problems.push_back(
        {file, 0, 0, absl::StrCat(damaged - kMostProblems, " more damaged lines"), ""});
  }
  if (out.problems.empty()) out.history = std::move(history);
  return out;
}

}  // namespace capacity::prices
