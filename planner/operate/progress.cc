#include "planner/operate/progress.h"

#include <algorithm>
#include <thread>

namespace capacity::operate {

void Control::Pause() const {
  constexpr std::chrono::milliseconds kNap{50};
  const auto end = std::chrono::steady_clock::now() + pause;
  while (!stopped() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::min(kNap, pause));
  }
}

TakenBack Undoing::Run() {
  TakenBack back;
  while (!steps_.empty()) {
    auto [what, undo] = std::move(steps_.back());
    steps_.pop_back();
    const absl::Status status = undo();
    if (status.ok()) {
      back.undone.push_back(std::move(what));
    } else {
      back.left.emplace_back(status.message());
    }
  }
  return back;
}

}  // namespace capacity::operate
