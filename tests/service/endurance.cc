// The planner's figures, measured on the real binary in a process of its own:
//   load [--tls] --agents N --period SECONDS --seconds S   memory, latency
//   durable --seconds S                                    reports on disk a second
//   kill --times N                                         kill -9 under load
//   frames --frames N                                      noise from raw sockets
//   full                                                   a disk that fills up (root)
//
// Prints what it measured; exits 1 when a limit that was asked for or a promise of docs/service.md
// is broken, 77 when it cannot be tried here. tests/service/long.sh has the full lengths.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/mount.h>
#endif

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <sstream>
#include <thread>

#include "CLI/CLI.hpp"
#include "grpcpp/grpcpp.h"
#include "planner/pki/files.h"
#include "planner/pki/token.h"
#include "planner/service/state_directory.h"
#include "planner/store/maintenance.h"
#include "planner/store/store.h"
#include "tests/service/live_planner.h"

extern char** environ;

namespace capacity {
namespace {

using Clock = std::chrono::steady_clock;
using testing::Report;
using testing::TemporaryDirectory;

[[noreturn]] void Die(const std::string& why) {
  std::cerr << "endurance: " << why << "\n";
  std::_Exit(1);
}

// `planner serve` as a child.
class Server {
 public:
  Server(const std::string& state, bool tls) : state_(state), tls_(tls) { Start(); }
  ~Server() { Stop(SIGTERM); }

  void Start() {
    log_ = state_ + ".log";
    std::vector<std::string> argv = {CAPACITY_PLANNER, "serve",       "--state",   state_,
                                     "--listen",       "127.0.0.1:0", "--metrics", ""};
    argv.push_back("--no-link-measurements");
    if (tls_) argv.push_back("--require-tls");
    std::vector<char*> pointers;
    for (std::string& text : argv) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, log_.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
    if (posix_spawn(&pid_, CAPACITY_PLANNER, &actions, nullptr, pointers.data(), environ) != 0) {
      Die("cannot start the planner");
    }
    posix_spawn_file_actions_destroy(&actions);
    for (int i = 0; i < 600; ++i) {
      std::ifstream log(log_);
      std::stringstream text;
      text << log.rdbuf();
      const std::string all = text.str();
      const std::size_t at = all.find("serving address=\"127.0.0.1:");
      if (at != std::string::npos && all.find('\n', at) != std::string::npos) {
        port_ = std::atoi(all.c_str() + at + std::string("serving address=\"127.0.0.1:").size());
        return;
      }
      if (!Alive()) Die("the planner ended: " + all);
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    Die("the planner does not say that it serves");
  }

  // Returns the exit status as waitpid gives it.
  int Stop(int signal) {
    if (pid_ <= 0) return 0;
    kill(pid_, signal);
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return status;
  }

  bool Alive() const {
    int status = 0;
    return pid_ > 0 && waitpid(pid_, &status, WNOHANG) == 0;
  }

  double RssMb() const {
    std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.rfind("VmRSS:", 0) == 0) return std::atof(line.c_str() + 6) / 1024;
    }
    return -1;
  }

  int port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  std::string state_;
  std::string log_;
  bool tls_;
  pid_t pid_ = 0;
  int port_ = 0;
};

std::unique_ptr<store::Store> OpenStore(const std::string& state) {
  store::Options options;
  options.directory = state;
  auto opened = store::Store::OpenBeside(std::move(options));
  if (!opened.ok()) Die(std::string(opened.status().message()));
  return *std::move(opened);
}

struct Agent {
  std::string node_id;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::Agents::Stub> stub;
  std::uint64_t sequence = 0;
};

// A node that the store knows.
struct Credentials {
  std::string node_id;
  pki::Credential credential;
};
std::vector<Credentials> MakeNodes(const std::string& state, int count, bool tls) {
  const auto store = OpenStore(state);
  std::vector<Credentials> nodes;
  pki::Credential authority;
  if (tls) authority = service::LoadAuthority(state)->authority;
  for (int i = 0; i < count; ++i) {
    Credentials node;
    store::Enrollment enrollment;
    enrollment.name = "agent-" + std::to_string(i);
    enrollment.new_node_id = *pki::RandomId();
    const auto record = store->Enroll(enrollment);
    if (!record.ok()) Die(std::string(record.status().message()));
    node.node_id = record->node_id;
    if (tls) {
      node.credential = *pki::CreateClientCredential(authority, pki::Role::kNode, node.node_id,
                                                     store::SystemClock(), pki::kDayMs);
      const auto identity = pki::ParseCertificate(node.credential.certificate_pem);
      const absl::Status added = store->AddCertificate(service::RecordOf(*identity));
      if (!added.ok()) Die(std::string(added.message()));
    }
    nodes.push_back(std::move(node));
  }
  return nodes;
}

std::unique_ptr<Agent> Connect(const Server& server, const Credentials& node,
                               const std::string& ca_pem) {
  auto agent = std::make_unique<Agent>();
  agent->node_id = node.node_id;
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (!ca_pem.empty()) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = ca_pem;
    options.pem_private_key = node.credential.key_pem;
    options.pem_cert_chain = node.credential.certificate_pem;
    credentials = grpc::SslCredentials(options);
    arguments.SetSslTargetNameOverride(std::string(pki::kServerName));
  }
  agent->channel = grpc::CreateCustomChannel(server.address(), credentials, arguments);
  agent->stub = v1::Agents::NewStub(agent->channel);
  return agent;
}

