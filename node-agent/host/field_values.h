// The values of fields that hold a device's number, in a text of any form.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace capacity::host {

// "Serial: X", `"serial" : "X"`, <serial>X</serial>, one a line or all on one.
class FieldValues {
 public:
  struct Range {
    std::size_t start = std::string_view::npos;
    std::size_t end = std::string_view::npos;
  };

  explicit FieldValues(std::string_view text);

  // The first value of a field that is named at `from` or later; starts at npos when there is none.
  Range After(std::size_t from);

 private:
  // What the fields are called; lower case.
  static constexpr std::array<std::string_view, 10> kWords = {
      "serial", "udid", "uid_key",   " uid:", "uid :",
      "asset",  "edid", "displayid", "guid",  "ifalias" /* what people write of a network card */};

  // Found once and kept, so that a long line costs no more than a short one.
  void Find(std::size_t word, std::size_t from);

  // Starts at npos when the word at `key` names no field.
  Range ValueOf(std::size_t key) const;

  // "</serial>" names nothing.
  bool InClosingTag(std::size_t key) const;

  const std::string text_;
  std::array<std::size_t, kWords.size()> next_{};
};

}  // namespace capacity::host
