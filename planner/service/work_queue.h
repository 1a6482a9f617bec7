// Threads for work that must not hold up gRPC's: answering questions, waiting for the store.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace capacity::service {

class WorkQueue {
 public:
  WorkQueue(std::size_t threads, std::size_t most_waiting);
  ~WorkQueue();

  // False when `most_waiting` wait already, or it has stopped: the work is then not done.
  [[nodiscard]] bool Add(std::function<void()> work);

  // Finishes what was added, then ends.
  void Stop();
  // The same, unless that takes longer: then false, and the threads go on.
  [[nodiscard]] bool StopWithin(std::chrono::milliseconds patience);

 private:
  void Run();

  const std::size_t most_waiting_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  bool stopped_ = false;
  std::size_t running_ = 0;  // threads that have not ended
  std::vector<std::thread> threads_;
};

}  // namespace capacity::service
