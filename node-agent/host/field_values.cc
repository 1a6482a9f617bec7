#include "node-agent/host/field_values.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace capacity::host {
namespace {

// Between such a word and the value: "Serial Number (system): ".
constexpr std::size_t kLongestFieldName = 64;

}  // namespace

FieldValues::FieldValues(std::string_view text)
    : text_(absl::AsciiStrToLower(absl::string_view(text.data(), text.size()))) {
  next_.fill(0);
  for (std::size_t word = 0; word < next_.size(); ++word) Find(word, 0);
}

FieldValues::Range FieldValues::After(std::size_t from) {
  while (true) {
    for (std::size_t word = 0; word < next_.size(); ++word) {
      if (next_[word] < from) Find(word, from);
    }
    const std::size_t key = *std::min_element(next_.begin(), next_.end());
    if (key == std::string::npos) return {};
    const Range range = ValueOf(key);
    if (range.start != std::string_view::npos) return range;
    from = key + 1;
  }
}

void FieldValues::Find(std::size_t word, std::size_t from) {
  next_[word] = text_.find(kWords[word].data(), from, kWords[word].size());
}

FieldValues::Range FieldValues::ValueOf(std::size_t key) const {
  if (InClosingTag(key)) return {};
  std::string_view name = std::string_view(text_).substr(key, kLongestFieldName);
  name = name.substr(0, name.find_first_of(":=>"));
  const std::size_t separator = key + name.size();
  if (name.size() == kLongestFieldName || separator >= text_.size()) return {};
  // The word is part of a value, and the separator that of another field.
  if (name.find_first_of(",;{}[]<\n") != std::string_view::npos) return {};
  if (std::count(name.begin(), name.end(), '"') > 1) return {};
  const std::size_t from = text_.find_first_not_of(" \t\"'[", separator + 1);
  if (from == std::string::npos || text_[from] == '\n' || text_[from] == '{') return {};
  const std::string_view before = std::string_view(text_).substr(separator, from - separator);
  const bool list = before.find('[') != std::string_view::npos;
  std::size_t to = text_.find_first_of(list ? "\"'<\r\n,;}]" : "\"'<\r\n,;}", from);
  to = std::min(to, text_.size());
  while (to > from && text_[to - 1] == ' ') --to;
  return {from, to};
}

bool FieldValues::InClosingTag(std::size_t key) const {
  const std::size_t tag = key == 0 ? std::string::npos : text_.find_last_of("<> \n", key - 1);
  return tag != std::string::npos && text_.compare(tag, 2, "</") == 0;
}

}  // namespace capacity::host
