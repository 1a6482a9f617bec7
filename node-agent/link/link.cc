#include "node-agent/link/link.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node-agent/link/socket.h"

namespace capacity::link {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// A connection begins with the secret and one request, and has one purpose.
enum class Purpose : std::uint8_t {
  kEcho = 1,    // every kMessage bytes come back, until the end of the stream
  kSink = 2,    // the client sends until it ends its stream; a Tally comes back
  kSource = 3,  // the server sends for `milliseconds`, then ends its stream
};

// On the wire in network byte order: purpose (1), milliseconds (4), most bytes (8).
struct Request {
  Purpose purpose = Purpose::kEcho;
  std::uint32_t duration_ms = 0;
  std::uint64_t limit = 0;
};
constexpr std::size_t kRequestBytes = 13;
constexpr std::size_t kTallyBytes = 16;  // bytes a second x 1000 (8), bytes in all (8)

constexpr std::size_t kMessage = 64;  // bytes of a round trip: the order of a token's coordination
constexpr int kUntimed = 10;          // round trips before those that count
constexpr std::size_t kBlock = std::size_t{256} << 10;  // bytes handed to the system at a time
constexpr milliseconds kHelloPatience{2000};            // for a stranger to show the secret
constexpr milliseconds kConnectPatience{3000};
// A stream is at speed after this share of its time: TCP has then opened its window.
constexpr double kSettlingShare = 0.25;

void Put(std::uint64_t value, int bytes, std::uint8_t*& out) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    *out++ = static_cast<std::uint8_t>(value >> shift);
  }
}

std::uint64_t Take(int bytes, const std::uint8_t*& in) {
  std::uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) value = value << 8 | *in++;
  return value;
}

std::array<std::uint8_t, kRequestBytes> Encode(const Request& request) {
  std::array<std::uint8_t, kRequestBytes> bytes{};
  std::uint8_t* out = bytes.data();
  Put(static_cast<std::uint8_t>(request.purpose), 1, out);
  Put(request.duration_ms, 4, out);
  Put(request.limit, 8, out);
  return bytes;
}

Request Decode(const std::array<std::uint8_t, kRequestBytes>& bytes) {
  const std::uint8_t* in = bytes.data();
  Request request;
  request.purpose = static_cast<Purpose>(Take(1, in));
  request.duration_ms = static_cast<std::uint32_t>(Take(4, in));
  request.limit = Take(8, in);
  return request;
}

// In time that does not depend on where they differ.
bool Same(const Secret& a, const Secret& b) {
  std::uint8_t difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= a[i] ^ b[i];
  return difference == 0;
}

milliseconds Bounded(std::uint32_t duration_ms) {
  return std::min(milliseconds{duration_ms}, kLongestTransfer);
}

// How fast a stream arrived, counted at its receiving end.
struct Tally {
  double bytes_per_second = 0;
  std::uint64_t bytes = 0;
};

// Reads to the end of the stream. The rate is that of what came after the settling time; of
// everything when the stream was over before that.
absl::StatusOr<Tally> ReadStream(Socket& socket, milliseconds duration, const Patience& patience) {
  std::vector<char> block(kBlock);
  Tally tally;
  Clock::time_point first, settled, last;
  std::uint64_t settled_bytes = 0;
  while (true) {
    const absl::StatusOr<std::size_t> got =
        socket.ReceiveSome(block.data(), block.size(), patience);
    if (!got.ok()) return got.status();
    const Clock::time_point now = Clock::now();
    if (*got == 0) break;
    tally.bytes += *got;
    last = now;
    if (tally.bytes == *got) {  // of the first block only its arrival counts, not its bytes
      first = settled = now;
      settled_bytes = tally.bytes;
    } else if (settled == first && now - first >= kSettlingShare * duration) {
      settled = now;
      settled_bytes = tally.bytes;
    }
  }
  const std::chrono::duration<double> seconds = last - settled;
  if (seconds.count() > 0) {
    tally.bytes_per_second = static_cast<double>(tally.bytes - settled_bytes) / seconds.count();
  }
  return tally;
}

// Sends zeros for `duration`, at most `limit` bytes, and ends the stream. Bytes handed over.
absl::StatusOr<std::uint64_t> WriteStream(Socket& socket, milliseconds duration,
                                          std::uint64_t limit, const Patience& patience) {
  const std::vector<char> block(kBlock, 0);
  const Clock::time_point end = Clock::now() + duration;
  std::uint64_t sent = 0;
  while (Clock::now() < end && sent < limit) {
    if (patience.over()) return absl::CancelledError("stopped");
    const std::size_t size =
        static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), limit - sent));
    const absl::StatusOr<std::size_t> now = socket.SendSome(block.data(), size, patience);
    if (!now.ok()) return now.status();
    sent += *now;
  }
  socket.EndOfSending();
  return sent;
}

