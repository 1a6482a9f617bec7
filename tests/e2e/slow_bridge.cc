// slow_bridge IF_A IF_B DELAY_MS MBIT_PER_S
//
// Carries Ethernet frames between two network interfaces, each later by DELAY_MS and no faster than
// MBIT_PER_S in either direction: a long, slow cable between two network namespaces on kernels that
// have no netem. Needs CAP_NET_RAW. Prints "ready" and runs until it is ended.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace {

using Clock = std::chrono::steady_clock;

// Frames come with the offloads that their sender left to the card (checksums, segmentation), and
// must go on with them: PACKET_VNET_HDR puts these before each frame.
constexpr std::size_t kOffloadHeader = 10;  // struct virtio_net_hdr, whose C header is no C++
constexpr std::size_t kLargestFrame = kOffloadHeader + (65 << 10);
constexpr std::size_t kBuffer = std::size_t{16} << 20;  // bytes on the way; more are dropped

[[noreturn]] void Die(const char* what) {
  std::fprintf(stderr, "slow_bridge: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

int Open(const char* interface) {
  const int socket = ::socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
  if (socket < 0) Die("socket");
  const int yes = 1;
  if (setsockopt(socket, SOL_PACKET, PACKET_VNET_HDR, &yes, sizeof yes) != 0) Die("VNET_HDR");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(if_nametoindex(interface));
  if (address.sll_ifindex == 0) Die(interface);
  if (bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) Die("bind");
  packet_mreq all{};
  all.mr_ifindex = address.sll_ifindex;
  all.mr_type = PACKET_MR_PROMISC;
  if (setsockopt(socket, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) != 0) {
    Die("promiscuous");
  }
  const int size = 8 << 20;
  setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  return socket;
}

// One direction.
class Cable {
 public:
  Cable(int from, int to, std::chrono::duration<double> delay, double bits_per_second)
      : from_(from),
        to_(to),
        delay_(std::chrono::duration_cast<Clock::duration>(delay)),
        bits_per_second_(bits_per_second),
        reader_([this] { Read(); }),
        writer_([this] { Write(); }) {}
  void Join() {
    reader_.join();
    writer_.join();
  }

 private:
  void Read() {
    std::string frame(kLargestFrame, '\0');
    while (true) {
      sockaddr_ll sender{};
      socklen_t size = sizeof sender;
      const ssize_t got = recvfrom(from_, frame.data(), frame.size(), 0,
                                   reinterpret_cast<sockaddr*>(&sender), &size);
      if (got <= 0 && errno != EINTR && errno != ENETDOWN) Die("receive");
      if (got <= 0 || sender.sll_pkttype == PACKET_OUTGOING) continue;
      const std::lock_guard<std::mutex> lock(mutex_);
      const auto bytes = static_cast<std::size_t>(got);
      if (held_ + bytes > kBuffer) continue;
      free_ = std::max(free_, Clock::now()) +
              std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(
                  static_cast<double>(bytes - kOffloadHeader) * 8 / bits_per_second_));
      held_ += bytes;
      queue_.emplace_back(free_ + delay_, frame.substr(0, bytes));
      changed_.notify_one();
    }
  }

  void Write() {
    while (true) {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&] { return !queue_.empty(); });
      const auto [due, frame] = std::move(queue_.front());
      queue_.pop_front();
      held_ -= frame.size();
      lock.unlock();
      std::this_thread::sleep_until(due);
      // A frame that cannot be sent is lost, as on any cable.
      (void)!write(to_, frame.data(), frame.size());
    }
  }

  const int from_;
  const int to_;
  const Clock::duration delay_;
  const double bits_per_second_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<Clock::time_point, std::string>> queue_;
  std::size_t held_ = 0;
  Clock::time_point free_;
  std::thread reader_;
  std::thread writer_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: slow_bridge IF_A IF_B DELAY_MS MBIT_PER_S\n");
    return 2;
  }
  const int a = Open(argv[1]);
  const int b = Open(argv[2]);
  const std::chrono::duration<double> delay(std::atof(argv[3]) / 1e3);
  const double bits_per_second = std::atof(argv[4]) * 1e6;
  Cable there(a, b, delay, bits_per_second);
  Cable back(b, a, delay, bits_per_second);
  std::puts("ready");
  std::fflush(stdout);
  there.Join();
  back.Join();
}
