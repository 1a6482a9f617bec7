// Carrying out steps: what is said meanwhile, how it is stopped, and what is taken back.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "planner/launch/record.h"

namespace capacity::operate {

// What a carrying out needs from who asked for it.
struct Control {
  std::function<void(const std::string&)> say = [](const std::string&) {};  // one line at a time
  // Told what is about to run before it is started, and again when more is known of it.
  std::function<void(const launch::Record&)> keep = [](const launch::Record&) {};
  const std::atomic<bool>* stop = nullptr;   // becomes true on Ctrl-C; may be null
  const std::atomic<bool>* hurry = nullptr;  // on the second: no patience in taking back; likewise
  std::chrono::milliseconds patience{600'000};  // until what was started must be ready
  std::chrono::milliseconds pause{500};         // between two looks

  bool stopped() const { return stop != nullptr && *stop; }
  bool hurried() const { return hurry != nullptr && *hurry; }
  // Sleeps for `pause`, less when stopped.
  void Pause() const;
};

// How taking back went.
struct TakenBack {
  std::vector<std::string> undone;  // "stopped llama-server (process 12)"
  std::vector<std::string> left;    // what may still be there, and what removes it
};

// What was done, each with what takes it back. An undo that fails says what may be left.
class Undoing {
 public:
  void Add(std::string what, std::function<absl::Status()> undo) {
    steps_.emplace_back(std::move(what), std::move(undo));
  }
  // Takes everything back, last first, whatever fails on the way.
  TakenBack Run();
  // What was done stays.
  void Keep() { steps_.clear(); }

 private:
  std::vector<std::pair<std::string, std::function<absl::Status()>>> steps_;
};

}  // namespace capacity::operate
