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
  // EXO: the other machines it runs on, by address or name (ExoState::names); with this one where
  // it does not say which it is.
  std::vector<std::string> peers;
  // Why its speed tells nothing of the machine's ("4 of 5 GB are on the accelerator").
  std::vector<std::string> not_comparable;
  bool on_processor = false;  // Ollama: nothing of it is on an accelerator
};

struct Server {
  enum class Kind { kOpenAi, kLlamaServer, kOllama, kLmStudio, kVllm, kExo, kMlxLm };
  Kind kind = Kind::kOpenAi;
  std::string root;       // "http://127.0.0.1:8080"
  std::string chat_base;  // what "/chat/completions" is appended to: "http://127.0.0.1:8080/v1"
  std::string version;    // empty: it does not say
  bool lm_studio_v1 = false;
  std::vector<ServedModel> models;
  std::string no_list;  // why it is not known which models it has; empty: it is
};

// "llama-server", "Ollama", "LM Studio", "vLLM", "EXO", "mlx_lm.server", "an OpenAI-compatible
// server".
const char* NameOf(Server::Kind kind);

// Asks `endpoint` (its root: without "/v1") until an answer has the shape of one engine's. Errors
// of http.h when nothing answers, FailedPrecondition when what answers is none of them.
absl::StatusOr<Server> Identify(const Endpoint& endpoint);

// What an Ollama has loaded now, and where; nothing when it does not answer.
std::vector<ServedModel> LoadedInOllama(const Endpoint& endpoint);

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
