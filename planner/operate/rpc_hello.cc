#include "planner/operate/rpc_hello.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace capacity::operate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kConnectPatience{5};
constexpr std::chrono::seconds kAnswerPatience{5};
constexpr unsigned char kHello = 14;        // RPC_CMD_HELLO, in every version
constexpr std::size_t kCapabilities = 24;   // bytes of the request since version 4; none before
constexpr std::size_t kLongestHello = 256;  // bytes of an answer

class Socket {
 public:
  explicit Socket(int number) : number_(number) {}
  ~Socket() {
    if (number_ >= 0) close(number_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int number() const { return number_; }

 private:
  const int number_;
};

// Waits until the socket is ready for `events`.
absl::Status Await(int socket, short events, Clock::time_point end, const Control& control) {
  constexpr int kLook = 50;  // milliseconds
  while (Clock::now() < end) {
    if (control.stopped()) return absl::CancelledError("interrupted");
    pollfd ready{socket, events, 0};
    if (poll(&ready, 1, kLook) > 0) return absl::OkStatus();
  }
  return absl::DeadlineExceededError("no answer in time");
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

absl::StatusOr<std::unique_ptr<Socket>> Connect(const launch::Address& at, const Control& control) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_family = AF_UNSPEC;
  addrinfo* found = nullptr;
  const int resolved =
      getaddrinfo(at.host.c_str(), std::to_string(at.port).c_str(), &hints, &found);
  if (resolved != 0) {
    return absl::UnavailableError(absl::StrCat("its name is not known: ", gai_strerror(resolved)));
  }
  const std::unique_ptr<addrinfo, FreeAddresses> list(found);
  absl::Status problem = absl::UnavailableError("it has no address");
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    auto socket =
        std::make_unique<Socket>(::socket(one->ai_family, one->ai_socktype, one->ai_protocol));
    if (socket->number() < 0) continue;
    fcntl(socket->number(), F_SETFL, fcntl(socket->number(), F_GETFL) | O_NONBLOCK);
    fcntl(socket->number(), F_SETFD, FD_CLOEXEC);
    int error = 0;
    if (connect(socket->number(), one->ai_addr, one->ai_addrlen) != 0) {
      error = errno;
      if (error == EINPROGRESS) {
        problem = Await(socket->number(), POLLOUT, Clock::now() + kConnectPatience, control);
        if (absl::IsCancelled(problem)) return problem;
        if (!problem.ok()) continue;
        socklen_t size = sizeof error;
        getsockopt(socket->number(), SOL_SOCKET, SO_ERROR, &error, &size);
      }
    }
    if (error == 0) return socket;
    problem = absl::UnavailableError(std::error_code(error, std::generic_category()).message());
  }
  return problem;
}

bool SendAll(int socket, const std::string& bytes) {
#ifdef MSG_NOSIGNAL
  constexpr int kFlags = MSG_NOSIGNAL;
#else
  constexpr int kFlags = 0;
#endif
  return send(socket, bytes.data(), bytes.size(), kFlags) == static_cast<ssize_t>(bytes.size());
}

// `size` bytes; DataLoss when the other side leaves before.
absl::Status Receive(int socket, unsigned char* into, std::size_t size, Clock::time_point end,
                     const Control& control) {
  for (std::size_t at = 0; at < size;) {
    if (absl::Status ready = Await(socket, POLLIN, end, control); !ready.ok()) return ready;
    const ssize_t got = recv(socket, into + at, size - at, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got <= 0) return absl::DataLossError("it hung up");
    at += static_cast<std::size_t>(got);
  }
  return absl::OkStatus();
}

// One attempt, with a request of this many bytes.
absl::StatusOr<RpcVersion> Hello(const launch::Address& at, std::size_t request_bytes,
                                 const Control& control) {
  absl::StatusOr<std::unique_ptr<Socket>> socket = Connect(at, control);
  if (!socket.ok()) return socket.status();
  const int number = (*socket)->number();
  std::string request(1, static_cast<char>(kHello));
  for (int i = 0; i < 8; ++i) {  // the length, little endian
    request += static_cast<char>(i == 0 ? request_bytes : 0);
  }
  request.append(request_bytes, '\0');
  if (!SendAll(number, request)) return absl::DataLossError("it hung up");
  const auto end = Clock::now() + kAnswerPatience;
  std::array<unsigned char, 8> length{};
  if (absl::Status got = Receive(number, length.data(), length.size(), end, control); !got.ok()) {
    return got;
  }
  std::uint64_t size = 0;
  for (std::size_t i = length.size(); i-- > 0;) size = size << 8 | length[i];
  if (size < 3 || size > kLongestHello) return absl::DataLossError("it speaks something else");
  std::array<unsigned char, kLongestHello> answer{};
  if (absl::Status got =
          Receive(number, answer.data(), static_cast<std::size_t>(size), end, control);
      !got.ok()) {
    return got;
  }
  return RpcVersion{answer[0], answer[1], answer[2]};
}

}  // namespace

std::string ToString(const RpcVersion& version) {
  return absl::StrCat(version.major, ".", version.minor, ".", version.patch);
}

absl::StatusOr<RpcVersion> SayHello(const launch::Address& at, const Control& control) {
  absl::StatusOr<RpcVersion> version = Hello(at, kCapabilities, control);
  if (absl::IsDataLoss(version.status())) version = Hello(at, 0, control);
  if (version.ok()) return version;
  const absl::Status& status = version.status();
  std::string why = std::string(status.message());
  if (absl::IsDeadlineExceeded(status)) {
    absl::StrAppend(&why, "; an RPC server has one client at a time: is it busy with another?");
  }
  return absl::Status(status.code(),
                      absl::StrCat("the RPC server at ", launch::ToString(at), ": ", why));
}

bool Listens(const launch::Address& at, const Control& control) {
  return Connect(at, control).ok();
}

}  // namespace capacity::operate
