// The wish to end, from a signal or a test.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>

namespace capacity::reporter {

class Stop {
 public:
  // From any thread; more than once is the same as once.
  void Request() {
    std::function<void()> cancel;
    {
      const std::lock_guard lock(mutex_);
      requested_ = true;
      cancel = cancel_;
    }
    wake_.notify_all();
    if (cancel) cancel();
  }

  bool requested() const {
    const std::lock_guard lock(mutex_);
    return requested_;
  }

  // Sleeps; true when the end was requested meanwhile.
  bool WaitFor(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return wake_.wait_for(lock, time, [this] { return requested_; });
  }

  // What Request calls to end what cannot be waited for; empty: nothing.
  void SetCancel(std::function<void()> cancel) {
    const std::lock_guard lock(mutex_);
    cancel_ = std::move(cancel);
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool requested_ = false;
  std::function<void()> cancel_;
};

}  // namespace capacity::reporter
