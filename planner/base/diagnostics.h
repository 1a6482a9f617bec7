// Located problems in something a person wrote. All of them are collected, none stops the others.
#pragma once

#include <string>
#include <vector>

namespace capacity {

// One problem. `line` and `column` count from 1; 0 means the whole file.
struct Diagnostic {
  std::string file;
  int line = 0;
  int column = 0;
  std::string problem;  // what is wrong
  std::string remedy;   // what would be right; may be empty when the problem says it

  friend bool operator==(const Diagnostic&, const Diagnostic&) = default;
};

using Diagnostics = std::vector<Diagnostic>;

// "fleet.yaml:12:7: unknown machine \"mac-studio-m3\"; did you mean \"mac-studio-m3-ultra-512gb\"?"
std::string ToString(const Diagnostic& diagnostic);

}  // namespace capacity
