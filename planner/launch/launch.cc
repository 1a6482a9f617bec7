#include "planner/launch/launch.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "planner/launch/engines.h"
#include "planner/placement/sharding.h"

namespace capacity::launch {
namespace {

using catalog::Engine;
using throughput::Strategy;

bool IsHost(const std::string& host) {
  constexpr std::size_t kLongestHost = 253;  // of a DNS name
  return !host.empty() && host.size() <= kLongestHost && host.front() != '-' &&
         std::all_of(host.begin(), host.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_' || c == ':' || c == '%';
         });
}

// What a shell takes as one word as it stands.
bool IsPlainWord(const std::string& word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("@%+=:,./-_").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

std::string ShellWord(const std::string& word) {
  if (IsPlainWord(word)) return word;
  std::string quoted = "'";
  for (char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::vector<Share> SharesOf(const Job& job) {
  std::vector<Share> shares;
  int next = 0;
  for (std::size_t i = 0; i < job.nodes.size(); ++i) {
    const bool all = job.placement.strategy != Strategy::kPipeline;
    shares.push_back({job.nodes[i], all ? 0 : next, job.layers[i]});
    next += job.layers[i];
  }
  return shares;
}

}  // namespace

std::string ToString(const Address& address) {
  const bool ipv6 = address.host.find(':') != std::string::npos;
  std::string text = ipv6 ? absl::StrCat("[", address.host, "]") : address.host;
  if (address.port != 0) absl::StrAppend(&text, ":", address.port);
  return text;
}

absl::StatusOr<Address> ParseAddress(const std::string& text) {
  const auto wrong = [&] {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not HOST or HOST:PORT; write for example 10.0.0.2:50052"));
  };
  std::string host = text;
  std::string port;
  if (!text.empty() && text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string::npos) return wrong();
    host = text.substr(1, close - 1);
    port = text.substr(close + 1);
    if (!port.empty() && (port.front() != ':' || port.size() == 1)) return wrong();
    if (!port.empty()) port.erase(0, 1);
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    host = text.substr(0, text.find(':'));
    port = text.substr(text.find(':') + 1);
    if (port.empty()) return wrong();
  }
  Address address{host, 0};
  if (!IsHost(host)) return wrong();
  if (!port.empty() &&
      (!absl::SimpleAtoi(port, &address.port) || address.port < 1 || address.port > 65'535)) {
    return wrong();
  }
  return address;
}

bool CanLaunch(Engine engine, Strategy strategy) {
  switch (strategy) {
    case Strategy::kSingle:
    case Strategy::kTensor:
    case Strategy::kPipeline:
      break;
    case Strategy::kReplicas:
    case Strategy::kDisaggregated:
      return false;
  }
  return engine == Engine::kLlamaCpp || engine == Engine::kExo || engine == Engine::kMlx ||
         engine == Engine::kVllm;
}

std::vector<int> LayersByNode(const placement::Placement& placement) {
  const int all = std::max(1, placement.model->architecture.layers);
  std::vector<int> layers(placement.nodes.size(), all);
  if (placement.strategy != Strategy::kPipeline) return layers;
  for (std::size_t i = 0; i < layers.size() && i < placement.memory.size(); ++i) {
    layers[i] = static_cast<int>(std::lround(placement.memory[i].layer_share * all));
  }
  return layers;
}

std::string ShellLine(const Command& command) {
  std::string line;
  for (const auto& [name, value] : command.environment) {
    absl::StrAppend(&line, name, "=", ShellWord(value), " ");
  }
  for (std::size_t i = 0; i < command.argv.size(); ++i) {
    absl::StrAppend(&line, i == 0 ? "" : " ", ShellWord(command.argv[i]));
  }
  return line;
}

Address ReachAt(const Job& job, const std::string& node, LaunchPlan& plan) {
  if (const auto named = job.facts.addresses.find(node); named != job.facts.addresses.end()) {
    return named->second;
  }
  if (const Socket* socket = ClusterSocket(job, node)) {
    for (const std::string& address : socket->addresses) {
      const std::string plain = address.substr(0, address.find('/'));
      if (plain.find(':') == std::string::npos && IsHost(plain)) return {plain, 0};
    }
  }
  std::string lacks = absl::StrCat("the address of ", node, ": --address ", node, "=HOST");
  if (std::find(plan.missing.begin(), plan.missing.end(), lacks) == plan.missing.end()) {
    plan.missing.push_back(std::move(lacks));
  }
  return {absl::StrCat("<", node, ">"), 0};
}

std::string SourceOf(const Job& job, LaunchPlan& plan) {
  if (job.facts.source.empty()) {
    plan.missing.push_back(absl::StrCat("what ", catalog::Name(job.placement.engine), " calls ",
                                        job.placement.model->id, " in ", job.placement.quant->id,
                                        ": --source NAME, a Hugging Face repository or a path"));
    return "<MODEL>";
  }
  if (job.facts.source_origin != "--source") {
    plan.warnings.push_back(absl::StrCat(job.facts.source, " is taken from the ",
                                         job.facts.source_origin, "; --source names another"));
  }
  return job.facts.source;
}

const Socket* ClusterSocket(const Job& job, const std::string& node) {
  const auto reported = job.facts.sockets.find(node);
  if (reported == job.facts.sockets.end()) return nullptr;
  const auto stated = job.facts.interfaces.find(node);
  const Socket* best = nullptr;
  const auto rank = [](const Socket& socket) {
    switch (socket.kind) {
      case Socket::Kind::kConnectX:
        return 3;
      case Socket::Kind::kThunderbolt:
        return 2;
      case Socket::Kind::kEthernet:
        return 1;
      case Socket::Kind::kOther:
        return 0;
    }
    return 0;
  };
  for (const Socket& socket : reported->second) {
    if (stated != job.facts.interfaces.end()) {
      const auto& names = socket.interfaces;
      if (std::find(names.begin(), names.end(), stated->second) != names.end()) return &socket;
      continue;
    }
    if (!socket.up || socket.management || socket.interfaces.empty()) continue;
    if (best == nullptr || rank(socket) > rank(*best)) best = &socket;
  }
  return best;
}

absl::StatusOr<LaunchPlan> MakeLaunchPlan(const fleet::Fleet& fleet,
                                          const placement::Placement& placement,
                                          const Facts& facts) {
  if (!CanLaunch(placement.engine, placement.strategy)) {
    return absl::UnimplementedError(
        absl::StrCat("the planner does not start ", throughput::Name(placement.strategy), " on ",
                     catalog::Name(placement.engine),
                     "; it starts single, tensor and pipeline on llama.cpp, EXO, MLX and vLLM"));
  }
  if (placement.verdict == fit::Verdict::kDoesNotFit || !placement.why_not.empty()) {
    return absl::FailedPreconditionError(absl::StrCat("it does not run: ", placement.why_not));
  }
  Job job{fleet, placement, facts, {}, LayersByNode(placement)};
  for (std::size_t i = 0; i < placement.nodes.size(); ++i) job.nodes.push_back(job.node(i).name);
  LaunchPlan plan;
  plan.engine = placement.engine;
  plan.strategy = placement.strategy;
  plan.model = placement.model->id;
  plan.quant = placement.quant->id;
  plan.link = placement.link != nullptr ? placement.link->id : "";
  if (placement.link != nullptr) plan.transport = placement.link->transport;
  plan.shares = SharesOf(job);
  plan.layers = std::max(1, placement.model->architecture.layers);
  plan.context_tokens = facts.load.context_tokens;
  if (placement.model->max_context) {
    plan.context_tokens = std::min(plan.context_tokens, *placement.model->max_context);
  }
  plan.streams = std::max(1, facts.load.concurrency);
  const std::string& type = placement.model->model_type;
  if (placement.nodes.size() > 1 && placement::CanSplit(placement.engine, placement.strategy,
                                                        type) == placement::Splittable::kNo) {
    plan.warnings.push_back(
        placement::WhyNotSplittable(placement.engine, placement.strategy, type));
  }
  plan.kv_type = facts.kv_type;
  const std::vector<Engine>& offer_it = facts.load.kv_engines;
  if (!offer_it.empty() &&
      std::find(offer_it.begin(), offer_it.end(), placement.engine) == offer_it.end()) {
    plan.kv_type = "f16";
    plan.warnings.push_back(absl::StrCat(catalog::Name(placement.engine), " has no cache of ",
                                         facts.kv_type, " cells: it keeps 16 bits a value"));
  }
  plan.api = facts.api;
  if (placement.verdict == fit::Verdict::kTight) {
    plan.warnings.push_back("memory is tight: loading may fail, or the machine may page");
  }
  switch (placement.engine) {
    case Engine::kLlamaCpp:
      PlanLlamaCpp(job, plan);
      break;
    case Engine::kExo:
      PlanExo(job, plan);
      break;
    case Engine::kMlx:
      PlanMlx(job, plan);
      break;
    case Engine::kVllm:
      PlanVllm(job, plan);
      break;
    case Engine::kOllama:
    case Engine::kOther:
      break;
  }
  return plan;
}

}  // namespace capacity::launch
