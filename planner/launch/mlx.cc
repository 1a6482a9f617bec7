// MLX: mlx.launch starts mlx_lm.server on every node over ssh, from a hostfile.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "planner/launch/engines.h"

namespace capacity::launch {
namespace {

using throughput::Strategy;
using Json = nlohmann::ordered_json;

constexpr char kHostfile[] = "hosts.json";

std::vector<std::string> ServerArguments(const LaunchPlan& plan) {
  std::vector<std::string> argv = {"mlx_lm.server", "--model", plan.source};
  argv.insert(argv.end(), {"--host", plan.api.host, "--port", absl::StrCat(plan.api.port)});
  if (plan.streams > 1) {
    argv.insert(argv.end(), {"--decode-concurrency", absl::StrCat(plan.streams)});
  }
  return argv;
}

bool IsRdma(const Job& job) {
  return job.placement.link != nullptr &&
         job.placement.link->transport == catalog::Transport::kRdma;
}

// The cable from one node to another, by what both ends' agents saw plugged in.
std::string DeviceTowards(const Job& job, const std::string& from, const std::string& to) {
  if (const auto stated = job.facts.rdma_devices.find({from, to});
      stated != job.facts.rdma_devices.end()) {
    return stated->second;
  }
  const auto own = job.facts.sockets.find(from);
  const auto other = job.facts.sockets.find(to);
  if (own == job.facts.sockets.end() || other == job.facts.sockets.end()) return "";
  for (const Socket& socket : own->second) {
    if (socket.rdma_device.empty() || socket.peer_domain.empty()) continue;
    for (const Socket& far : other->second) {
      if (far.domain == socket.peer_domain && far.peer_domain == socket.domain) {
        return socket.rdma_device;
      }
    }
  }
  return "";
}

// Whether mlx_lm's own even split is the planner's.
bool IsEven(const std::vector<Share>& shares) {
  const auto [least, most] =
      std::minmax_element(shares.begin(), shares.end(),
                          [](const Share& a, const Share& b) { return a.layers < b.layers; });
  return most->layers - least->layers <= 1;
}

void WarnAboutMlx(const Job& job, LaunchPlan& plan) {
  plan.warnings.push_back(
      "mlx_lm.server and the model must be at the same path on every node, and ssh must enter "
      "without a question");
  if (IsRdma(job)) {
    plan.warnings.push_back(
        "RDMA must be on (rdma_ctl enable, in recovery mode), the Thunderbolt bridge off and each "
        "cable a network of its own: mlx.distributed_config --backend jaccl --over thunderbolt "
        "does the latter and writes the same hostfile");
  }
  if (plan.strategy == Strategy::kPipeline) {
    plan.warnings.push_back("mlx_lm deals layers by itself: the planner's split is not passed on" +
                            std::string(IsEven(plan.shares) ? ", and is an even one anyhow" : ""));
  }
}

}  // namespace

std::vector<std::vector<std::string>> RdmaMatrix(const Job& job) {
  std::vector<std::vector<std::string>> matrix;
  for (const std::string& from : job.nodes) {
    std::vector<std::string> row;
    for (const std::string& to : job.nodes) {
      row.push_back(from == to ? "" : DeviceTowards(job, from, to));
    }
    matrix.push_back(std::move(row));
  }
  return matrix;
}

std::string Hostfile(const Job& job, const std::vector<std::string>& ssh_names,
                     const std::vector<std::vector<std::string>>& rdma,
                     const std::vector<std::string>& addresses) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < job.nodes.size(); ++i) {
    Json host = {{"ssh", ssh_names[i]}, {"ips", Json::array()}};
    if (!addresses[i].empty()) host["ips"].push_back(addresses[i]);
    if (!rdma.empty()) {
      host["rdma"] = Json::array();
      for (std::size_t j = 0; j < rdma[i].size(); ++j) {
        host["rdma"].push_back(i == j ? Json(nullptr) : Json(rdma[i][j]));
      }
    }
    lines.push_back("  " + host.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  return absl::StrCat("[\n", absl::StrJoin(lines, ",\n"), "\n]\n");
}

void PlanMlx(const Job& job, LaunchPlan& plan) {
  if (plan.api.port == 0) plan.api.port = kMlxPort;
  plan.source = SourceOf(job, plan);
  plan.head = job.nodes.front();
  plan.not_applied =
      "MLX is started over ssh, which the planner never uses: run these steps "
      "yourself";
  if (job.nodes.size() == 1) {
    plan.steps.push_back({plan.head, "serve the model", Command{ServerArguments(plan), {}, true},
                          "stop it (Ctrl-C)"});
  } else {
    const bool rdma = IsRdma(job);
    std::vector<std::vector<std::string>> matrix;
    if (rdma) matrix = RdmaMatrix(job);
    std::vector<std::string> ssh;
    std::vector<std::string> addresses;
    for (std::size_t i = 0; i < job.nodes.size(); ++i) {
      const std::string host = ReachAt(job, job.nodes[i], plan).host;
      ssh.push_back(host);
      // JACCL needs one address, of the first node; the ring one of every node.
      addresses.push_back(!rdma || i == 0 ? host : "");
      for (std::size_t j = 0; rdma && j < job.nodes.size(); ++j) {
        if (i == j || !matrix[i][j].empty()) continue;
        matrix[i][j] = absl::StrCat("<", job.nodes[i], " to ", job.nodes[j], ">");
        plan.missing.push_back(absl::StrCat(
            "the RDMA device of ", job.nodes[i], " with the cable to ", job.nodes[j], ": --rdma ",
            job.nodes[i], ":", job.nodes[j], "=rdma_enN, or --planner, whose agents report it"));
      }
    }
    plan.steps.push_back({plan.head, "the hosts, in the order of their ranks",
                          WriteFile{kHostfile, Hostfile(job, ssh, matrix, addresses)},
                          absl::StrCat("remove ", kHostfile)});
    Command launch;
    launch.argv = {"mlx.launch", "--backend", rdma ? "jaccl" : "ring",
                   "--hostfile", kHostfile,   "--"};
    const std::vector<std::string> server = ServerArguments(plan);
    launch.argv.insert(launch.argv.end(), server.begin(), server.end());
    if (plan.strategy == Strategy::kPipeline) launch.argv.push_back("--pipeline");
    launch.keeps_running = true;
    plan.steps.push_back({plan.head, "start a server on every node; the first one answers", launch,
                          "stop it (Ctrl-C): mlx.launch ends the others"});
    WarnAboutMlx(job, plan);
  }
  plan.steps.push_back({plan.head, "the weights are loaded with the first question",
                        Wait{absl::StrCat("http://", ToString(plan.api), "/v1/models"), "HTTP 200"},
                        ""});
}

}  // namespace capacity::launch
