// llama.cpp: an RPC server on each node but the one that runs llama-server, which deals the layers.
#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "planner/launch/engines.h"
#include "planner/placement/legality.h"

namespace capacity::launch {
namespace {

using throughput::Strategy;

// The node that runs llama-server itself; none: it drives them from where the planner runs.
std::optional<std::size_t> HeadOf(const Job& job) {
  for (const int driver : LlamaDrivers(job.fleet, job.facts)) {
    const auto at = std::find(job.placement.nodes.begin(), job.placement.nodes.end(), driver);
    if (at != job.placement.nodes.end()) {
      return static_cast<std::size_t>(at - job.placement.nodes.begin());
    }
  }
  return std::nullopt;
}

std::string LayerWords(const Share& share) {
  if (share.layers == 1) return absl::StrCat("layer ", share.first_layer);
  return absl::StrCat("layers ", share.first_layer, " to ", share.first_layer + share.layers - 1);
}

// `layers` of one node over its cards, as evenly as they go, first ones first.
void DealToCards(int layers, int cards, std::vector<int>& split) {
  for (int card = 0; card < cards; ++card) {
    split.push_back(layers / cards + (card < layers % cards ? 1 : 0));
  }
}

std::vector<std::string> ServerArguments(const Job& job, const LaunchPlan& plan,
                                         const std::vector<std::string>& endpoints,
                                         const std::vector<int>& split) {
  std::vector<std::string> argv = {"llama-server", "-m", plan.file.empty() ? "<FILE>" : plan.file};
  const auto add = [&](const std::string& option, const std::string& value) {
    argv.push_back(option);
    argv.push_back(value);
  };
  if (!endpoints.empty()) add("--rpc", absl::StrJoin(endpoints, ","));
  if (split.size() > 1) {
    add("--split-mode", "layer");
    const int mtp_layers = job.facts.file_mtp_layers.value_or(0);
    add("--tensor-split", absl::StrJoin(TensorSplit(split, mtp_layers), ","));
  } else if (placement::DevicesOf(job.node(0)) > 1) {
    add("--split-mode", "none");
  }
  // All layers and the output leave the processors; every version takes a number.
  add("-ngl", absl::StrCat(std::max(99, plan.layers + 1)));
  add("-c", absl::StrCat(static_cast<long long>(plan.context_tokens) * plan.streams));
  add("-np", absl::StrCat(plan.streams));
  add("--cache-type-k", plan.kv_type);
  add("--cache-type-v", plan.kv_type);
  if (plan.kv_type != "f16") add("--flash-attn", "on");  // a quantized V cache needs it
  add("--alias", plan.model);
  add("--host", plan.api.host);
  add("--port", absl::StrCat(plan.api.port));
  return argv;
}

// The placement's order but for the head, whose own devices llama.cpp puts behind the remote ones.
std::vector<std::size_t> DeviceOrder(const Job& job, std::optional<std::size_t> head) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < job.nodes.size(); ++i) {
    if (i != head) order.push_back(i);
  }
  if (head) order.push_back(*head);
  return order;
}

}  // namespace

std::vector<int> LlamaDrivers(const fleet::Fleet& fleet, const Facts& facts) {
  std::vector<int> drivers;
  for (std::size_t i = 0; i < fleet.nodes().size(); ++i) {
    const std::string& name = fleet.nodes()[i].name;
    if (name == facts.here) {
      drivers.insert(drivers.begin(), static_cast<int>(i));
    } else if (facts.addresses.count(name) == 0) {
      drivers.push_back(static_cast<int>(i));
    }
  }
  return drivers;
}

std::vector<int> TensorSplit(std::vector<int> layers, int mtp_layers) {
  const auto last = std::find_if(layers.rbegin(), layers.rend(), [](int n) { return n > 0; });
  if (last != layers.rend()) *last += mtp_layers + 1;
  return layers;
}

void PlanLlamaCpp(const Job& job, LaunchPlan& plan) {
  if (plan.api.port == 0) plan.api.port = kLlamaPort;
  plan.file = job.facts.file;
  if (plan.file.empty()) {
    plan.missing.push_back(
        "the weights: --file MODEL.gguf, its path on the machine that runs llama-server");
  }
  const std::optional<std::size_t> head = HeadOf(job);
  plan.head = head ? job.nodes[*head] : "";
  const int cards = job.placement.strategy == Strategy::kSingle ? 1 : 0;  // 0: all of a node
  plan.shares.clear();
  std::vector<std::string> endpoints;
  std::vector<int> split;
  int next = 0;
  for (const std::size_t i : DeviceOrder(job, head)) {
    const Share share{job.nodes[i], next, job.layers[i]};
    next += share.layers;
    plan.shares.push_back(share);
    DealToCards(share.layers, cards != 0 ? cards : placement::DevicesOf(job.node(i)), split);
    if (i == head) continue;
    Address at = ReachAt(job, share.node, plan);
    if (at.port == 0) at.port = kRpcPort;
    endpoints.push_back(ToString(at));
    // Where it is reached is where it listens: no other network needs it.
    plan.steps.push_back(
        {share.node, absl::StrCat("hold ", LayerWords(share)),
         Command{{"ggml-rpc-server", "-H", at.host, "-p", absl::StrCat(at.port), "-c"}, {}, true},
         "stop it (Ctrl-C, or kill its process)"});
  }
  for (const std::string& endpoint : endpoints) {
    plan.steps.push_back({plan.head, "is the RPC server there, and what version?",
                          Wait{endpoint, "it answers RPC's hello"}, ""});
  }
  plan.steps.push_back(
      {plan.head,
       !endpoints.empty() && head
           ? absl::StrCat("hold ", LayerWords(plan.shares.back()), " and serve the whole")
           : std::string("serve the model"),
       Command{ServerArguments(job, plan, endpoints, split), {}, true},
       "stop it (SIGTERM, after ten seconds SIGKILL)"});
  plan.steps.push_back({plan.head,
                        endpoints.empty()
                            ? std::string("the weights are loaded first")
                            : std::string("weights go to every node first; that takes its time"),
                        Wait{absl::StrCat("http://", ToString(plan.api), "/health"),
                             "HTTP 200, {\"status\": \"ok\"}"},
                        ""});
  const int mtp_layers = job.placement.model->architecture.mtp_layers;
  if (split.size() > 1 && mtp_layers > 0 && !job.facts.file_mtp_layers) {
    plan.warnings.push_back(absl::StrCat(
        "some GGUFs of this model hold its ", mtp_layers, " multi-token-prediction ",
        mtp_layers == 1 ? "layer" : "layers",
        ", which llama.cpp counts when it deals layers: the split allows for them only where "
        "--file can be read here"));
  }
  if (!endpoints.empty()) {
    plan.warnings.push_back(
        "llama.cpp's RPC knows no passwords and trusts every byte it gets: whoever reaches the "
        "port owns the machine. Only on a network that nobody else is on");
    plan.warnings.push_back(
        "ggml-rpc-server is called rpc-server in older builds; Debian has it in "
        "/usr/libexec/*/llama/bin. All nodes need the same version of llama.cpp");
  }
}

}  // namespace capacity::launch
