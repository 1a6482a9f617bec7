// How fast the way to another node is: round trips of a small message and the rate of one TCP
// stream in each direction, as an engine that passes activations over TCP would see them.
//
// One node listens, the other connects and measures. Every connection shows a secret first that the
// planner gave to these two nodes for this one measurement; one that does not is closed without a
// word. Nothing is sent that means anything: transfers are zeros.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"

namespace capacity::link {

inline constexpr std::size_t kSecretBytes = 32;
using Secret = std::array<std::uint8_t, kSecretBytes>;

// What is measured on each address.
struct Effort {
  int round_trips = 200;                                  // timed, after a few that are not
  std::chrono::milliseconds transfer{1500};               // per direction
  std::uint64_t transfer_limit = std::uint64_t{8} << 30;  // bytes, per direction
};

// The larger of what anyone may ask for, whatever the planner says.
inline constexpr int kMostRoundTrips = 10'000;
inline constexpr std::chrono::milliseconds kLongestTransfer{10'000};

// The way to one address of the peer.
struct Measurement {
  std::string local_address;  // of this end; empty when nothing was reached
  std::string peer_address;   // as asked for
  std::optional<double> round_trip_best_us;
  std::optional<double> round_trip_median_us;
  int round_trips = 0;                         // timed
  std::optional<double> send_bits_per_second;  // to the peer; payload, once the stream is at speed
  std::optional<double> receive_bits_per_second;
  std::uint64_t transferred_bytes = 0;  // both directions
  std::string failure;  // why something above is absent: "connection refused"; empty: all is there
};

// Answers measurements until it is destroyed or the lease is over. One connection at a time.
class Listener {
 public:
  // Listens on one port of all `addresses` (IPv4 or IPv6 literals) that this machine has.
  // Unavailable when it has none of them, or no port is free on all.
  static absl::StatusOr<std::unique_ptr<Listener>> Open(const std::vector<std::string>& addresses,
                                                        const Secret& secret,
                                                        std::chrono::milliseconds lease);
  ~Listener();  // within a tenth of a second
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  int port() const { return port_; }
  bool expired() const;  // the lease is over
  // Connections that showed another secret, or none in time.
  int strangers() const { return strangers_; }

 private:
  using Clock = std::chrono::steady_clock;
  Listener(std::vector<int> sockets, int port, const Secret& secret,
           std::chrono::milliseconds lease);
  void Serve();
  void Answer(int connection);

  const std::vector<int> sockets_;
  const int port_;
  const Secret secret_;
  const Clock::time_point until_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> strangers_{0};
  std::thread thread_;
};

// Measures each of `addresses` at `port`, one after the other, within `lease` altogether; addresses
// that time does not suffice for say so. `stop`, once true, ends it within a tenth of a second
// (null: never).
std::vector<Measurement> Measure(const std::vector<std::string>& addresses, int port,
                                 const Secret& secret, const Effort& effort,
                                 std::chrono::milliseconds lease,
                                 const std::atomic<bool>* stop = nullptr);

}  // namespace capacity::link
