#include "planner/inventory/fields.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "planner/base/parse.h"

namespace capacity::inventory {
namespace {

constexpr std::size_t kMaxProblems = 200;
constexpr std::size_t kMaxListed = 12;

// 10000000, not 1e+07.
std::string Plain(double value) {
  constexpr double kExact = 1e15;
  if (value != std::floor(value) || std::abs(value) > kExact) return absl::StrCat(value);
  return absl::StrCat(static_cast<std::int64_t>(value));
}

std::string InWords(Range range) {
  if (range.low_included) {
    return absl::StrCat("from ", Plain(range.low), " to ", Plain(range.high));
  }
  return absl::StrCat("above ", Plain(range.low), " and at most ", Plain(range.high));
}

std::optional<double> ParseNumber(const std::string& text) {
  double number = 0;
  if (!absl::SimpleAtod(text, &number) || !std::isfinite(number)) return std::nullopt;
  return number;
}

// The text behind the prefix-scaled unit: "80 Gbit/s" with unit "bit/s" is 80e9.
std::optional<double> ParseRate(std::string_view text, std::string_view unit) {
  const std::size_t end = text.find_first_not_of("0123456789.eE+-");
  if (end == std::string_view::npos || end == 0) return std::nullopt;
  const std::optional<double> number = ParseNumber(std::string(text.substr(0, end)));
  std::string_view rest = text.substr(end);
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  static const std::pair<std::string_view, double> kPrefixes[] = {
      {"", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}};
  for (const auto& [prefix, factor] : kPrefixes) {
    if (number && rest == absl::StrCat(std::string(prefix), std::string(unit))) {
      return *number * factor;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string Quoted(const std::vector<std::string>& words, std::string_view last_joint) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) absl::StrAppend(&out, i + 1 == words.size() ? std::string(last_joint) : ", ");
    absl::StrAppend(&out, words[i]);
  }
  return out;
}

// ---------------------------------------------------------------- Problems

void Problems::Add(Diagnostic problem) {
  if (found_.size() < kMaxProblems) {
    found_.push_back(std::move(problem));
  } else {
    ++dropped_;
  }
}

void Problems::Add(const Value& at, std::string problem, std::string remedy) {
  Add(ProblemAt(at, std::move(problem), std::move(remedy)));
}

void Problems::AddUnknown(const Value& at, std::string_view what, std::string_view written,
                          const std::vector<std::string>& candidates) {
  if (found_.size() >= kMaxProblems) {
    ++dropped_;
    return;
  }
  std::string remedy = DidYouMean(written, candidates);
  if (remedy.empty() && !candidates.empty()) {
    if (candidates.size() <= kMaxListed) {
      remedy = absl::StrCat("known: ", Quoted(candidates, ", "));
    } else {
      remedy = absl::StrCat("none of the ", candidates.size(), " known names is close");
    }
  }
  Add(at, absl::StrCat("unknown ", std::string(what), " \"", std::string(written), "\""),
      std::move(remedy));
}

void Problems::Append(const Diagnostics& problems) {
  for (const Diagnostic& problem : problems) Add(problem);
}

Diagnostics Problems::Take() {
  std::map<std::string, int> file_order;
  for (const Diagnostic& problem : found_) {
    file_order.try_emplace(problem.file, static_cast<int>(file_order.size()));
  }
  std::stable_sort(found_.begin(), found_.end(), [&](const Diagnostic& a, const Diagnostic& b) {
    return std::tuple(file_order[a.file], a.line, a.column) <
           std::tuple(file_order[b.file], b.line, b.column);
  });
  Diagnostics taken = std::move(found_);
  if (dropped_ > 0) {
    taken.push_back({taken.back().file, 0, 0, absl::StrCat(dropped_, " more problems"), ""});
  }
  found_.clear();
  dropped_ = 0;
  return taken;
}

// ---------------------------------------------------------------- Fields

Fields::Fields(const Value& map, std::string_view what, Problems& problems)
    : map_(map), what_(what), problems_(problems) {
  if (map.is_map()) return;
  problems.Add(map, absl::StrCat(Describe(map), " stands where a ", std::string(what),
                                 " with its fields is expected"));
}

void Fields::Require(std::initializer_list<std::string_view> keys) {
  if (!valid()) return;
  for (std::string_view key : keys) {
    if (Find(key) != nullptr) continue;
    problems_.Add(map_, absl::StrCat(std::string(what_), " has no \"", std::string(key), "\""));
  }
}

const Value* Fields::Find(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.push_back(key);
  return map_.Find(key);
}

const Value* Fields::Scalar(std::string_view key, std::string_view expected) {
  const Value* value = Find(key);
  if (value == nullptr || value->is_scalar()) return value;
  problems_.Add(*value, absl::StrCat(std::string(key), " is ", Describe(*value)),
                absl::StrCat("write ", std::string(expected)));
  return nullptr;
}

std::optional<std::string> Fields::Text(std::string_view key) {
  const Value* value = Scalar(key, "a text");
  if (value == nullptr) return std::nullopt;
  return value->text;
}

std::optional<Word> Fields::Reference(std::string_view key) {
  const Value* value = Scalar(key, "a name");
  if (value == nullptr) return std::nullopt;
  return Word{value->text, value};
}

std::vector<Word> Fields::References(std::string_view key) {
  std::vector<Word> words;
  for (const Value* item : List(key)) {
    if (item->is_scalar()) {
      words.push_back({item->text, item});
    } else {
      problems_.Add(*item, absl::StrCat(Describe(*item), " stands in ", std::string(key)),
                    "write names");
    }
  }
  return words;
}

std::vector<std::string> Fields::Texts(std::string_view key) {
  std::vector<std::string> texts;
  for (Word& word : References(key)) texts.push_back(std::move(word.text));
  return texts;
}

std::optional<bool> Fields::Flag(std::string_view key) {
  const Value* value = Scalar(key, "true or false");
  if (value == nullptr) return std::nullopt;
  if (value->text == "true") return true;
  if (value->text == "false") return false;
  problems_.Add(*value, absl::StrCat(std::string(key), " is ", Describe(*value)),
                "write true or false");
  return std::nullopt;
}

std::optional<double> Fields::InRange(const Value& at, std::string_view key, double number,
                                      Range range) {
  const bool high_enough = range.low_included ? number >= range.low : number > range.low;
  if (high_enough && number <= range.high) return number;
  problems_.Add(at, absl::StrCat(std::string(key), " is ", Describe(at)),
                absl::StrCat("it can be ", InWords(range)));
  return std::nullopt;
}

std::optional<double> Fields::Number(std::string_view key, Range range) {
  const Value* value = Scalar(key, "a number");
  if (value == nullptr) return std::nullopt;
  const std::optional<double> number = ParseNumber(value->text);
  if (!number) {
    problems_.Add(*value, absl::StrCat(std::string(key), " is ", Describe(*value)),
                  absl::StrCat("write a number ", InWords(range)));
    return std::nullopt;
  }
  return InRange(*value, key, *number, range);
}

std::optional<int> Fields::Integer(std::string_view key, Range range) {
  const std::optional<double> number = Number(key, range);
  if (!number) return std::nullopt;
  if (*number != std::floor(*number)) {
    problems_.Add(*Find(key), absl::StrCat(std::string(key), " is ", Describe(*Find(key))),
                  "write a whole number");
    return std::nullopt;
  }
  return static_cast<int>(*number);
}

std::optional<double> Fields::Tokens(std::string_view key, Range range) {
  const Value* value = Scalar(key, "a count such as 4096, 128k or 3M");
  if (value == nullptr) return std::nullopt;
  const absl::StatusOr<double> count = ParseCount(value->text);
  if (!count.ok()) {
    problems_.Add(*value, absl::StrCat(std::string(key), " is ", Describe(*value)),
                  "write a count such as 4096, 128k or 3M");
    return std::nullopt;
  }
  return InRange(*value, key, *count, range);
}

std::optional<Bytes> Fields::Size(std::string_view key) {
  const Value* value = Scalar(key, "a size such as \"128 GiB\"");
  if (value == nullptr) return std::nullopt;
  const absl::StatusOr<Bytes> size = ParseBytes(value->text);
  if (!size.ok()) {
    problems_.Add(*value,
                  absl::StrCat(std::string(key), ": ", std::string(size.status().message())));
    return std::nullopt;
  }
  constexpr Bytes kLargest = GiB(1 << 20);  // 1 PiB: no single machine has it
  if (size->count > 0 && *size <= kLargest) return *size;
  problems_.Add(*value, absl::StrCat(std::string(key), " is ", Describe(*value)),
                "it can be above 0 and at most 1 PiB");
  return std::nullopt;
}

std::optional<double> Fields::Rate(std::string_view key, std::string_view unit,
                                   std::string_view example) {
  const Value* value = Scalar(key, example);
  if (value == nullptr) return std::nullopt;
  const std::optional<double> rate = ParseRate(value->text, unit);
  constexpr double kFastest = 1e15;
  if (rate && *rate > 0 && *rate <= kFastest) return rate;
  problems_.Add(*value, absl::StrCat(std::string(key), " is ", Describe(*value)),
                absl::StrCat("write a rate with its unit, such as ", std::string(example)));
  return std::nullopt;
}

std::optional<BytesPerSecond> Fields::Bandwidth(std::string_view key) {
  const std::optional<double> rate = Rate(key, "B/s", "\"800 GB/s\"");
  if (!rate) return std::nullopt;
  return BytesPerSecond{*rate};
}

std::optional<BitsPerSecond> Fields::LineRate(std::string_view key) {
  const std::optional<double> rate = Rate(key, "bit/s", "\"80 Gbit/s\"");
  if (!rate) return std::nullopt;
  return BitsPerSecond{*rate};
}

std::optional<Usd> Fields::Dollars(std::string_view key) {
  const std::optional<double> dollars = Number(key, Between(0, 1e7));
  if (!dollars) return std::nullopt;
  return Usd::FromDollars(*dollars);
}

std::optional<Watts> Fields::Power(std::string_view key) {
  const std::optional<double> watts = Number(key, Between(0, 1e6));
  if (!watts) return std::nullopt;
  return Watts{*watts};
}

const std::vector<const Value*>& Fields::List(std::string_view key) {
  static const std::vector<const Value*> kNone;
  const Value* value = Find(key);
  if (value == nullptr) return kNone;
  if (value->is_list()) return value->items;
  problems_.Add(*value, absl::StrCat(std::string(key), " is ", Describe(*value)), "write a list");
  return kNone;
}

std::optional<std::string> Fields::OneOf(std::string_view key,
                                         const std::vector<std::string>& choices) {
  const Value* value = Scalar(key, Quoted(choices, " or "));
  if (value == nullptr) return std::nullopt;
  if (std::find(choices.begin(), choices.end(), value->text) != choices.end()) return value->text;
  problems_.Add(*value, absl::StrCat(std::string(key), " is ", Describe(*value)),
                absl::StrCat("it can be ", Quoted(choices, " or ")));
  return std::nullopt;
}

void Fields::ReportUnknown() {
  if (!valid()) return;
  for (const Value::Entry& entry : map_.entries) {
    if (std::find(known_.begin(), known_.end(), entry.key->text) != known_.end()) continue;
    std::vector<std::string> names(known_.begin(), known_.end());
    const std::string close = DidYouMean(entry.key->text, names);
    problems_.Add(*entry.key,
                  absl::StrCat(std::string(what_), " has no field \"", entry.key->text, "\""),
                  !close.empty() ? close : absl::StrCat("it has ", Quoted(names, " and ")));
  }
}

}  // namespace capacity::inventory
