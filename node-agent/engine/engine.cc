#include "node-agent/engine/engine.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "node-agent/engine/exo.h"
#include "node-agent/engine/llama_bench.h"
#include "node-agent/engine/llama_bench_run.h"
#include "node-agent/engine/lm_studio.h"
#include "node-agent/engine/mlx.h"
#include "node-agent/engine/ollama.h"
#include "node-agent/engine/openai.h"
#include "node-agent/engine/vllm_bench.h"

namespace capacity::engine {
namespace {

using agent::SpeedMeasurement;
using Kind = Server::Kind;

// "9f86d081884c7d659a2feaa0c55ad015"
std::string RandomId() {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::random_device device;
  std::string id;
  for (int i = 0; i < 32; ++i) id += kDigits[device() % 16];
  return id;
}

std::int64_t NowUnixMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Some servers call a model by the path of its file: the folders are the user's, and stay here.
std::string WithoutFolders(const std::string& name) {
  const bool is_path = !name.empty() && (name[0] == '/' || name[0] == '.' || name[0] == '~' ||
                                         name.find('\\') != std::string::npos);
  return is_path ? name.substr(name.find_last_of("/\\") + 1) : name;
}

void Complete(const Request& request, std::int64_t now, SpeedMeasurement& measured) {
  measured.model_name = WithoutFolders(measured.model_name);
  measured.id = RandomId();
  measured.model = request.catalog_model;
  measured.quant = request.catalog_quant;
  measured.conditions = request.conditions;
  if (measured.taken_at_unix_ms == 0) measured.taken_at_unix_ms = now;
}

struct Usual {
  Kind kind;
  std::uint16_t port;
};
// Servers that `--engine` names; "openai" has no port of its own.
const std::map<std::string, Usual>& Servers() {
  static const auto* const kServers =
      new std::map<std::string, Usual>{{"llama-server", {Kind::kLlamaServer, 8080}},
                                       {"ollama", {Kind::kOllama, 11434}},
                                       {"lm-studio", {Kind::kLmStudio, 1234}},
                                       {"vllm", {Kind::kVllm, 8000}},
                                       {"exo", {Kind::kExo, 52415}},
                                       {"openai", {Kind::kOpenAi, 0}}};
  return *kServers;
}

Load LoadOf(const Request& request, const std::string& model) {
  return {.model = model,
          .streams = request.streams,
          .prompt_tokens = request.prompt_tokens,
          .generate = request.generate,
          .repeats = request.repeats};
}

void Take(Measurements measurements, const std::string& where, Outcome& outcome) {
  std::move(measurements.measured.begin(), measurements.measured.end(),
            std::back_inserter(outcome.measured));
  if (measurements.ended.ok()) return;
  const std::string why = std::string(measurements.ended.message());
  outcome.failed.push_back(where.empty() ? why : absl::StrCat(where, ": ", why));
}

std::string At(const Server& server) {
  return absl::StrCat(NameOf(server.kind), " at ", server.root);
}

// ---------------------------------------------------------------- one server

std::vector<std::string> LoadedModels(const Server& server) {
  std::vector<std::string> names;
  for (const ServedModel& model : server.models) {
    if (model.loaded) names.push_back(model.listed.id);
  }
  return names;
}

// The model to measure: the stated one, else the only one that is loaded.
absl::StatusOr<std::string> ModelOf(const Request& request, const Server& server) {
  if (!request.model.empty()) return request.model;
  const std::vector<std::string> loaded = LoadedModels(server);
  if (loaded.size() == 1) return loaded.front();
  if (loaded.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(At(server), ": no model is loaded; --model NAME says which to measure"));
  }
  constexpr std::size_t kShown = 5;
  const std::vector<std::string> shown(loaded.begin(),
                                       loaded.begin() + std::min(loaded.size(), kShown));
  return absl::InvalidArgumentError(absl::StrCat(
      At(server), ": --model NAME says which of its ", loaded.size(),
      " models to measure: ", absl::StrJoin(shown, ", "), loaded.size() > kShown ? ", ..." : ""));
}

// "http://127.0.0.1:8080/v1" -> "http://127.0.0.1:8080".
std::string RootOf(const std::string& url) {
  constexpr std::string_view kVersion = "/v1";
  const bool ends = url.size() > kVersion.size() &&
                    std::string_view(url).substr(url.size() - kVersion.size()) == kVersion;
  return ends ? url.substr(0, url.size() - kVersion.size()) : url;
}

bool HasPath(const std::string& url) { return url.find('/', url.find("://") + 3) != url.npos; }

// The server that the request names; what it does not say of itself is taken from the request.
absl::StatusOr<Server> StatedServer(const Request& request, const Endpoint& endpoint,
                                    const std::string& stated_url) {
  const Kind stated = Servers().at(request.engine).kind;
  absl::StatusOr<Server> server = Identify(endpoint);
  if (!server.ok()) {
    // Who refuses or is not there will not answer anything else. A server with no list of models
    // may still answer questions.
    if (!IsFromServer(server.status()) || absl::IsPermissionDenied(server.status()) ||
        absl::IsUnavailable(server.status())) {
      return server.status();
    }
    server = Server{.kind = stated, .root = endpoint.url, .chat_base = endpoint.url + "/v1"};
  }
  if (stated == Kind::kOpenAi) {
    server->chat_base = HasPath(stated_url) ? stated_url : stated_url + "/v1";
    // Asked through the common interface, whatever it is; that and its name are still known.
    return server;
  }
  if (server->kind != stated && server->kind != Kind::kOpenAi) {
    return absl::FailedPreconditionError(
        absl::StrCat(endpoint.url, ": this is ", NameOf(server->kind), ", not ", NameOf(stated)));
  }
  server->kind = stated;
  return server;
}

absl::Status MeasureAt(const Request& request, const Endpoint& endpoint, const Server& server,
                       const Progress& progress, Outcome& outcome) {
  if (request.passive) {
    absl::StatusOr<SpeedMeasurement> watched =
        WatchServer(endpoint, server, request.seconds, progress);
    if (absl::IsInvalidArgument(watched.status())) return watched.status();
    if (watched.ok()) outcome.measured.push_back(*std::move(watched));
    if (!watched.ok()) outcome.failed.emplace_back(watched.status().message());
    return absl::OkStatus();
  }
  const absl::StatusOr<std::string> model = ModelOf(request, server);
  if (!model.ok()) return model.status();
  Take(MeasureServer(endpoint, server, LoadOf(request, *model), progress), "", outcome);
  return absl::OkStatus();
}

absl::Status MeasureStated(const Request& request, const Progress& progress, Outcome& outcome) {
  const Usual usual = Servers().at(request.engine);
  if (request.url.empty() && usual.port == 0) {
    return absl::InvalidArgumentError("--engine openai needs --url, http://127.0.0.1:8080/v1 say");
  }
  const absl::StatusOr<std::string> url =
      CheckedUrl(request.url.empty() ? absl::StrCat("http://127.0.0.1:", usual.port) : request.url);
  if (!url.ok()) return url.status();
  const Endpoint endpoint = {.url = RootOf(*url), .key = request.key, .stop = request.stop};
  if (const absl::Status allowed = MayCarryKey(endpoint); !allowed.ok()) return allowed;
  const absl::StatusOr<Server> server = StatedServer(request, endpoint, *url);
  if (!server.ok()) {
    outcome.failed.emplace_back(server.status().message());
    return absl::OkStatus();
  }
  const bool elsewhere = IsElsewhere(endpoint);
  const absl::Status done = MeasureAt(request, endpoint, *server, progress, outcome);
  if (elsewhere) {
    for (SpeedMeasurement& one : outcome.measured) {
      one.not_comparable.push_back(
          absl::StrCat("the server runs on another machine (", endpoint.url, ")"));
    }
  }
  return done;
}

// ---------------------------------------------------------------- llama-bench and auto

absl::Status MeasureLlamaBench(host::Host& machine, const Request& request,
                               const Progress& progress, Outcome& outcome) {
  if (request.model.empty()) {
    return absl::InvalidArgumentError("--engine llama-bench needs --model FILE.gguf");
  }
  const LlamaBenchRun run = {.program = request.llama_bench,
                             .model_file = request.model,
                             .rpc = request.rpc,
                             .depths = request.depths,
                             .prompt_tokens = request.prompt_tokens,
                             .generate = request.generate,
                             .repeats = request.repeats};
  Measurements measurements = RunLlamaBench(machine, run, request.stop, progress);
  if (absl::IsNotFound(measurements.ended)) return measurements.ended;
  Take(std::move(measurements), "", outcome);
  return absl::OkStatus();
}

std::string LookedFor(const std::vector<std::uint16_t>& ports) {
  return absl::StrCat(
      "no engine answers on 127.0.0.1 at the ports ", absl::StrJoin(ports, ", "),
      " (llama-server, Ollama, LM Studio, vLLM, EXO); --url URL with --engine says where one is, "
      "and --engine llama-bench --model FILE.gguf needs no server");
}

absl::Status MeasureFound(host::Host& machine, const Request& request, const Progress& progress,
                          Outcome& outcome) {
  // A file is for llama-bench, any other name for the servers.
  const bool is_file =
      request.model.size() > 5 && request.model.substr(request.model.size() - 5) == ".gguf";
  const std::vector<std::uint16_t> ports = request.ports.empty() ? UsualPorts() : request.ports;
  progress("looking for engines");
  FoundServers found = FindServers(ports, request.stop);
  outcome.found = std::move(found.servers);
  outcome.passed_over = std::move(found.unusable);
  if (is_file) {
    const absl::Status measured = MeasureLlamaBench(machine, request, progress, outcome);
    if (!measured.ok()) return measured;
  } else if (outcome.found.empty()) {
    outcome.failed.push_back(LookedFor(ports));
  }
  Request one = request;
  if (is_file) one.model.clear();
  for (const Server& server : outcome.found) {
    if (request.stop != nullptr && *request.stop) break;
    const absl::StatusOr<std::string> model = ModelOf(one, server);
    if (!model.ok()) {
      outcome.passed_over.emplace_back(model.status().message());
      continue;
    }
    const Endpoint endpoint = {.url = server.root, .stop = request.stop};
    Take(MeasureServer(endpoint, server, LoadOf(one, *model), progress), At(server), outcome);
  }
  return absl::OkStatus();
}

// What is said in vain, where it would be passed over in silence.
absl::Status InVain(const Request& request) {
  const std::string& engine = request.engine;
  const bool runs_llama_bench = engine == "llama-bench" || engine == "auto";
  const bool is_server = Servers().count(engine) > 0;
  const char* option = nullptr;
  if (!is_server && !request.url.empty()) option = "--url";
  if (!is_server && !request.key.empty()) option = "an API key";
  if (!is_server && engine != "auto" && request.streams != Request().streams) {
    option = "--concurrency";
  }
  if (!runs_llama_bench && request.depths != Request().depths) option = "--depth";
  if (!runs_llama_bench && !request.rpc.empty()) option = "--rpc";
  if (option == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--engine ", engine, " has no use for ", option,
                   is_server || engine == "llama-bench" ? "" : "; name the engine that has"));
}

