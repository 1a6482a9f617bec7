// For commands that may take longer than a person waits: what they are doing, and a way to stop.
#pragma once

#include <chrono>

#include "planner/purchase/watch.h"

namespace capacity::cli {

// From construction to destruction: says on stderr what is going on once it has taken a second, if
// stderr is a terminal; the first Ctrl-C asks the search to stop, a second one ends the program.
// One at a time.
class Watched {
 public:
  Watched();
  ~Watched();
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  purchase::Watch watch();
  bool interrupted() const;

 private:
  void Show(std::string_view what);

  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  bool terminal_ = false;
  bool shown_ = false;
};

}  // namespace capacity::cli
