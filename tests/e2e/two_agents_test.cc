// Two agents and a planner in network namespaces, joined by a cable of known delay and rate: what
// the agents measure when the planner asks them is what the cable imposes.
//
//     namespace A: planner, agent-a  --  slow_bridge  --  namespace B: agent-b
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "capacity/v1/planner.pb.h"
#include "planner/store/store.h"
#include "tests/e2e/support.h"

namespace capacity {
namespace {

namespace fs = std::filesystem;
using e2e::Program;
using e2e::Shell;

constexpr double kOneWayMs = 5;
constexpr double kMbitPerS = 200;
constexpr double kWithin = 0.10;

// Namespaces and interfaces of this process's own names; removed at the end.
class Network {
 public:
  Network() {
    made_ = Shell("ip netns add " + a() + " && ip netns add " + b() + " && ip link add " + id_ +
                  "a type veth peer name eth0 netns " + a() + " && ip link add " + id_ +
                  "b type veth peer name eth0 netns " + b() + " && ip link set " + id_ +
                  "a up && ip link set " + id_ + "b up && " + Up(a(), "10.99.7.1") + " && " +
                  Up(b(), "10.99.7.2"));
  }
  ~Network() {
    Shell("ip netns del " + a());
    Shell("ip netns del " + b());
  }
  bool made() const { return made_; }
  std::string a() const { return id_ + "na"; }
  std::string b() const { return id_ + "nb"; }
  const std::string& id() const { return id_; }

 private:
  static std::string Up(const std::string& space, const std::string& address) {
    return "ip -n " + space + " addr add " + address + "/24 dev eth0 && ip -n " + space +
           " link set eth0 up && ip -n " + space + " link set lo up";
  }

  const std::string id_ = "cp" + std::to_string(getpid() % 100000);
  bool made_ = false;
};

class TwoAgents : public ::testing::Test {
 protected:
  TwoAgents() {
    std::string name = ::testing::TempDir() + "capacity-e2e-XXXXXX";
    directory_ = mkdtemp(name.data());
    // Agents do not measure on a busy machine; the one that runs tests is.
    std::ofstream(directory_ + "/loadavg") << "0.05 0.05 0.05 1/100 1234\n";
  }
  ~TwoAgents() override { fs::remove_all(directory_); }

  // `command` inside the namespace, on a machine that seems idle.
  std::string In(const std::string& space, const std::string& command) const {
    return "ip netns exec " + space + " /bin/sh -c 'mount --bind " + directory_ +
           "/loadavg /proc/loadavg; exec " + command + "'";
  }

  std::string Log(const std::string& name) const { return directory_ + "/" + name + ".log"; }

  // A fresh token.
  std::string Token() const {
    const std::string file = directory_ + "/token";
    Shell(std::string(CAPACITY_PLANNER) + " token create --state " + State() +
          " | grep -o 'cpjt_[A-Za-z0-9_.-]*' | head -n 1 >" + file);
    std::ifstream in(file);
    std::string token;
    in >> token;
    return token;
  }

  std::string State() const { return directory_ + "/planner"; }

  std::string AgentCommand(const std::string& name) const {
    return std::string(CAPACITY_NODE_AGENT) +
           " run --planner 10.99.7.1:17443 --heartbeat 1 --name " + name + " --state-dir " +
           directory_ + "/" + name + " --token " + Token();
  }

  // The first link that is measured; nullopt after a minute.
  std::optional<v1::LinkMeasurement> AwaitLink() const {
    store::Options options;
    options.directory = State();
    const auto store = store::Store::OpenBeside(options);
    if (!store.ok()) return std::nullopt;
    for (int i = 0; i < 120; ++i) {
      const auto links = (*store)->ListLinks();
      v1::LinkMeasurement link;
      if (links.ok() && !links->empty() && link.ParseFromString(links->front().bytes)) return link;
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
    return std::nullopt;
  }

  void PrintLogs() const {
    for (const char* name : {"bridge", "planner", "agent-a", "agent-b"}) {
      std::ifstream in(Log(name));
      std::printf("--- %s\n%s\n", name,
                  std::string(std::istreambuf_iterator<char>(in), {}).c_str());
    }
  }

  std::string directory_;
};

TEST_F(TwoAgents, MeasureWhatTheCableImposes) {
  if (geteuid() != 0) GTEST_SKIP() << "network namespaces need root";
  const Network network;
  if (!network.made()) GTEST_SKIP() << "network namespaces cannot be made here";
  const Program bridge(std::string(CAPACITY_SLOW_BRIDGE) + " " + network.id() + "a " +
                           network.id() + "b " + std::to_string(static_cast<int>(kOneWayMs)) + " " +
                           std::to_string(static_cast<int>(kMbitPerS)),
                       Log("bridge"));
  ASSERT_TRUE(Shell(std::string(CAPACITY_PLANNER) + " init --name 10.99.7.1 --state " + State() +
                    " >/dev/null"));
  const Program planner(
      In(network.a(), std::string(CAPACITY_PLANNER) +
                          " serve --listen 10.99.7.1:17443 --metrics \"\" --state " + State()),
      Log("planner"));
  const Program agent_a(In(network.a(), AgentCommand("agent-a")), Log("agent-a"));
  const Program agent_b(In(network.b(), AgentCommand("agent-b")), Log("agent-b"));
  const auto link = AwaitLink();
  if (!link) PrintLogs();
  ASSERT_TRUE(link.has_value()) << "no link was measured";
  EXPECT_EQ(link->failure(), "");
  const double round_trip_us = 2 * kOneWayMs * 1'000;
  EXPECT_NEAR(link->round_trip_best_us(), round_trip_us, kWithin * round_trip_us);
  const double rate = kMbitPerS * 1e6;
  EXPECT_NEAR(link->send_bits_per_second(), rate, kWithin * rate);
  EXPECT_NEAR(link->receive_bits_per_second(), rate, kWithin * rate);
  std::printf("round trip %.2f ms of %.0f, %.0f and %.0f Mbit/s of %.0f\n",
              link->round_trip_best_us() / 1'000, 2 * kOneWayMs, link->send_bits_per_second() / 1e6,
              link->receive_bits_per_second() / 1e6, kMbitPerS);
}

}  // namespace
}  // namespace capacity
