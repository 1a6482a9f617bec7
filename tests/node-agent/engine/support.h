// Samples of what engines say, see data/SOURCE.md.
#pragma once

#include <fstream>
#include <iterator>
#include <string>

#include "gtest/gtest.h"

namespace capacity::testing {

inline std::string Sample(const std::string& name) {
  std::ifstream file(std::string(CAPACITY_SOURCE_DIR "/tests/node-agent/engine/data/") + name,
                     std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

// `text` with the first `from` replaced; fails the test when it is not there.
inline std::string With(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

}  // namespace capacity::testing
