#include "planner/cli/launch_arguments.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "capacity/v1/planner.grpc.pb.h"
#include "planner/inventory/document.h"

namespace capacity::cli {
namespace {

constexpr int kPatienceSeconds = 30;
constexpr char kLiveInventory[] = "live-fleet.yaml";  // what problems call the exported inventory

// ---------------------------------------------------------------- NAME=VALUE

struct Pair {
  std::string name;
  std::string value;
};
std::optional<Pair> Split(const std::string& text) {
  const std::size_t at = text.find('=');
  if (at == std::string::npos || at == 0 || at + 1 == text.size()) return std::nullopt;
  return Pair{text.substr(0, at), text.substr(at + 1)};
}

// A network interface or RDMA device: it goes into files and command lines as it is.
bool IsDevice(const std::string& name) {
  constexpr std::size_t kLongest = 64;
  const char* const kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  return !name.empty() && name.size() <= kLongest && name.front() != '-' &&
         name.find_first_not_of(kAllowed) == std::string::npos;
}

bool ReadAddresses(const std::vector<std::string>& texts, launch::Facts& facts) {
  bool good = true;
  for (const std::string& text : texts) {
    const std::optional<Pair> pair = Split(text);
    const absl::StatusOr<launch::Address> address =
        pair ? launch::ParseAddress(pair->value) : absl::InvalidArgumentError("");
    if (!pair) {
      BadArgument("--address", absl::StrCat("\"", text, "\" is not NODE=HOST or NODE=HOST:PORT"));
      good = false;
    } else if (!address.ok()) {
      BadArgument("--address", std::string(address.status().message()));
      good = false;
    } else if (!facts.addresses.emplace(pair->name, *address).second) {
      BadArgument("--address", absl::StrCat(pair->name, " has two"));
      good = false;
    }
  }
  return good;
}

bool ReadInterfaces(const std::vector<std::string>& texts, launch::Facts& facts) {
  bool good = true;
  for (const std::string& text : texts) {
    const std::optional<Pair> pair = Split(text);
    if (pair && IsDevice(pair->value)) {
      facts.interfaces[pair->name] = pair->value;
      continue;
    }
    BadArgument("--interface",
                absl::StrCat("\"", text, "\" is not NODE=NAME, for example spark-1=enp1s0f1np1"));
    good = false;
  }
  return good;
}

bool ReadRdma(const std::vector<std::string>& texts, launch::Facts& facts) {
  bool good = true;
  for (const std::string& text : texts) {
    const std::optional<Pair> pair = Split(text);
    const std::size_t colon = pair ? pair->name.find(':') : std::string::npos;
    if (colon != std::string::npos && IsDevice(pair->value)) {
      facts.rdma_devices[{pair->name.substr(0, colon), pair->name.substr(colon + 1)}] = pair->value;
      continue;
    }
    BadArgument("--rdma",
                absl::StrCat("\"", text, "\" is not NODE:NODE=DEVICE, for example a:b=rdma_en5"));
    good = false;
  }
  return good;
}

// The same file from whichever directory a command is run; "" stays "".
std::string Absolute(const std::string& path) {
  std::error_code error;
  return path.empty() ? "" : std::filesystem::absolute(path, error).lexically_normal().string();
}

// The file that llama-server is to be given: of a split GGUF the first part.
std::string FirstPart(const LaunchArguments& arguments, const modelfile::Description& described) {
  if (described.files.size() < 2) return Absolute(arguments.model_file.file);
  const std::filesystem::path stated = Absolute(arguments.model_file.file);
  return (stated.parent_path() / std::filesystem::path(described.files.front()).filename())
      .string();
}

// A model of the user's own is served from its file, where no other is named.
void TakeOwnFile(const catalog::Catalog& catalog, answer::LaunchQuestion& question) {
  const catalog::Model* model = catalog.FindModel(question.model);
  if (model == nullptr || !model->own_file) return;
  const catalog::OwnFile& own = *model->own_file;
  const bool gguf = std::find(own.engines.begin(), own.engines.end(), catalog::Engine::kLlamaCpp) !=
                    own.engines.end();
  std::string& stated = gguf ? question.facts.file : question.facts.source;
  if (stated.empty()) stated = own.path;
}

// What the GGUF that is to be served says of itself, where it can be read here. False after
// printing that it is none, or another model's.
bool LookAtWeights(const catalog::Catalog& catalog, answer::LaunchQuestion& question) {
  std::error_code error;
  const std::string& file = question.facts.file;
  if (!std::filesystem::is_regular_file(file, error)) return true;
  const absl::StatusOr<modelfile::Description> held = modelfile::DescribeFile(file, "", catalog);
  if (!held.ok()) {
    BadArgument("--file", std::string(held.status().message()));
    return false;
  }
  const catalog::Architecture& in_file = held->model.architecture;
  const catalog::Model* model = catalog.FindModel(question.model);
  if (model != nullptr && (model->architecture.layers != in_file.layers ||
                           model->architecture.hidden_size != in_file.hidden_size)) {
    BadArgument("--file",
                absl::StrCat(file, " holds ", in_file.layers, " layers of ", in_file.hidden_size,
                             "; ", model->id, " has ", model->architecture.layers, " of ",
                             model->architecture.hidden_size));
    return false;
  }
  question.facts.file_mtp_layers = in_file.mtp_layers;
  return true;
}

// ---------------------------------------------------------------- a running planner

launch::Socket SocketOf(const v1::Port& port) {
  launch::Socket socket;
  switch (port.kind()) {
    case v1::Port::KIND_THUNDERBOLT:
      socket.kind = launch::Socket::Kind::kThunderbolt;
      break;
    case v1::Port::KIND_CONNECTX:
      socket.kind = launch::Socket::Kind::kConnectX;
      break;
    case v1::Port::KIND_ETHERNET:
      socket.kind = launch::Socket::Kind::kEthernet;
      break;
    default:
      break;
  }
  socket.up = port.state() == v1::Port::STATE_UP;
  socket.management = port.management();
  // What an agent says goes into files and command lines: only names that are names.
  for (const std::string& name : port.interfaces()) {
    if (IsDevice(name)) socket.interfaces.push_back(name);
  }
  if (IsDevice(port.rdma_device())) socket.rdma_device = port.rdma_device();
  if (IsDevice(port.rdma_twin())) socket.rdma_twin = port.rdma_twin();
  socket.addresses.assign(port.addresses().begin(), port.addresses().end());
  socket.domain = port.domain();
  socket.peer_domain = port.peer_domain();
  return socket;
}

// The fleet of a running planner as documents, and the sockets of its nodes.
bool ReadLiveFleet(const LaunchArguments& arguments, answer::LaunchQuestion& question,
                   int& exit_code) {
  const auto channel = ConnectOrPrint(arguments.remote);
  exit_code = kBadInput;
  if (channel == nullptr) return false;
  const auto stub = v1::Planner::NewStub(channel);
  v1::ExportInventoryResponse exported;
  {
    grpc::ClientContext context;
    SetDeadline(context, kPatienceSeconds);
    const grpc::Status status = stub->ExportInventory(&context, {}, &exported);
    if (!status.ok()) {
      exit_code = PrintRefusal("launch", status);
      return false;
    }
  }
  v1::ListNodesResponse nodes;
  grpc::ClientContext context;
  SetDeadline(context, kPatienceSeconds);
  const grpc::Status listed = stub->ListNodes(&context, {}, &nodes);
  if (!listed.ok()) {
    exit_code = PrintRefusal("launch", listed);
    return false;
  }
  for (const v1::NodeSummary& node : nodes.nodes()) {
    v1::GetNodeRequest request;
    request.set_node(node.node_id());
    v1::GetNodeResponse response;
    grpc::ClientContext one;
    SetDeadline(one, kPatienceSeconds);
    const grpc::Status status = stub->GetNode(&one, request, &response);
    if (!status.ok()) {
      exit_code = PrintRefusal("launch", status);
      return false;
    }
    std::vector<launch::Socket>& sockets = question.facts.sockets[node.name()];
    for (const v1::Port& port : response.report().ports()) sockets.push_back(SocketOf(port));
  }
  PrintOmitted(exported.omitted());
  question.documents.inventory = kLiveInventory;
  question.documents.read = [yaml = exported.yaml()](const std::string& file) {
    return file == kLiveInventory
               ? inventory::ParseDocument(file, yaml, inventory::DocumentLimits{})
               : inventory::ReadDocument(file, inventory::DocumentLimits{});
  };
  return true;
}

}  // namespace

void AddLaunchArguments(CLI::App& command, const std::string& model_help,
                        LaunchArguments& arguments) {
  AddFleetOptions(command, arguments.fleet);
  AddRemoteOptions(command, arguments.remote);
  command.add_option("--model", arguments.model, model_help)->type_name("MODEL");
  AddModelFileOptions(command, arguments.model_file);
  command
      .add_option("--quant", arguments.quant,
                  "A quantization of the catalogue (default: the fastest of at least 4 bits)")
      ->type_name("QUANT");
  command.add_option("--engine", arguments.engine, "Only this engine")
      ->check(CLI::IsMember({"llama.cpp", "exo", "mlx", "vllm"}))
      ->type_name("ENGINE");
  command.add_option("--strategy", arguments.strategy, "Only this way to share the work")
      ->check(CLI::IsMember({"single", "tensor", "pipeline"}))
      ->type_name("STRATEGY");
  command.add_option("--nodes", arguments.nodes, "Exactly these nodes, comma-separated")
      ->delimiter(',')
      ->type_name("NODES");
  command.add_option("--rank", arguments.rank, "1: the fastest placement, 2: the next, ...")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str()
      ->type_name("N");
  AddLoadOptions(command, arguments.load);
  command
      .add_option("--address", arguments.addresses,
                  "NODE=HOST[:PORT]: where a node's RPC server or EXO is; repeatable")
      ->type_name("ADDRESS");
  command
      .add_option("--here", arguments.here,
                  "llama.cpp: the node that this machine is (default: none of them)")
      ->type_name("NODE");
  command.add_option("--file", arguments.file, "llama.cpp: the GGUF where llama-server runs")
      ->type_name("FILE");
  command
      .add_option("--source", arguments.source,
                  "EXO, MLX, vLLM: what they call the model, a Hugging Face repository or a path")
      ->type_name("NAME");
  command
      .add_option("--listen", arguments.listen,
                  "HOST[:PORT] of the server that is started (default: 127.0.0.1 and its own port)")
      ->type_name("ADDRESS");
  command
      .add_option("--interface", arguments.interfaces,
                  "NODE=NAME: the network interface to cluster over (vLLM); repeatable")
      ->type_name("NAME");
  command
      .add_option("--rdma", arguments.rdma,
                  "NODE:NODE=DEVICE: the first one's RDMA device to the second (MLX); repeatable")
      ->type_name("DEVICE");
  command.add_option("--gid-index", arguments.gid_index, "NCCL_IB_GID_INDEX (vLLM over RoCE)")
      ->check(CLI::Range(0, 255))
      ->type_name("N");
}

std::optional<answer::LaunchQuestion> LaunchQuestionOrPrint(const Common& common, Facts& facts,
                                                            const LaunchArguments& arguments,
                                                            int& exit_code) {
  exit_code = kBadInput;
  answer::LaunchQuestion question;
  question.documents = DocumentsOf(common, arguments.fleet);
  question.model = arguments.model;
  question.quant = arguments.quant;
  question.engine = arguments.engine;
  question.strategy = arguments.strategy;
  question.nodes = arguments.nodes;
  question.rank = arguments.rank;
  question.facts.here = arguments.here;
  question.facts.file = Absolute(arguments.file);
  question.facts.source = arguments.source;
  question.facts.gid_index = arguments.gid_index;
  const absl::StatusOr<placement::Load> load = ParseLoad(facts.catalog, arguments.load);
  bool good = load.ok();
  if (!load.ok()) BadArgument("launch", std::string(load.status().message()));
  good = ReadAddresses(arguments.addresses, question.facts) && good;
  good = ReadInterfaces(arguments.interfaces, question.facts) && good;
  good = ReadRdma(arguments.rdma, question.facts) && good;
  if (!arguments.listen.empty()) {
    const absl::StatusOr<launch::Address> listen = launch::ParseAddress(arguments.listen);
    if (listen.ok()) {
      question.facts.api = *listen;
    } else {
      BadArgument("--listen", std::string(listen.status().message()));
      good = false;
    }
  }
  if (!arguments.remote.planner.empty() && !arguments.fleet.inventory.empty()) {
    BadArgument("--inventory", "a running planner has its own fleet; give --what-if");
    good = false;
  }
  if (arguments.model.empty() == !arguments.model_file.given()) {
    BadArgument("launch", "one of --model, --model-file and --model-dir says what");
    good = false;
  }
  if (!good) return std::nullopt;
  if (arguments.model_file.given()) {
    const std::optional<modelfile::Description> described =
        DescribeOrPrint(arguments.model_file, "", facts.catalog);
    if (!described) return std::nullopt;
    question.model = described->model.id;
    if (question.quant.empty()) question.quant = described->quant.id;
    // What was looked at is what is to be served.
    if (question.facts.file.empty()) question.facts.file = FirstPart(arguments, *described);
    if (question.facts.source.empty()) {
      question.facts.source = Absolute(arguments.model_file.directory);
    }
  } else {
    TakeOwnFile(facts.catalog, question);
  }
  if (!LookAtWeights(facts.catalog, question)) return std::nullopt;
  question.facts.load = *load;
  question.facts.kv_type = catalog::NormalizeId(arguments.load.kv_type);
  for (const catalog::KvCacheType& type : facts.catalog.kv_cache_types) {
    if (catalog::NormalizeId(type.id) == question.facts.kv_type) question.facts.kv_type = type.id;
  }
  if (!arguments.remote.planner.empty() && !ReadLiveFleet(arguments, question, exit_code)) {
    return std::nullopt;
  }
  return question;
}

}  // namespace capacity::cli