// A stream takes its time, and then what is under way arrives; a slow link has filled its buffers.
milliseconds StreamPatience(milliseconds duration) { return 3 * duration + milliseconds{2000}; }

// ---------------------------------------------------------------- the end that connects

class Probe {
 public:
  Probe(std::string address, int port, const Secret& secret, Patience patience)
      : address_(std::move(address)), port_(port), secret_(secret), patience_(patience) {}

  Measurement Run(const Effort& effort) {
    out_.peer_address = address_;
    for (const auto part : {&Probe::RoundTrips, &Probe::ToPeer, &Probe::FromPeer}) {
      if (const absl::Status status = (this->*part)(effort); !status.ok()) {
        out_.failure = std::string(status.message());
        break;
      }
    }
    return std::move(out_);
  }

 private:
  absl::StatusOr<Socket> Ask(const Request& request) {
    absl::StatusOr<Socket> socket =
        Socket::Connect(address_, port_, patience_.AtMost(kConnectPatience));
    if (!socket.ok()) return socket.status();
    out_.local_address = socket->LocalAddress();
    const auto bytes = Encode(request);
    absl::Status sent = socket->Send(secret_.data(), secret_.size(), patience_);
    if (sent.ok()) sent = socket->Send(bytes.data(), bytes.size(), patience_);
    if (!sent.ok()) return sent;
    return socket;
  }

  absl::Status RoundTrips(const Effort& effort) {
    absl::StatusOr<Socket> socket = Ask({Purpose::kEcho, 0, 0});
    if (!socket.ok()) return socket.status();
    std::array<char, kMessage> message{};
    std::vector<double> us;
    const int wanted = std::clamp(effort.round_trips, 1, kMostRoundTrips);
    // A slow way is timed less often, so that it leaves time for the transfers.
    const Patience patience = patience_.AtMost(std::max(effort.transfer, kConnectPatience));
    for (int i = 0; i < kUntimed + wanted; ++i) {
      if (!us.empty() && patience.over()) break;
      const Clock::time_point start = Clock::now();
      absl::Status status = socket->Send(message.data(), message.size(), patience_);
      if (status.ok()) status = socket->Receive(message.data(), message.size(), patience_);
      if (!status.ok()) return status;
      const std::chrono::duration<double, std::micro> took = Clock::now() - start;
      if (i >= kUntimed || patience.over()) us.push_back(took.count());
    }
    std::sort(us.begin(), us.end());
    out_.round_trips = static_cast<int>(us.size());
    out_.round_trip_best_us = us.front();
    const std::size_t half = us.size() / 2;
    out_.round_trip_median_us = us.size() % 2 == 1 ? us[half] : (us[half - 1] + us[half]) / 2;
    return absl::OkStatus();
  }

  static Request Transfer(Purpose purpose, const Effort& effort) {
    const milliseconds duration = std::clamp(effort.transfer, milliseconds{1}, kLongestTransfer);
    return {purpose, static_cast<std::uint32_t>(duration.count()), effort.transfer_limit};
  }

  absl::Status ToPeer(const Effort& effort) {
    const Request request = Transfer(Purpose::kSink, effort);
    const milliseconds duration = Bounded(request.duration_ms);
    absl::StatusOr<Socket> socket = Ask(request);
    if (!socket.ok()) return socket.status();
    const Patience patience = patience_.AtMost(StreamPatience(duration));
    const auto sent = WriteStream(*socket, duration, request.limit, patience);
    if (!sent.ok()) return sent.status();
    out_.transferred_bytes += *sent;
    std::array<std::uint8_t, kTallyBytes> tally{};
    const absl::Status received = socket->Receive(tally.data(), tally.size(), patience);
    if (!received.ok()) return received;
    const std::uint8_t* in = tally.data();
    out_.send_bits_per_second = static_cast<double>(Take(8, in)) / 1000 * 8;
    return absl::OkStatus();
  }

  absl::Status FromPeer(const Effort& effort) {
    const Request request = Transfer(Purpose::kSource, effort);
    const milliseconds duration = Bounded(request.duration_ms);
    absl::StatusOr<Socket> socket = Ask(request);
    if (!socket.ok()) return socket.status();
    const auto tally = ReadStream(*socket, duration, patience_.AtMost(StreamPatience(duration)));
    if (!tally.ok()) return tally.status();
    if (tally->bytes == 0) return absl::UnavailableError("the other end sent nothing");
    out_.transferred_bytes += tally->bytes;
    out_.receive_bits_per_second = tally->bytes_per_second * 8;
    return absl::OkStatus();
  }

