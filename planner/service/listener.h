// The accept loop, which gRPC 1.51 cannot be trusted with: a few hundred idle connections make its
// own one stop for good when descriptors run out (CVE-2023-4785).
//
// Connections wait here until they have said something; only then do they reach gRPC. Whoever says
// nothing is closed at a deadline, and earlier when many wait: the newest speaks first. Running out
// of descriptors closes what waits and goes on. The first byte tells TLS from plaintext, so that
// one port speaks both where both are allowed.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace capacity::service {

struct ListenerLimits {
  std::size_t connections = 16'384;  // in all; also at most four fifths of the descriptors
  std::size_t per_address = 256;     // not for loopback
  std::size_t waiting = 256;         // that have said nothing yet
  std::chrono::milliseconds say_something_within{5'000};
};

// "127.0.0.1:7443", "[::1]:7443", "0.0.0.0:7443", "localhost:7443". Port 0: any free one.
struct Endpoint {
  std::string host;
  int port = 0;
};
absl::StatusOr<Endpoint> ParseEndpoint(const std::string& text);

class Listener {
 public:
  enum class Protocol { kTls, kPlaintext };
  struct Hooks {
    // Takes the descriptor over.
    std::function<void(Protocol, int fd)> serve;
    // One connection refused or accepted: "accepted", "idle", "cap", "plaintext", "noise",
    // "descriptors".
    std::function<void(const char* what)> count;
  };

  // Binds and listens; nothing is accepted before Start. Unavailable when the address is taken.
  static absl::StatusOr<std::unique_ptr<Listener>> Bind(const Endpoint& endpoint,
                                                        const ListenerLimits& limits);
  ~Listener();

  int port() const { return port_; }

  // `tls`, `plaintext`: which of them are served; plaintext to callers on this machine only.
  void Start(Hooks hooks, bool tls, bool plaintext);

  // No connection is accepted after this returns. Connections that gRPC has stay.
  void Stop();

  std::size_t open_connections() const { return open_.load(); }

 private:
  struct Waiting;
  struct Handed;
  Listener() = default;

  void Run();
  void AcceptAll(int listening);
  bool Admit(const std::string& address);
  void Hear(Waiting& waiting);
  void DropOldestWaiting(const char* why);
  void SweepHanded();

  std::vector<int> listening_;
  int port_ = 0;
  ListenerLimits limits_;
  Hooks hooks_;
  bool tls_ = false;
  bool plaintext_ = false;
  int wake_[2] = {-1, -1};
  std::thread thread_;
  std::vector<Waiting> waiting_;              // oldest first
  std::vector<Handed> handed_;                // at gRPC, as far as descriptors tell
  std::map<std::string, std::size_t> count_;  // open connections of each address
  std::atomic<std::size_t> open_{0};
};

}  // namespace capacity::service