void Initialize(const std::string& state) {
  const auto made = service::InitializeAuthority(state, {{"localhost"}, {"127.0.0.1"}},
                                                 service::ServerCertificate::kWhenNeeded,
                                                 *OpenStore(state), store::SystemClock());
  if (!made.ok()) Die(std::string(made.status().message()));
}

// ---------------------------------------------------------------- load

struct Latencies {
  std::mutex mutex;
  std::vector<double> ms;
  std::map<int, int> failures;  // by status code
};

// One call under way.
struct Beat {
  grpc::ClientContext context;
  v1::HeartbeatRequest request;
  v1::HeartbeatResponse response;
  Clock::time_point began = Clock::now();
};

void SendHeartbeat(Agent& agent, Latencies& latencies, std::atomic<int>& under_way) {
  auto* beat = new Beat;
  beat->request.mutable_origin()->set_node_id(agent.node_id);
  beat->request.mutable_origin()->set_boot_id(1);
  beat->request.mutable_origin()->set_sequence(++agent.sequence);
  beat->request.set_sent_at_unix_ms(store::SystemClock());
  beat->request.set_available_memory_bytes(std::uint64_t{100} << 30);
  beat->context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  ++under_way;
  agent.stub->async()->Heartbeat(
      &beat->context, &beat->request, &beat->response,
      [beat, &latencies, &under_way](const grpc::Status& status) {
        const double ms =
            std::chrono::duration<double, std::milli>(Clock::now() - beat->began).count();
        {
          const std::lock_guard<std::mutex> lock(latencies.mutex);
          if (status.ok()) {
            latencies.ms.push_back(ms);
          } else {
            ++latencies.failures[status.error_code()];
          }
        }
        delete beat;
        --under_way;
      });
}

double Quantile(std::vector<double> values, double q) {
  if (values.empty()) return -1;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1,
                         static_cast<std::size_t>(q * static_cast<double>(values.size())))];
}

