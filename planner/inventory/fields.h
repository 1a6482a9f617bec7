// Reading a map of a Document field by field, with every problem collected.
//
//   Fields fields(value, "node", problems);
//   fields.Require({"machine"});
//   node.name = fields.Text("name").value_or("");
//   node.memory = fields.Size("memory");
//   fields.ReportUnknown();
//
// A getter returns nullopt when the key is absent or its value is wrong; the latter is reported.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "planner/base/diagnostics.h"
#include "planner/base/units.h"
#include "planner/inventory/document.h"

namespace capacity::inventory {

// Problems found so far, up to a number that a person can still read.
class Problems {
 public:
  void Add(Diagnostic problem);
  void Add(const Value& at, std::string problem, std::string remedy = "");
  // "unknown machine "x"; did you mean ...?". The first candidates are listed when none is near.
  void AddUnknown(const Value& at, std::string_view what, std::string_view written,
                  const std::vector<std::string>& candidates);
  void Append(const Diagnostics& problems);

  bool empty() const { return found_.empty(); }
  // In file, line and column order; files in the order in which they first had a problem.
  Diagnostics Take();

 private:
  Diagnostics found_;
  std::size_t dropped_ = 0;
};

// Numbers that make sense for a field: low <= x <= high.
struct Range {
  double low;
  double high;
  bool low_included = true;
};
constexpr Range Between(double low, double high) { return {low, high}; }
constexpr Range Above(double low, double high) { return {low, high, false}; }

// A word with its place, for look-ups that may fail.
struct Word {
  std::string text;
  const Value* at = nullptr;
};

class Fields {
 public:
  // `what` names the map in messages ("node"). A value that is no map is reported, and every
  // getter then answers nullopt. `map` and `problems` must outlive this.
  Fields(const Value& map, std::string_view what, Problems& problems);

  // Reports each key that is absent.
  void Require(std::initializer_list<std::string_view> keys);

  // The raw value; null when absent. The key counts as known from then on, as with every getter.
  const Value* Find(std::string_view key);

  std::optional<std::string> Text(std::string_view key);
  std::optional<Word> Reference(std::string_view key);  // a text that names something
  std::vector<Word> References(std::string_view key);   // a list of them
  std::vector<std::string> Texts(std::string_view key);
  std::optional<bool> Flag(std::string_view key);
  std::optional<double> Number(std::string_view key, Range range);
  std::optional<int> Integer(std::string_view key, Range range);
  std::optional<double> Tokens(std::string_view key, Range range);  // "3M", "128k", 4096
  std::optional<Bytes> Size(std::string_view key);                  // "128 GiB"; above zero
  std::optional<BytesPerSecond> Bandwidth(std::string_view key);    // "800 GB/s"
  std::optional<BitsPerSecond> LineRate(std::string_view key);      // "80 Gbit/s"
  std::optional<Usd> Dollars(std::string_view key);                 // 0 to 10 million
  std::optional<Watts> Power(std::string_view key);                 // watts, 0 to 1 million

  // The items of a list; empty when absent or no list.
  const std::vector<const Value*>& List(std::string_view key);

  // The value whose Name() is written there. `all` lists the possible ones.
  template <class Enum>
  std::optional<Enum> Choice(std::string_view key, std::initializer_list<Enum> all) {
    std::vector<std::string> names;
    for (Enum value : all) names.push_back(Name(value));
    const std::optional<std::string> word = OneOf(key, names);
    for (Enum value : all) {
      if (word && *word == Name(value)) return value;
    }
    return std::nullopt;
  }
  // A word that is one of `choices`.
  std::optional<std::string> OneOf(std::string_view key, const std::vector<std::string>& choices);

  // Reports each key that no getter asked for. Call last.
  void ReportUnknown();

  const Value& value() const { return map_; }
  bool valid() const { return map_.is_map(); }

 private:
  const Value* Scalar(std::string_view key, std::string_view expected);
  std::optional<double> InRange(const Value& at, std::string_view key, double number, Range range);
  std::optional<double> Rate(std::string_view key, std::string_view unit, std::string_view example);

  const Value& map_;
  std::string_view what_;
  Problems& problems_;
  std::vector<std::string_view> known_;
};

// "a", "b" and "c".
std::string Quoted(const std::vector<std::string>& words, std::string_view last_joint);

}  // namespace capacity::inventory
