// Which engine answers at an address, and what it has loaded.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "node-agent/engine/http.h"
#include "node-agent/engine/openai.h"

namespace capacity::engine {

struct ServedModel {
  ListedModel listed;
  bool loaded = true;
  std::string strategy;  // EXO: "single", "tensor", "pipeline"; empty: not said
  // EXO: the other nodes it runs on; with this one where it does not say which it is.
  std::vector<std::string> peers;
};

struct Server {
  enum class Kind { kOpenAi, kLlamaServer, kOllama, kLmStudio, kVllm, kExo };
  Kind kind = Kind::kOpenAi;
  std::string root;       // "http://127.0.0.1:8080"
  std::string chat_base;  // what "/chat/completions" is appended to: "http://127.0.0.1:8080/v1"
  std::string version;    // empty: it does not say
  bool lm_studio_v1 = false;
  std::vector<ServedModel> models;
};

// "llama-server", "Ollama", "LM Studio", "vLLM", "EXO", "an OpenAI-compatible server".
const char* NameOf(Server::Kind kind);

// Asks `endpoint` (its root: without "/v1") until an answer has the shape of one engine's. Errors
// of http.h when nothing answers, FailedPrecondition when what answers is none of them.
absl::StatusOr<Server> Identify(const Endpoint& endpoint);

// Ports where engines listen when nobody says otherwise: llama-server, Ollama, LM Studio, vLLM,
// EXO.
std::vector<std::uint16_t> UsualPorts();

struct FoundServers {
  std::vector<Server> servers;
  // What answers and cannot be measured: it wants a key, still loads, is no engine that is known.
  std::vector<std::string> unusable;
};

// What answers on these ports of this machine, all asked at once, in their order. No key is sent:
// anything may listen there.
FoundServers FindServers(const std::vector<std::uint16_t>& ports, const std::atomic<bool>* stop);

}  // namespace capacity::engine
