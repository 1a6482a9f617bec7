#include "node-agent/link/socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"

namespace capacity::link {
namespace {

using std::chrono::milliseconds;

// How often somebody who waits looks whether it is wanted to stop.
constexpr milliseconds kGlance{50};

#ifdef MSG_NOSIGNAL
constexpr int kNoSignal = MSG_NOSIGNAL;
#else
constexpr int kNoSignal = 0;  // macOS: SO_NOSIGPIPE on the socket
#endif

absl::Status Gone(int error) { return absl::UnavailableError(std::strerror(error)); }

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

absl::StatusOr<Addresses> Parse(const std::string& address, int port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error = getaddrinfo(address.c_str(), absl::StrCat(port).c_str(), &hints, &list);
  if (error != 0 || list == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("'", address, "' is not an IP address"));
  }
  return Addresses(list);
}

Socket Open(const addrinfo& address) {
  Socket socket(::socket(address.ai_family, SOCK_STREAM, 0));
  if (socket.descriptor() < 0) return socket;
  fcntl(socket.descriptor(), F_SETFD, FD_CLOEXEC);
  fcntl(socket.descriptor(), F_SETFL, O_NONBLOCK);
#ifdef SO_NOSIGPIPE
  const int yes = 1;
  setsockopt(socket.descriptor(), SOL_SOCKET, SO_NOSIGPIPE, &yes, sizeof yes);
#endif
  return socket;
}

void SendAtOnce(int descriptor) {
  const int yes = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

}  // namespace

bool Patience::over() const {
  return (stop != nullptr && stop->load()) || std::chrono::steady_clock::now() >= until;
}

Patience Patience::AtMost(milliseconds longest) const {
  return {std::min(until, std::chrono::steady_clock::now() + longest), stop};
}

Socket::~Socket() {
  if (descriptor_ >= 0) close(descriptor_);
}

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

int Socket::Release() {
  const int descriptor = descriptor_;
  descriptor_ = -1;
  return descriptor;
}

absl::StatusOr<Socket> Socket::Listen(const std::string& address, int port) {
  const absl::StatusOr<Addresses> parsed = Parse(address, port);
  if (!parsed.ok()) return parsed.status();
  Socket socket = Open(**parsed);
  if (socket.descriptor() < 0) return Gone(errno);
  const int yes = 1;
  setsockopt(socket.descriptor(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(socket.descriptor(), (*parsed)->ai_addr, (*parsed)->ai_addrlen) != 0) {
    const int error = errno;
    const std::string what = absl::StrCat(address, ": ", std::strerror(error));
    return error == EADDRINUSE ? absl::ResourceExhaustedError(what) : absl::NotFoundError(what);
  }
  constexpr int kWaiting = 4;  // connections; there is one peer
  if (listen(socket.descriptor(), kWaiting) != 0) return Gone(errno);
  return socket;
}

absl::StatusOr<Socket> Socket::Connect(const std::string& address, int port,
                                       const Patience& patience) {
  const absl::StatusOr<Addresses> parsed = Parse(address, port);
  if (!parsed.ok()) return parsed.status();
  Socket socket = Open(**parsed);
  if (socket.descriptor() < 0) return Gone(errno);
  if (connect(socket.descriptor(), (*parsed)->ai_addr, (*parsed)->ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return Gone(errno);
    if (absl::Status ready = socket.Wait(POLLOUT, patience); !ready.ok()) return ready;
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(socket.descriptor(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return Gone(error);
  }
  SendAtOnce(socket.descriptor());
  return socket;
}

absl::Status Socket::Wait(short events, const Patience& patience) const {
  while (true) {
    if (patience.stop != nullptr && patience.stop->load()) {
      return absl::CancelledError("stopped");
    }
    const auto left =
        std::chrono::ceil<milliseconds>(patience.until - std::chrono::steady_clock::now());
    if (left <= milliseconds{0}) return absl::DeadlineExceededError("no answer in time");
    pollfd ready{descriptor_, events, 0};
    const int got = poll(&ready, 1, static_cast<int>(std::min(left, kGlance).count()));
    if (got > 0) return absl::OkStatus();
    if (got < 0 && errno != EINTR) return Gone(errno);
  }
}

absl::StatusOr<std::size_t> Socket::ReceiveSome(void* data, std::size_t size,
                                                const Patience& patience) {
  while (true) {
    const ssize_t got = recv(descriptor_, data, size, 0);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return Gone(errno);
    if (absl::Status ready = Wait(POLLIN, patience); !ready.ok()) return ready;
  }
}

absl::StatusOr<std::size_t> Socket::SendSome(const void* data, std::size_t size,
                                             const Patience& patience) {
  while (true) {
    const ssize_t sent = send(descriptor_, data, size, kNoSignal);
    if (sent > 0) return static_cast<std::size_t>(sent);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return Gone(errno);
    if (absl::Status ready = Wait(POLLOUT, patience); !ready.ok()) return ready;
  }
}

absl::Status Socket::Send(const void* data, std::size_t size, const Patience& patience) {
  const char* next = static_cast<const char*>(data);
  while (size > 0) {
    const absl::StatusOr<std::size_t> sent = SendSome(next, size, patience);
    if (!sent.ok()) return sent.status();
    next += *sent;
    size -= *sent;
  }
  return absl::OkStatus();
}

absl::Status Socket::Receive(void* data, std::size_t size, const Patience& patience) {
  char* next = static_cast<char*>(data);
  while (size > 0) {
    const absl::StatusOr<std::size_t> got = ReceiveSome(next, size, patience);
    if (!got.ok()) return got.status();
    if (*got == 0) return absl::UnavailableError("the other end hung up");
    next += *got;
    size -= *got;
  }
  return absl::OkStatus();
}

void Socket::EndOfSending() { shutdown(descriptor_, SHUT_WR); }

int Socket::LocalPort() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

std::string Socket::LocalAddress() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "";
  char text[NI_MAXHOST] = "";
  if (getnameinfo(reinterpret_cast<sockaddr*>(&address), size, text, sizeof text, nullptr, 0,
                  NI_NUMERICHOST) != 0) {
    return "";
  }
  return text;
}

}  // namespace capacity::link
