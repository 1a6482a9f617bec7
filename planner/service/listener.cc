#include "planner/service/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "planner/base/host_name.h"

namespace capacity::service {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kBacklog = 4096;
constexpr auto kSweepEvery = std::chrono::seconds(1);
constexpr auto kBackOff = std::chrono::milliseconds(20);  // without a descriptor to accept into

bool MakeNonBlocking(int fd) {
  const int flags = fcntl(fd, F_GETFL, 0);
  return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
         fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

// The address part of a peer, without its port. IPv4 within IPv6 is IPv4.
std::string AddressOf(const sockaddr_storage& peer) {
  char text[INET6_ADDRSTRLEN] = "";
  if (peer.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(peer);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
  } else if (peer.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(peer);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    if (std::strncmp(text, "::ffff:", 7) == 0) return text + 7;
  }
  return text;
}

std::size_t DescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return 1u << 20;
  return static_cast<std::size_t>(limit.rlim_cur);
}

std::string ErrorText(int error) { return std::strerror(error); }

}  // namespace

// Accepted, and silent so far.
struct Listener::Waiting {
  int fd;
  std::string address;
  sockaddr_storage peer;
  Clock::time_point deadline;
};

// Given to gRPC, which closes it some day. The same descriptor with another peer is another
// connection.
struct Listener::Handed {
  int fd;
  std::string address;
  sockaddr_storage peer;
};

absl::StatusOr<Endpoint> ParseEndpoint(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  Endpoint endpoint;
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(text.substr(colon + 1), &endpoint.port) || endpoint.port < 0 ||
      endpoint.port > 65535) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\" is not an address; write HOST:PORT, for example 0.0.0.0:7443"));
  }
  endpoint.host = text.substr(0, colon);
  if (endpoint.host.front() == '[' && endpoint.host.back() == ']') {
    endpoint.host = endpoint.host.substr(1, endpoint.host.size() - 2);
  }
  return endpoint;
}

absl::StatusOr<std::unique_ptr<Listener>> Listener::Bind(const Endpoint& endpoint,
                                                         const ListenerLimits& limits) {
  std::unique_ptr<Listener> listener(new Listener());
  listener->limits_ = limits;
  listener->limits_.connections =
      std::min(limits.connections, std::max<std::size_t>(DescriptorLimit() * 4 / 5, 64) - 32);
  if (pipe(listener->wake_) != 0) return absl::UnavailableError(ErrorText(errno));
  MakeNonBlocking(listener->wake_[0]);
  MakeNonBlocking(listener->wake_[1]);

  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  std::string port = absl::StrCat(endpoint.port);
  if (const int error = getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &found)) {
    return absl::InvalidArgumentError(absl::StrCat(endpoint.host, ": ", gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, freeaddrinfo);
  std::string problem = "no such address";
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    const int fd = socket(info->ai_family, SOCK_STREAM, 0);
    if (fd < 0) continue;
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (info->ai_family == AF_INET6 && found->ai_next != nullptr) {
      setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    // The second address of a name (::1 of localhost) takes the port that the first one got.
    sockaddr_storage address{};
    std::memcpy(&address, info->ai_addr, info->ai_addrlen);
    const auto wanted = static_cast<in_port_t>(listener->port_);
    if (wanted != 0 && address.ss_family == AF_INET) {
      reinterpret_cast<sockaddr_in&>(address).sin_port = htons(wanted);
    } else if (wanted != 0) {
      reinterpret_cast<sockaddr_in6&>(address).sin6_port = htons(wanted);
    }
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), info->ai_addrlen) != 0 ||
        listen(fd, kBacklog) != 0 || !MakeNonBlocking(fd)) {
      problem = ErrorText(errno);
      close(fd);
      continue;
    }
    socklen_t length = sizeof address;
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
    listener->port_ =
        ntohs(address.ss_family == AF_INET ? reinterpret_cast<sockaddr_in&>(address).sin_port
                                           : reinterpret_cast<sockaddr_in6&>(address).sin6_port);
    listener->listening_.push_back(fd);
  }
  if (listener->listening_.empty()) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", endpoint.host, ":", endpoint.port, ": ", problem));
  }
  return listener;
}

Listener::~Listener() {
  Stop();
  for (const int fd : listening_) close(fd);
  for (const int fd : wake_) {
    if (fd >= 0) close(fd);
  }
}

void Listener::Start(Hooks hooks, bool tls, bool plaintext) {
  hooks_ = std::move(hooks);
  tls_ = tls;
  plaintext_ = plaintext;
  thread_ = std::thread([this] { Run(); });
}

void Listener::Stop() {
  if (!thread_.joinable()) return;
  const char stop = 0;
  [[maybe_unused]] const ssize_t written = write(wake_[1], &stop, 1);
  thread_.join();
  for (const Waiting& waiting : waiting_) close(waiting.fd);
  waiting_.clear();
}

