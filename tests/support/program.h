// Runs the real planner binary, as a user would.
#pragma once

#include <string>
#include <vector>

namespace capacity::testing {

struct Ran {
  int exit_code = -1;  // 128 + signal when killed
  std::string out;
  std::string err;
};

// `planner ARGUMENTS...` from the source directory, with `environment` ("NAME=value") added to an
// otherwise empty one.
Ran Planner(const std::vector<std::string>& arguments,
            const std::vector<std::string>& environment = {});

// Writes `text` to a fresh file with this extension in the test's temporary directory; returns its
// path.
std::string TempFile(const std::string& text, const std::string& extension = ".yaml");

}  // namespace capacity::testing
