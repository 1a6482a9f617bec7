#include "planner/usage/usage.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "planner/base/csv.h"
#include "planner/prices/json_text.h"
#include "planner/prices/token_price.h"

namespace capacity::usage {
namespace {

using prices::JsonValue;

constexpr std::size_t kMostProblems = 50;
// Of one row: even as many rows as a file can hold do not overflow a sum.
constexpr std::int64_t kMostTokens = 1'000'000'000'000;
constexpr std::size_t kLongestName = 200;

// What a column may hold. Input comes either whole, cached tokens included (OpenAI, OpenRouter), or
// in parts that add up (Anthropic).
enum class Field {
  kDay,
  kModel,
  kInput,
  kInputPart,
  kCachedPart,
  kCached,
  kOutput,
  kRequests,
  kCost,
};

struct ColumnName {
  const char* name;
  Field field;
};

constexpr ColumnName kColumns[] = {
    {"date", Field::kDay},
    {"day", Field::kDay},
    {"usage_date_utc", Field::kDay},  // Anthropic Console
    {"created_at", Field::kDay},      // OpenRouter, one row per generation
    {"start_time_iso", Field::kDay},  // OpenAI
    {"start_time", Field::kDay},      // OpenAI, seconds since 1970
    {"starting_at", Field::kDay},     // Anthropic usage API
    {"model", Field::kModel},
    {"model_version", Field::kModel},
    {"model_permaslug", Field::kModel},
    {"input", Field::kInput},
    {"input_tokens", Field::kInput},
    {"prompt_tokens", Field::kInput},
    {"tokens_prompt", Field::kInput},
    {"cached", Field::kCached},
    {"cached_tokens", Field::kCached},
    {"input_cached_tokens", Field::kCached},
    {"tokens_cached", Field::kCached},
    {"uncached_input_tokens", Field::kInputPart},
    {"usage_input_tokens_no_cache", Field::kInputPart},
    {"usage_input_tokens_cache_write_5m", Field::kInputPart},
    {"usage_input_tokens_cache_write_1h", Field::kInputPart},
    {"ephemeral_5m_input_tokens", Field::kInputPart},
    {"ephemeral_1h_input_tokens", Field::kInputPart},
    {"cache_creation_input_tokens", Field::kInputPart},
    {"cache_read_input_tokens", Field::kCachedPart},
    {"usage_input_tokens_cache_read", Field::kCachedPart},
    {"output", Field::kOutput},
    {"output_tokens", Field::kOutput},
    {"completion_tokens", Field::kOutput},
    {"tokens_completion", Field::kOutput},
    {"usage_output_tokens", Field::kOutput},
    {"requests", Field::kRequests},
    {"num_model_requests", Field::kRequests},
    {"cost", Field::kCost},
    {"cost_usd", Field::kCost},
    {"cost_total", Field::kCost},
    {"usage", Field::kCost},  // OpenRouter activity
};

std::optional<Field> FieldOf(std::string_view name) {
  for (const ColumnName& column : kColumns) {
    if (name == column.name) return column.field;
  }
  return std::nullopt;
}

// "1200", "3.0"; nullopt for anything that is no whole count. "1.000" may be a thousand: nullopt.
std::optional<std::int64_t> ReadCount(std::string_view text) {
  const std::size_t point = text.find('.');
  if (point != std::string_view::npos) {
    const std::string_view fraction = text.substr(point + 1);
    constexpr std::size_t kThousands = 3;
    if (fraction.size() == kThousands ||
        !std::all_of(fraction.begin(), fraction.end(), [](char c) { return c == '0'; })) {
      return std::nullopt;
    }
    text = text.substr(0, point);
  }
  if (text.empty() || text.size() > 16) return std::nullopt;
  std::int64_t count = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    count = count * 10 + (c - '0');
  }
  return count <= kMostTokens ? std::optional(count) : std::nullopt;
}

// "2026-11-22", a time behind it or not, or seconds since 1970.
std::optional<prices::Date> ReadDay(std::string_view text) {
  if (const auto date = prices::ParseDate(text)) return date;
  const std::optional<std::int64_t> seconds = ReadCount(text);
  constexpr std::int64_t kYear2000 = 946'684'800;
  constexpr std::int64_t kYear2200 = 7'258'118'400;
  if (!seconds || *seconds < kYear2000 || *seconds >= kYear2200) return std::nullopt;
  return std::chrono::floor<std::chrono::days>(
      std::chrono::sys_seconds(std::chrono::seconds(*seconds)));
}

bool IsReadableName(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName &&
         std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// ---------------------------------------------------------------- one row

// A row gathered field by field; the first trouble is kept.
class RowReader {
 public:
  explicit RowReader(prices::Date latest) : latest_(latest) {}

  // `text` "" counts as absent.
  void Take(Field field, std::string_view name, std::string_view text) {
    if (text.empty()) return;
    switch (field) {
      case Field::kDay:
        if (!day_) day_ = ReadDay(text);
        if (!day_) Fail(name, text, "a day such as 2026-11-22");
        return;
      case Field::kModel:
        model_ = text;
        return;
      case Field::kCost:
        TakeCost(name, text);
        return;
      default:
        break;
    }
    const std::optional<std::int64_t> count = ReadCount(text);
    if (!count) return Fail(name, text, "a whole number of tokens");
    std::optional<std::int64_t>& sum = counts_[static_cast<std::size_t>(field)];
    sum = sum.value_or(0) + *count;
  }

  // Nullopt with `trouble` set when the row makes no sense.
  std::optional<UsageRow> Finish(std::string& trouble) {
    UsageRow row;
    const std::optional<std::int64_t> parts = Count(Field::kInputPart);
    const std::optional<std::int64_t> cached_part = Count(Field::kCachedPart);
    const bool in_parts = parts || cached_part;
    row.cached_tokens = in_parts ? cached_part.value_or(0) : Count(Field::kCached).value_or(0);
    // Anthropic's "input_tokens" beside "cache_read_input_tokens" leaves the cached ones out.
    row.input_tokens =
        Count(Field::kInput).value_or(0) + (in_parts ? parts.value_or(0) + row.cached_tokens : 0);
    row.output_tokens = Count(Field::kOutput).value_or(0);
    row.requests = Count(Field::kRequests);
    row.cost_nano_usd = cost_;
    if (!day_) Missing("day");
    if (day_ && *day_ > latest_) {
      Fail("day", prices::ToString(*day_),
           absl::StrCat("a day up to ", prices::ToString(latest_), ": nobody is billed ahead"));
    }
    if (model_.empty()) Missing("model");
    if (!IsReadableName(model_)) {
      Fail("model", model_, "a name of at most 200 characters of plain ASCII");
    }
    if (!in_parts && !Count(Field::kInput)) Missing("number of input tokens");
    if (!Count(Field::kOutput)) Missing("number of output tokens");
    if (trouble_.empty() && row.cached_tokens > row.input_tokens) {
      trouble_ = absl::StrCat(row.cached_tokens, " cached tokens are more than ", row.input_tokens,
                              " input tokens, which must include them");
    }
    trouble = trouble_;
    if (!trouble_.empty()) return std::nullopt;
    row.day = *day_;
    row.model = model_;
    return row;
  }

 private:
  std::optional<std::int64_t> Count(Field field) const {
    return counts_[static_cast<std::size_t>(field)];
  }

  void TakeCost(std::string_view name, std::string_view text) {
    const auto cost = prices::ParsePrice(text, prices::PriceUnit::kUsdPerMtok);
    if (!cost.ok()) return Fail(name, text, "an amount of dollars");
    cost_ = cost->nano_usd_per_mtok;
  }

  void Fail(std::string_view name, std::string_view text, const std::string& expected) {
    if (!trouble_.empty()) return;
    trouble_ = absl::StrCat(std::string(name), " \"", std::string(text.substr(0, 40)), "\" is not ",
                            expected);
    std::replace_if(
        trouble_.begin(), trouble_.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  }

  void Missing(const char* what) {
    if (trouble_.empty()) trouble_ = absl::StrCat("no ", what);
  }

  prices::Date latest_;
  std::optional<prices::Date> day_;
  std::string model_;
  std::array<std::optional<std::int64_t>, 9> counts_;
  std::optional<std::int64_t> cost_;
  std::string trouble_;
};

using NamedFields = std::vector<std::pair<Field, std::string_view>>;

// Rows that used nothing say nothing, whatever else they lack; so do buckets without a model.
bool UsedNothing(const NamedFields& fields) {
  bool counted = false;
  bool model = false;
  for (const auto& [field, text] : fields) {
    if (text.empty()) continue;
    if (field == Field::kModel) model = true;
    if (field == Field::kDay || field == Field::kModel || field == Field::kCost ||
        field == Field::kRequests) {
      continue;
    }
    counted = true;
    if (ReadCount(text) != 0) return false;
  }
  return counted || !model;
}

class Rows {
 public:
  Rows(const std::string& file, prices::Date latest, Diagnostics& problems)
      : file_(file), latest_(latest), problems_(problems) {}

  // `where` goes before the trouble where there is no line.
  void Add(const NamedFields& fields, const std::vector<std::string_view>& names, int line,
           const std::string& where) {
    if (UsedNothing(fields)) return;
    RowReader reader(latest_);
    for (std::size_t i = 0; i < fields.size(); ++i) {
      reader.Take(fields[i].first, names[i], fields[i].second);
    }
    std::string trouble;
    if (auto row = reader.Finish(trouble)) {
      rows_.push_back(*std::move(row));
    } else if (++bad_ <= kMostProblems) {
      problems_.push_back({file_, line, line > 0 ? 1 : 0, where + trouble, ""});
    }
  }

  std::optional<std::vector<UsageRow>> Take() {
    if (bad_ > kMostProblems) {
      problems_.push_back({file_, 0, 0, absl::StrCat(bad_ - kMostProblems, " more bad rows"), ""});
    }
    if (bad_ > 0) return std::nullopt;
    if (rows_.empty()) {
      problems_.push_back(
          {file_, 0, 0, "no row that used tokens", "expected day, model, input and output tokens"});
      return std::nullopt;
    }
    return std::move(rows_);
  }

 private:
  const std::string& file_;
  prices::Date latest_;
  Diagnostics& problems_;
  std::vector<UsageRow> rows_;
  std::size_t bad_ = 0;
};

// ---------------------------------------------------------------- CSV

// What separates the columns: spreadsheets of many countries write semicolons. The one that the
// first line has most of.
char SeparatorOf(std::string_view text) {
  const std::string_view header = text.substr(0, text.find_first_of("\r\n"));
  const auto count = [&](char c) { return std::count(header.begin(), header.end(), c); };
  char separator = ',';
  for (char c : {';', '\t'}) {
    if (count(c) > count(separator)) separator = c;
  }
  return separator;
}

// "Input " is input.
std::string PlainName(std::string_view name) {
  const std::size_t first = name.find_first_not_of(' ');
  if (first == std::string_view::npos) return "";
  std::string out(name.substr(first, name.find_last_not_of(' ') - first + 1));
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// What a table needs and `columns` lack, in words; "" when it is a bill.
std::string MissingColumns(const std::vector<std::optional<Field>>& columns) {
  const auto has = [&](Field field) {
    return std::find(columns.begin(), columns.end(), field) != columns.end();
  };
  std::vector<std::string> missing;
  if (!has(Field::kDay)) missing.push_back("the day");
  if (!has(Field::kModel)) missing.push_back("the model");
  if (!has(Field::kInput) && !has(Field::kInputPart)) missing.push_back("input tokens");
  if (!has(Field::kOutput)) missing.push_back("output tokens");
  return absl::StrJoin(missing, ", ");
}

std::optional<std::vector<UsageRow>> ReadCsvUsage(const std::string& file, std::string_view text,
                                                  prices::Date latest, Diagnostics& problems) {
  std::optional<CsvTable> table = ReadCsv(file, text, problems, SeparatorOf(text));
  if (!table) return std::nullopt;
  std::vector<std::optional<Field>> columns;
  std::vector<std::string_view> names;
  std::set<std::string> seen;
  for (std::string& name : table->header) {
    name = PlainName(name);
    columns.push_back(FieldOf(name));
    if (columns.back() && !seen.insert(name).second) {
      problems.push_back({file, 1, 1, absl::StrCat("column \"", name, "\" appears twice"), ""});
      return std::nullopt;
    }
  }
  if (const std::string missing = MissingColumns(columns); !missing.empty()) {
    problems.push_back(
        {file, 1, 1,
         absl::StrCat("the columns are of no usage export that is known: none is of ", missing),
         "a table of one's own has date, model, input, output, and may have cached, requests, "
         "cost"});
    return std::nullopt;
  }
  Rows rows(file, latest, problems);
  for (const CsvRow& row : table->rows) {
    NamedFields fields;
    names.clear();
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (!columns[i]) continue;
      fields.emplace_back(*columns[i], row[i].text);
      names.push_back(table->header[i]);
    }
    rows.Add(fields, names, row[0].line, "");
  }
  return rows.Take();
}

// ---------------------------------------------------------------- JSON

void AddObject(const JsonValue& object, const JsonValue* bucket, const std::string& where,
               Rows& rows) {
  NamedFields fields;
  std::vector<std::string_view> names;
  const auto take = [&](const JsonValue& from) {
    for (const JsonValue::Member& member : from.members) {
      const std::optional<Field> field = FieldOf(member.key);
      if (!field || member.value.is_null()) continue;
      fields.emplace_back(*field, member.value.text);
      names.push_back(member.key);
    }
  };
  take(object);
  if (const JsonValue* writes = object.Find("cache_creation"); writes != nullptr) take(*writes);
  if (bucket != nullptr) take(*bucket);
  rows.Add(fields, names, 0, where);
}

std::optional<std::vector<UsageRow>> ReadJsonUsage(const std::string& file, std::string_view text,
                                                   prices::Date latest, Diagnostics& problems,
                                                   Diagnostics& warnings) {
  const absl::StatusOr<JsonValue> root = prices::ParseJson(text);
  if (!root.ok()) {
    problems.push_back(prices::Located(file, root.status()));
    return std::nullopt;
  }
  const JsonValue* list = root->is_array() ? &*root : root->Find("data");
  if (list == nullptr || !list->is_array()) {
    problems.push_back({file, 0, 0, "JSON, but no list of usage",
                        "expected a list of objects, or one in \"data\""});
    return std::nullopt;
  }
  const JsonValue* more = root->Find("has_more");
  if (more != nullptr && more->text == "true") {
    warnings.push_back(
        {file, 0, 0, "\"has_more\" is true: this is one page of the bill only",
         "the rest is in \"next_page\"; put the lists of all pages in one \"data\""});
  }
  Rows rows(file, latest, problems);
  int number = 0;
  for (const JsonValue& item : list->items) {
    ++number;
    const JsonValue* results = item.Find("results");
    if (results == nullptr) {
      AddObject(item, nullptr, absl::StrCat("row ", number, ": "), rows);
      continue;
    }
    int part = 0;
    for (const JsonValue& result : results->items) {
      AddObject(result, &item, absl::StrCat("bucket ", number, ", result ", ++part, ": "), rows);
    }
  }
  return rows.Take();
}

bool LooksLikeJson(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

}  // namespace

std::optional<std::vector<UsageRow>> ReadUsage(const std::string& file, std::string_view text,
                                               prices::Date latest, Diagnostics& problems,
                                               Diagnostics& warnings) {
  return LooksLikeJson(text) ? ReadJsonUsage(file, text, latest, problems, warnings)
                             : ReadCsvUsage(file, text, latest, problems);
}

}  // namespace capacity::usage
