// Carrying out steps: what is said meanwhile, how it is stopped, and what is taken back.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace capacity::operate {

// What a carrying out needs from who asked for it.
struct Control {
  std::function<void(const std::string&)> say = [](const std::string&) {};  // one line at a time
  const std::atomic<bool>* stop = nullptr;      // becomes true on Ctrl-C; may be null
  std::chrono::milliseconds patience{600'000};  // until what was started must be ready
  std::chrono::milliseconds pause{500};         // between two looks

  bool stopped() const { return stop != nullptr && *stop; }
  // Sleeps for `pause`, less when stopped.
  void Pause() const;
};

// What was done, each with what takes it back.
class Undoing {
 public:
  void Add(std::string what, std::function<absl::Status()> undo) {
    steps_.emplace_back(std::move(what), std::move(undo));
  }
  // Takes everything back, last first, whatever fails on the way; says of each how it went:
  // "stopped llama-server", "could not delete instance x: ...".
  std::vector<std::string> Run();
  // What was done stays.
  void Keep() { steps_.clear(); }

 private:
  std::vector<std::pair<std::string, std::function<absl::Status()>>> steps_;
};

}  // namespace capacity::operate
