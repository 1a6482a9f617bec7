// vLLM: a Ray cluster of the nodes, then one server over it.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "planner/launch/engines.h"
#include "planner/placement/legality.h"

namespace capacity::launch {
namespace {

using throughput::Strategy;

using Environment = std::map<std::string, std::string>;

std::string InterfaceOf(const Job& job, const std::string& node, LaunchPlan& plan) {
  if (const auto stated = job.facts.interfaces.find(node); stated != job.facts.interfaces.end()) {
    return stated->second;
  }
  if (const Socket* socket = ClusterSocket(job, node)) return socket->interfaces.front();
  plan.missing.push_back(absl::StrCat("the network interface that ", node,
                                      " clusters over: --interface ", node,
                                      "=NAME, or --planner, whose agents report it"));
  return absl::StrCat("<interface of ", node, ">");
}

// What a node's processes must know of the network. NCCL takes a list of device prefixes; "="
// makes them whole names.
Environment NetworkOf(const Job& job, const std::string& node, const std::string& host,
                      LaunchPlan& plan) {
  const std::string interface = InterfaceOf(job, node, plan);
  Environment environment = {{"VLLM_HOST_IP", host},
                             {"NCCL_SOCKET_IFNAME", "=" + interface},
                             {"GLOO_SOCKET_IFNAME", interface},
                             {"TP_SOCKET_IFNAME", interface},
                             // Weights and cache fill unified memory; Ray would kill what does.
                             {"RAY_memory_monitor_refresh_ms", "0"}};
  const bool rdma =
      job.placement.link != nullptr && job.placement.link->transport == catalog::Transport::kRdma;
  if (!rdma) {
    environment["NCCL_IB_DISABLE"] = "1";
    return environment;
  }
  const Socket* socket = ClusterSocket(job, node);
  if (socket != nullptr && !socket->rdma_device.empty()) {
    environment["NCCL_IB_HCA"] =
        absl::StrCat("=", socket->rdma_device,
                     socket->rdma_twin.empty() ? "" : absl::StrCat(",", socket->rdma_twin));
  }
  if (job.facts.gid_index) environment["NCCL_IB_GID_INDEX"] = absl::StrCat(*job.facts.gid_index);
  return environment;
}

// The share of a GPU's memory that the plan gives to the engine: what the smallest node offers, of
// what it has, rounded down.
double Utilization(const Job& job) {
  constexpr double kMost = 0.95;  // the driver keeps some of every card
  double share = kMost;
  for (std::size_t i = 0; i < job.placement.memory.size() && i < job.nodes.size(); ++i) {
    const fleet::Node& node = job.node(i);
    double has = static_cast<double>(node.memory().count);
    if (node.has_cards()) {
      has =
          static_cast<double>(node.vram_per_card().count) * job.placement.memory[i].budget.devices;
    } else if (node.machine->memory_visible && !node.overrides.memory) {
      has = static_cast<double>(node.machine->memory_visible->count);
    }
    if (has <= 0) continue;
    share = std::min(share, static_cast<double>(job.placement.memory[i].budget.bytes.count) / has);
  }
  return std::floor(share * 100) / 100;
}

std::vector<std::string> ServerArguments(const Job& job, const LaunchPlan& plan) {
  const bool cluster = job.nodes.size() > 1;
  int ranks = 0;
  for (std::size_t i = 0; i < job.nodes.size(); ++i) ranks += placement::DevicesOf(job.node(i));
  std::vector<std::string> argv = {"vllm", "serve", plan.source};
  const auto add = [&](const std::string& option, const std::string& value) {
    argv.push_back(option);
    argv.push_back(value);
  };
  if (plan.strategy == Strategy::kTensor) add("--tensor-parallel-size", absl::StrCat(ranks));
  if (plan.strategy == Strategy::kPipeline) add("--pipeline-parallel-size", absl::StrCat(ranks));
  if (cluster) add("--distributed-executor-backend", "ray");
  add("--max-model-len", absl::StrCat(plan.context_tokens));
  add("--max-num-seqs", absl::StrCat(plan.streams));
  add("--gpu-memory-utilization", absl::StrFormat("%.2f", Utilization(job)));
  if (plan.kv_type == "fp8") add("--kv-cache-dtype", "fp8");
  add("--served-model-name", plan.model);
  add("--host", plan.api.host);
  add("--port", absl::StrCat(plan.api.port));
  return argv;
}

// vLLM deals layers evenly unless VLLM_PP_LAYER_PARTITION says otherwise.
void PassSplitOn(const Job& job, const LaunchPlan& plan, Environment& environment) {
  if (plan.strategy != Strategy::kPipeline) return;
  std::string partition;
  for (std::size_t i = 0; i < job.nodes.size(); ++i) {
    const int cards = placement::DevicesOf(job.node(i));
    for (int card = 0; card < cards; ++card) {
      absl::StrAppend(&partition, partition.empty() ? "" : ",",
                      job.layers[i] / cards + (card < job.layers[i] % cards ? 1 : 0));
    }
  }
  environment["VLLM_PP_LAYER_PARTITION"] = partition;
}

}  // namespace

void PlanVllm(const Job& job, LaunchPlan& plan) {
  if (plan.api.port == 0) plan.api.port = kVllmPort;
  plan.source = SourceOf(job, plan);
  plan.head = job.nodes.front();
  plan.not_applied =
      "vLLM is started on the machines themselves, which the planner never enters: "
      "run these steps yourself";
  Environment head_environment;
  if (job.nodes.size() > 1) {
    Address ray = ReachAt(job, plan.head, plan);
    ray.port = kRayPort;
    for (std::size_t i = 0; i < job.nodes.size(); ++i) {
      const std::string& node = job.nodes[i];
      const std::string host = ReachAt(job, node, plan).host;
      const Environment environment = NetworkOf(job, node, host, plan);
      if (i == 0) head_environment = environment;
      Command start;
      start.argv = {"ray", "start"};
      if (i == 0) {
        start.argv.insert(start.argv.end(), {"--head", "--port", absl::StrCat(kRayPort)});
      } else {
        start.argv.push_back("--address=" + ToString(ray));
      }
      start.argv.insert(start.argv.end(), {"--node-ip-address", host});
      start.environment = environment;
      plan.steps.push_back(
          {node, i == 0 ? "begin the Ray cluster" : "join it", std::move(start), "ray stop"});
    }
    plan.steps.push_back({plan.head, absl::StrCat("must list ", job.nodes.size(), " nodes"),
                          Command{{"ray", "status"}, {}, false}, ""});
    PassSplitOn(job, plan, head_environment);
    plan.warnings.push_back("Ray has no passwords: its ports must not be open to others");
    if (job.placement.link != nullptr &&
        job.placement.link->transport == catalog::Transport::kRdma && !job.facts.gid_index) {
      plan.warnings.push_back(
          "NCCL_IB_GID_INDEX is not set: NCCL 2.21 and later find the RoCE v2 address by "
          "themselves. Where yours does not, `ibv_devinfo -v` lists them: --gid-index N");
    }
  } else {
    PassSplitOn(job, plan, head_environment);
  }
  plan.steps.push_back({plan.head, "serve the model",
                        Command{ServerArguments(job, plan), head_environment, true},
                        "stop it (Ctrl-C)"});
  plan.steps.push_back({plan.head, "weights are loaded and kernels compiled first",
                        Wait{absl::StrCat("http://", ToString(plan.api), "/health"), "HTTP 200"},
                        ""});
}

}  // namespace capacity::launch