int Load(bool tls, int agents, double period_s, double seconds, double most_rss_mb,
         double most_p99_ms) {
  const TemporaryDirectory directory;
  if (tls) Initialize(directory.path());
  const std::vector<Credentials> nodes = MakeNodes(directory.path(), agents, tls);
  Server server(directory.path(), tls);
  const std::string ca =
      tls ? *pki::ReadFile(service::PkiPath(directory.path(), "ca.pem")) : std::string();
  std::vector<std::unique_ptr<Agent>> connected;
  const auto connect_began = Clock::now();
  Latencies latencies;
  std::atomic<int> under_way{0};
  for (const Credentials& node : nodes) {
    connected.push_back(Connect(server, node, ca));
    grpc::ClientContext context;
    v1::SendReportResponse response;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    const grpc::Status status =
        connected.back()->stub->SendReport(&context, Report(node.node_id, 1, 1), &response);
    if (!status.ok()) Die("a report was refused: " + status.error_message());
  }
  const double connect_s = std::chrono::duration<double>(Clock::now() - connect_began).count();
  const auto began = Clock::now();
  const auto end =
      began + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  double most_rss = 0;
  std::size_t sent = 0;
  while (Clock::now() < end) {
    // Evenly over the period.
    const auto due =
        began + std::chrono::duration_cast<Clock::duration>(
                    std::chrono::duration<double>(period_s * static_cast<double>(sent) / agents));
    std::this_thread::sleep_until(due);
    SendHeartbeat(*connected[sent % connected.size()], latencies, under_way);
    if (++sent % 200 == 0) most_rss = std::max(most_rss, server.RssMb());
  }
  while (under_way > 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  most_rss = std::max(most_rss, server.RssMb());
  int failures = 0;
  for (const auto& [code, count] : latencies.failures) {
    failures += count;
    std::printf("status %d: %d\n", code, count);
  }
  const double p99 = Quantile(latencies.ms, 0.99);
  std::printf(
      "%s, %d agents, a heartbeat every %.0f s, %.0f s: %zu answered, %d failed; p50 %.1f ms, p99 "
      "%.1f ms; RSS %.0f MB; all connected and reported in %.0f s\n",
      tls ? "mutual TLS" : "plaintext", agents, period_s, seconds, latencies.ms.size(), failures,
      Quantile(latencies.ms, 0.5), p99, most_rss, connect_s);
  return failures > 0 || most_rss > most_rss_mb || p99 > most_p99_ms ? 1 : 0;
}

// ---------------------------------------------------------------- durable

struct Sent {
  grpc::ClientContext context;
  v1::SendReportRequest request;
  v1::SendReportResponse response;
};

int Durable(double seconds, double least_per_second) {
  constexpr int kNodes = 2000;
  constexpr int kConnections = 8;
  constexpr int kUnderWay = 512;
  const TemporaryDirectory directory;
  const std::vector<Credentials> nodes = MakeNodes(directory.path(), kNodes, false);
  Server server(directory.path(), false);
  std::vector<std::unique_ptr<Agent>> connections;
  for (int i = 0; i < kConnections; ++i) connections.push_back(Connect(server, nodes[0], ""));
  std::atomic<int> under_way{0};
  std::atomic<int> durable{0};
  std::atomic<int> failed{0};
  const auto began = Clock::now();
  for (std::uint64_t i = 0; std::chrono::duration<double>(Clock::now() - began).count() < seconds;
       ++i) {
    while (under_way >= kUnderWay) std::this_thread::yield();
    auto* sent = new Sent;
    sent->request = Report(nodes[i % kNodes].node_id, 1, i / kNodes + 1);
    ++under_way;
    connections[i % kConnections]->stub->async()->SendReport(
        &sent->context, &sent->request, &sent->response,
        [sent, &under_way, &durable, &failed](const grpc::Status& status) {
          ++(status.ok() ? durable : failed);
          delete sent;
          --under_way;
        });
  }
  while (under_way > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const double elapsed = std::chrono::duration<double>(Clock::now() - began).count();
  const double rate = durable / elapsed;
  std::printf("%.0f durable reports/s (%d in %.1f s, %d refused)\n", rate, durable.load(), elapsed,
              failed.load());
  return rate < least_per_second ? 1 : 0;
}

// ---------------------------------------------------------------- kill

// Kills the planner under load; every acknowledged report must be there after each restart.
int Kill(int times) {
  constexpr int kNodes = 20;
  const TemporaryDirectory directory;
  const std::vector<Credentials> nodes = MakeNodes(directory.path(), kNodes, false);
  Server server(directory.path(), false);
  std::map<std::string, std::uint64_t> acknowledged;
  std::map<std::string, std::uint64_t> next;
  std::mt19937 random(1);
  long total = 0;
  long duplicates = 0;
  for (int round = 0; round < times; ++round) {
    std::mutex mutex;
    std::atomic<bool> stop{false};
    std::vector<std::thread> senders;
    for (int t = 0; t < 4; ++t) {
      senders.emplace_back([&, t] {
        const auto agent = Connect(server, nodes[0], "");
        while (!stop) {
          for (int n = t; n < kNodes && !stop; n += 4) {
            const std::string& id = nodes[static_cast<std::size_t>(n)].node_id;
            std::uint64_t sequence;
            {
              const std::lock_guard<std::mutex> lock(mutex);
              sequence = ++next[id];
            }
            grpc::ClientContext context;
            v1::SendReportResponse response;
            const grpc::Status status =
                agent->stub->SendReport(&context, Report(id, 1, sequence), &response);
            const std::lock_guard<std::mutex> lock(mutex);
            if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) continue;
            if (!status.ok()) return;
            acknowledged[id] = sequence;
            ++total;
            if (response.outcome() == v1::OUTCOME_DUPLICATE) ++duplicates;
          }
        }
      });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(30 + random() % 120));
    server.Stop(SIGKILL);
    stop = true;
    for (std::thread& sender : senders) sender.join();
    server.Start();
    const auto store = OpenStore(directory.path());
    for (const auto& [id, sequence] : acknowledged) {
      const auto report = store->GetReport(id);
      if (!report.ok()) Die("a node's report is gone");
      if (report->stamp.sequence < sequence) Die("an acknowledged report is lost");
      if (report->stamp.sequence > next[id]) Die("a report that nobody sent");
    }
  }
  server.Stop(SIGTERM);
  const auto check = store::Check(directory.path());
  if (!check.ok()) Die(std::string(check.status().message()));
  for (const std::string& finding : check->findings) Die(finding);
  // One a node: at least of those that were told so, at most of those that sent any. What was
  // stored as the planner was killed is in no answer.
  if (check->reports < static_cast<std::int64_t>(acknowledged.size())) Die("a report is gone");
  if (check->reports > static_cast<std::int64_t>(next.size())) Die("duplicated reports");
  std::printf(
      "%d kills, %ld reports acknowledged: 0 lost, %ld answered as duplicates, store sound\n",
      times, total, duplicates);
  return duplicates == 0 ? 0 : 1;
}

// ---------------------------------------------------------------- frames

int RawConnect(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
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

std::string Frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                  const std::string& payload) {
  std::string frame;
  const std::size_t size = payload.size();
  frame += static_cast<char>(size >> 16);
  frame += static_cast<char>(size >> 8);
  frame += static_cast<char>(size);
  frame += static_cast<char>(type);
  frame += static_cast<char>(flags);
  for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(stream >> shift);
  return frame + payload;
}

// A header without indexing and Huffman.
std::string Header(const std::string& name, const std::string& value) {
  std::string out(1, '\0');
  out += static_cast<char>(name.size());
  out += name;
  out += static_cast<char>(value.size());
  return out + value;
}

// A call whose message is noise of a plausible or implausible length.
std::string NoisyCall(std::uint32_t stream, std::mt19937& random) {
  static const char* const kMethods[] = {"Agents/SendReport", "Agents/Heartbeat", "Agents/Enrol",
                                         "Planner/Plan",      "Planner/GetNode",  "Nothing/Here"};
  const std::string headers =
      Header(":method", "POST") + Header(":scheme", "http") +
      Header(":path", std::string("/capacity.v1.") + kMethods[random() % 6]) +
      Header(":authority", "x") + Header("content-type", "application/grpc") +
      Header("te", "trailers");
  std::string noise;
  const std::size_t size = random() % 200;
  for (std::size_t i = 0; i < size; ++i) noise += static_cast<char>(random());
  std::string message(1, static_cast<char>(random() % 8 == 0));  // compressed, or not
  const std::size_t said = random() % 8 == 0 ? random() : size;
  for (int shift = 24; shift >= 0; shift -= 8) message += static_cast<char>(said >> shift);
  return Frame(1, 4, stream, headers) + Frame(0, 1, stream, message + noise);
}

// Any frame at all.
std::string NoisyFrame(std::mt19937& random) {
  std::string noise;
  const std::size_t size = random() % 64;
  for (std::size_t i = 0; i < size; ++i) noise += static_cast<char>(random());
  return Frame(static_cast<std::uint8_t>(random() % 12), static_cast<std::uint8_t>(random()),
               random() % 16, noise);
}

int Frames(long frames) {
  const TemporaryDirectory directory;
  const std::vector<Credentials> nodes = MakeNodes(directory.path(), 1, false);
  Server server(directory.path(), false);
  std::mt19937 random(7);
  long sent = 0;
  long connections = 0;
  while (sent < frames) {
    const int fd = RawConnect(server.port());
    if (fd < 0) {
      if (!server.Alive()) Die("the planner crashed");
      continue;
    }
    ++connections;
    std::string bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(4, 0, 0, "");
    // Calls that are well framed with messages that are not, then frames that break the connection.
    long in_this = 0;
    for (std::uint32_t i = 0; i < 40; ++i, in_this += 2) bytes += NoisyCall(2 * i + 1, random);
    for (int i = 0; i < 20; ++i, ++in_this) bytes += NoisyFrame(random);
    std::size_t at = 0;
    while (at < bytes.size()) {
      const ssize_t put = send(fd, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (put <= 0) break;
      at += static_cast<std::size_t>(put);
    }
    sent += in_this;
    // What it answers, for a moment, so that it must write, too.
    timeval patience{0, 2000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    char buffer[4096];
    while (recv(fd, buffer, sizeof buffer, 0) > 0) {
    }
    close(fd);
  }
  if (!server.Alive()) Die("the planner crashed");
  const auto agent = Connect(server, nodes[0], "");
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(15));
  v1::SendReportResponse response;
  const grpc::Status status =
      agent->stub->SendReport(&context, Report(nodes[0].node_id, 1, 1), &response);
  if (!status.ok()) Die("a good agent is not served afterwards: " + status.error_message());
  std::printf("%ld frames over %ld connections: alive, RSS %.0f MB, a good agent is served\n", sent,
              connections, server.RssMb());
  return 0;
}

// ---------------------------------------------------------------- full

#ifndef __linux__
int Full() {
  std::printf("skipped: a small disk is mounted on Linux only\n");
  return 77;
}
#else
int Full() {
  const TemporaryDirectory mount_point;
  if (mount("tmpfs", mount_point.path().c_str(), "tmpfs", 0, "size=1m") != 0) {
    std::printf("skipped: mounting a small disk needs root\n");
    return 77;
  }
  int result = 1;
  {
    const std::string state = mount_point.path() + "/state";
    const std::vector<Credentials> nodes = MakeNodes(state, 50, false);
    Server server(state, false);
    const auto agent = Connect(server, nodes[0], "");
    int refused = 0;
    int accepted = 0;
    const auto send = [&](int node, std::uint64_t sequence) {
      v1::SendReportRequest request =
          Report(nodes[static_cast<std::size_t>(node)].node_id, 1, sequence);
      for (int i = 0; i < 100; ++i) {
        request.mutable_report()->add_probes()->set_name(std::string(900, 'p'));
      }
      grpc::ClientContext context;
      v1::SendReportResponse response;
      return agent->stub->SendReport(&context, request, &response);
    };
    for (int i = 0; i < 50; ++i) {
      const grpc::Status status = send(i, 1);
      if (status.ok()) {
        ++accepted;
      } else if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
        ++refused;
      } else {
        Die("a full disk is answered with " + status.error_message());
      }
    }
    if (refused == 0 || accepted == 0) Die("the disk never filled, or was full from the first");
    v1::ListNodesResponse list;
    grpc::ClientContext context;
    const grpc::Status asked = v1::Planner::NewStub(agent->channel)->ListNodes(&context, {}, &list);
    if (!asked.ok() || list.nodes_size() != 50) Die("a full disk keeps questions out");
    if (mount("tmpfs", mount_point.path().c_str(), "tmpfs", MS_REMOUNT, "size=64m") != 0) {
      Die("the disk cannot be made larger");
    }
    grpc::Status recovered;
    for (int i = 0; i < 50; ++i) {
      recovered = send(49, 2 + static_cast<std::uint64_t>(i));
      if (recovered.ok()) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    if (!recovered.ok())
      Die("with space again, reports are still refused: " + recovered.error_message());
    std::printf("%d reports kept, %d refused on a full disk; with space again it goes on\n",
                accepted, refused);
    result = 0;
  }
  umount(mount_point.path().c_str());
  return result;
}
#endif

int Main(int argc, char** argv) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  CLI::App app{"The planner's figures"};
  app.require_subcommand(1);
  bool tls = false;
  int agents = 2000;
  int times = 1000;
  long frames = 1'000'000;
  double period = 10;
  double seconds = 60;
  double rss = 1e9;
  double p99 = 1e9;
  double least = 0;
  CLI::App* load = app.add_subcommand("load");
  load->add_flag("--tls", tls);
  load->add_option("--agents", agents);
  load->add_option("--period", period);
  load->add_option("--seconds", seconds);
  load->add_option("--most-rss-mb", rss);
  load->add_option("--most-p99-ms", p99);
  CLI::App* durable = app.add_subcommand("durable");
  durable->add_option("--seconds", seconds);
  durable->add_option("--least", least);
  CLI::App* killing = app.add_subcommand("kill");
  killing->add_option("--times", times);
  CLI::App* noise = app.add_subcommand("frames");
  noise->add_option("--frames", frames);
  CLI::App* full = app.add_subcommand("full");
  CLI11_PARSE(app, argc, argv);
  if (*load) return Load(tls, agents, period, seconds, rss, p99);
  if (*durable) return Durable(seconds, least);
  if (*killing) return Kill(times);
  if (*noise) return Frames(frames);
  return *full ? Full() : 1;
}

}  // namespace
}  // namespace capacity

int main(int argc, char** argv) { return capacity::Main(argc, argv); }
