#include "node-agent/engine/engine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
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
#include "node-agent/probe/probe.h"

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

// Repeats further apart than this tell of something else that ran meanwhile.
void JudgeSpread(SpeedMeasurement& measured) {
  constexpr double kFurthestApart = 1.5;
  constexpr std::uint32_t kFewestRepeats = 3;
  if (measured.passive || measured.repeats < kFewestRepeats) return;
  const auto judge = [&measured](const std::optional<agent::Rate>& rate, const char* what) {
    if (!rate || rate->high <= kFurthestApart * rate->low) return;
    measured.not_comparable.push_back(absl::StrCat("the repeats differ too much (", what, " from ",
                                                   std::round(rate->low * 10) / 10, " to ",
                                                   std::round(rate->high * 10) / 10, ")"));
  };
  judge(measured.decode, "decode");
  judge(measured.prefill, "prefill");
}

void Complete(const Request& request, std::int64_t now, SpeedMeasurement& measured) {
  JudgeSpread(measured);
  if (!request.peers.empty()) measured.peers = request.peers;
  if (!request.strategy.empty()) measured.strategy = request.strategy;
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
                                       {"mlx-lm", {Kind::kMlxLm, 8080}},
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

// What this machine has beside its processor; "" when it has nothing.
std::string AcceleratorOf(host::Host& machine) {
  const agent::Report report = probe::TakeReport(machine, {});
  if (!report.accelerators.empty()) return report.accelerators.front().name;
  return report.machine.kind == agent::Machine::Kind::kMac ? report.processor.name : "";
}

// An engine without an accelerator is as fast as the machine only where the machine has none.
void JudgeProcessorOnly(host::Host& machine, Measurements& measurements) {
  if (!measurements.processor_only || measurements.measured.empty()) return;
  const std::string accelerator = AcceleratorOf(machine);
  if (accelerator.empty()) return;
  for (SpeedMeasurement& one : measurements.measured) {
    one.not_comparable.push_back(
        absl::StrCat("it ran on the processor alone, without the ", accelerator));
  }
}

void Take(host::Host& machine, Measurements measurements, const std::string& where,
          Outcome& outcome) {
  JudgeProcessorOnly(machine, measurements);
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
  if (!server.no_list.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("which models it has is not known (",
                                                   server.no_list,
                                                   "); --model NAME says which to measure"));
  }
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
    server = Server{.kind = stated,
                    .root = endpoint.url,
                    .chat_base = endpoint.url + "/v1",
                    .no_list = std::string(server.status().message())};
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

absl::Status MeasureAt(host::Host& machine, const Request& request, const Endpoint& endpoint,
                       const Server& server, const Progress& progress, Outcome& outcome) {
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
  Take(machine, MeasureServer(endpoint, server, LoadOf(request, *model), progress), "", outcome);
  return absl::OkStatus();
}

absl::StatusOr<std::string> UrlOf(const Request& request) {
  const Usual usual = Servers().at(request.engine);
  if (request.url.empty() && usual.port == 0) {
    return absl::InvalidArgumentError("--engine openai needs --url, http://127.0.0.1:8080/v1 say");
  }
  return CheckedUrl(request.url.empty() ? absl::StrCat("http://127.0.0.1:", usual.port)
                                        : request.url);
}

absl::Status MeasureStated(host::Host& machine, const Request& request, const Progress& progress,
                           Outcome& outcome) {
  const absl::StatusOr<std::string> url = UrlOf(request);
  if (!url.ok()) return url.status();
  const Endpoint endpoint = {.url = RootOf(*url), .key = request.key, .stop = request.stop};
  const absl::StatusOr<Server> server = StatedServer(request, endpoint, *url);
  if (!server.ok()) {
    outcome.failed.emplace_back(server.status().message());
    return absl::OkStatus();
  }
  const bool elsewhere = IsElsewhere(endpoint);
  const absl::Status done = MeasureAt(machine, request, endpoint, *server, progress, outcome);
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
  const LlamaBenchRun run = {.program = request.llama_bench,
                             .model_file = request.model,
                             .rpc = request.rpc,
                             .depths = request.depths,
                             .prompt_tokens = request.prompt_tokens,
                             .generate = request.generate,
                             .repeats = request.repeats};
  Measurements measurements = RunLlamaBench(machine, run, request.stop, progress);
  if (absl::IsNotFound(measurements.ended)) return measurements.ended;
  Take(machine, std::move(measurements), "", outcome);
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
    Take(machine, MeasureServer(endpoint, server, LoadOf(one, *model), progress), At(server),
         outcome);
  }
  return absl::OkStatus();
}

// mlx_lm is a server too, where it is said where that is.
bool IsServer(const Request& request) {
  return Servers().count(request.engine) > 0 &&
         (request.engine != "mlx-lm" || !request.url.empty());
}

// The last door: what a server said went through StruckFromAnswer before.
absl::Status Struck(const ApiKey& key, const absl::Status& status) {
  return {status.code(), key.StruckFrom({status.message().data(), status.message().size()})};
}

