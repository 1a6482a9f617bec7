#include "tests/node-agent/link/slow_wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

namespace capacity::testing {
namespace {

using Clock = std::chrono::steady_clock;

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

void SendAtOnce(int socket) {
  const int yes = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

// What is on the wire: bytes with the time at which they come out. At most what a wire of this
// rate and delay holds, and a little more.
class OnTheWay {
 public:
  explicit OnTheWay(const WireSpeed& speed) : speed_(speed) {
    const double delay = std::chrono::duration<double>(speed.one_way_delay).count();
    constexpr double kLittle = 128 << 10;
    most_ = static_cast<std::size_t>(kLittle + speed.bits_per_second / 8 * delay);
    if (speed.bits_per_second == 0) most_ = std::size_t{64} << 20;
  }

  void Put(std::string bytes) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return held_ < most_ || ended_; });
    const Clock::time_point now = Clock::now();
    free_ = std::max(free_, now);
    if (speed_.bits_per_second > 0) {
      free_ += std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(
          static_cast<double>(bytes.size()) * 8 / speed_.bits_per_second));
    }
    held_ += bytes.size();
    queue_.emplace_back(free_ + speed_.one_way_delay, std::move(bytes));
    changed_.notify_all();
  }
  void End() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  // Empty: no more will come.
  std::string Take() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return !queue_.empty() || ended_; });
    if (queue_.empty()) return "";
    const Clock::time_point due = queue_.front().first;
    std::string bytes = std::move(queue_.front().second);
    queue_.pop_front();
    lock.unlock();
    std::this_thread::sleep_until(due);
    lock.lock();
    held_ -= bytes.size();
    changed_.notify_all();
    return bytes;
  }

 private:
  const WireSpeed speed_;
  std::size_t most_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<Clock::time_point, std::string>> queue_;
  std::size_t held_ = 0;
  Clock::time_point free_;  // when the wire has taken in what was put on it
  bool ended_ = false;
};

}  // namespace

SlowWire::SlowWire(int target_port, const WireSpeed& speed)
    : target_port_(target_port), speed_(speed) {
  listener_ = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = Loopback(0);
  bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
  listen(listener_, 8);
  socklen_t size = sizeof address;
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  accepting_ = std::thread([this] { Accept(); });
}

SlowWire::~SlowWire() {
  stopping_ = true;
  accepting_.join();
  for (int socket : sockets_) shutdown(socket, SHUT_RDWR);
  for (std::thread& thread : threads_) thread.join();
  for (int socket : sockets_) close(socket);
  close(listener_);
}

void SlowWire::Accept() {
  while (!stopping_) {
    pollfd ready{listener_, POLLIN, 0};
    if (poll(&ready, 1, 20) <= 0) continue;
    const int near = accept(listener_, nullptr, nullptr);
    if (near < 0) continue;
    const int far = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = Loopback(target_port_);
    if (connect(far, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      close(near);
      close(far);
      continue;
    }
    SendAtOnce(near);
    SendAtOnce(far);
    sockets_.push_back(near);
    sockets_.push_back(far);
    threads_.emplace_back([=, this] { Carry(near, far); });
    threads_.emplace_back([=, this] { Carry(far, near); });
  }
}

void SlowWire::Carry(int from, int to) const {
  OnTheWay wire(speed_);
  std::thread writer([&] {
    while (true) {
      const std::string bytes = wire.Take();
      if (bytes.empty()) break;
      std::size_t sent = 0;
      while (sent < bytes.size()) {
        const ssize_t now = send(to, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (now <= 0) break;
        sent += static_cast<std::size_t>(now);
      }
    }
    shutdown(to, SHUT_WR);
  });
  std::string buffer(16 << 10, '\0');
  while (true) {
    const ssize_t got = recv(from, buffer.data(), buffer.size(), 0);
    if (got <= 0) break;
    wire.Put(buffer.substr(0, static_cast<std::size_t>(got)));
  }
  wire.End();
  writer.join();
}

}  // namespace capacity::testing
