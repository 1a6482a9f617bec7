// What an engine needs to run a placement: files, commands and requests, in order, each with what
// undoes it. Nothing here touches a network, a file or a process.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/catalog/catalog.h"
#include "planner/fleet/fleet.h"
#include "planner/placement/placement.h"
#include "planner/throughput/throughput.h"

namespace capacity::launch {

// Where something listens. Port 0: the engine's own default.
struct Address {
  std::string host;  // a name, an IPv4 address, or an IPv6 address without brackets
  int port = 0;

  friend bool operator==(const Address&, const Address&) = default;
};
// "10.0.0.2:50052", "[fe80::1]:80"; without a port where it is 0.
std::string ToString(const Address& address);
// "HOST", "HOST:PORT", "[IPV6]:PORT". InvalidArgument says what would be right. A host is letters,
// digits, '.', '-', '_', ':' and '%': it goes into command lines and URLs as it is.
absl::StatusOr<Address> ParseAddress(const std::string& text);

// A socket that a node's agent reported (proto/capacity/v1/node.proto, Port).
struct Socket {
  enum class Kind { kOther, kThunderbolt, kConnectX, kEthernet };
  Kind kind = Kind::kOther;
  bool up = false;
  bool management = false;
  std::vector<std::string> interfaces;  // "en5"
  std::string rdma_device;              // "rdma_en5"; empty: none
  std::string rdma_twin;                // the second RDMA device of a ConnectX cage; empty: none
  std::vector<std::string> addresses;
  std::string domain;       // of a Thunderbolt bus, hashed; empty: not known
  std::string peer_domain;  // of what is plugged in; empty: nothing, or not known
};

// What the user and the agents say beyond the placement. Maps are by node name.
struct Facts {
  placement::Load load;
  std::string kv_type = "f16";               // catalogue id of load.kv_bits
  std::map<std::string, Address> addresses;  // that the user named
  std::map<std::string, std::vector<Socket>> sockets;
  std::map<std::string, std::string> interfaces;  // stated: the one to cluster over
  std::map<std::pair<std::string, std::string>, std::string> rdma_devices;  // stated: (from, to)
  std::optional<int> gid_index;  // of RoCE; nullopt: NCCL chooses
  std::string here;  // llama.cpp: the node that runs llama-server; empty: see LaunchPlan::head
  std::string file;  // GGUF, on the machine where llama-server runs; empty: not stated
  // Multi-token-prediction layers in that file, behind the model's own; nullopt: not known.
  std::optional<int> file_mtp_layers;
  std::string source;           // what EXO, MLX or vLLM call the model; empty: not known
  std::string source_origin;    // where that name comes from: "--source", "catalogue artifact"
  Address api{"127.0.0.1", 0};  // where the server of the whole is to listen
};

// ---------------------------------------------------------------- steps

struct WriteFile {
  std::string path;
  std::string content;
};
struct Command {
  std::vector<std::string> argv;
  std::map<std::string, std::string> environment;
  bool keeps_running = false;
};
struct Request {
  std::string method;
  std::string url;
  std::string body;       // JSON; empty: none, or see body_rule
  std::string body_rule;  // how the body is made of an earlier answer; empty: it is `body`
};
struct Wait {
  std::string url;    // or HOST:PORT of a TCP port
  std::string until;  // in words
};
struct Step {
  std::string node;  // on which machine; empty: where the planner runs
  std::string what;  // "serve layers 0 to 17"
  std::variant<WriteFile, Command, Request, Wait> action;
  std::string undo;  // a command or request in words; empty: nothing to undo
};

// What one node holds.
struct Share {
  std::string node;
  int first_layer = 0;
  int layers = 0;

  friend bool operator==(const Share&, const Share&) = default;
};

struct LaunchPlan {
  catalog::Engine engine = catalog::Engine::kLlamaCpp;
  throughput::Strategy strategy = throughput::Strategy::kSingle;
  std::string model;                                         // catalogue id
  std::string quant;                                         // catalogue id
  std::string link;                                          // catalogue id; empty: none
  catalog::Transport transport = catalog::Transport::kNone;  // of that link
  // In the order in which the layers pass. Tensor parallel: every node has all of them.
  std::vector<Share> shares;
  int layers = 0;
  int context_tokens = 0;  // of one stream
  int streams = 1;
  std::string kv_type;
  std::string file;    // llama.cpp; empty: not stated
  std::string source;  // the others; empty: not known
  std::string head;    // node on which the server of the whole runs; empty: where the planner runs
  Address api;         // of that server, as clients reach it
  std::vector<Step> steps;
  std::vector<std::string> warnings;
  std::vector<std::string> missing;  // facts without which the steps hold <placeholders>
  std::string not_applied;  // why the planner only shows these steps; empty: it can carry them out
};

inline constexpr int kRpcPort = 50052;   // of llama.cpp's RPC server
inline constexpr int kLlamaPort = 8080;  // of llama-server
inline constexpr int kExoPort = 52415;   // of EXO's API
inline constexpr int kVllmPort = 8000;   // of vllm serve
inline constexpr int kMlxPort = 8080;    // of mlx_lm.server
inline constexpr int kRayPort = 6379;    // of a Ray head

// The steps that make `placement` run. Unimplemented for an engine or strategy that nothing here
// starts (Ollama, replicas, disaggregated); FailedPrecondition for a placement that does not fit.
absl::StatusOr<LaunchPlan> MakeLaunchPlan(const fleet::Fleet& fleet,
                                          const placement::Placement& placement,
                                          const Facts& facts);

// The nodes of `fleet` that may run llama-server, most wanted first: the one that is here, then
// those that no address was stated for. Of a cluster of none of them it runs where the planner
// does.
std::vector<int> LlamaDrivers(const fleet::Fleet& fleet, const Facts& facts);

// Whether MakeLaunchPlan knows this engine and this strategy.
bool CanLaunch(catalog::Engine engine, throughput::Strategy strategy);

// Layers of each node of a pipeline, in the placement's order; they add up to the model's. Every
// layer, for each node, under tensor parallelism.
std::vector<int> LayersByNode(const placement::Placement& placement);

// `argv` as a line for a POSIX shell, environment first.
std::string ShellLine(const Command& command);

}  // namespace capacity::launch