void Listener::Run() {
  Clock::time_point next_sweep = Clock::now() + kSweepEvery;
  while (true) {
    std::vector<pollfd> polled = {{wake_[0], POLLIN, 0}};
    for (const int fd : listening_) polled.push_back({fd, POLLIN, 0});
    for (const Waiting& waiting : waiting_) polled.push_back({waiting.fd, POLLIN, 0});
    constexpr int kTickMs = 250;
    poll(polled.data(), static_cast<nfds_t>(polled.size()), kTickMs);
    if (polled[0].revents != 0) return;
    const Clock::time_point now = Clock::now();
    // Those who spoke first: they need no new descriptor.
    const std::size_t first = 1 + listening_.size();
    std::vector<Waiting> still;
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      Waiting& waiting = waiting_[i];
      if (polled[first + i].revents != 0) {
        Hear(waiting);
      } else if (now >= waiting.deadline) {
        close(waiting.fd);
        hooks_.count("idle");
        --count_[waiting.address];
      } else {
        still.push_back(waiting);
      }
    }
    waiting_ = std::move(still);
    if (now >= next_sweep) {
      SweepHanded();
      next_sweep = now + kSweepEvery;
    }
    for (std::size_t i = 0; i < listening_.size(); ++i) {
      if (polled[1 + i].revents != 0) AcceptAll(listening_[i]);
    }
    open_ = waiting_.size() + handed_.size();
  }
}

void Listener::AcceptAll(int listening) {
  constexpr int kAtOnce = 128;  // then those who wait are heard
  for (int i = 0; i < kAtOnce; ++i) {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    const int fd = accept(listening, reinterpret_cast<sockaddr*>(&peer), &length);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        hooks_.count("descriptors");
        if (waiting_.empty()) {
          std::this_thread::sleep_for(kBackOff);
          return;
        }
        DropOldestWaiting("descriptors");
        continue;
      }
      return;
    }
    const std::string address = AddressOf(peer);
    if (!MakeNonBlocking(fd) || !Admit(address)) {
      close(fd);
      hooks_.count("cap");
      continue;
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (waiting_.size() >= limits_.waiting) DropOldestWaiting("idle");
    ++count_[address];
    waiting_.push_back({fd, address, peer, Clock::now() + limits_.say_something_within});
  }
}

bool Listener::Admit(const std::string& address) {
  if (waiting_.size() + handed_.size() >= limits_.connections) {
    SweepHanded();
    if (waiting_.size() + handed_.size() >= limits_.connections) return false;
  }
  if (IsLoopback(address)) return true;
  const auto it = count_.find(address);
  if (it == count_.end() || it->second < limits_.per_address) return true;
  SweepHanded();
  return count_[address] < limits_.per_address;
}

// The first byte: 22 begins a TLS handshake, 'P' the preface of HTTP/2.
void Listener::Hear(Waiting& waiting) {
  constexpr unsigned char kTlsHandshake = 22;
  unsigned char byte = 0;
  const ssize_t got = recv(waiting.fd, &byte, 1, MSG_PEEK);
  const bool local = IsLoopback(waiting.address);
  const bool tls = got == 1 && byte == kTlsHandshake;
  const bool plaintext = got == 1 && byte == 'P';
  if ((tls && tls_) || (plaintext && plaintext_ && local)) {
    hooks_.count("accepted");
    handed_.push_back({waiting.fd, waiting.address, waiting.peer});
    hooks_.serve(tls ? Protocol::kTls : Protocol::kPlaintext, waiting.fd);
    return;
  }
  hooks_.count(plaintext ? "plaintext" : "noise");
  close(waiting.fd);
  --count_[waiting.address];
}

void Listener::DropOldestWaiting(const char* why) {
  if (waiting_.empty()) return;
  close(waiting_.front().fd);
  --count_[waiting_.front().address];
  waiting_.erase(waiting_.begin());
  hooks_.count(why);
}

// Forgets the connections that gRPC has closed: their descriptor is gone or has another peer.
void Listener::SweepHanded() {
  const auto closed = [](const Handed& handed) {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    if (getpeername(handed.fd, reinterpret_cast<sockaddr*>(&peer), &length) != 0) return true;
    return std::memcmp(&peer, &handed.peer, length) != 0;
  };
  std::vector<Handed> open;
  for (Handed& handed : handed_) {
    if (closed(handed)) {
      --count_[handed.address];
    } else {
      open.push_back(std::move(handed));
    }
  }
  handed_ = std::move(open);
  for (auto it = count_.begin(); it != count_.end();) {
    it = it->second == 0 ? count_.erase(it) : std::next(it);
  }
}

}  // namespace capacity::service
