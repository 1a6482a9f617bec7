#include "planner/operate/progress.h"

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"

namespace capacity::operate {

void Control::Pause() const {
  constexpr std::chrono::milliseconds kNap{50};
  const auto end = std::chrono::steady_clock::now() + pause;
  while (!stopped() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::min(kNap, pause));
  }
}

std::vector<std::string> Undoing::Run() {
  std::vector<std::string> undone;
  while (!steps_.empty()) {
    auto [what, undo] = std::move(steps_.back());
    steps_.pop_back();
    const absl::Status status = undo();
    undone.push_back(
        status.ok() ? what : absl::StrCat("FAILED: ", what, ": ", std::string(status.message())));
  }
  return undone;
}

}  // namespace capacity::operate