  const std::string address_;
  const int port_;
  const Secret& secret_;
  const Patience patience_;
  Measurement out_;
};

}  // namespace

// ---------------------------------------------------------------- the end that listens

absl::StatusOr<std::unique_ptr<Listener>> Listener::Open(const std::vector<std::string>& addresses,
                                                         const Secret& secret, milliseconds lease) {
  constexpr int kAttempts = 20;  // a port that is free on one address may be taken on another
  absl::Status why = absl::InvalidArgumentError("no address to listen on");
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::vector<Socket> sockets;
    int port = 0;
    bool taken = false;
    for (const std::string& address : addresses) {
      absl::StatusOr<Socket> socket = Socket::Listen(address, port);
      if (!socket.ok()) {
        why = socket.status();
        taken = taken || absl::IsResourceExhausted(why);
        continue;
      }
      if (port == 0) port = socket->LocalPort();
      sockets.push_back(*std::move(socket));
    }
    if (taken) continue;
    if (sockets.empty()) break;
    std::vector<int> descriptors;
    for (Socket& socket : sockets) descriptors.push_back(socket.Release());
    return std::unique_ptr<Listener>(new Listener(std::move(descriptors), port, secret, lease));
  }
  return absl::UnavailableError(
      absl::StrCat("cannot listen for a measurement: ", std::string(why.message())));
}

Listener::Listener(std::vector<int> sockets, int port, const Secret& secret, milliseconds lease)
    : sockets_(std::move(sockets)),
      port_(port),
      secret_(secret),
      until_(Clock::now() + lease),
      thread_([this] { Serve(); }) {}

Listener::~Listener() {
  stopping_ = true;
  thread_.join();
  for (int socket : sockets_) Socket{socket};
}

bool Listener::expired() const { return Clock::now() >= until_; }

void Listener::Serve() {
  std::vector<pollfd> ready;
  for (int socket : sockets_) ready.push_back({socket, POLLIN, 0});
  constexpr int kGlanceMs = 50;
  while (!stopping_ && !expired()) {
    if (poll(ready.data(), ready.size(), kGlanceMs) <= 0) continue;
    for (const pollfd& socket : ready) {
      if ((socket.revents & POLLIN) == 0) continue;
      const int connection = accept(socket.fd, nullptr, nullptr);
      if (connection >= 0) Answer(connection);
    }
  }
}

void Listener::Answer(int connection) {
  Socket socket(connection);
  fcntl(connection, F_SETFD, FD_CLOEXEC);
  fcntl(connection, F_SETFL, O_NONBLOCK);
  const int yes = 1;
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
#ifdef SO_NOSIGPIPE
  setsockopt(connection, SOL_SOCKET, SO_NOSIGPIPE, &yes, sizeof yes);
#endif
  const Patience patience{until_, &stopping_};
  const Patience hello = patience.AtMost(kHelloPatience);
  Secret shown{};
  std::array<std::uint8_t, kRequestBytes> bytes{};
  if (!socket.Receive(shown.data(), shown.size(), hello).ok() || !Same(shown, secret_) ||
      !socket.Receive(bytes.data(), bytes.size(), hello).ok()) {
    ++strangers_;
    return;
  }
  const Request request = Decode(bytes);
  const milliseconds duration = Bounded(request.duration_ms);
  switch (request.purpose) {
    case Purpose::kEcho: {
      std::array<char, kMessage> message{};
      while (socket.Receive(message.data(), message.size(), patience).ok() &&
             socket.Send(message.data(), message.size(), patience).ok()) {
      }
      return;
    }
    case Purpose::kSink: {
      const auto tally = ReadStream(socket, duration, patience.AtMost(StreamPatience(duration)));
      if (!tally.ok()) return;
      std::array<std::uint8_t, kTallyBytes> answer{};
      std::uint8_t* out = answer.data();
      Put(static_cast<std::uint64_t>(tally->bytes_per_second * 1000), 8, out);
      Put(tally->bytes, 8, out);
      (void)socket.Send(answer.data(), answer.size(), patience);
      return;
    }
    case Purpose::kSource:
      (void)WriteStream(socket, duration, request.limit, patience.AtMost(StreamPatience(duration)));
      return;
  }
}

std::vector<Measurement> Measure(const std::vector<std::string>& addresses, int port,
                                 const Secret& secret, const Effort& effort, milliseconds lease,
                                 const std::atomic<bool>* stop) {
  const Patience patience{Clock::now() + lease, stop};
  std::vector<Measurement> all;
  for (const std::string& address : addresses) {
    if (patience.over()) {
      all.emplace_back();
      all.back().peer_address = address;
      all.back().failure = "no time was left";
      continue;
    }
    all.push_back(Probe(address, port, secret, patience).Run(effort));
  }
  return all;
}

}  // namespace capacity::link
