// Blocking calls on TCP sockets that end at a deadline or when somebody wants them to.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace capacity::link {

// When to give up.
struct Patience {
  std::chrono::steady_clock::time_point until;
  const std::atomic<bool>* stop = nullptr;  // null: never stopped early

  bool over() const;
  Patience AtMost(std::chrono::milliseconds longest) const;  // whichever ends first
};

// A connected or listening TCP socket, closed with it.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket();
  Socket(Socket&& other) noexcept : descriptor_(other.descriptor_) { other.descriptor_ = -1; }
  Socket& operator=(Socket&& other) noexcept;

  int descriptor() const { return descriptor_; }
  int Release();

  // Listens on the address; `port` 0: any. NotFound when this machine does not have the address,
  // ResourceExhausted when the port is taken, InvalidArgument when it is no IP address.
  static absl::StatusOr<Socket> Listen(const std::string& address, int port);
  // Unavailable or DeadlineExceeded with the system's words.
  static absl::StatusOr<Socket> Connect(const std::string& address, int port,
                                        const Patience& patience);

  // All of it or an error: DeadlineExceeded, Cancelled, or Unavailable when the peer is gone.
  absl::Status Send(const void* data, std::size_t size, const Patience& patience);
  absl::Status Receive(void* data, std::size_t size, const Patience& patience);
  // What there is, at least a byte; 0 at the end of the stream.
  absl::StatusOr<std::size_t> ReceiveSome(void* data, std::size_t size, const Patience& patience);
  // What there is room for, at least a byte.
  absl::StatusOr<std::size_t> SendSome(const void* data, std::size_t size,
                                       const Patience& patience);
  void EndOfSending();  // the peer reads the end of the stream

  int LocalPort() const;
  std::string LocalAddress() const;  // "192.168.1.5", "fe80::1"

 private:
  absl::Status Wait(short events, const Patience& patience) const;

  int descriptor_ = -1;
};

}  // namespace capacity::link