// ---------------------------------------------------------------- from text

SpeedMeasurement FromAnswer(const Answer& answer, const char* engine, const char* source) {
  SpeedMeasurement measured = Measured({{answer}}, {});
  measured.engine = engine;
  measured.source = source;
  // One answer, whose length nobody stated: below this it times mostly its own beginning.
  constexpr std::uint32_t kFewestTokens = 16;
  if (measured.generated_tokens.value_or(0) < kFewestTokens) {
    measured.not_comparable.push_back(
        absl::StrCat("the answer has only ", measured.generated_tokens.value_or(0), " tokens"));
  }
  return measured;
}

absl::StatusOr<SpeedMeasurement> OneFromText(const std::string& engine, std::string_view text) {
  if (engine == "mlx-lm") return ParseMlx(text);
  if (engine == "vllm") return ParseVllmBench(text);
  absl::StatusOr<Answer> answer = absl::InvalidArgumentError(
      "--from FILE needs --engine llama-bench, mlx-lm, vllm, ollama, lm-studio, exo, llama-server "
      "or openai, which say what the file is");
  if (engine == "ollama") answer = ParseOllamaAnswer(text);
  if (engine == "lm-studio") answer = ParseLmStudioAnswer(text);
  if (engine == "exo") answer = ParseExoBench(text);
  if (engine == "llama-server" || engine == "openai") answer = ParseChatAnswer(text);
  if (!answer.ok()) return answer.status();
  if (engine == "ollama") return FromAnswer(*answer, "ollama", "ollama");
  if (engine == "lm-studio") return FromAnswer(*answer, "lm-studio", "lm-studio");
  if (engine == "exo") return FromAnswer(*answer, "exo", "exo-bench");
  SpeedMeasurement measured =
      FromAnswer(*answer, engine == "openai" ? "other" : "llama.cpp", "openai");
  if (!measured.decode) {
    return absl::InvalidArgumentError(
        "timings is missing: without them an answer that is over tells no speed");
  }
  return measured;
}

}  // namespace

