// A wire in userspace between two TCP ends: what goes in comes out later, and no faster than a
// rate. Stands in for a network's own delay where the kernel cannot be told to add one.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace capacity::testing {

struct WireSpeed {
  std::chrono::microseconds one_way_delay{0};
  double bits_per_second = 0;  // in each direction; 0: as fast as it goes
};

// Listens on 127.0.0.1 and passes every connection on to 127.0.0.1:`target_port`.
class SlowWire {
 public:
  SlowWire(int target_port, const WireSpeed& speed);
  ~SlowWire();
  SlowWire(const SlowWire&) = delete;
  SlowWire& operator=(const SlowWire&) = delete;

  int port() const { return port_; }

 private:
  void Accept();
  void Carry(int from, int to) const;

  const int target_port_;
  const WireSpeed speed_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::vector<int> sockets_;
  std::vector<std::thread> threads_;
  std::thread accepting_;
};

}  // namespace capacity::testing