// What is said in vain, where it would be passed over in silence.
absl::Status InVain(const Request& request) {
  const std::string& engine = request.engine;
  const bool runs_llama_bench = engine == "llama-bench" || engine == "auto";
  const bool is_server = IsServer(request);
  const char* option = nullptr;
  if (!is_server && !request.url.empty()) option = "--url";
  if (!is_server && !request.key.empty()) option = "an API key";
  if (!is_server && engine != "auto" && request.streams != Request().streams) {
    option = "--concurrency";
  }
  if (!runs_llama_bench && request.depths != Request().depths) option = "--depth";
  if (!runs_llama_bench && !request.rpc.empty()) option = "--rpc";
  if (engine == "auto" && !request.peers.empty()) option = "--peers";
  if (engine == "auto" && !request.strategy.empty()) option = "--strategy";
  if (request.strategy == "single" && !request.peers.empty()) {
    return absl::InvalidArgumentError("--strategy single: --peers says that others took part");
  }
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

using Speeds = std::vector<SpeedMeasurement>;

absl::StatusOr<Speeds> OneAnswer(const absl::StatusOr<Answer>& answer, const char* engine,
                                 const char* source) {
  if (!answer.ok()) return answer.status();
  SpeedMeasurement measured = FromAnswer(*answer, engine, source);
  if (!measured.decode) {
    return absl::InvalidArgumentError(
        "timings is missing: without them an answer that is over tells no speed");
  }
  return Speeds{std::move(measured)};
}

absl::StatusOr<Speeds> FromText(const std::string& engine, std::string_view text) {
  if (engine == "llama-bench") return ParseLlamaBench(text);
  if (engine == "mlx-lm") return ParseMlx(text);
  if (engine == "ollama") return OneAnswer(ParseOllamaAnswer(text), "ollama", "ollama");
  if (engine == "lm-studio") return OneAnswer(ParseLmStudioAnswer(text), "lm-studio", "lm-studio");
  if (engine == "exo") return OneAnswer(ParseExoBench(text), "exo", "exo-bench");
  if (engine == "llama-server") return OneAnswer(ParseChatAnswer(text), "llama.cpp", "openai");
  if (engine == "openai") return OneAnswer(ParseChatAnswer(text), "other", "openai");
  const absl::StatusOr<SpeedMeasurement> one = ParseVllmBench(text);
  if (!one.ok()) return one.status();
  return Speeds{*one};
}

// The first reader that understands it: what each needs no other has.
absl::StatusOr<Speeds> FromAnyText(std::string_view text) {
  for (const char* engine :
       {"llama-bench", "vllm", "ollama", "lm-studio", "exo", "llama-server", "mlx-lm"}) {
    absl::StatusOr<Speeds> read = FromText(engine, text);
    if (read.ok()) return read;
  }
  return absl::InvalidArgumentError(
      "this is nothing that an engine's tool prints, or it is damaged; --engine llama-bench, "
      "mlx-lm, vllm, ollama, lm-studio, exo, llama-server or openai says what is wrong with it");
}

// Without what some editors put before it.
absl::StatusOr<std::string_view> WithoutMark(std::string_view text) {
  if (text.substr(0, 2) == "\xFF\xFE" || text.substr(0, 2) == "\xFE\xFF") {
    return absl::InvalidArgumentError(
        "the file is in UTF-16, as PowerShell's > writes it; UTF-8 is understood");
  }
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  return text;
}

}  // namespace

std::vector<std::string> EngineNames() {
  return {"auto",      "llama-bench", "llama-server", "openai", "ollama",
          "lm-studio", "vllm",        "exo",          "mlx-lm"};
}

absl::Status CheckRequest(const Request& request) {
  if (const absl::Status vain = InVain(request); !vain.ok()) return vain;
  if (request.passive && !IsServer(request)) {
    return absl::InvalidArgumentError("--passive needs --engine vllm or --engine llama-server");
  }
  if (request.engine == "mlx-lm" && request.url.empty()) {
    return absl::InvalidArgumentError(
        "--engine mlx-lm needs --from FILE: what mlx_lm.generate or mlx_lm.benchmark printed; or "
        "--url of an mlx_lm.server");
  }
  if (request.engine == "llama-bench" && request.model.empty()) {
    return absl::InvalidArgumentError("--engine llama-bench needs --model FILE.gguf");
  }
  if (!IsServer(request)) return absl::OkStatus();
  const absl::StatusOr<std::string> url = UrlOf(request);
  if (!url.ok()) return url.status();
  return MayCarryKey(RootOf(*url), request.key);
}

absl::StatusOr<Outcome> MeasureEngine(host::Host& machine, const Request& request,
                                      const Progress& progress) {
  Outcome outcome;
  absl::Status done = CheckRequest(request);
  if (!done.ok()) return done;
  if (request.engine == "llama-bench") {
    done = MeasureLlamaBench(machine, request, progress, outcome);
  } else if (IsServer(request)) {
    done = MeasureStated(machine, request, progress, outcome);
  } else {
    done = MeasureFound(machine, request, progress, outcome);
  }
  if (!done.ok()) return Struck(request.key, done);
  const std::int64_t now = NowUnixMs();
  for (SpeedMeasurement& one : outcome.measured) Complete(request, now, one);
  for (std::string& why : outcome.failed) why = request.key.StruckFrom(why);
  for (std::string& why : outcome.passed_over) why = request.key.StruckFrom(why);
  return outcome;
}

absl::StatusOr<std::vector<SpeedMeasurement>> MeasurementsFromText(const Request& request,
                                                                   std::string_view text,
                                                                   std::int64_t taken_at_unix_ms) {
  const absl::StatusOr<std::string_view> plain = WithoutMark(text);
  if (!plain.ok()) return plain.status();
  absl::StatusOr<Speeds> read =
      request.engine == "auto" ? FromAnyText(*plain) : FromText(request.engine, *plain);
  if (!read.ok()) return read.status();
  std::vector<SpeedMeasurement> measured = *std::move(read);
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