std::vector<std::string> EngineNames() {
  return {"auto",      "llama-bench", "llama-server", "openai", "ollama",
          "lm-studio", "vllm",        "exo",          "mlx-lm"};
}

absl::StatusOr<Outcome> MeasureEngine(host::Host& machine, const Request& request,
                                      const Progress& progress) {
  Outcome outcome;
  absl::Status done = InVain(request);
  if (!done.ok()) return done;
  if (request.passive && Servers().count(request.engine) == 0) {
    done = absl::InvalidArgumentError("--passive needs --engine vllm or --engine llama-server");
  } else if (request.engine == "mlx-lm") {
    done = absl::InvalidArgumentError(
        "--engine mlx-lm needs --from FILE: what mlx_lm.generate or mlx_lm.benchmark printed");
  } else if (request.engine == "llama-bench") {
    done = MeasureLlamaBench(machine, request, progress, outcome);
  } else if (Servers().count(request.engine) > 0) {
    done = MeasureStated(request, progress, outcome);
  } else {
    done = MeasureFound(machine, request, progress, outcome);
  }
  if (!done.ok()) return done;
  const std::int64_t now = NowUnixMs();
  for (SpeedMeasurement& one : outcome.measured) Complete(request, now, one);
  return outcome;
}

absl::StatusOr<std::vector<SpeedMeasurement>> MeasurementsFromText(const Request& request,
                                                                   std::string_view text,
                                                                   std::int64_t taken_at_unix_ms) {
  std::vector<SpeedMeasurement> measured;
  if (request.engine == "llama-bench") {
    auto rows = ParseLlamaBench(text);
    if (!rows.ok()) return rows.status();
    measured = *std::move(rows);
  } else {
    auto one = OneFromText(request.engine, text);
    if (!one.ok()) return one.status();
    measured.push_back(*std::move(one));
  }
  for (SpeedMeasurement& one : measured) {
    if (!request.model.empty()) one.model_name = request.model;
    if (one.model_name.empty()) {
      return absl::InvalidArgumentError(
          "which model it ran is not in the text; --model NAME says it");
    }
    Complete(request, taken_at_unix_ms, one);
  }
  return measured;
}

}  // namespace capacity::engine
