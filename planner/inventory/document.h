// A YAML document as a light tree in which every value knows its place.
//
// Built from yaml-cpp's events, without its Node tree: half the time, and hostile input (deep
// nesting, alias bombs) is refused before anything grows. Values are immutable and live as long as
// the Document that holds them; an alias is the same Value again.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "planner/base/diagnostics.h"

namespace capacity::inventory {

// What a file may be, at most.
struct DocumentLimits {
  std::size_t bytes = 4 << 20;     // an inventory of 10,000 separately listed nodes is about 1 MiB
  int depth = 64;                  // the deepest legal path has 6 levels
  std::size_t values = 1'000'000;  // every alias counted as often as it is used
};

class Value {
 public:
  enum class Kind { kNull, kScalar, kList, kMap };
  struct Entry {
    const Value* key;  // a scalar
    const Value* value;
  };

  Kind kind = Kind::kNull;
  std::string text;                 // of a scalar
  std::vector<const Value*> items;  // of a list
  std::vector<Entry> entries;       // of a map, in file order; keys are distinct
  const std::string* file = nullptr;
  int line = 0;  // from 1
  int column = 0;
  std::size_t expanded_size = 1;  // values below and including this one, aliases followed

  bool is_map() const { return kind == Kind::kMap; }
  bool is_list() const { return kind == Kind::kList; }
  bool is_scalar() const { return kind == Kind::kScalar; }
  bool is_null() const { return kind == Kind::kNull; }

  // The value of `key`; null when there is none or this is no map.
  const Value* Find(std::string_view key) const;
};

// "a list", "a map", "nothing" or the scalar in quotes: for messages.
std::string Describe(const Value& value);

// A problem at the place of `value`.
Diagnostic ProblemAt(const Value& value, std::string problem, std::string remedy = "");

class Document {
 public:
  explicit Document(std::string file);

  const std::string& file() const { return *file_; }
  const Value& root() const { return *root_; }

  // Adds a value of this document, at the top of the file unless the caller sets a place.
  Value& Add(Value::Kind kind);
  void set_root(const Value& root) { root_ = &root; }

 private:
  std::unique_ptr<const std::string> file_;  // stable address: every value points to it
  std::deque<Value> values_;
  const Value* root_ = nullptr;
};

struct ParsedDocument {
  std::optional<Document> document;  // present exactly when `problems` is empty
  Diagnostics problems;
};

// `file` is the name used in problems. Refuses what is not UTF-8 text, is empty, holds several
// documents, repeats a key or exceeds a limit.
ParsedDocument ParseDocument(std::string file, std::string_view text, const DocumentLimits& limits);

// The same from disk. A file over the limit is refused by its size, unread.
ParsedDocument ReadDocument(const std::string& file, const DocumentLimits& limits);

}  // namespace capacity::inventory
