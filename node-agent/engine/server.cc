#include "node-agent/engine/server.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <future>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "node-agent/engine/exo.h"
#include "node-agent/engine/json_fields.h"
#include "node-agent/engine/lm_studio.h"
#include "node-agent/engine/ollama.h"
#include "node-agent/probe/lenient_json.h"
#include "node-agent/probe/text.h"

namespace capacity::engine {
namespace {

using nlohmann::json;
using Kind = Server::Kind;

// A server that is there answers these questions at once, also while it generates.
constexpr std::chrono::milliseconds kConnect{1'000};
constexpr std::chrono::seconds kTotal{5};
constexpr std::size_t kLongestAnswer = std::size_t{8} << 20;  // bytes

// The object at `path`; null JSON when there is none.
json Look(const Endpoint& endpoint, std::string_view path) {
  const absl::StatusOr<std::string> text = Get(endpoint, path);
  if (!text.ok()) return nullptr;
  absl::StatusOr<json> value = ParseWholeJson(*text, "answer");
  return value.ok() ? *std::move(value) : json(nullptr);
}

std::vector<ServedModel> AllLoaded(const std::vector<ListedModel>& listed) {
  std::vector<ServedModel> models;
  for (const ListedModel& model : listed) models.push_back({.listed = model});
  return models;
}

std::vector<ListedModel> ListOf(const Endpoint& endpoint) {
  const absl::StatusOr<std::string> text = Get(endpoint, "/v1/models");
  if (!text.ok()) return {};
  absl::StatusOr<std::vector<ListedModel>> models = ParseModelList(*text);
  return models.ok() ? *std::move(models) : std::vector<ListedModel>{};
}

bool OwnedBy(const std::vector<ListedModel>& models, std::string_view owner) {
  return std::any_of(models.begin(), models.end(),
                     [&](const ListedModel& model) { return model.owner == owner; });
}

Server Named(const Endpoint& endpoint, Kind kind) {
  return {.kind = kind, .root = endpoint.url, .chat_base = endpoint.url + "/v1"};
}

// "b9010-d05fe1d7d" -> "b9010 (d05fe1d7d)", as llama-bench's build is written.
std::string LlamaVersion(const std::string& build_info) {
  const std::size_t dash = build_info.find('-');
  if (dash == std::string::npos) return build_info;
  return absl::StrCat(build_info.substr(0, dash), " (", build_info.substr(dash + 1), ")");
}

std::optional<Server> AsLlamaServer(const Endpoint& endpoint) {
  const json props = Look(endpoint, "/props");
  if (!probe::At(props, "default_generation_settings").is_object()) return std::nullopt;
  Server server = Named(endpoint, Kind::kLlamaServer);
  server.version = LlamaVersion(probe::Clean(probe::TextAt(props, "build_info")));
  server.models = AllLoaded(ListOf(endpoint));
  const std::string quant = probe::Clean(probe::TextAt(props, "model_ftype"));
  for (ServedModel& model : server.models) {
    if (model.listed.quant_name.empty()) model.listed.quant_name = quant;
  }
  return server;
}

// Where the model is: partly on an accelerator, it is as slow as the processor's part.
ServedModel OfOllama(const OllamaModel& model) {
  // Sizes are estimates of the same layout; less than this apart, they are one.
  constexpr double kWhole = 0.99;
  ServedModel served = {.listed = model.listed};
  if (!model.accelerated_bytes || !model.listed.bytes) return served;
  const auto there = static_cast<double>(*model.accelerated_bytes);
  const auto all = static_cast<double>(*model.listed.bytes);
  served.on_processor = there == 0;
  if (there > 0 && there < kWhole * all) {
    served.not_comparable.push_back(
        absl::StrCat("only ", std::lround(there / all * 100),
                     " % of the model is on the accelerator, the processor runs the rest"));
  }
  return served;
}

std::optional<Server> AsOllama(const Endpoint& endpoint) {
  const std::string version = probe::TextAt(Look(endpoint, "/api/version"), "version");
  if (version.empty()) return std::nullopt;
  const absl::StatusOr<std::string> running = Get(endpoint, "/api/ps");
  if (!running.ok()) return std::nullopt;
  const auto loaded = ParseOllamaModels(*running);
  if (!loaded.ok()) return std::nullopt;
  Server server = Named(endpoint, Kind::kOllama);
  server.version = probe::Clean(version);
  for (const OllamaModel& model : *loaded) server.models.push_back(OfOllama(model));
  return server;
}

std::optional<Server> AsLmStudio(const Endpoint& endpoint, bool v1) {
  const absl::StatusOr<std::string> text = Get(endpoint, v1 ? "/api/v1/models" : "/api/v0/models");
  if (!text.ok()) return std::nullopt;
  const auto models = ParseLmStudioModels(*text);
  if (!models.ok()) return std::nullopt;
  Server server = Named(endpoint, Kind::kLmStudio);
  server.lm_studio_v1 = v1;
  for (const LmStudioModel& model : *models) {
    server.models.push_back({.listed = model.listed, .loaded = model.loaded});
  }
  return server;
}

std::optional<Server> AsExo(const Endpoint& endpoint) {
  const absl::StatusOr<std::string> text = Get(endpoint, "/state");
  if (!text.ok()) return std::nullopt;
  const absl::StatusOr<ExoState> state = ParseExoState(*text);
  if (!state.ok()) return std::nullopt;
  const json own = Look(endpoint, "/node_id");
  const std::string own_node = own.is_string() ? own.get<std::string>() : "";
  Server server = Named(endpoint, Kind::kExo);
  for (const ExoInstance& instance : state->instances) {
    ServedModel model;
    model.listed.id = instance.model;
    model.listed.bytes = instance.bytes;
    model.strategy = instance.strategy;
    // Where EXO does not say which of several nodes this machine is, all are named: nobody guesses.
    for (const std::string& node : instance.nodes) {
      if (instance.nodes.size() > 1 && node != own_node) {
        const auto name = state->names.find(node);
        model.peers.push_back(name == state->names.end() ? node : name->second);
      }
    }
    server.models.push_back(std::move(model));
  }
  return server;
}

Server AsOpenAi(const Endpoint& endpoint, const std::vector<ListedModel>& models) {
  Server server = Named(endpoint, Kind::kOpenAi);
  server.models = AllLoaded(models);
  if (OwnedBy(models, "llamacpp")) server.kind = Kind::kLlamaServer;
  if (OwnedBy(models, "vllm")) {
    server.kind = Kind::kVllm;
    server.version = probe::Clean(probe::TextAt(Look(endpoint, "/version"), "version"));
  }
  return server;
}

}  // namespace

const char* NameOf(Kind kind) {
  switch (kind) {
    case Kind::kOpenAi:
      return "an OpenAI-compatible server";
    case Kind::kLlamaServer:
      return "llama-server";
    case Kind::kOllama:
      return "Ollama";
    case Kind::kLmStudio:
      return "LM Studio";
    case Kind::kVllm:
      return "vLLM";
    case Kind::kExo:
      return "EXO";
    case Kind::kMlxLm:
      return "mlx_lm.server";
  }
  return "";
}

absl::StatusOr<Server> Identify(const Endpoint& stated) {
  Endpoint endpoint = stated;
  endpoint.limits.connect = std::min(endpoint.limits.connect, kConnect);
  endpoint.limits.total = std::min(endpoint.limits.total, kTotal);
  endpoint.limits.bytes = std::min(endpoint.limits.bytes, kLongestAnswer);
  // The one question that most of them know; what reaches no server ends here.
  const absl::StatusOr<std::string> listed = Get(endpoint, "/v1/models");
  if (!listed.ok() && !IsFromServer(listed.status())) return listed.status();
  if (auto server = AsLlamaServer(endpoint)) return *std::move(server);
  if (auto server = AsOllama(endpoint)) return *std::move(server);
  if (auto server = AsLmStudio(endpoint, /*v1=*/false)) return *std::move(server);
  if (auto server = AsLmStudio(endpoint, /*v1=*/true)) return *std::move(server);
  if (auto server = AsExo(endpoint)) return *std::move(server);
  if (!listed.ok()) return listed.status();
  const absl::StatusOr<std::vector<ListedModel>> models = ParseModelList(*listed);
  if (!models.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(endpoint.url, ": something answers there, but no engine that is known here"));
  }
  return AsOpenAi(endpoint, *models);
}

std::vector<ServedModel> LoadedInOllama(const Endpoint& endpoint) {
  std::vector<ServedModel> models;
  const absl::StatusOr<std::string> running = Get(endpoint, "/api/ps");
  const auto loaded = ParseOllamaModels(running.ok() ? *running : "");
  if (!loaded.ok()) return models;
  for (const OllamaModel& model : *loaded) models.push_back(OfOllama(model));
  return models;
}

std::vector<std::uint16_t> UsualPorts() { return {8080, 11434, 1234, 8000, 52415}; }

FoundServers FindServers(const std::vector<std::uint16_t>& ports, const std::atomic<bool>* stop) {
  std::vector<std::future<absl::StatusOr<Server>>> asked;
  asked.reserve(ports.size());
  for (const std::uint16_t port : ports) {
    Endpoint endpoint = {.url = absl::StrCat("http://127.0.0.1:", port), .stop = stop};
    asked.push_back(std::async(std::launch::async, Identify, std::move(endpoint)));
  }
  FoundServers found;
  for (auto& answer : asked) {
    absl::StatusOr<Server> server = answer.get();
    if (server.ok()) {
      found.servers.push_back(*std::move(server));
    } else if (absl::IsPermissionDenied(server.status())) {
      found.unusable.push_back(
          absl::StrCat(std::string(server.status().message()), ", with --engine and --url"));
    } else if (IsFromServer(server.status()) || absl::IsFailedPrecondition(server.status())) {
      found.unusable.emplace_back(server.status().message());
    }
  }
  return found;
}

}  // namespace capacity::engine
