// The accept loop under people who say nothing.
#include "planner/service/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/service/live_planner.h"

namespace capacity {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using std::chrono::milliseconds;

int Connect(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return -1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

// Connections that say nothing, closed at the end.
class IdlePeers {
 public:
  IdlePeers(int port, int count, const std::string& say = "") {
    for (int i = 0; i < count; ++i) {
      const int fd = Connect(port);
      if (fd < 0) continue;
      if (!say.empty()) {
        [[maybe_unused]] const ssize_t sent = send(fd, say.data(), say.size(), MSG_NOSIGNAL);
      }
      fds_.push_back(fd);
    }
  }
  ~IdlePeers() {
    for (const int fd : fds_) close(fd);
  }
  std::size_t count() const { return fds_.size(); }

 private:
  std::vector<int> fds_;
};

// The number of descriptors this process may have, set for a while.
class Descriptors {
 public:
  explicit Descriptors(rlim_t count) {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = count;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  ~Descriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

// How long a good agent waits for its report to be on disk.
milliseconds ServeGoodAgent(const LivePlanner& planner) {
  const auto began = std::chrono::steady_clock::now();
  const auto stub = v1::Agents::NewStub(planner.Plaintext());
  const std::string id = EnrolPlaintext(*stub, "good-agent");
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(15));
  v1::SendReportResponse response;
  const grpc::Status status = stub->SendReport(&context, Report(id, 1, 1), &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began);
}

// Both ends of a thousand connections and more; a terminal of macOS gives 256.
constexpr rlim_t kBothEnds = 4096;

TEST(Listener, AThousandIdlePeersDoNotKeepAGoodAgentOut) {
  const Descriptors enough(kBothEnds);
  const LivePlanner planner;
  const IdlePeers idle(planner.port(), 1000);
  ASSERT_GT(idle.count(), 900u);
  EXPECT_LT(ServeGoodAgent(planner), milliseconds(15'000));
}

TEST(Listener, AThousandWhoStopInTheMiddleOfAWordDoNotEither) {
  const Descriptors enough(kBothEnds);
  const LivePlanner planner;
  const IdlePeers half(planner.port(), 1000, "PRI * HT");
  ASSERT_GT(half.count(), 900u);
  EXPECT_LT(ServeGoodAgent(planner), milliseconds(15'000));
}

// CVE-2023-4785: both ends of the connections are of this process, and there are fewer descriptors
// than connections, so that accept() itself fails.
TEST(Listener, RunningOutOfDescriptorsIsSurvived) {
  const LivePlanner planner;
  {
    const Descriptors few(400);
    const IdlePeers idle(planner.port(), 1000);
    std::this_thread::sleep_for(milliseconds(300));
  }
  EXPECT_LT(ServeGoodAgent(planner), milliseconds(15'000));
}

TEST(Listener, WhoSaysNothingIsClosed) {
  LiveOptions options;
  options.limits.say_something_within = milliseconds(300);
  const LivePlanner planner(options);
  const int fd = Connect(planner.port());
  char byte = 0;
  EXPECT_EQ(recv(fd, &byte, 1, 0), 0) << "closed by the other end";
  close(fd);
}

TEST(Listener, NoiseIsClosedAtOnce) {
  const LivePlanner planner;
  for (const std::string noise :
       {"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01", "SSH-2.0-x\r\n", "\0"}) {
    const int fd = Connect(planner.port());
    ASSERT_GT(send(fd, noise.data(), noise.size() + 1, MSG_NOSIGNAL), 0);
    char buffer[64];
    EXPECT_LE(recv(fd, buffer, sizeof buffer, 0), 0) << noise;
    close(fd);
  }
  EXPECT_LT(ServeGoodAgent(planner), milliseconds(15'000));
}

TEST(Endpoint, IsAHostAndAPort) {
  EXPECT_EQ(service::ParseEndpoint("[::1]:7443")->host, "::1");
  EXPECT_EQ(service::ParseEndpoint("localhost:0")->port, 0);
  for (const char* bad : {"", "7443", ":7443", "a:b", "a:70000", "a:-1"}) {
    EXPECT_FALSE(service::ParseEndpoint(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace capacity
