// A search that may take longer than a person waits.
#pragma once

#include <atomic>
#include <functional>
#include <string_view>

namespace capacity::purchase {

// Somebody waits for the answer.
struct Watch {
  // Set from outside to end the search: the ladder found so far is the answer.
  const std::atomic<bool>* stop = nullptr;
  std::function<void(std::string_view)> progress;  // told what begins: "rung at 12 months"

  bool stopped() const { return stop != nullptr && stop->load(std::memory_order_relaxed); }
  void Begin(std::string_view what) const {
    if (progress) progress(what);
  }
};

}  // namespace capacity::purchase
